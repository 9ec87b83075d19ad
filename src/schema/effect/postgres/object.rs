//! Views, types, domains, sequences, routines, triggers, policies, schemas, publications and privileges.

use super::scene::{Hits, Scene};
use super::table::tables_using;
use crate::schema::catalog::{Origin, Routine, UserTypeKind};
use crate::schema::effect::{Certainty, LockMode, Subject, SubjectKind};
use crate::schema::name::{Name, QName, RelName};
use crate::schema::op::{
    CreateRoutine, CreateTrigger, CreateView, DomainAction, PrivilegeTarget, PublicationAction, RoutineAction, RoutineName, SchemaOp,
    SequenceAction, TypeAction, ViewAction,
};
use crate::schema::replay;

// ------------------------------------------------------------------------------------------------ views

/// A view that CASCADE drops, and every view that reads it.
pub fn view_gone(scene: &mut Scene, view: &QName) {
    let mut all = vec![view.clone()];
    all.extend(replay::views_below(scene.before, view, None));
    for view in all {
        scene.lock_because(&view, LockMode::AccessExclusive, "CASCADE drops it");
        if !scene.is_new(&view) {
            let how = format!("every statement on view {} fails: CASCADE drops it", view.short());
            scene.breaks(Hits::Both, Subject::of(SubjectKind::View, view.to_string()), how, Certainty::Always);
        }
    }
}

pub fn view_column_gone(scene: &mut Scene, view: &QName, column: &str) {
    if !scene.is_new(view) {
        let how = format!("every statement that names {column} of view {} fails", view.short());
        scene.breaks(Hits::Readers, Subject::column(view, column), how, Certainty::Always);
    }
}

/// Source: manual, CREATE VIEW: OR REPLACE may only add columns at the end; anything else is refused.
pub fn create_view(scene: &mut Scene, create: &CreateView) {
    let key = scene.resolve(&create.view);
    for relation in &create.query.relations {
        let read = scene.resolve(relation);
        scene.lock(&read, LockMode::AccessShare);
    }
    let Some(old) = scene.before.views.get(&key).cloned() else {
        if scene.before.has_relation(&key) && !create.if_not_exists && !create.temporary {
            scene.aborts(format!("relation {} already exists", key.short()), Certainty::Always);
        }
        return;
    };
    if !create.or_replace {
        if !create.if_not_exists {
            scene.aborts(format!("relation {} already exists", key.short()), Certainty::Always);
        }
        return;
    }
    scene.lock(&key, LockMode::AccessExclusive);
    let new: Vec<Option<String>> = match create.columns.as_slice() {
        [] => create.query.output.clone(),
        named => named.iter().map(|name| Some(name.text.clone())).collect(),
    };
    let told = |columns: &[Option<String>]| columns.iter().all(Option::is_some) && !columns.is_empty();
    if told(&old.columns) && told(&new) && !create.query.star && !new.starts_with(&old.columns) {
        scene.aborts(format!("CREATE OR REPLACE VIEW cannot drop, rename or reorder columns of {}", key.short()), Certainty::Always);
    }
    if old.query != create.query && !scene.is_new(&key) {
        let how = format!("view {} may return other rows or types to the running code", key.short());
        scene.breaks(Hits::Readers, Subject::of(SubjectKind::View, key.to_string()), how, Certainty::Sometimes);
    }
}

pub fn alter_view(scene: &mut Scene, name: &RelName, action: &ViewAction) {
    let key = scene.resolve(name);
    scene.lock(&key, LockMode::AccessExclusive);
    let gone = |scene: &mut Scene, to: String| {
        if !scene.is_new(&key) {
            let how = format!("every statement on view {} fails: it is called {to} now", key.short());
            scene.breaks(Hits::Both, Subject::of(SubjectKind::View, key.to_string()), how, Certainty::Always);
        }
    };
    match action {
        ViewAction::Rename { to } => gone(scene, to.text.clone()),
        ViewAction::SetSchema { schema } => gone(scene, format!("{schema}.{}", key.name)),
        ViewAction::RenameColumn { from, .. } => view_column_gone(scene, &key, from.as_str()),
        ViewAction::OwnerTo { role } if !scene.is_new(&key) => {
            let how = format!("view {} reads its tables with the rights of {role} from now on", key.short());
            scene.breaks(Hits::Readers, Subject::of(SubjectKind::View, key.to_string()), how, Certainty::Sometimes);
        }
        ViewAction::SetTablespace { .. } | ViewAction::SetAccessMethod => scene.rewrite(&key, "the materialized view is written anew"),
        _ => {}
    }
}

