//! Columns: what ADD, DROP, RENAME and ALTER COLUMN do to the table, to old readers and to old writers.

use super::object;
use super::scene::{Hits, Scene};
use super::table::{constrained_domain, domains};
use super::{constraint, type_change};
use crate::schema::catalog::{Column, TableConstraintKind};
use crate::schema::effect::{Certainty, LockMode, Subject};
use crate::schema::name::{Name, QName, RelName};
use crate::schema::op::{ColumnDef, ConstraintKind, Expr, TableAction, Volatility};
use crate::schema::replay;
use crate::schema::types::TypeName;

/// Source: manual, ALTER TABLE, ADD COLUMN and "Notes"; release notes of 11 (constant defaults) and 18 (virtual columns).
pub fn add(scene: &mut Scene, key: &QName, def: &ColumnDef, if_not_exists: bool) {
    if scene.column(key, def.name.as_str()).is_some() {
        if !if_not_exists {
            scene.aborts(format!("{} already has a column {}", key.short(), def.name), Certainty::Always);
        }
        return;
    }
    let virtual_column = def.generated.as_ref().is_some_and(|generated| !generated.stored.unwrap_or(!scene.at_least(18)));
    if let Some(because) = rewrite_reason(scene, def, virtual_column) {
        scene.rewrite(key, because);
    }
    let required = def.not_null || def.constraints.iter().any(|c| matches!(c.kind, ConstraintKind::PrimaryKey { .. }));
    let filled = def.ty.serial || def.identity.is_some() || def.generated.is_some() || has_default(scene, def);
    if required && !filled {
        no_value(scene, key, def);
    } else if required && virtual_column {
        scene.scan(key, "every row is checked for NULL in the generated column");
    }
    for written in &def.constraints {
        inline_constraint(scene, key, def, written);
    }
}

/// Why ADD COLUMN writes every row anew, if it does.
fn rewrite_reason(scene: &Scene, def: &ColumnDef, virtual_column: bool) -> Option<String> {
    if virtual_column {
        return None;
    }
    if def.generated.is_some() {
        return Some("the stored generated column is computed for every row".to_owned());
    }
    if def.ty.serial {
        return Some("every row gets a number from the new sequence".to_owned());
    }
    if def.identity.is_some() {
        return Some("every row gets an identity value".to_owned());
    }
    if constrained_domain(scene, &def.ty).is_some() {
        return Some(format!("every row is checked against the constraints of domain {}", def.ty));
    }
    let of_domain = || domains(scene, &def.ty).find_map(|domain| domain.default.as_ref());
    let default = def.default.as_ref().or_else(of_domain).filter(|default| !default.is_null)?;
    if !scene.at_least(11) {
        return Some("before PostgreSQL 11 a default is written into every row".to_owned());
    }
    match volatility(scene, default) {
        Volatility::Volatile => Some(format!("its default {} is volatile, so it is computed for every row", default.text)),
        Volatility::Unknown => {
            Some(format!("its default {} calls a function that may be volatile, so it is computed for every row", default.text))
        }
        Volatility::Immutable | Volatility::Stable => None,
    }
}

/// An expression's volatility; the migration history knows the user's own functions.
fn volatility(scene: &Scene, expr: &Expr) -> Volatility {
    if expr.volatility != Volatility::Unknown {
        return expr.volatility;
    }
    let known = |name: &String| {
        let bare = name.rsplit('.').next().unwrap_or(name);
        scene.before.routines.iter().filter(|(key, _)| key.name == bare).flat_map(|(_, overloads)| overloads).map(|r| r.volatility).max()
    };
    let user: Vec<Volatility> = expr.functions.iter().filter_map(known).collect();
    user.into_iter().max().unwrap_or(Volatility::Unknown)
}

fn has_default(scene: &Scene, def: &ColumnDef) -> bool {
    let domain = || constrained_domain(scene, &def.ty).is_some_and(|domain| domain.default.as_ref().is_some_and(|d| !d.is_null));
    def.default.as_ref().map_or_else(domain, |default| !default.is_null)
}

