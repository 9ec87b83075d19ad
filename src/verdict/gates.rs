//! The nine gates: an inspection and its findings in, each gate's status, and whether it holds, out.

use std::collections::BTreeSet;

use super::{Coverage, GateResult, GateStatus, Skipped, staged};
use crate::change::{ChangeSet, FileStatus};
use crate::detect::Inspection;
use crate::detect::evidence::{Tests, rehearsed, tests_green};
use crate::detect::release;
use crate::finding::{Finding, Gate, Severity};
use crate::read::migration::Script;
use crate::rule::Rule;
use crate::schema::op::{SchemaOp, Statement};
use crate::settings::{Phase, Requirement, Settings};
use crate::source::FileId;

pub fn decide(gate: Gate, inspection: &Inspection, findings: &[Finding], rules: &[Rule]) -> GateResult {
    let own: Vec<&Finding> = findings.iter().filter(|finding| finding.gate == gate && finding.is_active()).collect();
    let count = own.iter().filter(|finding| finding.severity > Severity::Note).count();
    let blocking = own.iter().filter(|finding| finding.blocks()).count();
    let requirement = asked(gate, &inspection.settings).unwrap_or_else(|| by_default(gate, declared(gate, inspection)));
    let (status, reason) = if blocking > 0 {
        (GateStatus::Fail, format!("{blocking} blocking {}", plural(blocking, "finding")))
    } else {
        evidence(gate, inspection, &own, findings, rules)
    };
    let holds = requirement == Requirement::Required
        && match status {
            GateStatus::Fail => true,
            GateStatus::Unknown => unknown_holds(gate, inspection.settings.phase),
            GateStatus::Pass | GateStatus::NotApplicable => false,
        };
    GateResult { id: gate, status, requirement, findings: count, reason, holds }
}

/// What the policy asks of a gate in this phase, else the default as far as the policy alone decides it.
pub fn requirement(gate: Gate, settings: &Settings) -> Requirement {
    asked(gate, settings).unwrap_or(by_default(gate, settings.policy.release.is_some() && is_release(gate)))
}

fn asked(gate: Gate, settings: &Settings) -> Option<Requirement> {
    settings.policy.gates.get(&gate).and_then(|phases| phases.get(&settings.phase)).copied()
}

/// Gates of a rollout or a release are asked of a repository that declares one.
fn by_default(gate: Gate, declared: bool) -> Requirement {
    match gate {
        Gate::TestsGreen | Gate::MigrationsCompatible | Gate::FlagsOff | Gate::RollbackReady | Gate::PipelineOnly => Requirement::Required,
        _ if declared => Requirement::Required,
        _ => Requirement::Advisory,
    }
}

/// The repository declares what this gate is about: the policy, a document, or the CI does.
fn declared(gate: Gate, inspection: &Inspection) -> bool {
    match gate {
        Gate::WindowConfirmed if inspection.release.deploy_freeze => true,
        Gate::StagedRollout => staged::is_declared(inspection),
        _ if is_release(gate) => release::declared(inspection),
        _ => false,
    }
}

fn is_release(gate: Gate) -> bool {
    matches!(gate, Gate::WindowConfirmed | Gate::StakeholdersNotified | Gate::VerificationPlanned)
}

/// In `push`, unknown never holds; in `merge`, for what the change itself shows; in `deploy`, always.
fn unknown_holds(gate: Gate, phase: Phase) -> bool {
    match phase {
        Phase::Push => false,
        Phase::Merge => matches!(gate, Gate::MigrationsCompatible | Gate::FlagsOff),
        Phase::Deploy => true,
    }
}

