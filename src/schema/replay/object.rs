//! Everything but tables on the catalog: indexes, views, types, domains, routines, triggers, schemas, extensions, publications.

use std::rc::Rc;

use super::{Context, names, relation, view};
use crate::schema::catalog::{
    Catalog, Domain, DomainCheck, EnumValue, Index, Origin, Publication, Routine, Table, Trigger, UserType, UserTypeKind, View,
};
use crate::schema::name::{QName, RelName};
use crate::schema::op::{
    CreateIndex, CreateRoutine, DomainAction, IndexAction, PublicationAction, RoutineAction, RoutineName, SchemaOp, Statement, TypeAction,
    TypeDefinition, ValuePosition, Volatility,
};

pub fn create_index(catalog: &mut Catalog, create: &CreateIndex, context: &Context) {
    let table = catalog.resolve(&create.table);
    let columns: Vec<String> = create.columns.iter().map(|column| column.text.clone()).collect();
    let name = match &create.name {
        Some(name) => name.text.clone(),
        None => {
            let mut parts = columns.clone();
            parts.extend(create.expressions.iter().map(|expr| names::of_expression(&expr.text)));
            names::relation(catalog, &table, &parts, "idx")
        }
    };
    let key = QName::new(&table.schema, name);
    if catalog.has_relation(&key) {
        return;
    }
    let partitioned = catalog.table(&table).is_some_and(|table| table.partitioned);
    let index = Index {
        unique: create.unique,
        primary: false,
        constraint: None,
        columns,
        expressions: create.expressions.clone(),
        include: create.include.iter().map(|column| column.text.clone()).collect(),
        predicate: create.predicate.clone(),
        method: create.method.as_ref().map(|method| method.text.clone()),
        concurrent: create.concurrently,
        valid: !(create.only && partitioned),
        origin: context.origin,
        created_at: context.place,
        table,
    };
    catalog.indexes.insert(key, Rc::new(index));
}

pub fn drop_index(catalog: &mut Catalog, index: &RelName) {
    let key = catalog.resolve(index);
    catalog.indexes.remove(&key);
}

pub fn alter_index(catalog: &mut Catalog, index: &RelName, action: &IndexAction) {
    let key = catalog.resolve(index);
    match action {
        IndexAction::Rename { to } => relation::rename(catalog, &key, &QName::new(&key.schema, &to.text)),
        IndexAction::AttachPartition { .. } => {
            if let Some(index) = catalog.indexes.get_mut(&key) {
                Rc::make_mut(index).valid = true;
            }
        }
        IndexAction::SetTablespace { .. } | IndexAction::SetParameters | IndexAction::SetStatistics | IndexAction::DependsOnExtension => {}
    }
}

