//! Migrations that fail, half apply, cannot be read or hold rows too long: a rollout's steps in, findings out.

use super::lock::opt_out;
use super::step::{StepView, finding, headline, label, steps};
use super::{Detector, Inspection};
use crate::finding::{EffectKind, Finding, Subject, SubjectKind};
use crate::read::migration::Wrapping;
use crate::read::migration::sql::is_own_routine;
use crate::rule::Rule;
use crate::schema::TransactionKind;
use crate::schema::effect::Certainty;
use crate::schema::name::RelName;
use crate::schema::op::{OpaqueReason, SchemaOp, TransactionOp, TypeAction};

/// Detectors by the name a rule file gives.
pub const DETECTORS: &[(&str, Detector)] = &[
    ("migration.concurrently_in_transaction", concurrently_in_transaction),
    ("migration.invalid_index_kept", invalid_index_kept),
    ("migration.fails_when_applied", fails_when_applied),
    ("migration.unbatched_backfill", unbatched_backfill),
    ("migration.unreadable_statement", unreadable_statement),
    ("migration.dynamic_sql", dynamic_sql),
    ("migration.nested_transaction", nested_transaction),
    ("migration.enum_value_used_early", enum_value_used_early),
    ("migration.exists_already", exists_already),
    ("migration.unknown_routine_called", unknown_routine_called),
];

fn statement(view: &StepView, inspection: &Inspection) -> Subject {
    Subject::of(SubjectKind::Statement, headline(inspection, view.file, view.statement.span))
}

/// Who opened the transaction that a statement must not run in.
fn opened_by(view: &StepView) -> &'static str {
    match (view.step.transaction.kind, view.migration.up.transaction) {
        (TransactionKind::Explicit, _) => "the script's own BEGIN",
        (TransactionKind::Runner, Wrapping::AllPending) => "the runner, around all pending migrations",
        (TransactionKind::Runner, _) => "the runner, around this migration",
        _ => "PostgreSQL, because the runner sends the whole file as one message",
    }
}

pub fn concurrently_in_transaction(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for view in steps(inspection) {
        let opened = !matches!(view.step.transaction.kind, TransactionKind::Single | TransactionKind::Unknown);
        // A DO block and a routine are statements of their own transaction.
        let inside = opened || view.step.op.len() > 1 || view.step.called.is_some();
        if !view.effect().outside_transaction || !inside {
            continue;
        }
        let what = headline(inspection, view.file, view.statement.span);
        let message = format!(
            "`{what} …` cannot run inside a transaction, and {} opens one: it fails with error 25001 and the rollout stops.",
            opened_by(&view)
        );
        let mut found = finding(inspection, rule, &view, statement(&view, inspection), message, &[("opt_out", opt_out(&view))]);
        found.effects = [EffectKind::AbortsRollout].into();
        out.push(found);
    }
}

pub fn invalid_index_kept(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for view in steps(inspection) {
        let SchemaOp::CreateIndex(create) = view.kind() else { continue };
        if create.concurrently && create.name.is_none() && !view.effect().locks.iter().all(|lock| lock.new) {
            let message = format!(
                "The index has no name of its own: if building it fails, an invalid one stays behind on {}, and the next run builds a second beside it.",
                create.table
            );
            let subject = Subject { kind: SubjectKind::Index, table: Some(create.table.to_string()), name: create.table.to_string() };
            let vars = [("index", "index_name".to_owned()), ("table", create.table.to_string())];
            out.push(finding(inspection, rule, &view, subject, message, &vars));
        }
        let Some(name) = create.name.as_ref().filter(|_| create.concurrently && create.if_not_exists) else { continue };
        if drops_it_first(&view, name.as_str()) {
            continue;
        }
        let message = format!(
            "If building {name} fails, an invalid index of that name stays behind; the next run meets IF NOT EXISTS, does nothing and reports success."
        );
        let vars = [("index", name.text.clone()), ("table", create.table.to_string())];
        let subject = Subject { kind: SubjectKind::Index, table: Some(create.table.to_string()), name: name.text.clone() };
        out.push(finding(inspection, rule, &view, subject, message, &vars));
    }
}

/// An earlier statement of the same script removes what a failed run left behind.
fn drops_it_first(view: &StepView, name: &str) -> bool {
    let earlier = view.migration.up.statements.iter().take(view.step.statement);
    earlier.flat_map(|statement| &statement.ops).any(|op| matches!(&op.kind, SchemaOp::DropIndex { index, .. } if index.name.text == name))
}