/// The status of a gate no finding blocks.
fn evidence(gate: Gate, inspection: &Inspection, own: &[&Finding], findings: &[Finding], rules: &[Rule]) -> (GateStatus, String) {
    if inspection.change.files.is_empty() {
        return (GateStatus::NotApplicable, "nothing changed".to_owned());
    }
    match gate {
        Gate::MigrationsCompatible => migrations(inspection, findings),
        _ if !ships_anything(&inspection.change) => (GateStatus::NotApplicable, "only documentation and tests changed".to_owned()),
        Gate::TestsGreen => tests(inspection),
        Gate::FlagsOff => flags(inspection, own),
        Gate::RollbackReady => rollback(inspection),
        Gate::StagedRollout => staged::decide(inspection, rules),
        Gate::PipelineOnly => super::pipeline::decide(inspection),
        Gate::WindowConfirmed => super::release::window(inspection),
        Gate::StakeholdersNotified => super::release::notified(inspection, own),
        Gate::VerificationPlanned => super::release::verification(inspection),
    }
}

fn flags(inspection: &Inspection, own: &[&Finding]) -> (GateStatus, String) {
    let facts = &inspection.flags;
    if let Some(unknown) = own.iter().find(|finding| finding.rule == "flag/state-unknown") {
        return (GateStatus::Unknown, format!("the state of flag {} could not be told", unknown.subject.name));
    }
    match facts.unread.first() {
        Some(first) => (GateStatus::Unknown, format!("{} could not be read: {}", first.path, first.reason)),
        None if facts.files == 0 => (GateStatus::NotApplicable, "no flag definition changed".to_owned()),
        None if facts.head.is_empty() => (GateStatus::NotApplicable, "flags were removed, and none is left to judge".to_owned()),
        None => (GateStatus::Pass, format!("{} {} read", facts.head.len(), plural(facts.head.len(), "flag"))),
    }
}

fn tests(inspection: &Inspection) -> (GateStatus, String) {
    match tests_green(inspection) {
        Tests::Green(reason) => (GateStatus::Pass, reason),
        Tests::Unknown(reason) => (GateStatus::Unknown, reason),
    }
}

/// The document stands, the change is reversed, and CI passed on this commit: whatever of it is open is still owed.
fn rollback(inspection: &Inspection) -> (GateStatus, String) {
    if inspection.rollback.documents.is_empty() {
        return (GateStatus::Unknown, "there is no rollback document to judge".to_owned());
    }
    if let Some((inverse, reason)) = inspection.inverses.iter().find_map(|inverse| Some((inverse, inverse.not_compared.as_ref()?))) {
        let migration = inspection.head_units.get(inverse.unit).and_then(|unit| unit.migrations.get(inverse.migration));
        let id = migration.map_or("a migration", |migration| migration.id.as_str());
        return (GateStatus::Unknown, format!("whether {id} is reversed cannot be told: {reason}"));
    }
    if inspection.settings.policy.rollback.rehearsal
        && let Err(owed) = rehearsed(inspection)
    {
        return (GateStatus::Unknown, owed);
    }
    match tests_green(inspection) {
        Tests::Green(reason) => (GateStatus::Pass, format!("the document stands, and {reason}")),
        Tests::Unknown(reason) => (GateStatus::Unknown, format!("the document stands; CI on this commit is still owed: {reason}")),
    }
}

/// Rules that name a statement which could not be read, one finding each.
const OPAQUE_RULES: [&str; 2] = ["migration/unreadable-statement", "migration/dynamic-sql"];

fn migrations(inspection: &Inspection, findings: &[Finding]) -> (GateStatus, String) {
    if let Some(first) = inspection.unread.first() {
        let more = inspection.unread.len() - 1;
        let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
        return (GateStatus::Unknown, format!("{} could not be read: {}{rest}", first.path, first.reason));
    }
    let coverage = coverage(inspection);
    match (coverage.statements, coverage.opaque - accepted(inspection, findings)) {
        (0, _) if inspection.timelines.iter().all(|timeline| timeline.steps.is_empty()) => {
            (GateStatus::NotApplicable, "no migration changed".to_owned())
        }
        (_, 0) => (GateStatus::Pass, format!("{} {} read", coverage.statements, plural(coverage.statements, "statement"))),
        (all, opaque) => (GateStatus::Unknown, format!("{opaque} of {all} {} could not be read", plural(all, "statement"))),
    }
}

/// Something in the change reaches production: more than documentation and tests.
pub fn ships_anything(change: &ChangeSet) -> bool {
    change.files.iter().any(|file| ships(&file.path) || file.old_path.as_deref().is_some_and(ships))
}

