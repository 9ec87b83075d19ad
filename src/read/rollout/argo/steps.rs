//! The steps of a canary in, its stages out: weight by weight, with the pauses, analyses and experiments between.

use super::Reading;
use super::analysis::Collector;
use super::replicas::canary_pods;
use crate::read::rollout::model::{Dwell, FlawKind, Rounded, Stage, percent};
use crate::read::rollout::quantity::{self, count, is_computed, number, of_total, seconds};
use crate::read::tree::Node;
use crate::source::Span;

#[derive(Default)]
pub struct Walked {
    pub stages: Vec<Stage>,
    /// The step that sets all traffic, if one does.
    pub full: Option<Span>,
    /// A step could not be understood.
    pub open: bool,
    /// What has to be passed before the first weight, as a clause.
    pub gate: Option<String>,
}

/// Who turns a weight into a share.
enum Share {
    /// A router does it exactly.
    Routed { max: f64 },
    /// The share of pods.
    Pods { replicas: u64, surge: u64, why: String },
    /// The number of pods is not written here.
    Unknown,
}

pub fn walk(reading: &mut Reading, canary: &Node, steps: &[Node], collector: &mut Collector) -> Walked {
    let share = share(reading, canary);
    let mut walked = Walked::default();
    let mut weight: Option<f64> = None;
    for step in steps {
        if let Some(set) = step.get("setWeight") {
            let Some(value) = number(set) else {
                reading.open(set.span, "a weight is filled in by a template");
                walked.open = true;
                continue;
            };
            set_weight(reading, &share, &mut walked, set.span, weight, value);
            weight = Some(value);
            if walked.full.is_some() {
                // What follows runs with all traffic on the new version; its analyses still count.
                continue;
            }
        }
        let dwell = dwell(reading, step, collector, &mut walked);
        if let (Some(stage), None) = (walked.stages.last_mut(), walked.full)
            && weight.is_some_and(|weight| weight > 0.0)
        {
            stage.dwell.seconds = stage.dwell.seconds.saturating_add(dwell.seconds);
            stage.dwell.manual |= dwell.manual;
            stage.dwell.open |= dwell.open;
        } else if walked.stages.is_empty() && walked.full.is_none() {
            let analysed = step.get("analysis").is_some() || step.at(&["experiment", "analyses"]).is_some();
            let gate = if analysed { "an analysis before any traffic" } else { "a person's promotion before any traffic" };
            walked.gate = walked.gate.take().or_else(|| (dwell.manual || analysed).then(|| gate.to_owned()));
        }
    }
    starved(reading, canary, steps);
    walked
}

/// How the weights of this canary become shares.
fn share(reading: &mut Reading, canary: &Node) -> Share {
    if let Some(routing) = canary.get("trafficRouting").filter(|routing| !routing.is_null()) {
        return Share::Routed { max: routing.get("maxTrafficWeight").and_then(number).filter(|max| *max > 0.0).unwrap_or(100.0) };
    }
    let spec = reading.rollout.node.get("spec");
    let written = spec.and_then(|spec| spec.get("replicas"));
    let scaler = reading.objects.scaler(reading.rollout);
    let (replicas, why) = match (scaler, written) {
        (Some(scaler), _) => {
            let least = scaler.node.at(&["spec", "minReplicas"]).or_else(|| scaler.node.at(&["spec", "minReplicaCount"]));
            (
                least.map_or(Some(1), count),
                format!("its autoscaler may go down to {}", replicas_in_words(least.and_then(count).unwrap_or(1))),
            )
        }
        (None, Some(written)) => (count(written), format!("it has {}", replicas_in_words(count(written).unwrap_or(0)))),
        (None, None) => (Some(1), "it has 1 replica, the default".to_owned()),
    };
    let Some(replicas) = replicas.filter(|replicas| *replicas > 0) else {
        if let Some(written) = written {
            reading.open(written.span, "the number of replicas is not written here, so the share of a weight cannot be told");
        }
        return Share::Unknown;
    };
    // 25 %, rounded up, is the default.
    let surge = match canary.get("maxSurge") {
        Some(surge) => of_total(surge, replicas, true).unwrap_or(1),
        None => replicas.div_ceil(4),
    };
    Share::Pods { replicas, surge, why }
}

fn replicas_in_words(count: u64) -> String {
    if count == 1 { "1 replica".to_owned() } else { format!("{count} replicas") }
}

