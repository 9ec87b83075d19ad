//! JUnit XML: an outcome in, one test case a gate out; a gate that holds is a failure with its findings in the text.

use std::io::{self, Write};

use super::escape::visible;
use super::row::{Row, rows};
use super::words::severity;
use crate::verdict::{GateResult, GateStatus, Outcome};

/// Findings that are listed under one gate.
const MAX_LISTED: usize = 1_000;

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
    let mut details: String = rows
        .iter()
        .take(MAX_LISTED)
        .map(|row| {
            let found = row.finding;
            format!("{}:{}: {} {}: {}\n", found.path, row.start.line, severity(found.severity), found.rule, found.message)
        })
        .collect();
    if rows.len() > MAX_LISTED {
        details.push_str(&format!("and {} more\n", rows.len() - MAX_LISTED));
    }
    if gate.holds {
        writeln!(out, r#"      <failure message="{}" type="hold">{}</failure>"#, xml(&gate.reason), xml(&details))?;
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

/// Escapes for text and attributes. What XML 1.0 forbids and what a terminal or a CI log would act on is replaced.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().map(|c| if matches!(c, '\n' | '\t') { c } else { visible(c) }) {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '[' if out.ends_with("##") => out.push_str("&#91;"),
            ':' if out.ends_with(':') => out.push_str("&#58;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}