/// A required column without a value: existing rows fail the statement, old INSERTs fail afterwards.
fn no_value(scene: &mut Scene, key: &QName, def: &ColumnDef) {
    if scene.is_new(key) {
        return;
    }
    let column = &def.name;
    let how = format!("an INSERT into {} that leaves out {column} fails: it is NOT NULL and has no default", key.short());
    scene.breaks(Hits::Writers, Subject::column(key, column.as_str()), how, Certainty::Always);
    scene.aborts(format!("fails if {} has any row: column {column} would hold NULL", key.short()), Certainty::Sometimes);
}

fn inline_constraint(scene: &mut Scene, key: &QName, def: &ColumnDef, written: &crate::schema::op::Constraint) {
    match &written.kind {
        ConstraintKind::ForeignKey { table, .. } => {
            let target = scene.resolve(table);
            scene.must_know(&target);
            scene.lock_because(&target, LockMode::ShareRowExclusive, "the new foreign key adds triggers to the table it references");
            // With any DEFAULT clause, even DEFAULT NULL, the existing rows are checked.
            if def.default.is_some() {
                scene.scan(key, "every row's new value is looked up in the referenced table");
            }
        }
        ConstraintKind::Check { .. } if !written.not_enforced => scene.scan(key, "every row is checked against the column's CHECK"),
        ConstraintKind::PrimaryKey { .. } => {
            scene.scan(key, "every row is checked for NULL");
            scene.build_index(key, "the primary key's index is built");
        }
        ConstraintKind::Unique { .. } => scene.build_index(key, "the unique index is built"),
        _ => {}
    }
}

/// Source: manual, ALTER TABLE, DROP COLUMN: the column is only hidden, nothing is rewritten.
pub fn drop_column(scene: &mut Scene, key: &QName, column: &Name, if_exists: bool, cascade: bool) {
    let known = scene.column(key, column.as_str()).cloned();
    if known.is_none() && if_exists && scene.table(key).is_some_and(|table| !table.open) && !scene.before.incomplete {
        return;
    }
    if known.is_none() && !if_exists && !scene.must_have_column(key, column.as_str()) {
        return;
    }
    drop_foreign_keys(scene, key, column, cascade);
    for view in replay::views_on(scene.before, key, Some(column.as_str())) {
        if cascade {
            object::view_gone(scene, &view);
        } else {
            let certainty = replay::uses(scene.before, &view, key, column.as_str());
            scene.aborts(format!("view {} still uses {}.{column}", view.short(), key.short()), certainty);
        }
    }
    generated_gone(scene, key, column, cascade);
    if scene.is_new_column(key, column.as_str()) {
        return;
    }
    let subject = Subject::column(key, column.as_str());
    if known.is_none() && if_exists {
        scene.assume(format!("column {column} of {} is not in the migration history; it may be there", key.short()));
        let how = format!("a statement that names {column} of {} fails if the column was there: it is gone", key.short());
        scene.breaks(Hits::Both, subject.clone(), how, Certainty::Sometimes);
    } else if !added_beside(scene, column) {
        let how = format!("every statement that names {column} of {} fails: the column is gone", key.short());
        scene.breaks(Hits::Both, subject.clone(), how, Certainty::Always);
    }
    // A virtual generated column holds no data.
    if known.as_ref().and_then(|column| column.generated) != Some(false) {
        scene.loses(subject, format!("the values of {column} in every row of {}", key.short()));
    }
    constraint::arbiters_gone(scene, key, |columns| columns.contains(&column.text));
}

