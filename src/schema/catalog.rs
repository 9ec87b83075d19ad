//! The database schema at one point of the migration history, as plain data; `replay` moves it forward.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use imbl::{OrdMap, OrdSet};
use serde::Serialize;

use super::name::{QName, RelName};
use super::op::{Expr, Identity, Persistence, Query, RefAction, RoutineKind, Statement, Volatility};
use super::types::TypeName;
use crate::source::Place;

/// Where an object came from: decides whether running code can know it and how sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Created by the migration history at base: the running database has it.
    History,
    /// Created inside this rollout: no running code uses it yet.
    Rollout,
    /// Not in the history; assumed to exist because a statement uses it.
    Assumed,
}

/// All objects, by resolved name. Tables, views, indexes and sequences share one name space, as in PostgreSQL's `pg_class`.
/// The maps are persistent, so that keeping the catalog before each step is cheap.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Catalog {
    pub schemas: OrdMap<String, Origin>,
    pub tables: OrdMap<QName, Rc<Table>>,
    pub views: OrdMap<QName, Rc<View>>,
    pub indexes: OrdMap<QName, Rc<Index>>,
    pub sequences: OrdMap<QName, Sequence>,
    pub types: OrdMap<QName, UserType>,
    pub routines: OrdMap<QName, Vec<Routine>>,
    pub extensions: OrdMap<String, Origin>,
    pub publications: OrdMap<String, Publication>,
    /// `search_path` as the script last set it; the first entry that is a schema is where new objects go.
    pub search_path: Vec<String>,
    /// `timezone` as the script last set it; `None` when the session has the server's own.
    pub time_zone: Option<String>,
    /// Names that relations had before they were dropped or renamed: a statement that uses one fails, whatever lies before the history.
    pub gone: OrdSet<QName>,
    /// Something in the history could not be read, so an object that is missing here may exist all the same.
    pub incomplete: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    pub origin: Origin,
    #[serde(skip)]
    pub created_at: Option<Place>,
    pub persistence: Persistence,
    pub foreign: bool,
    /// In the order of the table; a dropped column is gone.
    pub columns: Vec<Column>,
    pub constraints: Vec<TableConstraint>,
    pub partitioned: bool,
    /// Columns of the partition key, as far as it has no expressions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub partition_key: Vec<String>,
    pub partition_of: Option<QName>,
    pub default_partition: bool,
    pub inherits: Vec<QName>,
    /// Has, or had, partitions or heirs: only then are they looked for.
    pub has_children: bool,
    pub triggers: BTreeMap<String, Trigger>,
    pub rules: BTreeSet<String>,
    pub policies: BTreeSet<String>,
    pub row_security: bool,
    /// The columns are not all known (`Assumed`, `LIKE` or `AS` over something unknown).
    pub open: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Column {
    pub name: String,
    /// `None` when the history does not say.
    pub ty: Option<TypeName>,
    pub not_null: bool,
    pub default: Option<Expr>,
    pub generated: Option<bool>,
    /// Columns that a generated column is made from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub generated_from: Vec<String>,
    pub identity: Option<Identity>,
    pub origin: Origin,
    #[serde(skip)]
    pub created_at: Option<Place>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableConstraint {
    /// As written, or the name PostgreSQL would choose.
    pub name: String,
    pub kind: TableConstraintKind,
    pub validated: bool,
    pub enforced: bool,
    pub origin: Origin,
    #[serde(skip)]
    pub created_at: Option<Place>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "constraint", rename_all = "kebab-case")]
pub enum TableConstraintKind {
    PrimaryKey { columns: Vec<String> },
    Unique { columns: Vec<String> },
    Check { expr: Expr },
    ForeignKey { columns: Vec<String>, table: QName, ref_columns: Vec<String>, on_delete: Option<RefAction> },
    Exclude { columns: Vec<String> },
    NotNull { column: String },
}

