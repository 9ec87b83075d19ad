//! What CI says of the head commit: evidence in, failed and missing checks as findings out; the gates ask the same questions here.

use std::collections::BTreeMap;

use super::step::at;
use super::{Detector, Inspection};
use crate::change::{Blob, Revision};
use crate::finding::{Finding, Severity, Subject, SubjectKind};
use crate::read::evidence::{Provider, Record, Status};
use crate::rule::Rule;
use crate::settings::Phase;
use crate::verdict::gates::plural;

/// Detectors by the name a rule file gives.
pub const DETECTORS: &[(&str, Detector)] = &[
    ("evidence.check_failed", check_failed),
    ("evidence.required_missing", required_missing),
    ("evidence.no_tests", no_tests),
    ("evidence.unreadable", unreadable),
    ("evidence.rehearsal_failed", rehearsal_failed),
];

/// What the evidence says of the tests on the head commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tests {
    Green(String),
    /// Why nothing can be decided, as a clause.
    Unknown(String),
}

/// Full id of the commit under inspection.
pub fn head_commit(inspection: &Inspection) -> Option<&str> {
    match &inspection.change.head {
        Revision::Commit { id, .. } => Some(id),
        _ => None,
    }
}

/// The newest record of each check on the head commit, our own job and what the policy ignores left out. Records of another
/// commit with the same tree count where the command line asks for it, and say so.
pub fn bound(inspection: &Inspection) -> Vec<Record> {
    let Revision::Commit { id: head, tree, committed } = &inspection.change.head else { return Vec::new() };
    let mut newest: BTreeMap<(String, String), Record> = BTreeMap::new();
    for record in &inspection.evidence.records {
        let exact = record.commit.as_deref() == Some(head);
        let same_tree = inspection.settings.same_tree && record.commit.is_some() && record.tree.as_deref() == Some(tree);
        // A record that names another tree than the head's is forged or mixed up.
        let mixed_up = exact && record.tree.as_ref().is_some_and(|named| named != tree);
        if !(exact || same_tree) || mixed_up || inspection.settings.policy.evidence.ignore.contains(&record.check) {
            continue;
        }
        let mut record = record.clone();
        if !exact {
            let other: String = record.commit.as_deref().unwrap_or_default().chars().take(10).collect();
            record.detail = format!("{}, of commit {other} with the same tree", record.detail);
        } else if let Some(why) = stale(inspection, &record, *committed) {
            record.status = Status::Stale;
            record.detail = why;
        }
        let key = (record.check.clone(), format!("{:?} {}", record.provider, record.source));
        let order = |record: &Record| (record.id, record.attempt, time(record));
        match newest.get(&key) {
            Some(known) if order(known) > order(&record) => {}
            // Two that cannot be told apart by age: the worse one counts.
            Some(known) if order(known) == order(&record) && badness(known.status) > badness(record.status) => {}
            _ => {
                newest.insert(key, record);
            }
        }
    }
    let mut found: Vec<Record> = newest.into_values().collect();
    leave_out_own_job(inspection, &mut found);
    found
}

/// Our own job is still running while it asks. In our own run it is the one named so, or the only one that is not done;
/// another job of the run that is not done is waited for like any other.
fn leave_out_own_job(inspection: &Inspection, found: &mut Vec<Record>) {
    let settings = &inspection.settings;
    let own_run =
        |record: &Record| record.status == Status::Pending && record.run.as_ref().is_some_and(|run| settings.own_runs.contains(run));
    let is_run = |record: &Record| matches!(record.provider, Provider::GithubWorkflowRun | Provider::GitlabPipeline);
    let named = |record: &Record| {
        settings
            .own_job
            .as_ref()
            .is_some_and(|job| record.check.strip_prefix(job.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(" (")))
    };
    let open = |record: &Record| own_run(record) && !is_run(record);
    let only = found.iter().filter(|record| open(record)).count() == 1;
    found.retain(|record| !(own_run(record) && (is_run(record) || named(record) || only)));
}

/// Clocks of CI and of whoever commits may differ by so much.
const SKEW_SECONDS: i64 = 300;

