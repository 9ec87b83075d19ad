//! Phases of expand and contract that share one rollout although each needs its own: a rollout's steps in, findings out.

use super::step::{StepView, finding, label, steps};
use super::{Detector, Inspection};
use crate::finding::{EffectKind, Finding, Severity, Subject};
use crate::rule::Rule;
use crate::schema::catalog::Origin;
use crate::schema::effect::Certainty;
use crate::schema::name::QName;
use crate::schema::op::{ConstraintKind, Query, SchemaOp, TableAction};

/// Detectors by the name a rule file gives.
pub const DETECTORS: &[(&str, Detector)] = &[("migration.collapsed_phases", collapsed_phases)];

pub fn collapsed_phases(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let views = steps(inspection);
    for (at, view) in views.iter().enumerate() {
        let earlier = &views[..at];
        out.extend(required(inspection, rule, view, earlier));
        out.extend(replaced(inspection, rule, view, &views, at));
        out.extend(added_and_dropped(inspection, rule, view, earlier));
    }
}

/// The table and action of an ALTER TABLE.
fn altered<'a>(view: &StepView<'a>) -> Option<(QName, &'a TableAction)> {
    match view.kind() {
        SchemaOp::AlterTable(alter) => Some((view.step.before.resolve(&alter.table), &alter.action)),
        _ => None,
    }
}

/// The step of this rollout that added a column to a table that is not new itself.
fn addition<'v, 'a>(earlier: &'v [StepView<'a>], table: &QName, column: &str) -> Option<&'v StepView<'a>> {
    earlier.iter().find(
        |old| matches!(altered(old), Some((on, TableAction::AddColumn { column: added, .. })) if on == *table && added.name.text == column),
    )
}

/// A column added here that nothing fills for old code.
fn is_new_and_unfilled(view: &StepView, table: &QName, column: &str) -> bool {
    let known = view.step.before.table(table).filter(|table| table.origin != Origin::Rollout).and_then(|table| table.column(column));
    known.is_some_and(|column| {
        column.origin == Origin::Rollout && column.default.is_none() && column.identity.is_none() && column.generated.is_none()
    })
}

/// Added, filled and made required, by NOT NULL or by a CHECK that says the same.
fn required(inspection: &Inspection, rule: &Rule, view: &StepView, earlier: &[StepView]) -> Option<Finding> {
    let (table, action) = altered(view)?;
    let column = match action {
        TableAction::SetNotNull { column } => {
            let breaks = view.effect().breaks_writers.iter().any(|broken| broken.certainty == Certainty::Always);
            breaks.then(|| column.text.clone())?
        }
        TableAction::AddConstraint { constraint } => match &constraint.kind {
            ConstraintKind::Check { expr, .. } if !constraint.not_enforced => {
                expr.proves_not_null.iter().find(|column| is_new_and_unfilled(view, &table, column))?.clone()
            }
            _ => return None,
        },
        _ => return None,
    };
    let added = addition(earlier, &table, &column)?;
    let message = format!(
        "Column {column} of {} is added and made required in one rollout. The deployed code does not know the column, so each of its INSERTs fails from here on.",
        table.short()
    );
    let mut found = about_column(inspection, rule, view, &table, &column, message);
    found.effects = [EffectKind::BreaksOldWriters].into();
    found.labels.push(label(added, "added here, in the same rollout"));
    super::old_code::list_writers(inspection, &mut found);
    Some(found)
}