/// The ops that are neither on tables nor on what shares their name space.
pub fn apply(catalog: &mut Catalog, op: &SchemaOp, context: &Context) {
    match op {
        SchemaOp::CreateType { name, definition } => create_type(catalog, name, definition, context),
        SchemaOp::AlterType { name, action } => alter_type(catalog, name, action, context),
        SchemaOp::DropType { name, cascade, .. } | SchemaOp::DropDomain { domain: name, cascade, .. } => {
            let key = catalog.resolve(name);
            drop_type(catalog, &key, *cascade);
        }
        SchemaOp::CreateDomain(create) => {
            let checks = create.checks.iter().enumerate().map(|(number, (name, expr))| DomainCheck {
                name: name.as_ref().map_or_else(|| domain_check_name(create.domain.name.as_str(), number), |name| name.text.clone()),
                expr: Some(expr.clone()),
                validated: true,
            });
            let domain =
                Domain { base: create.ty.clone(), not_null: create.not_null, default: create.default.clone(), checks: checks.collect() };
            let key = names::new_key(catalog, &create.domain);
            catalog.types.insert(key, UserType { kind: UserTypeKind::Domain(Box::new(domain)), origin: context.origin });
        }
        SchemaOp::AlterDomain { domain, action } => alter_domain(catalog, domain, action),
        SchemaOp::CreateRoutine(create) => create_routine(catalog, create, context),
        SchemaOp::AlterRoutine { routine, action } => alter_routine(catalog, routine, action),
        SchemaOp::DropRoutine { routine, cascade, .. } => drop_routine(catalog, routine, *cascade),
        SchemaOp::CreateTrigger(create) => {
            let trigger = Trigger { routine: create.routine.clone(), events: create.events.clone(), enabled: true, origin: context.origin };
            with_table(catalog, &create.table, |table| drop(table.triggers.insert(create.name.text.clone(), trigger)));
        }
        SchemaOp::DropTrigger { name, table, .. } => with_table(catalog, table, |table| drop(table.triggers.remove(name.as_str()))),
        SchemaOp::RenameTrigger { name, table, to } => with_table(catalog, table, |table| {
            if let Some(trigger) = table.triggers.remove(name.as_str()) {
                table.triggers.insert(to.text.clone(), trigger);
            }
        }),
        SchemaOp::CreateRule { name, table, .. } => with_table(catalog, table, |table| {
            table.rules.insert(name.text.clone());
        }),
        SchemaOp::DropRule { name, table, .. } => with_table(catalog, table, |table| {
            table.rules.remove(name.as_str());
        }),
        SchemaOp::CreatePolicy { name, table, .. } => with_table(catalog, table, |table| {
            table.policies.insert(name.text.clone());
        }),
        SchemaOp::DropPolicy { name, table, .. } => with_table(catalog, table, |table| {
            table.policies.remove(name.as_str());
        }),
        SchemaOp::CreateSchema { name, .. } => {
            catalog.schemas.entry(name.text.clone()).or_insert(context.origin);
        }
        SchemaOp::AlterSchema { name, rename_to: Some(to), .. } => rename_schema(catalog, name.as_str(), to.as_str()),
        SchemaOp::DropSchema { name, cascade, .. } => drop_schema(catalog, name.as_str(), *cascade),
        SchemaOp::CreateExtension { name, .. } => {
            catalog.extensions.entry(name.text.clone()).or_insert(context.origin);
        }
        SchemaOp::DropExtension { name, .. } => drop(catalog.extensions.remove(name.as_str())),
        SchemaOp::CreatePublication { name, all_tables, tables, publishes_update_or_delete, .. } => {
            let publication = Publication {
                all_tables: *all_tables,
                tables: tables.iter().map(|table| catalog.resolve(table)).collect(),
                publishes_update_or_delete: *publishes_update_or_delete,
                origin: context.origin,
            };
            catalog.publications.insert(name.text.clone(), publication);
        }
        SchemaOp::AlterPublication { name, action } => alter_publication(catalog, name.as_str(), action),
        SchemaOp::DropPublication { name, .. } => drop(catalog.publications.remove(name.as_str())),
        _ => {}
    }
}

fn with_table(catalog: &mut Catalog, table: &RelName, change: impl FnOnce(&mut Table)) {
    let key = catalog.resolve(table);
    if let Some(table) = catalog.tables.get_mut(&key) {
        change(Rc::make_mut(table));
    }
}

fn domain_check_name(domain: &str, number: usize) -> String {
    let label = if number == 0 { "check".to_owned() } else { format!("check{number}") };
    names::object_name(domain, "", &label)
}

fn create_type(catalog: &mut Catalog, name: &RelName, definition: &TypeDefinition, context: &Context) {
    let kind = match definition {
        TypeDefinition::Enum { values } => {
            let value = |label: &String| EnumValue { label: label.clone(), origin: context.origin };
            UserTypeKind::Enum { values: values.iter().map(value).collect() }
        }
        TypeDefinition::Composite { attributes } => {
            UserTypeKind::Composite { attributes: attributes.iter().map(|(name, ty)| (name.text.clone(), ty.clone())).collect() }
        }
        TypeDefinition::Range | TypeDefinition::Base | TypeDefinition::Shell => UserTypeKind::Other,
    };
    let key = names::new_key(catalog, name);
    catalog.types.insert(key, UserType { kind, origin: context.origin });
}

