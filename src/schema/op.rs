//! What one SQL statement asks for, free of any parser's types: readers of every dialect hand these out, replay and effects take them in.

use serde::Serialize;

use super::name::{Name, RelName};
use super::types::TypeName;
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

// ---------------------------------------------------------------------------------------------- tables

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

// ---------------------------------------------------------------------------------------------- indexes, views

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CreateIndex {
    pub name: Option<Name>,
    pub table: RelName,
    pub only: bool,
    pub unique: bool,
    pub concurrently: bool,
    pub if_not_exists: bool,
    pub method: Option<Name>,
    /// Plain columns, in order; expressions are in `expressions`.
    pub columns: Vec<Name>,
    pub expressions: Vec<Expr>,
    pub include: Vec<Name>,
    pub predicate: Option<Expr>,
    pub nulls_not_distinct: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum IndexAction {
    Rename { to: Name },
    SetTablespace { tablespace: Name },
    AttachPartition { index: RelName },
    SetParameters,
    SetStatistics,
    DependsOnExtension,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "target", rename_all = "kebab-case")]
pub enum ReindexTarget {
    Index { index: RelName },
    Table { table: RelName },
    Schema { schema: Name },
    Database,
    System,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CreateView {
    pub view: RelName,
    pub materialized: bool,
    pub temporary: bool,
    pub or_replace: bool,
    pub if_not_exists: bool,
    pub with_data: bool,
    /// The view's column list, when one is written.
    pub columns: Vec<Name>,
    pub query: Query,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum ViewAction {
    Rename { to: Name },
    RenameColumn { from: Name, to: Name },
    SetSchema { schema: Name },
    OwnerTo { role: String },
    SetDefault { column: Name },
    DropDefault { column: Name },
    SetTablespace { tablespace: Name },
    SetAccessMethod,
    ClusterOn,
    SetOptions,
}

// ---------------------------------------------------------------------------------------------- types, routines

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum TypeDefinition {
    Enum { values: Vec<String> },
    Composite { attributes: Vec<(Name, TypeName)> },
    Range,
    Base,
    Shell,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum TypeAction {
    AddValue { value: String, if_not_exists: bool, position: Option<ValuePosition> },
    RenameValue { from: String, to: String },
    Rename { to: Name },
    SetSchema { schema: Name },
    OwnerTo { role: String },
    AddAttribute { name: Name, ty: TypeName, cascade: bool },
    DropAttribute { name: Name, if_exists: bool, cascade: bool },
    AlterAttribute { name: Name, ty: TypeName, cascade: bool },
    RenameAttribute { from: Name, to: Name, cascade: bool },
    SetOptions,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValuePosition {
    Before(String),
    After(String),
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CreateDomain {
    pub domain: RelName,
    pub ty: TypeName,
    pub not_null: bool,
    pub default: Option<Expr>,
    pub checks: Vec<(Option<Name>, Expr)>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum DomainAction {
    SetDefault { default: Expr },
    DropDefault,
    SetNotNull,
    DropNotNull,
    AddConstraint { name: Option<Name>, check: Option<Expr>, not_valid: bool },
    DropConstraint { name: Name, if_exists: bool },
    RenameConstraint { from: Name, to: Name },
    ValidateConstraint { name: Name },
    Rename { to: Name },
    SetSchema { schema: Name },
    OwnerTo { role: String },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum SequenceAction {
    Rename {
        to: Name,
    },
    SetSchema {
        schema: Name,
    },
    OwnerTo {
        role: String,
    },
    OwnedBy {
        column: Option<(RelName, Name)>,
    },
    Restart,
    SetLogged {
        logged: bool,
    },
    /// INCREMENT, MINVALUE, CACHE, CYCLE, AS type …
    Options {
        words: Vec<String>,
    },
}

/// A routine and, when the statement gives them, the types of its input arguments.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoutineName {
    pub name: RelName,
    pub kind: RoutineKind,
    pub args: Option<Vec<TypeName>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoutineKind {
    Function,
    Procedure,
    Aggregate,
    /// `ALTER ROUTINE`, `DROP ROUTINE`: either kind.
    Routine,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CreateRoutine {
    pub routine: RoutineName,
    pub or_replace: bool,
    /// How many of the input arguments have a default.
    pub defaults: usize,
    pub arg_names: Vec<Option<Name>>,
    /// The result as written, white space collapsed; `None` for procedures.
    pub returns: Option<String>,
    pub language: Option<String>,
    pub volatility: Option<Volatility>,
    /// The static statements of an SQL or PL/pgSQL body. They run when the routine is called, not now.
    pub body: Vec<Statement>,
    pub body_span: Option<Span>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum RoutineAction {
    Rename { to: Name },
    SetSchema { schema: Name },
    OwnerTo { role: String },
    Options { words: Vec<String> },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CreateTrigger {
    pub name: Name,
    pub table: RelName,
    pub or_replace: bool,
    /// `before`, `after` or `instead-of`.
    pub timing: String,
    /// `insert`, `update`, `delete`, `truncate`.
    pub events: Vec<String>,
    pub routine: Option<RelName>,
    /// The referenced table of a constraint trigger's FROM clause.
    pub from_table: Option<RelName>,
}

// ---------------------------------------------------------------------------------------------- replication, privileges

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum PublicationAction {
    Add { tables: Vec<RelName>, schemas: Vec<Name> },
    Set { tables: Vec<RelName>, schemas: Vec<Name> },
    Drop { tables: Vec<RelName>, schemas: Vec<Name> },
    Rename { to: Name },
    Options { publishes_update_or_delete: Option<bool> },
    OwnerTo { role: String },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "on", rename_all = "kebab-case")]
pub enum PrivilegeTarget {
    Tables {
        tables: Vec<RelName>,
        columns: Vec<Name>,
    },
    AllTablesInSchema {
        schemas: Vec<Name>,
    },
    Schemas {
        schemas: Vec<Name>,
    },
    Sequences {
        sequences: Vec<RelName>,
    },
    Routines {
        routines: Vec<RelName>,
    },
    Types {
        types: Vec<RelName>,
    },
    /// `GRANT role TO role`.
    Role,
    /// `ALTER DEFAULT PRIVILEGES`: objects created later.
    Defaults,
    Other {
        object: String,
    },
}

// ---------------------------------------------------------------------------------------------- data

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Insert {
    pub table: RelName,
    /// Empty when no column list is written.
    pub columns: Vec<Name>,
    /// `INSERT … VALUES` (how many rows) or `None` for a query.
    pub rows: Option<usize>,
    pub query: Option<Query>,
    /// `ON CONFLICT (columns)` or `ON CONFLICT ON CONSTRAINT name`.
    pub conflict: Option<ConflictTarget>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictTarget {
    Columns(Vec<Name>),
    Constraint(Name),
    Any,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Update {
    pub table: RelName,
    pub set: Vec<Name>,
    pub predicate: Option<Expr>,
    /// Limited to some rows by a key range, an id list or a `LIMIT` subquery: a batch, not the whole table.
    pub bounded: bool,
    pub query: Query,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Delete {
    pub table: RelName,
    pub predicate: Option<Expr>,
    pub bounded: bool,
    pub query: Query,
}

/// What a query reads: enough to know what depends on what.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Query {
    pub span: Span,
    pub relations: Vec<RelName>,
    /// Columns by name, with the table or alias's table where one is written and resolves.
    pub columns: Vec<(Option<RelName>, Name)>,
    /// `SELECT *` or `t.*` somewhere in it.
    pub star: bool,
    pub functions: Vec<RelName>,
    /// Names of the output columns where they can be told; `None` for one that cannot.
    pub output: Vec<Option<String>>,
}

/// An expression: its text and what the physics needs to know of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Expr {
    pub span: Span,
    /// As written, white space collapsed to single blanks.
    pub text: String,
    pub volatility: Volatility,
    /// The literal `NULL`, casts and parentheses ignored.
    pub is_null: bool,
    /// A literal (with or without a cast), not a computation.
    pub is_literal: bool,
    pub columns: Vec<String>,
    pub functions: Vec<String>,
    /// Columns that cannot be NULL where the expression is true: conjuncts of the form `c IS NOT NULL`.
    pub proves_not_null: Vec<String>,
    /// `column`, `column::type` or `CAST(column AS type)` and nothing else: the cast's column and target.
    pub plain_cast: Option<(String, Option<TypeName>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Volatility {
    Immutable,
    Stable,
    Volatile,
    /// Calls a function that is not known here; the catalog may know it.
    Unknown,
}

// ---------------------------------------------------------------------------------------------- transactions

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "transaction", rename_all = "kebab-case")]
pub enum TransactionOp {
    Begin,
    /// `COMMIT`, `END`; `chain` is `AND CHAIN`.
    Commit {
        chain: bool,
    },
    Rollback {
        chain: bool,
    },
    Savepoint {
        name: Name,
    },
    Release {
        name: Name,
    },
    RollbackTo {
        name: Name,
    },
    Prepared,
}
