//! One line a finding, `path:line:column: severity rule message`, then the verdict: an outcome in, lines out.

use std::io::{self, Write};

use super::escape::one_line;
use super::row::rows;
use super::words::{severity, tally, verdict};
use crate::verdict::Outcome;

pub fn write(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    for row in rows(outcome) {
        let found = row.finding;
        writeln!(
            out,
            "{}:{}:{}: {} {} {}",
            one_line(&found.path),
            row.start.line,
            row.start.column,
            severity(found.severity),
            one_line(&found.rule),
            one_line(&found.message)
        )?;
    }
    for skipped in &outcome.coverage.skipped {
        writeln!(out, "{}: not read: {}", one_line(&skipped.path), one_line(&skipped.reason))?;
    }
    for gate in outcome.gates.iter().filter(|gate| gate.holds) {
        writeln!(out, "gate {}: {}", gate.id.id(), one_line(&gate.reason))?;
    }
    writeln!(out, "{}: {}", tally(&outcome.findings), verdict(outcome.verdict))
}
