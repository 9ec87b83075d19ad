//! Accepted risks: suppressions in comments and in the policy in, findings marked `suppressed` and findings about the suppressions out.
//!
//! In `merge` and `deploy` a comment counts only when the trusted tree says the same of the same lines (`vouch`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};
use jiff::civil::Date;

use super::own::{CHANGED, Own};
use super::vouch::Witness;
use crate::change::Text;
use crate::detect::Inspection;
use crate::finding::{Finding, Status};
use crate::rule::{Rule, load::suggest};
use crate::settings::{AcceptedRisk, POLICY_FILE};
use crate::source::comment::{Suppression, is_quiet, suppressions};
use crate::source::{FileId, Place, Side, Span};

const MALFORMED: &str = "policy/suppression-malformed";
const EXPIRED: &str = "policy/suppression-expired";
const UNUSED: &str = "policy/suppression-unused";

/// A suppression found in a file at head.
struct Comment {
    file: FileId,
    suppression: Suppression,
    /// It speaks for a finding, and counts.
    used: bool,
    /// It speaks for a finding, and does not count.
    new: bool,
}

/// Marks what is suppressed and adds findings about suppressions that are malformed, expired, unused or new in this change.
pub fn apply(own: &mut Own, findings: &mut [Finding]) {
    by_policy(own.inspection, own, findings);
    by_comments(own.inspection, own, findings);
}

/// The last day counts. A date that cannot be read is refused when the policy or comment is read.
fn expired(inspection: &Inspection, until: Option<&str>) -> bool {
    let date = |text: &str| text.parse::<Date>().ok();
    match (until.and_then(date), date(&inspection.settings.today)) {
        (Some(until), Some(today)) => until < today,
        _ => false,
    }
}

fn by_policy(inspection: &Inspection, own: &mut Own, findings: &mut [Finding]) {
    let risks: Vec<(&AcceptedRisk, GlobMatcher)> =
        inspection.settings.policy.suppressions.iter().filter_map(|risk| Some((risk, matcher(&risk.path)?))).collect();
    for (number, (risk, glob)) in risks.iter().enumerate() {
        let number = number.to_string();
        let place = own.policy_place(&["suppressions", &number]);
        let line = place.map_or(0, |(place, _)| inspection.sources.start(place).line);
        let over = expired(inspection, risk.until.as_deref());
        let mut used = false;
        for finding in findings.iter_mut().filter(|finding| finding.rule == risk.rule && glob.is_match(&finding.path)) {
            used = true;
            if !over && finding.is_active() {
                let path = place.map_or(POLICY_FILE, |(_, path)| path).to_owned();
                finding.status = Status::Suppressed { reason: risk.because.clone(), until: risk.until.clone(), path, line };
            }
        }
        let touched = inspection.change.added_or_modified().any(|file| glob.is_match(&file.path));
        let until = risk.until.as_deref().unwrap_or_default();
        if over && (used || touched) {
            own.add(EXPIRED, place, POLICY_FILE, format!("The policy's suppression of {} in {} ran out on {until}.", risk.rule, risk.path));
        } else if !used && touched {
            own.add(
                UNUSED,
                place,
                POLICY_FILE,
                format!("The policy suppresses {} in {}, and nothing is found there.", risk.rule, risk.path),
            );
        }
    }
}

fn matcher(pattern: &str) -> Option<GlobMatcher> {
    GlobBuilder::new(pattern).literal_separator(true).build().ok().map(|glob| glob.compile_matcher())
}

fn by_comments(inspection: &Inspection, own: &mut Own, findings: &mut [Finding]) {
    let mut comments = collect(inspection, own, findings);
    let texts = trusted_texts(inspection, &comments);
    let migrations = migration_files(inspection);
    let mut witnesses: BTreeMap<&str, Witness> =
        texts.iter().map(|(path, text)| (path.as_str(), Witness::new(path, text, migrations.contains(path.as_str())))).collect();
    for finding in findings {
        let Some(place) = finding.place else { continue };
        let lines = lines_of(inspection, place);
        let path = inspection.sources.path(place.file);
        for comment in comments.iter_mut().filter(|comment| inspection.sources.path(comment.file) == path) {
            let said = &comment.suppression;
            if !said.rules.contains(&finding.rule) || !speaks_for(inspection, place.file, said, lines) {
                continue;
            }
            let text = inspection.sources.text(comment.file);
            let counts = inspection.settings.trusts_head() || witnesses.get_mut(path).is_some_and(|known| known.vouches(text, said, lines));
            comment.used |= counts;
            comment.new |= !counts;
            if counts && !expired(inspection, said.until.as_deref()) && finding.is_active() {
                let (path, line) = (path.to_owned(), said.line + 1);
                finding.status = Status::Suppressed { reason: said.reason.clone(), until: said.until.clone(), path, line };
            }
        }
    }
    judge(inspection, own, &comments);
}

