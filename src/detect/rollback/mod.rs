//! The rollback: documents and replayed down scripts in, findings about what makes a way back unusable out.

mod resolve;
mod reverse;
mod revision;
mod void;
mod workflow;

pub use resolve::{command_not_found, config_not_found, unresolved};
pub use reverse::{down_blocks, down_breaks_new_code, down_incomplete, down_loses_data, no_way_back};
pub use void::void_command;

use super::step::at;
use super::{Detector, Inspection};
use crate::finding::{Finding, Severity, Subject, SubjectKind};
use crate::read::migration::Migration;
use crate::read::rollback::{self, Document, Kind};
use crate::rule::Rule;
use crate::schema::timeline::new_migrations;
use crate::source::{Place, Span};
use crate::verdict::gates::ships_anything;

/// Detectors by the name a rule file gives.
pub const DETECTORS: &[(&str, Detector)] = &[
    ("rollback.missing", missing),
    ("rollback.unreadable", unreadable),
    ("rollback.no_commands", no_commands),
    ("rollback.placeholder", placeholder),
    ("rollback.empty_section", empty_section),
    ("rollback.no_estimate", no_estimate),
    ("rollback.too_slow", too_slow),
    ("rollback.no_threshold", no_threshold),
    ("rollback.no_owner", no_owner),
    ("rollback.no_verification", no_verification),
    ("rollback.no_data_statement", no_data_statement),
    ("rollback.destructive", destructive),
    ("rollback.other_change", other_change),
    ("rollback.command_not_found", command_not_found),
    ("rollback.config_not_found", config_not_found),
    ("rollback.void_command", void_command),
    ("rollback.no_way_back", no_way_back),
    ("rollback.down_incomplete", down_incomplete),
    ("rollback.down_loses_data", down_loses_data),
    ("rollback.down_blocks", down_blocks),
    ("rollback.down_breaks_new_code", down_breaks_new_code),
];

/// Where a missing document is reported, and where one is written.
const HOME: &str = "ROLLBACK.md";

/// A rollback has to be over in this time unless the policy gives `max_minutes`.
const DEFAULT_MINUTES: u64 = 5;

/// The rollback's time limit in seconds.
pub fn limit_seconds(inspection: &Inspection) -> u64 {
    let policy = inspection.settings.policy.rules.get("rollback/too-slow");
    let minutes = policy.and_then(|policy| policy.options.get("max_minutes")).and_then(serde_yaml::Value::as_u64);
    minutes.unwrap_or(DEFAULT_MINUTES).saturating_mul(60)
}

/// The migrations that are new at head, of all units.
pub fn fresh(inspection: &Inspection) -> Vec<&Migration> {
    let mut all = Vec::new();
    for unit in &inspection.head_units {
        let old = inspection.base_units.iter().find(|old| old.root == unit.root && old.framework == unit.framework);
        all.extend(new_migrations(old, unit, &inspection.sources).map(|(_, migration)| migration));
    }
    all
}

/// A rollback document is asked of a change that ships something; migration files checked alone are no such change.
fn wanted(inspection: &Inspection) -> bool {
    !inspection.settings.history_unknown && ships_anything(&inspection.change)
}

/// The documents to judge.
fn documents(inspection: &Inspection) -> &[Document] {
    if wanted(inspection) { &inspection.rollback.documents } else { &[] }
}

fn report(inspection: &Inspection, rule: &Rule, document: &Document, span: Span, name: &str, message: String) -> Finding {
    let mut found = at(rule, Subject::of(SubjectKind::Section, name), message, &[("name", name.to_owned())]);
    found.path = inspection.sources.path(document.source).to_owned();
    found.place = Some(Place { file: document.source, span });
    found
}

/// Where a finding about a section stands: its heading, or the document's first line.
fn section_at(document: &Document, kind: Kind) -> Span {
    document.sections.iter().find(|section| section.kind == kind).map_or(document.first, |section| section.heading)
}

pub fn missing(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    if !wanted(inspection) || !inspection.rollback.documents.is_empty() || !inspection.rollback.unread.is_empty() {
        return;
    }
    let message = "This change ships code and there is no rollback document: nobody can say how to go back, or how long it takes.";
    let mut found = at(rule, Subject::of(SubjectKind::File, HOME), message.to_owned(), &[]);
    found.path = HOME.to_owned();
    out.push(found);
}

pub fn unreadable(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    if !wanted(inspection) {
        return;
    }
    for unread in &inspection.rollback.unread {
        let message = format!("The rollback document cannot be read: {}.", unread.reason);
        let mut found = at(rule, Subject::of(SubjectKind::File, unread.path.as_str()), message, &[]);
        found.path = unread.path.clone();
        out.push(found);
    }
    for document in documents(inspection) {
        if let Some((span, problem)) = &document.broken {
            let first = problem.lines().next().unwrap_or("");
            out.push(report(inspection, rule, document, *span, "front matter", format!("The front matter cannot be read: {first}.")));
        }
    }
}

