//! What statements say of indexes, views, types, routines, triggers, publications and privileges.

use serde::Serialize;

use super::{Expr, Query, Statement, Volatility};
use crate::schema::name::{Name, RelName};
use crate::schema::types::TypeName;
use crate::source::Span;

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
    /// The body was left out: of the applied history only what the change may call is read.
    #[serde(skip)]
    pub body_unread: bool,
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
