//! The release around the change: policy, documents and the moment in, findings about window, people and verification out.
//!
//! The rules speak only where the repository declares a release: a `release:` section in the policy, or a rollback document
//! whose front matter names a window, stakeholders, smoke tests or dashboards.

mod times;

use super::rollback::unresolved;
use super::step::at;
use super::{Detector, Inspection};
use crate::finding::{Finding, Severity, Subject, SubjectKind};
use crate::read::release::{Plan, is_name};
use crate::rule::Rule;
use crate::settings::{POLICY_FILE, Phase, ReleasePolicy};
use crate::source::{Place, Span};
use crate::verdict::gates::ships_anything;

/// Detectors by the name a rule file gives.
pub const DETECTORS: &[(&str, Detector)] = &[
    ("release.outside_window", times::outside_window),
    ("release.at_peak", times::at_peak),
    ("release.in_freeze", times::in_freeze),
    ("release.approval_missing", times::approval_missing),
    ("release.invalid_window", times::invalid_window),
    ("release.no_on_call", no_on_call),
    ("release.no_stakeholders", no_stakeholders),
    ("release.not_notified", not_notified),
    ("release.no_smoke_test", no_smoke_test),
    ("release.smoke_test_not_found", smoke_test_not_found),
    ("release.no_dashboard", no_dashboard),
];

/// The repository says that it releases: the release gates are then required.
pub fn declared(inspection: &Inspection) -> bool {
    inspection.release.is_declared(&inspection.settings)
}

/// A release is declared, and the change ships something.
fn wanted(inspection: &Inspection) -> bool {
    !inspection.settings.history_unknown && ships_anything(&inspection.change) && declared(inspection)
}

fn policy(inspection: &Inspection) -> Option<&ReleasePolicy> {
    inspection.settings.policy.release.as_ref()
}

/// What the policy and the documents name, in that order.
fn named(inspection: &Inspection, of_policy: fn(&ReleasePolicy) -> &[String], of_plan: fn(&Plan) -> Vec<&str>) -> Vec<&str> {
    let policy = policy(inspection).map(of_policy).unwrap_or_default().iter().map(String::as_str).filter(|name| is_name(name));
    policy.chain(inspection.release.plans.iter().flat_map(of_plan)).collect()
}

pub fn on_call(inspection: &Inspection) -> Vec<&str> {
    named(inspection, |policy| &policy.on_call, |plan| plan.on_call.iter().map(|named| named.text.as_str()).collect())
}

pub fn stakeholders(inspection: &Inspection) -> Vec<&str> {
    named(inspection, |policy| &policy.stakeholders, |plan| plan.stakeholders.iter().map(|named| named.text.as_str()).collect())
}

pub fn smoke_tests(inspection: &Inspection) -> Vec<&str> {
    named(inspection, |policy| &policy.smoke_tests, |plan| plan.smoke_tests.iter().map(|test| test.named.text.as_str()).collect())
}

pub fn dashboards(inspection: &Inspection) -> Vec<&str> {
    named(inspection, |policy| &policy.dashboards, |plan| plan.dashboards.iter().map(|named| named.text.as_str()).collect())
}

/// A finding in a document.
fn in_plan(inspection: &Inspection, rule: &Rule, plan: &Plan, span: Span, name: &str, message: String) -> Finding {
    let mut found = at(rule, Subject::of(SubjectKind::Section, name), message, &[]);
    found.path = inspection.sources.path(plan.source).to_owned();
    found.place = Some(Place { file: plan.source, span });
    found
}

/// A finding about something that is nowhere: in the document that declares the release, else in the policy.
fn missing(inspection: &Inspection, rule: &Rule, name: &str, message: &str) -> Finding {
    if let Some(plan) = inspection.release.plans.iter().find(|plan| plan.declared) {
        return in_plan(inspection, rule, plan, plan.first, name, message.to_owned());
    }
    let mut found = at(rule, Subject::of(SubjectKind::File, POLICY_FILE), message.to_owned(), &[]);
    found.path = POLICY_FILE.to_owned();
    found
}

fn no_on_call(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    if wanted(inspection) && on_call(inspection).is_empty() {
        out.push(missing(
            inspection,
            rule,
            "on call",
            "Neither the policy nor the rollback document says who is on call during the rollout.",
        ));
    }
}

fn no_stakeholders(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    if wanted(inspection) && stakeholders(inspection).is_empty() {
        out.push(missing(
            inspection,
            rule,
            "stakeholders",
            "Neither the policy nor the rollback document names who has to know of the rollout.",
        ));
    }
}

/// Named, and nothing says that they were told. Before the deploy that is still to come.
fn not_notified(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    if !wanted(inspection) || stakeholders(inspection).is_empty() {
        return;
    }
    let told: Vec<_> = inspection.release.plans.iter().filter_map(|plan| Some((plan, plan.notified.as_ref()?))).collect();
    let mut found = match told.first() {
        None => {
            let who = stakeholders(inspection).join(", ");
            missing(inspection, rule, "notified", &format!("Nothing says that {who} were told: no document has `notified`."))
        }
        Some((plan, notified)) => {
            let problem = match (&notified.at, inspection.release.moment) {
                (Err(problem), _) => format!("`notified` does not say when: {problem}."),
                (Ok(at), Some(moment)) if *at > moment.at => {
                    format!("The stakeholders are told at {at}, after the moment that is judged, {}.", moment.spoken())
                }
                (Ok(_), _) if notified.by.is_none() => "`notified` does not say who told them.".to_owned(),
                _ => return,
            };
            in_plan(inspection, rule, plan, notified.span, "notified", problem)
        }
    };
    if inspection.settings.phase != Phase::Deploy {
        found.severity = Severity::Warn;
    }
    out.push(found);
}

fn no_smoke_test(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    if wanted(inspection) && smoke_tests(inspection).is_empty() {
        out.push(missing(
            inspection,
            rule,
            "smoke tests",
            "Neither the policy nor the rollback document names a test that is run after the deploy.",
        ));
    }
}

fn no_dashboard(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    if wanted(inspection) && dashboards(inspection).is_empty() {
        out.push(missing(
            inspection,
            rule,
            "dashboards",
            "Neither the policy nor the rollback document names a dashboard to watch during the rollout.",
        ));
    }
}

/// Scripts, targets and workflows that are to be run after the deploy, and are not at this revision.
fn smoke_test_not_found(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    if !wanted(inspection) {
        return;
    }
    let problem = |command: &str| unresolved(&inspection.change.head_tree, command);
    for test in policy(inspection).map(|policy| policy.smoke_tests.as_slice()).unwrap_or_default() {
        if let Some(problem) = problem(test) {
            let message = format!("The policy's smoke test `{test}` cannot be run: {problem}");
            let mut found = at(rule, Subject::of(SubjectKind::File, test.as_str()), message, &[]);
            found.path = POLICY_FILE.to_owned();
            out.push(found);
        }
    }
    for plan in &inspection.release.plans {
        for test in plan.smoke_tests.iter().filter(|test| test.runnable) {
            if let Some(problem) = problem(&test.named.text) {
                let message = format!("This smoke test cannot be run: {problem}");
                out.push(in_plan(inspection, rule, plan, test.named.span, &test.named.text, message));
            }
        }
    }
}
