//! Does the way down undo the way up? New migrations in, what differs after up then down, and what the down script does, out.

use serde::Serialize;

use super::Timeline;
use super::catalog::{Catalog, Column, Origin, Table, UserTypeKind};
use super::effect::postgres::effect;
use super::effect::{Effect, Subject, SubjectKind};
use super::name::QName;
use super::op::{SchemaOp, Statement};
use super::replay::Context;
use super::timeline::{new_migrations, replay_script};
use crate::read::migration::{Script, Unit};
use crate::source::{Place, SourceMap};

/// One new migration with a down script, replayed up and down.
#[derive(Debug, Clone, Serialize)]
pub struct Inverse {
    /// Index of the unit in `Inspection::head_units`.
    pub unit: usize,
    /// Index of the migration in its unit.
    pub migration: usize,
    pub differences: Vec<Difference>,
    /// Why the two catalogs could not be compared.
    pub not_compared: Option<String>,
    /// What each op of the down script does to the database as the new code uses it.
    pub steps: Vec<DownStep>,
}

/// One way in which the catalog after up and down is not the catalog before.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    pub subject: Subject,
    /// A clause: `index orders_by_customer is not dropped`.
    pub text: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct DownStep {
    pub place: Place,
    pub effect: Effect,
}

/// Replays every new migration up and down, over the catalogs the timelines begin with.
pub fn inverses(base: &[Unit], head: &[Unit], timelines: &[Timeline], sources: &SourceMap) -> Vec<Inverse> {
    let mut all = Vec::new();
    for timeline in timelines {
        let (index, server) = (timeline.unit, timeline.server);
        let unit = &head[index];
        if unit.migrations.iter().all(|migration| migration.down.is_none()) {
            continue;
        }
        let old = base.iter().find(|old| old.root == unit.root && old.framework == unit.framework);
        let mut catalog = timeline.before.as_ref().clone();
        // When a rollback runs, what the rollout created is in use: to its effects it is history.
        let context = Context { origin: Origin::History, place: None, server };
        for (position, migration) in new_migrations(old, unit, sources) {
            let before = catalog.clone();
            replay_script(&mut catalog, &migration.up, &context);
            let Some(down) = &migration.down else { continue };
            let mut inverse = Inverse { unit: index, migration: position, differences: Vec::new(), not_compared: None, steps: Vec::new() };
            inverse.steps = steps(catalog.clone(), down, &context);
            match unread(&migration.up, "up").or_else(|| unread(down, "down")) {
                Some(reason) => inverse.not_compared = Some(reason),
                None => {
                    let mut back = catalog.clone();
                    replay_script(&mut back, down, &context);
                    inverse.differences = compare(&before, &back);
                }
            }
            all.push(inverse);
        }
    }
    all
}

fn unread(script: &Script, direction: &str) -> Option<String> {
    let count = script.statements.iter().filter(|statement| is_opaque(statement)).count();
    (count > 0).then(|| format!("{count} of {} statements of the {direction} script could not be read", script.statements.len()))
}

fn is_opaque(statement: &Statement) -> bool {
    statement.ops.iter().any(|op| match &op.kind {
        SchemaOp::Opaque { .. } => true,
        SchemaOp::Do { body, .. } => body.iter().any(is_opaque),
        _ => false,
    })
}

fn steps(mut catalog: Catalog, down: &Script, context: &Context) -> Vec<DownStep> {
    let mut all = Vec::new();
    for statement in &down.statements {
        for (number, op) in statement.ops.iter().enumerate() {
            let effect = effect(&catalog, &statement.ops, number, context.server);
            all.push(DownStep { place: Place { file: down.source, span: op.span }, effect });
            super::replay::apply(&mut catalog, &op.kind, context);
        }
    }
    all
}

