//! SARIF 2.1.0 as code scanning takes it: an outcome and the rules in, one JSON document out.
//! Limits: 25,000 results, 1,024 characters a full description. Source: GitHub documentation, "SARIF support for code scanning".

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::row::{Row, worst_first};
use crate::finding::{Finding, Severity, Status};
use crate::rule::Rule;
use crate::source::{Place, SourceMap};
use crate::verdict::{Outcome, Verdict};

const MAX_RESULTS: usize = 25_000;
const MAX_DESCRIPTION: usize = 1_024;
const MAX_RELATED: usize = 50;

pub fn write(outcome: &Outcome, rules: &[Rule], out: &mut dyn Write) -> io::Result<()> {
    let sources = &outcome.inspection.sources;
    let mut used: BTreeMap<&str, usize> = BTreeMap::new();
    let mut results: Vec<Value> = Vec::new();
    let suppressed = outcome.findings.iter().filter(|finding| !finding.is_active());
    let rows = worst_first(outcome);
    let findings = rows.iter().map(|row: &Row| row.finding).chain(suppressed).take(MAX_RESULTS);
    for finding in findings {
        let next = used.len();
        let index = *used.entry(&finding.rule).or_insert(next);
        results.push(result(finding, index, sources));
    }
    let mut ordered: Vec<(&str, usize)> = used.into_iter().collect();
    ordered.sort_by_key(|(_, index)| *index);
    let descriptors: Vec<Value> = ordered.iter().filter_map(|(id, _)| rules.iter().find(|rule| rule.id == *id)).map(descriptor).collect();
    let report = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "holdshort",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": descriptors,
            }},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {"ROOT": {"description": {"text": "The root of the repository."}}},
            "results": results,
            "properties": {
                "verdict": if outcome.verdict == Verdict::Hold { "hold" } else { "cleared" },
                "gates": outcome.gates,
            },
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &report)?;
    out.write_all(b"\n")
}

fn descriptor(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": clip(&rule.why)},
        "help": {"text": format!("{}\n\n{}", rule.why.trim(), rule.remedy.trim())},
        "defaultConfiguration": {"level": level(rule.severity)},
        "properties": {"tags": [rule.gate.id()], "precision": "high"},
    })
}

fn result(finding: &Finding, index: usize, sources: &SourceMap) -> Value {
    let mut result = json!({
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": level(finding.severity),
        "message": {"text": format!("{}\n\n{}", finding.message, finding.remedy)},
        "locations": [location(finding, sources)],
        "partialFingerprints": {"primaryLocationLineHash": finding.fingerprint, "holdshort/v1": finding.fingerprint},
    });
    let related: Vec<Value> = finding
        .labels
        .iter()
        .take(MAX_RELATED)
        .map(|label| {
            let mut at = physical(sources.path(label.place.file), Some(label.place), sources);
            at["message"] = json!({"text": label.text});
            at
        })
        .collect();
    if !related.is_empty() {
        result["relatedLocations"] = json!(related);
    }
    match &finding.status {
        Status::Active => {}
        Status::Suppressed { reason, .. } => result["suppressions"] = json!([{"kind": "inSource", "justification": reason}]),
        Status::Baselined => result["suppressions"] = json!([{"kind": "external", "justification": "in the baseline"}]),
    }
    result
}

fn location(finding: &Finding, sources: &SourceMap) -> Value {
    physical(&finding.path, finding.place, sources)
}

fn physical(path: &str, place: Option<Place>, sources: &SourceMap) -> Value {
    let region = match place {
        Some(place) => {
            let (start, end) = (sources.start(place), sources.end(place));
            json!({"startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column})
        }
        None => json!({"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1}),
    };
    json!({"physicalLocation": {"artifactLocation": {"uri": uri(path), "uriBaseId": "ROOT"}, "region": region}})
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

fn clip(text: &str) -> String {
    text.trim().chars().take(MAX_DESCRIPTION).collect()
}
