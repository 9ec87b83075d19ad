//! Numbered files of one directory, in pairs (`1_x.up.sql`, `1_x.down.sql`) or one a migration: names in, migrations in numeric order out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use super::claim::Claim;
use super::marker::{self, Split, Style};
use super::reader::Reader;
use super::tree::Tree;
use super::{Built, number, plain_number, script, tree, whole};
use crate::error::ChangeError;
use crate::read::migration::{Framework, Migration, Script, Wrapping};

pub static PAIR: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^(\d+)_?(.*)\.(up|down)\.(sql|pgsql|psql)$").expect("a constant pattern"));
pub static UNDERSCORED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^(\d+)_(.*)\.sql$").expect("a constant pattern"));
pub static NUMBERED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[vV]?(?:(\d+(?:[.-]\d+)*)(?:[._ -](.*))?|(\d+)(.*))\.(?:sql|pgsql|psql)$").expect("a constant pattern"));

/// Where in the order, and the name after the number.
type Key = (Vec<(usize, String)>, String, String);

pub fn build(reader: &mut Reader, claim: &Claim) -> Result<Built, ChangeError> {
    let mut built = Built::default();
    let mut pairs: BTreeMap<Key, (Option<String>, Option<String>)> = BTreeMap::new();
    let takes_pairs = !matches!(claim.framework, Framework::Goose | Framework::Dbmate | Framework::Supabase | Framework::Atlas);
    let variants = Variants::of(&claim.files);
    for path in &claim.files {
        let name = tree::name(path);
        if let Some(reason) = variants.not_ours(name) {
            built.skip(path, reason);
            continue;
        }
        if let Some(found) = PAIR.captures(name).filter(|_| takes_pairs) {
            let key = (order(&found[1]), found[1].to_owned(), found[2].to_owned());
            let pair = pairs.entry(key).or_default();
            let half = if &found[3] == "up" { &mut pair.0 } else { &mut pair.1 };
            *half = Some(path.clone());
        } else if let Some((version, title)) = single(claim.framework, name).or_else(|| unnumbered(claim, name)) {
            pairs.entry((order(&version), version, format!("{title}\0{name}"))).or_default().0 = Some(path.clone());
        } else if name.ends_with(".sql") {
            built.skip(path, "the runner ignores this name");
        }
    }
    adopt_downs(&mut pairs, &mut built);
    for ((_, version, _), (up, down)) in pairs {
        let Some(up) = up else { continue };
        let id = id(claim.framework, &version, tree::name(&up));
        match down {
            Some(down) => add_pair(reader, claim, id, &up, &down, &mut built)?,
            None => add_single(reader, claim, id, &up, &mut built)?,
        }
    }
    if claim.framework == Framework::Atlas {
        drop_checkpoints(reader, &mut built)?;
    }
    Ok(built)
}

/// Scripts in another form than SQL, or called so: golang-migrate runs `1_x.up.` and whatever follows, pop reads `.fizz`.
/// Source: golang-migrate, `Regex` (source/parse.go).
pub fn other_endings(tree: &Tree, claim: &Claim, built: &mut Built) {
    static RUN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\d+_.*\.(?:up|down)\..+$").expect("a constant pattern"));
    for name in tree.dirs.get(&claim.root).into_iter().flatten().filter(|name| RUN.is_match(name) && !PAIR.is_match(name)) {
        let reason = "its name is that of a migration, and only `.sql` is read: review it by hand, or write it as SQL";
        built.unread(&tree::join(&claim.root, name), reason);
    }
}

/// Scripts of one version for several databases, told apart by a part of their names (`pop` of Go): `1_x.up.sql`, `1_x.mysql.up.sql`.
struct Variants {
    /// Names, without the database, that have a script for PostgreSQL alone.
    postgres: BTreeSet<String>,
    /// Some script is for PostgreSQL, alone or among others.
    ours: bool,
}

const POSTGRES: &[&str] = &["postgres", "postgresql", "pg", "psql"];
const OTHERS: &[&str] = &["mysql", "mariadb", "sqlite", "sqlite3", "mssql", "sqlserver", "oracle", "cockroach", "cockroachdb", "crdb"];

/// The database a name speaks of, and the name without it.
fn variant(name: &str) -> (Option<&str>, String) {
    let parts: Vec<&str> = name.split('.').collect();
    let database = parts.iter().skip(1).copied().find(|part| POSTGRES.contains(part) || OTHERS.contains(part));
    let rest: Vec<&str> = parts.into_iter().filter(|part| Some(*part) != database).collect();
    (database, rest.join("."))
}