/// What is other in `after` than in `before`. Objects that were only assumed are compared as far as they are known.
pub fn compare(before: &Catalog, after: &Catalog) -> Vec<Difference> {
    let mut out = Vec::new();
    tables(before, after, &mut out);
    indexes(before, after, &mut out);
    let owned = |key: &QName, of: &Catalog, other: &Catalog| {
        let owner = of.sequences.get(key).and_then(|sequence| sequence.owned_by.as_ref());
        owner.is_some_and(|(table, column)| other.table(table).is_none_or(|table| table.column(column).is_none()))
    };
    let views = |catalog: &Catalog| known(catalog.views.iter().map(|(key, view)| (key.short(), view.origin)));
    presence(&mut out, SubjectKind::View, "view", views(before), views(after));
    let sequences = |of: &Catalog, other: &Catalog| {
        known(of.sequences.iter().filter(|(key, _)| !owned(key, of, other)).map(|(key, sequence)| (key.short(), sequence.origin)))
    };
    presence(&mut out, SubjectKind::Sequence, "sequence", sequences(before, after), sequences(after, before));
    let types = |catalog: &Catalog| known(catalog.types.iter().map(|(key, ty)| (key.short(), ty.origin)));
    presence(&mut out, SubjectKind::Type, "type", types(before), types(after));
    enum_values(before, after, &mut out);
    let routines = |catalog: &Catalog| {
        known(catalog.routines.iter().flat_map(|(key, all)| {
            all.iter().filter_map(|routine| {
                let args: Vec<String> = routine.args.as_ref()?.iter().map(ToString::to_string).collect();
                Some((format!("{}({})", key.short(), args.join(", ")), routine.origin))
            })
        }))
    };
    presence(&mut out, SubjectKind::Routine, "function", routines(before), routines(after));
    let schemas = |catalog: &Catalog| known(catalog.schemas.iter().map(|(name, origin)| (name.clone(), *origin)));
    presence(&mut out, SubjectKind::Schema, "schema", schemas(before), schemas(after));
    let extensions = |catalog: &Catalog| known(catalog.extensions.iter().map(|(name, origin)| (name.clone(), *origin)));
    presence(&mut out, SubjectKind::Extension, "extension", extensions(before), extensions(after));
    out
}

fn known(objects: impl Iterator<Item = (String, Origin)>) -> Vec<String> {
    objects.filter(|(_, origin)| *origin != Origin::Assumed).map(|(name, _)| name).collect()
}

fn presence(out: &mut Vec<Difference>, kind: SubjectKind, word: &str, before: Vec<String>, after: Vec<String>) {
    for name in after.iter().filter(|name| !before.contains(name)) {
        out.push(Difference { subject: Subject::of(kind, name.as_str()), text: format!("{word} {name} is not dropped") });
    }
    for name in before.iter().filter(|name| !after.contains(name)) {
        out.push(Difference { subject: Subject::of(kind, name.as_str()), text: format!("{word} {name} is not created again") });
    }
}

fn tables(before: &Catalog, after: &Catalog, out: &mut Vec<Difference>) {
    for (key, new) in &after.tables {
        match before.table(key) {
            Some(old) => table(key, Some(old), new, out),
            None if new.origin == Origin::Assumed => table(key, None, new, out),
            None => out.push(Difference { subject: Subject::table(key), text: format!("table {} is not dropped", key.short()) }),
        }
    }
    for (key, old) in &before.tables {
        if after.table(key).is_none() && old.origin != Origin::Assumed {
            out.push(Difference { subject: Subject::table(key), text: format!("table {} is not created again", key.short()) });
        }
    }
}

/// `old` is `None` for a table the history does not show: only what the scripts themselves add can be told.
fn table(key: &QName, old: Option<&Table>, new: &Table, out: &mut Vec<Difference>) {
    let short = key.short();
    let mut add = |kind, name: &str, text: String| out.push(Difference { subject: Subject::on(kind, key, name), text });
    for column in new.columns.iter().filter(|column| column.origin != Origin::Assumed) {
        match old.and_then(|old| old.column(&column.name)) {
            Some(was) => {
                for text in column_changes(was, column) {
                    add(SubjectKind::Column, &column.name, format!("column {short}.{} {text}", column.name));
                }
            }
            // A table that was open may have had the column all along.
            None if old.is_some_and(|old| old.open) && new.open && column.created_at.is_none() && column.ty.is_none() => {}
            None => add(SubjectKind::Column, &column.name, format!("column {short}.{} is not dropped", column.name)),
        }
    }
    let gone = |column: &&Column| column.origin != Origin::Assumed && new.column(&column.name).is_none();
    for column in old.iter().flat_map(|old| &old.columns).filter(gone) {
        add(SubjectKind::Column, &column.name, format!("column {short}.{} is not added again", column.name));
    }
    for constraint in new.constraints.iter().filter(|constraint| constraint.origin != Origin::Assumed) {
        if old.is_none_or(|old| old.constraint(&constraint.name).is_none()) {
            add(SubjectKind::Constraint, &constraint.name, format!("constraint {} of {short} is not dropped", constraint.name));
        }
    }
    let Some(old) = old else { return };
    for constraint in old.constraints.iter().filter(|constraint| constraint.origin != Origin::Assumed) {
        match new.constraint(&constraint.name) {
            None => add(SubjectKind::Constraint, &constraint.name, format!("constraint {} of {short} is not added again", constraint.name)),
            Some(now) if constraint.validated && !now.validated => {
                add(SubjectKind::Constraint, &constraint.name, format!("constraint {} of {short} stays not validated", constraint.name));
            }
            Some(_) => {}
        }
    }
    for name in new.triggers.keys().filter(|name| !old.triggers.contains_key(*name)) {
        add(SubjectKind::Trigger, name, format!("trigger {name} of {short} is not dropped"));
    }
    for name in old.triggers.keys().filter(|name| !new.triggers.contains_key(*name)) {
        add(SubjectKind::Trigger, name, format!("trigger {name} of {short} is not created again"));
    }
    for name in new.policies.symmetric_difference(&old.policies) {
        let what = if new.policies.contains(name) { "is not dropped" } else { "is not created again" };
        add(SubjectKind::Policy, name, format!("policy {name} of {short} {what}"));
    }
    if old.row_security != new.row_security {
        let state = if new.row_security { "on" } else { "off" };
        add(SubjectKind::Table, &short, format!("row level security of {short} stays {state}"));
    }
}

