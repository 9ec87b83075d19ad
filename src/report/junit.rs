//! JUnit XML: an outcome in, one test case a gate out; a gate that holds is a failure with its findings in the text.

use std::io::{self, Write};

use super::row::{Row, rows, word};
use crate::verdict::{GateResult, GateStatus, Outcome};

pub fn write(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let rows = rows(outcome);
    let failures = outcome.gates.iter().filter(|gate| gate.holds).count();
    let skipped = outcome.gates.iter().filter(|gate| is_skipped(gate)).count();
    let total = outcome.gates.len();
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(out, r#"<testsuites name="holdshort" tests="{total}" failures="{failures}" errors="0">"#)?;
    writeln!(out, r#"  <testsuite name="holdshort" tests="{total}" failures="{failures}" errors="0" skipped="{skipped}">"#)?;
    for gate in &outcome.gates {
        let own: Vec<&Row> = rows.iter().filter(|row| row.finding.gate == gate.id).collect();
        case(gate, &own, out)?;
    }
    writeln!(out, "  </testsuite>\n</testsuites>")
}

fn is_skipped(gate: &GateResult) -> bool {
    !gate.holds && matches!(gate.status, GateStatus::Unknown | GateStatus::NotApplicable)
}

fn case(gate: &GateResult, rows: &[&Row], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, r#"    <testcase classname="holdshort" name="{}">"#, gate.id.id())?;
    let details: String = rows
        .iter()
        .map(|row| {
            let found = row.finding;
            format!("{}:{}: {} {}: {}\n", found.path, row.start.line, word(found.severity), found.rule, found.message)
        })
        .collect();
    if gate.holds {
        writeln!(out, r#"      <failure message="{}">{}</failure>"#, xml(&gate.reason), xml(&details))?;
    } else {
        if is_skipped(gate) {
            writeln!(out, r#"      <skipped message="{}"/>"#, xml(&gate.reason))?;
        }
        if !details.is_empty() {
            writeln!(out, "      <system-out>{}</system-out>", xml(&details))?;
        }
    }
    writeln!(out, "    </testcase>")
}

/// Escapes for text and attributes; characters XML 1.0 forbids become U+FFFD.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}
