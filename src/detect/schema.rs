//! What breaks the code that still runs on the old revision: a rollout's steps in, findings out.

use std::collections::BTreeSet;

use super::sought::required_by_check;
use super::step::{StepView, finding, label, steps};
use super::{Detector, Inspection, recipe, taken};
use crate::finding::{EffectKind, Finding, Severity};
use crate::rule::Rule;
use crate::schema::catalog::{Origin, TableConstraint, TableConstraintKind};
use crate::schema::effect::{Break, Certainty, Subject, SubjectKind};
use crate::schema::name::{Name, quoted};
use crate::schema::op::{ConstraintKind, SchemaOp, TableAction};

/// Detectors by the name a rule file gives.
pub const DETECTORS: &[(&str, Detector)] = &[
    ("schema.drop_column", drop_column),
    ("schema.drop_table", drop_table),
    ("schema.rename_column", rename_column),
    ("schema.rename_table", rename_table),
    ("schema.column_type_changed", column_type_changed),
    ("schema.new_column_required", new_column_required),
    ("schema.default_dropped", default_dropped),
    ("schema.not_null_added", not_null_added),
    ("schema.constraint_restricts_writers", constraint_restricts_writers),
    ("schema.unique_dropped", unique_dropped),
    ("schema.enum_value_renamed", enum_value_renamed),
    ("schema.enum_value_added", enum_value_added),
    ("schema.type_changed", type_changed),
    ("schema.view_dropped", view_dropped),
    ("schema.view_changed", view_changed),
    ("schema.routine_dropped", routine_dropped),
    ("schema.routine_changed", routine_changed),
    ("schema.sequence_changed", sequence_changed),
    ("schema.trigger_changed", trigger_changed),
    ("schema.row_access_changed", row_access_changed),
    ("schema.privilege_revoked", privilege_revoked),
    ("schema.namespace_gone", namespace_gone),
    ("schema.published_without_key", published_without_key),
    ("schema.data_lost", data_lost),
    ("schema.dropped_and_readded", dropped_and_readded),
    ("schema.default_changed", default_changed),
    ("schema.not_null_dropped", not_null_dropped),
    ("schema.constraint_renamed", constraint_renamed),
];

/// The ALTER TABLE action of a step.
fn action<'a>(view: &StepView<'a>) -> Option<&'a TableAction> {
    match view.kind() {
        SchemaOp::AlterTable(alter) => Some(&alter.action),
        _ => None,
    }
}

/// One finding for an op whose effect breaks old readers or writers. Several breaks of one op are one finding.
fn broken(inspection: &Inspection, rule: &Rule, view: &StepView) -> Option<Finding> {
    let effect = view.effect();
    let readers = effect.breaks_readers.iter();
    let first = readers.chain(&effect.breaks_writers).max_by_key(|found| found.certainty == Certainty::Always)?;
    Some(told(inspection, rule, view, first))
}

/// What goes with the op's own object and is used by itself: views, generated columns and triggers that CASCADE takes along.
fn taken_along(inspection: &Inspection, rule: &Rule, view: &StepView, own: &Finding) -> Vec<Finding> {
    let effect = view.effect();
    let mut seen = BTreeSet::from([&own.subject]);
    let others = effect.breaks_readers.iter().chain(&effect.breaks_writers).filter(|broken| seen.insert(&broken.subject));
    let used = |broken: &&Break| {
        let always = broken.certainty == Certainty::Always;
        broken.subject.kind == SubjectKind::Trigger || always && inspection.old_code.may_use(&broken.subject)
    };
    let mut found: Vec<Finding> = others.filter(used).map(|broken| told(inspection, rule, view, broken)).collect();
    found
        .iter_mut()
        .filter(|found| found.subject.kind == SubjectKind::Trigger)
        .for_each(|found| found.severity = Severity::Warn.min(rule.severity));
    found
}

fn told(inspection: &Inspection, rule: &Rule, view: &StepView, first: &Break) -> Finding {
    let effect = view.effect();
    let mut vars = vars_of(&first.subject);
    vars.push(("recipe", recipe::text(inspection, view)));
    if let SchemaOp::AlterTable(alter) = view.kind() {
        vars.push(("table", recipe::relation(&alter.table)));
        match &alter.action {
            TableAction::RenameColumn { to, .. } | TableAction::RenameTable { to } => vars.push(("new", to.to_string())),
            TableAction::AlterColumnType { ty, .. } => vars.push(("type", ty.to_string())),
            TableAction::AddColumn { column, .. } => vars.push(("type", column.ty.to_string())),
            TableAction::SetSchema { schema } => vars.push(("new", format!("{schema}.{}", alter.table.name))),
            _ => {}
        }
    }
    let mut found = finding(inspection, rule, view, first.subject.clone(), sentence(first), &vars);
    found.effects = kinds(effect);
    found
}

