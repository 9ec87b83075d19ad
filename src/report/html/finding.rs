//! The findings of the page: an outcome in, one article a finding out, worst first; past a limit they become lines.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::markup::{figure, prose, text, words};
use crate::finding::{Confidence, EffectKind, Finding, Label, Severity};
use crate::report::Context;
use crate::report::excerpt::excerpt;
use crate::report::row::worst_first;
use crate::report::words::{count, severity};
use crate::source::{FileId, Span};
use crate::verdict::Outcome;

/// Findings that are shown with their source.
const MAX_FULL: usize = 200;
/// Findings that are named at all.
const MAX_NAMED: usize = 5_000;
/// Places in old code that are listed under one finding.
const MAX_EVIDENCE: usize = 8;

/// 1-based line of a finding.
pub fn line(outcome: &Outcome, found: &Finding) -> usize {
    found.place.map_or(1, |place| outcome.inspection.sources.start(place).line)
}

/// The anchor of a finding in the page.
pub fn anchor(found: &Finding) -> String {
    format!("f-{}", found.fingerprint)
}

/// Writes the section. Returns the fingerprints of the findings that have an anchor.
pub fn section<'a>(outcome: &'a Outcome, context: &Context, page: &mut String) -> BTreeSet<&'a str> {
    let rows = worst_first(outcome);
    if rows.is_empty() {
        return BTreeSet::new();
    }
    let mut shown = BTreeSet::new();
    page.push_str("<section id=\"findings\" aria-labelledby=\"h-findings\">\n<h2 id=\"h-findings\">Findings</h2>\n");
    let groups = [(Severity::Block, "Blocking"), (Severity::Warn, "Warnings"), (Severity::Note, "Notes")];
    let mut room = MAX_FULL;
    for (severity, title) in groups {
        let group: Vec<&Finding> = rows.iter().map(|row| row.finding).filter(|found| found.severity == severity).collect();
        if group.is_empty() {
            continue;
        }
        let _ = writeln!(page, "<h3>{title} <span class=\"quiet\">{}</span></h3>", group.len());
        let (full, rest) = group.split_at(room.min(group.len()));
        room -= full.len();
        shown.extend(full.iter().chain(rest.iter().take(MAX_NAMED)).map(|found| found.fingerprint.as_str()));
        for found in full {
            article(found, outcome, context, page);
        }
        compact(rest, outcome, page);
    }
    page.push_str("</section>\n");
    shown
}

/// What no longer fits is named with its place.
fn compact(rest: &[&Finding], outcome: &Outcome, page: &mut String) {
    if rest.is_empty() {
        return;
    }
    let _ = writeln!(page, "<details>\n<summary>{} more, named only</summary>\n<ul class=\"plain\">", rest.len());
    for found in rest.iter().take(MAX_NAMED) {
        let place = format!("{}:{}", found.path, line(outcome, found));
        let _ = writeln!(
            page,
            "<li id=\"{}\"><code>{}</code> <code>{}</code> {}</li>",
            anchor(found),
            text(&found.rule),
            text(&place),
            words(&found.message)
        );
    }
    if rest.len() > MAX_NAMED {
        let _ = writeln!(page, "<li>and {} more; the JSON report has all</li>", rest.len() - MAX_NAMED);
    }
    page.push_str("</ul>\n</details>\n");
}

fn article(found: &Finding, outcome: &Outcome, context: &Context, page: &mut String) {
    let word = severity(found.severity);
    let anchor = anchor(found);
    let _ = write!(
        page,
        "<article class=\"finding {word}\" id=\"{anchor}\" aria-labelledby=\"t-{anchor}\">\n\
         <h4 id=\"t-{anchor}\"><span class=\"badge\">{word}</span> <code>{}</code></h4>\n<p class=\"message\">{}</p>\n",
        text(&found.rule),
        words(&found.message)
    );
    chips(found, page);
    source(found, outcome, context, page);
    evidence(found, page);
    let _ = write!(page, "<dl class=\"advice\">\n<dt>Why</dt><dd>{}</dd>\n<dt>Do</dt><dd>{}", prose(&found.why), prose(&found.remedy));
    if let Some(rule) = context.rules.iter().find(|rule| rule.id == found.rule).filter(|rule| !rule.steps.is_empty()) {
        let steps: String = rule.steps.iter().map(|step| format!("<li>{}</li>\n", words(step.trim()))).collect();
        let _ = write!(page, "<details>\n<summary>Over {}</summary>\n<ol>\n{steps}</ol>\n</details>\n", count(rule.steps.len(), "step"));
    }
    page.push_str("</dd>\n</dl>\n</article>\n");
}

