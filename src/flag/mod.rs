//! The flags of a change: definitions at base and at head, what became of each, and fallbacks that changed code passes.

pub mod compare;
pub mod reference;
pub mod sdk;
pub mod switch;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::change::{ChangeSet, Entry, FileStatus, Revision, Snapshot};
use crate::error::ChangeError;
use crate::read::flag::{Flag, FlagFile, claims, read_flags};
use crate::read::{self, Unread};
use crate::settings::{POLICY_FILE, Settings};
use crate::source::{Side, SourceMap};
use crate::verdict::gates::ships;
use compare::FlagChange;
use reference::Reference;
use sdk::Fallback;
use switch::Switch;

/// Everything about flags that rules look at.
#[derive(Debug, Default, Serialize)]
pub struct FlagFacts {
    pub changes: Vec<FlagChange>,
    /// Flags at head in the files that changed.
    pub head: Vec<Flag>,
    /// Calls on changed lines that pass a literal fallback.
    pub fallbacks: Vec<Fallback>,
    /// Changed lines that turn a flag on for everyone when they run.
    pub switches: Vec<Switch>,
    /// Where head still names flags that were removed.
    pub references: Vec<Reference>,
    /// Changed paths that ship beside the flags, sorted; a flip beside them is not a change of its own.
    pub shipped: Vec<String>,
    /// Flag files of the change.
    pub files: usize,
    pub unread: Vec<Unread>,
}

/// The day schedules are judged by, `YYYY-MM-DD`: the given moment's, else the head commit's, else today.
fn judged_day(change: &ChangeSet, settings: &Settings) -> String {
    let committed = match &change.head {
        Revision::Commit { committed, .. } => jiff::Timestamp::from_second(*committed).ok(),
        _ => None,
    };
    let moment = settings.at.or(committed);
    moment.map_or_else(|| settings.today.clone(), |at| jiff::tz::TimeZone::UTC.to_datetime(at).date().to_string())
}

/// Reads and compares the flags of a change.
pub fn inspect(change: &ChangeSet, sources: &mut SourceMap, settings: &Settings) -> Result<FlagFacts, ChangeError> {
    let mut facts = FlagFacts::default();
    let day = judged_day(change, settings);
    let (mut base, mut head) = (Vec::new(), Vec::new());
    let mut paths = BTreeSet::new();
    for file in &change.files {
        let old_path = file.old_path.as_deref().unwrap_or(&file.path);
        let old = if file.status == FileStatus::Added { None } else { change.base_tree.entry(old_path) };
        let new = if file.status == FileStatus::Deleted { None } else { change.head_tree.entry(&file.path) };
        let before = side(&change.base_tree, old, Side::Base, sources, settings, &day)?;
        let after = side(&change.head_tree, new, Side::Head, sources, settings, &day)?;
        if before.is_none() && after.is_none() {
            continue;
        }
        paths.insert(file.path.as_str());
        if let (Some(before), None, Some(entry)) = (&before, &after, new) {
            facts.unread.extend(lost(before, &change.head_tree, entry)?);
        }
        base.extend(before.map(|file| file.flags).unwrap_or_default());
        if let Some(after) = after {
            head.extend(after.flags);
            facts.unread.extend(after.unread);
        }
    }
    facts.files = paths.len();
    let beside = |path: &str| !paths.contains(path) && ships(path) && path != POLICY_FILE;
    facts.shipped = change.files.iter().map(|file| file.path.clone()).filter(|path| beside(path)).collect();
    let siblings = if head.is_empty() { Vec::new() } else { siblings(change, &paths, sources, settings, &day)? };
    facts.changes = compare::compare(&base, &head, &siblings);
    facts.head = head;
    facts.fallbacks = sdk::changed_fallbacks(change, sources)?;
    facts.switches = switch::changed_switches(change, sources)?;
    let gone: Vec<&str> = facts.changes.iter().filter_map(FlagChange::removed).map(|flag| flag.key.as_str()).collect();
    facts.references = reference::search(&change.head_tree, &gone, &paths, sources)?;
    Ok(facts)
}

