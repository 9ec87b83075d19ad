//! Accepted risks: suppressions in comments and in the policy in, findings marked `suppressed` and findings about the suppressions out.
//!
//! In `merge` and `deploy` a comment counts only when base has it too, so a change cannot clear itself.

use std::collections::BTreeSet;

use globset::Glob;
use jiff::civil::Date;

use crate::detect::Inspection;
use crate::finding::{Confidence, Finding, Status, Subject, SubjectKind};
use crate::rule::Rule;
use crate::settings::{POLICY_FILE, Phase};
use crate::source::comment::{Suppression, suppressions};
use crate::source::{FileId, Place, Side, Span};

const MALFORMED: &str = "policy/suppression-malformed";
const EXPIRED: &str = "policy/suppression-expired";
const UNUSED: &str = "policy/suppression-unused";
const CHANGED: &str = "policy/changed-here";

/// A suppression found in a file at head.
struct Comment {
    file: FileId,
    suppression: Suppression,
    /// Base has it too, or the phase does not ask.
    counts: bool,
    used: bool,
}

/// Marks what is suppressed and adds findings about suppressions that are malformed, expired, unused or new in this change.
pub fn apply(inspection: &Inspection, rules: &[Rule], findings: &mut Vec<Finding>) {
    let mut report = Report { inspection, rules, extra: Vec::new() };
    let found: BTreeSet<FileId> = findings.iter().filter_map(|finding| Some(finding.place?.file)).collect();
    let mut comments = collect(inspection, &found, &mut report);
    for finding in findings.iter_mut() {
        by_policy(inspection, finding);
        by_comment(inspection, &mut comments, finding);
    }
    judge_comments(&comments, &mut report);
    judge_policy(inspection, findings, &mut report);
    let extra = report.extra;
    findings.extend(extra);
}

fn collect(inspection: &Inspection, found: &BTreeSet<FileId>, report: &mut Report) -> Vec<Comment> {
    let changed: BTreeSet<&str> = inspection.change.added_or_modified().map(|file| file.path.as_str()).collect();
    let mut comments = Vec::new();
    for (file, source) in inspection.sources.iter() {
        if source.side != Side::Head || !changed.contains(source.path.as_str()) || !source.text.contains("holdshort:") {
            continue;
        }
        // Documentation of suppressions is no suppression.
        if source.searched && !found.contains(&file) {
            continue;
        }
        let (good, bad) = suppressions(&source.text, source.lines());
        for malformed in bad {
            let place = Place { file, span: malformed.span };
            report.add(MALFORMED, Some(place), &source.path, format!("This suppression does not count: {}.", malformed.problem));
        }
        let known = old_suppressions(inspection, &source.path);
        for suppression in good {
            let counts = inspection.settings.phase == Phase::Push || known.contains(&key(&suppression));
            comments.push(Comment { file, suppression, counts, used: false });
        }
    }
    comments
}

/// The suppressions that the same file has at base.
fn old_suppressions(inspection: &Inspection, path: &str) -> BTreeSet<String> {
    let old_path = inspection.change.file(path).and_then(|file| file.old_path.as_deref()).unwrap_or(path);
    match inspection.change.base_tree.read_path(old_path) {
        Ok(Some(crate::change::Text::Utf8(text))) => {
            let lines = crate::source::LineIndex::new(&text);
            suppressions(&text, &lines).0.iter().map(key).collect()
        }
        _ => BTreeSet::new(),
    }
}

fn key(suppression: &Suppression) -> String {
    format!("{}\0{:?}\0{}", suppression.rules.join(","), suppression.until, suppression.reason)
}

fn by_comment(inspection: &Inspection, comments: &mut [Comment], finding: &mut Finding) {
    let Some(place) = finding.place else { return };
    let lines = lines_of(inspection, place);
    for comment in comments.iter_mut().filter(|comment| comment.file == place.file) {
        let suppression = &comment.suppression;
        if !suppression.rules.contains(&finding.rule) || !speaks_for(inspection, comment.file, suppression, lines) {
            continue;
        }
        comment.used = true;
        if comment.counts && !expired(inspection, suppression.until.as_deref()) && finding.is_active() {
            finding.status = Status::Suppressed {
                reason: suppression.reason.clone(),
                until: suppression.until.clone(),
                path: inspection.sources.path(comment.file).to_owned(),
                line: suppression.line + 1,
            };
        }
    }
}

/// First and last line (0-based) of the statement a place is in, or of the place itself.
fn lines_of(inspection: &Inspection, place: Place) -> (usize, usize) {
    let scripts = inspection.head_units.iter().flat_map(|unit| &unit.migrations).flat_map(|m| [Some(&m.up), m.down.as_ref()]).flatten();
    let statement: Option<Span> = scripts
        .filter(|script| script.source == place.file)
        .flat_map(|script| &script.statements)
        .map(|statement| statement.span)
        .find(|span| span.encloses(place.span));
    let span = statement.unwrap_or(place.span);
    let lines = inspection.sources.get(place.file).lines();
    (lines.line_of(span.start), lines.line_of(span.end.saturating_sub(1).max(span.start)))
}

