//! A rehearsal: one change and a throwaway PostgreSQL in; the change applied, rolled back and compared, with times and locks, out.
//! Nothing but this module runs anything, and it runs it against nothing but the throwaway database.

#[cfg(unix)]
mod cluster;
mod compare;
mod given;
mod plan;
mod progress;
mod record;
mod run;
mod stop;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use postgres::Config;
use serde::Serialize;

use crate::change::{ChangeSet, Snapshot as Tree, Text};
use crate::detect::Inspection;
use crate::error::Error;
pub use compare::Difference;
pub use plan::{Plan, Script, Statement, UnitPlan, plan};
pub use progress::Progress;
pub use record::{no_commit, record};
pub use run::{Lock, Ran};
pub use stop::Stop;

/// How a rehearsal is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// Programs of the server; found when absent.
    pub bin_dir: Option<PathBuf>,
    /// The account that root steps down to.
    pub run_as: Option<String>,
    /// An empty database of the user's, instead of a cluster of our own.
    pub database_url: Option<String>,
    /// The migrations may do everything: run as the superuser.
    pub superuser: bool,
    pub statement_timeout: Duration,
    pub timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// Applied, rolled back, and the database is what it was.
    Passed,
    /// The change, its smoke test or its rollback failed, or left something behind.
    Failed,
    /// Part of the change was not rehearsed.
    Incomplete,
    /// There was nothing to rehearse.
    Skipped,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub verdict: Verdict,
    /// Why, as a clause.
    pub reason: String,
    /// Of the server: `15.14`.
    pub server_version: String,
    pub units: Vec<UnitOutcome>,
}

/// What came of one database.
#[derive(Debug, Clone, Default, Serialize)]
pub struct UnitOutcome {
    pub root: String,
    pub files: Vec<String>,
    pub history_scripts: usize,
    pub history_seconds: f64,
    pub apply: Vec<Ran>,
    pub rollback: Vec<Ran>,
    /// Scripts of the change that stay, because they are declared forward-only.
    pub kept: usize,
    pub differences: Vec<Difference>,
    /// Tables whose rows could not be compared.
    pub unread_tables: usize,
    #[serde(skip)]
    pub failure: Option<Failure>,
    #[serde(skip)]
    pub gaps: Vec<String>,
}

impl UnitOutcome {
    pub fn apply_seconds(&self) -> f64 {
        self.apply.iter().map(|ran| ran.milliseconds).sum::<f64>() / 1000.0
    }

    pub fn rollback_seconds(&self) -> f64 {
        self.rollback.iter().map(|ran| ran.milliseconds).sum::<f64>() / 1000.0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    History,
    Change,
    Smoke,
    Rollback,
}

impl Phase {
    /// `while it …`.
    pub fn word(self) -> &'static str {
        match self {
            Phase::History => "replaying history",
            Phase::Change => "applying the change",
            Phase::Smoke => "running the smoke test",
            Phase::Rollback => "rolling back",
        }
    }
}

/// Where a script stopped, and why.
#[derive(Debug, Clone)]
pub struct Failure {
    pub phase: Phase,
    pub migration: String,
    pub path: String,
    pub line: usize,
    pub message: String,
    /// Interrupted or out of time: nothing is known of the script itself.
    pub stopped: bool,
    /// The server refuses it inside a transaction block.
    pub outside_transaction: bool,
    pub hint: Option<&'static str>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.phase.word(), self.message)
    }
}

/// The rehearsal could not be made: no server, no history, an interrupt. Says nothing of the change.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct RehearseError {
    pub message: String,
    pub help: Option<String>,
    /// The command line asks for something that cannot be.
    pub usage: bool,
}

impl RehearseError {
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        RehearseError { message: message.into(), help: Some(help.into()), usage: false }
    }

    pub fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        RehearseError { usage: true, ..RehearseError::new(message, help) }
    }
}

