//! What statements that read or write rows say, their expressions, and transaction control.

use serde::Serialize;

use crate::schema::name::{Name, RelName};
use crate::schema::types::TypeName;
use crate::source::Span;

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
    /// Columns that are compared with values, where nothing else bounds it: few rows or many, and found by an index or not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub equals: Vec<String>,
    pub query: Query,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Delete {
    pub table: RelName,
    pub predicate: Option<Expr>,
    pub bounded: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub equals: Vec<String>,
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
