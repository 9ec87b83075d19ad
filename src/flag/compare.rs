//! Flags at base and at head in, what became of each out. Resolved flags are compared, not lines.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::read::flag::Flag;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "change")]
pub enum FlagChange {
    /// In no flag file of this kind at base. `bulk` when its file is new and the new files together bring many.
    Added {
        flag: Flag,
        bulk: bool,
    },
    /// New here, but base has it in another environment.
    Promoted {
        flag: Flag,
    },
    /// In both, or renamed with its definition otherwise unchanged.
    Kept {
        before: Box<Flag>,
        after: Box<Flag>,
    },
    Removed {
        flag: Flag,
    },
}

impl FlagChange {
    pub fn added(&self) -> Option<&Flag> {
        match self {
            FlagChange::Added { flag, .. } => Some(flag),
            _ => None,
        }
    }

    pub fn removed(&self) -> Option<&Flag> {
        match self {
            FlagChange::Removed { flag } => Some(flag),
            _ => None,
        }
    }

    /// The flag at head.
    pub fn after(&self) -> Option<&Flag> {
        match self {
            FlagChange::Added { flag, .. } | FlagChange::Promoted { flag } => Some(flag),
            FlagChange::Kept { after, .. } => Some(after),
            FlagChange::Removed { .. } => None,
        }
    }
}

/// New files with at least this many flags, together, are an import.
const BULK: usize = 10;

type Id<'f> = (crate::read::flag::Format, &'f str, &'f str);

fn id(flag: &Flag) -> Id<'_> {
    (flag.format, flag.environment.as_str(), flag.key.as_str())
}

/// Compares the flags of changed files; `siblings` are flags at base in files that did not change.
pub fn compare(base: &[Flag], head: &[Flag], siblings: &[Flag]) -> Vec<FlagChange> {
    let before: HashMap<Id, &Flag> = base.iter().map(|flag| (id(flag), flag)).collect();
    let now: HashSet<Id> = head.iter().map(id).collect();
    let elsewhere: HashSet<_> = base.iter().chain(siblings).map(|flag| (flag.format, flag.key.as_str())).collect();
    let here: HashSet<Id> = siblings.iter().map(id).collect();
    let mut gone: Vec<&Flag> = base.iter().filter(|flag| !now.contains(&id(flag)) && !here.contains(&id(flag))).collect();
    let mut by_body: HashMap<(&str, &str), Vec<&Flag>> = HashMap::new();
    for flag in gone.iter().filter(|flag| !flag.body.is_empty()) {
        by_body.entry((flag.environment.as_str(), flag.body.as_str())).or_default().push(flag);
    }
    let mut renamed: HashSet<Id> = HashSet::new();
    // A file brings an import when nothing of it was known before.
    let known: HashSet<_> = head.iter().filter(|flag| before.contains_key(&id(flag))).map(|flag| flag.place.file).collect();
    let import = head.iter().filter(|flag| !known.contains(&flag.place.file)).count() >= BULK;
    let mut changes = Vec::new();
    for flag in head {
        if let Some(old) = before.get(&id(flag)) {
            changes.push(FlagChange::Kept { before: Box::new(Flag::clone(old)), after: Box::new(Flag::clone(flag)) });
        } else if elsewhere.contains(&(flag.format, flag.key.as_str())) {
            changes.push(FlagChange::Promoted { flag: flag.clone() });
        } else if let Some(old) = by_body.get_mut(&(flag.environment.as_str(), flag.body.as_str())).and_then(Vec::pop) {
            renamed.insert(id(old));
            changes.push(FlagChange::Kept { before: Box::new(Flag::clone(old)), after: Box::new(Flag::clone(flag)) });
        } else {
            let bulk = import && !known.contains(&flag.place.file);
            changes.push(FlagChange::Added { flag: flag.clone(), bulk });
        }
    }
    gone.retain(|flag| !renamed.contains(&id(flag)));
    changes.extend(gone.into_iter().map(|flag| FlagChange::Removed { flag: flag.clone() }));
    changes
}