fn sentence(broken: &Break) -> String {
    let mut text = broken.how.clone();
    if let Some(first) = text.get(..1) {
        text.replace_range(..1, &first.to_uppercase());
    }
    let when = match broken.certainty {
        Certainty::Always => "Instances of the deployed code run against the new schema until the rollout is complete.",
        Certainty::Sometimes => "The deployed code may do so until the rollout is complete.",
    };
    format!("{text}. {when}")
}

fn kinds(effect: &crate::schema::effect::Effect) -> BTreeSet<EffectKind> {
    let mut kinds = BTreeSet::new();
    if !effect.breaks_readers.is_empty() {
        kinds.insert(EffectKind::BreaksOldReaders);
    }
    if !effect.breaks_writers.is_empty() {
        kinds.insert(EffectKind::BreaksOldWriters);
    }
    if !effect.loses.is_empty() {
        kinds.insert(EffectKind::LosesData);
    }
    kinds
}

/// Values for a remedy's placeholders, from what a finding is about.
fn vars_of(subject: &Subject) -> Vec<(&'static str, String)> {
    let short = |name: &str| name.strip_prefix("public.").unwrap_or(name).split('.').map(quoted).collect::<Vec<_>>().join(".");
    let plain = |name: &str| name.strip_prefix("public.").unwrap_or(name).to_owned();
    let key = match subject.kind {
        SubjectKind::Column => "column",
        SubjectKind::Table => "table",
        SubjectKind::Constraint => "constraint",
        SubjectKind::Index => "index",
        SubjectKind::View => "view",
        SubjectKind::EnumValue => "value",
        _ => "name",
    };
    let name = if matches!(key, "value" | "name") { plain(&subject.name) } else { short(&subject.name) };
    let mut vars = vec![(key, name)];
    if let Some(table) = &subject.table {
        let key = if subject.kind == SubjectKind::EnumValue { "type" } else { "table" };
        vars.push((key, short(table)));
    }
    vars
}

/// Runs over the ops that `applies` picks and reports what they break.
fn each(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>, applies: impl Fn(&StepView) -> bool) {
    let views = steps(inspection);
    for view in views.iter().filter(|view| applies(view)) {
        let Some(own) = broken(inspection, rule, view) else { continue };
        let along = taken_along(inspection, rule, view, &own);
        out.push(own);
        out.extend(along);
    }
}

/// The same; a break that only may happen is a warning where the rule blocks, a note where it warns.
fn each_by_certainty(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>, applies: impl Fn(&StepView) -> bool) {
    let lowered = if rule.severity == Severity::Block { Severity::Warn } else { Severity::Note };
    for view in steps(inspection).iter().filter(|view| applies(view)) {
        let effect = view.effect();
        let always = effect.breaks_readers.iter().chain(&effect.breaks_writers).any(|found| found.certainty == Certainty::Always);
        if let Some(mut found) = broken(inspection, rule, view) {
            found.severity = if always { rule.severity } else { lowered };
            out.push(found);
        }
    }
}

pub fn drop_column(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    each(inspection, rule, out, |view| matches!(action(view), Some(TableAction::DropColumn { .. })));
}

pub fn drop_table(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    each(inspection, rule, out, |view| matches!(view.kind(), SchemaOp::DropTable { .. }));
}

pub fn rename_column(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    each(inspection, rule, out, |view| matches!(action(view), Some(TableAction::RenameColumn { .. })));
}

pub fn rename_table(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let first = out.len();
    let renames = |view: &StepView| matches!(action(view), Some(TableAction::RenameTable { .. } | TableAction::SetSchema { .. }));
    each(inspection, rule, out, |view| renames(view) && !taken::again(inspection, view));
    out[first..].iter_mut().for_each(|found| inspection.old_code.settle(found));
}

pub fn column_type_changed(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    each(inspection, rule, out, |view| matches!(action(view), Some(TableAction::AlterColumnType { .. })));
}

