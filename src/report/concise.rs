//! One line a finding, `path:line:column: severity rule message`, then the verdict: an outcome in, lines out.

use std::io::{self, Write};

use super::escape::one_line;
use super::row::{rows, word};
use crate::verdict::{Outcome, Verdict};

pub fn write(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    for row in rows(outcome) {
        let found = row.finding;
        writeln!(
            out,
            "{}:{}:{}: {} {} {}",
            one_line(&found.path),
            row.start.line,
            row.start.column,
            word(found.severity),
            found.rule,
            one_line(&found.message)
        )?;
    }
    for gate in outcome.gates.iter().filter(|gate| gate.holds) {
        writeln!(out, "gate {}: {}", gate.id.id(), one_line(&gate.reason))?;
    }
    writeln!(out, "{}", if outcome.verdict == Verdict::Hold { "HOLD" } else { "CLEARED" })
}
