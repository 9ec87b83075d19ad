//! A whole migration history on a real server, beside what the effects say of it: a directory of migrations in, for each
//! migration the points on which the two differ out.
//!
//! The tables are empty, so nothing is measured by time: a rewrite shows as a new relfilenode, a scan as a scan that was started
//! (`pg_stat_get_xact_numscans`), both whatever the number of rows. Not seen: work of a statement that refuses a transaction
//! (CONCURRENTLY), and DDL in a loop over rows, which never runs here.

mod compare;
mod look;

use std::collections::BTreeSet;
use std::rc::Rc;

use compare::Differences;
use holdshort::read::migration::{Framework, Migration, Script, Unit, Wrapping};
use holdshort::schema::catalog::{Catalog, Origin};
use holdshort::schema::effect::{Certainty, ServerVersion};
use holdshort::schema::op::{SchemaOp, TransactionOp};
use holdshort::schema::replay::Context;
use holdshort::schema::{Step, timeline};
use holdshort::source::SourceMap;
use look::Look;

use super::cluster::Cluster;

/// The table diesel keeps its state in, which migrations may look at.
const DIESEL_OWN: &str =
    "CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY, run_on timestamp NOT NULL DEFAULT now());";

/// What came of one migration.
pub struct Outcome {
    pub path: String,
    pub statements: usize,
    pub opaque: Vec<String>,
    /// The server refused it for a reason that is not in the migrations: a missing extension, code that was not run.
    pub not_run: Option<String>,
    pub differences: Vec<String>,
}

/// Replays a unit in a new database of that name.
pub fn replay(server: &Cluster, database: &str, unit: &Unit, sources: &SourceMap) -> Vec<Outcome> {
    // A time zone other than UTC: the effects assume the worse of the two.
    server.psql("postgres", &format!("CREATE DATABASE {database};")).expect("a database");
    server.psql("postgres", &format!("ALTER DATABASE {database} SET timezone = 'Europe/Berlin';")).expect("a setting");
    server.psql(database, look::INSTALL).expect("the function that looks");
    if unit.framework == Framework::Diesel {
        server.psql(database, DIESEL_OWN).expect("diesel's own table");
    }
    let version = ServerVersion(server.major);
    let mut catalog = Catalog::default();
    let mut known = BTreeSet::new();
    let mut out = Vec::new();
    for migration in &unit.migrations {
        let (steps, _) = timeline::roll_out(Rc::new(catalog.clone()), [(0, migration)].into_iter(), version);
        let run = run(server, database, migration, &steps, sources);
        timeline::replay_script(&mut catalog, &migration.up, &Context { origin: Origin::History, place: None, server: version });
        let mut differences = Differences::default();
        differences.statements(&run.looks, migration, &steps);
        let foretold = differences.failure(&run, &steps);
        match (&run.error, run.looks.last()) {
            (None, Some(last)) => differences.catalog(&catalog, &last.after, compare::is_dynamic(&steps, migration), &mut known),
            // What it left out is missing from now on, which says nothing of the replay.
            (Some(_), _) => {
                let mut now = Look::default();
                server.psql(database, "SELECT * FROM holdshort.look();").expect("a look").lines().for_each(|line| now.add(line));
                Differences::default().catalog(&catalog, &now, false, &mut known);
            }
            (None, None) => {}
        }
        let text = sources.text(migration.up.source);
        out.push(Outcome {
            path: migration.path.clone(),
            statements: migration.up.statements.len(),
            opaque: compare::opaque(&migration.up, text),
            not_run: run.error.filter(|_| !foretold),
            differences: differences.found,
        });
    }
    out
}

/// A migration as the server ran it.
struct Run {
    /// Before the first statement, then after each statement that went through: its number and what was seen before and after.
    looks: Vec<Seen>,
    error: Option<String>,
}

struct Seen {
    statement: usize,
    before: Rc<Look>,
    after: Rc<Look>,
    /// Scans and locks can be told: the statement ran in a transaction with both looks.
    in_transaction: bool,
}

const MARK: &str = "@@holdshort@@";

