//! The rollback document: a change in, its migrations with their way back, its configuration and the questions only people can
//! answer out. A question is a `TODO`, which `rollback/placeholder` refuses until it is answered.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::look::Found;
use crate::change::FileStatus;
use crate::detect::Inspection;
use crate::read::migration::{Framework, Migration, Script, Unit};
use crate::read::rollback::{glob_set, migration_stem, names_migration};
use crate::report::escape::one_line;
use crate::schema::inverse::Inverse;
use crate::schema::timeline::new_migrations;
use crate::source::SourceMap;

/// A migration that the change adds, with its unit and how its down script was replayed.
struct New<'a> {
    unit: &'a Unit,
    migration: &'a Migration,
    inverse: Option<&'a Inverse>,
}

fn new<'a>(inspection: &'a Inspection) -> Vec<New<'a>> {
    let mut all = Vec::new();
    for (number, unit) in inspection.head_units.iter().enumerate() {
        let old = inspection.base_units.iter().find(|old| old.root == unit.root && old.framework == unit.framework);
        for (position, migration) in new_migrations(old, unit, &inspection.sources) {
            let inverse = inspection.inverses.iter().find(|inverse| inverse.unit == number && inverse.migration == position);
            all.push(New { unit, migration, inverse });
        }
    }
    all
}

/// Where the document goes; or which one speaks for the change already.
pub fn place(inspection: &Inspection) -> Result<String, (String, String)> {
    let change = &inspection.change;
    let new = new(inspection);
    if change.files.is_empty() {
        return Err(("ROLLBACK.md".to_owned(), "nothing changed; it is written for a change".to_owned()));
    }
    for document in &inspection.rollback.documents {
        let path = inspection.sources.path(document.source);
        let text = inspection.sources.text(document.source);
        if change.file(path).is_some() {
            return Err((path.to_owned(), "the change brings this rollback document already".to_owned()));
        }
        if new.iter().any(|new| names_migration(text, &new.migration.path)) {
            return Err((path.to_owned(), "it speaks of this change already".to_owned()));
        }
    }
    let home = match new.first() {
        // The document at the root belongs to an earlier change: this one gets its own.
        Some(first) if change.head_tree.contains("ROLLBACK.md") => format!("docs/rollback/{}.md", migration_stem(&first.migration.path)),
        _ => "ROLLBACK.md".to_owned(),
    };
    let named = &inspection.settings.policy.rollback.paths;
    let globs: Vec<&str> = named.iter().map(String::as_str).collect();
    if !named.is_empty() && !glob_set(&globs).is_ok_and(|set| set.is_match(&home)) {
        return Err((named.join(", "), "the policy wants the rollback document there: write it by hand".to_owned()));
    }
    Ok(home)
}

pub fn text(inspection: &Inspection, found: &Found) -> String {
    let new = new(inspection);
    let mut out = String::new();
    let title = match new.as_slice() {
        [] => "this change".to_owned(),
        [one] => code(migration_stem(&one.migration.path)),
        [first, .., last] => format!("{} to {}", code(migration_stem(&first.migration.path)), code(migration_stem(&last.migration.path))),
    };
    let _ = writeln!(out, "# Roll back {title}\n");
    match &found.owner {
        Some(owner) => out.push_str(&format!("Owner: {owner}\n\nOn call: TODO (who is paged, and how)\n")),
        None => out.push_str("Owner: TODO (team or person)\n\nOn call: TODO (who is paged, and how)\n"),
    }
    out.push_str(
        "\n## Trigger\n\nTODO: put this service's own numbers.\n\n- Error rate above 1 % for 5 minutes\n- p99 latency above 800 ms for 5 minutes\n",
    );
    commands(&new, found, &inspection.sources, &mut out);
    configuration(inspection, &mut out);
    verification(&new, &mut out);
    data(&new, &mut out);
    out.push_str("\n## Escalation\n\nTODO: who decides when this does not work within the time above.\n");
    out
}