fn column_changes(was: &Column, now: &Column) -> Vec<String> {
    let mut all = Vec::new();
    if let (Some(old), Some(new)) = (&was.ty, &now.ty)
        && !old.same_as(new)
    {
        all.push(format!("stays {new}, was {old}"));
    }
    if was.origin == Origin::Assumed {
        return all;
    }
    match (was.not_null, now.not_null) {
        (false, true) => all.push("stays NOT NULL".to_owned()),
        (true, false) => all.push("is not made NOT NULL again".to_owned()),
        _ => {}
    }
    let text = |column: &Column| column.default.as_ref().map(|default| default.text.split_whitespace().collect::<String>().to_lowercase());
    match (text(was), text(now)) {
        (None, Some(new)) => all.push(format!("keeps the default {new}")),
        (Some(old), None) => all.push(format!("does not get its default {old} back")),
        (Some(old), Some(new)) if old != new => all.push(format!("keeps the default {new}, was {old}")),
        _ => {}
    }
    if was.identity.is_some() != now.identity.is_some() {
        let state = if now.identity.is_some() { "stays an identity column" } else { "is not an identity column again" };
        all.push(state.to_owned());
    }
    all
}

/// Indexes that stand on their own; those of a constraint or of a table that is told already are left out.
fn indexes(before: &Catalog, after: &Catalog, out: &mut Vec<Difference>) {
    for (key, index) in after.indexes.iter().filter(|(_, index)| index.constraint.is_none() && index.origin != Origin::Assumed) {
        let told = before.table(&index.table).is_none() && after.table(&index.table).is_some_and(|table| table.origin != Origin::Assumed);
        match before.indexes.get(key) {
            None if told => {}
            None => out.push(difference(key, &index.table, "is not dropped")),
            Some(old) if (&old.columns, old.unique, &old.table) != (&index.columns, index.unique, &index.table) => {
                out.push(difference(key, &index.table, "is not what it was"));
            }
            Some(_) => {}
        }
    }
    for (key, index) in before.indexes.iter().filter(|(_, index)| index.constraint.is_none() && index.origin != Origin::Assumed) {
        if !after.indexes.contains_key(key) && after.table(&index.table).is_some() {
            out.push(difference(key, &index.table, "is not created again"));
        }
    }
}

fn difference(index: &QName, table: &QName, what: &str) -> Difference {
    Difference { subject: Subject::on(SubjectKind::Index, table, index.short()), text: format!("index {} {what}", index.short()) }
}

fn enum_values(before: &Catalog, after: &Catalog, out: &mut Vec<Difference>) {
    for (key, ty) in &after.types {
        let (UserTypeKind::Enum { values }, Some(UserTypeKind::Enum { values: old })) =
            (&ty.kind, before.types.get(key).map(|ty| &ty.kind))
        else {
            continue;
        };
        for value in values.iter().filter(|value| value.origin != Origin::Assumed && old.iter().all(|old| old.label != value.label)) {
            let subject = Subject::on(SubjectKind::EnumValue, key, value.label.as_str());
            out.push(Difference { subject, text: format!("enum value '{}' of {} stays", value.label, key.short()) });
        }
    }
}
