//! Walks the steps of a rollout and builds findings about them: an inspection in, views of its ops and half-made findings out.

use std::collections::BTreeSet;

use super::Inspection;
use crate::finding::{Confidence, EffectKind, Finding, Label, Status, Subject};
use crate::read::migration::{Migration, Script, Unit};
use crate::rule::Rule;
use crate::schema::catalog::Catalog;
use crate::schema::effect::{Effect, LockMode};
use crate::schema::name::{QName, RelName};
use crate::schema::op::{Op, SchemaOp, Statement};
use crate::schema::{Called, Step, Timeline, TransactionKind};
use crate::source::{FileId, Place, Span};

/// One op of the rollout with everything around it.
#[derive(Clone, Copy)]
pub struct StepView<'a> {
    pub timeline: &'a Timeline,
    pub step: &'a Step,
    pub unit: &'a Unit,
    pub migration: &'a Migration,
    /// The top-level statement, also for an op inside a DO block.
    pub statement: &'a Statement,
    pub op: &'a Op,
    pub file: FileId,
}

impl<'a> StepView<'a> {
    pub fn effect(&self) -> &'a Effect {
        &self.step.effect
    }

    pub fn kind(&self) -> &'a SchemaOp {
        &self.op.kind
    }

    /// Of an op in a routine: where the routine is called.
    pub fn place(&self) -> Place {
        let caller = self.step.called.as_ref().and_then(|_| find_op(self.statement, &self.step.op));
        Place { file: self.file, span: caller.unwrap_or(self.op).span }
    }

    /// The op's own text; one in a routine has it somewhere else.
    pub fn text_of(&self, inspection: &'a Inspection, span: Span) -> Option<&'a str> {
        self.step.called.is_none().then(|| span.text(inspection.sources.text(self.file)))
    }

    /// The strongest lock that the op takes on an existing relation.
    pub fn lock_on(&self, relation: &QName) -> Option<LockMode> {
        self.effect().locks.iter().find(|lock| lock.relation == *relation && !lock.new).map(|lock| lock.mode)
    }

    /// The text of the whole statement.
    pub fn op_statement_text(&self, inspection: &'a Inspection) -> &'a str {
        self.statement.span.text(inspection.sources.text(self.file))
    }

    /// The bare name of the table that an ALTER TABLE is on.
    pub fn table_name(&self) -> Option<String> {
        match self.kind() {
            SchemaOp::AlterTable(alter) => Some(alter.table.name.text.clone()),
            _ => None,
        }
    }

    /// Whether the altered table's column is NOT NULL before this op, as far as the history shows.
    pub fn is_not_null(&self, column: &str) -> bool {
        let SchemaOp::AlterTable(alter) = self.kind() else { return false };
        let table = self.step.before.table(&self.step.before.resolve(&alter.table));
        table.and_then(|table| table.column(column)).is_some_and(|column| column.not_null)
    }

    /// The catalog when the op's transaction has committed. Where nobody knows how the runner wraps a script, the whole script counts.
    pub fn after_transaction(&self) -> &'a Catalog {
        let steps = &self.timeline.steps;
        let own = self.step.transaction;
        let together = |other: &&Step| match own.kind {
            TransactionKind::Unknown => other.migration == self.step.migration,
            _ => other.transaction.id == own.id,
        };
        let at = steps.iter().position(|step| std::ptr::eq(step, self.step)).unwrap_or(0);
        let count = steps[at..].iter().take_while(together).count();
        steps.get(at + count.max(1)).map_or(&self.timeline.after, |next| &next.before)
    }

    /// The table is partitioned, as far as the history shows.
    pub fn is_partitioned(&self, table: &RelName) -> bool {
        self.step.before.table(&self.step.before.resolve(table)).is_some_and(|table| table.partitioned)
    }

    /// Steps of the same transaction, this one included.
    pub fn same_transaction(&self, other: &StepView) -> bool {
        std::ptr::eq(self.timeline, other.timeline) && self.step.transaction.id == other.step.transaction.id
    }
}

/// All steps of all timelines, in the order they run.
pub fn steps(inspection: &Inspection) -> Vec<StepView<'_>> {
    let mut all = Vec::new();
    for timeline in &inspection.timelines {
        let unit = &inspection.head_units[timeline.unit];
        for step in &timeline.steps {
            let migration = &unit.migrations[step.migration];
            let script: &Script = &migration.up;
            let statement = &script.statements[step.statement];
            let Some(op) = op_of(unit, step) else { continue };
            all.push(StepView { timeline, step, unit, migration, statement, op, file: script.source });
        }
    }
    all
}

/// The op of a step: in the unit at head, or in the routine that is called there.
pub fn op_of<'a>(unit: &'a Unit, step: &'a Step) -> Option<&'a Op> {
    if let Some(Called { body, path }) = &step.called {
        let (statement, rest) = path.split_first()?;
        return find_op(body.get(*statement)?, rest);
    }
    find_op(&unit.migrations[step.migration].up.statements[step.statement], &step.op)
}