impl TableConstraintKind {
    /// The columns a constraint is on, whatever its kind.
    pub fn columns(&self) -> Vec<String> {
        match self {
            TableConstraintKind::PrimaryKey { columns }
            | TableConstraintKind::Unique { columns }
            | TableConstraintKind::Exclude { columns }
            | TableConstraintKind::ForeignKey { columns, .. } => columns.clone(),
            TableConstraintKind::Check { expr } => expr.columns.clone(),
            TableConstraintKind::NotNull { column } => vec![column.clone()],
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Index {
    pub table: QName,
    pub unique: bool,
    pub primary: bool,
    /// The constraint it backs, if any: such an index cannot be dropped on its own.
    pub constraint: Option<String>,
    pub columns: Vec<String>,
    pub expressions: Vec<Expr>,
    pub include: Vec<String>,
    pub predicate: Option<Expr>,
    pub method: Option<String>,
    /// Created by `CREATE INDEX CONCURRENTLY`, so a failed first run may have left it invalid.
    pub concurrent: bool,
    /// `ON ONLY` a partitioned table and not yet attached everywhere.
    pub valid: bool,
    pub origin: Origin,
    #[serde(skip)]
    pub created_at: Option<Place>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct View {
    pub materialized: bool,
    pub columns: Vec<Option<String>>,
    pub query: Query,
    /// Relations the query reads, as it was when the view was made; PostgreSQL follows their renames, and so does replay.
    pub reads: Vec<QName>,
    pub uses: Vec<ColumnUse>,
    /// `*` over a relation whose columns are not all known: it may use any of them.
    pub uses_any: bool,
    pub origin: Origin,
    #[serde(skip)]
    pub created_at: Option<Place>,
}

/// A column that a view's query names, or that its `*` stood for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnUse {
    pub relation: QName,
    pub column: String,
    /// The text leaves no doubt that it is this relation's column.
    pub sure: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sequence {
    pub owned_by: Option<(QName, String)>,
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UserType {
    pub kind: UserTypeKind,
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum UserTypeKind {
    Enum { values: Vec<EnumValue> },
    Composite { attributes: Vec<(String, TypeName)> },
    Domain(Box<Domain>),
    Other,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Domain {
    pub base: TypeName,
    pub not_null: bool,
    pub default: Option<Expr>,
    pub checks: Vec<DomainCheck>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EnumValue {
    pub label: String,
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DomainCheck {
    pub name: String,
    pub expr: Option<Expr>,
    pub validated: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Routine {
    pub kind: RoutineKind,
    /// Types of the input arguments; `None` when unknown.
    pub args: Option<Vec<TypeName>>,
    pub defaults: usize,
    pub arg_names: Vec<Option<String>>,
    pub returns: Option<String>,
    pub volatility: Volatility,
    /// Relations its static body reads or writes.
    pub relations: Vec<RelName>,
    /// Columns its static body names.
    pub columns: Vec<String>,
    /// What runs when it is called; `None` when that was not read. Empty for trigger functions, which no statement calls.
    #[serde(skip)]
    pub body: Option<Rc<Vec<Statement>>>,
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trigger {
    pub routine: Option<RelName>,
    pub events: Vec<String>,
    pub enabled: bool,
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Publication {
    pub all_tables: bool,
    pub tables: BTreeSet<QName>,
    pub publishes_update_or_delete: bool,
    pub origin: Origin,
}

impl Catalog {
    /// A new script meets a session without the settings of the one before: runners may take another connection for it.
    pub fn start_script(&mut self) {
        self.search_path.clear();
        self.time_zone = None;
    }

    /// The schema unqualified new objects go to.
    pub fn current_schema(&self) -> &str {
        self.search_path.iter().map(String::as_str).find(|s| *s != "$user" && *s != "pg_catalog").unwrap_or("public")
    }

    /// A written relation name as a key: the first schema of the search path that has it, else the current schema.
    pub fn resolve(&self, name: &RelName) -> QName {
        if let Some(schema) = &name.schema {
            return QName::new(schema.as_str(), name.name.as_str());
        }
        // Temporary objects come first unless the path says otherwise.
        let path = ["pg_temp"].into_iter().chain(self.search_path.iter().map(String::as_str)).chain(["public"]);
        for schema in path {
            let key = QName::new(schema, name.name.as_str());
            if self.has_relation(&key) || self.types.contains_key(&key) || self.routines.contains_key(&key) {
                return key;
            }
        }
        QName::new(self.current_schema(), name.name.as_str())
    }

    pub fn has_relation(&self, key: &QName) -> bool {
        self.tables.contains_key(key) || self.views.contains_key(key) || self.indexes.contains_key(key) || self.sequences.contains_key(key)
    }

    pub fn table(&self, key: &QName) -> Option<&Table> {
        self.tables.get(key).map(Rc::as_ref)
    }

    pub fn indexes_of<'a>(&'a self, table: &'a QName) -> impl Iterator<Item = (&'a QName, &'a Index)> {
        self.indexes.iter().filter(move |(_, index)| &index.table == table).map(|(name, index)| (name, index.as_ref()))
    }

    /// Foreign keys of other tables that point at `table`.
    pub fn references_to<'a>(&'a self, table: &'a QName) -> impl Iterator<Item = (&'a QName, &'a TableConstraint)> {
        self.tables.iter().flat_map(move |(name, owner)| {
            owner.constraints.iter().filter_map(move |constraint| match &constraint.kind {
                TableConstraintKind::ForeignKey { table: target, .. } if target == table => Some((name, constraint)),
                _ => None,
            })
        })
    }

    pub fn partitions_of<'a>(&'a self, table: &'a QName) -> impl Iterator<Item = (&'a QName, &'a Table)> {
        self.tables.iter().filter(move |(_, t)| t.partition_of.as_ref() == Some(table)).map(|(name, t)| (name, t.as_ref()))
    }
}

impl Table {
    /// Generated columns that are made from a column.
    pub fn generated_from<'a>(&'a self, column: &'a str) -> impl Iterator<Item = &'a Column> {
        self.columns.iter().filter(move |other| other.generated_from.iter().any(|from| from == column))
    }

    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub fn constraint(&self, name: &str) -> Option<&TableConstraint> {
        self.constraints.iter().find(|constraint| constraint.name == name)
    }
}
