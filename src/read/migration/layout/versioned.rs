//! Flyway and Refinery: `V1__x.sql`, `U…`, `R__…`, `B…` names in, migrations in version order, repeatables last, out.

use std::sync::LazyLock;

use regex::Regex;

use super::claim::Claim;
use super::reader::Reader;
use super::tree::Tree;
use super::{Built, number, plain_number, script, tree, whole};
use crate::error::ChangeError;
use crate::read::migration::{Framework, Migration, Wrapping};

pub static VERSIONED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^([VUB])(\d+(?:[._]\d+)*)__(.+)\.sql$").expect("a constant pattern"));
pub static REPEATABLE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^R__(.+)\.sql$").expect("a constant pattern"));
static CALLBACK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^(?:before|after)(?:Each)?(?:Migrate|Clean|Info|Validate|Baseline|Repair|Undo|Connect|Versioned|Repeatables)\w*(?:__.+)?\.sql$",
    )
    .expect("a constant pattern")
});
static NOT_IN_TRANSACTION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^\s*executeInTransaction\s*=\s*false\b").expect("a constant pattern"));
static GROUPED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)^\s*(?:flyway\.)?group\s*=\s*true\b").expect("a constant pattern"));

pub fn build(tree: &Tree, reader: &mut Reader, claim: &Claim) -> Result<Built, ChangeError> {
    let mut built = Built::default();
    let flyway = claim.framework == Framework::Flyway;
    let grouped = flyway && grouped(tree, reader, &claim.root)?;
    let (mut versions, mut repeatables, mut undos, mut baselines) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for path in &claim.files {
        let name = tree::name(path);
        if let Some(found) = VERSIONED.captures(name) {
            let entry = (key(&found[2]), path.clone(), version(&found[2]));
            match &found[1] {
                "U" if flyway => undos.push(entry),
                "B" if flyway => baselines.push(entry),
                "B" => built.skip(path, "the runner ignores this name"),
                // Refinery's U is an unordered migration, not an undo.
                _ => versions.push(entry),
            }
        } else if let Some(found) = REPEATABLE.captures(name).filter(|_| flyway) {
            repeatables.push((found[1].to_owned(), path.clone()));
        } else if flyway && CALLBACK.is_match(name) {
            built.unread(path, "a Flyway callback: it runs around every migration and is not inspected");
        } else if name.ends_with(".sql") {
            built.skip(path, "the runner ignores this name");
        }
    }
    for baseline in baselines {
        if versions.iter().any(|version| version.0 <= baseline.0) {
            built.skip(&baseline.1, "a baseline migration: it is applied only to an empty database");
        } else {
            versions.push(baseline);
        }
    }
    versions.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    repeatables.sort();
    for (key, path, id) in versions {
        let down = undos.iter().position(|undo| undo.0 == key).map(|i| undos.remove(i).1);
        add(reader, &mut built, id, &path, down, grouped, false)?;
    }
    for (description, path) in repeatables {
        add(reader, &mut built, format!("R__{description}"), &path, None, grouped, true)?;
    }
    for (_, path, _) in undos {
        built.skip(&path, "an undo migration without its versioned migration");
    }
    Ok(built)
}

/// Versions compare part by part as numbers; zeros at the end do not count: `1.0` is `1`.
fn key(version: &str) -> Vec<(usize, String)> {
    let mut parts: Vec<_> = version.split(['.', '_']).map(number).collect();
    while parts.len() > 1 && parts.last().is_some_and(|part| part.0 == 0) {
        parts.pop();
    }
    parts
}

fn version(version: &str) -> String {
    version.split(['.', '_']).map(plain_number).collect::<Vec<_>>().join(".")
}

fn add(
    reader: &mut Reader,
    built: &mut Built,
    id: String,
    path: &str,
    down: Option<String>,
    grouped: bool,
    repeatable: bool,
) -> Result<(), ChangeError> {
    let (source, text) = match reader.file(path)? {
        Ok(file) => file,
        Err(unread) => {
            built.unread.push(unread);
            return Ok(());
        }
    };
    let up = script(source, vec![whole(&text)], wrapping(reader, path, grouped)?);
    let down = match down {
        None => None,
        Some(path) => match reader.file(&path)? {
            Ok((source, text)) => Some(script(source, vec![whole(&text)], wrapping(reader, &path, grouped)?)),
            Err(unread) => {
                built.unread.push(unread);
                None
            }
        },
    };
    built.migrations.push(Migration { id, path: path.to_owned(), up, down, repeatable });
    Ok(())
}

fn wrapping(reader: &mut Reader, path: &str, grouped: bool) -> Result<Wrapping, ChangeError> {
    let opted_out = reader.peek(&format!("{path}.conf"))?.is_some_and(|text| NOT_IN_TRANSACTION.is_match(&text));
    Ok(match (opted_out, grouped) {
        (true, _) => Wrapping::Autocommit,
        (false, true) => Wrapping::AllPending,
        (false, false) => Wrapping::Transaction,
    })
}

/// `group=true` in the nearest Flyway configuration: all pending migrations in one transaction.
fn grouped(tree: &Tree, reader: &mut Reader, root: &str) -> Result<bool, ChangeError> {
    for directory in tree::ancestors(root) {
        for file in ["flyway.conf", "flyway.toml"] {
            if tree.has(directory, file) {
                return Ok(reader.peek(&tree::join(directory, file))?.is_some_and(|text| GROUPED.is_match(&text)));
            }
        }
    }
    Ok(false)
}