pub fn new_column_required(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let first = out.len();
    each(inspection, rule, out, |view| matches!(action(view), Some(TableAction::AddColumn { .. })));
    out[first..].iter_mut().for_each(|found| super::old_code::list_writers(inspection, found));
}

pub fn default_dropped(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let first = out.len();
    let views = steps(inspection);
    // A change of type drops the default and sets it again: nobody sees what is between.
    let given_again = |view: &StepView, gone: &Name| {
        views.iter().any(|later| match action(later) {
            Some(TableAction::SetDefault { column, default }) => {
                column == gone
                    && !default.is_null
                    && std::ptr::eq(later.migration, view.migration)
                    && later.step.statement > view.step.statement
                    && same_table(view, later)
            }
            _ => false,
        })
    };
    each_by_certainty(inspection, rule, out, |view| match action(view) {
        Some(TableAction::DropDefault { column }) => !given_again(view, column),
        Some(TableAction::SetDefault { default, .. }) => default.is_null,
        Some(TableAction::DropIdentity { .. }) => true,
        _ => false,
    });
    for found in &mut out[first..] {
        let column = found.subject.clone();
        inspection.old_code.settle_writers(found, &column);
    }
}

fn same_table(one: &StepView, other: &StepView) -> bool {
    match (one.kind(), other.kind()) {
        (SchemaOp::AlterTable(one), SchemaOp::AlterTable(other)) => one.table == other.table,
        _ => false,
    }
}

pub fn not_null_added(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let first = out.len();
    each_by_certainty(inspection, rule, out, |view| match action(view) {
        // A column of this very rollout is `migration/collapsed-phases`.
        Some(TableAction::SetNotNull { .. }) => view.effect().breaks_writers.iter().all(|found| found.certainty == Certainty::Sometimes),
        Some(TableAction::AddConstraint { constraint }) => matches!(constraint.kind, ConstraintKind::NotNull { .. }),
        _ => false,
    });
    for found in &mut out[first..] {
        let column = found.subject.clone();
        if inspection.old_code.settle_writers(found, &column) {
            found.severity = rule.severity;
        }
    }
}

pub fn constraint_restricts_writers(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let restricts = |view: &StepView| match view.kind() {
        SchemaOp::CreateIndex(create) => create.unique,
        SchemaOp::AlterTable(alter) => match &alter.action {
            TableAction::AddConstraint { constraint } => {
                !matches!(constraint.kind, ConstraintKind::NotNull { .. }) && !held_before(view, &alter.table, &constraint.kind)
            }
            TableAction::AlterConstraint { .. } => true,
            _ => false,
        },
        _ => false,
    };
    for view in steps(inspection).iter().filter(|view| restricts(view)) {
        let Some(mut found) = broken(inspection, rule, view) else { continue };
        // A CHECK that forbids NULL is broken for sure by a writer that leaves the column out; of the rest nothing is sure.
        let columns = required_by_check(view.kind(), &view.step.before);
        let omitted = columns.iter().filter(|column| inspection.old_code.settle_writers(&mut found, column)).count() > 0;
        if !omitted {
            found.severity = found.severity.min(Severity::Warn);
        }
        out.push(found);
    }
}

/// The deployed schema has a constraint that says the same: generators drop one and add it again to change ON DELETE or a name.
fn held_before(view: &StepView, table: &crate::schema::name::RelName, kind: &ConstraintKind) -> bool {
    let before = &view.timeline.before;
    let texts = |names: &[crate::schema::name::Name]| names.iter().map(|name| name.text.clone()).collect::<Vec<_>>();
    let same = |known: &TableConstraint| match (&known.kind, kind) {
        (
            TableConstraintKind::ForeignKey { columns, table: target, ref_columns, .. },
            ConstraintKind::ForeignKey { columns: new, table: to, ref_columns: new_ref, .. },
        ) => *columns == texts(new) && *target == before.resolve(to) && (new_ref.is_empty() || *ref_columns == texts(new_ref)),
        (TableConstraintKind::Check { expr }, ConstraintKind::Check { expr: new, .. }) => expr.text == new.text,
        (
            TableConstraintKind::Unique { columns } | TableConstraintKind::PrimaryKey { columns },
            ConstraintKind::Unique { columns: new, .. },
        ) => *columns == texts(new),
        _ => false,
    };
    let enforced = |known: &TableConstraint| known.enforced && known.origin == Origin::History && same(known);
    before.table(&before.resolve(table)).is_some_and(|table| table.constraints.iter().any(enforced))
}