fn find_op<'a>(statement: &'a Statement, path: &[usize]) -> Option<&'a Op> {
    let (first, rest) = path.split_first()?;
    let op = statement.ops.get(*first)?;
    match (rest.split_first(), &op.kind) {
        (None, _) => Some(op),
        (Some((inner, rest)), SchemaOp::Do { body, .. }) => find_op(body.get(*inner)?, rest),
        _ => None,
    }
}

/// A finding about an op. The rule gives severity, why and remedy; `vars` fill the remedy's `{placeholders}`.
pub fn finding(
    inspection: &Inspection,
    rule: &Rule,
    view: &StepView,
    subject: Subject,
    message: String,
    vars: &[(&str, String)],
) -> Finding {
    let assumed = &view.effect().assumed;
    let mut message = message;
    if let Some(first) = assumed.first() {
        message.push_str(&format!(" Assumed: {first}."));
    }
    if view.timeline.server_assumed && depends_on_version(view.kind()) {
        message.push_str(&format!(" The server's version is not known; PostgreSQL {} is taken.", view.timeline.server.0));
    }
    Finding {
        path: inspection.sources.path(view.file).to_owned(),
        place: Some(view.place()),
        confidence: if assumed.is_empty() { Confidence::Proved } else { Confidence::Assumed },
        ..at(rule, subject, message, vars)
    }
}

/// Physics that changed between the versions still in use (10 to 18).
fn depends_on_version(op: &SchemaOp) -> bool {
    use crate::schema::op::TableAction;
    match op {
        SchemaOp::AlterTable(alter) => match &alter.action {
            TableAction::AddColumn { column, .. } => column.generated.as_ref().is_some_and(|generated| generated.stored.is_none()),
            TableAction::DetachPartition { .. } => true,
            _ => false,
        },
        _ => false,
    }
}

/// A finding without a place yet.
pub fn at(rule: &Rule, subject: Subject, message: String, vars: &[(&str, String)]) -> Finding {
    Finding {
        rule: rule.id.clone(),
        gate: rule.gate,
        severity: rule.severity,
        message,
        why: rule.why.trim().to_owned(),
        remedy: fill(rule.remedy.trim(), vars),
        place: None,
        path: String::new(),
        subject,
        effects: BTreeSet::new(),
        confidence: Confidence::Proved,
        labels: Vec::new(),
        evidence: Vec::new(),
        fix: None,
        status: Status::Active,
        fingerprint: String::new(),
    }
}

/// Replaces `{name}` by its value; a name without a value becomes `…`.
fn fill(template: &str, vars: &[(&str, String)]) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let (before, tail) = rest.split_at(open);
        out.push_str(before);
        let name_end = tail.find('}').filter(|end| tail[1..*end].bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && *end > 1);
        match name_end {
            Some(end) => {
                let name = &tail[1..end];
                out.push_str(vars.iter().find(|(known, _)| *known == name).map_or("…", |(_, value)| value.as_str()));
                rest = &tail[end + 1..];
            }
            None => {
                out.push('{');
                rest = &tail[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// What an op's effect means for production, in the words of the report.
pub fn effect_kinds(effect: &Effect) -> BTreeSet<EffectKind> {
    let mut kinds = BTreeSet::new();
    if !effect.breaks_readers.is_empty() {
        kinds.insert(EffectKind::BreaksOldReaders);
    }
    if !effect.breaks_writers.is_empty() {
        kinds.insert(EffectKind::BreaksOldWriters);
    }
    if effect.locks.iter().any(|lock| !lock.new && lock.mode.blocks_reads()) {
        kinds.insert(EffectKind::BlocksReads);
    }
    if effect.locks.iter().any(|lock| !lock.new && lock.mode.blocks_writes()) {
        kinds.insert(EffectKind::BlocksWrites);
    }
    if effect.rewrites.iter().any(|work| !work.new) {
        kinds.insert(EffectKind::RewritesTable);
    }
    if effect.scans.iter().any(|work| !work.new) {
        kinds.insert(EffectKind::ScansTable);
    }
    if !effect.loses.is_empty() {
        kinds.insert(EffectKind::LosesData);
    }
    kinds
}

/// A label at another op, for findings that need two.
pub fn label(view: &StepView, text: impl Into<String>) -> Label {
    Label { place: view.place(), text: text.into() }
}

/// The first words of a statement, to name it in a message.
pub fn headline(inspection: &Inspection, file: FileId, span: Span) -> String {
    let words: Vec<&str> = span.text(inspection.sources.text(file)).split_whitespace().take(6).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn placeholders_are_filled_and_other_braces_kept() {
        let vars = [("table", "orders".to_owned())];
        assert_eq!(fill("ALTER TABLE {table} {x} {} {A} '{\"a\"}'", &vars), "ALTER TABLE orders … {} {A} '{\"a\"}'");
    }
}
