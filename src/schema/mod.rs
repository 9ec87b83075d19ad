//! Migrations in order in, a timeline of steps out: each op with the catalog before it and its effect.

pub mod catalog;
pub mod effect;
pub mod inverse;
pub mod name;
pub mod op;
pub mod replay;
pub mod session;
pub mod timeline;
pub mod types;

use std::rc::Rc;

use catalog::Catalog;
use effect::{Effect, ServerVersion};
use op::Statement;
use serde::Serialize;

/// One unit's rollout: the catalog at base, then every op of the migrations that are new at head.
#[derive(Debug, Clone, Serialize)]
pub struct Timeline {
    /// Index of the unit in `Inspection::head_units`.
    pub unit: usize,
    pub server: ServerVersion,
    pub server_assumed: bool,
    pub before: Rc<Catalog>,
    pub steps: Vec<Step>,
    pub after: Rc<Catalog>,
}

/// One op of the rollout. Nested ops (a DO block's) are steps of their own.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// Index of the migration in its unit.
    pub migration: usize,
    /// Index of the top-level statement in the script.
    pub statement: usize,
    /// Path of op indexes from the statement down: `[2]`, or `[0, 3, 1]` inside a DO block.
    pub op: Vec<usize>,
    /// The op is in a routine of the user's own, which the op at `op` calls.
    #[serde(skip)]
    pub called: Option<Called>,
    #[serde(skip)]
    pub before: Rc<Catalog>,
    pub effect: Effect,
    pub transaction: Transaction,
}

/// An op in the body of a routine. Its spans are those of the text that made the routine.
#[derive(Debug, Clone)]
pub struct Called {
    pub body: Rc<Vec<Statement>>,
    /// Index of the statement in the body, then as `Step::op`.
    pub path: Vec<usize>,
}

/// The transaction an op runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Transaction {
    /// Numbered through the rollout; ops with the same number commit together.
    pub id: usize,
    pub kind: TransactionKind,
    /// `lock_timeout` in force: milliseconds, `None` when unset or 0.
    pub lock_timeout: Option<u64>,
    pub statement_timeout: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransactionKind {
    /// Opened by the script's own BEGIN.
    Explicit,
    /// Opened by the runner.
    Runner,
    /// Several statements in one message.
    Implicit,
    /// The statement commits by itself.
    Single,
    /// The runner is not known to open one; treated as `Single`, and findings that depend on it say so.
    Unknown,
}
