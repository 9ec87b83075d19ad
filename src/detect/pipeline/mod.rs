//! Pipelines: what both revisions run in CI and from scripts in, findings about deployments that nothing guards out.
//!
//! A weakness that base has too is not this change's: it is a note where the change touches the file, in the `deploy` phase also
//! where a production deployment has it, and silence elsewhere. It never blocks.

mod commit;
mod deed;
mod deploy;
mod gather;
mod guard;
mod local;
mod pair;
mod program;
mod side;
mod switch;
mod task;
mod test;
mod weakened;
mod words;

use std::collections::HashMap;

use super::step::at;
use super::{Detector, Inspection};
use crate::finding::{Confidence, Finding, Label, Severity, Subject, SubjectKind};
use crate::read::pipeline::model::{Pipeline, Unknown};
use crate::rule::Rule;
use crate::settings::Phase;
use crate::source::{FileId, Place, Span};
pub use side::Side;

/// Detectors by the name a rule file gives.
pub const DETECTORS: &[(&str, Detector)] = &[
    ("pipeline.test_cannot_fail", test_cannot_fail),
    ("pipeline.untested_deploy", untested_deploy),
    ("pipeline.deploy_after_failure", |i, r, o| weaknesses(i, r, o, deploy::after_failure)),
    ("pipeline.deploy_cancelled", |i, r, o| weaknesses(i, r, o, deploy::cancelled)),
    ("pipeline.no_environment", no_environment),
    ("pipeline.promoted_at_once", |i, r, o| weaknesses(i, r, o, deploy::promoted_at_once)),
    ("pipeline.conclusion_unchecked", |i, r, o| weaknesses(i, r, o, commit::conclusion_unchecked)),
    ("pipeline.other_commit_deployed", |i, r, o| weaknesses(i, r, o, commit::other_commit)),
    ("pipeline.forced_push", |i, r, o| weaknesses(i, r, o, local::forced_push)),
    ("pipeline.laptop_deploy", |i, r, o| weaknesses(i, r, o, local::laptop_deploy)),
    ("pipeline.check_removed", weakened::check_removed),
    ("pipeline.check_made_optional", weakened::check_made_optional),
    ("pipeline.check_skipped", weakened::check_skipped),
    ("pipeline.trigger_narrowed", weakened::trigger_narrowed),
    ("pipeline.guard_removed", weakened::guard_removed),
    ("pipeline.environment_removed", weakened::environment_removed),
    ("pipeline.unreadable", unreadable),
];

/// Something about one revision's pipelines that a rule speaks of.
pub struct Weakness<'a> {
    pub pipeline: &'a Pipeline,
    pub span: Span,
    /// What is compared between revisions, whatever file or job it stands in.
    pub key: String,
    pub subject: String,
    pub message: String,
    pub vars: Vec<(&'static str, String)>,
    /// The most it can be, by what stands around it; the rule's own severity when that is less.
    pub most: Severity,
    /// A production deployment has it.
    pub production: bool,
    pub confidence: Confidence,
    pub label: Option<(Span, String)>,
}

impl<'a> Weakness<'a> {
    pub fn new(pipeline: &'a Pipeline, span: Span, key: String, subject: &str, message: String) -> Weakness<'a> {
        Weakness {
            pipeline,
            span,
            key,
            subject: subject.to_owned(),
            message,
            vars: Vec::new(),
            most: Severity::Block,
            production: false,
            confidence: Confidence::Proved,
            label: None,
        }
    }
}

type Judge = for<'a> fn(&Side<'a>) -> Vec<Weakness<'a>>;

fn weaknesses(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>, judge: Judge) {
    let mut known: HashMap<String, usize> = HashMap::new();
    for weakness in judge(&Side::new(&inspection.pipelines.base)) {
        *known.entry(weakness.key).or_default() += 1;
    }
    let head = Side::new(&inspection.pipelines.head);
    // What stands in files that the change leaves alone was there before.
    let (touched, left): (Vec<Weakness>, Vec<Weakness>) =
        judge(&head).into_iter().partition(|weakness| inspection.change.file(&weakness.pipeline.path).is_some());
    for weakness in left {
        if let Some(count) = known.get_mut(&weakness.key) {
            *count = count.saturating_sub(1);
        }
        if inspection.settings.phase == Phase::Deploy && weakness.production {
            out.push(finding(rule, weakness, Severity::Note));
        }
    }
    for weakness in touched {
        let before = known.get_mut(&weakness.key).filter(|count| **count > 0);
        let most = match before {
            Some(count) => {
                *count -= 1;
                Severity::Note
            }
            None => weakness.most,
        };
        out.push(finding(rule, weakness, most));
    }
}

