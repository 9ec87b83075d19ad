//! Where a unit's schema file is: a tree and a unit in, the files and their kind out.

use std::sync::LazyLock;

use regex::Regex;

use super::Kind;
use crate::change::{Entry, EntryKind, Snapshot, Text};
use crate::error::ChangeError;
use crate::read::migration::layout::tree::{ancestors, join, name, parent, within};
use crate::read::migration::{Framework, Unit};

pub(super) struct Found<'a> {
    pub kind: Kind,
    pub entries: Vec<&'a Entry>,
    pub partial: bool,
}

/// The schema file that speaks for a unit: its runner's own, else the nearest dump.
pub(super) fn find<'a>(tree: &'a Snapshot, unit: &Unit) -> Result<Option<Found<'a>>, ChangeError> {
    let whole = |kind, entries: Vec<&'a Entry>| (!entries.is_empty()).then_some(Found { kind, entries, partial: false });
    let own = match unit.framework {
        Framework::Prisma => whole(Kind::Prisma, prisma(tree, unit)),
        Framework::Drizzle => whole(Kind::Drizzle, drizzle(tree, unit).into_iter().collect()),
        Framework::Diesel => diesel(tree, unit)?,
        _ => None,
    };
    match own {
        Some(found) => Ok(Some(found)),
        None => Ok(whole(Kind::Dump, dump(tree, unit)?.into_iter().collect())),
    }
}

/// Directories from the one that holds the unit's up to the root.
fn above(unit: &Unit) -> impl Iterator<Item = &str> {
    ancestors(parent(&unit.root))
}

/// `schema.prisma` beside the migrations, or all `.prisma` files of a schema that is divided.
fn prisma<'a>(tree: &'a Snapshot, unit: &Unit) -> Vec<&'a Entry> {
    let is_schema = |entry: &Entry| entry.kind == EntryKind::File && entry.path.ends_with(".prisma");
    let near = |entry: &&Entry| is_schema(entry) && within(&entry.path, parent(&unit.root));
    tree.entries.iter().filter(near).collect()
}

/// The newest of the snapshots that `drizzle-kit` keeps with the migrations.
fn drizzle<'a>(tree: &'a Snapshot, unit: &Unit) -> Option<&'a Entry> {
    let is_snapshot = |entry: &&Entry| {
        let rest = entry.path.strip_prefix(&unit.root).map(|rest| rest.trim_start_matches('/')).filter(|_| within(&entry.path, &unit.root));
        rest.is_some_and(|rest| match rest.split_once('/') {
            Some(("meta", name)) => name.ends_with("_snapshot.json"),
            Some((_, name)) => name == "snapshot.json",
            None => false,
        })
    };
    tree.entries.iter().filter(is_snapshot).max_by(|a, b| a.path.cmp(&b.path))
}

/// The file that `diesel.toml` names, else every `schema.rs` below the directory of the migrations that has a `table!`.
fn diesel<'a>(tree: &'a Snapshot, unit: &Unit) -> Result<Option<Found<'a>>, ChangeError> {
    static FILE: LazyLock<Regex> = LazyLock::new(|| regex(r#"(?m)^\s*file\s*=\s*"([^"]+)""#));
    static FILTER: LazyLock<Regex> = LazyLock::new(|| regex(r"(?m)^\s*(?:filter|only_tables|except_tables|schema)\b"));
    for directory in above(unit) {
        let Some(Text::Utf8(text)) = tree.read_path(&join(directory, "diesel.toml"))? else { continue };
        let named = FILE.captures_iter(&text).filter_map(|file| tree.entry(&join(directory, file[1].trim_start_matches("./"))));
        let entries: Vec<&Entry> = named.collect();
        if !entries.is_empty() {
            return Ok(Some(Found { kind: Kind::Diesel, entries, partial: FILTER.is_match(&text) }));
        }
        break;
    }
    let mut entries = Vec::new();
    for entry in tree.entries.iter().filter(|entry| name(&entry.path) == "schema.rs") {
        if within(&entry.path, parent(&unit.root)) && has_words(tree, entry, &["table!"])? {
            entries.push(entry);
        }
    }
    Ok((!entries.is_empty()).then_some(Found { kind: Kind::Diesel, entries, partial: false }))
}

/// The nearest `structure.sql` or `schema.sql` that a dump wrote. One that people write is no copy of anything.
fn dump<'a>(tree: &'a Snapshot, unit: &Unit) -> Result<Option<&'a Entry>, ChangeError> {
    const NAMES: [&str; 4] = ["structure.sql", "schema.sql", "db/structure.sql", "db/schema.sql"];
    const SAYS: [&str; 3] = ["PostgreSQL database dump", "pg_catalog.set_config", "SET default_table_access_method"];
    for path in above(unit).flat_map(|directory| NAMES.map(|file| join(directory, file))) {
        if let Some(entry) = tree.entry(&path)
            && has_words(tree, entry, &SAYS)?
        {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// A file that cannot be looked into is taken for what its name says, so that the report can say why it was not read.
fn has_words(tree: &Snapshot, entry: &Entry, words: &[&str]) -> Result<bool, ChangeError> {
    if entry.kind != EntryKind::File {
        return Ok(false);
    }
    Ok(match tree.read(entry)? {
        Text::Utf8(text) => words.iter().any(|word| text.contains(word)),
        _ => true,
    })
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}
