//! The trees of a change in, the manifests of both revisions, parsed and read, out. A file that both share is parsed once.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use globset::GlobSet;

use crate::change::{ChangeSet, Entry, Snapshot};
use crate::error::ChangeError;
use crate::read::rollout::{Atlas, File, Manifests, Options, Unreadable, read, sniff};
use crate::settings::Settings;
use crate::source::{Side, SourceMap};

pub struct Both {
    /// The same as head when the change touches no manifest.
    pub base: Manifests,
    pub head: Manifests,
    /// Paths of manifests that the change adds or edits, at head.
    pub touched: BTreeSet<String>,
    /// Rendered manifests were given, so templates are not the last word.
    pub rendered: bool,
    pub files: usize,
}

/// One revision's files.
#[derive(Default)]
struct Revision {
    files: Vec<Rc<File>>,
    unread: Vec<Unreadable>,
}

pub fn both(change: &ChangeSet, sources: &mut SourceMap, settings: &Settings) -> Result<Both, ChangeError> {
    let policy = &settings.policy.rollout;
    let globs: Vec<&str> = policy.ignore.iter().map(String::as_str).collect();
    let ignored = crate::read::rollback::glob_set(&globs).unwrap_or_default();
    let options = Options { business: policy.business_metrics.clone(), external_templates: policy.external_templates.clone() };
    let changed: BTreeSet<&str> =
        change.files.iter().flat_map(|file| [Some(file.path.as_str()), file.old_path.as_deref()]).flatten().collect();
    let mut atlas = Atlas::default();
    let mut head = revision(&change.head_tree, Side::Head, &ignored, None, sources, &mut atlas)?;
    let touched: BTreeSet<String> =
        head.files.iter().map(|file| &file.path).filter(|path| changed.contains(path.as_str())).cloned().collect();
    let rendered = !settings.manifests.is_empty();
    give(settings, &mut head, sources, &mut atlas);
    let at_head = read(&head.files, &charts(&change.head_tree), &atlas, &options);
    let edits = changed.iter().any(|path| sniff::may_be(path) || path.ends_with("Chart.yaml"));
    let mut at_base = Manifests::default();
    if edits {
        let known: BTreeMap<&str, &Rc<File>> =
            head.files.iter().filter(|file| !changed.contains(file.path.as_str())).map(|file| (file.path.as_str(), file)).collect();
        let shared = Shared { changed: &changed, files: &known };
        let base = revision(&change.base_tree, Side::Base, &ignored, Some(&shared), sources, &mut atlas)?;
        at_base = read(&base.files, &charts(&change.base_tree), &atlas, &options);
    }
    let mut at_head = at_head;
    at_head.unread.extend(head.unread.into_iter().filter(|unread| changed.contains(unread.path.as_str())));
    let files = head.files.len();
    Ok(Both { base: if edits { at_base } else { at_head.clone() }, head: at_head, touched, rendered, files })
}

/// What base has in common with head.
struct Shared<'a> {
    changed: &'a BTreeSet<&'a str>,
    files: &'a BTreeMap<&'a str, &'a Rc<File>>,
}

fn revision(
    tree: &Snapshot,
    side: Side,
    ignored: &GlobSet,
    shared: Option<&Shared>,
    sources: &mut SourceMap,
    atlas: &mut Atlas,
) -> Result<Revision, ChangeError> {
    let mut revision = Revision::default();
    for entry in tree.entries.iter().filter(|entry| sniff::may_be(&entry.path) && !ignored.is_match(&entry.path)) {
        if let Some(shared) = shared.filter(|shared| !shared.changed.contains(entry.path.as_str())) {
            revision.files.extend(shared.files.get(entry.path.as_str()).map(|file| Rc::clone(file)));
            continue;
        }
        revision.read(tree, entry, side, sources, atlas)?;
    }
    Ok(revision)
}

impl Revision {
    fn read(&mut self, tree: &Snapshot, entry: &Entry, side: Side, sources: &mut SourceMap, atlas: &mut Atlas) -> Result<(), ChangeError> {
        match crate::read::text(tree, entry)? {
            Ok(text) => {
                if let Some(format) = sniff::format(&entry.path, &text) {
                    let id = sources.add(entry.path.clone(), side, text.clone());
                    self.files.push(atlas.add(&entry.path, &text, format, id));
                }
            }
            // Its content cannot say whether it is a manifest, so its name has to.
            Err(unread) => {
                let lower = entry.path.to_ascii_lowercase();
                if ["rollout", "canary", "analysis", "deploy"].iter().any(|word| lower.contains(word)) {
                    self.unread.push(Unreadable {
                        path: unread.path,
                        place: None,
                        reason: unread.reason,
                        template: false,
                        progressive: false,
                    });
                }
            }
        }
        Ok(())
    }
}

/// Adds the manifests given on the command line.
fn give(settings: &Settings, head: &mut Revision, sources: &mut SourceMap, atlas: &mut Atlas) {
    if settings.manifests.is_empty() {
        return;
    }
    // What was rendered stands for the templates it was rendered from.
    head.files.retain(|file| !file.template);
    for input in &settings.manifests {
        match &input.text {
            Ok(text) => {
                if let Some(format) = sniff::format(&input.path, text) {
                    let id = sources.add(input.path.clone(), Side::Head, text.clone());
                    head.files.push(atlas.add(&input.path, text, format, id));
                }
            }
            Err(reason) => {
                head.unread.push(Unreadable {
                    path: input.path.clone(),
                    place: None,
                    reason: reason.clone(),
                    template: false,
                    progressive: true,
                });
            }
        }
    }
}

/// Directories with a Helm chart.
fn charts(tree: &Snapshot) -> BTreeSet<String> {
    let directory = |entry: &Entry| entry.path.strip_suffix("/Chart.yaml").map(str::to_owned);
    tree.entries.iter().filter_map(directory).collect()
}
