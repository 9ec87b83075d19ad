//! GitHub workflow commands that become annotations: an outcome in, `::error file=…::…` lines out.
//! The runner shows ten errors and ten warnings a step, so the worst come first and the rest is counted.
//! Source: GitHub documentation, "Workflow commands"; limits in actions/toolkit#734.

use std::io::{self, Write};

use super::escape::one_line;
use super::row::{Row, worst_first};
use crate::finding::Severity;
use crate::verdict::{Outcome, Verdict};

/// Annotations of one level that the runner shows a step.
const LIMIT: usize = 10;

pub fn write(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    let rows = worst_first(outcome);
    for (severity, command) in [(Severity::Block, "error"), (Severity::Warn, "warning"), (Severity::Note, "notice")] {
        let level: Vec<&Row> = rows.iter().filter(|row| row.finding.severity == severity).collect();
        // One place is kept for the line that says how many more there are.
        let shown = if level.len() > LIMIT { LIMIT - 1 } else { level.len() };
        for row in &level[..shown] {
            annotation(command, row, out)?;
        }
        if level.len() > shown {
            writeln!(out, "::{command} title=holdshort::and {} more; the full report is in the log", level.len() - shown)?;
        }
    }
    for gate in outcome.gates.iter().filter(|gate| gate.holds && gate.findings == 0) {
        writeln!(out, "::error title=holdshort {}::{}", property(gate.id.id()), data(&gate.reason))?;
    }
    writeln!(out, "{}", if outcome.verdict == Verdict::Hold { "HOLD" } else { "CLEARED" })
}

fn annotation(command: &str, row: &Row, out: &mut dyn Write) -> io::Result<()> {
    let found = row.finding;
    writeln!(
        out,
        "::{command} file={},line={},col={},endLine={},title={}::{} {}",
        property(&found.path),
        row.start.line,
        row.start.column,
        row.end.line,
        property(&found.rule),
        data(&found.message),
        data(&found.remedy),
    )
}

/// Escapes a command's message: `%`, CR and LF.
fn data(text: &str) -> String {
    one_line(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a command's property: also `:` and `,`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
