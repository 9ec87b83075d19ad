//! Reviewdog Diagnostic Format, so that Bitbucket, Gitea and Azure show findings too: an outcome in, one JSON document out.
//! Source: reviewdog, `proto/rdf`.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::row::rows;
use crate::finding::Severity;
use crate::source::Position;
use crate::verdict::Outcome;

pub fn write(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let place = |position: Position| json!({"line": position.line, "column": position.column});
    let diagnostics: Vec<Value> = rows(outcome)
        .iter()
        .map(|row| {
            let found = row.finding;
            let severity = match found.severity {
                Severity::Block => "ERROR",
                Severity::Warn => "WARNING",
                Severity::Note => "INFO",
            };
            json!({
                "message": format!("{}\n{}", found.message, found.remedy),
                "location": {"path": found.path, "range": {"start": place(row.start), "end": place(row.end)}},
                "severity": severity,
                "code": {"value": found.rule},
            })
        })
        .collect();
    let report = json!({"source": {"name": "holdshort"}, "severity": "INFO", "diagnostics": diagnostics});
    serde_json::to_writer_pretty(&mut *out, &report)?;
    out.write_all(b"\n")
}
