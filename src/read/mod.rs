//! Texts in, facts out: one module a format. What cannot be read becomes an unread fact, never silence.

pub mod added;
pub mod evidence;
pub mod flag;
pub mod hcl;
pub mod migration;
pub mod pipeline;
pub mod release;
pub mod rollback;
pub mod rollout;
pub mod schema_file;
pub mod shell;
pub mod toml;
pub mod tree;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use crate::change::{ChangeSet, Entry, EntryKind, Snapshot, Text};
use crate::error::{ChangeError, Error};
use crate::settings::Settings;
use crate::source::{FileId, Place, Side, SourceMap};
use migration::{Dialect, Unit};

/// A file or a part of one that could not be read. It holds the gate it belongs to and counts in the coverage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unread {
    pub path: String,
    pub place: Option<Place>,
    pub reason: String,
}

/// Reads an entry into the source map, once a revision, or says why that cannot be done.
pub fn load(snapshot: &Snapshot, entry: &Entry, side: Side, sources: &mut SourceMap) -> Result<Result<FileId, Unread>, ChangeError> {
    if let Some(known) = sources.known(&entry.path, side) {
        return Ok(Ok(known));
    }
    Ok(text(snapshot, entry)?.map(|text| sources.add(entry.path.clone(), side, text)))
}

/// The text of an entry, or why there is none.
pub fn text(snapshot: &Snapshot, entry: &Entry) -> Result<Result<Arc<str>, Unread>, ChangeError> {
    let reason = match snapshot.read(entry)? {
        Text::Utf8(text) => return Ok(Ok(text)),
        Text::Binary => "it is binary (has NUL bytes)".to_owned(),
        Text::InvalidUtf8 { valid_up_to } => format!("it is not UTF-8 (byte {valid_up_to}); convert it to UTF-8"),
        Text::TooLarge { bytes } => format!("it has {bytes} bytes, more than {} are not read", crate::change::MAX_FILE_BYTES),
        Text::NotAFile(kind) => format!("it is a {kind:?}, which is not followed").to_lowercase(),
    };
    Ok(Err(Unread { path: entry.path.clone(), place: None, reason }))
}

/// What was read of a change.
#[derive(Debug)]
pub struct Facts {
    pub base_units: Vec<Unit>,
    pub head_units: Vec<Unit>,
    /// New or edited parts of the change that could not be read: they hold their gate.
    pub unread: Vec<Unread>,
    /// Parts of the change that were left out on purpose, and why.
    pub skipped: Vec<Unread>,
}

/// Reads both sides of a change.
pub fn change(change: &ChangeSet, settings: &Settings, sources: &mut SourceMap) -> Result<Facts, Error> {
    let touched: BTreeSet<&str> = change.added_or_modified().map(|file| file.path.as_str()).collect();
    let (base, head) = migration::layout::read_both(&change.base_tree, &change.head_tree, sources, &settings.policy.migrations)?;
    let mut unread: Vec<Unread> =
        head.units.iter().flat_map(|unit| &unit.unread).filter(|unread| touched.contains(unread.path.as_str())).cloned().collect();
    unread.extend(head.lost);
    unread.extend(unread_dialects(&base.units, &head.units, &touched));
    let left_out = head.skipped.into_iter().filter(|skipped| touched.iter().any(|path| below(path, &skipped.path)));
    let (migrations, others): (Vec<Unread>, Vec<Unread>) =
        moved_submodules(change).partition(|moved| migration::layout::lies_among_migrations(&moved.path));
    unread.extend(migrations);
    let skipped = left_out.chain(others).collect();
    Ok(Facts { base_units: base.units, head_units: head.units, unread, skipped })
}

/// Submodules that the change adds, takes away or sets to another commit.
fn moved_submodules(change: &ChangeSet) -> impl Iterator<Item = Unread> {
    let is_submodule = |tree: &Snapshot, path: &str| tree.entry(path).is_some_and(|entry| entry.kind == EntryKind::Submodule);
    let moved =
        change.files.iter().filter(move |file| is_submodule(&change.head_tree, &file.path) || is_submodule(&change.base_tree, &file.path));
    moved.map(|file| Unread {
        path: file.path.clone(),
        place: None,
        reason: "the submodule's commit changes, and its files are in another repository".to_owned(),
    })
}

fn below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// New migrations in a dialect whose physics is not known are not judged, so they are said to be unread.
fn unread_dialects(base: &[Unit], head: &[Unit], touched: &BTreeSet<&str>) -> Vec<Unread> {
    let unknown = head.iter().filter(|unit| !matches!(unit.dialect, Dialect::Postgres | Dialect::Unknown));
    let mut all = Vec::new();
    for unit in unknown {
        let old = base.iter().find(|old| old.root == unit.root);
        let merged = old.map(|old| old.counterparts(unit));
        let known = |migration: &migration::Migration| merged.as_ref().is_some_and(|merged| merged.get(migration).is_some());
        for migration in unit.migrations.iter().filter(|migration| touched.contains(migration.path.as_str()) && !known(migration)) {
            let reason = format!(
                "it is for {} ({}), and only PostgreSQL migrations are judged; review it by hand, or correct the dialect in {}",
                unit.dialect.name(),
                unit.dialect_reason,
                crate::settings::POLICY_FILE
            );
            all.push(Unread { path: migration.path.clone(), place: None, reason });
        }
    }
    all
}
