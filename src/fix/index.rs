//! Indexes built and dropped without a lock: a CREATE or DROP INDEX in, CONCURRENTLY and the runner's way out of its transaction out.

use std::sync::LazyLock;

use regex::Regex;

use super::next::{Wanted, files};
use super::{has_own_transaction, insert, is_plain, replace, with_line};
use crate::detect::Inspection;
use crate::detect::step::StepView;
use crate::finding::{Edit, Fix};
use crate::read::migration::{Framework, Wrapping};
use crate::schema::op::{ConstraintKind, CreateIndex, SchemaOp, Statement, TableAction};
use crate::source::Span;

static HEAD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)^(?:create\s+(?:unique\s+)?|drop\s+)index\b").expect("a constant pattern"));

/// Puts CONCURRENTLY in, and takes the statement out of the transaction it would fail in.
pub fn concurrently(inspection: &Inspection, view: &StepView) -> Option<Fix> {
    let cascade = matches!(view.kind(), SchemaOp::DropIndex { cascade: true, .. });
    let partitioned = matches!(view.kind(), SchemaOp::CreateIndex(create) if view.is_partitioned(&create.table));
    if view.statement.ops.len() != 1 || cascade || partitioned || has_own_transaction(view) {
        return None;
    }
    let text = view.statement.span.text(inspection.sources.text(view.file));
    let at = HEAD.find(text)?.end();
    let mut edits = vec![insert(view.file, view.statement.span.start + at, " CONCURRENTLY")];
    match outside(inspection, view) {
        Some(more) => edits.extend(more),
        None => edits = separate(inspection, view, &format!("{} CONCURRENTLY{}", &text[..at], &text[at..]))?,
    }
    let verb = if matches!(view.kind(), SchemaOp::DropIndex { .. }) { "drop" } else { "build" };
    Some(Fix { title: format!("{verb} the index CONCURRENTLY, outside a transaction"), safe: is_known(view), edits })
}

/// Leaves the statement and takes the transaction away.
pub fn outside_transaction(inspection: &Inspection, view: &StepView) -> Option<Fix> {
    let concurrent = view.statement.ops.iter().all(|op| is_index(&op.kind));
    if !concurrent || has_own_transaction(view) {
        return None;
    }
    let text = view.statement.span.text(inspection.sources.text(view.file));
    let edits = outside(inspection, view).or_else(|| separate(inspection, view, text)).filter(|edits| !edits.is_empty())?;
    Some(Fix { title: "run the statement outside a transaction".to_owned(), safe: is_known(view), edits })
}

/// Builds the index of a UNIQUE constraint here, without the lock, and makes it the constraint's in the next migration.
pub fn before_unique(inspection: &Inspection, view: &StepView) -> Option<Fix> {
    let SchemaOp::AlterTable(alter) = view.kind() else { return None };
    let TableAction::AddConstraint { constraint } = &alter.action else { return None };
    let ConstraintKind::Unique { columns, using_index: None, nulls_not_distinct: false } = &constraint.kind else { return None };
    let name = constraint.name.as_ref().filter(|name| is_plain(&name.text) && !constraint.deferrable)?;
    // A constraint of a partitioned table takes no index that is there.
    if view.is_partitioned(&alter.table) {
        return None;
    }
    if view.statement.ops.len() != 1 || view.migration.up.statements.len() != 1 || has_own_transaction(view) {
        return None;
    }
    let text = inspection.sources.text(view.file);
    let (table, columns) =
        (alter.table.span().text(text), columns.iter().map(|column| column.span.text(text)).collect::<Vec<_>>().join(", "));
    let index = format!("CREATE UNIQUE INDEX CONCURRENTLY {} ON {table} ({columns})", name.text);
    let wanted = Wanted {
        title: format!("use_{}", name.text),
        up: format!("ALTER TABLE {table} ADD CONSTRAINT {} UNIQUE USING INDEX {};\n", name.text, name.text),
        down: None,
        alone: false,
        unit: view.unit,
    };
    let mut edits = vec![replace(view.file, view.statement.span, index)];
    edits.extend(outside(inspection, view)?);
    edits.extend(files(inspection, &wanted)?);
    Some(Fix { title: "build the index CONCURRENTLY, then make it the constraint's".to_owned(), safe: is_known(view), edits })
}

/// Atlas keeps checksums that have to be written anew, and of a plain directory the runner is not known.
fn is_known(view: &StepView) -> bool {
    !matches!(view.unit.framework, Framework::Atlas | Framework::Plain)
}

