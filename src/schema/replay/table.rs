//! CREATE TABLE and ALTER TABLE on the catalog: a statement's op in, the table as it is afterwards out.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::{Context, constraint, names, relation, view};
use crate::schema::catalog::{Catalog, Column, Origin, Sequence, Table, TableConstraint, TableConstraintKind};
use crate::schema::effect::ServerVersion;
use crate::schema::name::{Name, QName, RelName};
use crate::schema::op::{AlterTable, ColumnDef, CreateTable, Expr, Generated, PartitionBound, Persistence, Query, TableAction, Volatility};

pub fn empty(context: &Context) -> Table {
    Table {
        origin: context.origin,
        created_at: context.place,
        persistence: Persistence::Permanent,
        foreign: false,
        columns: Vec::new(),
        constraints: Vec::new(),
        partitioned: false,
        partition_key: Vec::new(),
        partition_of: None,
        default_partition: false,
        inherits: Vec::new(),
        has_children: false,
        triggers: BTreeMap::new(),
        rules: BTreeSet::new(),
        policies: BTreeSet::new(),
        row_security: false,
        open: false,
    }
}

pub fn create(catalog: &mut Catalog, create: &CreateTable, context: &Context) {
    let key = match create.persistence {
        Persistence::Temporary => QName::new("pg_temp", create.table.name.as_str()),
        _ => names::new_key(catalog, &create.table),
    };
    if catalog.has_relation(&key) {
        return;
    }
    let mut table = Table { persistence: create.persistence, foreign: create.foreign, ..empty(context) };
    table.partitioned = create.partition_by.is_some();
    table.partition_key = create.partition_by.iter().flat_map(|by| &by.columns).map(|column| column.text.clone()).collect();
    if let Some(part) = &create.partition_of {
        let parent = catalog.resolve(&part.parent);
        with_table(catalog, &parent, |parent| parent.has_children = true);
        copy_columns(catalog, &parent, &mut table);
        table.default_partition = part.bound == PartitionBound::Default;
        table.partition_of = Some(parent);
    }
    for parent in &create.inherits {
        let parent = catalog.resolve(parent);
        with_table(catalog, &parent, |parent| parent.has_children = true);
        copy_columns(catalog, &parent, &mut table);
        table.inherits.push(parent);
    }
    for (source, options) in &create.like {
        let source = catalog.resolve(source);
        copy_like(catalog, &source, options, &mut table);
    }
    table.open |= create.of_type.is_some();
    if let Some(query) = &create.as_query {
        add_query_columns(&mut table, query, &create.columns, context);
    }
    catalog.tables.insert(key.clone(), Rc::new(table));
    if create.as_query.is_none() {
        for column in &create.columns {
            add_column(catalog, &key, column, context);
        }
    }
    for written in &create.constraints {
        constraint::add(catalog, &key, written, context);
    }
}

/// `SELECT … INTO table` and `CREATE TABLE … AS`.
pub fn create_as(catalog: &mut Catalog, name: &RelName, query: &Query, context: &Context) {
    let key = names::new_key(catalog, name);
    if !catalog.has_relation(&key) {
        let mut table = empty(context);
        add_query_columns(&mut table, query, &[], context);
        catalog.tables.insert(key, Rc::new(table));
    }
}

fn add_query_columns(table: &mut Table, query: &Query, named: &[ColumnDef], context: &Context) {
    for (position, output) in query.output.iter().enumerate() {
        match named.get(position).map(|column| column.name.text.clone()).or_else(|| output.clone()) {
            Some(name) => table.columns.push(bare_column(name, context)),
            None => table.open = true,
        }
    }
    table.open |= query.star || query.output.is_empty();
}

fn bare_column(name: String, context: &Context) -> Column {
    Column {
        name,
        ty: None,
        not_null: false,
        default: None,
        generated: None,
        generated_from: Vec::new(),
        identity: None,
        origin: context.origin,
        created_at: context.place,
    }
}