/// Some script has a variant that is for PostgreSQL alone.
pub fn has_postgres_variant(files: &[String]) -> bool {
    !Variants::of(files).postgres.is_empty()
}

impl Variants {
    fn of(files: &[String]) -> Variants {
        let all = || files.iter().map(|path| variant(tree::name(path)));
        let postgres = all().filter(|(database, _)| database.is_some_and(|database| POSTGRES.contains(&database))).map(|(_, rest)| rest);
        Variants {
            postgres: postgres.collect(),
            ours: all().any(|(database, _)| database.is_none_or(|database| POSTGRES.contains(&database))),
        }
    }

    /// Why a file does not run on PostgreSQL, where there is another that does.
    fn not_ours(&self, name: &str) -> Option<&'static str> {
        match variant(name) {
            (Some(database), _) if OTHERS.contains(&database) && self.ours => Some("for another database than PostgreSQL, by its name"),
            (None, rest) if self.postgres.contains(&rest) => Some("its variant for PostgreSQL runs instead"),
            _ => None,
        }
    }
}

/// Version and title of a name the runner takes.
fn single(framework: Framework, name: &str) -> Option<(String, String)> {
    let pattern: &Regex = match framework {
        // Without `.up` golang-migrate ignores a file.
        Framework::GolangMigrate => return None,
        Framework::Goose | Framework::Sqlx | Framework::Supabase => &UNDERSCORED,
        _ => &NUMBERED,
    };
    let found = pattern.captures(name)?;
    let part = |i: usize| found.get(i).map(|part| part.as_str().to_owned());
    let version = part(1).or_else(|| part(3))?;
    Some((version, part(2).or_else(|| part(4)).unwrap_or_default()))
}

/// The policy names the directory and nothing is known of its runner: then every SQL file counts, those without a number first.
fn unnumbered(claim: &Claim, name: &str) -> Option<(String, String)> {
    let stem = name.strip_suffix(".sql")?;
    (claim.framework == Framework::Plain && claim.policy.is_some()).then(|| (stem.to_owned(), String::new()))
}

/// Versions compare part by part, as numbers: `1.10` comes after `1.2`.
fn order(version: &str) -> Vec<(usize, String)> {
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-').unwrap_or(version.len());
    version[..end].split(['.', '-']).filter(|part| !part.is_empty()).map(number).collect()
}

fn id(framework: Framework, version: &str, name: &str) -> String {
    match framework {
        Framework::GolangMigrate | Framework::Goose | Framework::Sqlx => plain_number(version),
        Framework::NodePgMigrate => name.trim_end_matches(".sql").trim_end_matches(".up").to_owned(),
        // dbmate takes the digits at the start, whatever follows them.
        Framework::Dbmate => version.chars().take_while(char::is_ascii_digit).collect(),
        _ => version.to_owned(),
    }
}

/// A down file whose title differs from its up file's still belongs to the version.
fn adopt_downs(pairs: &mut BTreeMap<Key, (Option<String>, Option<String>)>, built: &mut Built) {
    let orphans: Vec<Key> = pairs.iter().filter(|(_, pair)| pair.0.is_none()).map(|(key, _)| key.clone()).collect();
    for orphan in orphans {
        let Some((_, Some(down))) = pairs.remove(&orphan) else { continue };
        match pairs.iter_mut().find(|(key, pair)| key.0 == orphan.0 && pair.1.is_none()) {
            Some((_, pair)) => pair.1 = Some(down),
            None => built.skip(&down, "a down migration without its up migration"),
        }
    }
}

fn add_pair(reader: &mut Reader, claim: &Claim, id: String, up: &str, down: &str, built: &mut Built) -> Result<(), ChangeError> {
    let Some(up_script) = half(reader, claim, up, built)? else { return Ok(()) };
    let down = half(reader, claim, down, built)?;
    built.migrations.push(Migration { id, path: up.to_owned(), up: up_script, down, repeatable: false });
    Ok(())
}

fn half(reader: &mut Reader, claim: &Claim, path: &str, built: &mut Built) -> Result<Option<Script>, ChangeError> {
    match reader.file(path)? {
        Ok((source, text)) => Ok(Some(script(source, vec![whole(&text)], wrapping(claim.framework, &text, false)))),
        Err(unread) => {
            built.unread.push(unread);
            Ok(None)
        }
    }
}

