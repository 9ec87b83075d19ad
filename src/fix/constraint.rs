//! Constraints checked without a strong lock: ADD CONSTRAINT or SET NOT NULL in, NOT VALID here and a VALIDATE that commits later out.

use super::next::{Wanted, files};
use super::{has_own_transaction, insert, is_new, is_plain, replace, with_line};
use crate::detect::Inspection;
use crate::detect::step::StepView;
use crate::finding::{Edit, Fix};
use crate::read::migration::{Framework, Wrapping};
use crate::schema::op::{AlterTable, Constraint, ConstraintKind, Op, SchemaOp, TableAction};
use crate::source::{FileId, Span};

/// Adds the constraint for new rows and checks the old ones in the next transaction.
pub fn not_valid(inspection: &Inspection, view: &StepView) -> Option<Fix> {
    let SchemaOp::AlterTable(alter) = view.kind() else { return None };
    if has_own_transaction(view) || view.migration.up.transaction == Wrapping::AllPending {
        return None;
    }
    let (edits, title) = match &alter.action {
        // Refused before PostgreSQL 18.
        TableAction::AddConstraint { constraint }
            if matches!(constraint.kind, ConstraintKind::ForeignKey { .. })
                && view.is_partitioned(&alter.table)
                && view.timeline.server.0 < 18 =>
        {
            return None;
        }
        TableAction::AddConstraint { constraint } => {
            (split_constraint(inspection, view, alter, constraint)?, "add the constraint NOT VALID and validate it later")
        }
        TableAction::SetNotNull { column } => {
            let column = column.span.text(inspection.sources.text(view.file));
            (split_not_null(inspection, view, alter, column)?, "require it by a CHECK that is validated later, then SET NOT NULL")
        }
        _ => return None,
    };
    Some(Fix { title: title.to_owned(), safe: !matches!(view.unit.framework, Framework::Atlas | Framework::Plain), edits })
}

/// Moves the VALIDATE that ends a script into the next migration.
pub fn validate_later(inspection: &Inspection, view: &StepView) -> Option<Fix> {
    let SchemaOp::AlterTable(alter) = view.kind() else { return None };
    let TableAction::ValidateConstraint { name } = &alter.action else { return None };
    let script = &view.migration.up;
    let last = script.statements.last().is_some_and(|statement| statement.span == view.statement.span);
    let splits = matches!(script.transaction, Wrapping::Transaction | Wrapping::ImplicitWhenMany) && !has_own_transaction(view);
    if !splits || !last || script.statements.len() < 2 || view.statement.ops.len() != 1 {
        return None;
    }
    let text = inspection.sources.text(view.file);
    let mut edits = vec![replace(view.file, with_line(text, view.statement.span), "")];
    let statement = format!("{};\n", view.statement.span.text(text));
    edits.extend(later(inspection, view, name.span.text(text), statement)?);
    Some(Fix { title: "validate it in a migration of its own".to_owned(), safe: view.unit.framework != Framework::Atlas, edits })
}

/// Leaves the default in place for this rollout. What is left to do is for the next one, so it is not done unasked.
pub fn keep_default(inspection: &Inspection, view: &StepView) -> Option<Fix> {
    let SchemaOp::AlterTable(alter) = view.kind() else { return None };
    let alone = view.statement.ops.len() == 1 && view.migration.up.statements.len() > 1;
    if !alone || !matches!(alter.action, TableAction::DropDefault { .. }) {
        return None;
    }
    let text = inspection.sources.text(view.file);
    let edits = vec![replace(view.file, with_line(text, view.statement.span), "")];
    Some(Fix { title: "keep the default in this rollout, drop it in the next".to_owned(), safe: false, edits })
}

fn split_constraint(inspection: &Inspection, view: &StepView, alter: &AlterTable, constraint: &Constraint) -> Option<Vec<Edit>> {
    let text = inspection.sources.text(view.file);
    let splits = matches!(constraint.kind, ConstraintKind::ForeignKey { .. } | ConstraintKind::Check { .. });
    if !splits || constraint.not_enforced {
        return None;
    }
    let mut edits = Vec::new();
    let name = match &constraint.name {
        Some(name) => name.span.text(text).to_owned(),
        None => {
            // The name PostgreSQL itself would give.
            let ConstraintKind::ForeignKey { columns, .. } = &constraint.kind else { return None };
            let [column] = columns.as_slice() else { return None };
            let name = format!("{}_{}_fkey", alter.table.name.text, column.text);
            if !is_plain(&name) {
                return None;
            }
            edits.push(insert(view.file, constraint.span.start, format!("CONSTRAINT {name} ")));
            name
        }
    };
    edits.push(insert(view.file, constraint.span.end, " NOT VALID"));
    let validate = format!("{} VALIDATE CONSTRAINT {name};\n", alter_table(text, view, alter)?);
    edits.extend(later(inspection, view, &name, validate)?);
    Some(edits)
}

fn split_not_null(inspection: &Inspection, view: &StepView, alter: &AlterTable, column: &str) -> Option<Vec<Edit>> {
    let name = format!("{column}_present");
    if view.statement.ops.len() != 1 || !is_plain(&name) {
        return None;
    }
    let table = alter_table(inspection.sources.text(view.file), view, alter)?;
    let check = format!("{table} ADD CONSTRAINT {name} CHECK ({column} IS NOT NULL) NOT VALID");
    let rest =
        format!("{table} VALIDATE CONSTRAINT {name};\n{table} ALTER COLUMN {column} SET NOT NULL;\n{table} DROP CONSTRAINT {name};\n");
    let mut edits = vec![replace(view.file, view.statement.span, check)];
    edits.extend(later(inspection, view, &name, rest)?);
    Some(edits)
}

/// `ALTER TABLE IF EXISTS ONLY t`, as it is written.
fn alter_table<'t>(text: &'t str, view: &StepView, alter: &AlterTable) -> Option<&'t str> {
    let head = Span { start: view.statement.span.start, end: alter.table.span().end }.text(text);
    (!head.is_empty() && !head.contains(['\n', '-', '/'])).then_some(head)
}

/// Where the newest migration, one that only validates, ends: what is to be validated next to it belongs there.
fn open_validation(inspection: &Inspection, view: &StepView) -> Option<(FileId, usize)> {
    let newest =
        view.unit.migrations.iter().rev().find(|migration| !migration.repeatable).filter(|newest| is_new(inspection, &newest.path))?;
    let validates =
        |op: &Op| matches!(&op.kind, SchemaOp::AlterTable(alter) if matches!(alter.action, TableAction::ValidateConstraint { .. }));
    let only = newest.up.statements.iter().all(|statement| statement.ops.iter().all(validates));
    let last = newest.up.statements.last().filter(|_| only && newest.id != view.migration.id)?;
    Some((newest.up.source, last.span.end))
}

/// The statements go where the lock of the first is given back: behind it where each commits, else into the next migration.
fn later(inspection: &Inspection, view: &StepView, name: &str, statements: String) -> Option<Vec<Edit>> {
    if view.migration.up.transaction == Wrapping::Autocommit {
        return Some(vec![insert(view.file, view.statement.span.end, format!(";\n{}", statements.trim_end().trim_end_matches(';')))]);
    }
    if let Some(end) = open_validation(inspection, view) {
        return Some(vec![insert(end.0, end.1, format!(";\n{}", statements.trim_end().trim_end_matches(';')))]);
    }
    let title = format!("validate_{}", name.trim_matches('"'));
    if !is_plain(&title) {
        return None;
    }
    files(inspection, &Wanted { title, up: statements, down: None, alone: false, unit: view.unit })
}
