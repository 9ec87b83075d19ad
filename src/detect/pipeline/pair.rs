//! The checks of both revisions in, which one at head is which one at base out: renamed and moved is not removed.

use std::collections::BTreeSet;

use super::deed::Deed;
use super::side::{Doing, Side};
use crate::change::{ChangeSet, FileStatus};

/// A check at base and what became of it.
pub struct Pair<'a> {
    pub base: Doing<'a>,
    pub fate: Became<'a>,
}

pub enum Became<'a> {
    /// It is still there, perhaps with other arguments, in another job or file.
    Still(Doing<'a>),
    /// Others of its job were replaced, so it may be in what replaced them.
    Merged,
    /// The same check runs in a file that the change leaves alone.
    Elsewhere,
    /// What it checked is gone too.
    Moot,
    Removed,
}

/// Whether a check at base and one at head are the same one.
type Same<'f> = dyn Fn(&Doing, &Doing) -> bool + 'f;

/// Old path → new path of what the change touches.
pub fn new_path<'a>(change: &'a ChangeSet, old: &'a str) -> &'a str {
    let renamed = change.files.iter().find(|file| file.old_path.as_deref() == Some(old));
    renamed.map_or(old, |file| file.path.as_str())
}

fn touched(change: &ChangeSet, path: &str) -> bool {
    change.files.iter().any(|file| file.path == path || file.old_path.as_deref() == Some(path))
}

/// Checks that count: in CI, or in a script that CI runs.
fn counts(side: &Side, doing: &Doing) -> bool {
    let is_check = matches!(doing.deed, Deed::Test | Deed::Check) && !doing.step.is_some_and(|step| step.afterwards);
    is_check && (!doing.pipeline.system.is_local() || side.is_called(doing.pipeline, doing.job))
}

/// Every check at base in a file that the change touches, with its fate.
pub fn pairs<'a>(change: &ChangeSet, base: &Side<'a>, head: &Side<'a>) -> Vec<Pair<'a>> {
    let old: Vec<&Doing> = base.doings.iter().filter(|doing| touched(change, &doing.pipeline.path) && counts(base, doing)).collect();
    let is_check = |doing: &&Doing| matches!(doing.deed, Deed::Test | Deed::Check) && !doing.step.is_some_and(|step| step.afterwards);
    let new: Vec<&Doing> = head.doings.iter().filter(|doing| touched(change, &doing.pipeline.path)).filter(is_check).collect();
    let same_job = |b: &Doing, h: &Doing| {
        new_path(change, &b.pipeline.path) == h.pipeline.path
            && (b.job.id.text == h.job.id.text || b.job.name.is_some() && b.job.name == h.job.name)
    };
    // A job of base that head does not have, and one of head that base does not have.
    let gone = |b: &Doing| {
        !head
            .pipelines
            .all
            .iter()
            .any(|pipeline| pipeline.path == new_path(change, &b.pipeline.path) && pipeline.job(&b.job.id.text).is_some())
    };
    let fresh = |h: &Doing| {
        !base
            .pipelines
            .all
            .iter()
            .any(|pipeline| new_path(change, &pipeline.path) == h.pipeline.path && pipeline.job(&h.job.id.text).is_some())
    };
    let passes: [&Same; 6] = [
        &|b, h| same_job(b, h) && b.identity() == h.identity(),
        &|b, h| b.identity() == h.identity() && !h.pipeline.system.is_local(),
        &|b, h| same_job(b, h) && b.tool() == h.tool() && b.deed == h.deed,
        &|b, h| same_job(b, h) && b.deed == h.deed,
        &|b, h| b.tool() == h.tool() && b.deed == h.deed && !h.tool().is_empty(),
        &|b, h| b.deed == h.deed && gone(b) && fresh(h),
    ];
    let mut mates: Vec<Option<(usize, usize)>> = vec![None; old.len()];
    let mut used: BTreeSet<usize> = BTreeSet::new();
    for (number, matches) in passes.iter().enumerate() {
        for (index, b) in old.iter().enumerate().filter(|(index, _)| mates[*index].is_none()).map(|(i, b)| (i, *b)).collect::<Vec<_>>() {
            if let Some(found) = (0..new.len()).find(|at| !used.contains(at) && matches(b, new[*at])) {
                used.insert(found);
                mates[index] = Some((found, number));
            }
        }
    }
    let mut all = Vec::new();
    for (index, b) in old.iter().enumerate() {
        let replaced = || {
            old.iter().zip(&mates).any(|(other, mate)| {
                other.deed == b.deed
                    && std::ptr::eq(other.job, b.job)
                    && mate.is_some_and(|(at, pass)| pass >= 2 && same_job(other, new[at]))
            })
        };
        let fate = match mates[index] {
            Some((found, _)) => Became::Still(*new[found]),
            None if runs_elsewhere(change, head, b) => Became::Elsewhere,
            None if is_moot(change, b) => Became::Moot,
            None if replaced() => Became::Merged,
            None => Became::Removed,
        };
        all.push(Pair { base: **b, fate });
    }
    all
}

/// The same check in a pipeline that was there before and is not touched.
fn runs_elsewhere(change: &ChangeSet, head: &Side, check: &Doing) -> bool {
    let identity = check.identity();
    head.doings
        .iter()
        .any(|doing| !touched(change, &doing.pipeline.path) && !doing.pipeline.system.is_local() && doing.identity() == identity)
}

/// The directory it ran in, or a path it names, is gone from the repository.
fn is_moot(change: &ChangeSet, check: &Doing) -> bool {
    let directory = check.step.and_then(|step| step.directory.clone());
    let words = check.command.iter().flat_map(|command| &command.words).map(|word| word.text.clone());
    let filters = check.pipeline.triggers.iter().flat_map(|trigger| &trigger.paths).map(|path| path.trim_end_matches("/**").to_owned());
    let own = [check.pipeline.path.clone()];
    directory.into_iter().chain(words).chain(filters).any(|path| {
        let path = path.trim_start_matches("./").trim_end_matches("/...").trim_end_matches('/').to_owned();
        let there = |tree: &crate::change::Snapshot| tree.contains(&path) || tree.under(&path).next().is_some();
        !path.is_empty() && path != "." && !own.contains(&path) && there(&change.base_tree) && !there(&change.head_tree)
    })
}

/// Whether the file of a pipeline is gone.
pub fn is_deleted(change: &ChangeSet, path: &str) -> bool {
    change.files.iter().any(|file| file.path == path && file.status == FileStatus::Deleted)
}