/// Columns that are made from a dropped one go with it, or make the statement fail.
fn generated_gone(scene: &mut Scene, key: &QName, column: &Name, cascade: bool) {
    let dropped = |name: &str| {
        let drops = |action: &TableAction| matches!(action, TableAction::DropColumn { column, .. } if column.as_str() == name);
        scene.other_actions().any(drops)
    };
    let made = scene.table(key).into_iter().flat_map(|table| table.generated_from(column.as_str())).map(|other| other.name.clone());
    let made: Vec<String> = made.filter(|other| !dropped(other)).collect();
    for other in made {
        if !replay::takes_generated(cascade, scene.server) {
            scene.aborts(format!("generated column {}.{other} is made from {column}", key.short()), Certainty::Always);
        } else if !scene.is_new_column(key, &other) {
            let how = format!("every statement that names {other} of {} fails: it is made from {column} and dropped with it", key.short());
            scene.breaks(Hits::Both, Subject::column(key, &other), how, Certainty::Always);
        }
    }
}

/// The same statement adds a column of that name: running code goes on, and meets the new column's values.
fn added_beside(scene: &Scene, name: &Name) -> bool {
    scene.other_actions().any(|action| matches!(action, TableAction::AddColumn { column, .. } if column.name == *name))
}

fn drop_foreign_keys(scene: &mut Scene, key: &QName, column: &Name, cascade: bool) {
    let own = scene.table(key).into_iter().flat_map(|table| &table.constraints);
    let targets: Vec<QName> = own
        .filter_map(|constraint| match &constraint.kind {
            TableConstraintKind::ForeignKey { columns, table, .. } if columns.contains(&column.text) => Some(table.clone()),
            _ => None,
        })
        .collect();
    for target in targets {
        scene.lock_because(&target, LockMode::AccessExclusive, format!("the foreign key on {column} goes with the column"));
    }
    let to_column = |kind: &TableConstraintKind| matches!(kind, TableConstraintKind::ForeignKey { ref_columns, .. } if ref_columns.contains(&column.text));
    let owners: Vec<QName> = scene.before.references_to(key).filter(|(_, c)| to_column(&c.kind)).map(|(owner, _)| owner.clone()).collect();
    for owner in owners.into_iter().filter(|owner| owner != key) {
        if cascade {
            scene.lock_because(&owner, LockMode::AccessExclusive, "its foreign key is dropped by CASCADE");
        } else {
            scene.aborts(format!("a foreign key of {} still references {}.{column}", owner.short(), key.short()), Certainty::Always);
        }
    }
}

pub fn rename(scene: &mut Scene, key: &QName, from: &Name, to: &Name) {
    if !scene.must_have_column(key, from.as_str()) {
        return;
    }
    if scene.column(key, to.as_str()).is_some() {
        return scene.aborts(format!("{} already has a column {to}", key.short()), Certainty::Always);
    }
    if !scene.is_new_column(key, from.as_str()) {
        let how = format!("every statement that names {from} of {} fails: it is called {to} now", key.short());
        scene.breaks(Hits::Both, Subject::column(key, from.as_str()), how, Certainty::Always);
    }
}

pub fn alter_type(scene: &mut Scene, key: &QName, name: &Name, to: &TypeName, collation: Option<&RelName>, using: Option<&Expr>) {
    if !scene.must_have_column(key, name.as_str()) {
        return;
    }
    let column = scene.column(key, name.as_str()).cloned();
    for view in replay::views_on(scene.before, key, Some(name.as_str())) {
        let certainty = replay::uses(scene.before, &view, key, name.as_str());
        scene.aborts(format!("view {} uses {}.{name}: its type cannot be changed", view.short(), key.short()), certainty);
    }
    type_change::judge(scene, key, name, column.as_ref(), to, collation, using);
}

/// A new default is what old INSERTs that leave the column out store from now on.
pub fn set_default(scene: &mut Scene, key: &QName, name: &Name, default: &Expr) {
    if default.is_null {
        return drop_default(scene, key, name);
    }
    if !scene.must_have_column(key, name.as_str()) || scene.is_new_column(key, name.as_str()) {
        return;
    }
    let Some(column) = scene.column(key, name.as_str()) else { return };
    let text = column.default.as_ref().map(|old| old.text.clone());
    if text.as_deref() != Some(default.text.as_str()) {
        let old = text.unwrap_or_else(|| "NULL".to_owned());
        let how =
            format!("an INSERT of old code into {} that leaves out {name} stores {} where it stored {old}", key.short(), default.text);
        scene.breaks(Hits::Readers, Subject::column(key, name.as_str()), how, Certainty::Sometimes);
    }
}

