//! GitLab Code Quality: an outcome in, one JSON array out. Source: GitLab documentation, "Code Quality report format".

use std::io::{self, Write};

use serde_json::{Value, json};

use super::row::rows;
use crate::finding::Severity;
use crate::verdict::Outcome;

pub fn write(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let issues: Vec<Value> = rows(outcome)
        .iter()
        .map(|row| {
            let found = row.finding;
            let severity = match found.severity {
                Severity::Block => "blocker",
                Severity::Warn => "major",
                Severity::Note => "info",
            };
            json!({
                "description": found.message,
                "check_name": found.rule,
                "fingerprint": found.fingerprint,
                "severity": severity,
                "location": {"path": found.path, "lines": {"begin": row.start.line, "end": row.end.line}},
            })
        })
        .collect();
    serde_json::to_writer_pretty(&mut *out, &issues)?;
    out.write_all(b"\n")
}
