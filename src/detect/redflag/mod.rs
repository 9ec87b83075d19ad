//! Red flags: the patterns of a rule file in, findings where the change, its commits or its rollback document match out.
//!
//! One detector for all of them. What is searched, what silences it and what is said is data of the rule.

mod data;
mod keys;

use std::collections::BTreeSet;

use data::{Scope, Search};

use super::step::at;
use super::{Detector, Inspection};
use crate::finding::{Finding, Subject, SubjectKind};
use crate::read::added::{AddedFile, Part};
use crate::rule::Rule;
use crate::source::{FileId, Place, Span};

/// Detectors by the name a rule file gives.
pub const DETECTORS: &[(&str, Detector)] = &[("redflag.pattern", pattern)];

/// Findings of one rule in one file; the last says how many more there are.
const MAX_IN_FILE: usize = 20;

/// What is wrong with the `data:` of a rule, if it is one of these.
pub fn problem(rule: &Rule) -> Option<String> {
    (rule.detector.as_deref() == Some("redflag.pattern")).then(|| data::problem(rule).err()).flatten()
}

fn pattern(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    // Rule files are checked when they are loaded.
    let Ok(searches) = data::searches(rule) else { return };
    let first = out.len();
    for search in &searches {
        match search.data.scope {
            Scope::Commits => commits(inspection, rule, search, usize::MAX, out),
            Scope::NewestCommit => commits(inspection, rule, search, 1, out),
            Scope::RollbackCommands => commands(inspection, rule, search, out),
            Scope::RollbackProse => documents(inspection, rule, search, out),
            Scope::AddedKeys => keys::added(inspection, rule, search, out),
            scope => {
                let Some(part) = scope.part() else { continue };
                let searched = inspection.added.files.iter().filter(|file| file.has(part) && search.wants(&file.path));
                for file in searched {
                    lines(inspection, rule, search, file, part, out);
                }
            }
        }
    }
    // What several patterns find is said once, by the first of them.
    let mut seen = BTreeSet::new();
    let mut at = 0;
    out.retain(|finding| {
        at += 1;
        at <= first || seen.insert((finding.path.clone(), finding.span().start))
    });
}

/// Where the pattern is in a line that nothing silences.
fn found(search: &Search, line: &str) -> Option<Span> {
    let found = search.pattern()?.find(line)?;
    let silent = search.unless().is_some_and(|unless| unless.is_match(line));
    (!silent).then(|| Span { start: found.start(), end: found.end() })
}

fn lines(inspection: &Inspection, rule: &Rule, search: &Search, file: &AddedFile, part: Part, out: &mut Vec<Finding>) {
    let text = file.part(part);
    let hits: Vec<Span> = file
        .lines
        .iter()
        .filter_map(|line| Some(found(search, line.text(text))?.shift(line.start)))
        .filter(|hit| !silenced_nearby(inspection, search, file.source, *hit))
        .collect();
    report(inspection, rule, search, file.source, &hits, out);
}

/// The lines around a hit have what silences it.
fn silenced_nearby(inspection: &Inspection, search: &Search, file: FileId, hit: Span) -> bool {
    let Some((near, distance)) = search.near() else { return false };
    let source = inspection.sources.get(file);
    let line = source.lines().line_of(hit.start);
    let last = (line + distance).min(source.lines().line_count().saturating_sub(1));
    (line.saturating_sub(distance)..=last).any(|line| near.is_match(source.lines().line_span(&source.text, line).text(&source.text)))
}

/// Findings at the hits of one file, so many that a person reads them.
fn report(inspection: &Inspection, rule: &Rule, search: &Search, file: FileId, hits: &[Span], out: &mut Vec<Finding>) {
    if hits.is_empty() {
        return;
    }
    let Some(evidence) = keys::given(inspection, search) else { return };
    for (number, hit) in hits.iter().take(MAX_IN_FILE).enumerate() {
        let mut message = message(search, hit.text(inspection.sources.text(file)));
        if number + 1 == MAX_IN_FILE && hits.len() > MAX_IN_FILE {
            message.push_str(&format!(" {} more in this file.", hits.len() - MAX_IN_FILE));
        }
        let path = inspection.sources.path(file);
        let mut finding = finding(rule, search, path, message);
        finding.place = Some(Place { file, span: *hit });
        finding.evidence = evidence.clone();
        out.push(finding);
    }
}

fn finding(rule: &Rule, search: &Search, path: &str, message: String) -> Finding {
    let mut finding = at(rule, Subject::of(SubjectKind::File, path), message, &[]);
    finding.path = path.to_owned();
    if let Some(severity) = search.data.severity {
        finding.severity = severity.min(rule.severity);
    }
    finding
}

/// The message with `{match}` filled in, at most a line of it.
fn message(search: &Search, found: &str) -> String {
    let found = found.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = found.chars().take(80).collect();
    search.data.message.trim().replace("{match}", &short)
}

fn commits(inspection: &Inspection, rule: &Rule, search: &Search, most: usize, out: &mut Vec<Finding>) {
    let hits = inspection.change.commits.iter().take(most).filter_map(|commit| {
        let (line, hit) = commit.message.lines().find_map(|line| Some((line, found(search, line)?)))?;
        Some((commit, hit.text(line)))
    });
    // A long history is one finding: the newest of its commits, and how many more there are.
    let hits: Vec<_> = hits.collect();
    let Some((commit, text)) = hits.first() else { return };
    let id: String = commit.id.chars().take(10).collect();
    let mut message = message(search, text);
    if hits.len() > 1 {
        message.push_str(&format!(" So do {} more of the change.", hits.len() - 1));
    }
    out.push(finding(rule, search, &format!("commit {id}"), message));
}

fn commands(inspection: &Inspection, rule: &Rule, search: &Search, out: &mut Vec<Finding>) {
    for document in inspection.rollback.documents.iter().filter(|document| search.wants(inspection.sources.path(document.source))) {
        let hits: Vec<Span> = document
            .commands
            .iter()
            .filter(|command| found(search, &command.text).is_some())
            .map(|command| command.span)
            .filter(|span| !silenced_nearby(inspection, search, document.source, *span))
            .collect();
        report(inspection, rule, search, document.source, &hits, out);
    }
}

fn documents(inspection: &Inspection, rule: &Rule, search: &Search, out: &mut Vec<Finding>) {
    for document in &inspection.rollback.documents {
        let source = inspection.sources.get(document.source);
        let whole = AddedFile::whole(document.source, &source.path, source.text.clone());
        lines(inspection, rule, search, &whole, Part::Prose, out);
    }
}