pub fn fails_when_applied(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for view in steps(inspection) {
        let Some(abort) = view.effect().aborts.iter().find(|abort| abort.certainty == Certainty::Always) else { continue };
        let message =
            format!("This statement fails when it is applied: {}. The rollout stops with the migrations before it in place.", abort.reason);
        let mut found = finding(inspection, rule, &view, statement(&view, inspection), message, &[]);
        found.effects = [EffectKind::AbortsRollout].into();
        out.push(found);
    }
}

/// An existing table's rows changed all at once.
pub fn unbatched_backfill(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for view in steps(inspection) {
        let verb = match view.kind() {
            SchemaOp::Update(_) => "UPDATE",
            SchemaOp::Delete(_) => "DELETE",
            SchemaOp::Merge { .. } => "MERGE",
            SchemaOp::Select { .. } | SchemaOp::Call { .. } => "call of this routine",
            _ => continue,
        };
        let Some(write) = view.effect().writes_rows.as_ref().filter(|write| write.whole_table && !write.new) else { continue };
        let table = write.relation.short();
        let message = format!(
            "One {verb} may change every row of {table}: its row locks are held to the end, writers of the same rows wait, and replicas and vacuum fall behind."
        );
        let mut found = finding(inspection, rule, &view, Subject::table(&write.relation), message, &[("table", table)]);
        found.effects = [EffectKind::BlocksWrites].into();
        out.push(found);
    }
}

pub fn unreadable_statement(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    opaque(inspection, rule, out, |reason| !matches!(reason, OpaqueReason::Dynamic));
}

pub fn dynamic_sql(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    opaque(inspection, rule, out, |reason| matches!(reason, OpaqueReason::Dynamic));
    for view in steps(inspection) {
        let Some(hidden) = view.effect().hidden.first() else { continue };
        let message =
            format!("The routine that is called here runs what cannot be read: {hidden}. What it does to production was not judged.");
        out.push(finding(inspection, rule, &view, statement(&view, inspection), message, &[]));
    }
}

fn opaque(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>, wanted: impl Fn(OpaqueReason) -> bool) {
    for view in steps(inspection) {
        let SchemaOp::Opaque { reason, detail } = view.kind() else { continue };
        if !wanted(*reason) {
            continue;
        }
        let what = match reason {
            OpaqueReason::Syntax => "This is not PostgreSQL syntax",
            OpaqueReason::Unsupported => "This form is not known here",
            OpaqueReason::Dynamic => "This SQL is put together when it runs",
            OpaqueReason::External => "This runs something outside the file",
            OpaqueReason::TooLarge => "This is too large to be read",
        };
        let message = format!("{what}: {detail}. What it does to production was not judged.");
        out.push(finding(inspection, rule, &view, statement(&view, inspection), message, &[]));
    }
}

/// BEGIN or COMMIT inside the transaction the runner opened.
pub fn nested_transaction(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for view in steps(inspection) {
        let wrapped = matches!(view.migration.up.transaction, Wrapping::Transaction | Wrapping::AllPending);
        let SchemaOp::Transaction(op) = view.kind() else { continue };
        let message = match op {
            TransactionOp::Begin if wrapped && view.step.transaction.kind == TransactionKind::Runner => {
                "BEGIN inside the runner's transaction does nothing but raise a warning."
            }
            TransactionOp::Commit { .. } | TransactionOp::Rollback { .. } if wrapped && first_end(&view) => {
                "This ends the transaction the runner opened: what follows commits statement by statement, and a failure leaves the migration half applied."
            }
            _ => continue,
        };
        out.push(finding(inspection, rule, &view, statement(&view, inspection), message.to_owned(), &[]));
    }
    unclosed(inspection, rule, out);
}

/// BEGIN without a COMMIT where the runner opens no transaction: the connection's end rolls everything back.
fn unclosed(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let views = steps(inspection);
    for (at, view) in views.iter().enumerate() {
        let wrapped = matches!(view.migration.up.transaction, Wrapping::Transaction | Wrapping::AllPending);
        let begins = matches!(view.kind(), SchemaOp::Transaction(TransactionOp::Begin)) && view.step.op.len() == 1;
        let of_script = |later: &&StepView| later.timeline.unit == view.timeline.unit && later.step.migration == view.step.migration;
        let ends = |later: &StepView| {
            matches!(
                later.kind(),
                SchemaOp::Transaction(TransactionOp::Commit { .. } | TransactionOp::Rollback { .. } | TransactionOp::Begin)
            )
        };
        if begins && !wrapped && !views[at + 1..].iter().filter(of_script).any(ends) {
            let message = "No COMMIT follows this BEGIN: when the connection ends, PostgreSQL takes back everything after it.".to_owned();
            out.push(finding(inspection, rule, view, statement(view, inspection), message, &[]));
        }
    }
}

