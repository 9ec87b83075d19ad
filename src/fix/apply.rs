//! A fix's edits in, the texts of the files they change out. Nothing is written here.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::change::{Blob, ChangeSet, ChangedFile, Entry, EntryKind, FileStatus};
use crate::detect::Inspection;
use crate::finding::{Edit, Fix};
use crate::source::{Place, Side};

/// New texts by path.
pub type Overlay = BTreeMap<String, String>;

/// The texts after the edits. Errors say why they cannot be made: they overlap, or are not about head.
pub fn edit(inspection: &Inspection, fix: &Fix) -> Result<Overlay, String> {
    let mut overlay = Overlay::new();
    let mut replacements: BTreeMap<&str, Vec<(Place, &str)>> = BTreeMap::new();
    for edit in &fix.edits {
        match edit {
            Edit::Create { path, text } => {
                if inspection.change.head_tree.contains(path) || overlay.insert(path.clone(), text.clone()).is_some() {
                    return Err(format!("{path} is there already"));
                }
            }
            Edit::Replace { place, with } => {
                let source = inspection.sources.get(place.file);
                if source.side != Side::Head || !inspection.change.head_tree.contains(&source.path) {
                    return Err(format!("{} is not a file of head", source.path));
                }
                replacements.entry(source.path.as_str()).or_default().push((*place, with));
            }
        }
    }
    for (path, mut all) in replacements {
        all.sort_by_key(|(place, _)| (place.span.start, place.span.end));
        if all.windows(2).any(|pair| pair[0].0.span.end > pair[1].0.span.start) {
            return Err(format!("its edits of {path} overlap"));
        }
        let mut text = inspection.sources.text(all[0].0.file).to_owned();
        for (place, with) in all.iter().rev() {
            if text.get(place.span.start..place.span.end).is_none() {
                return Err(format!("its edit of {path} lies outside of the text"));
            }
            text.replace_range(place.span.start..place.span.end, with);
        }
        overlay.insert(path.to_owned(), text);
    }
    Ok(overlay)
}

/// The same change with other texts at head.
pub fn with(change: &ChangeSet, overlay: &Overlay) -> ChangeSet {
    let mut changed = ChangeSet {
        base: change.base.clone(),
        head: change.head.clone(),
        origin: change.origin.clone(),
        base_tree: change.base_tree.clone(),
        head_tree: change.head_tree.clone(),
        files: change.files.clone(),
        commits: change.commits.clone(),
        notices: change.notices.clone(),
    };
    for (path, text) in overlay {
        let entries = &mut changed.head_tree.entries;
        let blob = Blob::Memory(Arc::from(text.as_bytes()));
        match entries.binary_search_by(|entry| entry.path.as_str().cmp(path)) {
            Ok(at) => entries[at].blob = blob,
            Err(at) => entries.insert(at, Entry { path: path.clone(), kind: EntryKind::File, blob }),
        }
        let status = if change.base_tree.contains(path) { FileStatus::Modified } else { FileStatus::Added };
        if changed.file(path).is_none() {
            changed.files.push(ChangedFile { path: path.clone(), old_path: None, status });
        }
    }
    changed.files.sort_by(|a, b| a.path.cmp(&b.path));
    changed
}