pub fn drop_view(scene: &mut Scene, name: &RelName, materialized: bool, if_exists: bool, cascade: bool) {
    let key = scene.resolve(name);
    if if_exists && !scene.before.views.contains_key(&key) && !scene.before.incomplete {
        return;
    }
    scene.must_know(&key);
    scene.lock(&key, LockMode::AccessExclusive);
    for view in replay::views_on(scene.before, &key, None) {
        if cascade {
            view_gone(scene, &view);
        } else if !dropped_beside(scene, &view) {
            scene.aborts(format!("view {} still reads {}", view.short(), key.short()), Certainty::Always);
        }
    }
    if scene.is_new(&key) {
        return;
    }
    let kind = if materialized { "materialized view" } else { "view" };
    let how = format!("every statement on {kind} {} fails: it is gone", key.short());
    scene.breaks(Hits::Both, Subject::of(SubjectKind::View, key.to_string()), how, Certainty::Always);
}

/// The same statement drops the view too.
fn dropped_beside(scene: &Scene, view: &QName) -> bool {
    scene.other_ops().any(|op| matches!(op, SchemaOp::DropView { view: other, .. } if scene.resolve(other) == *view))
}

/// Source: manual, REFRESH MATERIALIZED VIEW: ACCESS EXCLUSIVE, with CONCURRENTLY EXCLUSIVE and a unique index needed.
pub fn refresh(scene: &mut Scene, name: &RelName, concurrently: bool) {
    let key = scene.resolve(name);
    scene.lock(&key, if concurrently { LockMode::Exclusive } else { LockMode::AccessExclusive });
    if !concurrently {
        scene.rewrite(&key, "the materialized view is filled anew");
        return;
    }
    let unique = |index: &crate::schema::catalog::Index| index.unique && index.predicate.is_none() && index.expressions.is_empty();
    let known = scene.before.views.contains_key(&key) && !scene.before.incomplete;
    if known && !scene.before.indexes_of(&key).any(|(_, index)| unique(index)) {
        scene.aborts(format!("{} has no unique index, so CONCURRENTLY refuses", key.short()), Certainty::Always);
    }
}

// ------------------------------------------------------------------------------------------------ types and domains

pub fn alter_type(scene: &mut Scene, name: &RelName, action: &TypeAction) {
    let key = scene.resolve(name);
    let ty = scene.before.types.get(&key).cloned();
    if ty.as_ref().is_some_and(|ty| ty.origin == Origin::Rollout) {
        return;
    }
    if ty.is_none() {
        scene.assume(format!("type {} is not in the migration history", key.short()));
    }
    let values = match ty.as_ref().map(|ty| &ty.kind) {
        Some(UserTypeKind::Enum { values }) => Some(values),
        _ => None,
    };
    let subject = |kind, name: &str| Subject { kind, table: Some(key.to_string()), name: name.to_owned() };
    match action {
        TypeAction::AddValue { value, if_not_exists, .. } => {
            if values.is_some_and(|values| values.iter().any(|known| known.label == *value)) {
                if !if_not_exists {
                    scene.aborts(format!("{} already has the value '{value}'", key.short()), Certainty::Always);
                }
                return;
            }
            if !scene.at_least(12) {
                scene.outside_transaction();
            }
            let how = format!("old code that reads '{value}' from a {} column meets a value it does not know", key.short());
            scene.breaks(Hits::Readers, subject(SubjectKind::EnumValue, value), how, Certainty::Sometimes);
        }
        TypeAction::RenameValue { from, to } => {
            if values.is_some_and(|values| values.iter().all(|known| known.label != *from)) {
                scene.aborts(format!("{} has no value '{from}'", key.short()), Certainty::Always);
                return;
            }
            let how = format!("old code that writes or compares '{from}' fails, and what it reads is '{to}'");
            scene.breaks(Hits::Both, subject(SubjectKind::EnumValue, from), how, Certainty::Always);
        }
        TypeAction::Rename { to } => type_gone(scene, &key, to.as_str()),
        TypeAction::SetSchema { schema } => type_gone(scene, &key, &format!("{schema}.{}", key.name)),
        TypeAction::AddAttribute { name, .. } => attribute(scene, &key, name, "has one more attribute", false),
        TypeAction::DropAttribute { name, .. } => {
            attribute(scene, &key, name, "loses an attribute", false);
            scene.loses(subject(SubjectKind::Type, name.as_str()), format!("attribute {name} of every value of {}", key.short()));
        }
        TypeAction::AlterAttribute { name, .. } => attribute(scene, &key, name, "changes the type of an attribute", true),
        TypeAction::RenameAttribute { from, .. } => attribute(scene, &key, from, "renames an attribute", false),
        TypeAction::OwnerTo { .. } | TypeAction::SetOptions => {}
    }
}

