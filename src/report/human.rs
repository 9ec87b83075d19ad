//! The report for people: the verdict first, the checklist, then each finding with its line, why it matters and what to do.

use std::io::{self, Write};

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, Report, ThemeCharacters, ThemeStyles};

use super::Style;
use super::escape::{neutralise, one_line};
use super::snippet::Snippet;
use crate::finding::{Evidence, Finding, Severity, Status};
use crate::settings::{Phase, Requirement};
use crate::source::{Place, SourceMap};
use crate::verdict::{GateResult, GateStatus, Outcome, Verdict};

/// At most so many places of old code are listed under one finding.
const MAX_EVIDENCE: usize = 5;

pub fn write(outcome: &Outcome, style: Style, out: &mut dyn Write) -> io::Result<()> {
    headline(outcome, style, out)?;
    let quiet = outcome.verdict == Verdict::Cleared && outcome.findings.is_empty();
    if !quiet {
        writeln!(out)?;
        for gate in &outcome.gates {
            checklist_line(gate, style, out)?;
        }
    }
    for severity in [Severity::Block, Severity::Warn, Severity::Note] {
        for found in outcome.findings.iter().filter(|found| found.severity == severity && found.is_active()) {
            finding(found, &outcome.inspection.sources, style, out)?;
        }
    }
    footer(outcome, style, out)
}

fn headline(outcome: &Outcome, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let (word, code) = match outcome.verdict {
        Verdict::Cleared => ("CLEARED", "1;32"),
        Verdict::Hold => ("HOLD", "1;31"),
    };
    let inspection = &outcome.inspection;
    let phase = match inspection.settings.phase {
        Phase::Push => "push",
        Phase::Merge => "merge",
        Phase::Deploy => "deploy",
    };
    let base = inspection.change.base.id().map_or("nothing", short);
    let head = inspection.change.head.id().map_or("the directory", short);
    writeln!(
        out,
        "{}  {base}..{head} ({}), {phase} phase: {}, {}",
        paint(word, code, style),
        one_line(&inspection.change.origin),
        count(outcome.coverage.files, "file"),
        count(outcome.coverage.statements, "migration statement"),
    )?;
    for notice in &inspection.change.notices {
        writeln!(out, "note: {}", one_line(notice))?;
    }
    Ok(())
}

fn short(id: &str) -> &str {
    if id.len() >= 40 { &id[..10] } else { id }
}

fn checklist_line(gate: &GateResult, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let (mark, code) = match gate.status {
        GateStatus::Pass => ("pass", "32"),
        GateStatus::Fail if gate.holds => ("FAIL", "1;31"),
        GateStatus::Fail => ("fail", "33"),
        GateStatus::Unknown if gate.holds => ("HOLD", "1;31"),
        GateStatus::Unknown => ("open", "33"),
        GateStatus::NotApplicable => ("-", "2"),
    };
    if gate.requirement == Requirement::Off {
        return Ok(());
    }
    let advisory = if gate.requirement == Requirement::Advisory && gate.status != GateStatus::NotApplicable { " (advisory)" } else { "" };
    let pad = " ".repeat(4usize.saturating_sub(mark.len()));
    writeln!(out, "  {}{pad}  {:<22} {}{advisory}", paint(mark, code, style), gate.id.id(), one_line(&gate.reason))
}

fn finding(found: &Finding, sources: &SourceMap, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let (word, code) = match found.severity {
        Severity::Block => ("block", "1;31"),
        Severity::Warn => ("warn", "1;33"),
        Severity::Note => ("note", "1;36"),
    };
    writeln!(out, "\n{} {}", paint(word, code, style), paint(&found.rule, "1", style))?;
    paragraph("  ", &found.message, style, out)?;
    match found.place {
        Some(place) => snippet(place, found, sources, style, out)?,
        None => writeln!(out, "  --> {}", one_line(&found.path))?,
    }
    evidence(&found.evidence, out)?;
    if found.severity > Severity::Note {
        paragraph("  why  ", &found.why, style, out)?;
    }
    paragraph("  do   ", &found.remedy, style, out)?;
    match found.fix.as_ref().filter(|_| found.is_active()) {
        Some(fix) => {
            paragraph("  fix  ", &format!("{} (`check --fix{}`)", fix.title, if fix.safe { "" } else { " --unsafe-fixes" }), style, out)
        }
        None => Ok(()),
    }
}