fn set_weight(reading: &mut Reading, share: &Share, walked: &mut Walked, span: Span, before: Option<f64>, value: f64) {
    let max = if let Share::Routed { max } = share { *max } else { 100.0 };
    if !(0.0..=max).contains(&value) {
        reading.flaw(FlawKind::Invalid, span, format!("a weight of {value} is not between 0 and {max}"));
        walked.open = true;
        return;
    }
    if before.is_some_and(|before| value < before) && value > 0.0 {
        reading.flaw(
            FlawKind::Misleading,
            span,
            format!("the weight goes down from {} to {value} in the middle of the rollout", before.unwrap_or(0.0)),
        );
    }
    if value == max {
        walked.full = Some(span);
        return;
    }
    if value == 0.0 || before == Some(value) {
        return;
    }
    let (percent, rounded) = match share {
        Share::Routed { max } => (value * 100.0 / max, None),
        Share::Unknown => (value, None),
        Share::Pods { replicas, surge, why } => {
            let (pods, total) = canary_pods(*replicas, value, 100.0, *surge);
            let effective = if total == 0 { 0.0 } else { pods as f64 * 100.0 / total as f64 };
            let why = format!("{why} and no traffic routing, so {} is {pods} of {total} pods", percent(value));
            ((effective * 100.0).round() / 100.0, ((effective - value).abs() >= 0.5).then_some(Rounded { declared: value, why }))
        }
    };
    walked.stages.push(Stage { percent, rounded, place: reading.atlas.place(span), dwell: Dwell::default() });
}

/// How long one step that sets no weight takes.
fn dwell(reading: &mut Reading, step: &Node, collector: &mut Collector, walked: &mut Walked) -> Dwell {
    if let Some(pause) = step.get("pause") {
        return match pause.get("duration").filter(|duration| !duration.is_null()) {
            None => Dwell::MANUAL,
            Some(duration) => match seconds(duration) {
                Some(time) => Dwell::of(time),
                None if is_computed(duration) => {
                    reading.open(duration.span, "a pause is filled in by a template");
                    Dwell { open: true, ..Dwell::default() }
                }
                None => {
                    let text = duration.as_str().unwrap_or_default();
                    reading.flaw(FlawKind::Invalid, duration.span, format!("`{text}` is no duration; write `15m`, or seconds"));
                    Dwell::default()
                }
            },
        };
    }
    if let Some(analysis) = step.get("analysis").filter(|analysis| !analysis.is_null()) {
        return collector.inline(reading, analysis, true);
    }
    if let Some(experiment) = step.get("experiment").filter(|experiment| !experiment.is_null()) {
        let watched = collector.experiment(reading, experiment);
        return match experiment.get("duration").and_then(seconds) {
            Some(time) => Dwell::of(time),
            // Without a duration and an analysis it runs until somebody ends it.
            None if experiment.get("analyses").is_none() => Dwell::MANUAL,
            None => watched,
        };
    }
    if step.get("plugin").is_some() {
        return Dwell { open: true, ..Dwell::default() };
    }
    let known = ["setWeight", "setCanaryScale", "setHeaderRoute", "setMirrorRoute", "replicaProgressThreshold"];
    if !step.entries().iter().any(|(key, _)| key.as_str().is_some_and(|key| known.contains(&key))) {
        reading.open(step.span, "a step is not known");
        walked.open = true;
        return Dwell { open: true, ..Dwell::default() };
    }
    Dwell::default()
}

/// A fixed canary scale that a later weight overloads: the trap of Argo's own documentation.
fn starved(reading: &mut Reading, canary: &Node, steps: &[Node]) {
    if canary.get("trafficRouting").is_none_or(Node::is_null) {
        return;
    }
    let mut scale: Option<(f64, Span)> = None;
    for step in steps {
        if let Some(set) = step.get("setCanaryScale") {
            let matched = set.get("matchTrafficWeight").and_then(quantity::flag).unwrap_or(false);
            scale = set.get("weight").and_then(number).filter(|_| !matched).map(|weight| (weight, set.span));
        }
        if let (Some((pods, _)), Some(set)) = (scale, step.get("setWeight"))
            && let Some(weight) = number(set)
            && weight > pods * 2.0
            && weight < 100.0
        {
            let message =
                format!("{} of the traffic goes to {} of the pods, because `setCanaryScale` holds", percent(weight), percent(pods));
            return reading.flaw(FlawKind::Misleading, set.span, message);
        }
    }
}