fn side(
    tree: &Snapshot,
    entry: Option<&Entry>,
    side: Side,
    sources: &mut SourceMap,
    settings: &Settings,
    day: &str,
) -> Result<Option<FlagFile>, ChangeError> {
    let Some(entry) = entry.filter(|entry| has_known_ending(&entry.path)) else { return Ok(None) };
    let declared = &settings.policy.flags;
    let text = match read::text(tree, entry)? {
        Ok(text) => text,
        // Its content cannot say whether it holds flags, so its name has to.
        Err(unread) => {
            let lower = entry.path.to_ascii_lowercase();
            let named = ["flag", "feature", "toggle"].iter().any(|word| lower.contains(word));
            let wanted = side == Side::Head && (named || declared.iter().any(|source| source.matches(&entry.path)));
            return Ok(wanted.then(|| FlagFile { unread: vec![unread], ..FlagFile::default() }));
        }
    };
    if !claims(&entry.path, &text) && !declared.iter().any(|source| source.matches(&entry.path)) {
        return Ok(None);
    }
    let id = sources.add(entry.path.clone(), side, text.clone());
    let file = read_flags(&entry.path, &text, id, declared, day);
    Ok(Some(file).filter(|file| !file.flags.is_empty() || !file.unread.is_empty()))
}

/// A file that held flags, holds none that can be read any more, and still names one of them before a colon.
fn lost(before: &FlagFile, tree: &Snapshot, entry: &Entry) -> Result<Option<Unread>, ChangeError> {
    let Ok(text) = read::text(tree, entry)? else { return Ok(None) };
    let is_key = |key: &str| {
        text.match_indices(key).any(|(at, _)| {
            let apart = !text[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
            apart && text[at + key.len()..].trim_start_matches(['"', '\'', '`', ']']).trim_start().starts_with(':')
        })
    };
    let names = before.flags.iter().map(|flag| flag.key.rsplit('.').next().unwrap_or(&flag.key));
    Ok(names.filter(|key| !key.is_empty()).find(|key| is_key(key)).map(|key| Unread {
        path: entry.path.clone(),
        place: None,
        reason: format!("it held the flag {key} and still names it, but what it serves cannot be told any more"),
    }))
}

fn has_known_ending(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    [".json", ".jsonc", ".yaml", ".yml", ".tf", ".toml"].iter().any(|ending| lower.ends_with(ending)) || read::flag::is_code(&lower)
}

/// Flags at base in files of the same name or directory that the change does not touch: a flag that is there is not new.
fn siblings(
    change: &ChangeSet,
    changed: &BTreeSet<&str>,
    sources: &mut SourceMap,
    settings: &Settings,
    day: &str,
) -> Result<Vec<Flag>, ChangeError> {
    let split =
        |path: &str| path.rsplit_once('/').map_or((String::new(), path.to_owned()), |(dir, name)| (dir.to_owned(), name.to_owned()));
    let (directories, names): (BTreeSet<String>, BTreeSet<String>) = changed.iter().map(|path| split(path)).unzip();
    let mut flags = Vec::new();
    for entry in change.base_tree.entries.iter().filter(|entry| !changed.contains(entry.path.as_str())) {
        let (directory, name) = split(&entry.path);
        if !directories.contains(&directory) && !names.contains(&name) {
            continue;
        }
        flags.extend(side(&change.base_tree, Some(entry), Side::Base, sources, settings, day)?.map(|file| file.flags).unwrap_or_default());
    }
    Ok(flags)
}

const CODE: [&str; 27] = [
    "go", "rs", "py", "rb", "js", "jsx", "ts", "tsx", "mjs", "cjs", "java", "kt", "kts", "scala", "cs", "php", "swift", "c", "h", "cc",
    "cpp", "ex", "exs", "vue", "svelte", "dart", "sql",
];

/// Running code, by its ending and not in a directory of tests.
pub fn is_code(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let test = path.split('/').any(|part| matches!(part, "test" | "tests" | "spec" | "__tests__" | "testdata"))
        || [".test.", ".spec.", "_test."].iter().any(|mark| name.contains(mark));
    !test && name.rsplit_once('.').is_some_and(|(_, ending)| CODE.contains(&ending))
}