fn alter_type(catalog: &mut Catalog, name: &RelName, action: &TypeAction, context: &Context) {
    let key = catalog.resolve(name);
    match action {
        TypeAction::Rename { to } => return move_type(catalog, &key, QName::new(&key.schema, &to.text)),
        TypeAction::SetSchema { schema } => return move_type(catalog, &key, QName::new(&schema.text, &key.name)),
        _ => {}
    }
    let Some(ty) = catalog.types.get_mut(&key) else { return };
    match (&mut ty.kind, action) {
        (UserTypeKind::Enum { values }, TypeAction::AddValue { value, position, .. }) => {
            add_value(values, value, position.as_ref(), context.origin)
        }
        (UserTypeKind::Enum { values }, TypeAction::RenameValue { from, to }) => {
            values.iter_mut().filter(|value| value.label == *from).for_each(|value| value.label = to.clone());
        }
        (UserTypeKind::Composite { attributes }, TypeAction::AddAttribute { name, ty, .. }) => {
            attributes.push((name.text.clone(), ty.clone()))
        }
        (UserTypeKind::Composite { attributes }, TypeAction::DropAttribute { name, .. }) => {
            attributes.retain(|(known, _)| *known != name.text)
        }
        (UserTypeKind::Composite { attributes }, TypeAction::AlterAttribute { name, ty, .. }) => {
            attributes.iter_mut().filter(|(known, _)| *known == name.text).for_each(|(_, known)| *known = ty.clone());
        }
        (UserTypeKind::Composite { attributes }, TypeAction::RenameAttribute { from, to, .. }) => {
            attributes.iter_mut().filter(|(known, _)| *known == from.text).for_each(|(known, _)| *known = to.text.clone());
        }
        _ => {}
    }
}

fn add_value(values: &mut Vec<EnumValue>, label: &str, position: Option<&ValuePosition>, origin: Origin) {
    if values.iter().any(|value| value.label == label) {
        return;
    }
    let place = |wanted: &String| values.iter().position(|value| value.label == *wanted);
    let at = match position {
        Some(ValuePosition::Before(neighbour)) => place(neighbour),
        Some(ValuePosition::After(neighbour)) => place(neighbour).map(|at| at + 1),
        None => None,
    };
    values.insert(at.unwrap_or(values.len()), EnumValue { label: label.to_owned(), origin });
}

/// Columns that use the type follow its new name.
fn move_type(catalog: &mut Catalog, from: &QName, to: QName) {
    let Some(ty) = catalog.types.remove(from) else { return };
    let names: Vec<QName> = catalog.tables.keys().cloned().collect();
    for name in names {
        let uses = |table: &Table| table.columns.iter().any(|column| column.ty.as_ref().is_some_and(|ty| ty.base == from.name));
        if let Some(table) = catalog.tables.get_mut(&name).filter(|table| uses(table)) {
            for ty in Rc::make_mut(table).columns.iter_mut().filter_map(|column| column.ty.as_mut()).filter(|ty| ty.base == from.name) {
                ty.base = to.name.clone();
                ty.schema = (to.schema != "public").then(|| to.schema.clone());
            }
        }
    }
    catalog.types.insert(to, ty);
}

fn alter_domain(catalog: &mut Catalog, name: &RelName, action: &DomainAction) {
    let key = catalog.resolve(name);
    match action {
        DomainAction::Rename { to } => return move_type(catalog, &key, QName::new(&key.schema, &to.text)),
        DomainAction::SetSchema { schema } => return move_type(catalog, &key, QName::new(&schema.text, &key.name)),
        _ => {}
    }
    let Some(UserType { kind: UserTypeKind::Domain(domain), .. }) = catalog.types.get_mut(&key) else { return };
    match action {
        DomainAction::SetDefault { default } => domain.default = Some(default.clone()),
        DomainAction::DropDefault => domain.default = None,
        DomainAction::SetNotNull => domain.not_null = true,
        DomainAction::DropNotNull => domain.not_null = false,
        DomainAction::AddConstraint { name, check, not_valid } => {
            let number = domain.checks.len();
            let name = name.as_ref().map_or_else(|| domain_check_name(&key.name, number), |name| name.text.clone());
            domain.checks.push(DomainCheck { name, expr: check.clone(), validated: !not_valid });
        }
        DomainAction::DropConstraint { name, .. } => domain.checks.retain(|check| check.name != name.text),
        DomainAction::RenameConstraint { from, to } => {
            domain.checks.iter_mut().filter(|check| check.name == from.text).for_each(|check| check.name = to.text.clone());
        }
        DomainAction::ValidateConstraint { name } => {
            domain.checks.iter_mut().filter(|check| check.name == name.text).for_each(|check| check.validated = true);
        }
        DomainAction::Rename { .. } | DomainAction::SetSchema { .. } | DomainAction::OwnerTo { .. } => {}
    }
}

