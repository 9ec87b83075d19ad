//! Runs scripts on the throwaway database: statements in, their times and locks, or the first failure, out.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use postgres::error::SqlState;
use postgres::{Client, Config, NoTls};
use serde::Serialize;

use super::plan::{Script, Statement};
use super::progress::Progress;
use super::stop::Stop;
use super::{Failure, Phase, RehearseError};
use crate::read::migration::{Dialect, Wrapping, sql};
use crate::schema::TransactionKind;
use crate::schema::op::SchemaOp;
use crate::schema::session::Session;
use crate::source::{LineIndex, Span};

/// Longest part of a statement that is shown and recorded.
const SHOWN: usize = 120;

/// One statement as it ran.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ran {
    pub migration: String,
    pub path: String,
    pub line: usize,
    /// The statement's beginning, on one line.
    pub statement: String,
    pub milliseconds: f64,
    /// The locks it took on tables and views that existed before its transaction. A statement that runs outside of
    /// transactions is watched from beside, which misses locks it holds for less than a moment.
    pub locks: Vec<Lock>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Lock {
    pub relation: String,
    /// In the words of the manual: `ACCESS EXCLUSIVE`.
    pub mode: String,
}

/// A connection that runs scripts, and one beside it that watches.
pub struct Runner<'a> {
    client: Client,
    observer: Client,
    pid: i32,
    stop: &'a Stop,
    session: Session,
    /// A transaction that we opened for the runner.
    open: bool,
    /// Locks the open transaction held before the statement that runs now.
    held: Vec<Lock>,
}

/// An error of the database or of the way to it, as one of ours.
pub fn database(what: &str, error: &postgres::Error) -> RehearseError {
    RehearseError::new(format!("cannot {what}: {}", words(error)), "see the server's own message")
}

