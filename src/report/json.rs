//! The JSON report, schema version 1: an outcome in, one JSON document out. No clock and no absolute path in it.

use std::io::Write;

use serde::Serialize;
use serde_json::{Value, json};

use super::json_text;
use crate::finding::{Finding, Label, Status};
use crate::source::{Place, Position, SourceMap};
use crate::verdict::{Coverage, GateResult, Outcome, Verdict};

#[derive(Serialize)]
struct Report<'a> {
    schema_version: u32,
    tool: Value,
    base: Option<&'a str>,
    head: Option<&'a str>,
    range: &'a str,
    phase: crate::settings::Phase,
    policy: crate::settings::PolicyOrigin,
    verdict: Verdict,
    gates: &'a [GateResult],
    findings: Vec<Value>,
    coverage: &'a Coverage,
    notices: &'a [String],
}

pub fn write(outcome: &Outcome, out: &mut dyn Write) -> std::io::Result<()> {
    let inspection = &outcome.inspection;
    let report = Report {
        schema_version: 1,
        tool: json!({"name": "holdshort", "version": env!("CARGO_PKG_VERSION")}),
        base: inspection.change.base.id(),
        head: inspection.change.head.id(),
        range: &inspection.change.origin,
        phase: inspection.settings.phase,
        policy: inspection.settings.policy_origin,
        verdict: outcome.verdict,
        gates: &outcome.gates,
        findings: outcome.findings.iter().map(|finding| value(finding, &inspection.sources)).collect(),
        coverage: &outcome.coverage,
        notices: &inspection.change.notices,
    };
    json_text::write(&report, out)
}

/// One finding as the report prints it.
pub fn value(finding: &Finding, sources: &SourceMap) -> Value {
    let (start, end) = match finding.place {
        Some(place) => (json!(sources.start(place)), json!(sources.end(place))),
        None => (Value::Null, Value::Null),
    };
    let (status, suppression) = match &finding.status {
        Status::Active => ("active", Value::Null),
        Status::Suppressed { reason, until, path, line } => {
            ("suppressed", json!({"reason": reason, "until": until, "path": path, "line": line}))
        }
        Status::Baselined => ("baselined", Value::Null),
    };
    json!({
        "rule": finding.rule,
        "gate": finding.gate,
        "severity": finding.severity,
        "status": status,
        "suppression": suppression,
        "message": finding.message,
        "why": finding.why,
        "remedy": finding.remedy,
        "path": finding.path,
        "start": start,
        "end": end,
        "subject": finding.subject,
        "effects": finding.effects,
        "confidence": finding.confidence,
        "labels": finding.labels.iter().map(|label| self::label(label, sources)).collect::<Vec<_>>(),
        "evidence": finding.evidence,
        "fix": finding.fix.as_ref().map(|fix| json!({"title": fix.title, "safe": fix.safe})),
        "fingerprint": finding.fingerprint,
    })
}

fn label(label: &Label, sources: &SourceMap) -> Value {
    let Place { file, .. } = label.place;
    let positions: [Position; 2] = [sources.start(label.place), sources.end(label.place)];
    json!({"path": sources.path(file), "start": positions[0], "end": positions[1], "text": label.text})
}