fn add_single(reader: &mut Reader, claim: &Claim, id: String, path: &str, built: &mut Built) -> Result<(), ChangeError> {
    let (source, text) = match reader.file(path)? {
        Ok(file) => file,
        Err(unread) => {
            built.unread.push(unread);
            return Ok(());
        }
    };
    let split = match claim.framework {
        Framework::Goose => match marker::split(Style::Goose, &text) {
            Some(split) => split,
            None => {
                built.unread(path, "it has no `-- +goose Up`, goose refuses it");
                return Ok(());
            }
        },
        Framework::Dbmate => match marker::split(Style::Dbmate, &text) {
            Some(split) => split,
            None => {
                built.unread(path, "it has no `-- migrate:up`, dbmate refuses it");
                return Ok(());
            }
        },
        Framework::Atlas => marker::atlas(&text),
        Framework::NodePgMigrate => marker::split(Style::NodePg, &text).unwrap_or_else(|| forward(&text)),
        Framework::Plain => marker::style(&text).and_then(|style| marker::split(style, &text)).unwrap_or_else(|| forward(&text)),
        _ => forward(&text),
    };
    let plain_style = marker::style(&text).filter(|_| claim.framework == Framework::Plain);
    let wrap = |no_transaction: bool| match plain_style {
        Some(Style::SqlMigrate) if no_transaction => Wrapping::Autocommit,
        Some(Style::SqlMigrate | Style::Tern) => Wrapping::Transaction,
        _ => wrapping(claim.framework, &text, no_transaction),
    };
    let up = script(source, vec![split.up], wrap(split.no_transaction));
    let down = split.down.map(|span| script(source, vec![span], wrap(split.down_no_transaction)));
    built.migrations.push(Migration { id, path: path.to_owned(), up, down, repeatable: false });
    Ok(())
}

/// The whole file goes forward.
fn forward(text: &str) -> Split {
    Split { up: whole(text), down: None, no_transaction: false, down_no_transaction: false }
}

/// What the runner does around a script (its documentation and source; `no_transaction` is the script's own opt-out).
fn wrapping(framework: Framework, text: &str, no_transaction: bool) -> Wrapping {
    match framework {
        Framework::GolangMigrate => Wrapping::ImplicitWhenMany,
        Framework::Goose | Framework::Atlas if no_transaction => Wrapping::Autocommit,
        // dbmate still sends the whole block as one message.
        Framework::Dbmate if no_transaction => Wrapping::ImplicitWhenMany,
        // So does sqlx. It looks at the first bytes of the file, nowhere else.
        Framework::Sqlx if text.starts_with("-- no-transaction") => Wrapping::ImplicitWhenMany,
        Framework::Goose | Framework::Atlas | Framework::Dbmate | Framework::Sqlx | Framework::Hasura => Wrapping::Transaction,
        // The statements travel with the insert into the history table, so even one is in a transaction.
        Framework::Supabase => Wrapping::Transaction,
        Framework::NodePgMigrate => Wrapping::AllPending,
        _ => Wrapping::Unknown,
    }
}

/// A checkpoint repeats what came before it; a database that has that history never runs it.
fn drop_checkpoints(reader: &mut Reader, built: &mut Built) -> Result<(), ChangeError> {
    let mut kept = Vec::new();
    for migration in std::mem::take(&mut built.migrations) {
        let checkpoint = reader.peek(&migration.path)?.is_some_and(|text| marker::atlas_checkpoint(&text));
        if checkpoint && !kept.is_empty() {
            built.skip(&migration.path, "a checkpoint: it is applied only to an empty database");
        } else {
            kept.push(migration);
        }
    }
    built.migrations = kept;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_for_other_databases_are_left_out() {
        let files =
            ["1_a.up.sql", "1_a.mysql.up.sql", "2_b.up.sql", "2_b.postgres.up.sql", "2_b.sqlite3.autocommit.up.sql"].map(str::to_owned);
        let variants = Variants::of(&files);
        let left_out: Vec<bool> = files.iter().map(|file| variants.not_ours(file).is_some()).collect();
        assert_eq!(left_out, [false, true, true, false, true]);
        let only = ["1_a.mysql.up.sql".to_owned()];
        assert_eq!(Variants::of(&only).not_ours(&only[0]), None);
    }
}
