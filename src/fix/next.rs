//! A migration after the newest: what it does and undoes in, the files that the unit's runner takes for it out.

use std::sync::LazyLock;

use regex::Regex;

use crate::detect::Inspection;
use crate::finding::Edit;
use crate::read::migration::{Framework, Unit};

/// What the new migration is to hold.
pub struct Wanted<'a> {
    /// Words of the name, `[a-z0-9_]`.
    pub title: String,
    pub up: String,
    /// Nothing when there is nothing to undo.
    pub down: Option<String>,
    /// It has to run outside a transaction, as the only statement of its file.
    pub alone: bool,
    pub unit: &'a Unit,
}

static PAIR: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^(\d+)_.*\.up\.sql$").expect("a constant pattern"));
static SINGLE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^(\d+)_.*\.sql$").expect("a constant pattern"));
static VERSIONED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^V((?:\d+[._])*)(\d+)__.+\.sql$").expect("a constant pattern"));
static DIRECTORY: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^((?:\d+-)*)(\d+)_.*$").expect("a constant pattern"));

/// What a down script says where there is nothing to undo; an empty file looks forgotten.
const NOTHING: &str = "-- Nothing to undo here.\nSELECT 1;\n";

/// The files of the new migration, or `None` where the runner's naming leaves a choice, or the files are there already.
pub fn files(inspection: &Inspection, wanted: &Wanted) -> Option<Vec<Edit>> {
    let unit = wanted.unit;
    let newest = unit.migrations.iter().rev().find(|migration| !migration.repeatable)?;
    let (directory, name) = newest.path.rsplit_once('/').unwrap_or(("", newest.path.as_str()));
    let text = inspection.sources.text(newest.up.source);
    let files = match unit.framework {
        Framework::GolangMigrate => pair(name, wanted, "")?,
        Framework::Sqlx | Framework::Plain if PAIR.is_match(name) => {
            pair(name, wanted, if unit.framework == Framework::Sqlx { "-- no-transaction\n" } else { "" })?
        }
        Framework::Sqlx => single(name, wanted, "-- no-transaction\n", wanted.up.clone())?,
        Framework::Plain if !text.contains("migrate:") && !text.contains("+migrate") && !text.contains("+goose") => {
            single(name, wanted, "", wanted.up.clone())?
        }
        Framework::Goose => single(name, wanted, "-- +goose NO TRANSACTION\n", sections("-- +goose Up", "-- +goose Down", wanted))?,
        Framework::Dbmate => {
            let up = if wanted.alone { "-- migrate:up transaction:false" } else { "-- migrate:up" };
            let down = if wanted.alone { "-- migrate:down transaction:false" } else { "-- migrate:down" };
            single(name, wanted, "", sections(up, down, wanted))?
        }
        Framework::Supabase if !wanted.alone => single(name, wanted, "", wanted.up.clone())?,
        Framework::Flyway | Framework::Refinery => versioned(name, wanted)?,
        Framework::Diesel | Framework::Prisma => return in_directory(inspection, directory, wanted),
        _ => return None,
    };
    create(inspection, directory, files)
}

fn create(inspection: &Inspection, directory: &str, files: Vec<(String, String)>) -> Option<Vec<Edit>> {
    let path = |name: &str| if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
    let all: Vec<(String, String)> = files.into_iter().map(|(name, text)| (path(&name), text)).collect();
    let free = all.iter().all(|(path, _)| !inspection.change.head_tree.contains(path));
    free.then(|| all.into_iter().map(|(path, text)| Edit::Create { path, text }).collect())
}

fn pair(name: &str, wanted: &Wanted, opt_out: &str) -> Option<Vec<(String, String)>> {
    let version = after(&PAIR.captures(name)?[1])?;
    let opt_out = if wanted.alone { opt_out } else { "" };
    let down = wanted.down.clone().unwrap_or_else(|| NOTHING.to_owned());
    let file = |direction: &str, text: &str| (format!("{version}_{}.{direction}.sql", wanted.title), format!("{opt_out}{text}"));
    Some(vec![file("up", &wanted.up), file("down", &down)])
}

fn single(name: &str, wanted: &Wanted, opt_out: &str, text: String) -> Option<Vec<(String, String)>> {
    let version = after(&SINGLE.captures(name)?[1])?;
    let opt_out = if wanted.alone { opt_out } else { "" };
    Some(vec![(format!("{version}_{}.sql", wanted.title), format!("{opt_out}{text}"))])
}

fn sections(up: &str, down: &str, wanted: &Wanted) -> String {
    let undo = wanted.down.as_deref().unwrap_or(NOTHING);
    format!("{up}\n{}\n{down}\n{undo}", wanted.up)
}

fn versioned(name: &str, wanted: &Wanted) -> Option<Vec<(String, String)>> {
    let found = VERSIONED.captures(name)?;
    let file = format!("V{}{}__{}.sql", &found[1], after(&found[2])?, wanted.title);
    match (wanted.alone, wanted.unit.framework) {
        (true, Framework::Flyway) => {
            let conf = (format!("{file}.conf"), "executeInTransaction=false\n".to_owned());
            Some(vec![(file, wanted.up.clone()), conf])
        }
        (true, _) => None,
        (false, _) => Some(vec![(file, wanted.up.clone())]),
    }
}

fn in_directory(inspection: &Inspection, newest: &str, wanted: &Wanted) -> Option<Vec<Edit>> {
    let (root, name) = newest.rsplit_once('/').unwrap_or(("", newest));
    let found = DIRECTORY.captures(name)?;
    let name = format!("{}{}_{}", &found[1], after(&found[2])?, wanted.title);
    let file = |file: &str, text: &str| (format!("{name}/{file}"), text.to_owned());
    let files = match wanted.unit.framework {
        Framework::Prisma => vec![file("migration.sql", &wanted.up)],
        _ => {
            let mut files = vec![file("up.sql", &wanted.up), file("down.sql", wanted.down.as_deref().unwrap_or(NOTHING))];
            if wanted.alone {
                files.push(file("metadata.toml", "run_in_transaction = false\n"));
            }
            files
        }
    };
    create(inspection, root, files)
}

/// The version after this one: a second later for a time, else one more, as wide as before.
fn after(version: &str) -> Option<String> {
    const TIME: &str = "%Y%m%d%H%M%S";
    if version.len() == 14
        && let Ok(time) = jiff::civil::DateTime::strptime(TIME, version)
    {
        return Some(time.checked_add(jiff::Span::new().seconds(1)).ok()?.strftime(TIME).to_string());
    }
    let next = version.parse::<u64>().ok()?.checked_add(1)?;
    Some(format!("{next:0width$}", width = version.len()))
}

#[cfg(test)]
mod tests {
    use super::after;

    #[test]
    fn the_next_version_is_as_wide_and_a_time_stays_a_time() {
        for (version, next) in
            [("1", "2"), ("0009", "0010"), ("20240131235959", "20240201000000"), ("00000000000000", "00000000000001"), ("99", "100")]
        {
            assert_eq!(after(version).as_deref(), Some(next));
        }
        assert_eq!(after("99999999999999999999999"), None);
    }
}