/// What the server said, on one line.
pub fn words(error: &postgres::Error) -> String {
    let Some(said) = error.as_db_error() else { return error.to_string() };
    let mut text = format!("{} ({})", said.message(), said.code().code());
    for more in [said.detail(), said.hint()].into_iter().flatten() {
        text.push_str("; ");
        text.push_str(&more.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    text
}

impl<'a> Runner<'a> {
    pub fn connect(config: &Config, observer: &Config, stop: &'a Stop) -> Result<Runner<'a>, RehearseError> {
        let open = |config: &Config| config.connect(NoTls).map_err(|error| database("connect to the database", &error));
        let mut client = open(config)?;
        let observer = open(observer)?;
        let row = client.query_one("SELECT pg_catalog.pg_backend_pid()", &[]);
        let pid: i32 = row.map_err(|error| database("ask for the connection's number", &error))?.get(0);
        stop.watch(client.cancel_token(), config.clone(), pid);
        let session = Session::default();
        Ok(Runner { client, observer, pid, stop, session, open: false, held: Vec::new() })
    }

    /// The connection that watches, to read the catalog with.
    pub fn observer(&mut self) -> &mut Client {
        &mut self.observer
    }

    /// Runs scripts in order, each as its runner would, up to the first that fails.
    pub fn run(&mut self, scripts: &[Script], phase: Phase, progress: &mut Progress) -> Result<Vec<Ran>, Failure> {
        let mut all = Vec::new();
        for (number, script) in scripts.iter().enumerate() {
            progress.show(&format!("{} {}/{}: {}", phase.word(), number + 1, scripts.len(), script.migration));
            if phase == Phase::History {
                self.applied_before(script)?;
            } else {
                self.script(script, script.wrapping, phase, &mut all)?;
            }
        }
        // Runners that put everything into one transaction commit it now.
        if let Some(last) = scripts.last() {
            self.close(last, last.statements.last(), phase)?;
        }
        Ok(all)
    }

    /// A script that production applied long ago, alone: whatever transaction it ran in there, it ran.
    fn applied_before(&mut self, script: &Script) -> Result<(), Failure> {
        let wrapping = if script.wrapping == Wrapping::AllPending { Wrapping::Transaction } else { script.wrapping };
        match self.script(script, wrapping, Phase::History, &mut Vec::new()) {
            Err(failure) if failure.outside_transaction && wrapping != Wrapping::Autocommit => {
                self.rollback();
                self.script(script, Wrapping::Autocommit, Phase::History, &mut Vec::new())
            }
            other => other,
        }
    }

    fn rollback(&mut self) {
        // Where there is nothing to roll back, the server only warns; a lost connection shows at the next statement.
        let _ = self.client.batch_execute("ROLLBACK").and_then(|()| self.client.batch_execute("DISCARD ALL"));
        self.open = false;
        self.held.clear();
    }

    fn script(&mut self, script: &Script, wrapping: Wrapping, phase: Phase, out: &mut Vec<Ran>) -> Result<(), Failure> {
        self.session.start_script(wrapping, script.statements.len());
        let whole = phase != Phase::History;
        for statement in &script.statements {
            let fail = |message: String| failure(script, Some(statement), phase, message);
            if let Some(reason) = self.stop.reason() {
                return Err(Failure { stopped: true, ..fail(reason) });
            }
            self.session.start_statement();
            let started = Instant::now();
            let locks = self.statement(statement, whole).map_err(|error| match self.stop.reason() {
                Some(reason) => Failure { stopped: true, ..fail(reason) },
                None => Failure { hint: hint(&error), outside_transaction: wants_no_transaction(&error), ..fail(said(&error)) },
            })?;
            if whole {
                out.push(Ran {
                    migration: script.migration.clone(),
                    path: script.path.clone(),
                    line: statement.line,
                    statement: shown(&statement.text),
                    milliseconds: locks.spent.unwrap_or_else(|| started.elapsed()).as_secs_f64() * 1000.0,
                    locks: locks.locks,
                });
            }
        }
        self.session.end_script();
        if wrapping != Wrapping::AllPending {
            self.close(script, script.statements.last(), phase)?;
        }
        Ok(())
    }

    /// Commits what is open, and gives the next script a session without this one's settings.
    fn close(&mut self, script: &Script, last: Option<&Statement>, phase: Phase) -> Result<(), Failure> {
        self.open = false;
        self.held.clear();
        let commit = self.client.batch_execute("COMMIT").and_then(|()| self.client.batch_execute("DISCARD ALL"));
        commit.map_err(|error| match self.stop.reason() {
            Some(reason) => Failure { stopped: true, ..failure(script, last, phase, reason) },
            None => failure(script, last, phase, words(&error)),
        })
    }

    fn statement(&mut self, statement: &Statement, observe: bool) -> Result<Observed, Refused> {
        refuse(statement)?;
        let kind = self.session.transaction().kind;
        let alone = matches!(kind, TransactionKind::Single | TransactionKind::Unknown);
        let control = statement.ops.iter().any(|op| matches!(op, SchemaOp::Transaction(_)));
        let started = Instant::now();
        let observed = if alone && !control && observe {
            self.alone(statement)?
        } else {
            if !alone && kind != TransactionKind::Explicit && !self.open {
                self.client.batch_execute("BEGIN")?;
                self.open = true;
                self.held.clear();
            }
            self.client.batch_execute(&statement.text)?;
            let spent = Some(started.elapsed());
            let locks = if observe { self.taken()? } else { Vec::new() };
            Observed { locks, spent }
        };
        for op in &statement.ops {
            self.session.apply(op);
        }
        if control && !matches!(self.session.transaction().kind, TransactionKind::Runner) {
            // COMMIT and ROLLBACK of the script's own end our transaction too.
            self.open = false;
            self.held.clear();
        }
        Ok(observed)
    }

    /// A statement that commits by itself: in a transaction, so that its locks can be seen before they are given back; where it
    /// does not run in one, watched from beside.
    fn alone(&mut self, statement: &Statement) -> Result<Observed, Refused> {
        self.held.clear();
        self.client.batch_execute("BEGIN")?;
        let started = Instant::now();
        match self.client.batch_execute(&statement.text) {
            Ok(()) => {
                let spent = started.elapsed();
                let locks = self.taken()?;
                let committing = Instant::now();
                self.client.batch_execute("COMMIT")?;
                self.held.clear();
                Ok(Observed { locks, spent: Some(spent + committing.elapsed()) })
            }
            Err(error) if needs_no_transaction(&error) => {
                self.client.batch_execute("ROLLBACK")?;
                self.beside(&statement.text)
            }
            Err(error) => {
                // The first error counts, not that of the clean-up.
                let _ = self.client.batch_execute("ROLLBACK");
                Err(error.into())
            }
        }
    }

    fn beside(&mut self, text: &str) -> Result<Observed, Refused> {
        let (pid, observer, client) = (self.pid, &mut self.observer, &mut self.client);
        let (watching, done) = (Barrier::new(2), AtomicBool::new(false));
        let (ran, spent, seen) = thread::scope(|scope| {
            let watch = scope.spawn(|| {
                let mut seen = Vec::new();
                watching.wait();
                while !done.load(Ordering::Relaxed) {
                    seen.extend(locks(observer, pid).unwrap_or_default());
                    seen.sort();
                    seen.dedup();
                    thread::sleep(Duration::from_micros(100));
                }
                seen
            });
            watching.wait();
            let started = Instant::now();
            let ran = client.batch_execute(text);
            let spent = started.elapsed();
            done.store(true, Ordering::Relaxed);
            (ran, spent, watch.join().unwrap_or_default())
        });
        ran?;
        Ok(Observed { locks: strongest(seen), spent: Some(spent) })
    }

    /// The locks the last statement added to those its transaction held.
    fn taken(&mut self) -> Result<Vec<Lock>, Refused> {
        let now = locks(&mut self.observer, self.pid)?;
        let new = now.iter().filter(|lock| !self.held.contains(lock)).cloned().collect();
        self.held = now;
        Ok(strongest(new))
    }
}

struct Observed {
    locks: Vec<Lock>,
    spent: Option<Duration>,
}

/// Why a statement did not run.
enum Refused {
    Server(postgres::Error),
    /// Not something a database can be sent.
    Here(&'static str),
}

impl From<postgres::Error> for Refused {
    fn from(error: postgres::Error) -> Self {
        Refused::Server(error)
    }
}

fn said(refused: &Refused) -> String {
    match refused {
        Refused::Server(error) => words(error),
        Refused::Here(why) => (*why).to_owned(),
    }
}

/// SQL files beside the migrations, each run statement by statement.
pub fn plain_scripts(files: &[(String, String)]) -> Vec<Script> {
    let script = |(path, text): &(String, String)| {
        let lines = LineIndex::new(text);
        let statement = |found: crate::schema::op::Statement| Statement {
            text: found.span.text(text).to_owned(),
            line: lines.position(text, found.span.start).line,
            ops: found.ops.into_iter().map(|op| op.kind).collect(),
        };
        let whole = [Span::new(0, text.len())];
        let statements = sql::read(Dialect::Postgres, text, &whole).into_iter().map(statement).collect();
        Script { migration: path.clone(), path: path.clone(), wrapping: Wrapping::Autocommit, statements }
    };
    files.iter().map(script).collect()
}

/// Statements that only psql understands.
fn refuse(statement: &Statement) -> Result<(), Refused> {
    if statement.text.starts_with('\\') {
        return Err(Refused::Here("this is a command of psql, which is not rehearsed"));
    }
    let copies = statement.ops.iter().any(|op| matches!(op, SchemaOp::Copy { from: true, .. }));
    if copies && statement.text.to_ascii_lowercase().split_whitespace().any(|word| word == "stdin" || word == "stdin;") {
        return Err(Refused::Here("COPY FROM stdin is not rehearsed: its rows travel beside the statement"));
    }
    Ok(())
}

/// 25001: refused inside a transaction block. 2D000: COMMIT in a procedure that was called inside one.
fn needs_no_transaction(error: &postgres::Error) -> bool {
    error.code().is_some_and(|code| [SqlState::ACTIVE_SQL_TRANSACTION, SqlState::INVALID_TRANSACTION_TERMINATION].contains(code))
}

fn wants_no_transaction(refused: &Refused) -> bool {
    matches!(refused, Refused::Server(error) if needs_no_transaction(error))
}

/// What usually helps against this error.
fn hint(refused: &Refused) -> Option<&'static str> {
    let Refused::Server(error) = refused else { return None };
    let code = error.code()?;
    let set_up = "the throwaway database lacks what production has: make roles and extensions in a script named under `rehearse: {setup: […]}` in holdshort.yaml, or give --database-url";
    let privilege = "the migrations run as an ordinary role: make extensions and roles in a script named under `rehearse: {setup: […]}`, or pass --superuser for a change you trust";
    let version = "if the script is written for a newer PostgreSQL, name the programs of that server with --bin-dir";
    match code {
        _ if *code == SqlState::SYNTAX_ERROR => Some(version),
        _ if *code == SqlState::INSUFFICIENT_PRIVILEGE => Some(privilege),
        _ if *code == SqlState::UNDEFINED_OBJECT || *code == SqlState::UNDEFINED_FILE => Some(set_up),
        _ if *code == SqlState::FEATURE_NOT_SUPPORTED => Some(set_up),
        _ => None,
    }
}

fn failure(script: &Script, statement: Option<&Statement>, phase: Phase, message: String) -> Failure {
    Failure {
        phase,
        migration: script.migration.clone(),
        path: script.path.clone(),
        line: statement.map_or(1, |statement| statement.line),
        message,
        stopped: false,
        outside_transaction: false,
        hint: None,
    }
}

/// Locks of a connection on tables and views that other connections can see.
const LOCKS: &str = "
  SELECT n.nspname::text, c.relname::text, l.mode
  FROM pg_catalog.pg_locks l
  JOIN pg_catalog.pg_class c ON c.oid = l.relation
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE l.pid = $1 AND l.granted AND l.locktype = 'relation' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%'";

fn locks(observer: &mut Client, pid: i32) -> Result<Vec<Lock>, postgres::Error> {
    let rows = observer.query(LOCKS, &[&pid])?;
    let lock = |row: &postgres::Row| {
        let (schema, name, mode): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let relation = if schema == "public" { name } else { format!("{schema}.{name}") };
        Lock { relation, mode: spoken(&mode) }
    };
    Ok(rows.iter().map(lock).collect())
}

/// `AccessExclusiveLock` → `ACCESS EXCLUSIVE`.
fn spoken(mode: &str) -> String {
    let mut out = String::new();
    for c in mode.strip_suffix("Lock").unwrap_or(mode).chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.push(c.to_ascii_uppercase());
    }
    out
}

/// Weakest first. Source: PostgreSQL manual, 13.3.1 "Table-Level Locks".
const MODES: [&str; 8] = [
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
];

/// The strongest mode on each relation.
fn strongest(locks: Vec<Lock>) -> Vec<Lock> {
    let rank = |mode: &str| MODES.iter().position(|known| *known == mode);
    let mut best: BTreeMap<String, String> = BTreeMap::new();
    for lock in locks {
        let known = best.entry(lock.relation).or_insert_with(|| lock.mode.clone());
        if rank(&lock.mode) > rank(known) {
            *known = lock.mode;
        }
    }
    best.into_iter().map(|(relation, mode)| Lock { relation, mode }).collect()
}

fn shown(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_spoken_as_in_the_manual_and_the_strongest_counts() {
        assert_eq!(spoken("ShareUpdateExclusiveLock"), "SHARE UPDATE EXCLUSIVE");
        let lock = |relation: &str, mode: &str| Lock { relation: relation.to_owned(), mode: mode.to_owned() };
        let all = vec![lock("a", "ACCESS SHARE"), lock("a", "ACCESS EXCLUSIVE"), lock("a", "SHARE"), lock("b", "SHARE")];
        assert_eq!(strongest(all), [lock("a", "ACCESS EXCLUSIVE"), lock("b", "SHARE")]);
    }
}
