//! Histories that a change moves to another directory or runner: the units of both revisions in, base's units where head has
//! them out. A migration is known again by its text: what has run does not become new by being called otherwise.

use std::collections::{HashMap, HashSet};

use crate::read::Unread;
use crate::read::migration::{Migration, Unit};
use crate::source::{FileId, SourceMap};

/// Puts the units that head does not have under the root that their migrations have now. What cannot be found again is handed
/// out where head has a history of its own that base does not know: nobody can tell then what of it has run.
pub(super) fn adopt(base: &mut Vec<Unit>, head: &[Unit], sources: &SourceMap) -> Vec<Unread> {
    let (mut kept, gone): (Vec<Unit>, Vec<Unit>) = base.drain(..).partition(|old| head.iter().any(|new| is_same(old, new)));
    let mut lost = Vec::new();
    for old in gone {
        let texts: HashMap<&str, FileId> = old.migrations.iter().map(|known| (sources.text(known.up.source), known.up.source)).collect();
        let moved = |new: &Unit| new.migrations.iter().filter(|migration| texts.contains_key(sources.text(migration.up.source))).count();
        match head.iter().map(|new| (moved(new), new)).max_by_key(|(count, _)| *count).filter(|(count, _)| *count > 0) {
            Some((_, new)) => move_to(old, new, &mut kept, sources),
            None => {
                let strange = head.iter().find(|new| !new.migrations.is_empty() && !kept.iter().any(|known| is_same(known, new)));
                lost.extend(strange.map(|new| unknown(&old, new)));
                kept.push(old);
            }
        }
    }
    *base = kept;
    base.sort_by(|a, b| a.root.cmp(&b.root).then(a.framework.cmp(&b.framework)));
    lost
}

fn is_same(old: &Unit, new: &Unit) -> bool {
    old.root == new.root && old.framework == new.framework
}

/// Applied migrations as head calls them, in its order; those that it does not have follow as they were.
fn move_to(old: Unit, new: &Unit, kept: &mut Vec<Unit>, sources: &SourceMap) {
    // Each applied migration is found once: a new one with the text of an old one is new.
    let mut by_text: HashMap<&str, Vec<&Migration>> = HashMap::new();
    for known in old.migrations.iter().rev() {
        by_text.entry(sources.text(known.up.source)).or_default().push(known);
    }
    let mut migrations: Vec<Migration> = Vec::new();
    for migration in &new.migrations {
        let Some(known) = by_text.get_mut(sources.text(migration.up.source)).and_then(Vec::pop) else { continue };
        let mut applied = migration.clone();
        applied.up.source = known.up.source;
        applied.down.clone_from(&known.down);
        migrations.push(applied);
    }
    let left: HashSet<*const Migration> = by_text.into_values().flatten().map(std::ptr::from_ref).collect();
    migrations.extend(old.migrations.iter().filter(|known| left.contains(&std::ptr::from_ref(*known))).cloned());
    match kept.iter_mut().find(|known| is_same(known, new)) {
        Some(unit) => {
            unit.migrations.extend(migrations);
            let place = |migration: &Migration| new.migrations.iter().position(|other| other.id == migration.id).unwrap_or(usize::MAX);
            unit.migrations.sort_by_key(place);
        }
        None => kept.push(Unit { root: new.root.clone(), framework: new.framework, migrations, moved_from: Some(old.root.clone()), ..old }),
    }
}

fn unknown(old: &Unit, new: &Unit) -> Unread {
    let reason = format!(
        "its migrations are gone, and those of {} are others: what the database has by now cannot be told; keep the history, or \
         name the directory that counts in {}",
        if new.root.is_empty() { "the root" } else { &new.root },
        crate::settings::POLICY_FILE
    );
    Unread { path: old.root.clone(), place: None, reason }
}