fn copy_columns(catalog: &Catalog, parent: &QName, table: &mut Table) {
    match catalog.table(parent) {
        Some(parent) => {
            table.open |= parent.open;
            for column in &parent.columns {
                if table.column(&column.name).is_none() {
                    table.columns.push(column.clone());
                }
            }
            let inherited = parent
                .constraints
                .iter()
                .filter(|c| matches!(c.kind, TableConstraintKind::Check { .. } | TableConstraintKind::NotNull { .. }));
            table.constraints.extend(inherited.cloned());
        }
        None => table.open = true,
    }
}

fn copy_like(catalog: &Catalog, source: &QName, options: &[String], table: &mut Table) {
    let including = |what: &str| options.iter().any(|option| option == "all" || option == what);
    let Some(source) = catalog.table(source) else {
        table.open = true;
        return;
    };
    table.open |= source.open;
    for column in &source.columns {
        let mut column = column.clone();
        column.origin = table.origin;
        if !including("defaults") {
            column.default = None;
        }
        if !including("identity") {
            column.identity = None;
        }
        if !including("generated") {
            column.generated = None;
            column.generated_from.clear();
        }
        table.columns.push(column);
    }
    if including("constraints") {
        let checks = source.constraints.iter().filter(|c| matches!(c.kind, TableConstraintKind::Check { .. }));
        table.constraints.extend(checks.cloned());
    }
}

fn add_column(catalog: &mut Catalog, key: &QName, def: &ColumnDef, context: &Context) {
    let serial = def.ty.serial;
    let name = def.name.text.clone();
    let column = Column {
        name: name.clone(),
        ty: Some(def.ty.clone()),
        not_null: def.not_null || serial || def.identity.is_some(),
        default: def.default.clone().or_else(|| serial.then(|| nextval(def))),
        generated: def.generated.as_ref().map(|generated| is_stored(generated, context)),
        generated_from: def.generated.as_ref().map(|generated| generated.expr.columns.clone()).unwrap_or_default(),
        identity: def.identity,
        origin: context.origin,
        created_at: context.place,
    };
    if let Some(table) = catalog.tables.get_mut(key) {
        let table = Rc::make_mut(table);
        table.columns.retain(|known| known.name != name);
        table.columns.push(column);
    }
    if serial || def.identity.is_some() {
        let sequence = names::relation(catalog, key, std::slice::from_ref(&name), "seq");
        let owned_by = Some((key.clone(), name));
        catalog.sequences.insert(QName::new(&key.schema, sequence), Sequence { owned_by, origin: context.origin });
    }
    for written in &def.constraints {
        constraint::add(catalog, key, written, context);
    }
}

/// A generated column that says neither is virtual from PostgreSQL 18 on. Source: PostgreSQL 18 release notes.
pub fn is_stored(generated: &Generated, context: &Context) -> bool {
    generated.stored.unwrap_or(context.server.0 < 18)
}

/// The default a serial column gets.
fn nextval(def: &ColumnDef) -> Expr {
    Expr {
        span: def.ty.span,
        text: "nextval(…)".to_owned(),
        volatility: Volatility::Volatile,
        is_null: false,
        is_literal: false,
        columns: Vec::new(),
        functions: vec!["nextval".to_owned()],
        proves_not_null: Vec::new(),
        plain_cast: None,
    }
}

