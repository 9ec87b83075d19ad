//! GitLab Code Quality: an outcome in, one JSON array out. Source: GitLab documentation, "Code Quality report format".

use std::io::{self, Write};

use serde_json::{Value, json};

use super::json_text;
use super::row::rows;
use super::words::silent_holds;
use crate::finding::Severity;
use crate::settings::POLICY_FILE;
use crate::verdict::Outcome;

pub fn write(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let findings = rows(outcome).into_iter().map(|row| {
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
    });
    // A gate that holds without a finding belongs to no file; the policy file is where gates are set.
    let gates = silent_holds(outcome).map(|gate| {
        json!({
            "description": format!("{} holds: {}", gate.id.id(), gate.reason),
            "check_name": format!("gate/{}", gate.id.id()),
            "fingerprint": format!("gate/{}", gate.id.id()),
            "severity": "blocker",
            "location": {"path": POLICY_FILE, "lines": {"begin": 1}},
        })
    });
    let issues: Vec<Value> = findings.chain(gates).collect();
    json_text::write(&issues, out)
}