/// Why a result says nothing of the commit any more.
fn stale(inspection: &Inspection, record: &Record, committed: i64) -> Option<String> {
    let done = time(record)?;
    if done.as_second() + SKEW_SECONDS < committed {
        return Some("finished before the commit was made".to_owned());
    }
    let limit = inspection.settings.policy.evidence.max_age_days?;
    let today: jiff::civil::Date = inspection.settings.today.parse().ok()?;
    let age = jiff::tz::TimeZone::UTC.to_datetime(done).date().until(today).ok()?.get_days();
    (i64::from(age) > i64::from(limit)).then(|| format!("{age} days old, more than the {limit} allowed"))
}

fn time(record: &Record) -> Option<jiff::Timestamp> {
    record.completed_at.as_deref().and_then(|text| text.parse().ok())
}

fn badness(status: Status) -> u8 {
    match status {
        Status::Passed => 0,
        Status::Skipped => 1,
        Status::Empty => 2,
        Status::Stale => 3,
        Status::Unknown => 4,
        Status::Pending => 5,
        Status::Failed => 6,
    }
}

/// Records of tests: rehearsals belong to the rollback.
fn tests(inspection: &Inspection) -> Vec<Record> {
    bound(inspection).into_iter().filter(|record| record.provider != Provider::Rehearsal).collect()
}

/// Whether CI is green on exactly the head commit.
pub fn tests_green(inspection: &Inspection) -> Tests {
    let unknown = |reason: String| Tests::Unknown(reason);
    let evidence = &inspection.evidence;
    let Some(head) = head_commit(inspection) else {
        return unknown("uncommitted work and plain directories have no commit that CI could have tested".to_owned());
    };
    if let Some(unread) = evidence.unread.first() {
        return unknown(format!("{} could not be read: {}", unread.path, unread.reason));
    }
    if evidence.records.is_empty() {
        return unknown("no CI evidence for this commit was given".to_owned());
    }
    let found = tests(inspection);
    if found.is_empty() {
        let other = evidence.records.iter().filter(|record| record.commit.as_deref().is_some_and(|commit| commit != head)).count();
        let unbound = evidence.records.iter().filter(|record| record.commit.is_none()).count();
        return unknown(format!("no evidence is for this commit ({other} for other commits, {unbound} that name no full commit id)"));
    }
    let required = &inspection.settings.policy.evidence.required;
    for name in required {
        match found.iter().filter(|record| record.check == *name).max_by_key(|record| badness(record.status)) {
            None => return unknown(format!("required check {name} has not run on this commit")),
            Some(record) if record.status != Status::Passed => return unknown(format!("required check {name} is {}", clause(record))),
            Some(_) => {}
        }
    }
    let here = place(&found, head);
    if !required.is_empty() {
        return Tests::Green(format!("{} required {} passed on {here}", required.len(), plural(required.len(), "check")));
    }
    if let Some(open) = found.iter().find(|record| !matches!(record.status, Status::Passed | Status::Skipped)) {
        return unknown(format!("check {} is {}", open.check, clause(open)));
    }
    match found.iter().filter(|record| record.status == Status::Passed).count() {
        0 => unknown("every check on this commit was skipped".to_owned()),
        passed => Tests::Green(format!("{passed} {} passed on {here}", plural(passed, "check"))),
    }
}

/// Where the checks passed: never silently on another commit.
fn place(found: &[Record], head: &str) -> String {
    let other = found.iter().filter_map(|record| record.commit.as_deref()).find(|commit| *commit != head);
    other
        .map_or("this commit".to_owned(), |other| format!("commit {}, which has the same tree", other.chars().take(10).collect::<String>()))
}

fn clause(record: &Record) -> String {
    let word = match record.status {
        Status::Passed => "green",
        Status::Failed => "red",
        Status::Pending => "not done",
        Status::Skipped => "skipped",
        Status::Empty => "empty",
        Status::Stale => "stale",
        Status::Unknown => "undecided",
    };
    format!("{word} ({})", record.detail)
}

