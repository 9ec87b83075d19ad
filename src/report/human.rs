//! The report for people: the verdict first, the checklist, then the findings, worst first, with their lines and what to do.

use std::collections::BTreeSet;
use std::io::{self, Write};

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, Report, ThemeCharacters, ThemeStyles};

use super::Style;
use super::escape::{neutralise, one_line};
use super::snippet::Snippet;
use super::terminal::{paint, paragraph};
use super::words::{count, lead, phase, range, tally, verdict};
use crate::finding::{Evidence, Finding, Severity, Status};
use crate::settings::{Phase, Requirement};
use crate::source::{Place, SourceMap};
use crate::verdict::{GateResult, GateStatus, Outcome, Verdict};

/// At most so many places of old code are listed under one finding.
const MAX_EVIDENCE: usize = 5;
/// Findings of one rule that are drawn with their source; the rest get a line each.
const MAX_DRAWN: usize = 10;
/// Files listed as not read.
const MAX_SKIPPED: usize = 20;

pub fn write(outcome: &Outcome, style: Style, out: &mut dyn Write) -> io::Result<()> {
    headline(outcome, style, out)?;
    checklist(outcome, style, out)?;
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for (severity, title) in [(Severity::Block, "blocking"), (Severity::Warn, "warning"), (Severity::Note, "note")] {
        let mut group: Vec<&Finding> = outcome.findings.iter().filter(|found| found.severity == severity && found.is_active()).collect();
        group.sort_by_key(|found| (found.gate, &found.path));
        if !group.is_empty() {
            section(title, group.len(), style, out)?;
        }
        for of_rule in by_rule(&group) {
            let (drawn, rest) = of_rule.split_at(MAX_DRAWN.min(of_rule.len()));
            for found in drawn {
                let first = told.insert(&found.rule);
                match severity {
                    Severity::Note => note(found, first, &outcome.inspection.sources, style, out)?,
                    _ => finding(found, first, &outcome.inspection.sources, style, out)?,
                }
            }
            lines(rest, &outcome.inspection.sources, style, out)?;
        }
    }
    footer(outcome, style, out)
}

/// Findings of one rule stand together, in the order in which the rules first appear.
fn by_rule<'a>(group: &[&'a Finding]) -> Vec<Vec<&'a Finding>> {
    let mut rules: Vec<Vec<&Finding>> = Vec::new();
    let mut known = std::collections::BTreeMap::new();
    for found in group {
        let index = *known.entry(&found.rule).or_insert_with(|| {
            rules.push(Vec::new());
            rules.len() - 1
        });
        rules[index].push(found);
    }
    rules
}

fn headline(outcome: &Outcome, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let word = verdict(outcome.verdict);
    let inspection = &outcome.inspection;
    let read = format!(
        "{} ({}), {} phase: {}, {}",
        range(&inspection.change),
        one_line(&inspection.change.origin),
        phase(inspection.settings.phase),
        count(outcome.coverage.files, "file"),
        count(outcome.coverage.statements, "migration statement"),
    );
    match outcome.verdict {
        Verdict::Cleared => paragraph(&format!("{}  ", paint(word, "1;32", style)), word.len() + 2, &read, style, out)?,
        Verdict::Hold => {
            paragraph(&format!("{}  ", paint(word, "1;31", style)), word.len() + 2, &lead(outcome), style, out)?;
            paragraph("      ", 6, &read, style, out)?;
        }
    }
    for notice in &inspection.change.notices {
        paragraph("note: ", 6, notice, style, out)?;
    }
    Ok(())
}

/// All gates of a change that holds; of one that is cleared, only what is still owed.
fn checklist(outcome: &Outcome, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let owed = |gate: &GateResult| {
        gate.requirement == Requirement::Required && gate.status == GateStatus::Unknown && outcome.inspection.settings.phase != Phase::Push
            || gate.status == GateStatus::Fail
    };
    let shown: Vec<&GateResult> = outcome
        .gates
        .iter()
        .filter(|gate| gate.requirement != Requirement::Off && (outcome.verdict == Verdict::Hold || owed(gate)))
        .collect();
    if !shown.is_empty() {
        writeln!(out)?;
    }
    shown.iter().try_for_each(|gate| gate_line(gate, style, out))
}

