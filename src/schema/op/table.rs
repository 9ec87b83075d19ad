//! What statements say of tables, their columns and constraints, and the modes they lock them in.

use serde::Serialize;

use super::{Expr, Query};
use crate::schema::name::{Name, RelName};
use crate::schema::types::TypeName;
use crate::source::Span;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CreateTable {
    pub table: RelName,
    pub persistence: Persistence,
    pub foreign: bool,
    pub if_not_exists: bool,
    pub columns: Vec<ColumnDef>,
    pub constraints: Vec<Constraint>,
    /// `PARTITION BY`: the strategy (`range`, `list`, `hash`) and the columns it names.
    pub partition_by: Option<PartitionBy>,
    pub partition_of: Option<PartitionOf>,
    pub inherits: Vec<RelName>,
    /// `LIKE source`, with `INCLUDING` options in lower case (`all`, `defaults`, `constraints`, `indexes` …).
    pub like: Vec<(RelName, Vec<String>)>,
    pub of_type: Option<RelName>,
    /// `CREATE TABLE … AS query` and `SELECT … INTO`.
    pub as_query: Option<Query>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Persistence {
    Permanent,
    Unlogged,
    Temporary,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionBy {
    pub strategy: String,
    pub columns: Vec<Name>,
    pub has_expression: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartitionOf {
    pub parent: RelName,
    pub bound: PartitionBound,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartitionBound {
    Default,
    /// `FOR VALUES …` with the bound's text, white space collapsed.
    Values(String),
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnDef {
    pub name: Name,
    pub ty: TypeName,
    /// `NOT NULL` or `PRIMARY KEY` written on the column (serial and identity imply it; that is physics, not text).
    pub not_null: bool,
    pub default: Option<Expr>,
    pub generated: Option<Generated>,
    pub identity: Option<Identity>,
    pub collation: Option<RelName>,
    /// Inline `PRIMARY KEY`, `UNIQUE`, `CHECK` and `REFERENCES`, as table constraints over this column.
    pub constraints: Vec<Constraint>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Generated {
    pub expr: Expr,
    /// `None` when the text says neither STORED nor VIRTUAL: virtual from PostgreSQL 18 on, an error before.
    pub stored: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    Always,
    ByDefault,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Constraint {
    pub name: Option<Name>,
    pub span: Span,
    pub kind: ConstraintKind,
    pub not_valid: bool,
    pub not_enforced: bool,
    pub deferrable: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "constraint", rename_all = "kebab-case")]
pub enum ConstraintKind {
    PrimaryKey {
        columns: Vec<Name>,
        using_index: Option<Name>,
    },
    Unique {
        columns: Vec<Name>,
        using_index: Option<Name>,
        nulls_not_distinct: bool,
    },
    Check {
        expr: Expr,
        no_inherit: bool,
    },
    ForeignKey {
        columns: Vec<Name>,
        table: RelName,
        ref_columns: Vec<Name>,
        on_delete: Option<RefAction>,
        on_update: Option<RefAction>,
    },
    Exclude {
        columns: Vec<Name>,
    },
    /// PostgreSQL 18: `CONSTRAINT c NOT NULL column`.
    NotNull {
        column: Name,
        no_inherit: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefAction {
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

/// One action of an `ALTER TABLE` (also `ALTER FOREIGN TABLE`, and `ALTER TABLE` on a view, index or sequence).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlterTable {
    pub table: RelName,
    pub if_exists: bool,
    pub only: bool,
    pub action: TableAction,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum TableAction {
    AddColumn {
        column: Box<ColumnDef>,
        if_not_exists: bool,
    },
    DropColumn {
        column: Name,
        if_exists: bool,
        cascade: bool,
    },
    RenameColumn {
        from: Name,
        to: Name,
    },
    AlterColumnType {
        column: Name,
        ty: TypeName,
        collation: Option<RelName>,
        using: Option<Expr>,
    },
    SetDefault {
        column: Name,
        default: Expr,
    },
    DropDefault {
        column: Name,
    },
    SetNotNull {
        column: Name,
    },
    DropNotNull {
        column: Name,
    },
    AddIdentity {
        column: Name,
        identity: Identity,
    },
    SetIdentity {
        column: Name,
    },
    DropIdentity {
        column: Name,
        if_exists: bool,
    },
    SetExpression {
        column: Name,
        expr: Expr,
    },
    DropExpression {
        column: Name,
        if_exists: bool,
    },
    SetStatistics {
        column: Option<Name>,
    },
    SetStorage {
        column: Name,
    },
    SetCompression {
        column: Name,
    },
    SetColumnOptions {
        column: Name,
    },
    AddConstraint {
        constraint: Box<Constraint>,
    },
    DropConstraint {
        name: Name,
        if_exists: bool,
        cascade: bool,
    },
    RenameConstraint {
        from: Name,
        to: Name,
    },
    ValidateConstraint {
        name: Name,
    },
    AlterConstraint {
        name: Name,
        enforced: Option<bool>,
    },
    RenameTable {
        to: Name,
    },
    SetSchema {
        schema: Name,
    },
    OwnerTo {
        role: String,
    },
    SetTablespace {
        tablespace: Name,
    },
    SetLogged {
        logged: bool,
    },
    /// `None` is `SET ACCESS METHOD DEFAULT`.
    SetAccessMethod {
        method: Option<Name>,
    },
    /// `SET (…)` and `RESET (…)`: the names of the parameters, in lower case.
    SetParameters {
        names: Vec<String>,
        reset: bool,
    },
    ClusterOn {
        index: Option<Name>,
    },
    SetWithoutOids,
    /// ENABLE/DISABLE TRIGGER. `None` is ALL or USER.
    Trigger {
        name: Option<Name>,
        enable: bool,
    },
    /// ENABLE/DISABLE RULE.
    Rule {
        name: Name,
        enable: bool,
    },
    RowSecurity {
        enable: Option<bool>,
        force: Option<bool>,
    },
    AttachPartition {
        partition: RelName,
        bound: PartitionBound,
    },
    DetachPartition {
        partition: RelName,
        concurrently: bool,
        finalize: bool,
    },
    Inherit {
        parent: RelName,
        remove: bool,
    },
    OfType {
        ty: Option<RelName>,
    },
    ReplicaIdentity {
        identity: ReplicaIdentity,
    },
    /// Options of a foreign table or a column of one.
    ForeignOptions,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplicaIdentity {
    Default,
    Full,
    Nothing,
    Index(Name),
}

/// Table-level lock modes, weakest first, spelled as PostgreSQL spells them.
/// Source: PostgreSQL manual, 13.3.1 "Table-Level Locks".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum LockMode {
    #[serde(rename = "ACCESS SHARE")]
    AccessShare,
    #[serde(rename = "ROW SHARE")]
    RowShare,
    #[serde(rename = "ROW EXCLUSIVE")]
    RowExclusive,
    #[serde(rename = "SHARE UPDATE EXCLUSIVE")]
    ShareUpdateExclusive,
    #[serde(rename = "SHARE")]
    Share,
    #[serde(rename = "SHARE ROW EXCLUSIVE")]
    ShareRowExclusive,
    #[serde(rename = "EXCLUSIVE")]
    Exclusive,
    #[serde(rename = "ACCESS EXCLUSIVE")]
    AccessExclusive,
}

impl LockMode {
    pub const ALL: [LockMode; 8] = [
        LockMode::AccessShare,
        LockMode::RowShare,
        LockMode::RowExclusive,
        LockMode::ShareUpdateExclusive,
        LockMode::Share,
        LockMode::ShareRowExclusive,
        LockMode::Exclusive,
        LockMode::AccessExclusive,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            LockMode::AccessShare => "ACCESS SHARE",
            LockMode::RowShare => "ROW SHARE",
            LockMode::RowExclusive => "ROW EXCLUSIVE",
            LockMode::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            LockMode::Share => "SHARE",
            LockMode::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            LockMode::Exclusive => "EXCLUSIVE",
            LockMode::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }

    /// Conflicts with the ACCESS SHARE that every SELECT takes.
    pub fn blocks_reads(self) -> bool {
        self == LockMode::AccessExclusive
    }

    /// Conflicts with the ROW EXCLUSIVE that INSERT, UPDATE and DELETE take.
    pub fn blocks_writes(self) -> bool {
        self >= LockMode::Share
    }
}
