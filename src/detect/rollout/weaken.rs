//! A unit at base and at head in, one finding out when the change takes away some of its protection.

use std::sync::LazyLock;

use regex::Regex;

use super::finding;
use crate::detect::Inspection;
use crate::finding::{Finding, Label, Severity};
use crate::read::rollout::model::{Abort, Shift, Stage, Threshold, Unit, percent};
use crate::rollout::Rolled;
use crate::rule::Rule;

/// One protection that is less than it was, and whether what is left is still a canary worth the name.
struct Loss {
    text: String,
    grave: bool,
}

/// Within these nothing is weak, whatever it was.
struct Limits {
    fair_percent: f64,
    max_percent: f64,
    min_seconds: u64,
    min_stages: usize,
    abort_seconds: u64,
}

impl Limits {
    fn of(inspection: &Inspection, rule: &Rule) -> Limits {
        let limit = |name| super::limit(inspection, rule, name);
        Limits {
            fair_percent: limit("fair_percent"),
            max_percent: limit("max_percent"),
            min_seconds: (limit("min_minutes") * 60.0) as u64,
            min_stages: limit("min_stages") as usize,
            abort_seconds: (limit("max_abort_minutes") * 60.0) as u64,
        }
    }
}

pub fn weakened(inspection: &Inspection, rule: &Rule, rolled: &Rolled, out: &mut Vec<Finding>) {
    let Some(before) = &rolled.before else { return };
    let limits = Limits::of(inspection, rule);
    let mut losses = shift(before, &rolled.unit);
    // Of a tool made for stages `rollout/unreadable` says what cannot be told.
    losses.extend(hidden(before, &rolled.unit).filter(|_| !rolled.is_declared()));
    if losses.is_empty() {
        losses = ladder(before, &rolled.unit, &limits);
        losses.extend(gate(before, &rolled.unit, &limits));
        losses.extend(patience(before, &rolled.unit, &limits));
        losses.extend(analysis(before, &rolled.unit));
    }
    if losses.is_empty() {
        return;
    }
    let grave = losses.iter().any(|loss| loss.grave);
    let texts: Vec<String> = losses.into_iter().map(|loss| loss.text).collect();
    let message = format!("This change weakens the rollout of `{}` that it ships with: {}.", rolled.unit.name, texts.join("; "));
    let mut found = finding(inspection, rule, rolled, rolled.unit.strategy, message);
    if !grave {
        found.severity = found.severity.min(Severity::Warn);
    }
    found.labels.push(Label { place: before.strategy, text: format!("at base: {}", described(before)) });
    out.push(found);
}

fn described(unit: &Unit) -> String {
    match &unit.shift {
        Shift::Staged => unit.ladder(),
        Shift::Gated { gate } => format!("after {gate}"),
        Shift::Rolling { .. } => "pod by pod".to_owned(),
        Shift::AllAtOnce { .. } => "all at once".to_owned(),
        Shift::Split { .. } => "a split by weight".to_owned(),
        Shift::Unknown => format!("a {}", unit.system.title()),
    }
}

/// How safe a way is by itself; nothing where it cannot be told.
fn rank(unit: &Unit) -> Option<u8> {
    match &unit.shift {
        Shift::Staged => Some(3),
        Shift::Gated { .. } => Some(2),
        Shift::Rolling { .. } => Some(1),
        Shift::AllAtOnce { .. } => Some(0),
        Shift::Split { .. } | Shift::Unknown => None,
    }
}

fn shift(before: &Unit, after: &Unit) -> Vec<Loss> {
    match (rank(before), rank(after)) {
        // From a gate to stages and back is a choice; from either to neither is a loss.
        (Some(old), Some(new)) if new < old && new < 2 => {
            vec![Loss { text: format!("{} becomes {}", described(before), described(after)), grave: old >= 2 }]
        }
        _ => Vec::new(),
    }
}

/// Stages at base, and at head something that only the deployment knows.
fn hidden(before: &Unit, after: &Unit) -> Option<Loss> {
    let known = matches!(before.shift, Shift::Staged | Shift::Gated { .. });
    let why = after.open.first().map(|open| format!(" ({})", open.text)).unwrap_or_default();
    let text = format!("{} becomes what cannot be told here{why}", described(before));
    (known && after.shift == Shift::Unknown).then_some(Loss { text, grave: false })
}

/// A gate that opens by itself after hardly a look is no stage.
fn gate(before: &Unit, after: &Unit, limits: &Limits) -> Option<Loss> {
    let (checks, seconds) = after.pace.gate?;
    let more = match before.shift {
        Shift::Staged => true,
        _ => before.pace.gate.is_some_and(|(old, lasted)| old > checks || lasted > seconds),
    };
    let text = format!("{} becomes a switch {}", described(before), described(after));
    (more && (checks <= 1 || seconds < limits.min_seconds)).then_some(Loss { text, grave: checks <= 1 })
}

/// How long a failing version keeps its share. Checks that are only further apart make longer stages, which is no loss.
fn patience(before: &Unit, after: &Unit, limits: &Limits) -> Option<Loss> {
    let ((old, before), (new, seconds)) = (before.pace.to_abort?, after.pace.to_abort?);
    let text =
        format!("a failing version goes back after {new} failed checks in {}, before {old} in {}", in_words(seconds), in_words(before));
    (new > old && seconds > limits.abort_seconds).then_some(Loss { text, grave: false })
}