/// The rehearsal of the rollback on the head commit: `Ok` when it passed, else what is owed. Without a migration that is new
/// there is nothing to rehearse.
pub fn rehearsed(inspection: &Inspection) -> Result<(), String> {
    let fresh = super::rollback::fresh(inspection);
    if fresh.is_empty() {
        return Ok(());
    }
    let found = bound(inspection).into_iter().find(|record| record.provider == Provider::Rehearsal);
    let Some(record) = found else { return Err("its rehearsal on this commit is still owed".to_owned()) };
    if record.status != Status::Passed {
        return Err(format!("its rehearsal is {}", clause(&record)));
    }
    let Some(said) = &record.rehearsal else { return Err("its rehearsal says nothing of what was rehearsed".to_owned()) };
    let blob = |path: &str| match &inspection.change.head_tree.entry(path)?.blob {
        Blob::Git(id) => Some(id.to_string()),
        _ => None,
    };
    let document = |document: &crate::read::rollback::Document| blob(inspection.sources.path(document.source));
    if said.document.is_none() || !inspection.rollback.documents.iter().any(|known| document(known) == said.document) {
        return Err("the rehearsal was of another text of the document".to_owned());
    }
    // A rehearsal of the last commit alone says nothing of a rollout that starts further back.
    let rehearsed = |path: &str| blob(path).is_some_and(|blob| said.migrations.iter().any(|(known, of)| known == path && *of == blob));
    let files = fresh.iter().flat_map(|migration| std::iter::once(&migration.up).chain(&migration.down));
    match files.map(|script| inspection.sources.path(script.source)).find(|path| !rehearsed(path)) {
        Some(path) => Err(format!("the rehearsal did not run {path} as it is now")),
        None => Ok(()),
    }
}

fn report(rule: &Rule, record: &Record, message: String) -> Finding {
    let mut found = at(rule, Subject::of(SubjectKind::Job, record.check.as_str()), message, &[("check", record.check.clone())]);
    found.path = record.path.clone();
    found
}

/// A check that is red on the head commit; one that is not required only warns when the policy names those that are.
pub fn check_failed(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let required = &inspection.settings.policy.evidence.required;
    for record in tests(inspection).into_iter().filter(|record| record.status == Status::Failed) {
        let message = format!("Check {} failed on this commit: {}.", record.check, record.detail);
        let mut found = report(rule, &record, message);
        if !required.is_empty() && !required.contains(&record.check) {
            found.severity = Severity::Warn;
        }
        out.push(found);
    }
}

/// A required check that the evidence for this commit does not have.
pub fn required_missing(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let found = tests(inspection);
    let Some(first) = inspection.evidence.records.first() else { return };
    for name in &inspection.settings.policy.evidence.required {
        if found.iter().any(|record| record.check == *name) {
            continue;
        }
        let elsewhere = inspection.evidence.records.iter().any(|record| record.check == *name);
        let why = if elsewhere { "the evidence has it for another commit only" } else { "the evidence does not have it" };
        let message = format!("Required check {name} has no result on this commit: {why}.");
        let mut finding = at(rule, Subject::of(SubjectKind::Job, name.as_str()), message, &[("check", name.clone())]);
        finding.path = first.path.clone();
        if inspection.settings.phase != Phase::Deploy {
            // Before the merge it may not have started yet.
            finding.severity = Severity::Warn;
        }
        out.push(finding);
    }
}

/// Green without a single test.
pub fn no_tests(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for record in inspection.evidence.records.iter().filter(|record| record.status == Status::Empty) {
        out.push(report(rule, record, format!("{} proves nothing: {}.", record.check, record.detail)));
    }
}

pub fn unreadable(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for unread in &inspection.evidence.unread {
        let message = format!("This evidence could not be read: {}.", unread.reason);
        let mut found = at(rule, Subject::of(SubjectKind::File, unread.path.as_str()), message, &[]);
        found.path = unread.path.clone();
        out.push(found);
    }
}

pub fn rehearsal_failed(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let limit = super::rollback::limit_seconds(inspection);
    for record in bound(inspection).into_iter().filter(|record| record.provider == Provider::Rehearsal) {
        let seconds = record.rehearsal.as_ref().and_then(|rehearsal| rehearsal.seconds);
        if record.status == Status::Failed {
            out.push(report(rule, &record, format!("The rollback was rehearsed on this commit and failed: {}.", record.detail)));
        } else if let Some(seconds) = seconds.filter(|seconds| *seconds > limit as f64) {
            out.push(report(rule, &record, format!("The rehearsed rollback took {seconds:.0} seconds, more than the {limit} allowed.")));
        }
    }
}
