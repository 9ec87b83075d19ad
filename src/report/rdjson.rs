//! Reviewdog Diagnostic Format, so that Bitbucket, Gitea and Azure show findings too: an outcome in, one JSON document out.
//! Columns count bytes of UTF-8. Source: reviewdog, `proto/rdf/reviewdog.proto`.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::json_text;
use super::row::{Row, rows};
use super::words::silent_holds;
use crate::finding::Severity;
use crate::settings::POLICY_FILE;
use crate::source::{FileId, SourceMap};
use crate::verdict::Outcome;

pub fn write(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let sources = &outcome.inspection.sources;
    let findings = rows(outcome).into_iter().map(|row| {
        let found = row.finding;
        let severity = match found.severity {
            Severity::Block => "ERROR",
            Severity::Warn => "WARNING",
            Severity::Note => "INFO",
        };
        json!({
            "message": format!("{}\n\n{}", found.message, found.remedy.trim()),
            "location": {"path": found.path, "range": range(&row, sources)},
            "severity": severity,
            "code": {"value": found.rule},
        })
    });
    let gates = silent_holds(outcome).map(|gate| {
        json!({
            "message": format!("{} holds: {}", gate.id.id(), gate.reason),
            "location": {"path": POLICY_FILE},
            "severity": "ERROR",
            "code": {"value": format!("gate/{}", gate.id.id())},
        })
    });
    let diagnostics: Vec<Value> = findings.chain(gates).collect();
    json_text::write(&json!({"source": {"name": "holdshort"}, "severity": "INFO", "diagnostics": diagnostics}), out)
}

fn range(row: &Row, sources: &SourceMap) -> Value {
    let Some(place) = row.finding.place else { return json!({"start": {"line": 1, "column": 1}}) };
    json!({"start": position(place.file, place.span.start, sources), "end": position(place.file, place.span.end, sources)})
}

fn position(file: FileId, offset: usize, sources: &SourceMap) -> Value {
    let file = sources.get(file);
    let line = file.lines().line_of(offset.min(file.text.len()));
    let start = file.lines().line_span(&file.text, line).start;
    json!({"line": line + 1, "column": offset.saturating_sub(start) + 1})
}
