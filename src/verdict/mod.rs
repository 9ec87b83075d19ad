//! Findings and coverage in, gates and one verdict out: CLEARED or HOLD.

pub mod baseline;
pub mod fingerprint;
pub mod gates;
mod own;
mod pipeline;
mod release;
mod staged;
mod suppress;
mod vouch;

use serde::Serialize;

use crate::detect::Inspection;
use crate::finding::{Finding, Gate};
use crate::rule::Rule;
use crate::settings::Requirement;

/// All a report needs.
#[derive(Debug)]
pub struct Outcome {
    pub inspection: Inspection,
    /// Sorted by path, offset, rule.
    pub findings: Vec<Finding>,
    pub gates: Vec<GateResult>,
    pub coverage: Coverage,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Cleared,
    Hold,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateResult {
    pub id: Gate,
    pub status: GateStatus,
    pub requirement: Requirement,
    /// Active findings of the gate, notes left out.
    pub findings: usize,
    /// Why the status is what it is, as a clause.
    pub reason: String,
    /// Whether this gate alone makes the verdict HOLD.
    pub holds: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateStatus {
    Pass,
    Fail,
    /// Nothing to decide from, or something could not be read.
    Unknown,
    /// The change touches nothing the gate guards.
    NotApplicable,
}

/// What was looked at, so that a quiet report can be told from a blind one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coverage {
    /// Files of the change.
    pub files: usize,
    /// SQL statements of the new migrations.
    pub statements: usize,
    /// Of those, how many could not be read.
    pub opaque: usize,
    pub skipped: Vec<Skipped>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Skipped {
    pub path: String,
    pub reason: String,
}

pub fn judge(mut inspection: Inspection, mut findings: Vec<Finding>, rules: &[Rule]) -> Outcome {
    let texts = own::show_policy(&mut inspection);
    let mut own = own::Own::new(&inspection, rules, texts);
    suppress::apply(&mut own, &mut findings);
    own.policy_changes();
    if !inspection.settings.trusts_head() {
        own.team_rule_changes();
    }
    sort(&mut findings);
    fingerprint::assign(&mut findings, &inspection.sources);
    baseline::apply(&mut own, &mut findings);
    findings.append(&mut own.findings);
    sort(&mut findings);
    fingerprint::assign(&mut findings, &inspection.sources);
    let coverage = gates::coverage(&inspection);
    let gates: Vec<GateResult> = Gate::ALL.iter().map(|gate| gates::decide(*gate, &inspection, &findings, rules)).collect();
    let verdict = if gates.iter().any(|gate| gate.holds) { Verdict::Hold } else { Verdict::Cleared };
    Outcome { inspection, findings, gates, coverage, verdict }
}

fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| (&a.path, a.span().start, &a.rule, &a.message).cmp(&(&b.path, b.span().start, &b.rule, &b.message)));
}