fn type_gone(scene: &mut Scene, key: &QName, to: &str) {
    let how = format!("a cast or parameter of type {} fails: it is called {to} now", key.short());
    scene.breaks(Hits::Both, Subject::of(SubjectKind::Type, key.to_string()), how, Certainty::Sometimes);
}

fn attribute(scene: &mut Scene, key: &QName, name: &Name, what: &str, retyped: bool) {
    for table in tables_using(scene, key).into_iter().filter(|_| retyped) {
        scene.aborts(
            format!("{} has a column of type {}, so the attribute cannot be changed", table.short(), key.short()),
            Certainty::Always,
        );
    }
    let how = format!("code that builds or reads values of {} with {name} may fail: the type {what}", key.short());
    scene.breaks(Hits::Both, Subject::of(SubjectKind::Type, key.to_string()), how, Certainty::Sometimes);
}

pub fn drop_type(scene: &mut Scene, name: &RelName, if_exists: bool, cascade: bool) {
    let key = scene.resolve(name);
    let known = scene.before.types.get(&key).cloned();
    if known.is_none() && if_exists {
        return;
    }
    for table in tables_using(scene, &key) {
        if cascade {
            scene.lock_because(&table, LockMode::AccessExclusive, "CASCADE drops its column of the type");
            scene.loses(Subject::table(&table), format!("the columns of type {} in {}", key.short(), table.short()));
        } else {
            scene.aborts(format!("{} still has a column of type {}", table.short(), key.short()), Certainty::Always);
        }
    }
    if known.is_none_or(|ty| ty.origin != Origin::Rollout) {
        let how = format!("a cast or parameter of type {} fails: it is gone", key.short());
        scene.breaks(Hits::Both, Subject::of(SubjectKind::Type, key.to_string()), how, Certainty::Always);
    }
}

/// Source: manual, ALTER DOMAIN; validating reads every table that uses the domain, under SHARE.
pub fn alter_domain(scene: &mut Scene, name: &RelName, action: &DomainAction) {
    let key = scene.resolve(name);
    let new = scene.before.types.get(&key).is_some_and(|ty| ty.origin == Origin::Rollout);
    let checks = match action {
        DomainAction::AddConstraint { not_valid, .. } => !not_valid,
        DomainAction::SetNotNull | DomainAction::ValidateConstraint { .. } => true,
        _ => false,
    };
    if checks {
        for table in tables_using(scene, &key) {
            scene.lock_because(&table, LockMode::Share, format!("it has a column of domain {}", key.short()));
            scene.scan(&table, format!("every value of domain {} is checked", key.short()));
        }
    }
    if new {
        return;
    }
    let subject = Subject::of(SubjectKind::Domain, key.to_string());
    match action {
        DomainAction::AddConstraint { .. } | DomainAction::SetNotNull => {
            let how = format!("a write of a {} value that the new constraint forbids fails", key.short());
            scene.breaks(Hits::Writers, subject, how, Certainty::Sometimes);
        }
        DomainAction::Rename { to } => type_gone(scene, &key, to.as_str()),
        DomainAction::SetSchema { schema } => type_gone(scene, &key, &format!("{schema}.{}", key.name)),
        _ => {}
    }
}

// ------------------------------------------------------------------------------------------------ sequences

