//! What one SQL statement asks for, free of any parser's types: readers of every dialect hand these out, replay and effects take them in.

mod data;
mod object;
mod table;

use serde::Serialize;

pub use data::*;
pub use object::*;
pub use table::*;

use super::name::{Name, RelName};
use crate::source::Span;

/// One statement of a script. `ALTER TABLE t a, b` has one op an action; they share one lock and one pass over the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statement {
    /// The whole statement, without its semicolon, in bytes of the file.
    pub span: Span,
    pub ops: Vec<Op>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Op {
    /// What a finding about this op points at: the name it acts on, or the clause.
    pub span: Span,
    #[serde(flatten)]
    pub kind: SchemaOp,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum SchemaOp {
    // Tables
    CreateTable(Box<CreateTable>),
    AlterTable(AlterTable),
    DropTable {
        table: RelName,
        foreign: bool,
        if_exists: bool,
        cascade: bool,
    },
    Truncate {
        tables: Vec<RelName>,
        cascade: bool,
        restart_identity: bool,
    },
    LockTable {
        tables: Vec<RelName>,
        mode: LockMode,
        nowait: bool,
    },

    // Indexes
    CreateIndex(Box<CreateIndex>),
    DropIndex {
        index: RelName,
        concurrently: bool,
        if_exists: bool,
        cascade: bool,
    },
    AlterIndex {
        index: RelName,
        if_exists: bool,
        action: IndexAction,
    },
    Reindex {
        target: ReindexTarget,
        concurrently: bool,
    },

    // Views
    CreateView(Box<CreateView>),
    AlterView {
        view: RelName,
        materialized: bool,
        action: ViewAction,
    },
    DropView {
        view: RelName,
        materialized: bool,
        if_exists: bool,
        cascade: bool,
    },
    RefreshView {
        view: RelName,
        concurrently: bool,
        with_data: bool,
    },

    // Types and domains
    CreateType {
        name: RelName,
        definition: TypeDefinition,
    },
    AlterType {
        name: RelName,
        action: TypeAction,
    },
    DropType {
        name: RelName,
        if_exists: bool,
        cascade: bool,
    },
    CreateDomain(Box<CreateDomain>),
    AlterDomain {
        domain: RelName,
        action: DomainAction,
    },
    DropDomain {
        domain: RelName,
        if_exists: bool,
        cascade: bool,
    },

    // Sequences
    CreateSequence {
        name: RelName,
        if_not_exists: bool,
        owned_by: Option<(RelName, Name)>,
    },
    AlterSequence {
        name: RelName,
        if_exists: bool,
        action: SequenceAction,
    },
    DropSequence {
        name: RelName,
        if_exists: bool,
        cascade: bool,
    },

    // Routines: functions, procedures, aggregates
    CreateRoutine(Box<CreateRoutine>),
    AlterRoutine {
        routine: RoutineName,
        action: RoutineAction,
    },
    DropRoutine {
        routine: RoutineName,
        if_exists: bool,
        cascade: bool,
    },
    /// `DO $$ … $$`: the static statements of its body, as if they stood there. Dynamic SQL in it is an `Opaque` op.
    Do {
        language: String,
        body: Vec<Statement>,
    },
    Call {
        routine: RelName,
    },

    // Triggers, rules, row security
    CreateTrigger(Box<CreateTrigger>),
    DropTrigger {
        name: Name,
        table: RelName,
        if_exists: bool,
        cascade: bool,
    },
    RenameTrigger {
        name: Name,
        table: RelName,
        to: Name,
    },
    CreateRule {
        name: Name,
        table: RelName,
        or_replace: bool,
        event: String,
        instead: bool,
    },
    DropRule {
        name: Name,
        table: RelName,
        if_exists: bool,
    },
    CreatePolicy {
        name: Name,
        table: RelName,
        permissive: bool,
    },
    AlterPolicy {
        name: Name,
        table: RelName,
    },
    DropPolicy {
        name: Name,
        table: RelName,
        if_exists: bool,
    },

    // Schemas, extensions, replication, privileges
    CreateSchema {
        name: Name,
        if_not_exists: bool,
    },
    AlterSchema {
        name: Name,
        rename_to: Option<Name>,
        owner_to: Option<String>,
    },
    DropSchema {
        name: Name,
        if_exists: bool,
        cascade: bool,
    },
    CreateExtension {
        name: Name,
        if_not_exists: bool,
        schema: Option<Name>,
    },
    AlterExtension {
        name: Name,
        what: String,
    },
    DropExtension {
        name: Name,
        if_exists: bool,
        cascade: bool,
    },
    CreatePublication {
        name: Name,
        all_tables: bool,
        tables: Vec<RelName>,
        schemas: Vec<Name>,
        publishes_update_or_delete: bool,
    },
    AlterPublication {
        name: Name,
        action: PublicationAction,
    },
    DropPublication {
        name: Name,
        if_exists: bool,
    },
    DropDatabase {
        name: Name,
        if_exists: bool,
    },
    Grant {
        privileges: Vec<String>,
        on: PrivilegeTarget,
        roles: Vec<String>,
    },
    Revoke {
        privileges: Vec<String>,
        on: PrivilegeTarget,
        roles: Vec<String>,
    },
    DropOwned {
        roles: Vec<String>,
        cascade: bool,
    },

    // Data
    Insert(Box<Insert>),
    Update(Box<Update>),
    Delete(Box<Delete>),
    Merge {
        table: RelName,
        query: Query,
    },
    Copy {
        table: Option<RelName>,
        columns: Vec<Name>,
        from: bool,
    },
    Select {
        query: Query,
        into: Option<RelName>,
    },

    // Session and transaction
    /// `value` is the literal as written, without its quotes. `SET x TO DEFAULT` and `RESET x` have none.
    Set {
        name: String,
        value: Option<String>,
        local: bool,
    },
    Transaction(TransactionOp),

    // Maintenance
    Vacuum {
        tables: Vec<RelName>,
        full: bool,
        analyze: bool,
    },
    Analyze {
        tables: Vec<RelName>,
    },
    Cluster {
        table: Option<RelName>,
        index: Option<Name>,
    },

    /// Understood, and irrelevant to running clients: `object` names the kind (`comment`, `statistics`, `role` …), `verb` what is done.
    Irrelevant {
        verb: String,
        object: String,
        name: Option<RelName>,
    },

    /// Could not be read. Never passed over: it becomes a finding and counts in the report's coverage.
    Opaque {
        reason: OpaqueReason,
        detail: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpaqueReason {
    /// The text is not SQL of the dialect.
    Syntax,
    /// The statement parsed, but is of a kind this version does not know.
    Unsupported,
    /// Text built at run time: `EXECUTE format(…)`, a runner's placeholder in a place that decides.
    Dynamic,
    /// Another file or program: psql `\i`, `\!`, a Go or Ruby migration.
    External,
    /// Longer or more deeply nested than is read.
    TooLarge,
}