/// Those that the change made unable to fail are found by `check_made_optional`, which says what they were.
fn test_cannot_fail(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let known = weakened::made_optional(inspection).into_iter().map(|(_, head, _)| (head.pipeline.source, head.span));
    without(inspection, rule, out, test::cannot_fail, known.collect());
}

/// Those that the change took the guard from are found by `guard_removed`.
fn untested_deploy(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let known = weakened::lost_guards(inspection).into_iter().map(|(_, head, _)| (head.pipeline.source, head.job.id.span));
    without(inspection, rule, out, deploy::untested, known.collect());
}

/// Those that the change took the environment from are found by `environment_removed`.
fn no_environment(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let known = weakened::lost_environments(inspection).into_iter().map(|(_, head)| (head.pipeline.source, head.job.id.span));
    without(inspection, rule, out, deploy::no_environment, known.collect());
}

fn without(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>, judge: Judge, known: Vec<(FileId, Span)>) {
    let first = out.len();
    weaknesses(inspection, rule, out, judge);
    let mut at = 0;
    out.retain(|finding| {
        at += 1;
        at <= first || !finding.place.is_some_and(|place| known.contains(&(place.file, place.span)))
    });
}

fn finding(rule: &Rule, weakness: Weakness, most: Severity) -> Finding {
    let mut found = at(rule, Subject::of(SubjectKind::Job, weakness.subject.as_str()), weakness.message, &weakness.vars);
    found.severity = found.severity.min(most);
    found.confidence = weakness.confidence;
    found.path = weakness.pipeline.path.clone();
    let file = weakness.pipeline.source;
    found.place = Some(Place { file, span: weakness.span });
    found.labels.extend(weakness.label.map(|(span, text)| Label { place: Place { file, span }, text }));
    found
}

/// Parts that the change adds or edits and that decide what runs, but cannot be read.
pub fn unreadable(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for (pipeline, unknown) in changed_unknowns(inspection) {
        let message = format!("What runs here cannot be judged: {}.", unknown.reason);
        let mut found = at(rule, Subject::of(SubjectKind::File, pipeline.path.as_str()), message, &[]);
        found.severity = Severity::Note;
        found.path = pipeline.path.clone();
        found.place = Some(Place { file: pipeline.source, span: unknown.span });
        out.push(found);
    }
    for unread in changed_unread(inspection) {
        let message = format!("The pipeline cannot be read: {}.", unread.reason);
        let mut found = at(rule, Subject::of(SubjectKind::File, unread.path.as_str()), message, &[]);
        found.path = unread.path.clone();
        found.place = unread.place;
        out.push(found);
    }
}

/// Unknown parts at head, in files that the change touches, that base does not have.
pub fn changed_unknowns(inspection: &Inspection) -> Vec<(&Pipeline, &Unknown)> {
    let base: Vec<&Unknown> = inspection.pipelines.base.all.iter().flat_map(|pipeline| &pipeline.unknown).collect();
    let touched = inspection.pipelines.head.all.iter().filter(|pipeline| inspection.change.file(&pipeline.path).is_some());
    touched
        .flat_map(|pipeline| pipeline.unknown.iter().map(move |unknown| (pipeline, unknown)))
        .filter(|(_, unknown)| !base.iter().any(|known| known.reason == unknown.reason))
        .collect()
}

/// Files that the change touches and that could not be read.
pub fn changed_unread(inspection: &Inspection) -> Vec<&crate::read::Unread> {
    let touched = |path: &str| inspection.change.added_or_modified().any(|file| file.path == path);
    inspection.pipelines.head.unread.iter().filter(|unread| touched(&unread.path)).collect()
}

/// Jobs at head that deploy to production.
pub fn deployments(inspection: &Inspection) -> usize {
    let side = Side::new(&inspection.pipelines.head);
    let mut jobs: Vec<_> =
        side.deploys().filter(|doing| doing.reach() == Some(words::Reach::Production)).map(|doing| std::ptr::from_ref(doing.job)).collect();
    jobs.dedup();
    jobs.len()
}