pub fn unique_dropped(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    each(inspection, rule, out, |view| {
        let drops = matches!(view.kind(), SchemaOp::DropIndex { .. }) || matches!(action(view), Some(TableAction::DropConstraint { .. }));
        // A published table that loses its key is `schema/published-without-key`.
        drops && view.effect().breaks_writers.iter().all(|found| found.certainty == Certainty::Sometimes)
    });
}

pub fn default_changed(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let views = steps(inspection);
    // Around a change of type it is dropped and set again.
    let was = |view: &StepView, name: &Name| {
        let gone = views.iter().find(|earlier| {
            let same = std::ptr::eq(earlier.migration, view.migration) && same_table(earlier, view);
            same && matches!(action(earlier), Some(TableAction::DropDefault { column }) if column == name)
        })?;
        let SchemaOp::AlterTable(alter) = gone.kind() else { return None };
        let before = &gone.step.before;
        Some(before.table(&before.resolve(&alter.table))?.column(name.as_str())?.default.as_ref()?.text.clone())
    };
    each(inspection, rule, out, |view| match action(view) {
        Some(TableAction::SetDefault { column, default }) => !default.is_null && was(view, column).as_ref() != Some(&default.text),
        _ => false,
    });
}

pub fn not_null_dropped(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    each(inspection, rule, out, |view| matches!(action(view), Some(TableAction::DropNotNull { .. })));
}

pub fn constraint_renamed(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    each(inspection, rule, out, |view| matches!(action(view), Some(TableAction::RenameConstraint { .. })));
}

pub fn enum_value_renamed(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    use crate::schema::op::TypeAction::RenameValue;
    each(inspection, rule, out, |view| matches!(view.kind(), SchemaOp::AlterType { action: RenameValue { .. }, .. }));
}

pub fn enum_value_added(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    use crate::schema::op::TypeAction::AddValue;
    each(inspection, rule, out, |view| matches!(view.kind(), SchemaOp::AlterType { action: AddValue { .. }, .. }));
}

pub fn type_changed(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    use crate::schema::op::TypeAction::{AddValue, RenameValue};
    each_by_certainty(inspection, rule, out, |view| match view.kind() {
        SchemaOp::AlterType { action, .. } => !matches!(action, AddValue { .. } | RenameValue { .. }),
        SchemaOp::DropType { .. } | SchemaOp::DropDomain { .. } | SchemaOp::AlterDomain { .. } => true,
        SchemaOp::Irrelevant { object, .. } => !is_role(object),
        _ => false,
    });
}

pub fn view_dropped(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    use crate::schema::op::ViewAction::{Rename, RenameColumn, SetSchema};
    each(inspection, rule, out, |view| match view.kind() {
        SchemaOp::DropView { view: name, .. } => !taken::view_again(view, name),
        SchemaOp::AlterView { action, .. } => matches!(action, Rename { .. } | RenameColumn { .. } | SetSchema { .. }),
        _ => false,
    });
}

pub fn view_changed(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    use crate::schema::op::ViewAction::OwnerTo;
    each(inspection, rule, out, |view| matches!(view.kind(), SchemaOp::CreateView(_) | SchemaOp::AlterView { action: OwnerTo { .. }, .. }));
}

pub fn routine_dropped(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    // A drop right before a CREATE of the same name replaces the routine.
    let views = steps(inspection);
    for view in &views {
        let gone = match view.kind() {
            SchemaOp::DropRoutine { routine, .. } => !taken::routine_again(view, routine),
            SchemaOp::AlterRoutine { .. } => true,
            _ => false,
        };
        if let Some(own) = gone.then(|| broken(inspection, rule, view)).flatten() {
            let along = taken_along(inspection, rule, view, &own);
            out.push(own);
            out.extend(along);
        }
    }
}

pub fn routine_changed(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    each(inspection, rule, out, |view| matches!(view.kind(), SchemaOp::CreateRoutine(_)));
}

pub fn sequence_changed(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    each_by_certainty(inspection, rule, out, |view| matches!(view.kind(), SchemaOp::AlterSequence { .. } | SchemaOp::DropSequence { .. }));
}

