//! What one op does to the live system, as data. `effect::postgres` computes it; rules judge it.

pub mod postgres;

use serde::Serialize;

use super::name::QName;
pub use super::op::LockMode;

/// A server's version that decides physics. PostgreSQL counts by major version (`14`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ServerVersion(pub u32);

/// What one op does, given the catalog before it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Effect {
    /// Strongest lock on each relation, in the order they are taken.
    pub locks: Vec<Lock>,
    /// Relations whose heap is written anew, under the op's lock.
    pub rewrites: Vec<Work>,
    /// Relations read from end to end, under the op's lock.
    pub scans: Vec<Work>,
    /// Indexes built under the op's lock.
    pub index_builds: Vec<Work>,
    /// What old code can no longer read.
    pub breaks_readers: Vec<Break>,
    /// What old code can no longer write.
    pub breaks_writers: Vec<Break>,
    pub loses: Vec<Loss>,
    /// The statement must or may fail when it is applied.
    pub aborts: Vec<Abort>,
    /// The statement cannot run inside a transaction block.
    pub outside_transaction: bool,
    /// Rows changed by the statement itself (UPDATE, DELETE, INSERT … SELECT), for how long their locks are held.
    pub writes_rows: Option<RowWrite>,
    /// What a called routine runs that could not be read, as a clause each.
    pub hidden: Vec<String>,
    /// Set when the catalog could not tell: an object is assumed, a type unknown. The text says what was assumed.
    pub assumed: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lock {
    pub relation: QName,
    pub kind: RelationKind,
    pub mode: LockMode,
    /// Created inside this rollout, so nobody waits for it.
    pub new: bool,
    /// Why this relation is locked, when it is not the one the statement names.
    pub because: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelationKind {
    Table,
    Index,
    View,
    MaterializedView,
    Sequence,
}

/// Work proportional to the size of a relation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Work {
    pub relation: QName,
    pub new: bool,
    pub because: String,
}

/// One way in which old code fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Break {
    pub subject: Subject,
    /// The statements that fail, as a clause: `INSERT that leaves out email fails: …`.
    pub how: String,
    pub certainty: Certainty,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// Every statement that uses the subject fails.
    Always,
    /// It fails for some data, some statements or some clients.
    Sometimes,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Loss {
    pub subject: Subject,
    pub what: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Abort {
    pub reason: String,
    pub certainty: Certainty,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowWrite {
    pub relation: QName,
    pub new: bool,
    pub whole_table: bool,
    /// No index finds the rows, so all of the table is read for them.
    pub reads_all: bool,
}

/// What an effect or a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Subject {
    pub kind: SubjectKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubjectKind {
    Table,
    Column,
    Constraint,
    Index,
    View,
    Type,
    EnumValue,
    Domain,
    Sequence,
    Routine,
    Trigger,
    Policy,
    Schema,
    Extension,
    Publication,
    Database,
    Statement,
    Migration,
    Flag,
    File,
    Setting,
    Job,
    Step,
    Unit,
    Section,
    Gate,
}

impl Subject {
    pub fn table(name: &QName) -> Self {
        Subject { kind: SubjectKind::Table, table: None, name: name.to_string() }
    }

    pub fn column(table: &QName, column: &str) -> Self {
        Subject { kind: SubjectKind::Column, table: Some(table.to_string()), name: column.to_owned() }
    }

    pub fn of(kind: SubjectKind, name: impl Into<String>) -> Self {
        Subject { kind, table: None, name: name.into() }
    }

    pub fn on(kind: SubjectKind, table: &QName, name: impl Into<String>) -> Self {
        Subject { kind, table: Some(table.to_string()), name: name.into() }
    }
}