/// Rehearses a change. An error says nothing of it; a failed rehearsal is an outcome.
pub fn rehearse(inspection: &Inspection, options: &Options, stop: &Stop, progress: &mut Progress) -> Result<Outcome, Error> {
    let plan = plan(inspection);
    let policy = &inspection.settings.policy.rehearse;
    let mut outcome =
        Outcome { verdict: Verdict::Skipped, reason: "no new migration".to_owned(), server_version: String::new(), units: Vec::new() };
    if plan.units.is_empty() {
        if let Some(why) = plan.left_out.first() {
            (outcome.verdict, outcome.reason) = (Verdict::Incomplete, why.clone());
        }
        return Ok(outcome);
    }
    // The set-up runs with every right, so it is taken from where the policy is: a change cannot bring its own.
    let extra = Extra {
        setup: texts(inspection.settings.trusted(&inspection.change), &policy.setup, "the revision the policy is read from")?,
        seed: texts(&inspection.change.head_tree, &policy.seed, "head")?,
        smoke: texts(&inspection.change.head_tree, &policy.smoke, "head")?,
    };
    let _watchdog = stop.watchdog(options.timeout);
    let host = Host::start(&plan, options)?;
    for (number, unit) in plan.units.iter().enumerate() {
        let (owner, observer) = host.database(number, options, &extra)?;
        let mut runner = run::Runner::connect(&owner, &observer, stop)?;
        outcome.server_version = given::server_version(runner.observer())?;
        outcome.units.push(rehearse_unit(unit, &extra, &mut runner, progress)?);
        if outcome.units.last().is_some_and(|unit| unit.failure.is_some()) {
            break;
        }
    }
    (outcome.verdict, outcome.reason) = decide(&plan, &outcome.units);
    Ok(outcome)
}

fn decide(plan: &Plan, units: &[UnitOutcome]) -> (Verdict, String) {
    let mut scripts = 0;
    for unit in units {
        scripts += unit.rollback.iter().map(|ran| &ran.path).collect::<std::collections::BTreeSet<_>>().len();
        if let Some(failure) = &unit.failure {
            return (Verdict::Failed, failure.to_string());
        }
        if let Some(first) = unit.differences.first() {
            let more =
                if unit.differences.len() > 1 { format!(", and {} more differences", unit.differences.len() - 1) } else { String::new() };
            return (Verdict::Failed, format!("after the rollback {}{more}", first.text));
        }
        if let Some(gap) = unit.gaps.first() {
            return (
                Verdict::Failed,
                format!("migration {gap} has no down script, and no rollback document says that it is forward-only, and why"),
            );
        }
    }
    match plan.left_out.first() {
        Some(why) => (Verdict::Incomplete, why.clone()),
        None if scripts == 0 => (Verdict::Passed, "applied; declared forward-only, so the schema stays".to_owned()),
        None => (Verdict::Passed, "applied, rolled back, and the database is what it was".to_owned()),
    }
}

/// SQL beside the migrations: paths and texts.
struct Extra {
    setup: Vec<(String, String)>,
    seed: Vec<(String, String)>,
    smoke: Vec<(String, String)>,
}

fn texts(tree: &Tree, paths: &[String], side: &str) -> Result<Vec<(String, String)>, Error> {
    let read = |path: &String| match tree.read_path(path)? {
        Some(Text::Utf8(text)) => Ok((path.clone(), text.to_string())),
        _ => Err(Error::from(RehearseError::usage(
            format!("the policy names {path} under `rehearse`, and {side} has no such text file"),
            "correct the path, from the root of the repository; merge a new `setup` before it is used",
        ))),
    };
    paths.iter().map(read).collect()
}

/// Where the databases are.
enum Host {
    #[cfg(unix)]
    Own(cluster::Cluster),
    Given(Config),
}

impl Host {
    fn start(plan: &Plan, options: &Options) -> Result<Host, RehearseError> {
        if let Some(url) = &options.database_url {
            return given::open(url, plan.units.len(), options.superuser).map(Host::Given);
        }
        #[cfg(unix)]
        {
            let wanted = plan.units.iter().find_map(|unit| unit.server);
            let bin = cluster::find(options.bin_dir.as_deref(), wanted)?;
            cluster::Cluster::start(&bin, options.run_as.as_deref()).map(Host::Own)
        }
        #[cfg(not(unix))]
        Err(RehearseError::usage("a cluster of its own is only made on Unix", "give an empty database with --database-url"))
    }