fn gate_line(gate: &GateResult, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let (mark, code) = match gate.status {
        GateStatus::Pass => ("pass", "32"),
        GateStatus::Fail if gate.holds => ("FAIL", "1;31"),
        GateStatus::Fail => ("fail", "33"),
        GateStatus::Unknown if gate.holds => ("HOLD", "1;31"),
        GateStatus::Unknown => ("open", "33"),
        GateStatus::NotApplicable => ("-", "2"),
    };
    let advisory = if gate.requirement == Requirement::Advisory && gate.status != GateStatus::NotApplicable { " (advisory)" } else { "" };
    let pad = " ".repeat(4usize.saturating_sub(mark.len()));
    let lead = format!("  {}{pad}  {:<22} ", paint(mark, code, style), gate.id.id());
    paragraph(&lead, 31, &format!("{}{advisory}", one_line(&gate.reason)), style, out)
}

fn section(title: &str, number: usize, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let plural = if number == 1 || title == "blocking" { "" } else { "s" };
    let title = format!("{number} {title}{plural} ");
    let rule = "─".repeat(style.width.saturating_sub(title.chars().count()));
    writeln!(out, "\n{}{}", paint(&title, "1", style), paint(&rule, "2", style))
}

/// The rule's id with its severity, then what was found. `first` of its rule, it also says why.
fn finding(found: &Finding, first: bool, sources: &SourceMap, style: Style, out: &mut dyn Write) -> io::Result<()> {
    heading(found, style, out)?;
    writeln!(out)?;
    paragraph("  ", 2, &one_line(&found.message), style, out)?;
    match found.place {
        Some(place) => snippet(place, found, sources, style, out)?,
        None => writeln!(out, "  --> {}", one_line(&found.path))?,
    }
    evidence(&found.evidence, style, out)?;
    if first {
        paragraph(&lead_in("why", style), 7, &found.why, style, out)?;
    }
    paragraph(&lead_in("do", style), 7, &found.remedy, style, out)?;
    let Some(fix) = found.fix.as_ref().filter(|_| found.is_active()) else { return Ok(()) };
    let flag = if fix.safe { "" } else { " --unsafe-fixes" };
    paragraph(&lead_in("fix", style), 7, &format!("{} (`holdshort check --fix{flag}`)", one_line(&fix.title)), style, out)
}

/// A note needs no drawing: its place, what was found, what to do.
fn note(found: &Finding, first: bool, sources: &SourceMap, style: Style, out: &mut dyn Write) -> io::Result<()> {
    heading(found, style, out)?;
    writeln!(out, "  {}", place(found, sources))?;
    paragraph("  ", 2, &one_line(&found.message), style, out)?;
    evidence(&found.evidence, style, out)?;
    if first { paragraph(&lead_in("do", style), 7, &found.remedy, style, out) } else { Ok(()) }
}

/// `why`, `do` and `in` in front of their paragraphs.
fn lead_in(word: &str, style: Style) -> String {
    format!("  {}{}", paint(word, "36", style), " ".repeat(5 - word.len()))
}

/// The rest of many of one rule: a line each.
fn lines(rest: &[&Finding], sources: &SourceMap, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let Some(first) = rest.first() else { return Ok(()) };
    writeln!(out, "\n  and {} more of {}", rest.len(), paint(&one_line(&first.rule), "1", style))?;
    rest.iter().try_for_each(|found| writeln!(out, "  {}  {}", place(found, sources), one_line(&found.message)))
}

fn heading(found: &Finding, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let (word, code) = match found.severity {
        Severity::Block => ("block", "1;31"),
        Severity::Warn => ("warn", "1;33"),
        Severity::Note => ("note", "1;36"),
    };
    write!(out, "\n{} {}", paint(word, code, style), paint(&one_line(&found.rule), "1", style))
}