/// A rename in three steps: something new is added, the values are copied, the old is dropped.
fn replaced(inspection: &Inspection, rule: &Rule, view: &StepView, views: &[StepView], at: usize) -> Option<Finding> {
    let before = &view.step.before;
    let (table, column) = match view.kind() {
        SchemaOp::DropTable { table, .. } => (before.resolve(table), None),
        _ => match altered(view)? {
            (table, TableAction::DropColumn { column, .. }) => (table, Some(column.text.as_str())),
            _ => return None,
        },
    };
    let old = before.table(&table).filter(|table| table.origin != Origin::Rollout)?;
    if column.is_some_and(|column| old.column(column).is_none_or(|column| column.origin == Origin::Rollout))
        || takes_its_name(&views[at..], &table)
    {
        return None;
    }
    let (copy, new) = views[..at].iter().find_map(|copy| Some((copy, copied_to(copy, &table, column)?)))?;
    let what = column.map_or(format!("Table {}", table.short()), |column| format!("Column {column} of {}", table.short()));
    let message = format!(
        "{what} is replaced by {new} in one rollout: added, copied and dropped. What the deployed code writes to the old one after the copy is lost, and from here on it fails."
    );
    let mut found = match column {
        Some(column) => about_column(inspection, rule, view, &table, column, message),
        None => finding(inspection, rule, view, Subject::table(&table), message, &[("table", table.short()), ("column", new.clone())]),
    };
    found.effects = [EffectKind::BreaksOldReaders, EffectKind::BreaksOldWriters, EffectKind::LosesData].into();
    found.labels.push(label(copy, format!("copied to {new} here")));
    inspection.old_code.settle(&mut found);
    Some(found)
}

/// A rebuilt table takes over the name: nothing is replaced for old code.
fn takes_its_name(later: &[StepView], table: &QName) -> bool {
    later.iter().any(|view| matches!(altered(view), Some((_, TableAction::RenameTable { to })) if to.text == table.name))
}

/// What this statement copies the old column or table to, when that is new in this rollout.
fn copied_to(view: &StepView, table: &QName, column: Option<&str>) -> Option<String> {
    let before = &view.step.before;
    let reads = |query: &Query| {
        let resolves = |name| before.resolve(name) == *table;
        let from = query.relations.iter().any(resolves);
        let named = |column: &str| query.columns.iter().any(|(of, name)| name.text == column && of.as_ref().is_none_or(resolves));
        (from, column.is_none_or(named))
    };
    match view.kind() {
        SchemaOp::Update(update) => {
            let into = before.resolve(&update.table);
            let (from, named) = reads(&update.query);
            let target = before.table(&into)?;
            let new =
                |name: &str| target.origin == Origin::Rollout || target.column(name).is_some_and(|column| column.origin == Origin::Rollout);
            let set = update.set.iter().find(|name| new(name.as_str()))?;
            (named && (from || into == *table)).then(|| format!("{}.{set}", into.short()))
        }
        SchemaOp::Insert(insert) => {
            let into = before.resolve(&insert.table);
            let (from, named) = reads(insert.query.as_ref()?);
            let new = before.table(&into).is_some_and(|table| table.origin == Origin::Rollout);
            (new && from && named && into != *table).then(|| into.short())
        }
        _ => None,
    }
}

/// Added by one migration of the rollout and dropped by another: nobody could use it in between.
fn added_and_dropped(inspection: &Inspection, rule: &Rule, view: &StepView, earlier: &[StepView]) -> Option<Finding> {
    let elsewhere = |added: &&StepView| added.migration.id != view.migration.id;
    let (table, action) = altered(view)?;
    let TableAction::DropColumn { column, .. } = action else { return None };
    let added = addition(earlier, &table, column.as_str()).filter(elsewhere)?;
    let message = format!(
        "Column {column} of {} is added and dropped in one rollout: no code can use it in between, and whatever is copied into it is lost. Leave both out.",
        table.short()
    );
    let mut found = about_column(inspection, rule, view, &table, column.as_str(), message);
    found.severity = found.severity.min(Severity::Note);
    found.labels.push(label(added, "added here, in the same rollout"));
    Some(found)
}

fn about_column(inspection: &Inspection, rule: &Rule, view: &StepView, table: &QName, column: &str, message: String) -> Finding {
    let vars = [("table", table.short()), ("column", column.to_owned())];
    finding(inspection, rule, view, Subject::column(table, column), message, &vars)
}