fn is_index(op: &SchemaOp) -> bool {
    matches!(op, SchemaOp::CreateIndex(_) | SchemaOp::DropIndex { .. })
}

/// Edits that make the runner leave this file without a transaction; none when it does already. `None` when that is not
/// possible, or would take it away from other statements that need it.
fn outside(inspection: &Inspection, view: &StepView) -> Option<Vec<Edit>> {
    let script = &view.migration.up;
    let alone = script.statements.len() == 1;
    let indexes_only = alone || script.statements.iter().all(|statement: &Statement| statement.ops.iter().all(|op| is_index(&op.kind)));
    let text = inspection.sources.text(view.file);
    let start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let path = inspection.sources.path(view.file);
    let create = |path: String, text: &str| {
        let free = !inspection.change.head_tree.contains(&path);
        free.then(|| vec![Edit::Create { path, text: text.to_owned() }])
    };
    match (view.unit.framework, script.transaction) {
        (_, Wrapping::Autocommit | Wrapping::Unknown) => Some(Vec::new()),
        (_, Wrapping::ImplicitWhenMany) => alone.then(Vec::new),
        (Framework::Goose, Wrapping::Transaction) if indexes_only => Some(vec![insert(view.file, start, "-- +goose NO TRANSACTION\n")]),
        (Framework::Atlas, Wrapping::Transaction) if indexes_only => Some(vec![insert(view.file, start, "-- atlas:txmode none\n\n")]),
        (Framework::Sqlx, Wrapping::Transaction) if alone => Some(vec![insert(view.file, start, "-- no-transaction\n")]),
        (Framework::Dbmate, Wrapping::Transaction) if alone => {
            let marker = text.find("-- migrate:up")? + "-- migrate:up".len();
            Some(vec![insert(view.file, marker, " transaction:false")])
        }
        (Framework::Flyway, Wrapping::Transaction) if indexes_only => create(format!("{path}.conf"), "executeInTransaction=false\n"),
        (Framework::Diesel, Wrapping::Transaction) if alone => {
            create(format!("{}/metadata.toml", path.rsplit_once('/')?.0), "run_in_transaction = false\n")
        }
        _ => None,
    }
}

/// Moves CREATE INDEX into a migration of its own after the newest, where nothing in between needs the index.
fn separate(inspection: &Inspection, view: &StepView, statement: &str) -> Option<Vec<Edit>> {
    let SchemaOp::CreateIndex(create) = view.kind() else { return None };
    let CreateIndex { name: Some(name), table, .. } = &**create else { return None };
    let can = matches!(view.migration.up.transaction, Wrapping::Transaction | Wrapping::ImplicitWhenMany);
    if !can || view.migration.up.statements.len() == 1 || !is_plain(&name.text) || is_needed(inspection, view, &name.text) {
        return None;
    }
    let text = inspection.sources.text(view.file);
    let schema = table.schema.as_ref().map(|schema| format!("{}.", schema.span.text(text))).unwrap_or_default();
    let wanted = Wanted {
        title: format!("build_{}", name.text),
        up: format!("{statement};\n"),
        down: Some(format!("DROP INDEX CONCURRENTLY IF EXISTS {schema}{};\n", name.text)),
        alone: true,
        unit: view.unit,
    };
    let mut edits = vec![replace(view.file, with_line(text, view.statement.span), "")];
    edits.extend(files(inspection, &wanted)?);
    Some(edits)
}

/// The way back, the rest of its migration or a later one speaks of the index (a DROP before it, so that it would be missing until it
/// is built again); a unique one may be what ON CONFLICT rests on.
fn is_needed(inspection: &Inspection, view: &StepView, index: &str) -> bool {
    let SchemaOp::CreateIndex(create) = view.kind() else { return true };
    let from_here = view.unit.migrations.iter().skip_while(|migration| migration.id != view.migration.id);
    let mut rest = String::new();
    for script in from_here.flat_map(|migration| [Some(&migration.up), migration.down.as_ref()]).flatten() {
        let text = inspection.sources.text(script.source);
        let own = view.statement.span;
        for region in &script.regions {
            if script.source == view.file && region.encloses(own) {
                rest.push_str(Span { start: region.start, end: own.start }.text(text));
                rest.push_str(Span { start: own.end, end: region.end }.text(text));
            } else {
                rest.push_str(region.text(text));
            }
        }
    }
    let rest = rest.to_lowercase();
    rest.contains(index) || (create.unique && rest.contains("conflict"))
}
