//! Where the code of one revision mentions what a change takes away: a snapshot and targets in, graded references out.

mod block;
mod grade;
pub mod language;
mod place;
mod plan;
pub mod scan;
mod spell;
mod sql;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::Serialize;

use crate::change::{EntryKind, Snapshot, Text};
use crate::error::ChangeError;
use language::LANGUAGES;
use place::FileClass;
use plan::Plan;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    Table,
    Column,
    EnumValue,
    View,
    Routine,
    Flag,
}

/// Which code a change breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interest {
    /// Dropped, renamed or retyped: any reference.
    AnyReference,
    /// Newly required: only writers that leave the column out.
    WritersOmitting,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Target {
    /// The caller's number; references carry it.
    pub id: usize,
    pub kind: TargetKind,
    /// The bare table of a column, the type of an enum value.
    pub table: Option<String>,
    pub name: String,
    pub interest: Interest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// The bare word.
    Possible,
    /// The word as a member, near the table or its model.
    Likely,
    /// The table or its model and the name meet in one statement or class.
    Certain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    Read,
    Write,
    ReadWrite,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    Code,
    Sql,
    /// The tool that wrote it.
    GeneratedSchema(&'static str),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reference {
    pub target: usize,
    pub grade: Grade,
    pub access: Access,
    pub source_kind: SourceKind,
    pub path: String,
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// The line, trimmed and cut at 200 characters.
    pub text: String,
    /// What joins the name to its table: `in User, which maps to users`.
    pub why: String,
}

/// How much was looked at, for the sentence "searched n files".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Searched {
    pub files: usize,
    pub bytes: u64,
    /// Files by language. Empty: there is no code to search.
    pub languages: BTreeMap<&'static str, usize>,
    /// Files left out, by reason.
    pub skipped: BTreeMap<&'static str, usize>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub certain: usize,
    pub likely: usize,
    pub possible: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Strongest first, at most `Options::cap` for each target.
    pub references: Vec<Reference>,
    /// All references of each target, by its id; also those over the cap.
    pub counts: BTreeMap<usize, Counts>,
    pub searched: Searched,
}

#[derive(Debug, Clone)]
pub struct Options {
    /// Files that are not running code although they look like it.
    pub exclude: GlobSet,
    /// Directories of migrations, from the root.
    pub migration_roots: Vec<String>,
    /// References kept for each target.
    pub cap: usize,
}

impl Options {
    /// Fails on a glob that cannot be read.
    pub fn new(exclude: &[String], migration_roots: &[String]) -> Result<Options, globset::Error> {
        let mut globs = GlobSetBuilder::new();
        for glob in exclude {
            globs.add(Glob::new(glob)?);
        }
        Ok(Options { exclude: globs.build()?, migration_roots: migration_roots.to_vec(), cap: 50 })
    }
}

struct Job {
    path: String,
    text: Arc<str>,
    language: usize,
    class: FileClass,
}

/// Texts waiting for a free thread; bounds the memory.
const QUEUE: usize = 16;

/// Searches every file of a tree for every target in one pass. Fails when a file cannot be read.
pub fn search(tree: &Snapshot, targets: &[Target], options: &Options) -> Result<Usage, ChangeError> {
    let plan = Plan::new(targets)
        .map_err(|error| ChangeError::new(format!("cannot search for {} names: {error}", targets.len()), "check a smaller change"))?;
    let usage = Mutex::new(Usage::default());
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8));
    let (sender, receiver) = mpsc::sync_channel::<Job>(QUEUE);
    let receiver = Mutex::new(receiver);
    let searched = std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = job else { return };
                    let found = grade::references(&plan, targets, &job.path, &job.text, job.language, job.class);
                    if !found.is_empty() {
                        add(&mut usage.lock().unwrap_or_else(PoisonError::into_inner), found, options.cap);
                    }
                }
            });
        }
        let result = feed(tree, options, &sender);
        drop(sender);
        result
    })?;
    let mut usage = usage.into_inner().unwrap_or_else(PoisonError::into_inner);
    usage.searched = searched;
    keep_strongest(&mut usage, options.cap);
    Ok(usage)
}

/// Reads what may be running code and hands it on.
fn feed(tree: &Snapshot, options: &Options, sender: &mpsc::SyncSender<Job>) -> Result<Searched, ChangeError> {
    let mut searched = Searched::default();
    for entry in &tree.entries {
        if !matches!(entry.kind, EntryKind::File | EntryKind::Executable) {
            continue;
        }
        let mut skip = |reason| *searched.skipped.entry(reason).or_insert(0) += 1;
        let Some(language) = language::language_of(&entry.path) else {
            skip("not code");
            continue;
        };
        if options.exclude.is_match(&entry.path) {
            skip("excluded by the policy");
            continue;
        }
        let mut class = place::class_of_path(&entry.path, &options.migration_roots);
        if let FileClass::NotRunning(reason) = class {
            skip(reason);
            continue;
        }
        let text = match tree.read(entry)? {
            Text::Utf8(text) => text,
            Text::TooLarge { .. } => {
                skip("too large");
                continue;
            }
            _ => {
                skip("not UTF-8 text");
                continue;
            }
        };
        if class == FileClass::Code {
            class = place::class_of_head(&entry.path, &text);
        }
        if let FileClass::NotRunning(reason) = class {
            skip(reason);
            continue;
        }
        searched.files += 1;
        searched.bytes += text.len() as u64;
        *searched.languages.entry(LANGUAGES[language].name).or_insert(0) += 1;
        if sender.send(Job { path: entry.path.clone(), text, language, class }).is_err() {
            break;
        }
    }
    Ok(searched)
}

fn add(usage: &mut Usage, found: Vec<Reference>, cap: usize) {
    for reference in &found {
        let counts = usage.counts.entry(reference.target).or_default();
        match reference.grade {
            Grade::Certain => counts.certain += 1,
            Grade::Likely => counts.likely += 1,
            Grade::Possible => counts.possible += 1,
        }
    }
    usage.references.extend(found);
    let targets = usage.counts.len().max(1);
    if usage.references.len() > 4 * cap * targets {
        keep_strongest(usage, cap);
    }
}

/// Sorts by strength and place, so the outcome does not depend on which thread was first.
fn keep_strongest(usage: &mut Usage, cap: usize) {
    usage.references.sort_by(|a, b| {
        b.grade.cmp(&a.grade).then_with(|| (&a.path, a.line, a.column, a.target).cmp(&(&b.path, b.line, b.column, b.target)))
    });
    let mut kept: BTreeMap<usize, usize> = BTreeMap::new();
    usage.references.retain(|reference| {
        let count = kept.entry(reference.target).or_insert(0);
        *count += 1;
        *count <= cap
    });
}