pub fn alter(catalog: &mut Catalog, alter: &AlterTable, context: &Context) {
    let key = catalog.resolve(&alter.table);
    match &alter.action {
        TableAction::RenameTable { to } => return relation::rename(catalog, &key, &QName::new(&key.schema, &to.text)),
        TableAction::SetSchema { schema } => return relation::rename(catalog, &key, &QName::new(&schema.text, &key.name)),
        _ => {}
    }
    if catalog.views.contains_key(&key) || catalog.indexes.contains_key(&key) || catalog.sequences.contains_key(&key) {
        return;
    }
    if !catalog.tables.contains_key(&key) {
        if alter.if_exists && !catalog.incomplete {
            return;
        }
        let assumed = Table { open: true, origin: Origin::Assumed, created_at: None, ..empty(context) };
        catalog.tables.insert(key.clone(), Rc::new(assumed));
    }
    for target in with_children(catalog, &key, alter.only) {
        act(catalog, &target, &alter.action, context);
    }
    if let TableAction::AttachPartition { partition, bound } = &alter.action {
        let partition = catalog.resolve(partition);
        with_table(catalog, &key, |table| table.has_children = true);
        with_table(catalog, &partition, |table| {
            table.partition_of = Some(key.clone());
            table.default_partition = *bound == PartitionBound::Default;
        });
    }
}

/// The table and, for actions that recurse, its partitions and heirs.
fn with_children(catalog: &Catalog, key: &QName, only: bool) -> Vec<QName> {
    let mut all = vec![key.clone()];
    let mut next = 0;
    while !only && next < all.len() {
        let parent = all[next].clone();
        next += 1;
        if !catalog.table(&parent).is_some_and(|table| table.has_children) {
            continue;
        }
        let children =
            catalog.tables.iter().filter(|(_, table)| table.partition_of.as_ref() == Some(&parent) || table.inherits.contains(&parent));
        let fresh: Vec<QName> = children.map(|(name, _)| name.clone()).filter(|name| !all.contains(name)).collect();
        all.extend(fresh);
    }
    all
}

fn with_table(catalog: &mut Catalog, key: &QName, change: impl FnOnce(&mut Table)) {
    if let Some(table) = catalog.tables.get_mut(key) {
        change(Rc::make_mut(table));
    }
}

fn with_column(catalog: &mut Catalog, key: &QName, name: &Name, change: impl FnOnce(&mut Column)) {
    with_table(catalog, key, |table| {
        if let Some(column) = table.columns.iter_mut().find(|column| column.name == name.text) {
            change(column);
        }
    });
}

fn act(catalog: &mut Catalog, key: &QName, action: &TableAction, context: &Context) {
    match action {
        TableAction::AddColumn { column, if_not_exists } => {
            let exists = catalog.table(key).is_some_and(|table| table.column(column.name.as_str()).is_some());
            if !(exists && *if_not_exists) {
                add_column(catalog, key, column, context);
            }
        }
        TableAction::DropColumn { column, cascade, .. } => {
            if takes_generated(*cascade, context.server) {
                drop_generated(catalog, key, column.as_str());
            }
            drop_column(catalog, key, column.as_str(), *cascade);
        }
        TableAction::RenameColumn { from, to } => rename_column(catalog, key, from.as_str(), to.as_str()),
        TableAction::AlterColumnType { column, ty, .. } => with_column(catalog, key, column, |column| column.ty = Some(ty.clone())),
        TableAction::SetDefault { column, default } => {
            let default = (!default.is_null).then(|| default.clone());
            with_column(catalog, key, column, |column| column.default = default);
        }
        TableAction::DropDefault { column } => with_column(catalog, key, column, |column| column.default = None),
        TableAction::SetNotNull { column } => constraint::set_not_null(catalog, key, std::slice::from_ref(&column.text)),
        TableAction::DropNotNull { column } => drop_not_null(catalog, key, column),
        TableAction::AddIdentity { column, identity } => with_column(catalog, key, column, |column| column.identity = Some(*identity)),
        TableAction::DropIdentity { column, .. } => with_column(catalog, key, column, |column| column.identity = None),
        TableAction::DropExpression { column, .. } => with_column(catalog, key, column, |column| {
            column.generated = None;
            column.generated_from.clear();
        }),
        TableAction::AddConstraint { constraint: written } => constraint::add(catalog, key, written, context),
        TableAction::DropConstraint { name, cascade, .. } => drop_constraint(catalog, key, name.as_str(), *cascade),
        TableAction::RenameConstraint { from, to } => rename_constraint(catalog, key, from, to),
        TableAction::ValidateConstraint { name } => with_constraint(catalog, key, name, |constraint| constraint.validated = true),
        TableAction::AlterConstraint { name, enforced } => with_constraint(catalog, key, name, |constraint| {
            constraint.enforced = enforced.unwrap_or(constraint.enforced);
            constraint.validated = enforced.unwrap_or(constraint.validated);
        }),
        TableAction::SetLogged { logged } => with_table(catalog, key, |table| {
            table.persistence = if *logged { Persistence::Permanent } else { Persistence::Unlogged };
        }),
        TableAction::Trigger { name, enable } => with_table(catalog, key, |table| {
            let chosen = table.triggers.iter_mut().filter(|(known, _)| name.as_ref().is_none_or(|name| name.text == **known));
            chosen.for_each(|(_, trigger)| trigger.enabled = *enable);
        }),
        TableAction::RowSecurity { enable: Some(enable), .. } => with_table(catalog, key, |table| table.row_security = *enable),
        TableAction::DetachPartition { partition, .. } => {
            let partition = catalog.resolve(partition);
            with_table(catalog, &partition, |table| table.partition_of = None);
        }
        TableAction::Inherit { parent, remove } => {
            let parent = catalog.resolve(parent);
            with_table(catalog, &parent, |table| table.has_children = true);
            with_table(catalog, key, |table| {
                table.inherits.retain(|known| *known != parent);
                if !remove {
                    table.inherits.push(parent);
                }
            });
        }
        _ => {}
    }
}

