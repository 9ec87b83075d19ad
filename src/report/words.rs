//! The words that all formats share: plain data in, the short English for it out.

use crate::change::{ChangeSet, Revision};
use crate::finding::{Finding, Gate, Severity, Status};
use crate::settings::Phase;
use crate::verdict::gates::plural;
use crate::verdict::{GateResult, GateStatus, Outcome, Verdict};

pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Cleared => "CLEARED",
        Verdict::Hold => "HOLD",
    }
}

pub fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Push => "push",
        Phase::Merge => "merge",
        Phase::Deploy => "deploy",
    }
}

pub fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Block => "block",
        Severity::Warn => "warn",
        Severity::Note => "note",
    }
}

/// What a gate came to, in one word.
pub fn status(gate: &GateResult) -> &'static str {
    match gate.status {
        GateStatus::Pass => "pass",
        GateStatus::Fail => "fail",
        GateStatus::Unknown if gate.holds => "holds",
        GateStatus::Unknown => "open",
        GateStatus::NotApplicable => "n/a",
    }
}

/// What a gate asks.
pub fn question(gate: Gate) -> &'static str {
    match gate {
        Gate::TestsGreen => "Is CI green on exactly this commit?",
        Gate::MigrationsCompatible => "Does the old code keep working, and does the migration run without an outage?",
        Gate::FlagsOff => "Is every new flag off by default?",
        Gate::RollbackReady => "Is there a rehearsed way back, in under five minutes?",
        Gate::StagedRollout => "Canary, stages, dwell, metrics, abort thresholds?",
        Gate::PipelineOnly => "Does production change only through the pipeline, behind its tests?",
        Gate::WindowConfirmed => "Is the window set, with somebody on call?",
        Gate::StakeholdersNotified => "Are those affected named and told?",
        Gate::VerificationPlanned => "Are smoke tests and dashboards named?",
    }
}

/// The verdict as a clause: which gates hold.
pub fn lead(outcome: &Outcome) -> String {
    let holding: Vec<&str> = outcome.gates.iter().filter(|gate| gate.holds).map(|gate| gate.id.id()).collect();
    match holding.split_last() {
        None => "nothing that was read holds this rollout".to_owned(),
        Some((only, [])) => format!("{only} holds this rollout"),
        Some((last, rest)) => format!("{} and {last} hold this rollout", rest.join(", ")),
    }
}

/// `3 files`, `1 file`.
pub fn count(number: usize, word: &str) -> String {
    format!("{number} {}", plural(number, word))
}

/// A commit id short enough to read; other words as they are.
pub fn short(id: &str) -> &str {
    if id.len() >= 40 && id.is_ascii() { &id[..10] } else { id }
}

/// `f615198b69..a12f2689ea`.
pub fn range(change: &ChangeSet) -> String {
    format!("{}..{}", revision(&change.base), revision(&change.head))
}

fn revision(revision: &Revision) -> &str {
    match revision {
        Revision::Commit { id, .. } => short(id),
        Revision::Worktree { .. } => "worktree",
        Revision::Directory => "directory",
        Revision::Empty => "nothing",
    }
}

/// How many findings of each severity are active, and how many are not: `2 block, 1 warn, 0 note, 1 suppressed`.
pub fn tally(findings: &[Finding]) -> String {
    let of = |severity| findings.iter().filter(|found| found.severity == severity && found.is_active()).count();
    let mut parts = vec![format!("{} block, {} warn, {} note", of(Severity::Block), of(Severity::Warn), of(Severity::Note))];
    let suppressed = findings.iter().filter(|found| matches!(found.status, Status::Suppressed { .. })).count();
    let baselined = findings.iter().filter(|found| found.status == Status::Baselined).count();
    if suppressed > 0 {
        parts.push(format!("{suppressed} suppressed"));
    }
    if baselined > 0 {
        parts.push(format!("{baselined} in the baseline"));
    }
    parts.join(", ")
}

/// Gates that hold without a finding that says why: formats that list findings alone have to name them.
pub fn silent_holds(outcome: &Outcome) -> impl Iterator<Item = &GateResult> {
    let blocked = |gate: &GateResult| outcome.findings.iter().any(|found| found.gate == gate.id && found.blocks());
    outcome.gates.iter().filter(move |gate| gate.holds && !blocked(gate))
}