pub fn alter_sequence(scene: &mut Scene, name: &RelName, action: &SequenceAction) {
    let key = scene.resolve(name);
    let mode = match action {
        SequenceAction::Rename { .. } | SequenceAction::SetSchema { .. } | SequenceAction::OwnerTo { .. } => LockMode::AccessExclusive,
        _ => LockMode::ShareRowExclusive,
    };
    scene.lock(&key, mode);
    let new = scene.is_new(&key);
    let subject = Subject::of(SubjectKind::Sequence, key.to_string());
    match action {
        SequenceAction::Rename { to } if !new => {
            let how = format!("nextval('{}') in old code fails: the sequence is called {to} now", key.short());
            scene.breaks(Hits::Writers, subject, how, Certainty::Always);
        }
        SequenceAction::SetSchema { schema } if !new => {
            let how = format!("nextval('{}') in old code fails: the sequence is in schema {schema} now", key.short());
            scene.breaks(Hits::Writers, subject, how, Certainty::Always);
        }
        SequenceAction::Restart if !new => {
            let how = format!("{} hands out numbers again that may be in use: an INSERT fails on the duplicate key", key.short());
            scene.breaks(Hits::Writers, subject, how, Certainty::Sometimes);
        }
        _ => {}
    }
}

pub fn drop_sequence(scene: &mut Scene, name: &RelName, if_exists: bool) {
    let key = scene.resolve(name);
    if if_exists && !scene.before.sequences.contains_key(&key) && !scene.before.incomplete {
        return;
    }
    scene.lock(&key, LockMode::AccessExclusive);
    if !scene.is_new(&key) {
        let how = format!("nextval('{}') fails: the sequence is gone", key.short());
        scene.breaks(Hits::Writers, Subject::of(SubjectKind::Sequence, key.to_string()), how, Certainty::Always);
    }
}

// ------------------------------------------------------------------------------------------------ routines

fn overloads<'a>(scene: &Scene<'a>, routine: &RoutineName) -> Vec<&'a Routine> {
    let key = scene.resolve(&routine.name);
    let same = |known: &&Routine| match (&known.args, &routine.args) {
        (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same_as(b)),
        _ => true,
    };
    scene.before.routines.get(&key).into_iter().flatten().filter(same).collect()
}

/// Source: manual, CREATE FUNCTION: OR REPLACE cannot change the result type or argument names; another argument list makes
/// a second function beside the first.
pub fn create_routine(scene: &mut Scene, create: &CreateRoutine) {
    let key = scene.resolve(&create.routine.name);
    let known: Vec<Routine> = overloads(scene, &create.routine).into_iter().cloned().collect();
    let subject = Subject::of(SubjectKind::Routine, key.to_string());
    let Some(old) = known.first() else {
        let others = scene.before.routines.get(&key).map_or(0, Vec::len);
        if others > 0 && create.or_replace {
            let how = format!("calls of {} may become ambiguous: this adds an overload, it does not replace the old one", key.short());
            scene.breaks(Hits::Both, subject, how, Certainty::Sometimes);
        }
        return;
    };
    if !create.or_replace {
        return scene.aborts(format!("{} already exists with these arguments", key.short()), Certainty::Always);
    }
    if old.returns.is_some() && create.returns.is_some() && !same_result(old.returns.as_deref(), create.returns.as_deref()) {
        scene.aborts(format!("CREATE OR REPLACE cannot change what {} returns", key.short()), Certainty::Sometimes);
    }
    let renamed = old.arg_names.iter().zip(&create.arg_names).find(|(old, new)| match (old, new) {
        (Some(old), Some(new)) => *old != new.text,
        _ => false,
    });
    if let Some((Some(name), _)) = renamed {
        scene.aborts(format!("CREATE OR REPLACE cannot rename parameter {name} of {}", key.short()), Certainty::Always);
    }
    if create.defaults < old.defaults {
        scene.aborts(format!("CREATE OR REPLACE cannot take a default away from {}", key.short()), Certainty::Always);
    }
    if old.origin != Origin::Rollout {
        let how = format!("old code that calls {} runs the new body", key.short());
        scene.breaks(Hits::Both, subject, how, Certainty::Sometimes);
    }
}

fn same_result(a: Option<&str>, b: Option<&str>) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    a.map(plain) == b.map(plain)
}

pub fn alter_routine(scene: &mut Scene, routine: &RoutineName, action: &RoutineAction) {
    let to = match action {
        RoutineAction::Rename { to } => to.text.clone(),
        RoutineAction::SetSchema { schema } => format!("{schema}.{}", routine.name.name),
        RoutineAction::OwnerTo { .. } | RoutineAction::Options { .. } => return,
    };
    gone(scene, routine, &format!("it is called {to} now"));
}