    /// How to connect for the migrations, and how to watch them.
    fn database(&self, number: usize, options: &Options, extra: &Extra) -> Result<(Config, Config), RehearseError> {
        let (mut owner, observer) = match self {
            #[cfg(unix)]
            Host::Own(cluster) => {
                let name = format!("rehearsal_{}", number + 1);
                let configs = cluster.database(&name, options.superuser)?;
                for (path, text) in &extra.setup {
                    cluster.set_up(&name, path, text)?;
                }
                configs
            }
            Host::Given(config) => {
                given::set_up(config, &extra.setup)?;
                (config.clone(), config.clone())
            }
        };
        owner.options(&format!("-c statement_timeout={}", options.statement_timeout.as_millis()));
        Ok((owner, observer))
    }
}

fn rehearse_unit(unit: &UnitPlan, extra: &Extra, runner: &mut run::Runner, progress: &mut Progress) -> Result<UnitOutcome, Error> {
    let mut out = UnitOutcome {
        root: unit.root.clone(),
        files: unit.files.clone(),
        kept: unit.kept,
        gaps: unit.gaps.clone(),
        ..UnitOutcome::default()
    };
    let started = Instant::now();
    out.history_scripts = unit.history.len();
    runner.run(&unit.history, Phase::History, progress).map_err(could_not)?;
    runner.run(&run::plain_scripts(&extra.seed), Phase::History, progress).map_err(could_not)?;
    out.history_seconds = started.elapsed().as_secs_f64();
    let mut take = |result: Result<Vec<Ran>, Failure>, into: &mut Vec<Ran>| match result {
        Ok(ran) => {
            into.extend(ran);
            Ok(true)
        }
        Err(failure) if failure.stopped => Err(could_not(failure)),
        Err(failure) => {
            out.failure = Some(failure);
            Ok(false)
        }
    };
    let (kept, reversible) = unit.change.split_at(unit.kept);
    let mut apply = Vec::new();
    let mut rollback = Vec::new();
    let mut smoke = Vec::new();
    let read = |error: postgres::Error| Error::from(run::database("read the catalog", &error));
    if take(runner.run(kept, Phase::Change, progress), &mut apply)? {
        let before = compare::snapshot(runner.observer()).map_err(read)?;
        let done = take(runner.run(reversible, Phase::Change, progress), &mut apply)?
            && take(runner.run(&run::plain_scripts(&extra.smoke), Phase::Smoke, progress), &mut smoke)?
            && take(runner.run(&unit.rollback, Phase::Rollback, progress), &mut rollback)?;
        if done {
            progress.show("comparing the catalogs");
            let after = compare::snapshot(runner.observer()).map_err(read)?;
            out.differences = compare::differences(&before, &after);
            out.unread_tables = before.unread_tables();
        }
    }
    (out.apply, out.rollback) = (apply, rollback);
    Ok(out)
}

/// The history could not be replayed, or the rehearsal was ended: nothing is known of the change.
fn could_not(failure: Failure) -> Error {
    let help = match failure.hint {
        Some(hint) => hint,
        None if failure.stopped => "nothing was left behind; run it again, with a larger --timeout if it was the time",
        None => {
            "the migrations that base has already do not run on an empty database; mend that, or name what they need under `rehearse: {setup: […]}`"
        }
    };
    let message = if failure.stopped { format!("stopped while {}", failure_at(&failure)) } else { failure.to_string() };
    RehearseError::new(message, help).into()
}

fn failure_at(failure: &Failure) -> String {
    format!("{}, at {}:{}: {}", failure.phase.word(), failure.path, failure.line, failure.message)
}

/// Ids of git blobs at head, by path: what a record is bound to.
pub fn blob(change: &ChangeSet, path: &str) -> Option<String> {
    match &change.head_tree.entry(path)?.blob {
        crate::change::Blob::Git(id) => Some(id.to_string()),
        _ => None,
    }
}
