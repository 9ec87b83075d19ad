//! A pull request comment: an outcome in, Markdown out: verdict, gates, findings folded, links to lines where a host is known.

use std::io::{self, Write};

use super::Context;
use super::escape::one_line;
use super::row::{Row, worst_first};
use crate::finding::Severity;
use crate::verdict::{GateStatus, Outcome, Verdict};

/// GitHub refuses comments past 65,536 characters; what does not fit is counted.
const BUDGET: usize = 60_000;

pub fn write(outcome: &Outcome, context: &Context, out: &mut dyn Write) -> io::Result<()> {
    let rows = worst_first(outcome);
    let verdict = match outcome.verdict {
        Verdict::Cleared => "CLEARED",
        Verdict::Hold => "HOLD",
    };
    writeln!(out, "## holdshort: {verdict}\n\n{}\n", code_free(&summary(outcome)))?;
    writeln!(out, "| gate | | why |\n| --- | --- | --- |")?;
    for gate in &outcome.gates {
        let status = match gate.status {
            GateStatus::Pass => "pass",
            GateStatus::Fail => "**fail**",
            GateStatus::Unknown if gate.holds => "**holds**",
            GateStatus::Unknown => "open",
            GateStatus::NotApplicable => "n/a",
        };
        writeln!(out, "| `{}` | {status} | {} |", gate.id.id(), code_free(&gate.reason))?;
    }
    let mut spent = 0;
    for (number, row) in rows.iter().enumerate() {
        let text = finding(row, outcome, context);
        spent += text.chars().count();
        if spent > BUDGET {
            return writeln!(out, "\n…and {} more findings, left out for length; the full report is in the log.", rows.len() - number);
        }
        out.write_all(text.as_bytes())?;
    }
    Ok(())
}

fn summary(outcome: &Outcome) -> String {
    let coverage = &outcome.coverage;
    let skipped = match coverage.skipped.len() {
        0 => String::new(),
        skipped => format!(", {skipped} not read"),
    };
    format!("{} ({} files, {} migration statements{skipped})", outcome.inspection.change.origin, coverage.files, coverage.statements)
}

fn finding(row: &Row, outcome: &Outcome, context: &Context) -> String {
    let found = row.finding;
    let word = match found.severity {
        Severity::Block => "BLOCK",
        Severity::Warn => "warn",
        Severity::Note => "note",
    };
    let open = if found.severity == Severity::Block { " open" } else { "" };
    let at = format!("{}:{}", one_line(&found.path), row.start.line);
    let place = match context.link(&outcome.inspection.change, &found.path, row.start.line) {
        Some(url) => format!("<a href=\"{}\"><code>{}</code></a>", html(&url), html(&at)),
        None => format!("<code>{}</code>", html(&at)),
    };
    let mut text = format!("\n<details{open}><summary><b>{word}</b> {} — {place}</summary>\n\n", html(&found.rule));
    text.push_str(&code_free(&found.message));
    text.push_str("\n\n");
    for evidence in found.evidence.iter().take(5) {
        let line = if evidence.line > 0 { format!(":{}", evidence.line) } else { String::new() };
        text.push_str(&format!("- {}{line}: {}\n", inline_code(&evidence.path), inline_code(&evidence.text)));
    }
    if found.severity > Severity::Note {
        text.push_str(&format!("\n**Why** {}\n", code_free(&found.why)));
    }
    text.push_str(&format!("\n**Do**\n\n{}\n\n</details>\n", fenced(&found.remedy)));
    text
}

/// A block nothing can break out of: the fence is longer than any run of backticks inside.
fn fenced(text: &str) -> String {
    let text = super::escape::neutralise(text.trim());
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}text\n{text}\n{fence}")
}

fn inline_code(text: &str) -> String {
    format!("<code>{}</code>", html(&one_line(text)))
}

/// Text as text: nothing in it is markup, a mention or an issue link.
fn code_free(text: &str) -> String {
    let mut out = String::new();
    for c in one_line(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' => out.push_str("@\u{2060}"),
            '#' => out.push_str("#\u{2060}"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            other => out.push(other),
        }
    }
    out
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('|', "&#124;").replace('@', "&#64;")
}
