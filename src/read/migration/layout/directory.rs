//! One directory a migration (Diesel, Hasura, Prisma, Drizzle from version 1): directories in, migrations in the order of their names out.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::claim::Claim;
use super::reader::Reader;
use super::{Built, number, script, tree, whole};
use crate::error::ChangeError;
use crate::read::migration::{Framework, Migration, Script, Wrapping};

static RUN_IN_TRANSACTION_FALSE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^\s*run_in_transaction\s*=\s*false\b").expect("a constant pattern"));

pub fn build(reader: &mut Reader, claim: &Claim) -> Result<Built, ChangeError> {
    let mut built = Built::default();
    let (main, back) = match claim.framework {
        Framework::Diesel | Framework::Hasura => ("up.sql", Some("down.sql")),
        _ => ("migration.sql", None),
    };
    let mut directories: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in claim.files.iter().filter(|path| tree::parent(path) != claim.root) {
        directories.entry(tree::parent(path)).or_default().push(tree::name(path));
    }
    let mut migrations = Vec::new();
    for (directory, names) in directories {
        if tree::parent(directory) != claim.root {
            continue;
        }
        for name in names.iter().filter(|name| name.ends_with(".sql") && **name != main && Some(**name) != back) {
            built.skip(&tree::join(directory, name), "the runner ignores this name");
        }
        for name in names.iter().filter(|name| matches!(**name, "up.yaml" | "down.yaml")) {
            built.unread(&tree::join(directory, name), "a Hasura migration in YAML: not SQL");
        }
        if !names.contains(&main) {
            if names.iter().any(|name| name.ends_with(".sql")) {
                built.skip(directory, format!("it has no {main}"));
            }
            continue;
        }
        let wrapping = wrapping(reader, claim.framework, directory)?;
        let path = tree::join(directory, main);
        let Some(up) = half(reader, &path, wrapping, &mut built)? else { continue };
        let down = match back.filter(|back| names.contains(back)) {
            Some(back) => half(reader, &tree::join(directory, back), wrapping, &mut built)?,
            None => None,
        };
        migrations.push(Migration { id: id(claim.framework, tree::name(directory)), path, up, down, repeatable: false });
    }
    if matches!(claim.framework, Framework::Hasura) {
        migrations.sort_by_key(|migration| number(&migration.id));
    } else if matches!(claim.framework, Framework::Diesel) {
        migrations.sort_by(|a, b| a.id.cmp(&b.id));
    }
    built.migrations = migrations;
    Ok(built)
}

fn id(framework: Framework, directory: &str) -> String {
    let before = directory.split('_').next().unwrap_or(directory);
    match framework {
        Framework::Diesel => before.replace('-', ""),
        Framework::Hasura => before.to_owned(),
        _ => directory.to_owned(),
    }
}

fn half(reader: &mut Reader, path: &str, wrapping: Wrapping, built: &mut Built) -> Result<Option<Script>, ChangeError> {
    match reader.file(path)? {
        Ok((source, text)) => Ok(Some(script(source, vec![whole(&text)], wrapping))),
        Err(unread) => {
            built.unread.push(unread);
            Ok(None)
        }
    }
}

fn wrapping(reader: &mut Reader, framework: Framework, directory: &str) -> Result<Wrapping, ChangeError> {
    Ok(match framework {
        Framework::Diesel => {
            let metadata = reader.peek(&tree::join(directory, "metadata.toml"))?;
            let opted_out = metadata.is_some_and(|text| RUN_IN_TRANSACTION_FALSE.is_match(&text));
            // Diesel then sends the file as one simple query.
            if opted_out { Wrapping::ImplicitWhenMany } else { Wrapping::Transaction }
        }
        Framework::Hasura => Wrapping::Transaction,
        Framework::Drizzle => Wrapping::AllPending,
        _ => Wrapping::ImplicitWhenMany,
    })
}
