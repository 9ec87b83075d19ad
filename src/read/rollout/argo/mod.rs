//! Argo Rollouts: a Rollout and the templates it names in, one unit out. Semantics of the controller's own sources (v1.9).

mod analysis;
mod replicas;
mod steps;

use super::Options;
use super::atlas::Atlas;
use super::model::{Abort, Flaw, FlawKind, Remark, Rollback, Shift, System, Unit, percent, spoken};
use super::object::{Object, Objects};
use super::quantity::{self, is_computed, seconds};
use crate::read::tree::Node;
use crate::source::Span;
use analysis::Collector;

pub const GROUP: &str = "argoproj.io";

/// Blue-green waits at least so long on its own before it counts as watched.
const PREVIEW_SECONDS: u64 = 900;

/// What every part of the reader looks at.
struct Reading<'a> {
    atlas: &'a Atlas,
    objects: &'a Objects,
    rollout: &'a Object,
    options: &'a Options,
    unit: Unit,
}

impl Reading<'_> {
    fn flaw(&mut self, kind: FlawKind, span: Span, message: impl Into<String>) {
        self.unit.flaws.push(Flaw { kind, place: self.atlas.place(span), message: message.into() });
    }

    fn open(&mut self, span: Span, text: impl Into<String>) {
        self.unit.open.push(Remark { place: self.atlas.place(span), text: text.into() });
    }
}

pub fn read(rollout: &Object, objects: &Objects, atlas: &Atlas, options: &Options) -> Unit {
    let unit = super::unit(System::ArgoRollouts, rollout, atlas);
    let mut reading = Reading { atlas, objects, rollout, options, unit };
    let strategy = rollout.node.at(&["spec", "strategy"]);
    match strategy {
        None => reading.flaw(FlawKind::Invalid, rollout.name_span(), "it has no `spec.strategy`, and the controller refuses it"),
        Some(strategy) => {
            let key = ["canary", "blueGreen"].iter().find_map(|key| strategy.entry(key));
            reading.unit.strategy = atlas.place(key.map_or(strategy.span, |(key, _)| key.span));
            match (strategy.get("canary"), strategy.get("blueGreen")) {
                (Some(canary), None) => self::canary(&mut reading, canary),
                (None, Some(blue_green)) => self::blue_green(&mut reading, blue_green),
                (Some(_), Some(again)) => {
                    reading.flaw(FlawKind::Invalid, again.span, "it has both `canary` and `blueGreen`; one is allowed")
                }
                (None, None) if is_computed(strategy) => reading.open(strategy.span, "its strategy is filled in by a template"),
                (None, None) => {
                    let written = if strategy.get("type").is_some() || strategy.get("rollingUpdate").is_some() {
                        "its strategy is one of a Deployment; a Rollout takes `canary` or `blueGreen`, and the controller refuses it"
                    } else {
                        "its strategy is neither `canary` nor `blueGreen`, and the controller refuses it"
                    };
                    reading.flaw(FlawKind::Invalid, strategy.span, written);
                }
            }
        }
    }
    reading.unit
}

fn canary(reading: &mut Reading, canary: &Node) {
    let mut collector = Collector::default();
    if let Some(background) = canary.get("analysis").filter(|analysis| !analysis.is_null()) {
        collector.background(reading, background);
    }
    let steps = canary.get("steps").filter(|steps| !steps.is_null());
    if let Some(steps) = steps.filter(|steps| steps.as_seq().is_none()) {
        reading.open(steps.span, "its steps are filled in by a template");
        return;
    }
    let walked = steps::walk(reading, canary, steps.map(Node::items).unwrap_or_default(), &mut collector);
    let length: Option<u64> =
        walked.stages.iter().map(|stage| Some(stage.dwell.seconds).filter(|_| !stage.dwell.manual && !stage.dwell.open)).sum();
    reading.unit.analysis = collector.finish(length);
    if walked.stages.is_empty() {
        reading.unit.shift = match walked.full {
            Some(_) if walked.gate.is_some() => Shift::Gated { gate: walked.gate.unwrap_or_default() },
            Some(full) => {
                reading.unit.strategy = reading.atlas.place(full);
                Shift::AllAtOnce { why: "its first weight is 100 %".to_owned(), tolerated: false }
            }
            None if walked.open => Shift::Unknown,
            None if walked.gate.is_some() => Shift::Gated { gate: walked.gate.unwrap_or_default() },
            None => Shift::Rolling { first: None },
        };
        return;
    }
    reading.unit.stages = walked.stages;
    reading.unit.shift = Shift::Staged;
    reading.unit.abort = if reading.unit.analysis.is_empty() {
        let place = reading.unit.strategy;
        Abort::Missing { why: "no analysis runs, so nothing aborts it but a person".to_owned(), place }
    } else {
        Abort::Automatic { how: "a failed analysis aborts it and sends all traffic to the stable version".to_owned() }
    };
    reading.unit.rollback = Some(rollback(reading));
}

/// Applying the manifest of the version before starts the steps again, unless a rollback window skips them.
fn rollback(reading: &Reading) -> Rollback {
    let window = reading.rollout.node.at(&["spec", "rollbackWindow", "revisions"]);
    if let Some(window) = window.filter(|window| quantity::count(window).is_some_and(|revisions| revisions > 0)) {
        let why = "`rollbackWindow` lets a rollback to a recent revision skip the steps".to_owned();
        return Rollback { seconds: Some(0), why, place: reading.atlas.place(window.span) };
    }
    let stages = &reading.unit.stages;
    let place = reading.unit.strategy;
    if let Some(stage) = stages.iter().find(|stage| stage.dwell.manual) {
        let why = format!(
            "the older revision goes through every step again, and waits for a person at {} (no `rollbackWindow` is set)",
            percent(stage.percent)
        );
        return Rollback { seconds: None, why, place };
    }
    let total: u64 = stages.iter().map(|stage| stage.dwell.seconds).sum();
    let why = format!("the older revision goes through every step again, {} in all (no `rollbackWindow` is set)", spoken(total));
    Rollback { seconds: Some(total), why, place }
}

fn blue_green(reading: &mut Reading, blue_green: &Node) {
    let mut collector = Collector::default();
    let before = blue_green.get("prePromotionAnalysis").filter(|analysis| !analysis.is_null());
    let after = blue_green.get("postPromotionAnalysis").filter(|analysis| !analysis.is_null());
    for analysis in [before, after].into_iter().flatten() {
        collector.inline(reading, analysis, false);
    }
    reading.unit.analysis = collector.finish(None);
    let automatic = blue_green.get("autoPromotionEnabled").and_then(quantity::flag).unwrap_or(true);
    let waits = blue_green.get("autoPromotionSeconds").and_then(seconds).unwrap_or(0);
    reading.unit.shift = match (before, automatic) {
        (Some(_), _) => Shift::Gated { gate: "an analysis before the promotion".to_owned() },
        (None, false) => Shift::Gated { gate: "a person's promotion".to_owned() },
        (None, true) if waits >= PREVIEW_SECONDS => Shift::Gated { gate: format!("{} of preview", spoken(waits)) },
        (None, true) => Shift::AllAtOnce {
            why: "blue-green with automatic promotion and no `prePromotionAnalysis` switches all traffic as soon as the pods are ready"
                .to_owned(),
            tolerated: false,
        },
    };
    reading.unit.abort = match (before, after) {
        (None, None) => Abort::Missing { why: "no analysis runs before or after the promotion".to_owned(), place: reading.unit.strategy },
        _ => Abort::Automatic { how: "a failed analysis keeps or brings back the version before".to_owned() },
    };
}