fn drop_not_null(catalog: &mut Catalog, key: &QName, column: &Name) {
    with_column(catalog, key, column, |column| column.not_null = false);
    with_table(catalog, key, |table| {
        table.constraints.retain(|c| !matches!(&c.kind, TableConstraintKind::NotNull { column: of } if *of == column.text));
    });
}

fn with_constraint(catalog: &mut Catalog, key: &QName, name: &Name, change: impl FnOnce(&mut TableConstraint)) {
    with_table(catalog, key, |table| {
        if let Some(constraint) = table.constraints.iter_mut().find(|constraint| constraint.name == name.text) {
            change(constraint);
        }
    });
}

/// Dropping a column takes every constraint and index that involves it along; what depends on it elsewhere only with CASCADE.
/// Source: PostgreSQL manual, ALTER TABLE, DROP COLUMN.
pub fn drop_column(catalog: &mut Catalog, key: &QName, name: &str, cascade: bool) {
    with_table(catalog, key, |table| {
        table.columns.retain(|column| column.name != name);
        table.constraints.retain(|constraint| !constraint.kind.columns().iter().any(|column| column == name));
    });
    let involved: Vec<QName> =
        catalog.indexes_of(key).filter(|(_, index)| index_uses(index, name)).map(|(index, _)| index.clone()).collect();
    for index in involved {
        catalog.indexes.remove(&index);
    }
    let owned = |owner: &Option<(QName, String)>| owner.as_ref().is_some_and(|(table, column)| table == key && column == name);
    let sequences: Vec<QName> =
        catalog.sequences.iter().filter(|(_, s)| owned(&s.owned_by)).map(|(sequence, _)| sequence.clone()).collect();
    for sequence in sequences {
        catalog.sequences.remove(&sequence);
    }
    if cascade {
        relation::drop_foreign_keys_to(catalog, key, Some(name));
        view::drop_views_on(catalog, key, Some(name));
    }
}

/// Columns made from a dropped one go with it: before PostgreSQL 15 always, from then on by CASCADE only.
/// Measured on 13, 14, 15 and 18.
pub fn takes_generated(cascade: bool, server: ServerVersion) -> bool {
    cascade || server.0 < 15
}

fn drop_generated(catalog: &mut Catalog, key: &QName, name: &str) {
    let made = catalog.table(key).into_iter().flat_map(|table| table.generated_from(name)).map(|column| column.name.clone());
    for other in made.collect::<Vec<String>>() {
        drop_column(catalog, key, &other, true);
    }
}

