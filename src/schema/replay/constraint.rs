//! Adds constraints to a table of the catalog: a constraint as written in, names resolved, index and not-null flags out.

use std::rc::Rc;

use super::{Context, names};
use crate::schema::catalog::{Catalog, Index, TableConstraint, TableConstraintKind};
use crate::schema::name::{Name, QName};
use crate::schema::op::{Constraint, ConstraintKind};

pub fn add(catalog: &mut Catalog, key: &QName, written: &Constraint, context: &Context) {
    let Some(kind) = resolve(catalog, key, written) else { return };
    let name = written.name.as_ref().map(|name| name.text.clone()).unwrap_or_else(|| choose_name(catalog, key, &kind, written));
    match &kind {
        TableConstraintKind::PrimaryKey { columns } => {
            set_not_null(catalog, key, columns);
            backing_index(catalog, key, &name, &kind, written, context);
        }
        TableConstraintKind::Unique { .. } | TableConstraintKind::Exclude { .. } => {
            backing_index(catalog, key, &name, &kind, written, context)
        }
        TableConstraintKind::NotNull { column } => set_not_null(catalog, key, std::slice::from_ref(column)),
        TableConstraintKind::Check { .. } | TableConstraintKind::ForeignKey { .. } => {}
    }
    let constraint = TableConstraint {
        name,
        kind,
        validated: !written.not_valid && !written.not_enforced,
        enforced: !written.not_enforced,
        origin: context.origin,
        created_at: context.place,
    };
    if let Some(table) = catalog.tables.get_mut(key) {
        let table = Rc::make_mut(table);
        if table.constraint(&constraint.name).is_none() {
            table.constraints.push(constraint);
        }
    }
}

fn texts(names: &[Name]) -> Vec<String> {
    names.iter().map(|name| name.text.clone()).collect()
}

fn resolve(catalog: &Catalog, key: &QName, written: &Constraint) -> Option<TableConstraintKind> {
    let of_index = |columns: &[Name], index: &Option<Name>| match index {
        Some(index) => catalog.indexes.get(&QName::new(&key.schema, &index.text)).map(|index| index.columns.clone()).unwrap_or_default(),
        None => texts(columns),
    };
    Some(match &written.kind {
        ConstraintKind::PrimaryKey { columns, using_index } => TableConstraintKind::PrimaryKey { columns: of_index(columns, using_index) },
        ConstraintKind::Unique { columns, using_index, .. } => TableConstraintKind::Unique { columns: of_index(columns, using_index) },
        ConstraintKind::Check { expr, .. } => TableConstraintKind::Check { expr: expr.clone() },
        ConstraintKind::Exclude { columns } => TableConstraintKind::Exclude { columns: texts(columns) },
        ConstraintKind::NotNull { column, .. } => TableConstraintKind::NotNull { column: column.text.clone() },
        ConstraintKind::ForeignKey { columns, table, ref_columns, on_delete, .. } => {
            let target = catalog.resolve(table);
            let ref_columns = match ref_columns.as_slice() {
                [] => primary_key(catalog, &target).unwrap_or_default(),
                written => texts(written),
            };
            TableConstraintKind::ForeignKey { columns: texts(columns), table: target, ref_columns, on_delete: *on_delete }
        }
    })
}

fn primary_key(catalog: &Catalog, table: &QName) -> Option<Vec<String>> {
    catalog.table(table)?.constraints.iter().find_map(|constraint| match &constraint.kind {
        TableConstraintKind::PrimaryKey { columns } => Some(columns.clone()),
        _ => None,
    })
}

fn choose_name(catalog: &Catalog, key: &QName, kind: &TableConstraintKind, written: &Constraint) -> String {
    if let ConstraintKind::PrimaryKey { using_index: Some(index), .. } | ConstraintKind::Unique { using_index: Some(index), .. } =
        &written.kind
    {
        return index.text.clone();
    }
    let Some(table) = catalog.table(key) else { return names::object_name(&key.name, "", "constraint") };
    match kind {
        TableConstraintKind::PrimaryKey { .. } => names::relation(catalog, key, &[], "pkey"),
        TableConstraintKind::Unique { columns } => names::relation(catalog, key, columns, "key"),
        TableConstraintKind::Exclude { columns } => names::relation(catalog, key, columns, "excl"),
        TableConstraintKind::ForeignKey { columns, .. } => names::constraint(table, key, columns, "fkey"),
        TableConstraintKind::NotNull { column } => names::constraint(table, key, std::slice::from_ref(column), "not_null"),
        TableConstraintKind::Check { expr } => {
            let own: Vec<String> = expr.columns.iter().filter(|column| table.column(column).is_some()).cloned().collect();
            let column = if own.len() == 1 { own } else { Vec::new() };
            names::constraint(table, key, &column, "check")
        }
    }
}

pub fn set_not_null(catalog: &mut Catalog, key: &QName, columns: &[String]) {
    if let Some(table) = catalog.tables.get_mut(key) {
        for column in Rc::make_mut(table).columns.iter_mut().filter(|column| columns.contains(&column.name)) {
            column.not_null = true;
        }
    }
}

fn backing_index(catalog: &mut Catalog, key: &QName, name: &str, kind: &TableConstraintKind, written: &Constraint, context: &Context) {
    let primary = matches!(kind, TableConstraintKind::PrimaryKey { .. });
    let unique = !matches!(kind, TableConstraintKind::Exclude { .. });
    let index_key = QName::new(&key.schema, name);
    let using = match &written.kind {
        ConstraintKind::PrimaryKey { using_index, .. } | ConstraintKind::Unique { using_index, .. } => using_index.as_ref(),
        _ => None,
    };
    let existing = using.and_then(|index| catalog.indexes.remove(&QName::new(&key.schema, &index.text)));
    let index = match existing {
        Some(index) => Index { constraint: Some(name.to_owned()), primary, ..Rc::unwrap_or_clone(index) },
        None => Index {
            table: key.clone(),
            unique,
            primary,
            constraint: Some(name.to_owned()),
            columns: kind.columns(),
            expressions: Vec::new(),
            include: Vec::new(),
            predicate: None,
            method: None,
            concurrent: false,
            valid: true,
            origin: context.origin,
            created_at: context.place,
        },
    };
    catalog.indexes.insert(index_key, Rc::new(index));
}