fn run(server: &Cluster, database: &str, migration: &Migration, steps: &[Step], sources: &SourceMap) -> Run {
    let script = script(&migration.up, steps, sources.text(migration.up.source));
    let mut result = server.run(database, &script, true).expect("psql runs");
    // Roles live outside the migrations; those that are named are made.
    for _ in 0..20 {
        let missing = result.1.as_ref().and_then(|error| error.split_once("role \"")?.1.split_once("\" does not exist"));
        let Some((role, _)) = missing else { break };
        server.psql(database, &format!("CREATE ROLE \"{role}\"")).expect("a role");
        result = server.run(database, &script, true).expect("psql runs");
    }
    let looks = parse(&result.0);
    if result.1.is_some() {
        // As far as it goes, so that the migrations after it find most of what they need.
        let text = sources.text(migration.up.source);
        let plain: Vec<String> = migration.up.statements.iter().map(|statement| format!("{}\n;\n", statement.span.text(text))).collect();
        let _ = server.run(database, &plain.concat(), false);
    }
    Run { looks, error: result.1.map(|error| error.trim().to_owned()) }
}

/// The migration's statements as its runner sends them, with a look before and after each.
fn script(script: &Script, steps: &[Step], text: &str) -> String {
    let look = |number: usize, state: &str| format!("\\echo {MARK} {number} {state}\nSELECT * FROM holdshort.look();\n\\echo {MARK} end\n");
    let many = script.statements.len() > 1;
    let refuses = |number: usize| steps.iter().any(|step| step.statement == number && step.effect.outside_transaction);
    let wrapped = match script.transaction {
        Wrapping::Transaction | Wrapping::AllPending => true,
        Wrapping::ImplicitWhenMany => many,
        Wrapping::Autocommit | Wrapping::Unknown => false,
    };
    let mut out = String::new();
    let mut open = wrapped;
    if wrapped {
        out.push_str("BEGIN;\n");
    }
    for (number, statement) in script.statements.iter().enumerate() {
        let control = statement.ops.iter().find_map(|op| match &op.kind {
            SchemaOp::Transaction(control) => Some(control),
            _ => None,
        });
        let body = format!("{}\n;\n", statement.span.text(text));
        match control {
            // Runners that wrap meet a second BEGIN with a warning.
            Some(control) => {
                out.push_str(&body);
                open = match control {
                    TransactionOp::Begin => true,
                    TransactionOp::Commit { .. } | TransactionOp::Rollback { .. } => false,
                    _ => open,
                };
                // The rest of one message is a transaction of its own.
                if !open && many && script.transaction == Wrapping::ImplicitWhenMany {
                    out.push_str("BEGIN;\n");
                    open = true;
                }
            }
            None if open || refuses(number) => {
                let state = if open { "inside" } else { "outside" };
                out.push_str(&look(number, state));
                out.push_str(&body);
                out.push_str(&look(number, state));
            }
            None => {
                out.push_str("BEGIN;\n");
                out.push_str(&look(number, "inside"));
                out.push_str(&body);
                out.push_str(&look(number, "inside"));
                out.push_str("COMMIT;\n");
            }
        }
    }
    if open {
        out.push_str("COMMIT;\n");
    }
    out
}

fn parse(printed: &str) -> Vec<Seen> {
    let mut looks: Vec<(usize, bool, Look)> = Vec::new();
    let mut open = false;
    for line in printed.lines() {
        match line.strip_prefix(MARK).map(|rest| rest.split_whitespace().collect::<Vec<_>>()).as_deref() {
            Some(["end"]) => open = false,
            Some([number, state]) => {
                looks.push((number.parse().expect("a statement's number"), *state == "inside", Look::default()));
                open = true;
            }
            _ if open => {
                if let Some((_, _, look)) = looks.last_mut() {
                    look.add(line);
                }
            }
            _ => {}
        }
    }
    let mut seen: Vec<Seen> = Vec::new();
    let mut before: Option<(usize, Rc<Look>)> = None;
    for (statement, in_transaction, look) in looks {
        let look = Rc::new(look);
        match before.take() {
            Some((number, before)) if number == statement => seen.push(Seen { statement, before, after: look, in_transaction }),
            _ => before = Some((statement, look)),
        }
    }
    seen
}

/// The statement that the effects say must fail, if any.
fn must_fail(steps: &[Step]) -> Option<(usize, &str)> {
    steps.iter().find_map(|step| {
        let abort = step.effect.aborts.iter().find(|abort| abort.certainty == Certainty::Always)?;
        Some((step.statement, abort.reason.as_str()))
    })
}