/// The column is a key, an INCLUDE column, or named in an expression or the predicate.
pub fn index_uses(index: &crate::schema::catalog::Index, column: &str) -> bool {
    let named = |list: &[String]| list.iter().any(|known| known == column);
    named(&index.columns) || named(&index.include) || index.expressions.iter().chain(&index.predicate).any(|expr| named(&expr.columns))
}

fn rename_column(catalog: &mut Catalog, key: &QName, from: &str, to: &str) {
    let rename = |name: &mut String| {
        if name == from {
            *name = to.to_owned();
        }
    };
    with_table(catalog, key, |table| {
        for column in &mut table.columns {
            rename(&mut column.name);
            column.generated_from.iter_mut().for_each(rename);
        }
        table.partition_key.iter_mut().for_each(rename);
        for constraint in &mut table.constraints {
            match &mut constraint.kind {
                TableConstraintKind::PrimaryKey { columns }
                | TableConstraintKind::Unique { columns }
                | TableConstraintKind::Exclude { columns }
                | TableConstraintKind::ForeignKey { columns, .. } => columns.iter_mut().for_each(rename),
                TableConstraintKind::Check { expr } => rename_in(expr, &rename),
                TableConstraintKind::NotNull { column } => rename(column),
            }
        }
    });
    let indexes: Vec<QName> = catalog.indexes_of(key).map(|(index, _)| index.clone()).collect();
    for name in indexes {
        if let Some(index) = catalog.indexes.get_mut(&name) {
            let index = Rc::make_mut(index);
            index.columns.iter_mut().chain(&mut index.include).for_each(rename);
            index.expressions.iter_mut().chain(&mut index.predicate).for_each(|expr| rename_in(expr, &rename));
        }
    }
    view::follow_column(catalog, key, from, to);
    let owners: Vec<QName> = catalog.references_to(key).map(|(owner, _)| owner.clone()).collect();
    for owner in owners {
        with_table(catalog, &owner, |table| {
            for constraint in &mut table.constraints {
                if let TableConstraintKind::ForeignKey { table, ref_columns, .. } = &mut constraint.kind
                    && table == key
                {
                    ref_columns.iter_mut().for_each(rename);
                }
            }
        });
    }
}

fn rename_in(expr: &mut Expr, rename: &impl Fn(&mut String)) {
    expr.columns.iter_mut().chain(&mut expr.proves_not_null).for_each(rename);
}

fn drop_constraint(catalog: &mut Catalog, key: &QName, name: &str, cascade: bool) {
    let mut dropped = None;
    with_table(catalog, key, |table| {
        if let Some(at) = table.constraints.iter().position(|constraint| constraint.name == name) {
            dropped = Some(table.constraints.remove(at));
        }
    });
    let index = QName::new(&key.schema, name);
    if catalog.indexes.get(&index).is_some_and(|index| index.table == *key && index.constraint.as_deref() == Some(name)) {
        catalog.indexes.remove(&index);
    }
    match dropped.map(|constraint| constraint.kind) {
        Some(TableConstraintKind::NotNull { column }) => {
            with_column(catalog, key, &Name::new(column, Default::default()), |column| column.not_null = false);
        }
        Some(TableConstraintKind::PrimaryKey { columns } | TableConstraintKind::Unique { columns }) if cascade => {
            for column in columns {
                relation::drop_foreign_keys_to(catalog, key, Some(&column));
            }
        }
        _ => {}
    }
}

fn rename_constraint(catalog: &mut Catalog, key: &QName, from: &Name, to: &Name) {
    let index = QName::new(&key.schema, &from.text);
    if catalog.indexes.get(&index).is_some_and(|index| index.table == *key) {
        relation::rename(catalog, &index, &QName::new(&key.schema, &to.text));
    } else {
        with_constraint(catalog, key, from, |constraint| constraint.name = to.text.clone());
    }
}