/// The first COMMIT or ROLLBACK of the script: the one that ends the runner's transaction.
fn first_end(view: &StepView) -> bool {
    let earlier = view.migration.up.statements.iter().take(view.step.statement);
    !earlier
        .flat_map(|statement| &statement.ops)
        .any(|op| matches!(op.kind, SchemaOp::Transaction(TransactionOp::Commit { .. } | TransactionOp::Rollback { .. })))
}

/// A new enum value used in the transaction that adds it: PostgreSQL refuses ("unsafe use of new value").
pub fn enum_value_used_early(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let views = steps(inspection);
    for (at, view) in views.iter().enumerate() {
        let SchemaOp::AlterType { name, action: TypeAction::AddValue { value, .. } } = view.kind() else { continue };
        if matches!(view.step.transaction.kind, TransactionKind::Single | TransactionKind::Unknown) {
            continue;
        }
        let quoted = format!("'{value}'");
        let uses = |later: &&StepView| {
            let adds = matches!(later.kind(), SchemaOp::AlterType { .. } | SchemaOp::CreateType { .. });
            let names_it = || later.op_statement_text(inspection).contains(&quoted);
            later.same_transaction(view) && later.step.statement != view.step.statement && !adds && names_it()
        };
        let Some(used) = views[at + 1..].iter().find(uses) else { continue };
        let message = format!(
            "{quoted} is added to {name} in the same transaction: PostgreSQL refuses to use a new enum value before it is committed, and the rollout stops."
        );
        let subject = Subject { kind: SubjectKind::EnumValue, table: Some(name.to_string()), name: value.clone() };
        let mut found = finding(inspection, rule, used, subject, message, &[("value", value.clone()), ("type", name.to_string())]);
        found.effects = [EffectKind::AbortsRollout].into();
        found.labels.push(label(view, "the value is added here"));
        out.push(found);
    }
}

/// `CREATE TABLE IF NOT EXISTS` over a table that is there with other columns: it does nothing, and new databases differ.
pub fn exists_already(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for view in steps(inspection) {
        let SchemaOp::CreateTable(create) = view.kind() else { continue };
        let key = view.step.before.resolve(&create.table);
        let Some(table) = view.step.before.table(&key).filter(|table| create.if_not_exists && !table.open) else { continue };
        let plain = create.like.is_empty() && create.inherits.is_empty() && create.partition_of.is_none() && create.as_query.is_none();
        let missing: Vec<&str> =
            create.columns.iter().map(|column| column.name.as_str()).filter(|name| table.column(name).is_none()).collect();
        if !plain || missing.is_empty() {
            continue;
        }
        let message = format!(
            "{} exists already, so IF NOT EXISTS makes this statement do nothing: {} {} not added.",
            key.short(),
            missing.join(", "),
            if missing.len() == 1 { "is" } else { "are" }
        );
        let vars = [("table", key.short()), ("column", missing[0].to_owned())];
        out.push(finding(inspection, rule, &view, Subject::table(&key), message, &vars));
    }
}

/// CALL, or a SELECT that reads no table, of a routine that is neither PostgreSQL's own nor in the history.
pub fn unknown_routine_called(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for view in steps(inspection) {
        let called: &[RelName] = match view.kind() {
            SchemaOp::Select { query, .. } if query.relations.is_empty() => &query.functions,
            SchemaOp::Call { routine } => std::slice::from_ref(routine),
            _ => continue,
        };
        let before = &view.step.before;
        let unknown = |name: &&RelName| is_own_routine(name) && before.routines.get(&before.resolve(name)).is_none();
        let Some(name) = called.iter().find(unknown) else { continue };
        let message =
            format!("{name} is called here, and the migration history does not define it. What it does to production was not judged.");
        let subject = Subject::of(SubjectKind::Routine, name.to_string());
        out.push(finding(inspection, rule, &view, subject, message, &[("name", name.to_string())]));
    }
}
