//! A pull request comment: an outcome in, Markdown out: verdict, gates, findings folded, links to lines where a host is known.

use std::io::{self, Write};

use super::Context;
use super::escape::{html, one_line};
use super::markdown_text::{block, code, words};
use super::row::{Row, worst_first};
use super::words::{count, lead, phase, range, severity, tally, verdict};
use crate::finding::{Severity, Status};
use crate::settings::Requirement;
use crate::verdict::{GateResult, GateStatus, Outcome, Verdict};

/// GitHub refuses comments past 65,536 characters; what does not fit is counted. In bytes, with room for the last lines.
const BUDGET: usize = 60_000;
/// Blocking findings that are shown unfolded.
const MAX_OPEN: usize = 3;
const MAX_EVIDENCE: usize = 5;
const MAX_LISTED: usize = 20;
/// Characters of one text from the repository.
const MAX_TEXT: usize = 600;

pub fn write(outcome: &Outcome, context: &Context, out: &mut dyn Write) -> io::Result<()> {
    let mut text = heading(outcome);
    text.push_str(&gates(outcome));
    text.push_str(&aside(outcome));
    let rows = worst_first(outcome);
    for (number, row) in rows.iter().enumerate() {
        let finding = finding(row, number < MAX_OPEN, outcome, context);
        if text.len() + finding.len() > BUDGET {
            text.push_str(&format!(
                "\n{} left out for length; the other reports of this run have them.\n",
                count(rows.len() - number, "finding")
            ));
            break;
        }
        text.push_str(&finding);
    }
    out.write_all(text.as_bytes())
}

/// The first line lets a bot find its own comment again.
fn heading(outcome: &Outcome) -> String {
    let change = &outcome.inspection.change;
    let sign = if outcome.verdict == Verdict::Hold { "🛑" } else { "✅" };
    let coverage = &outcome.coverage;
    format!(
        "<!-- holdshort -->\n## {sign} {}: {}\n\n{} ({}), {} phase: {}, {}. {}.\n",
        verdict(outcome.verdict),
        lead(outcome),
        code(&range(change)),
        words(&clip(&change.origin)),
        phase(outcome.inspection.settings.phase),
        count(coverage.files, "file"),
        count(coverage.statements, "migration statement"),
        tally(&outcome.findings),
    )
}

fn gates(outcome: &Outcome) -> String {
    let mut text = String::from("\n| | gate | |\n| --- | --- | --- |\n");
    for gate in outcome.gates.iter().filter(|gate| gate.requirement != Requirement::Off) {
        let advisory = if gate.requirement == Requirement::Advisory { " (advisory)" } else { "" };
        text.push_str(&format!("| {} | {} | {}{advisory} |\n", status(gate), gate.id.id(), words(&clip(&gate.reason))));
    }
    text
}

fn status(gate: &GateResult) -> &'static str {
    match gate.status {
        GateStatus::Pass => "✅ pass",
        GateStatus::Fail if gate.holds => "🛑 **fail**",
        GateStatus::Unknown if gate.holds => "🛑 **holds**",
        GateStatus::Fail => "⚠️ fail",
        GateStatus::Unknown => "◽ open",
        GateStatus::NotApplicable => "➖ n/a",
    }
}

/// What was not read and what was accepted, folded.
fn aside(outcome: &Outcome) -> String {
    let skipped: Vec<String> = outcome
        .coverage
        .skipped
        .iter()
        .map(|skipped| format!("{}: {}", code(&clip(&skipped.path)), words(&clip(&skipped.reason))))
        .collect();
    let accepted: Vec<String> = outcome
        .findings
        .iter()
        .filter_map(|found| {
            let why = match &found.status {
                Status::Active => return None,
                Status::Baselined => "in the baseline".to_owned(),
                Status::Suppressed { reason, until: None, .. } => format!("because {reason}"),
                Status::Suppressed { reason, until: Some(until), .. } => format!("until {until}, because {reason}"),
            };
            Some(format!("{} in {}: {}", code(&found.rule), code(&clip(&found.path)), words(&clip(&why))))
        })
        .collect();
    folded("not read", &skipped) + &folded("accepted", &accepted)
}

fn folded(title: &str, items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let mut text = format!("\n<details><summary><b>{} {title}</b></summary>\n\n", items.len());
    for item in items.iter().take(MAX_LISTED) {
        text.push_str(&format!("- {item}\n"));
    }
    if items.len() > MAX_LISTED {
        text.push_str(&format!("- and {} more\n", items.len() - MAX_LISTED));
    }
    text + "\n</details>\n"
}

fn finding(row: &Row, open: bool, outcome: &Outcome, context: &Context) -> String {
    let found = row.finding;
    let open = if open && found.severity == Severity::Block { " open" } else { "" };
    let at = html(&format!("{}:{}", clip(&one_line(&found.path)), row.start.line)).replace('@', "&#64;");
    let place = match context.link(&outcome.inspection.change, &found.path, row.start.line) {
        Some(url) => format!("<a href=\"{}\"><code>{at}</code></a>", html(&url)),
        None => format!("<code>{at}</code>"),
    };
    let mut text = format!(
        "\n<details{open}><summary><b>{}</b> {} in {place}</summary>\n\n{}\n\n",
        severity(found.severity),
        html(&found.rule),
        words(&clip(&found.message))
    );
    for evidence in found.evidence.iter().take(MAX_EVIDENCE) {
        let line = if evidence.line > 0 { format!(":{}", evidence.line) } else { String::new() };
        text.push_str(&format!("- {} {}\n", code(&clip(&format!("{}{line}", evidence.path))), code(&clip(&evidence.text))));
    }
    if found.evidence.len() > MAX_EVIDENCE {
        text.push_str(&format!("- and {} more\n", found.evidence.len() - MAX_EVIDENCE));
    }
    if found.severity > Severity::Note {
        text.push_str(&format!("\n**Why:** {}\n", block(&found.why)));
    }
    text + &format!("\n**Do:** {}\n\n</details>\n", block(&found.remedy))
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
