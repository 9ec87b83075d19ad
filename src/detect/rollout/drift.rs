//! The rollback document beside the manifests in, what they disagree on out: stages, thresholds, and the time a rollback takes.

use super::limit;
use crate::detect::Inspection;
use crate::detect::step::at;
use crate::finding::{Finding, Label, Severity, Subject, SubjectKind};
use crate::read::rollback::{Document, Limit};
use crate::read::rollout::classify;
use crate::read::rollout::model::{Class, Metric, Shift, Threshold, percent, spoken};
use crate::rollout::{Reach, Rolled};
use crate::rule::Rule;
use crate::source::{Place, Span};
use crate::verdict::gates::ships_anything;

fn report(inspection: &Inspection, rule: &Rule, document: &Document, span: Span, rolled: &Rolled, message: String) -> Finding {
    let name = &rolled.unit.name;
    let mut found = at(rule, Subject::of(SubjectKind::Unit, name.as_str()), message, &[("unit", name.clone())]);
    found.path = inspection.sources.path(document.source).to_owned();
    found.place = Some(Place { file: document.source, span });
    if rolled.unit.place.file != document.source {
        found.labels.push(Label { place: rolled.unit.strategy, text: format!("the manifest: {}", rolled.unit.ladder()) });
    }
    found
}

/// Documents that speak of one unit, with it.
fn pairs(inspection: &Inspection) -> Vec<(&Document, &Rolled)> {
    if inspection.settings.history_unknown || !ships_anything(&inspection.change) {
        return Vec::new();
    }
    let unit =
        |document: &Document| crate::rollout::unit_of(document, inspection.sources.text(document.source), &inspection.rollouts.units);
    inspection.rollback.documents.iter().filter_map(|document| Some((document, unit(document)?))).collect()
}

/// Old against old is no news: the change has to touch the document or the unit.
fn is_news(inspection: &Inspection, document: &Document, rolled: &Rolled) -> bool {
    rolled.reach == Reach::Introduced || inspection.change.file(inspection.sources.path(document.source)).is_some()
}

pub fn plan_drift(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for (document, rolled) in pairs(inspection) {
        let first = out.len();
        stages(inspection, rule, document, rolled, out);
        thresholds(inspection, rule, document, rolled, out);
        if !is_news(inspection, document, rolled) {
            out[first..].iter_mut().for_each(|finding| finding.severity = finding.severity.min(Severity::Warn));
        }
    }
}

fn stages(inspection: &Inspection, rule: &Rule, document: &Document, rolled: &Rolled, out: &mut Vec<Finding>) {
    if rolled.unit.shift != Shift::Staged || rolled.unit.open.iter().any(|open| open.text.contains("template")) {
        return;
    }
    let planned: Vec<_> = document.stages.iter().filter(|stage| stage.percent > 0.0 && stage.percent < 100.0).collect();
    let Some(first) = planned.first() else { return };
    let real = &rolled.unit.stages;
    let name = &rolled.unit.name;
    if planned.len() != real.len() {
        let message = format!(
            "The document promises {} stages of `{name}`, and its manifest has {}: {}.",
            planned.len(),
            real.len(),
            rolled.unit.ladder()
        );
        return out.push(report(inspection, rule, document, first.span, rolled, message));
    }
    for (promise, stage) in planned.iter().zip(real) {
        // The document may give the weight as written or the share it comes to.
        let declared = stage.rounded.as_ref().map_or(stage.percent, |rounded| rounded.declared);
        if (promise.percent - stage.percent).abs() > 1.0 && (promise.percent - declared).abs() > 1.0 {
            let message = format!(
                "The document promises a stage of {} for `{name}`, and its manifest has {}.",
                percent(promise.percent),
                percent(stage.percent)
            );
            return out.push(report(inspection, rule, document, promise.span, rolled, message));
        }
        if promise.dwell.is_some_and(|promised| stage.dwell.is_under(promised)) || promise.manual && stage.dwell.is_under(u64::MAX) {
            let promised = promise.dwell.map_or("until a person goes on".to_owned(), spoken);
            let message = format!(
                "The document promises {promised} at {} for `{name}`, and its manifest gives {}.",
                percent(promise.percent),
                stage.dwell.describe()
            );
            return out.push(report(inspection, rule, document, promise.span, rolled, message));
        }
    }
}