fn chips(found: &Finding, page: &mut String) {
    let assumed = (found.confidence == Confidence::Assumed).then_some("rests on an assumption");
    let all: Vec<&str> = found.effects.iter().map(|effect| effect_words(*effect)).chain(assumed).collect();
    if all.is_empty() {
        return;
    }
    let chips: String = all.iter().map(|chip| format!("<li>{chip}</li>")).collect();
    let _ = writeln!(page, "<ul class=\"chips\" aria-label=\"Effects\">{chips}</ul>");
}

fn effect_words(effect: EffectKind) -> &'static str {
    match effect {
        EffectKind::BreaksOldReaders => "breaks old readers",
        EffectKind::BreaksOldWriters => "breaks old writers",
        EffectKind::BlocksReads => "blocks reads",
        EffectKind::BlocksWrites => "blocks writes",
        EffectKind::RewritesTable => "rewrites the table",
        EffectKind::ScansTable => "scans the table",
        EffectKind::AbortsRollout => "aborts the rollout",
        EffectKind::LosesData => "loses data",
        EffectKind::BlocksRollback => "blocks the rollback",
    }
}

/// The place of the finding with the labels of the same file, then one figure for each other file that has labels.
fn source(found: &Finding, outcome: &Outcome, context: &Context, page: &mut String) {
    let sources = &outcome.inspection.sources;
    let Some(place) = found.place else {
        let _ = writeln!(page, "<p>At <code>{}</code></p>", text(&found.path));
        return;
    };
    let here: Vec<&Label> = found.labels.iter().filter(|label| label.place.file == place.file).collect();
    let mut marks: Vec<(Span, Option<&str>)> = vec![(place.span, None)];
    marks.extend(here.iter().map(|label| (label.place.span, Some(label.text.as_str()))));
    let at = sources.start(place);
    let path = sources.path(place.file);
    let name = format!("{path}:{}:{}", at.line, at.column);
    let caption = match context.link(&outcome.inspection.change, path, at.line) {
        Some(url) => format!("<a href=\"{}\" rel=\"noreferrer\">{}</a>", text(&url), text(&name)),
        None => text(&name),
    };
    page.push_str(&figure(&caption, &excerpt(sources.get(place.file), &marks)));
    let mut others: Vec<FileId> = found.labels.iter().map(|label| label.place.file).filter(|file| *file != place.file).collect();
    others.dedup();
    for file in others {
        let marks: Vec<(Span, Option<&str>)> = found
            .labels
            .iter()
            .filter(|label| label.place.file == file)
            .map(|label| (label.place.span, Some(label.text.as_str())))
            .collect();
        page.push_str(&figure(&text(sources.path(file)), &excerpt(sources.get(file), &marks)));
    }
}

fn evidence(found: &Finding, page: &mut String) {
    if found.evidence.is_empty() {
        return;
    }
    page.push_str("<ul class=\"evidence\" aria-label=\"Evidence\">\n");
    for item in found.evidence.iter().take(MAX_EVIDENCE) {
        let place = if item.line > 0 { format!("{}:{}", item.path, item.line) } else { item.path.clone() };
        let shown: String = item.text.chars().take(300).collect();
        let _ = writeln!(page, "<li><code>{}</code> <code class=\"said\">{}</code></li>", text(&place), text(shown.trim()));
    }
    if found.evidence.len() > MAX_EVIDENCE {
        let _ = writeln!(page, "<li class=\"quiet\">and {} more</li>", found.evidence.len() - MAX_EVIDENCE);
    }
    page.push_str("</ul>\n");
}