/// Draws the line of the finding and those of its labels in the same file; labels elsewhere are listed.
fn snippet(place: Place, found: &Finding, sources: &SourceMap, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let at = sources.start(place);
    writeln!(out, "  --> {}:{}:{}", one_line(sources.path(place.file)), at.line, at.column)?;
    let source = Snippet::new(sources.get(place.file));
    let mut labels = vec![LabeledSpan::new_primary_with_span(None, source.first_line(place.span))];
    for label in found.labels.iter().filter(|label| label.place.file == place.file) {
        labels.push(LabeledSpan::new_with_span(Some(one_line(&label.text)), source.first_line(label.place.span)));
    }
    let diagnostic = MietteDiagnostic { labels: Some(labels), ..MietteDiagnostic::new(String::new()) };
    let report = Report::new(diagnostic).with_source_code(source);
    let mut drawn = String::new();
    handler(style).render_report(&mut drawn, report.as_ref()).map_err(io::Error::other)?;
    for line in drawn.lines().filter(|line| !line.trim().is_empty() && line.trim() != "\u{d7}" && line.trim() != "x") {
        writeln!(out, "  {}", line.trim_end())?;
    }
    for label in found.labels.iter().filter(|label| label.place.file != place.file) {
        let at = sources.start(label.place);
        writeln!(out, "    {}:{}: {}", one_line(sources.path(label.place.file)), at.line, one_line(&label.text))?;
    }
    Ok(())
}

fn handler(style: Style) -> GraphicalReportHandler {
    let styles = if style.color { ThemeStyles::ansi() } else { ThemeStyles::none() };
    GraphicalReportHandler::new_themed(GraphicalTheme { characters: ThemeCharacters::unicode(), styles })
        .with_width(style.width)
        .with_links(false)
        .with_context_lines(0)
}

fn evidence(evidence: &[Evidence], out: &mut dyn Write) -> io::Result<()> {
    for item in evidence.iter().take(MAX_EVIDENCE) {
        let place = if item.line > 0 { format!("{}:{}", item.path, item.line) } else { item.path.clone() };
        writeln!(out, "    {}  {}", one_line(&place), one_line(&item.text))?;
    }
    if evidence.len() > MAX_EVIDENCE {
        writeln!(out, "    and {} more", evidence.len() - MAX_EVIDENCE)?;
    }
    Ok(())
}

/// Wraps a text behind a lead-in; its own line breaks are kept, and lines that are code are not wrapped.
fn paragraph(lead: &str, text: &str, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let indent = " ".repeat(lead.chars().count());
    let mut lead = lead;
    for line in neutralise(text.trim()).lines() {
        let room = style.width.saturating_sub(indent.len()).max(40);
        for piece in wrap(line, room) {
            writeln!(out, "{lead}{piece}")?;
            lead = &indent;
        }
    }
    Ok(())
}

fn wrap(line: &str, room: usize) -> Vec<String> {
    if line.starts_with("  ") || line.chars().count() <= room {
        return vec![line.to_owned()];
    }
    let mut pieces = vec![String::new()];
    for word in line.split_whitespace() {
        let last = pieces.last_mut().expect("pieces starts with one element");
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > room {
            pieces.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    pieces
}

fn footer(outcome: &Outcome, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let of = |severity| outcome.findings.iter().filter(|found| found.severity == severity && found.is_active()).count();
    let suppressed = outcome.findings.iter().filter(|found| matches!(found.status, Status::Suppressed { .. })).count();
    let baselined = outcome.findings.iter().filter(|found| matches!(found.status, Status::Baselined)).count();
    for skipped in &outcome.coverage.skipped {
        writeln!(out, "\n{} {}: {}", paint("not read", "1;33", style), one_line(&skipped.path), one_line(&skipped.reason))?;
    }
    if outcome.findings.is_empty() {
        return Ok(());
    }
    let mut parts = vec![format!("{} block, {} warn, {} note", of(Severity::Block), of(Severity::Warn), of(Severity::Note))];
    if suppressed > 0 {
        parts.push(format!("{suppressed} suppressed"));
    }
    if baselined > 0 {
        parts.push(format!("{baselined} in the baseline"));
    }
    writeln!(out, "\n{}; `holdshort explain RULE` tells more", parts.join(", "))
}

fn count(number: usize, word: &str) -> String {
    format!("{number} {}", crate::verdict::gates::plural(number, word))
}

fn paint(text: &str, code: &str, style: Style) -> String {
    if style.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}
