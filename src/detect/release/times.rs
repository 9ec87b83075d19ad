//! Times: the planned window of each document and the judged moment against the policy's calendar, findings out.
//!
//! A planned window is judged in every phase. The moment is judged when it is given, and in the `deploy` phase, where the head
//! commit's time stands in for it: a commit made at night is no reason not to merge it.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{in_plan, policy, wanted};
use crate::detect::Inspection;
use crate::detect::step::at;
use crate::finding::{Finding, Severity, Subject, SubjectKind};
use crate::read::release::{Moment, Plan, Window};
use crate::rule::Rule;
use crate::settings::{Calendar, POLICY_FILE, Phase, Stretch};

/// The moment that windows, peak hours and freezes are held against, for a change that declares a release.
fn moment(inspection: &Inspection) -> Option<Moment> {
    inspection.release.judged(&inspection.settings).filter(|_| wanted(inspection))
}

/// The policy's times; a policy with wrong ones is refused when it is read.
fn calendar(inspection: &Inspection) -> Option<Calendar> {
    policy(inspection)?.calendar().ok()
}

/// A point in time in the zone of the policy.
fn local(at: Timestamp, zone: &TimeZone) -> String {
    let text = zone.to_datetime(at).strftime("%a %Y-%m-%d %H:%M").to_string();
    match zone.iana_name() {
        Some(name) => format!("{text} {name}"),
        None => format!("{text} UTC"),
    }
}

fn range(stretch: Stretch, zone: &TimeZone) -> String {
    format!("{} to {}", zone.to_datetime(stretch.start).strftime("%a %Y-%m-%d %H:%M"), local(stretch.end, zone))
}

/// Who approved a planned window, if they may.
fn approval<'a>(inspection: &Inspection, window: &'a Window) -> Option<&'a str> {
    let named = window.approved_by.as_ref()?.text.as_str();
    let approvers = policy(inspection).map(|policy| policy.approvers.as_slice()).unwrap_or_default();
    (approvers.is_empty() || approvers.iter().any(|approver| approver == named)).then_some(named)
}

/// Planned windows that can be judged.
fn planned(inspection: &Inspection) -> impl Iterator<Item = (&Plan, &Window, Stretch)> {
    let plans = if wanted(inspection) { inspection.release.plans.as_slice() } else { &[] };
    plans.iter().filter_map(|plan| Some((plan, plan.window.as_ref()?, plan.window.as_ref()?.stretch()?)))
}

/// A finding about the moment, in the policy that it breaks.
fn in_policy(rule: &Rule, message: String) -> Finding {
    let mut found = at(rule, Subject::of(SubjectKind::File, POLICY_FILE), message, &[]);
    found.path = POLICY_FILE.to_owned();
    found
}

pub fn invalid_window(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    if !wanted(inspection) {
        return;
    }
    for plan in &inspection.release.plans {
        let Some(window) = &plan.window else { continue };
        if let Err(problem) = &window.times {
            let message = format!("The planned window cannot be used: {problem}.");
            out.push(in_plan(inspection, rule, plan, window.span, "window", message));
        }
    }
}

/// The moment is outside the planned window, or, where none is planned, outside the policy's.
pub fn outside_window(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let Some(moment) = moment(inspection) else { return };
    let calendar = calendar(inspection);
    let zone = calendar.as_ref().map_or(TimeZone::UTC, |calendar| calendar.zone.clone());
    let plans: Vec<_> = planned(inspection).collect();
    for (plan, window, stretch) in &plans {
        if moment.at < stretch.start || moment.at >= stretch.end {
            let side = if moment.at < stretch.start { "before" } else { "after" };
            let message =
                format!("{} is {side} the planned window, {}: {}.", local(moment.at, &zone), range(*stretch, &zone), moment.spoken());
            out.push(in_plan(inspection, rule, plan, window.span, "window", message));
        }
    }
    if plans.is_empty() && calendar.is_some_and(|calendar| !calendar.allows(Stretch::moment(moment.at))) {
        let message = format!("{} is in none of the policy's release windows: {}.", local(moment.at, &zone), moment.spoken());
        out.push(in_policy(rule, message));
    }
}

/// A planned window that the policy's windows do not cover, and nobody who may approved it.
pub fn approval_missing(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let Some(calendar) = calendar(inspection) else { return };
    for (plan, window, stretch) in planned(inspection).filter(|(_, _, stretch)| !calendar.allows(*stretch)) {
        let outside = format!("The planned window, {}, is not within the policy's release windows", range(stretch, &calendar.zone));
        let message = match (approval(inspection, window), &window.approved_by) {
            (Some(_), _) => continue,
            (None, Some(named)) => format!("{outside}, and {} is not among those who may approve that.", named.text),
            (None, None) => format!("{outside}, and nobody approved it."),
        };
        out.push(in_plan(inspection, rule, plan, window.span, "window", message));
    }
}

pub fn at_peak(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let Some(calendar) = calendar(inspection) else { return };
    hits(inspection, rule, out, "peak hours", &|stretch| {
        calendar.peak(stretch).map(|peak| format!("the peak hours {}", range(peak, &calendar.zone)))
    });
}

pub fn in_freeze(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    if inspection.release.deploy_freeze {
        let mut found = in_policy(rule, "GitLab runs this pipeline in a deploy freeze: `CI_DEPLOY_FREEZE` is set.".to_owned());
        if inspection.settings.phase != Phase::Deploy {
            found.severity = Severity::Note;
        }
        out.push(found);
    }
    let Some(calendar) = calendar(inspection) else { return };
    hits(inspection, rule, out, "freeze", &|stretch| {
        let (freeze, because) = calendar.freeze(stretch)?;
        let because = because.map(|because| format!(" ({because})")).unwrap_or_default();
        Some(format!("the freeze {}{because}", range(freeze, &calendar.zone)))
    });
}

/// Planned windows and the moment that run into something; an approved window is only noted.
fn hits(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>, name: &str, hit: &dyn Fn(Stretch) -> Option<String>) {
    let mut covered = false;
    for (plan, window, stretch) in planned(inspection) {
        let Some(what) = hit(stretch) else { continue };
        let approved = approval(inspection, window);
        let by = approved.map(|name| format!(", approved by {name}")).unwrap_or_default();
        let mut found = in_plan(inspection, rule, plan, window.span, name, format!("The planned window runs into {what}{by}."));
        if approved.is_some() {
            found.severity = Severity::Note;
        }
        covered = true;
        out.push(found);
    }
    let judged = moment(inspection).filter(|_| !covered);
    if let Some((moment, what)) = judged.and_then(|moment| Some((moment, hit(Stretch::moment(moment.at))?))) {
        out.push(in_policy(rule, format!("The moment of the rollout is in {what}: {}.", moment.spoken())));
    }
}