pub fn no_commands(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for document in documents(inspection) {
        let usable = |kind: Kind| !matches!(kind, Kind::Trigger | Kind::Verification);
        if !document.commands.iter().any(|command| usable(command.section)) {
            let message =
                "No code block of this document holds a command that rolls back: whoever is on call has to invent one.".to_owned();
            out.push(report(inspection, rule, document, section_at(document, Kind::Commands), "commands", message));
        }
    }
}

pub fn placeholder(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for document in documents(inspection) {
        for found in &document.placeholders {
            let message = format!("`{}` is not filled in.", found.text);
            out.push(report(inspection, rule, document, found.span, &found.text, message));
        }
    }
}

/// A heading with nothing below it, where the whole section and its subsections are empty.
pub fn empty_section(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for document in documents(inspection) {
        for section in document.sections.iter().filter(|section| section.kind != Kind::Other) {
            if document.sections.iter().any(|other| other.kind == section.kind && other.filled) {
                continue;
            }
            let message = format!("The section `{}` is empty.", section.title);
            out.push(report(inspection, rule, document, section.heading, &section.title, message));
        }
    }
}

pub fn no_estimate(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for document in documents(inspection).iter().filter(|document| document.estimates.is_empty()) {
        let message = "The document does not say how long the rollback takes.".to_owned();
        out.push(report(inspection, rule, document, section_at(document, Kind::Time), "estimate", message));
    }
}

pub fn too_slow(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let limit = limit_seconds(inspection);
    for document in documents(inspection) {
        let Some(slowest) = document.estimates.iter().max_by_key(|estimate| estimate.seconds) else { continue };
        if slowest.seconds > limit {
            let message = format!("The rollback takes {}, more than the {} allowed.", spoken(slowest.seconds), spoken(limit));
            out.push(report(inspection, rule, document, slowest.span, "estimate", message));
        }
    }
}

fn spoken(seconds: u64) -> String {
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

pub fn no_threshold(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for document in documents(inspection).iter().filter(|document| document.thresholds.is_empty()) {
        let message = "No trigger with a number: when to roll back is left to taste, at the worst moment.".to_owned();
        out.push(report(inspection, rule, document, section_at(document, Kind::Trigger), "trigger", message));
    }
}

pub fn no_owner(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for document in documents(inspection).iter().filter(|document| document.owner.is_none()) {
        let message = "The document names nobody who owns the rollback or is on call for it.".to_owned();
        out.push(report(inspection, rule, document, section_at(document, Kind::Escalation), "owner", message));
    }
}

pub fn no_verification(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for document in documents(inspection) {
        if !document.sections.iter().any(|section| section.kind == Kind::Verification) {
            let message = "The document does not say how to tell that the rollback worked.".to_owned();
            out.push(report(inspection, rule, document, document.first, "verification", message));
        }
    }
}

pub fn no_data_statement(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    if fresh(inspection).is_empty() {
        return;
    }
    for document in documents(inspection).iter().filter(|document| document.data.is_none()) {
        let message =
            "This change has migrations, and the document does not say what happens to data when they are rolled back.".to_owned();
        out.push(report(inspection, rule, document, section_at(document, Kind::Data), "data impact", message));
    }
}

pub fn destructive(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for document in documents(inspection).iter().filter(|document| document.data.is_none()) {
        for command in &document.commands {
            if let Some(part) = rollback::destructive(&command.text) {
                let message = format!("`{part}` destroys something, and the document does not say what is lost.");
                out.push(report(inspection, rule, document, command.span, part, message));
            }
        }
    }
}

/// Names migrations of another release, and none of this one.
pub fn other_change(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let fresh = fresh(inspection);
    let known: Vec<&Migration> = inspection.head_units.iter().flat_map(|unit| &unit.migrations).collect();
    for document in documents(inspection).iter().filter(|document| !document.runbook) {
        let text = inspection.sources.text(document.source);
        if fresh.iter().any(|migration| rollback::names_migration(text, &migration.path) || names_version(document, migration)) {
            continue;
        }
        let other = document.migrations.iter().find_map(|named| {
            let stem = rollback::migration_stem(&named.text);
            known.iter().find(|migration| rollback::migration_stem(&migration.path) == stem || migration.id == stem).map(|_| named)
        });
        let Some(named) = other else { continue };
        let ours = match fresh.first() {
            Some(first) => format!("this change has {}", rollback::migration_stem(&first.path)),
            None => "this change has no migration".to_owned(),
        };
        let message = format!("The document is about another change: it names {}, and {ours}.", named.text);
        let mut found = report(inspection, rule, document, named.span, &named.text, message);
        if fresh.is_empty() {
            found.severity = Severity::Warn;
        }
        out.push(found);
    }
}

fn names_version(document: &Document, migration: &Migration) -> bool {
    document.migrations.iter().any(|named| rollback::migration_stem(&named.text) == migration.id)
}