fn code(text: &str) -> String {
    format!("`{}`", one_line(text).replace('`', "'"))
}

fn commands(new: &[New], found: &Found, sources: &SourceMap, out: &mut String) {
    out.push_str("\n## Commands\n\nTakes 4 minutes (TODO: measure it; `holdshort rehearse` times the migrations' part).\n");
    out.push_str("\n1. The code first, so that nothing uses the new schema any more:\n\n```sh\n");
    if found.workloads.is_empty() {
        out.push_str("TODO put the command that brings back the previous version\n");
    }
    for workload in &found.workloads {
        let _ = writeln!(out, "{}", workload.command);
    }
    out.push_str("```\n");
    let units: Vec<&Unit> = new.iter().map(|new| new.unit).fold(Vec::new(), |mut all, unit| {
        if !all.iter().any(|known: &&Unit| std::ptr::eq(*known, unit)) {
            all.push(unit);
        }
        all
    });
    for (number, unit) in units.iter().enumerate() {
        let own: Vec<&New> = new.iter().filter(|new| std::ptr::eq(new.unit, *unit)).collect();
        let back: Vec<&&New> = own.iter().filter(|new| has_down(new.migration)).collect();
        let names: Vec<String> = back.iter().rev().map(|new| code(migration_stem(&new.migration.path))).collect();
        if names.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n{}. Then the schema, newest first: {}\n\n```sh", number + 2, names.join(", "));
        for line in undo(unit, &back, sources) {
            let _ = writeln!(out, "{line}");
        }
        out.push_str("```\n");
    }
}

fn has_down(migration: &Migration) -> bool {
    migration.down.as_ref().is_some_and(|down| !down.statements.is_empty())
}

/// What the runner calls undoing these migrations. Sources: each runner's own manual.
fn undo(unit: &Unit, back: &[&&New], sources: &SourceMap) -> Vec<String> {
    let count = back.len();
    let root = shell(if unit.root.is_empty() { "." } else { &unit.root });
    let times = |line: String| vec![line; count];
    match unit.framework {
        Framework::GolangMigrate => vec![format!("migrate -path {root} -database \"$DATABASE_URL\" down {count}")],
        Framework::Dbmate => times(format!("dbmate --migrations-dir {root} rollback")),
        Framework::Goose => times(format!("goose -dir {root} postgres \"$DATABASE_URL\" down")),
        Framework::Sqlx => times(format!("sqlx migrate revert --source {root}")),
        Framework::Diesel => vec![format!("diesel migration revert --number {count}")],
        Framework::Liquibase => vec![format!("liquibase rollback-count {count}")],
        Framework::NodePgMigrate => vec![format!("npx node-pg-migrate down {count}")],
        Framework::Sqitch => vec![format!("sqitch revert --to @HEAD^{count}")],
        Framework::Flyway => times("flyway undo".to_owned()),
        // No runner of its own for the way back: the scripts themselves, newest first.
        _ => back.iter().rev().filter_map(|new| run_file(new.migration, sources)).collect(),
    }
}

/// Runs the down script with psql, where it has a file of its own.
fn run_file(migration: &Migration, sources: &SourceMap) -> Option<String> {
    let down = migration.down.as_ref()?;
    let path = sources.path(down.source);
    if path == sources.path(migration.up.source) {
        return Some(format!("TODO run the part of {} that goes back", shell(path)));
    }
    Some(format!("psql \"$DATABASE_URL\" -v ON_ERROR_STOP=1 -f {}", shell(path)))
}