/// On one of the statement's lines, or on a line of its own with only comments and blank lines down to the statement.
fn speaks_for(inspection: &Inspection, file: FileId, suppression: &Suppression, (first, last): (usize, usize)) -> bool {
    if (first..=last).contains(&suppression.line) {
        return true;
    }
    let source = inspection.sources.get(file);
    let quiet = |line: usize| {
        let text = source.lines().line_span(&source.text, line).text(&source.text).trim();
        text.is_empty() || ["--", "#", "//", "/*", "*", "<!--"].iter().any(|opener| text.starts_with(opener))
    };
    suppression.own_line && suppression.line < first && (suppression.line + 1..first).all(quiet)
}

fn by_policy(inspection: &Inspection, finding: &mut Finding) {
    for accepted in &inspection.settings.policy.suppressions {
        let matches = accepted.rule == finding.rule && glob_matches(&accepted.path, &finding.path);
        if matches && finding.is_active() && !expired(inspection, accepted.until.as_deref()) {
            finding.status = Status::Suppressed {
                reason: accepted.because.clone(),
                until: accepted.until.clone(),
                path: POLICY_FILE.to_owned(),
                line: 0,
            };
        }
    }
}

fn glob_matches(pattern: &str, path: &str) -> bool {
    Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(path))
}

/// The last day counts. A date that cannot be read is refused when the policy or comment is read.
fn expired(inspection: &Inspection, until: Option<&str>) -> bool {
    let date = |text: &str| text.parse::<Date>().ok();
    match (until.and_then(date), date(&inspection.settings.today)) {
        (Some(until), Some(today)) => until < today,
        _ => false,
    }
}

fn judge_comments(comments: &[Comment], report: &mut Report) {
    for comment in comments {
        let suppression = &comment.suppression;
        let place = Some(Place { file: comment.file, span: suppression.span });
        let path = report.inspection.sources.path(comment.file).to_owned();
        let rules = suppression.rules.join(", ");
        if let Some(until) = suppression.until.as_deref().filter(|until| expired(report.inspection, Some(until))) {
            report.add(EXPIRED, place, &path, format!("The suppression of {rules} ran out on {until}."));
        } else if !comment.used {
            report.add(UNUSED, place, &path, format!("Nothing here is found by {rules}, so this suppression does nothing."));
        } else if !comment.counts {
            let message = format!("This change adds a suppression of {rules}; it does not count until base has it.");
            report.add(CHANGED, place, &path, message);
        }
    }
}

fn judge_policy(inspection: &Inspection, findings: &[Finding], report: &mut Report) {
    for accepted in &inspection.settings.policy.suppressions {
        let used = findings.iter().any(|finding| finding.rule == accepted.rule && glob_matches(&accepted.path, &finding.path));
        if let Some(until) = accepted.until.as_deref().filter(|until| expired(inspection, Some(until))) {
            let message = format!("The policy's suppression of {} in {} ran out on {until}.", accepted.rule, accepted.path);
            if used {
                report.add(EXPIRED, None, POLICY_FILE, message);
            }
        }
    }
    if inspection.settings.phase != Phase::Push && inspection.change.files.iter().any(|file| file.path == POLICY_FILE) {
        let message = "This change edits the policy. The policy at base decides until the change is merged.".to_owned();
        report.add(CHANGED, None, POLICY_FILE, message);
    }
    let rules = inspection.change.files.iter().filter(|file| crate::rule::team::is_rule_file(&file.path, &inspection.settings.policy));
    for file in rules.filter(|_| inspection.settings.phase != Phase::Push) {
        let message = "This change edits a team rule. The rules at base decide until the change is merged.".to_owned();
        report.add(CHANGED, None, &file.path, message);
    }
}

struct Report<'a> {
    inspection: &'a Inspection,
    rules: &'a [Rule],
    extra: Vec<Finding>,
}

impl Report<'_> {
    fn add(&mut self, id: &str, place: Option<Place>, path: &str, message: String) {
        let severity = self.inspection.settings.policy.rules.get(id).and_then(|policy| policy.severity);
        let Some(rule) = self.rules.iter().find(|rule| rule.id == id) else { return };
        let severity = match severity {
            Some(chosen) => match chosen.severity() {
                Some(severity) => severity,
                None => return,
            },
            None => rule.severity,
        };
        self.extra.push(Finding {
            rule: rule.id.clone(),
            gate: rule.gate,
            severity,
            message,
            why: rule.why.clone(),
            remedy: rule.remedy.clone(),
            place,
            path: path.to_owned(),
            subject: Subject::of(SubjectKind::File, path),
            effects: BTreeSet::new(),
            confidence: Confidence::Proved,
            labels: Vec::new(),
            evidence: Vec::new(),
            fix: None,
            status: Status::Active,
            fingerprint: String::new(),
        });
    }
}
