//! The policy file: what the repository has in, `holdshort.yaml` with the keys that fit it out.

use super::look::Found;
use crate::detect::Inspection;
use crate::read::migration::{Dialect, Unit};

pub fn text(inspection: &Inspection, found: &Found) -> String {
    let mut out = String::from(
        "# The policy of holdshort, written by `holdshort init`. Every key is optional, unknown keys are errors.\n\
         # In the merge and deploy phases it is read from base, so a change cannot clear itself.\n",
    );
    migrations(&inspection.head_units, &mut out);
    let reversible =
        inspection.head_units.iter().any(|unit| is_postgres(unit) && unit.migrations.iter().any(|migration| migration.down.is_some()));
    if reversible {
        out.push_str(
            "\nrollback:\n  # A rollout with migrations needs the record of `holdshort rehearse` on its commit.\n  rehearsal: true\n\
             \n# SQL files a rehearsal runs: roles and extensions production has, rows to migrate, what has to work afterwards.\n\
             # rehearse: {setup: [db/roles.sql], seed: [db/seed.sql], smoke: [db/smoke.sql]}\n",
        );
    }
    out.push_str("\nevidence:\n");
    if found.checks.is_empty() {
        out.push_str(
            "  # Names of the checks that have to be green; without the key, every check the evidence has.\n  # required: [test]\n",
        );
    } else {
        out.push_str("  # What runs on every pull request and has to be green on the commit that is rolled out.\n  required:\n");
        for check in &found.checks {
            out.push_str(&format!("    - {}\n", quoted(check)));
        }
    }
    out.push_str("  # Our own job: it cannot wait for itself.\n  ignore: [holdshort]\n");
    out
}

fn is_postgres(unit: &Unit) -> bool {
    matches!(unit.dialect, Dialect::Postgres | Dialect::Unknown)
}

/// Only what cannot be told from the repository itself stands in the policy.
fn migrations(units: &[Unit], out: &mut String) {
    if units.is_empty() {
        out.push_str("\n# No migrations were recognised. If there are some, name them:\n# migrations: [{path: db/schema, layout: plain, dialect: postgres}]\n");
        return;
    }
    out.push_str("\nmigrations:\n");
    for unit in units {
        let root = if unit.root.is_empty() { "." } else { &unit.root };
        out.push_str(&format!("  # {} migrations for {}: {}\n", framework(unit), unit.dialect.name(), one_line(&unit.dialect_reason)));
        out.push_str(&format!("  - path: {}\n", quoted(root)));
        match unit.dialect {
            Dialect::Unknown => out.push_str("    dialect: postgres # nothing says which database; correct it if it is another\n"),
            _ if unit.server.is_none() && is_postgres(unit) => {
                out.push_str("    # server_version: \"16\" # what production runs; the oldest supported one is assumed\n");
            }
            _ => {}
        }
    }
}

/// The name of the layout as the policy spells it.
pub fn framework(unit: &Unit) -> String {
    serde_json::to_value(unit.framework).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

fn one_line(text: &str) -> String {
    crate::report::escape::one_line(text)
}

/// A YAML text that is only ever read as that text.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