fn ladder(before: &Unit, after: &Unit, limits: &Limits) -> Vec<Loss> {
    let mut losses = Vec::new();
    if before.shift != Shift::Staged || after.shift != Shift::Staged {
        return losses;
    }
    if let (Some(old), Some(new)) = (before.stages.first(), after.stages.first())
        && new.percent > old.percent + 0.5
        && new.percent > limits.fair_percent
    {
        let text = format!("its first stage goes from {} to {}", percent(old.percent), percent(new.percent));
        losses.push(Loss { text, grave: new.percent > limits.max_percent });
    }
    if after.stages.len() < before.stages.len() && after.stages.len() < limits.min_stages {
        losses.push(Loss {
            text: format!("{} of {} stages are gone", before.stages.len() - after.stages.len(), before.stages.len()),
            grave: false,
        });
    }
    let shortest = |unit: &Unit| unit.stages.iter().filter_map(known_dwell).min();
    if let (Some(old), Some(new)) = (shortest(before), shortest(after))
        && new < old
        && new < limits.min_seconds
    {
        let text = format!("its shortest stage lasts {}, before {}", in_words(new), in_words(old));
        losses.push(Loss { text, grave: new == 0 });
    }
    losses
}

/// A person's word outlasts every time.
fn known_dwell(stage: &Stage) -> Option<u64> {
    match stage.dwell {
        dwell if dwell.manual => Some(u64::MAX),
        dwell if dwell.open => None,
        dwell => Some(dwell.seconds),
    }
}

fn in_words(seconds: u64) -> String {
    if seconds == u64::MAX { "until a person goes on".to_owned() } else { crate::read::rollout::model::spoken(seconds) }
}

fn analysis(before: &Unit, after: &Unit) -> Vec<Loss> {
    let mut losses = Vec::new();
    let fires = |threshold: &Threshold| matches!(threshold, Threshold::Fires { .. });
    if !before.analysis.is_empty() && after.analysis.is_empty() {
        losses.push(Loss { text: "its analysis is gone".to_owned(), grave: true });
        return losses;
    }
    // A template that is named and not read may hold what is missing here.
    let open = !after.analysis.missing.is_empty() || after.analysis.checks.iter().any(|check| check.contains("kept in the cluster"));
    let known = |text: &str| before.analysis.missing.iter().any(|old| old.text == text);
    if let Some(gone) = after.analysis.missing.iter().find(|missing| !known(&missing.text)) {
        losses.push(Loss { text: format!("{} any more", gone.text), grave: before.analysis.missing.is_empty() });
    }
    for metric in before.analysis.metrics.iter().filter(|metric| fires(&metric.threshold)) {
        match after.analysis.metrics.iter().find(|other| other.name == metric.name) {
            None if open => {}
            None => {
                let replaced = after.analysis.metrics.iter().any(|other| other.class == metric.class && fires(&other.threshold));
                losses.push(Loss { text: format!("the metric `{}` is no longer analysed", metric.name), grave: !replaced });
            }
            Some(other) if !fires(&other.threshold) => {
                losses.push(Loss { text: format!("the metric `{}` cannot abort it any more", metric.name), grave: true });
            }
            Some(other) => losses.extend(relaxed(&metric.name, &metric.threshold, &other.threshold)),
        }
    }
    if let (Abort::Automatic { .. }, Abort::Missing { why, .. }) = (&before.abort, &after.abort) {
        losses.push(Loss { text: format!("nothing goes back by itself any more ({why})"), grave: true });
    }
    losses
}

static NUMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"([<>]=?|under|over)\s*(-?\d+(?:\.\d+)?)").expect("a constant pattern"));

/// The same condition with a number that lets more through.
fn relaxed(name: &str, before: &Threshold, after: &Threshold) -> Option<Loss> {
    let (Threshold::Fires { condition: old }, Threshold::Fires { condition: new }) = (before, after) else { return None };
    let shape = |text: &str| NUMBER.replace_all(text, "$1 #").into_owned();
    if shape(old) != shape(new) {
        return None;
    }
    // What is named is what passes, or what fails.
    let passes = old.starts_with("fails unless");
    let pairs = NUMBER.captures_iter(old).zip(NUMBER.captures_iter(new));
    for (a, b) in pairs {
        let (from, to): (f64, f64) = (a[2].parse().ok()?, b[2].parse().ok()?);
        let lower_bound = a[1].starts_with('>') && passes || a[1].starts_with('<') && !passes || &a[1] == "under";
        if (lower_bound && to < from) || (!lower_bound && to > from) {
            return Some(Loss { text: format!("the threshold of `{name}` goes from {from} to {to}"), grave: false });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_relaxed_in_its_own_direction() {
        let fires = |text: &str| Threshold::Fires { condition: text.to_owned() };
        for (old, new, wanted) in [
            ("fails unless result[0] >= 0.99", "fails unless result[0] >= 0.9", true),
            ("fails unless result[0] >= 0.9", "fails unless result[0] >= 0.99", false),
            ("fails unless result[0] < 500", "fails unless result[0] < 800", true),
            ("fails on result[0] > 0.01", "fails on result[0] > 0.05", true),
            ("fails on result[0] > 0.05", "fails on result[0] > 0.01", false),
            ("fails under 99", "fails under 95", true),
            ("fails over 500", "fails over 400", false),
            ("fails unless a", "fails on b", false),
        ] {
            assert_eq!(relaxed("m", &fires(old), &fires(new)).is_some(), wanted, "{old} to {new}");
        }
    }
}
