//! What watches a unit in, findings about what is not watched, what cannot fail and what does not go back out.

use super::finding;
use crate::detect::Inspection;
use crate::finding::{Finding, Severity};
use crate::read::rollout::model::{Abort, Class, FlawKind, Shift, System, Threshold};
use crate::rollout::Rolled;
use crate::rule::Rule;

/// A unit in stages. What is shifted in another way is judged by other rules.
fn is_staged(rolled: &Rolled) -> bool {
    rolled.unit.shift == Shift::Staged
}

pub fn no_analysis(inspection: &Inspection, rule: &Rule, rolled: &Rolled, out: &mut Vec<Finding>) {
    let unit = &rolled.unit;
    // Services of AWS and Nomad go back by alarms and health: another rule asks for those.
    let analyses = matches!(unit.system, System::ArgoRollouts | System::Flagger | System::Document);
    if !is_staged(rolled) || !analyses || !unit.analysis.is_empty() {
        return;
    }
    let message = format!("Nothing watches `{}` while it goes {}: no metric is analysed, so no error stops it.", unit.name, unit.ladder());
    let mut found = finding(inspection, rule, rolled, unit.strategy, message);
    if unit.stages.iter().all(|stage| stage.dwell.manual) {
        // A person looks before every step.
        found.severity = found.severity.min(Severity::Warn);
    }
    out.push(found);
}

/// Metrics are there, all of them are known, and none is of the class.
fn lacks(rolled: &Rolled, class: Class) -> bool {
    let analysis = &rolled.unit.analysis;
    let known = analysis.missing.is_empty() && analysis.metrics.iter().all(|metric| metric.class != Class::Opaque);
    is_staged(rolled) && !analysis.metrics.is_empty() && known && !analysis.metrics.iter().any(|metric| metric.class == class)
}

fn missing_class(inspection: &Inspection, rule: &Rule, rolled: &Rolled, class: Class, what: &str, out: &mut Vec<Finding>) {
    if lacks(rolled, class) {
        let names: Vec<&str> = rolled.unit.analysis.metrics.iter().take(5).map(|metric| metric.name.as_str()).collect();
        let place = rolled.unit.analysis.place.unwrap_or(rolled.unit.strategy);
        let message = format!("No metric of `{}` measures {what}; analysed: {}.", rolled.unit.name, names.join(", "));
        out.push(finding(inspection, rule, rolled, place, message));
    }
}

pub fn no_error_metric(inspection: &Inspection, rule: &Rule, rolled: &Rolled, out: &mut Vec<Finding>) {
    missing_class(inspection, rule, rolled, Class::ErrorRate, "errors", out);
}

pub fn no_latency_metric(inspection: &Inspection, rule: &Rule, rolled: &Rolled, out: &mut Vec<Finding>) {
    missing_class(inspection, rule, rolled, Class::Latency, "latency", out);
}

pub fn no_business_metric(inspection: &Inspection, rule: &Rule, rolled: &Rolled, out: &mut Vec<Finding>) {
    // A document's triggers are for people, who see the business anyway.
    if rolled.unit.system != System::Document {
        missing_class(inspection, rule, rolled, Class::Business, "the business (orders, sign-ups, payments)", out);
    }
}

pub fn threshold_never_fires(inspection: &Inspection, rule: &Rule, rolled: &Rolled, out: &mut Vec<Finding>) {
    let metrics = &rolled.unit.analysis.metrics;
    let others = metrics.iter().any(|metric| matches!(metric.threshold, Threshold::Fires { .. }));
    for metric in metrics {
        let Threshold::Never { why } = &metric.threshold else { continue };
        let message = format!("The metric `{}` never aborts `{}`: {why}.", metric.name, rolled.unit.name);
        let mut found = finding(inspection, rule, rolled, metric.place, message);
        if others && why.contains("dry run") {
            // A new metric is tried out beside those that count.
            found.severity = found.severity.min(Severity::Note);
        }
        out.push(found);
    }
}

pub fn no_automatic_abort(inspection: &Inspection, rule: &Rule, rolled: &Rolled, out: &mut Vec<Finding>) {
    let unit = &rolled.unit;
    let Abort::Missing { why, place } = &unit.abort else { return };
    // Without an analysis Argo and Flagger are told so already; a workload of Kubernetes has no such switch.
    let switch = matches!(unit.system, System::Sam | System::CodeDeploy | System::Ecs | System::Nomad | System::Swarm);
    if switch && !matches!(unit.shift, Shift::AllAtOnce { .. } | Shift::Unknown) {
        let message = format!("When the new version of `{}` fails, nothing goes back by itself: {why}.", unit.name);
        out.push(finding(inspection, rule, rolled, *place, message));
    }
}

pub fn template_not_found(inspection: &Inspection, rule: &Rule, rolled: &Rolled, out: &mut Vec<Finding>) {
    for missing in &rolled.unit.analysis.missing {
        let message = format!("What watches `{}` cannot be told: {}.", rolled.unit.name, missing.text);
        out.push(finding(inspection, rule, rolled, missing.place, message));
    }
}

fn flaws(inspection: &Inspection, rule: &Rule, rolled: &Rolled, kind: FlawKind, out: &mut Vec<Finding>) {
    for flaw in rolled.unit.flaws.iter().filter(|flaw| flaw.kind == kind) {
        let message = format!("`{}`: {}.", rolled.unit.name, flaw.message);
        out.push(finding(inspection, rule, rolled, flaw.place, message));
    }
}

pub fn definition_invalid(inspection: &Inspection, rule: &Rule, rolled: &Rolled, out: &mut Vec<Finding>) {
    flaws(inspection, rule, rolled, FlawKind::Invalid, out);
}

pub fn definition_misleading(inspection: &Inspection, rule: &Rule, rolled: &Rolled, out: &mut Vec<Finding>) {
    flaws(inspection, rule, rolled, FlawKind::Misleading, out);
}
