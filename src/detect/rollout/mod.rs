//! The staged rollout: units of the change in, findings about stages, analyses and what aborts them out.
//!
//! A change answers in full for what it introduces. What was at base already and ships along is at most a warning, and what a
//! change of code alone ships through is only said before the rollout itself (`deploy`); the gate knows of it in every phase.

mod analysis;
mod drift;
mod stages;
mod weaken;

pub use drift::estimate_impossible;

use super::flag::option;
use super::step::at;
use super::{Detector, Inspection};
use crate::finding::{Finding, Severity, Subject, SubjectKind};
use crate::rollout::{Reach, Rolled};
use crate::rule::Rule;
use crate::settings::{Phase, RuleSeverity};
use crate::source::Place;
use crate::verdict::gates::ships_anything;

/// Looks at one unit for one rule.
type Check = fn(&Inspection, &Rule, &Rolled, &mut Vec<Finding>);

/// Checks of one unit, by the name a rule file gives.
const CHECKS: &[(&str, Check)] = &[
    ("rollout.first_stage_too_large", stages::first_stage_too_large),
    ("rollout.stage_without_pause", stages::stage_without_pause),
    ("rollout.dwell_too_short", stages::dwell_too_short),
    ("rollout.too_few_stages", stages::too_few_stages),
    ("rollout.last_jump_too_large", stages::last_jump_too_large),
    ("rollout.no_stages", stages::no_stages),
    ("rollout.all_at_once", stages::all_at_once),
    ("rollout.first_apply", stages::first_apply),
    ("rollout.no_analysis", analysis::no_analysis),
    ("rollout.no_error_metric", analysis::no_error_metric),
    ("rollout.no_latency_metric", analysis::no_latency_metric),
    ("rollout.no_business_metric", analysis::no_business_metric),
    ("rollout.threshold_never_fires", analysis::threshold_never_fires),
    ("rollout.no_automatic_abort", analysis::no_automatic_abort),
    ("rollout.template_not_found", analysis::template_not_found),
    ("rollout.definition_invalid", analysis::definition_invalid),
    ("rollout.definition_misleading", analysis::definition_misleading),
    ("rollout.weakened", weaken::weakened),
];

/// Detectors by the name a rule file gives.
pub const DETECTORS: &[(&str, Detector)] = &[
    ("rollout.first_stage_too_large", by_unit),
    ("rollout.stage_without_pause", by_unit),
    ("rollout.dwell_too_short", by_unit),
    ("rollout.too_few_stages", by_unit),
    ("rollout.last_jump_too_large", by_unit),
    ("rollout.no_stages", by_unit),
    ("rollout.all_at_once", by_unit),
    ("rollout.first_apply", by_unit),
    ("rollout.no_analysis", by_unit),
    ("rollout.no_error_metric", by_unit),
    ("rollout.no_latency_metric", by_unit),
    ("rollout.no_business_metric", by_unit),
    ("rollout.threshold_never_fires", by_unit),
    ("rollout.no_automatic_abort", by_unit),
    ("rollout.template_not_found", by_unit),
    ("rollout.definition_invalid", by_unit),
    ("rollout.definition_misleading", by_unit),
    ("rollout.weakened", by_unit),
    ("rollout.unreadable", unreadable),
    ("rollout.plan_drift", drift::plan_drift),
    ("rollout.estimate_impossible", estimate_impossible),
];

/// Runs the rule's check on every unit the change is shown for.
fn by_unit(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let shown = |rolled: &&Rolled| match rolled.reach {
        Reach::Introduced | Reach::Touched => true,
        Reach::Carries => inspection.settings.phase == Phase::Deploy,
        Reach::Aside => false,
    };
    for rolled in inspection.rollouts.in_reach().filter(shown) {
        let first = out.len();
        check(inspection, rule, rolled, out);
        if rolled.reach != Reach::Introduced {
            out[first..].iter_mut().for_each(|finding| finding.severity = finding.severity.min(Severity::Warn));
        }
    }
}

fn check(inspection: &Inspection, rule: &Rule, rolled: &Rolled, out: &mut Vec<Finding>) {
    let found = CHECKS.iter().find(|(name, _)| rule.detector.as_deref() == Some(name));
    if let Some((_, check)) = found.filter(|_| ships_anything(&inspection.change)) {
        check(inspection, rule, rolled, out);
    }
}

/// What every rule would say of the units that the change ships through without introducing them. Nobody is shown these; the
/// gate asks whether one of them would block.
pub fn latent(inspection: &Inspection, rules: &[Rule]) -> Vec<Finding> {
    let mut out = Vec::new();
    for rule in rules {
        let wanted = inspection.settings.policy.rules.get(&rule.id).and_then(|policy| policy.severity);
        if wanted == Some(RuleSeverity::Off) {
            continue;
        }
        let first = out.len();
        for rolled in inspection.rollouts.in_reach().filter(|rolled| rolled.reach != Reach::Introduced) {
            check(inspection, rule, rolled, &mut out);
        }
        if let Some(severity) = wanted.and_then(RuleSeverity::severity) {
            out[first..].iter_mut().for_each(|finding| finding.severity = severity);
        }
    }
    out
}

/// A finding about a unit at one of its places.
fn finding(inspection: &Inspection, rule: &Rule, rolled: &Rolled, place: Place, message: String) -> Finding {
    let name = &rolled.unit.name;
    let vars = [("unit", name.clone()), ("system", rolled.unit.system.title().to_owned())];
    let mut found = at(rule, Subject::of(SubjectKind::Unit, name.as_str()), message, &vars);
    found.path = inspection.sources.path(place.file).to_owned();
    found.place = Some(place);
    found
}

/// A number that the policy or the rule sets.
fn limit(inspection: &Inspection, rule: &Rule, name: &str) -> f64 {
    option(inspection, rule, name).and_then(serde_yaml::Value::as_f64).unwrap_or(0.0)
}

/// Manifests of the change that nothing could be read of. Charts of plain workloads promise no stages, so one note is for all.
fn unreadable(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    if !ships_anything(&inspection.change) {
        return;
    }
    let touched = inspection.rollouts.unread.iter().filter(|unread| unread.touched).map(|unread| &unread.what);
    let (plain, certain): (Vec<_>, Vec<_>) = touched.partition(|what| what.template && !what.progressive);
    let more = if plain.len() > 1 { format!(" The same goes for {} more.", plain.len() - 1) } else { String::new() };
    for (what, severity, more) in
        certain.into_iter().map(|what| (what, Severity::Block, "")).chain(plain.first().map(|what| (*what, Severity::Note, more.as_str())))
    {
        let message = format!("How {} is rolled out cannot be told: {}.{more}", what.path, what.reason);
        let mut found = at(rule, Subject::of(SubjectKind::File, what.path.as_str()), message, &[]);
        found.path = what.path.clone();
        found.place = what.place;
        found.severity = found.severity.min(severity);
        out.push(found);
    }
    for rolled in inspection.rollouts.in_reach().filter(|rolled| matches!(rolled.reach, Reach::Introduced | Reach::Touched)) {
        if let Some(open) = rolled.unit.open.first().filter(|_| rolled.is_declared()) {
            let message = format!("How `{}` is rolled out cannot be told in full: {}.", rolled.unit.name, open.text);
            out.push(finding(inspection, rule, rolled, open.place, message));
        }
    }
}