fn place(found: &Finding, sources: &SourceMap) -> String {
    match found.place {
        Some(place) => {
            let at = sources.start(place);
            format!("{}:{}:{}", one_line(sources.path(place.file)), at.line, at.column)
        }
        None => one_line(&found.path),
    }
}

/// Draws the line of the finding and those of its labels in the same file; labels elsewhere are listed.
fn snippet(place: Place, found: &Finding, sources: &SourceMap, style: Style, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "  --> {}", self::place(found, sources))?;
    let source = Snippet::new(sources.get(place.file), style.width);
    let mut labels = vec![LabeledSpan::new_primary_with_span(None, source.first_line(place.span))];
    let mut drawn = vec![place.span];
    let mut listed = Vec::new();
    for label in &found.labels {
        let text: String = one_line(&label.text).chars().take(style.width).collect();
        if label.place.file == place.file && source.fits(label.place.span, &drawn) {
            drawn.push(label.place.span);
            labels.push(LabeledSpan::new_with_span(Some(text), source.first_line(label.place.span)));
        } else {
            let at = sources.start(label.place);
            listed.push(format!("{}:{}: {text}", one_line(sources.path(label.place.file)), at.line));
        }
    }
    let diagnostic = MietteDiagnostic { labels: Some(labels), ..MietteDiagnostic::new(String::new()) };
    let report = Report::new(diagnostic).with_source_code(source);
    let mut drawn = String::new();
    handler(style).render_report(&mut drawn, report.as_ref()).map_err(io::Error::other)?;
    // What comes before the frame is miette's own headline, which is empty here.
    for line in drawn.lines().skip_while(|line| !line.contains('\u{256d}')) {
        writeln!(out, "  {}", line.trim_end())?;
    }
    listed.iter().try_for_each(|line| writeln!(out, "    {line}"))
}

fn handler(style: Style) -> GraphicalReportHandler {
    let styles = if style.color { ThemeStyles::ansi() } else { ThemeStyles::none() };
    GraphicalReportHandler::new_themed(GraphicalTheme { characters: ThemeCharacters::unicode(), styles })
        .with_width(style.width)
        .with_links(false)
        .with_context_lines(0)
}

fn evidence(evidence: &[Evidence], style: Style, out: &mut dyn Write) -> io::Result<()> {
    for item in evidence.iter().take(MAX_EVIDENCE) {
        let place = if item.line > 0 { format!("{}:{}", item.path, item.line) } else { item.path.clone() };
        let said: String = one_line(&item.text).chars().take(2 * style.width).collect();
        paragraph(&lead_in("in", style), 7, &format!("{}  {said}", one_line(&place)), style, out)?;
    }
    if evidence.len() > MAX_EVIDENCE {
        writeln!(out, "       and {} more", evidence.len() - MAX_EVIDENCE)?;
    }
    Ok(())
}

fn footer(outcome: &Outcome, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let skipped = &outcome.coverage.skipped;
    if !skipped.is_empty() {
        writeln!(out)?;
    }
    for skipped in skipped.iter().take(MAX_SKIPPED) {
        let lead = format!("{} ", paint("not read", "1;33", style));
        paragraph(&lead, 9, &format!("{}: {}", one_line(&skipped.path), one_line(&skipped.reason)), style, out)?;
    }
    if skipped.len() > MAX_SKIPPED {
        writeln!(out, "         and {} more", skipped.len() - MAX_SKIPPED)?;
    }
    if outcome.findings.is_empty() {
        return Ok(());
    }
    for found in outcome.findings.iter().filter(|found| !found.is_active()).take(MAX_SKIPPED) {
        let why = match &found.status {
            Status::Suppressed { reason, until: Some(until), .. } => format!("until {until}, because {reason}"),
            Status::Suppressed { reason, .. } => format!("because {reason}"),
            Status::Active | Status::Baselined => continue,
        };
        let text = format!("{} at {}: {}", found.rule, place(found, &outcome.inspection.sources), neutralise(&why));
        paragraph(&format!("\n{} ", paint("accepted", "1;36", style)), 9, &one_line(&text), style, out)?;
    }
    writeln!(out, "\n{}; `holdshort explain RULE` tells more", tally(&outcome.findings))
}