/// Neither documentation nor a test.
pub fn ships(path: &str) -> bool {
    !is_documentation(path) && !is_test(path)
}

fn is_documentation(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let (directory, name) = lower.rsplit_once('/').unwrap_or(("", &lower));
    let stem = name.split('.').next().unwrap_or(name);
    // Programs read lists and build files that end in .txt.
    let words = directory.split('/').any(|part| matches!(part, "doc" | "docs" | "documentation"))
        || [
            "readme",
            "license",
            "licence",
            "copying",
            "notice",
            "authors",
            "contributors",
            "changelog",
            "changes",
            "news",
            "history",
            "todo",
        ]
        .contains(&stem);
    [".md", ".rst", ".adoc", ".png", ".jpg", ".svg", ".gif"].iter().any(|end| lower.ends_with(end))
        || lower.ends_with(".txt") && words
        || matches!(name, "license" | "codeowners" | ".gitignore" | ".gitattributes" | ".editorconfig")
}

fn is_test(path: &str) -> bool {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    directory.split('/').any(|part| matches!(part, "test" | "tests" | "spec" | "__tests__" | "testdata"))
        || ["_test.go", "_spec.rb", "_test.rb", "_test.exs", "_test.dart"].iter().any(|end| name.ends_with(end))
        || name.starts_with("test_") && name.ends_with(".py")
        || name.contains(".test.")
        || name.contains(".spec.")
}

/// The scripts of the rollout's own migrations.
fn own_scripts(inspection: &Inspection) -> impl Iterator<Item = &Script> {
    inspection.timelines.iter().flat_map(|timeline| {
        let unit = &inspection.head_units[timeline.unit];
        let migrations: BTreeSet<usize> = timeline.steps.iter().map(|step| step.migration).collect();
        migrations.into_iter().map(|migration| &unit.migrations[migration].up)
    })
}

/// Statements of the rollout that could not be read, and the file they are in.
fn opaque_statements(inspection: &Inspection) -> impl Iterator<Item = (FileId, &Statement)> {
    own_scripts(inspection)
        .flat_map(|script| script.statements.iter().map(|statement| (script.source, statement)))
        .filter(|(_, statement)| is_opaque(statement))
}

/// Unread statements that somebody looked at and accepted in writing: whatever was found in them is suppressed.
fn accepted(inspection: &Inspection, findings: &[Finding]) -> usize {
    let about: Vec<&Finding> = findings.iter().filter(|finding| OPAQUE_RULES.contains(&finding.rule.as_str())).collect();
    let within = |file: FileId, statement: &Statement| {
        let inside = |finding: &&&Finding| finding.place.is_some_and(|place| place.file == file && statement.span.encloses(place.span));
        about.iter().filter(inside).map(|finding| finding.is_active()).collect::<Vec<bool>>()
    };
    let accepted = |(file, statement): &(FileId, &Statement)| {
        let active = within(*file, statement);
        !active.is_empty() && !active.contains(&true)
    };
    opaque_statements(inspection).filter(accepted).count()
}

/// Counts what was read of the rollout's own migrations.
pub fn coverage(inspection: &Inspection) -> Coverage {
    let statements = own_scripts(inspection).map(|script| script.statements.len()).sum();
    let opaque = opaque_statements(inspection).count();
    let mut skipped: Vec<Skipped> = inspection
        .unread
        .iter()
        .chain(&inspection.skipped)
        .map(|unread| Skipped { path: unread.path.clone(), reason: unread.reason.clone() })
        .collect();
    skipped.sort();
    skipped.dedup();
    let files = inspection.change.files.iter().filter(|file| file.status != FileStatus::Deleted).count();
    Coverage { files, statements, opaque, skipped }
}

fn is_opaque(statement: &Statement) -> bool {
    statement.ops.iter().any(|op| match &op.kind {
        SchemaOp::Opaque { .. } => true,
        SchemaOp::Do { body, .. } => body.iter().any(is_opaque),
        _ => false,
    })
}

pub fn plural(count: usize, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}