fn create_routine(catalog: &mut Catalog, create: &CreateRoutine, context: &Context) {
    let key = names::new_key(catalog, &create.routine.name);
    let mut relations = Vec::new();
    let mut columns = Vec::new();
    collect_names(&create.body, &mut relations, &mut columns);
    let is_trigger = create.returns.as_deref().is_some_and(|returns| returns.to_ascii_lowercase().contains("trigger"));
    let routine = Routine {
        kind: create.routine.kind,
        args: create.routine.args.clone(),
        defaults: create.defaults,
        arg_names: create.arg_names.iter().map(|name| name.as_ref().map(|name| name.text.clone())).collect(),
        returns: create.returns.clone(),
        volatility: create.volatility.unwrap_or(Volatility::Volatile),
        relations,
        columns,
        body: match (is_trigger, create.body_unread) {
            (true, _) => Some(Rc::default()),
            (false, true) => None,
            (false, false) => Some(Rc::new(create.body.clone())),
        },
        origin: context.origin,
    };
    let mut overloads = catalog.routines.remove(&key).unwrap_or_default();
    match overloads.iter_mut().find(|known| same_args(known, &routine.args)) {
        // A replaced routine is still the one that running code calls.
        Some(known) => *known = Routine { origin: known.origin, ..routine },
        None => overloads.push(routine),
    }
    catalog.routines.insert(key, overloads);
}

/// The relations and columns a body names.
fn collect_names(body: &[Statement], relations: &mut Vec<RelName>, columns: &mut Vec<String>) {
    for op in body.iter().flat_map(|statement| &statement.ops) {
        let mut query = |query: &crate::schema::op::Query| {
            relations.extend(query.relations.iter().cloned());
            columns.extend(query.columns.iter().map(|(_, name)| name.text.clone()));
        };
        match &op.kind {
            SchemaOp::Select { query: q, .. } | SchemaOp::Merge { query: q, .. } => query(q),
            SchemaOp::Update(update) => query(&update.query),
            SchemaOp::Delete(delete) => query(&delete.query),
            SchemaOp::Insert(insert) => {
                if let Some(q) = &insert.query {
                    query(q);
                }
                relations.push(insert.table.clone());
                columns.extend(insert.columns.iter().map(|name| name.text.clone()));
            }
            _ => {}
        }
    }
}

fn same_args(routine: &Routine, args: &Option<Vec<crate::schema::types::TypeName>>) -> bool {
    match (&routine.args, args) {
        (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same_as(b)),
        (None, _) | (_, None) => true,
    }
}

fn alter_routine(catalog: &mut Catalog, routine: &RoutineName, action: &RoutineAction) {
    let key = catalog.resolve(&routine.name);
    let to = match action {
        RoutineAction::Rename { to } => QName::new(&key.schema, &to.text),
        RoutineAction::SetSchema { schema } => QName::new(&schema.text, &key.name),
        RoutineAction::OwnerTo { .. } | RoutineAction::Options { .. } => return,
    };
    let Some(overloads) = catalog.routines.remove(&key) else { return };
    let (moved, kept): (Vec<Routine>, Vec<Routine>) = overloads.into_iter().partition(|known| same_args(known, &routine.args));
    if !kept.is_empty() {
        catalog.routines.insert(key, kept);
    }
    let mut there = catalog.routines.remove(&to).unwrap_or_default();
    there.extend(moved);
    catalog.routines.insert(to, there);
}

/// The triggers that call a routine, with their tables.
pub fn triggers_of(catalog: &Catalog, routine: &QName) -> Vec<(QName, String)> {
    let mut found = Vec::new();
    for (key, table) in catalog.tables.iter().filter(|(_, table)| !table.triggers.is_empty()) {
        let calls = |trigger: &Trigger| trigger.routine.as_ref().is_some_and(|called| catalog.resolve(called) == *routine);
        found.extend(table.triggers.iter().filter(|(_, trigger)| calls(trigger)).map(|(name, _)| (key.clone(), name.clone())));
    }
    found
}

fn drop_routine(catalog: &mut Catalog, routine: &RoutineName, cascade: bool) {
    let key = catalog.resolve(&routine.name);
    if cascade {
        drop_callers(catalog, &key);
    }
    let Some(mut overloads) = catalog.routines.remove(&key) else { return };
    overloads.retain(|known| !same_args(known, &routine.args));
    if !overloads.is_empty() {
        catalog.routines.insert(key, overloads);
    }
}

