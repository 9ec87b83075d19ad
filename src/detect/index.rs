//! Indexes that are rebuilt by the way, missing, or away for a while: a rollout's steps in, findings out.

use super::lock::{blocking, index_build, report};
use super::step::{StepView, label, steps};
use super::{Detector, Inspection};
use crate::finding::Finding;
use crate::rule::Rule;
use crate::schema::catalog::{Catalog, Origin, TableConstraint, TableConstraintKind};
use crate::schema::name::{QName, quoted};
use crate::schema::op::{SchemaOp, TableAction};

/// Detectors by the name a rule file gives.
pub const DETECTORS: &[(&str, Detector)] =
    &[("lock.index_rebuilt", index_rebuilt), ("lock.index_gap", index_gap), ("lock.foreign_key_without_index", foreign_key_without_index)];

/// A statement that rewrites no table but builds an index anew: a new collation, another tablespace.
pub fn index_rebuilt(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for view in steps(inspection) {
        let by_the_way = match view.kind() {
            SchemaOp::AlterTable(alter) => matches!(alter.action, TableAction::AlterColumnType { .. } | TableAction::SetTablespace { .. }),
            SchemaOp::AlterIndex { .. } => true,
            _ => false,
        };
        if !by_the_way || blocking(&view, &view.effect().rewrites).is_some() {
            continue;
        }
        let Some((work, mode)) = blocking(&view, &view.effect().index_builds) else { continue };
        out.push(report(inspection, rule, &view, &work.relation, index_build(work, mode), &[]));
    }
}

/// An index dropped and another over the same leading column built later, in another transaction: queries go without between.
pub fn index_gap(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let views = steps(inspection);
    for (at, view) in views.iter().enumerate() {
        let SchemaOp::DropIndex { index, .. } = view.kind() else { continue };
        let before = &view.step.before;
        let Some(old) = before.indexes.get(&before.resolve(index)).filter(|index| index.origin != Origin::Rollout) else { continue };
        let Some(first) = old.columns.first() else { continue };
        if serves(before, &old.table, std::slice::from_ref(first), Some(&before.resolve(index))) {
            continue;
        }
        let rebuilds = |later: &&StepView| match later.kind() {
            SchemaOp::CreateIndex(create) => {
                later.step.before.resolve(&create.table) == old.table
                    && create.columns.first().is_some_and(|column| column.text == *first)
                    && !later.same_transaction(view)
            }
            _ => false,
        };
        let Some(later) = views[at + 1..].iter().find(rebuilds) else { continue };
        let message = format!(
            "Index {} on {} is dropped before its successor is built: until that is done, queries by {first} read the whole table.",
            index.name,
            old.table.short()
        );
        let mut found = report(inspection, rule, view, &old.table, message, &[("index", quoted(index.name.as_str()))]);
        found.effects.clear();
        found.labels.push(label(later, "its successor is built here"));
        out.push(found);
    }
}

/// A foreign key whose columns lead no index when the rollout is done: each DELETE on the other table reads this one.
pub fn foreign_key_without_index(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for view in steps(inspection) {
        let table = match view.kind() {
            SchemaOp::CreateTable(create) => &create.table,
            SchemaOp::AlterTable(alter) => match &alter.action {
                TableAction::AddConstraint { .. } | TableAction::AddColumn { .. } => &alter.table,
                _ => continue,
            },
            _ => continue,
        };
        let key = view.timeline.after.resolve(table);
        // A table that only this rollout fills, with a parent of this rollout, is not slow yet.
        let Some(after) = view.timeline.after.table(&key) else { continue };
        let here = |constraint: &&TableConstraint| {
            constraint.origin == Origin::Rollout && constraint.created_at.is_some_and(|place| place == view.place())
        };
        for constraint in after.constraints.iter().filter(here) {
            let TableConstraintKind::ForeignKey { columns, table: target, .. } = &constraint.kind else { continue };
            let known = view.timeline.before.table(target).is_some();
            if !known || serves(&view.timeline.after, &key, columns, None) {
                continue;
            }
            let list = columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ");
            let message = format!(
                "No index of {} begins with {list}: each DELETE on {}, and each UPDATE of its key, reads all of {} while it holds its row locks.",
                key.short(),
                target.short(),
                key.short()
            );
            let vars = [("columns", list), ("index", quoted(&format!("{}_{}_idx", key.name, columns.join("_")))), ("table", key.short())];
            let mut found = report(inspection, rule, &view, &key, message, &vars);
            found.effects.clear();
            out.push(found);
        }
    }
}

/// An index, other than `but`, whose first columns are these in any order.
fn serves(catalog: &Catalog, table: &QName, columns: &[String], but: Option<&QName>) -> bool {
    catalog.indexes_of(table).any(|(name, index)| {
        Some(name) != but
            && index.predicate.is_none()
            && index.columns.len() >= columns.len()
            && columns.iter().all(|column| index.columns[..columns.len()].contains(column))
    })
}