pub fn trigger_changed(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let views = steps(inspection);
    // Switched off and on again in one transaction: its lock keeps writers out meanwhile.
    let on_again = |view: &StepView| {
        views.iter().any(|later| match (view.kind(), later.kind()) {
            (SchemaOp::AlterTable(off), SchemaOp::AlterTable(on)) => {
                later.same_transaction(view) && off.table == on.table && matches!(on.action, TableAction::Trigger { enable: true, .. })
            }
            _ => false,
        })
    };
    each(inspection, rule, out, |view| {
        let switched = matches!(action(view), Some(TableAction::Trigger { .. })) && !on_again(view);
        switched || matches!(view.kind(), SchemaOp::CreateTrigger(_) | SchemaOp::DropTrigger { .. } | SchemaOp::CreateRule { .. })
    });
}

pub fn row_access_changed(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    each(inspection, rule, out, |view| {
        let policy = matches!(view.kind(), SchemaOp::CreatePolicy { .. } | SchemaOp::AlterPolicy { .. } | SchemaOp::DropPolicy { .. });
        policy || matches!(action(view), Some(TableAction::RowSecurity { .. }))
    });
}

pub fn privilege_revoked(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    each(inspection, rule, out, |view| {
        let role = matches!(view.kind(), SchemaOp::Irrelevant { object, .. } if is_role(object));
        role || matches!(view.kind(), SchemaOp::Revoke { .. } | SchemaOp::DropOwned { .. })
    });
}

fn is_role(object: &str) -> bool {
    matches!(object, "role" | "user" | "group")
}

pub fn namespace_gone(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    each(inspection, rule, out, |view| {
        matches!(
            view.kind(),
            SchemaOp::AlterSchema { .. } | SchemaOp::DropSchema { .. } | SchemaOp::DropExtension { .. } | SchemaOp::DropDatabase { .. }
        )
    });
}

pub fn published_without_key(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    each(inspection, rule, out, |view| {
        let publishes = matches!(view.kind(), SchemaOp::CreatePublication { .. } | SchemaOp::AlterPublication { .. });
        let drops_key = || {
            matches!(action(view), Some(TableAction::DropConstraint { .. }))
                && view.effect().breaks_writers.iter().any(|found| found.certainty == Certainty::Always)
        };
        publishes || matches!(action(view), Some(TableAction::ReplicaIdentity { .. })) || drops_key()
    });
}

/// Rows or values that are gone for good, where the loss is not the drop itself.
pub fn data_lost(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for view in steps(inspection) {
        let drops = matches!(view.kind(), SchemaOp::DropTable { .. } | SchemaOp::DropSchema { .. } | SchemaOp::DropDatabase { .. })
            || matches!(action(&view), Some(TableAction::DropColumn { .. }));
        let Some(loss) = view.effect().loses.first().filter(|_| !drops) else { continue };
        let message = format!("This deletes {}. No rollback brings it back.", loss.what);
        let mut found = finding(inspection, rule, &view, loss.subject.clone(), message, &vars_of(&loss.subject));
        found.effects = [EffectKind::LosesData, EffectKind::BlocksRollback].into();
        out.push(found);
    }
}

/// A column dropped and added again under the same name in one rollout: generators write a change of type so.
pub fn dropped_and_readded(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let views = steps(inspection);
    for (at, view) in views.iter().enumerate() {
        let (SchemaOp::AlterTable(alter), Some(TableAction::AddColumn { column, .. })) = (view.kind(), action(view)) else { continue };
        let dropped = views[..at].iter().find(|earlier| match (earlier.kind(), action(earlier)) {
            (SchemaOp::AlterTable(old), Some(TableAction::DropColumn { column: gone, .. })) => {
                old.table == alter.table && *gone == column.name && !earlier.effect().loses.is_empty()
            }
            _ => false,
        });
        let Some(dropped) = dropped else { continue };
        let message = format!(
            "Column {} of {} is dropped and added again in one rollout: its values are lost, and the new column starts empty.",
            column.name, alter.table
        );
        let subject = Subject {
            kind: crate::schema::effect::SubjectKind::Column,
            table: Some(alter.table.to_string()),
            name: column.name.text.clone(),
        };
        let vars = [("table", alter.table.to_string()), ("column", column.name.text.clone()), ("type", column.ty.to_string())];
        let mut found = finding(inspection, rule, view, subject, message, &vars);
        found.effects = [EffectKind::LosesData].into();
        found.labels.push(label(dropped, "dropped here"));
        out.push(found);
    }
}