/// A threshold that the document sets lower than what the manifests abort at.
fn thresholds(inspection: &Inspection, rule: &Rule, document: &Document, rolled: &Rolled, out: &mut Vec<Finding>) {
    let known = rolled.unit.analysis.missing.is_empty() && !rolled.unit.analysis.metrics.is_empty();
    for promise in document.limits.iter().filter(|_| known) {
        let class = classify(&promise.metric, "", &[]);
        let mut metrics = rolled.unit.analysis.metrics.iter().filter(|metric| metric.class == class);
        // Of several metrics of a class nobody can tell which one is meant.
        let (Some(metric), None) = (metrics.next(), metrics.next()) else { continue };
        if let Some(real) = comparable(class, promise, metric)
            && (real - promise.value).abs() > promise.value.abs() * 0.01
        {
            let message = format!(
                "The document aborts on {} {} {}{}, and the metric `{}` of `{}` aborts at {real}{}.",
                promise.metric, promise.op, promise.value, promise.unit, metric.name, rolled.unit.name, promise.unit
            );
            let mut found = report(inspection, rule, document, promise.span, rolled, message);
            found.severity = found.severity.min(Severity::Warn);
            out.push(found);
        }
    }
}

/// The number a metric fails at, in the unit of the document, where both surely speak of the same.
fn comparable(class: Class, promise: &Limit, metric: &Metric) -> Option<f64> {
    let Threshold::Fires { condition } = &metric.threshold else { return None };
    let number: f64 = condition.rsplit([' ', '=', '<', '>']).next()?.parse().ok()?;
    let success = condition.contains("under") || condition.starts_with("fails unless") && condition.contains('>');
    match (class, promise.unit.as_str()) {
        // An error rate of the document, a success rate of the metric: 99 % or 0.99 against 1 %.
        (Class::ErrorRate, "%") => {
            let rate = if number <= 1.0 { number * 100.0 } else { number };
            Some(if success { ((100.0 - rate) * 1000.0).round() / 1000.0 } else { rate })
        }
        (Class::Latency, "ms") if condition.starts_with("fails over") => Some(number),
        _ => None,
    }
}

/// The document's estimate against what the manifest makes a rollback take.
pub fn estimate_impossible(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let slack = limit(inspection, rule, "slack_seconds") as u64;
    for (document, rolled) in pairs(inspection) {
        let Some(bound) = &rolled.unit.rollback else { continue };
        let Some(estimate) = document.estimates.iter().max_by_key(|estimate| estimate.seconds) else { continue };
        if bound.seconds.is_some_and(|least| least <= estimate.seconds.saturating_add(slack)) {
            continue;
        }
        let Some(command) = document.commands.iter().find(|command| starts_again(&command.text)) else { continue };
        if skips_stages(document) {
            continue;
        }
        let least = bound.seconds.map_or("waits for a person".to_owned(), |least| format!("takes {} at the least", spoken(least)));
        let message = format!(
            "`{}` cannot be back in {}: `{}` starts a rollout like any other, which {least}, because {}.",
            rolled.unit.name,
            spoken(estimate.seconds),
            command.text,
            bound.why
        );
        let mut found = report(inspection, rule, document, estimate.span, rolled, message);
        found.labels.push(Label {
            place: Place { file: document.source, span: command.span },
            text: "this goes through the stages again".to_owned(),
        });
        if !is_news(inspection, document, rolled) {
            found.severity = found.severity.min(Severity::Warn);
        }
        out.push(found);
    }
}

/// The command applies the version before, and a controller takes that for a new rollout.
fn starts_again(command: &str) -> bool {
    let words: Vec<&str> = command.split_whitespace().collect();
    let has = |wanted: &[&str]| words.windows(wanted.len()).any(|window| window == wanted);
    let kubectl = has(&["kubectl"]) && (has(&["apply"]) || has(&["set", "image"]) || has(&["undo"]));
    kubectl || [["git", "revert"], ["helm", "rollback"], ["app", "rollback"]].iter().any(|pair| has(pair))
}

/// Some command of the document cuts the stages short, or the way back is not a rollout at all.
fn skips_stages(document: &Document) -> bool {
    let mechanism = document.mechanism.as_ref().map_or("", |mechanism| mechanism.text.as_str());
    matches!(mechanism, "flag-off" | "argo-abort")
        || document.commands.iter().any(|command| {
            let text = &command.text;
            text.contains("promote") && text.contains("--full") || text.contains("rollouts abort") || text.contains("skipAnalysis")
        })
}