/// Old readers never met NULL in the column.
pub fn drop_not_null(scene: &mut Scene, key: &QName, name: &Name) {
    if !scene.must_have_column(key, name.as_str()) || scene.is_new_column(key, name.as_str()) {
        return;
    }
    if scene.column(key, name.as_str()).is_some_and(|column| column.not_null) {
        let how = format!("old code that reads {name} of {} into a type without NULL fails once new code stores one", key.short());
        scene.breaks(Hits::Readers, Subject::column(key, name.as_str()), how, Certainty::Sometimes);
    }
}

/// Source: manual, ALTER TABLE, "DROP DEFAULT"; old INSERTs that leave the column out get NULL.
pub fn drop_default(scene: &mut Scene, key: &QName, name: &Name) {
    if !scene.must_have_column(key, name.as_str()) {
        return;
    }
    let Some(column) = scene.column(key, name.as_str()) else {
        scene.assume(format!("{}.{name} may be NOT NULL", key.short()));
        let how = format!("an INSERT into {} that leaves out {name} may fail once it has no default", key.short());
        return scene.breaks(Hits::Writers, Subject::column(key, name.as_str()), how, Certainty::Sometimes);
    };
    let had_default = column.default.as_ref().is_some_and(|default| !default.is_null);
    if !had_default || scene.is_new(key) || will_have_default(scene, name) {
        return;
    }
    let subject = Subject::column(key, name.as_str());
    if column.not_null {
        let how = format!("an INSERT into {} that leaves out {name} fails: it is NOT NULL and has no default any more", key.short());
        scene.breaks(Hits::Writers, subject, how, Certainty::Always);
    } else if column.origin != crate::schema::catalog::Origin::Rollout {
        let how = format!("an INSERT into {} that leaves out {name} stores NULL instead of the default", key.short());
        scene.breaks(Hits::Writers, subject, how, Certainty::Sometimes);
    }
}

/// Source: manual, ALTER TABLE, ADD GENERATED … AS IDENTITY: the column must be NOT NULL and have no default.
pub fn add_identity(scene: &mut Scene, key: &QName, name: &Name) {
    if !scene.must_have_column(key, name.as_str()) {
        return;
    }
    let Some(column) = scene.column(key, name.as_str()) else { return };
    let dropped = scene.other_actions().any(|action| matches!(action, TableAction::DropDefault { column } if column == name));
    let required = scene.other_actions().any(|action| matches!(action, TableAction::SetNotNull { column } if column == name));
    if !column.not_null && !required {
        scene.aborts(format!("{name} of {} may be NULL, and an identity column may not", key.short()), Certainty::Always);
    } else if column.default.is_some() && !dropped {
        scene.aborts(format!("{name} of {} has a default, and an identity column may not", key.short()), Certainty::Always);
    }
}

/// A sibling action gives the column a default or an identity.
fn will_have_default(scene: &Scene, name: &Name) -> bool {
    scene.other_actions().any(|action| match action {
        TableAction::SetDefault { column, default } => column == name && !default.is_null,
        TableAction::AddIdentity { column, .. } | TableAction::DropNotNull { column } => column == name,
        _ => false,
    })
}

/// Source: manual, ALTER TABLE, SET NOT NULL: the scan is skipped when a valid CHECK constraint proves that no NULL can be there (12).
pub fn set_not_null(scene: &mut Scene, key: &QName, name: &Name) {
    if !scene.must_have_column(key, name.as_str()) {
        return;
    }
    let column = scene.column(key, name.as_str()).cloned();
    let not_valid = unvalidated_not_null(scene, key, name);
    if column.as_ref().is_some_and(|column| column.not_null) && !not_valid {
        return;
    }
    for member in scene.family(key) {
        if !proved_not_null(scene, &member, name) {
            scene.scan_one(&member, format!("every row is checked for NULL in {name}"));
        }
    }
    // Where a CHECK forbids NULL already, writers meet nothing new.
    if !scene.is_new(key) && !not_valid && !forbidden_already(scene, key, name) {
        writers_of_null(scene, key, name, column.as_ref());
    }
}