/// Suppressions in the files of the change and in those that findings are in. Each text once, however often it was read.
fn collect(inspection: &Inspection, own: &mut Own, findings: &[Finding]) -> Vec<Comment> {
    let found: BTreeSet<FileId> = findings.iter().filter_map(|finding| Some(finding.place?.file)).collect();
    let mut wanted: BTreeSet<&str> = found.iter().map(|file| inspection.sources.path(*file)).collect();
    wanted.extend(inspection.change.added_or_modified().map(|file| file.path.as_str()));
    let mut comments = Vec::new();
    for (file, source) in inspection.sources.iter() {
        // Documentation of suppressions is no suppression.
        let silent = source.searched && !found.contains(&file);
        let head = source.side == Side::Head && source.text.contains("holdshort:");
        if silent || !head || !wanted.remove(source.path.as_str()) {
            continue;
        }
        let (good, bad) = suppressions(&source.path, &source.text, source.lines());
        for malformed in bad {
            let place = Place { file, span: malformed.span };
            own.add(
                MALFORMED,
                Some((place, &source.path)),
                &source.path,
                format!("This suppression does not count: {}.", malformed.problem),
            );
        }
        for suppression in good {
            let place = Place { file, span: suppression.span };
            if let Some(id) = suppression.rules.iter().find(|id| !own.rules.iter().any(|rule: &Rule| rule.id == **id)) {
                let close = suggest(id, own.rules.iter().map(|rule| rule.id.as_str()));
                let meant = close.map(|close| format!(", did you mean `{close}`?")).unwrap_or(".".to_owned());
                own.add(
                    MALFORMED,
                    Some((place, &source.path)),
                    &source.path,
                    format!("This suppression does not count: there is no rule `{id}`{meant}"),
                );
            } else {
                comments.push(Comment { file, suppression, used: false, new: false });
            }
        }
    }
    comments
}

/// The same files as the trusted tree has them: regular text files at the same path. A renamed file has none.
fn trusted_texts(inspection: &Inspection, comments: &[Comment]) -> BTreeMap<String, Arc<str>> {
    if inspection.settings.trusts_head() {
        return BTreeMap::new();
    }
    let tree = inspection.settings.trusted(&inspection.change);
    let paths: BTreeSet<&str> = comments.iter().map(|comment| inspection.sources.path(comment.file)).collect();
    let text = |path: &str| match tree.read_path(path) {
        Ok(Some(Text::Utf8(text))) => Some((path.to_owned(), text)),
        _ => None,
    };
    paths.into_iter().filter_map(text).collect()
}

fn migration_files(inspection: &Inspection) -> BTreeSet<&str> {
    let migrations = inspection.head_units.iter().flat_map(|unit| &unit.migrations);
    migrations.flat_map(|m| [Some(&m.up), m.down.as_ref()]).flatten().map(|script| inspection.sources.path(script.source)).collect()
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
    let quiet = |line: usize| is_quiet(&source.path, source.lines().line_span(&source.text, line).text(&source.text));
    suppression.own_line && suppression.line < first && (suppression.line + 1..first).all(quiet)
}

fn judge(inspection: &Inspection, own: &mut Own, comments: &[Comment]) {
    let changed: BTreeSet<&str> = inspection.change.added_or_modified().map(|file| file.path.as_str()).collect();
    for comment in comments {
        let suppression = &comment.suppression;
        let path = inspection.sources.path(comment.file);
        let place = Some((Place { file: comment.file, span: suppression.span }, path));
        let rules = suppression.rules.join(", ");
        if let Some(until) = suppression.until.as_deref().filter(|until| expired(inspection, Some(until))) {
            own.add(EXPIRED, place, path, format!("The suppression of {rules} ran out on {until}."));
        } else if comment.new {
            let message = format!(
                "This change adds, moves or edits a suppression of {rules}, so it does not count here. Accept the risk in a change of its own: in \
                 this comment, or under `suppressions` in the policy."
            );
            own.add(CHANGED, place, path, message);
        } else if !comment.used && changed.contains(path) {
            own.add(UNUSED, place, path, format!("Nothing here is found by {rules}, so this suppression does nothing."));
        }
    }
}