pub fn drop_routine(scene: &mut Scene, routine: &RoutineName, if_exists: bool, cascade: bool) {
    if if_exists && overloads(scene, routine).is_empty() {
        return;
    }
    let key = scene.resolve(&routine.name);
    routine_dependants(scene, &key, cascade);
    gone(scene, routine, "it is gone");
}

/// Triggers and views that call a dropped routine: CASCADE takes them along, and locks their tables for it; else they make the
/// statement fail. Overloads cannot be told apart in a view's text.
fn routine_dependants(scene: &mut Scene, key: &QName, cascade: bool) {
    for (table, trigger) in replay::triggers_of(scene.before, key) {
        if !cascade {
            scene.aborts(format!("trigger {trigger} on {} still calls {}", table.short(), key.short()), Certainty::Always);
            continue;
        }
        scene.lock_because(&table, LockMode::AccessExclusive, format!("CASCADE drops its trigger {trigger}"));
        trigger_gone(scene, &table, &trigger);
    }
    let alone = scene.before.routines.get(key).is_some_and(|overloads| overloads.len() == 1);
    let calls = |view: &crate::schema::catalog::View| view.query.functions.iter().any(|function| scene.before.resolve(function) == *key);
    let views: Vec<QName> = scene.before.views.iter().filter(|(_, view)| calls(view)).map(|(name, _)| name.clone()).collect();
    for view in views {
        if cascade {
            view_gone(scene, &view);
        } else if !dropped_beside(scene, &view) {
            let certainty = if alone { Certainty::Always } else { Certainty::Sometimes };
            scene.aborts(format!("view {} still calls {}", view.short(), key.short()), certainty);
        }
    }
}

fn trigger_gone(scene: &mut Scene, table: &QName, trigger: &str) {
    let found = scene.table(table).and_then(|table| table.triggers.get(trigger));
    let new = found.is_some_and(|trigger| trigger.origin == Origin::Rollout);
    if !new && !scene.is_new(table) {
        let how = format!("writes to {} no longer run trigger {trigger}, which old code counts on", table.short());
        scene.breaks(Hits::Writers, Subject::on(SubjectKind::Trigger, table, trigger), how, Certainty::Sometimes);
    }
}

fn gone(scene: &mut Scene, routine: &RoutineName, why: &str) {
    if overloads(scene, routine).iter().any(|known| known.origin == Origin::Rollout) {
        return;
    }
    let key = scene.resolve(&routine.name);
    let how = format!("every call of {} fails: {why}", key.short());
    scene.breaks(Hits::Both, Subject::of(SubjectKind::Routine, key.to_string()), how, Certainty::Always);
}

// ------------------------------------------------------------------------------------------------ triggers, rules, policies

/// Source: manual, CREATE TRIGGER: SHARE ROW EXCLUSIVE.
pub fn create_trigger(scene: &mut Scene, create: &CreateTrigger) {
    let key = scene.resolve(&create.table);
    scene.must_know(&key);
    for member in scene.partitions(&key) {
        scene.lock(&member, LockMode::ShareRowExclusive);
    }
    if let Some(from) = &create.from_table {
        scene.lock_named(from, LockMode::ShareRowExclusive);
    }
    let exists = scene.table(&key).is_some_and(|table| table.triggers.contains_key(create.name.as_str()));
    if exists && !create.or_replace {
        return scene.aborts(format!("{} already has a trigger {}", key.short(), create.name), Certainty::Always);
    }
    if !scene.is_new(&key) {
        let how = format!(
            "{} on {} runs trigger {}, which old code does not expect",
            create.events.join(", ").to_uppercase(),
            key.short(),
            create.name
        );
        scene.breaks(Hits::Writers, Subject::on(SubjectKind::Trigger, &key, create.name.as_str()), how, Certainty::Sometimes);
    }
}

pub fn drop_trigger(scene: &mut Scene, name: &Name, table: &RelName, if_exists: bool) {
    let key = scene.resolve(table);
    // The trigger is looked up before the table is locked.
    let missing = scene.table(&key).is_some_and(|table| !table.open && !table.triggers.contains_key(name.as_str()));
    if if_exists && missing && !scene.before.incomplete {
        return;
    }
    scene.must_know(&key);
    scene.lock(&key, LockMode::AccessExclusive);
    trigger_gone(scene, &key, name.as_str());
}