/// An enforced CHECK implies `IS NOT NULL`, validated or not: new rows are held to it.
fn forbidden_already(scene: &Scene, key: &QName, name: &Name) -> bool {
    let forbids = |constraint: &crate::schema::catalog::TableConstraint| match &constraint.kind {
        TableConstraintKind::Check { expr } => constraint.enforced && expr.proves_not_null.contains(&name.text),
        _ => false,
    };
    scene.table(key).is_some_and(|table| table.constraints.iter().any(forbids))
}

/// PostgreSQL 18: a NOT NULL constraint that is there but not yet validated.
fn unvalidated_not_null(scene: &Scene, key: &QName, name: &Name) -> bool {
    scene.table(key).is_some_and(|table| {
        table.constraints.iter().any(|c| !c.validated && matches!(&c.kind, TableConstraintKind::NotNull { column } if *column == name.text))
    })
}

/// A validated CHECK implies `IS NOT NULL`, and no sibling action takes it away.
fn proved_not_null(scene: &Scene, key: &QName, name: &Name) -> bool {
    let dropped_beside = |constraint: &str| {
        scene.other_actions().any(|action| matches!(action, TableAction::DropConstraint { name, .. } if name.text == constraint))
    };
    let proves = |constraint: &crate::schema::catalog::TableConstraint| match &constraint.kind {
        TableConstraintKind::Check { expr } => {
            constraint.validated && constraint.enforced && expr.proves_not_null.contains(&name.text) && !dropped_beside(&constraint.name)
        }
        _ => false,
    };
    scene.at_least(12) && scene.table(key).is_some_and(|table| table.constraints.iter().any(proves))
}

/// Old code that writes NULL, or leaves the column out while nothing fills it.
pub fn writers_of_null(scene: &mut Scene, key: &QName, name: &Name, column: Option<&Column>) {
    let filled = column.is_some_and(|column| column.default.is_some() || column.identity.is_some() || column.generated.is_some())
        || will_have_default(scene, name);
    let new = column.is_some_and(|column| column.origin == crate::schema::catalog::Origin::Rollout);
    let subject = Subject::column(key, name.as_str());
    match (new, filled) {
        // The running code does not know the column, so its INSERTs leave it out.
        (true, true) => {}
        (true, false) => {
            let how = format!("an INSERT into {} that leaves out {name} fails: it is NOT NULL and has no default", key.short());
            scene.breaks(Hits::Writers, subject, how, Certainty::Always);
        }
        (false, _) => {
            let how = format!("a statement that stores NULL in {name} of {}, or leaves it out, fails", key.short());
            scene.breaks(Hits::Writers, subject, how, Certainty::Sometimes);
        }
    }
}

pub fn drop_identity(scene: &mut Scene, key: &QName, name: &Name) {
    if scene.must_have_column(key, name.as_str()) && !scene.is_new_column(key, name.as_str()) && !will_have_default(scene, name) {
        let how = format!("an INSERT into {} that leaves out {name} fails: nothing numbers it any more", key.short());
        scene.breaks(Hits::Writers, Subject::column(key, name.as_str()), how, Certainty::Always);
    }
}

/// Source: manual, ALTER TABLE, SET EXPRESSION (17): existing data is rewritten. A virtual column (18) has none.
pub fn set_expression(scene: &mut Scene, key: &QName, name: &Name) {
    if scene.must_have_column(key, name.as_str()) && scene.column(key, name.as_str()).and_then(|column| column.generated) != Some(false) {
        scene.rewrite(key, format!("{name} is computed anew for every row"));
    }
}
