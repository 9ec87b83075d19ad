//! Where the code of one revision mentions what a change takes away: a snapshot and targets in, graded references out.

mod block;
mod file;
mod grade;
pub mod language;
mod place;
mod plan;
pub mod scan;
mod spell;
mod sql;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::Serialize;

use crate::change::Snapshot;
use crate::error::ChangeError;
use crate::source::Span;
use file::Search;
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
    Type,
    Flag,
}

/// Which code a change breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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
    /// Code that could not be read: nothing can be proved unused. Sorted by path.
    pub unread: Vec<Unread>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unread {
    pub path: String,
    pub reason: String,
}

impl Searched {
    fn absorb(&mut self, other: Searched) {
        self.files += other.files;
        self.bytes += other.bytes;
        for (language, files) in other.languages {
            *self.languages.entry(language).or_insert(0) += files;
        }
        for (reason, files) in other.skipped {
            *self.skipped.entry(reason).or_insert(0) += files;
        }
        self.unread.extend(other.unread);
    }

    /// Whether anything was searched that could be a user of the database.
    pub fn has_code(&self) -> bool {
        LANGUAGES.iter().any(|language| language.code && self.languages.contains_key(language.name))
    }
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

/// Searches every file of a tree for every target in one pass, on every processor. Code that cannot be read is in the answer.
pub fn search(tree: &Snapshot, targets: &[Target], options: &Options) -> Result<Usage, ChangeError> {
    let plan = plan(targets)?;
    let usage = Mutex::new(Usage::default());
    let git_dir = tree.git.as_ref().map(|repo| repo.git_dir());
    let (entries, next) = (tree.entries.as_slice(), AtomicUsize::new(0));
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(1, 8)).min(entries.len().max(1));
    let work = || -> Result<(), ChangeError> {
        // libgit2's repositories are not shared between threads.
        let store = Snapshot::over(git_dir.as_deref())?;
        let mut searched = Searched::default();
        while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
            let found = file::search(&store, entry, &Search { plan: &plan, targets, options }, &mut searched);
            if !found.is_empty() {
                add(&mut usage.lock().unwrap_or_else(PoisonError::into_inner), found, options.cap);
            }
        }
        usage.lock().unwrap_or_else(PoisonError::into_inner).searched.absorb(searched);
        Ok(())
    };
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        handles.into_iter().try_for_each(|handle| handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    let mut usage = usage.into_inner().unwrap_or_else(PoisonError::into_inner);
    usage.searched.unread.sort();
    keep_strongest(&mut usage, options.cap);
    Ok(usage)
}

/// The code search knows the language of this path.
pub fn is_code(path: &str) -> bool {
    language::language_of(path).is_some()
}

/// Comments (`true`) and the insides of strings (`false`) of a text, in order. Without a language of its own, `#` begins a comment.
pub fn regions(path: &str, text: &str) -> Vec<(bool, Span)> {
    let language = language::language_of(path).map_or(&language::HASH, |found| &LANGUAGES[found]);
    let regions = scan::scan(text, language).regions;
    regions.into_iter().map(|region| (region.kind == scan::Kind::Comment, Span { start: region.start, end: region.end })).collect()
}

/// Searches one SQL text, such as the definition of a function. Lines count from its start.
pub fn search_sql(targets: &[Target], path: &str, text: &str) -> Result<Vec<Reference>, ChangeError> {
    let sql = LANGUAGES.iter().position(|language| language.name == "SQL").expect("SQL is a language");
    Ok(grade::references(&plan(targets)?, targets, path, text, sql, FileClass::Code))
}

fn plan(targets: &[Target]) -> Result<Plan, ChangeError> {
    let problem = |error| ChangeError::new(format!("cannot search for {} names: {error}", targets.len()), "check a smaller change");
    Plan::new(targets).map_err(problem)
}

impl Usage {
    /// Adds references that stand before all that were found in files.
    pub fn put_first(&mut self, mut found: Vec<Reference>) {
        found.iter().for_each(|reference| self.count(reference));
        found.append(&mut self.references);
        self.references = found;
    }

    fn count(&mut self, reference: &Reference) {
        let counts = self.counts.entry(reference.target).or_default();
        match reference.grade {
            Grade::Certain => counts.certain += 1,
            Grade::Likely => counts.likely += 1,
            Grade::Possible => counts.possible += 1,
        }
    }
}

fn add(usage: &mut Usage, found: Vec<Reference>, cap: usize) {
    found.iter().for_each(|reference| usage.count(reference));
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