/// What CASCADE takes along with a routine: the triggers and views that call it.
fn drop_callers(catalog: &mut Catalog, routine: &QName) {
    for (table, trigger) in triggers_of(catalog, routine) {
        if let Some(table) = catalog.tables.get_mut(&table) {
            Rc::make_mut(table).triggers.remove(&trigger);
        }
    }
    let calls = |view: &View| view.query.functions.iter().any(|function| catalog.resolve(function) == *routine);
    let views: Vec<QName> = catalog.views.iter().filter(|(_, view)| calls(view)).map(|(name, _)| name.clone()).collect();
    for key in views {
        view::drop_view(catalog, &key, true);
    }
}

/// A type or domain; CASCADE drops the columns that have it.
fn drop_type(catalog: &mut Catalog, key: &QName, cascade: bool) {
    if catalog.types.remove(key).is_none() || !cascade {
        return;
    }
    let has_it = |column: &crate::schema::catalog::Column| {
        column.ty.as_ref().is_some_and(|ty| ty.base == key.name && ty.schema.as_ref().is_none_or(|schema| *schema == key.schema))
    };
    let mut columns = Vec::new();
    for (table, found) in &catalog.tables {
        columns.extend(found.columns.iter().filter(|column| has_it(column)).map(|column| (table.clone(), column.name.clone())));
    }
    for (table, column) in columns {
        super::table::drop_column(catalog, &table, &column, true);
    }
}

fn rename_schema(catalog: &mut Catalog, from: &str, to: &str) {
    if let Some(origin) = catalog.schemas.remove(from) {
        catalog.schemas.insert(to.to_owned(), origin);
    }
    let tables: Vec<QName> = catalog
        .tables
        .keys()
        .chain(catalog.views.keys())
        .chain(catalog.sequences.keys())
        .filter(|key| key.schema == from)
        .cloned()
        .collect();
    for key in tables {
        relation::rename(catalog, &key, &QName::new(to, &key.name));
    }
    let types: Vec<QName> = catalog.types.keys().filter(|key| key.schema == from).cloned().collect();
    for key in types {
        let moved = QName::new(to, &key.name);
        move_type(catalog, &key, moved);
    }
    let routines: Vec<QName> = catalog.routines.keys().filter(|key| key.schema == from).cloned().collect();
    for key in routines {
        if let Some(overloads) = catalog.routines.remove(&key) {
            catalog.routines.insert(QName::new(to, &key.name), overloads);
        }
    }
}

fn drop_schema(catalog: &mut Catalog, name: &str, cascade: bool) {
    catalog.schemas.remove(name);
    if !cascade {
        return;
    }
    let tables: Vec<QName> = catalog.tables.keys().filter(|key| key.schema == name).cloned().collect();
    for key in tables {
        relation::drop_table(catalog, &key, true);
    }
    let views: Vec<QName> = catalog.views.keys().filter(|key| key.schema == name).cloned().collect();
    for key in views {
        view::drop_view(catalog, &key, true);
    }
    let gone = |keys: Vec<QName>| keys.into_iter().filter(|key| key.schema == name).collect::<Vec<_>>();
    for key in gone(catalog.sequences.keys().cloned().collect()) {
        catalog.sequences.remove(&key);
    }
    for key in gone(catalog.types.keys().cloned().collect()) {
        catalog.types.remove(&key);
    }
    for key in gone(catalog.routines.keys().cloned().collect()) {
        drop_callers(catalog, &key);
        catalog.routines.remove(&key);
    }
}

fn alter_publication(catalog: &mut Catalog, name: &str, action: &PublicationAction) {
    if let PublicationAction::Rename { to } = action {
        if let Some(publication) = catalog.publications.remove(name) {
            catalog.publications.insert(to.text.clone(), publication);
        }
        return;
    }
    let keys = |tables: &[RelName]| -> Vec<QName> { tables.iter().map(|table| catalog.resolve(table)).collect() };
    let named = match action {
        PublicationAction::Add { tables, .. } | PublicationAction::Set { tables, .. } | PublicationAction::Drop { tables, .. } => {
            keys(tables)
        }
        _ => Vec::new(),
    };
    let Some(publication) = catalog.publications.get_mut(name) else { return };
    match action {
        PublicationAction::Add { .. } => publication.tables.extend(named),
        PublicationAction::Set { .. } => publication.tables = named.into_iter().collect(),
        PublicationAction::Drop { .. } => publication.tables.retain(|known| !named.contains(known)),
        PublicationAction::Options { publishes_update_or_delete: Some(publishes) } => publication.publishes_update_or_delete = *publishes,
        _ => {}
    }
}
