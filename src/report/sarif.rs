//! SARIF 2.1.0 as code scanning takes it: an outcome and the rules in, one JSON document out.
//! Limits: 25,000 results and rules a run, 1,024 characters a description. Source: GitHub documentation, "SARIF support for
//! code scanning".

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::json_text;
use super::row::{Row, worst_first};
use super::words::{phase, silent_holds, verdict};
use crate::finding::{Confidence, Finding, Severity, Status};
use crate::rule::Rule;
use crate::source::{Place, SourceMap};
use crate::verdict::Outcome;

const MAX_RESULTS: usize = 25_000;
const MAX_DESCRIPTION: usize = 1_024;
const MAX_MESSAGE: usize = 4_000;
const MAX_RELATED: usize = 50;
const MAX_NOTIFICATIONS: usize = 1_000;
/// The name code scanning knows the repository's root by.
const ROOT: &str = "%SRCROOT%";

pub fn write(outcome: &Outcome, rules: &[Rule], out: &mut dyn Write) -> io::Result<()> {
    let sources = &outcome.inspection.sources;
    let rows = worst_first(outcome);
    let suppressed = outcome.findings.iter().filter(|finding| !finding.is_active());
    let findings: Vec<&Finding> = rows.iter().map(|row: &Row| row.finding).chain(suppressed).take(MAX_RESULTS).collect();
    let mut used: BTreeMap<&str, usize> = BTreeMap::new();
    let mut descriptors = Vec::new();
    let mut results = Vec::new();
    for finding in findings {
        let index = *used.entry(&finding.rule).or_insert_with(|| {
            descriptors.push(descriptor(finding, rules));
            descriptors.len() - 1
        });
        results.push(result(finding, index, sources));
    }
    let report = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "holdshort",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": descriptors,
            }},
            "automationDetails": {"id": format!("holdshort/{}/", phase(outcome.inspection.settings.phase))},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the repository."}}},
            "invocations": [{"executionSuccessful": true, "toolExecutionNotifications": notifications(outcome)}],
            "results": results,
            "properties": {"verdict": verdict(outcome.verdict).to_lowercase(), "gates": outcome.gates},
        }],
    });
    json_text::write(&report, out)
}

/// What no result can say: gates that hold without a finding, and what was not read.
fn notifications(outcome: &Outcome) -> Vec<Value> {
    let gates = silent_holds(outcome)
        .map(|gate| json!({"level": "error", "message": {"text": clip(&format!("{} holds: {}", gate.id.id(), gate.reason), MAX_MESSAGE)}}));
    let skipped = outcome.coverage.skipped.iter().map(|skipped| {
        let mut at = physical(&skipped.path, None, &outcome.inspection.sources);
        if let Some(place) = at["physicalLocation"].as_object_mut() {
            place.remove("region");
        }
        json!({"level": "warning", "message": {"text": clip(&format!("not read: {}", skipped.reason), MAX_MESSAGE)}, "locations": [at]})
    });
    gates.chain(skipped).take(MAX_NOTIFICATIONS).collect()
}

/// The rule of a finding; one that is no longer known is described by the finding itself.
fn descriptor(finding: &Finding, rules: &[Rule]) -> Value {
    let Some(rule) = rules.iter().find(|rule| rule.id == finding.rule) else {
        return json!({
            "id": finding.rule,
            "shortDescription": {"text": clip(&finding.rule, MAX_DESCRIPTION)},
            "fullDescription": {"text": clip(&finding.why, MAX_DESCRIPTION)},
            "help": {"text": clip(&finding.remedy, MAX_MESSAGE)},
        });
    };
    let level = level(rule.severity);
    json!({
        "id": rule.id,
        "name": rule.id,
        "shortDescription": {"text": clip(&rule.title, MAX_DESCRIPTION)},
        "fullDescription": {"text": clip(&rule.why, MAX_DESCRIPTION)},
        "help": {
            "text": clip(&format!("{}\n\n{}", rule.why.trim(), rule.remedy.trim()), MAX_MESSAGE),
            "markdown": clip(&crate::rule::docs::advice(rule), MAX_MESSAGE),
        },
        "defaultConfiguration": {"level": level},
        "properties": {
            "tags": ["rollout", rule.gate.id()],
            "precision": "high",
            "problem.severity": if level == "note" { "recommendation" } else { level },
        },
    })
}

fn result(finding: &Finding, index: usize, sources: &SourceMap) -> Value {
    let mut result = json!({
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": level(finding.severity),
        "message": {"text": plain(&clip(&format!("{}\n\n{}", finding.message, finding.remedy.trim()), MAX_MESSAGE))},
        "locations": [physical(&finding.path, finding.place, sources)],
        "partialFingerprints": {"primaryLocationLineHash": finding.fingerprint, "holdshort/v1": finding.fingerprint},
        "properties": {
            "gate": finding.gate,
            "effects": finding.effects,
            "precision": if finding.confidence == Confidence::Proved { "very-high" } else { "medium" },
        },
    });
    let related: Vec<Value> = finding
        .labels
        .iter()
        .take(MAX_RELATED)
        .enumerate()
        .map(|(id, label)| {
            let mut at = physical(sources.path(label.place.file), Some(label.place), sources);
            at["id"] = json!(id);
            at["message"] = json!({"text": plain(&clip(&label.text, MAX_MESSAGE))});
            at
        })
        .collect();
    if !related.is_empty() {
        result["relatedLocations"] = json!(related);
    }
    match &finding.status {
        Status::Active => {}
        Status::Suppressed { reason, .. } => {
            result["suppressions"] = json!([{"kind": "inSource", "status": "accepted", "justification": clip(reason, MAX_MESSAGE)}]);
        }
        Status::Baselined => {
            result["suppressions"] = json!([{"kind": "external", "status": "accepted", "justification": "in the baseline"}]);
        }
    }
    result
}

fn physical(path: &str, place: Option<Place>, sources: &SourceMap) -> Value {
    let region = match place {
        Some(place) => {
            let (start, end) = (sources.start(place), sources.end(place));
            json!({"startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column})
        }
        None => json!({"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1}),
    };
    json!({"physicalLocation": {"artifactLocation": {"uri": uri(path), "uriBaseId": ROOT}, "region": region}})
}

/// A relative URI: everything outside RFC 3986's unreserved characters and `/` is percent-encoded.
pub fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Block => "error",
        Severity::Warn => "warning",
        Severity::Note => "note",
    }
}

fn clip(text: &str, limit: usize) -> String {
    let text = text.trim();
    match text.char_indices().nth(limit) {
        Some(_) => text.chars().take(limit - 1).chain("…".chars()).collect(),
        None => text.to_owned(),
    }
}

/// Message text in which nothing is an embedded link (`[text](target)`, SARIF 3.11.6).
fn plain(text: &str) -> String {
    text.replace("](", "]\u{2009}(")
}