pub fn toggle_trigger(scene: &mut Scene, key: &QName, name: Option<&Name>, enable: bool) {
    if !enable && !scene.is_new(key) {
        let which = name.map_or_else(|| "its triggers".to_owned(), |name| format!("trigger {name}"));
        let subject = Subject::on(SubjectKind::Trigger, key, name.map_or("all", Name::as_str));
        let how = format!("writes to {} no longer run {which}: checks and copies it makes are left out", key.short());
        scene.breaks(Hits::Writers, subject, how, Certainty::Sometimes);
    }
}

pub fn create_rule(scene: &mut Scene, table: &RelName, event: &str, instead: bool) {
    let key = scene.resolve(table);
    scene.must_know(&key);
    scene.lock(&key, LockMode::AccessExclusive);
    if instead && !scene.is_new(&key) {
        let how = format!("{} on {} does something else from now on", event.to_uppercase(), key.short());
        scene.breaks(Hits::Both, Subject::table(&key), how, Certainty::Sometimes);
    }
}

/// Source: manual, CREATE POLICY, ALTER POLICY, DROP POLICY: ACCESS EXCLUSIVE.
pub fn policy(scene: &mut Scene, table: &RelName) {
    let key = scene.resolve(table);
    scene.must_know(&key);
    scene.lock(&key, LockMode::AccessExclusive);
    let active = scene.table(&key).is_none_or(|table| table.row_security || table.open);
    if active && !scene.is_new(&key) {
        let how = format!("the running code may see or change other rows of {} than before", key.short());
        scene.breaks(Hits::Both, Subject::on(SubjectKind::Policy, &key, key.name.clone()), how, Certainty::Sometimes);
    }
}

/// Source: manual, 5.9 "Row Security Policies": without a policy, the default is to deny.
pub fn row_security(scene: &mut Scene, key: &QName, enable: Option<bool>, force: Option<bool>) {
    if scene.is_new(key) || (enable != Some(true) && force != Some(true)) {
        return;
    }
    let none = scene.table(key).is_some_and(|table| table.policies.is_empty() && !table.open);
    let how = match none {
        true => format!("{} has no policy yet: roles that do not own it see no row and write none", key.short()),
        false => format!("roles that do not own {} see and write only what its policies allow", key.short()),
    };
    scene.breaks(Hits::Both, Subject::table(key), how, Certainty::Sometimes);
}

pub fn replica_identity(scene: &mut Scene, key: &QName, nothing: bool) {
    if nothing && !scene.is_new(key) {
        let how = format!("UPDATE and DELETE on {} fail once it is published: it has no replica identity", key.short());
        scene.breaks(Hits::Writers, Subject::table(key), how, Certainty::Sometimes);
    }
}

// ------------------------------------------------------------------------------------------------ schemas and the rest

pub fn rename_schema(scene: &mut Scene, from: &str, to: &str) {
    if scene.before.schemas.get(from) != Some(&Origin::Rollout) {
        let how = format!("every statement that names schema {from} fails: it is called {to} now");
        scene.breaks(Hits::Both, Subject::of(SubjectKind::Schema, from), how, Certainty::Always);
    }
}

pub fn drop_schema(scene: &mut Scene, name: &str, cascade: bool) {
    let tables: Vec<QName> = scene.before.tables.keys().filter(|key| key.schema == name).cloned().collect();
    for table in &tables {
        if cascade {
            scene.lock_because(table, LockMode::AccessExclusive, "CASCADE drops it");
            scene.loses(Subject::table(table), format!("all rows of {}", table.short()));
        } else {
            scene.aborts(format!("schema {name} still holds {}", table.short()), Certainty::Always);
        }
    }
    let routines: Vec<QName> = scene.before.routines.keys().filter(|key| key.schema == name && cascade).cloned().collect();
    for routine in routines {
        routine_dependants(scene, &routine, true);
    }
    if scene.before.schemas.get(name) != Some(&Origin::Rollout) {
        let how = format!("every statement that names schema {name} fails: it is gone");
        scene.breaks(Hits::Both, Subject::of(SubjectKind::Schema, name), how, Certainty::Always);
    }
}