/// A path as one word of a shell.
fn shell(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
    let path = one_line(path);
    if path.bytes().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

/// Configuration that the change edits: it goes back with the code or by hand.
fn configuration(inspection: &Inspection, out: &mut String) {
    const ENDS: [&str; 9] = [".yaml", ".yml", ".toml", ".json", ".env", ".ini", ".properties", ".tf", ".conf"];
    let scripts: BTreeSet<&str> =
        inspection.head_units.iter().flat_map(|unit| &unit.migrations).map(|migration| migration.path.as_str()).collect();
    let is_config = |path: &str| {
        ENDS.iter().any(|end| path.ends_with(end))
            && !path.starts_with(".github/")
            && !path.starts_with('.')
            && !scripts.contains(path)
            && !["package.json", "package-lock.json", "tsconfig.json", "Cargo.toml", crate::settings::POLICY_FILE]
                .contains(&path.rsplit('/').next().unwrap_or(path))
    };
    let files: Vec<&str> = inspection
        .change
        .files
        .iter()
        .filter(|file| file.status != FileStatus::Deleted && is_config(&file.path))
        .map(|file| file.path.as_str())
        .collect();
    out.push_str("\n## Configuration\n\n");
    if files.is_empty() {
        out.push_str("The change edits no configuration: nothing has to be put back.\n");
    }
    for path in files {
        let _ = writeln!(out, "- {}: goes back with the code", code(path));
    }
    let flags: BTreeSet<&str> = inspection.flags.head.iter().map(|flag| flag.key.as_str()).collect();
    for flag in flags {
        let _ = writeln!(out, "- Flag {}: turn it off first, that alone may be enough", code(flag));
    }
}

fn verification(new: &[New], out: &mut String) {
    out.push_str("\n## Verification\n\nTODO: name the dashboard or request that shows the service is well again.\n");
    let Some(first) = new.first() else { return };
    let root = shell(if first.unit.root.is_empty() { "." } else { &first.unit.root });
    let status = match first.unit.framework {
        Framework::GolangMigrate => format!("migrate -path {root} -database \"$DATABASE_URL\" version"),
        Framework::Dbmate => format!("dbmate --migrations-dir {root} status"),
        Framework::Goose => format!("goose -dir {root} postgres \"$DATABASE_URL\" status"),
        Framework::Sqlx => format!("sqlx migrate info --source {root}"),
        Framework::Diesel => "diesel migration list".to_owned(),
        Framework::Flyway => "flyway info".to_owned(),
        Framework::Liquibase => "liquibase status".to_owned(),
        Framework::Sqitch => "sqitch status".to_owned(),
        _ => return,
    };
    let _ = writeln!(out, "\nThe migrations above are no longer applied:\n\n```sh\n{status}\n```");
}

/// What is lost, from the replayed down scripts.
fn data(new: &[New], out: &mut String) {
    out.push_str("\n## Data impact\n\n");
    if new.is_empty() {
        out.push_str("The change has no migration, so no data is lost.\n");
        return;
    }
    let (mut lost, mut open) = (Vec::new(), Vec::new());
    for item in new {
        let name = code(migration_stem(&item.migration.path));
        if !has_down(item.migration) && !item.migration.repeatable && !is_empty(&item.migration.up) {
            open.push(format!("- TODO: {name} has no down script. Write one, or state here why there is none and what is run instead.\n"));
        }
        let mut told = BTreeSet::new();
        for loss in item.inverse.iter().flat_map(|inverse| &inverse.steps).flat_map(|step| &step.effect.loses) {
            if told.insert(loss.what.as_str()) {
                lost.push(format!(
                    "- Undoing {name} deletes {}: what was written there since the rollout is gone.\n",
                    one_line(&loss.what)
                ));
            }
        }
        if let Some(reason) = item.inverse.and_then(|inverse| inverse.not_compared.as_ref()) {
            open.push(format!("- TODO: say what {name} does to data; {}.\n", one_line(reason)));
        }
    }
    if lost.is_empty() && open.is_empty() {
        out.push_str("No data is lost: the down scripts drop nothing that holds rows.\n");
    }
    out.extend(lost);
    out.extend(open);
}

fn is_empty(script: &Script) -> bool {
    script.statements.is_empty()
}
