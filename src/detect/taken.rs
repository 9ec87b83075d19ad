//! Names that are taken again: an op that takes a relation or routine away in, whether old statements find all of it again
//! under its name when the transaction commits, out.

use super::Inspection;
use super::step::{StepView, steps};
use crate::schema::catalog::{Column, Origin, Routine, Table, View};
use crate::schema::name::{QName, RelName};
use crate::schema::op::{RoutineName, SchemaOp};

/// Words of a view's query that INSERT, UPDATE and DELETE do not go through.
/// Source: manual, CREATE VIEW, "Updatable Views".
const NOT_UPDATABLE: [&str; 10] = ["distinct", "group", "having", "limit", "offset", "fetch", "union", "intersect", "except", "window"];

/// A renamed table's old name is a view over all of it that can be written, or a table that was filled from it.
pub fn again(inspection: &Inspection, view: &StepView) -> bool {
    let SchemaOp::AlterTable(alter) = view.kind() else { return false };
    let key = view.step.before.resolve(&alter.table);
    let after = view.after_transaction();
    let Some(old) = view.step.before.table(&key) else { return after.views.get(&key).is_some_and(|new| is_open(new)) };
    match (after.views.get(&key), after.table(&key)) {
        (Some(new), _) => shows_all(new, old) && can_be_written(inspection, &key, new),
        (None, Some(new)) => has_columns(new, old) && is_filled(inspection, view, &key),
        _ => false,
    }
}

fn shows_all(new: &View, old: &Table) -> bool {
    let named = |column: &Column| new.columns.iter().flatten().any(|name| *name == column.name);
    is_open(new) && new.reads.len() == 1 || !old.open && old.columns.iter().all(named)
}

/// Its own `*` stands for columns that are not written out; one in a subquery does not.
fn is_open(view: &View) -> bool {
    view.query.star && (view.columns.is_empty() || view.columns.iter().any(Option::is_none))
}

fn can_be_written(inspection: &Inspection, key: &QName, new: &View) -> bool {
    let makes = |view: &StepView| matches!(view.kind(), SchemaOp::CreateView(create) if view.step.before.resolve(&create.view) == *key);
    let plain = |view: &StepView| {
        let text = view.text_of(inspection, view.statement.span).unwrap_or("").to_lowercase();
        !text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| NOT_UPDATABLE.contains(&word))
    };
    new.reads.len() == 1 && new.query.functions.is_empty() && steps(inspection).iter().filter(|view| makes(view)).all(plain)
}

/// All the columns, and none besides that a row needs.
fn has_columns(new: &Table, old: &Table) -> bool {
    let needed = |column: &Column| column.not_null && column.default.is_none() && column.identity.is_none() && column.generated.is_none();
    !new.open
        && !old.open
        && old.columns.iter().all(|column| new.column(&column.name).is_some())
        && new.columns.iter().all(|column| old.column(&column.name).is_some() || !needed(column))
}

/// Rows are copied into the table that takes the name: under it, or under the name it had before.
fn is_filled(inspection: &Inspection, view: &StepView, key: &QName) -> bool {
    let fills = |other: &StepView| match other.kind() {
        SchemaOp::Insert(insert) if insert.query.is_some() => {
            let into = other.step.before.resolve(&insert.table);
            into == *key || other.step.before.table(&into).is_some_and(|table| table.origin == Origin::Rollout)
        }
        SchemaOp::CreateTable(create) => create.as_query.is_some(),
        SchemaOp::Opaque { .. } | SchemaOp::Copy { .. } => true,
        _ => false,
    };
    steps(inspection).iter().filter(|other| std::ptr::eq(other.timeline, view.timeline)).any(fills)
}

/// A view that is dropped is made again, with every column that it had.
pub fn view_again(view: &StepView, name: &RelName) -> bool {
    let key = view.step.before.resolve(name);
    let Some(new) = view.after_transaction().views.get(&key) else { return false };
    let Some(old) = view.step.before.views.get(&key) else { return true };
    let kept = |name: &String| new.columns.iter().flatten().any(|new| new == name);
    is_open(new) || old.columns.iter().flatten().all(kept)
}

/// A routine that is dropped is made again, and can be called as it was.
pub fn routine_again(view: &StepView, name: &RoutineName) -> bool {
    let (before, after) = (&view.step.before, view.after_transaction());
    let key = before.resolve(&name.name);
    let of = |routine: &&Routine| match (&name.args, &routine.args) {
        (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same_as(b)),
        _ => true,
    };
    let new: Vec<&Routine> = after.routines.get(&key).into_iter().flatten().filter(of).collect();
    let old: Vec<&Routine> = before.routines.get(&key).into_iter().flatten().filter(of).collect();
    let plain = |text: &Option<String>| text.as_ref().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase());
    let serves = |old: &Routine, new: &Routine| {
        new.defaults >= old.defaults && plain(&new.returns) == plain(&old.returns) && new.arg_names == old.arg_names
    };
    !new.is_empty() && old.iter().all(|old| new.iter().any(|new| serves(old, new)))
}
