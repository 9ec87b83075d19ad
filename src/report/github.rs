//! GitHub workflow commands that become annotations: an outcome in, `::error file=…::…` lines out.
//! The runner keeps ten of a level a step, so the worst come first and the rest is counted.
//! Source: GitHub documentation, "Workflow commands"; limits in actions/toolkit#734.

use std::io::{self, Write};

use super::escape::{neutralise, one_line};
use super::row::{Row, worst_first};
use super::words::{silent_holds, tally, verdict};
use crate::finding::Severity;
use crate::verdict::Outcome;

/// Annotations of one level that the runner keeps of a step.
const LIMIT: usize = 10;
/// Characters of one message.
const MAX_MESSAGE: usize = 4_000;

pub fn write(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let rows = worst_first(outcome);
    for (severity, command) in [(Severity::Block, "error"), (Severity::Warn, "warning"), (Severity::Note, "notice")] {
        let mut lines: Vec<String> = Vec::new();
        if severity == Severity::Block {
            lines.extend(
                silent_holds(outcome)
                    .map(|gate| format!("::error title={}::{}", property(&format!("holdshort {}", gate.id.id())), data(&gate.reason))),
            );
        }
        lines.extend(rows.iter().filter(|row| row.finding.severity == severity).map(|row| annotation(command, row)));
        // One place is kept for the line that says how many more there are.
        let shown = if lines.len() > LIMIT { LIMIT - 1 } else { lines.len() };
        for line in &lines[..shown] {
            writeln!(out, "{line}")?;
        }
        if lines.len() > shown {
            writeln!(out, "::{command} title=holdshort::and {} more; the full report is in the log", lines.len() - shown)?;
        }
    }
    writeln!(out, "{}: {}", tally(&outcome.findings), verdict(outcome.verdict))
}

fn annotation(command: &str, row: &Row) -> String {
    let found = row.finding;
    format!(
        "::{command} file={},line={},col={},endLine={},title={}::{}",
        property(&found.path),
        row.start.line,
        row.start.column,
        row.end.line,
        property(&found.rule),
        data(&format!("{} {}", found.message, found.remedy)),
    )
}

/// Escapes a command's message: `%`, CR and LF.
fn data(text: &str) -> String {
    let text = one_line(text);
    let clipped: String = text.chars().take(MAX_MESSAGE).collect();
    escaped(&clipped)
}

/// Escapes a command's property: also `:` and `,`. Blanks count in a path and are kept.
fn property(text: &str) -> String {
    escaped(&neutralise(text)).replace(':', "%3A").replace(',', "%2C")
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}