pub fn drop_extension(scene: &mut Scene, name: &str) {
    if scene.before.extensions.get(name) != Some(&Origin::Rollout) {
        let how = format!("statements that use a function, type or operator of extension {name} fail");
        scene.breaks(Hits::Both, Subject::of(SubjectKind::Extension, name), how, Certainty::Always);
    }
}

pub fn drop_database(scene: &mut Scene, name: &str) {
    scene.outside_transaction();
    let subject = Subject::of(SubjectKind::Database, name);
    scene.breaks(Hits::Both, subject.clone(), format!("nothing can connect to database {name}: it is gone"), Certainty::Always);
    scene.loses(subject, format!("everything in database {name}"));
}

/// Source: manual, 29.1 "Publication": UPDATE and DELETE need a replica identity once they are published.
pub fn publication(scene: &mut Scene, op: &SchemaOp) {
    let (tables, all, publishes): (Vec<QName>, bool, bool) = match op {
        SchemaOp::CreatePublication { tables, all_tables, publishes_update_or_delete, .. } => {
            (tables.iter().map(|table| scene.resolve(table)).collect(), *all_tables, *publishes_update_or_delete)
        }
        SchemaOp::AlterPublication { name, action: PublicationAction::Add { tables, .. } | PublicationAction::Set { tables, .. } } => {
            let publishes = scene.before.publications.get(name.as_str()).is_none_or(|publication| publication.publishes_update_or_delete);
            (tables.iter().map(|table| scene.resolve(table)).collect(), false, publishes)
        }
        _ => return,
    };
    let tables: Vec<QName> = if all { scene.before.tables.keys().cloned().collect() } else { tables };
    for key in tables {
        if !all {
            scene.lock(&key, LockMode::ShareUpdateExclusive);
        }
        let keyless = scene.table(&key).is_some_and(|table| {
            !table.open
                && !table.constraints.iter().any(|c| matches!(c.kind, crate::schema::catalog::TableConstraintKind::PrimaryKey { .. }))
        });
        if keyless && publishes && !scene.is_new(&key) {
            let how = format!("UPDATE and DELETE on {} fail: it is published and has no primary key as replica identity", key.short());
            scene.breaks(Hits::Writers, Subject::table(&key), how, Certainty::Always);
        }
    }
}

pub fn revoke(scene: &mut Scene, privileges: &[String], on: &PrivilegeTarget, roles: &[String]) {
    let what = privileges.join(", ").to_uppercase();
    let who = roles.join(", ");
    let subjects: Vec<Subject> = match on {
        PrivilegeTarget::Tables { tables, .. } => {
            let keys: Vec<QName> = tables.iter().map(|table| scene.resolve(table)).filter(|key| !scene.is_new(key)).collect();
            keys.iter().map(Subject::table).collect()
        }
        PrivilegeTarget::AllTablesInSchema { schemas } | PrivilegeTarget::Schemas { schemas } => {
            schemas.iter().map(|schema| Subject::of(SubjectKind::Schema, schema.as_str())).collect()
        }
        PrivilegeTarget::Sequences { sequences } => sequences.iter().map(|s| Subject::of(SubjectKind::Sequence, s.to_string())).collect(),
        PrivilegeTarget::Routines { routines } => routines.iter().map(|r| Subject::of(SubjectKind::Routine, r.to_string())).collect(),
        PrivilegeTarget::Types { types } => types.iter().map(|t| Subject::of(SubjectKind::Type, t.to_string())).collect(),
        PrivilegeTarget::Role => vec![Subject::of(SubjectKind::Statement, what.clone())],
        // Objects that are created later; nothing that runs uses them yet.
        PrivilegeTarget::Defaults => Vec::new(),
        PrivilegeTarget::Other { object } => vec![Subject::of(SubjectKind::Statement, object.clone())],
    };
    for subject in subjects {
        let how = format!("{who} may no longer {what} on {}", subject.name);
        scene.breaks(Hits::Both, subject, how, Certainty::Sometimes);
    }
}

pub fn drop_owned(scene: &mut Scene, roles: &[String]) {
    let who = roles.join(", ");
    let subject = Subject::of(SubjectKind::Statement, format!("DROP OWNED BY {who}"));
    scene.breaks(
        Hits::Both,
        subject.clone(),
        format!("everything {who} owns is gone, and its privileges are revoked"),
        Certainty::Sometimes,
    );
    scene.loses(subject, format!("the rows of every table {who} owns"));
}
