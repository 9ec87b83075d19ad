//! Flagger: a Canary and the MetricTemplates it names in, one unit out. Semantics of `pkg/controller/scheduler.go` (v1.4x).

use super::Options;
use super::atlas::Atlas;
use super::metric::{classify, percentile};
use super::model::{
    Abort, Analysis, Class, Dwell, Flaw, FlawKind, Metric, Remark, Rollback, Shift, Stage, System, Threshold, Unit, spoken,
};
use super::object::{Object, Objects};
use super::quantity::{count, flag, is_computed, number, seconds};
use crate::read::tree::Node;
use crate::source::Span;

pub const GROUP: &str = "flagger.app";

/// `analysis.interval` when there is none, and the least the controller takes.
const DEFAULT_INTERVAL: u64 = 60;
const LEAST_INTERVAL: u64 = 10;
/// A canary has at most as many steps as there are percents.
const MAX_STAGES: usize = 100;

struct Canary<'a> {
    atlas: &'a Atlas,
    objects: &'a Objects,
    object: &'a Object,
    options: &'a Options,
    analysis: &'a Node,
    unit: Unit,
}

pub fn read(object: &Object, objects: &Objects, atlas: &Atlas, options: &Options) -> Unit {
    let mut unit = super::unit(System::Flagger, object, atlas);
    let spec = object.node.get("spec");
    let skip = spec.and_then(|spec| spec.get("skipAnalysis")).filter(|skip| flag(skip) == Some(true));
    let analysis = spec.and_then(|spec| spec.get("analysis").or(spec.get("canaryAnalysis"))).filter(|analysis| !analysis.is_null());
    let at_once = |why: &str| Shift::AllAtOnce { why: why.to_owned(), tolerated: false };
    let missing = |place| Abort::Missing { why: "nothing is analysed, so nothing goes back".to_owned(), place };
    match (skip, analysis) {
        (Some(skip), _) => {
            unit.strategy = atlas.place(skip.span);
            unit.shift = at_once("`skipAnalysis: true` promotes every new version at once");
            unit.abort = missing(unit.strategy);
        }
        (None, None) => {
            unit.shift = at_once("it has no `analysis`, and Flagger then promotes every new version at once");
            unit.abort = missing(unit.strategy);
        }
        (None, Some(analysis)) if analysis.as_str().is_some() => {
            unit.open.push(Remark { place: atlas.place(analysis.span), text: "its analysis is filled in by a template".to_owned() });
        }
        (None, Some(analysis)) => {
            let key = spec.and_then(|spec| spec.entry("analysis").or(spec.entry("canaryAnalysis")));
            unit.strategy = atlas.place(key.map_or(analysis.span, |(key, _)| key.span));
            let mut canary = Canary { atlas, objects, object, options, analysis, unit };
            canary.read();
            unit = canary.unit;
        }
    }
    unit
}

impl Canary<'_> {
    fn read(&mut self) {
        let interval = self.interval();
        let gates = self.webhooks();
        self.metrics();
        let iterations = self.analysis.get("iterations").and_then(count).unwrap_or(0);
        let provider = self.object.node.at(&["spec", "provider"]).and_then(Node::as_str).unwrap_or_default();
        if iterations > 0 || provider == "kubernetes" {
            let checks = if iterations > 0 { iterations } else { 10 };
            let way = if self.analysis.get("match").is_some() { "A/B" } else { "blue-green" };
            let plural = if checks == 1 { "check" } else { "checks" };
            let gate = format!("{checks} {way} {plural}, one every {}", spoken(interval));
            self.unit.shift = Shift::Gated { gate };
            self.unit.pace.gate = Some((checks, interval.saturating_mul(checks))).filter(|_| gates.is_empty());
            self.rollback(Some(interval.saturating_mul(checks)).filter(|_| gates.is_empty()), "runs every check again");
        } else {
            self.stages(interval, &gates);
        }
        let threshold = self.analysis.get("threshold").and_then(count).unwrap_or(1);
        let checks = if threshold == 1 { "1 failed check".to_owned() } else { format!("{threshold} failed checks") };
        let how = format!("{checks}, {} at the least: all traffic goes back", spoken(interval.saturating_mul(threshold)));
        self.unit.pace.to_abort = Some((threshold, interval.saturating_mul(threshold)));
        self.unit.abort = match self.unit.analysis.is_empty() {
            true => Abort::Missing { why: "it has no metric and no webhook that could fail".to_owned(), place: self.unit.strategy },
            false => Abort::Automatic { how },
        };
    }

    fn flaw(&mut self, kind: FlawKind, span: Span, message: impl Into<String>) {
        self.unit.flaws.push(Flaw { kind, place: self.atlas.place(span), message: message.into() });
    }

    fn interval(&mut self) -> u64 {
        let Some(written) = self.analysis.get("interval") else { return DEFAULT_INTERVAL };
        match seconds(written) {
            Some(_) if written.as_str().is_some_and(|text| text.ends_with('h')) => {
                self.flaw(FlawKind::Invalid, written.span, "an interval is written in minutes or seconds (`60m`); the API refuses hours");
                seconds(written).unwrap_or(DEFAULT_INTERVAL)
            }
            Some(interval) => interval.max(LEAST_INTERVAL),
            None => {
                let place = self.atlas.place(written.span);
                self.unit.open.push(Remark { place, text: "its interval cannot be read".to_owned() });
                DEFAULT_INTERVAL
            }
        }
    }

    fn stages(&mut self, interval: u64, gates: &[Gate]) {
        let weights = match self.weights() {
            Some(weights) => weights,
            None => return,
        };
        // A person is asked before every increase, or before the promotion.
        let between = gates.contains(&Gate::Increase);
        let last = weights.len().saturating_sub(1);
        let stages = weights.iter().enumerate().map(|(at, (percent, span))| Stage {
            percent: *percent,
            rounded: None,
            place: self.atlas.place(*span),
            dwell: Dwell { seconds: interval, manual: between || (at == last && gates.contains(&Gate::Promotion)), open: false },
        });
        self.unit.stages = stages.filter(|stage| stage.percent < 100.0).collect();
        if self.unit.stages.is_empty() {
            self.unit.shift = Shift::AllAtOnce { why: "its first weight is 100 %".to_owned(), tolerated: false };
            return;
        }
        self.unit.shift = Shift::Staged;
        let manual = self.unit.stages.iter().any(|stage| stage.dwell.manual) || gates.contains(&Gate::Rollout);
        let total = interval.saturating_mul(self.unit.stages.len() as u64);
        self.rollback(Some(total).filter(|_| !manual), "goes through every weight again");
    }

    fn rollback(&mut self, seconds: Option<u64>, again: &str) {
        let took = seconds.map_or("and waits for a person".to_owned(), |total| format!("{} in all", spoken(total)));
        let why = format!("a version that was promoted is replaced like any other: the older one {again}, {took}");
        self.unit.rollback = Some(Rollback { seconds, why, place: self.unit.strategy });
    }

    /// Every weight with the place that gives it.
    fn weights(&mut self) -> Option<Vec<(f64, Span)>> {
        let step = self.analysis.get("stepWeight");
        let list = self.analysis.get("stepWeights").filter(|_| step.is_none_or(|step| number(step) == Some(0.0)));
        if let Some(list) = list {
            let mut weights: Vec<(f64, Span)> = Vec::new();
            for item in list.items().iter().take(MAX_STAGES) {
                let Some(weight) = number(item) else { return self.unknown(item, "a weight is filled in by a template") };
                if let Some((before, _)) = weights.last().filter(|(before, _)| weight <= *before) {
                    let message = format!("the weights do not grow: after {before} comes {weight}, and the canary never gets past it");
                    self.flaw(FlawKind::Invalid, item.span, message);
                }
                weights.push((weight, item.span));
            }
            if !weights.is_empty() {
                return Some(weights);
            }
        }
        let Some(written) = step else {
            self.flaw(
                FlawKind::Invalid,
                self.analysis.span,
                "it has neither `stepWeight`, `stepWeights` nor `iterations`, so it never advances",
            );
            return None;
        };
        let max = self.analysis.get("maxWeight");
        let (Some(size), Some(most)) = (number(written), max.map_or(Some(100.0), number)) else {
            return self.unknown(written, "its weights are filled in by a template");
        };
        if size <= 0.0 {
            self.flaw(FlawKind::Invalid, written.span, "`stepWeight: 0` without `stepWeights` or `iterations` never advances");
            return None;
        }
        let mut weights = Vec::new();
        let mut weight = 0.0;
        while weight < most && weights.len() < MAX_STAGES {
            weight = f64::min(weight + size, 100.0);
            weights.push((weight, written.span));
        }
        Some(weights)
    }

    fn unknown(&mut self, at: &Node, text: &str) -> Option<Vec<(f64, Span)>> {
        self.unit.open.push(Remark { place: self.atlas.place(at.span), text: text.to_owned() });
        None
    }

    /// The gates a person opens. Checks that can fail are noted as such.
    fn webhooks(&mut self) -> Vec<Gate> {
        let mut gates = Vec::new();
        for hook in self.analysis.get("webhooks").map(Node::items).unwrap_or_default() {
            let name = hook.str_at("name").unwrap_or("webhook").to_owned();
            let gate = match hook.str_at("type").unwrap_or("rollout") {
                "pre-rollout" | "rollout" => {
                    self.unit.analysis.checks.push(format!("webhook {name}"));
                    continue;
                }
                "confirm-rollout" => Gate::Rollout,
                "confirm-traffic-increase" => Gate::Increase,
                "confirm-promotion" => Gate::Promotion,
                _ => continue,
            };
            match hook.get("url").filter(|url| url.as_str().is_some_and(|url| url.trim_end_matches('/').ends_with("/gate/approve"))) {
                Some(url) => {
                    self.flaw(FlawKind::Misleading, url.span, format!("the gate `{name}` is always open: `/gate/approve` asks nobody"))
                }
                None => gates.push(gate),
            }
        }
        gates
    }

    fn metrics(&mut self) {
        self.unit.analysis.place = self.analysis.entry("metrics").map(|(key, _)| self.atlas.place(key.span));
        let mut found = Analysis::default();
        for metric in self.analysis.get("metrics").map(Node::items).unwrap_or_default() {
            let name = metric.str_at("name").unwrap_or_default();
            let place = self.atlas.place(metric.get("name").map_or(metric.span, |name| name.span));
            let mut query = metric.str_at("query").unwrap_or_default().to_owned();
            if let Some(reference) = metric.get("templateRef") {
                let wanted = reference.str_at("name").unwrap_or_default();
                match self.objects.find("MetricTemplate", wanted, self.object).filter(|found| found.group() == GROUP) {
                    Some(template) => {
                        self.unit.body.push_str(&template.body());
                        query = template.node.at(&["spec", "query"]).and_then(Node::as_str).unwrap_or_default().to_owned();
                    }
                    None if self.options.external_templates.iter().any(|known| known == wanted) => {}
                    None => {
                        let text = format!("MetricTemplate `{wanted}` is not among the files");
                        found.missing.push(Remark { place, text });
                    }
                }
            }
            let (class, percentile) = match name {
                "request-success-rate" => (Class::ErrorRate, None),
                // The built-in metric is a P99 in milliseconds.
                "request-duration" => (Class::Latency, Some("p99".to_owned())),
                _ => match classify(name, &query, &self.options.business) {
                    Class::Other if query.is_empty() => (Class::Opaque, None),
                    class => (class, percentile(name, &query)),
                },
            };
            found.metrics.push(Metric { name: name.to_owned(), class, percentile, threshold: threshold(name, metric), place });
        }
        self.unit.analysis.metrics = found.metrics;
        self.unit.analysis.missing = found.missing;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Rollout,
    Increase,
    Promotion,
}

/// Without a range the old `threshold` counts: a floor for the success rate, a ceiling for everything else.
fn threshold(name: &str, metric: &Node) -> Threshold {
    if let Some(range) = metric.get("thresholdRange").filter(|range| !range.is_null()) {
        let bound = |key: &str, sign: &str| {
            range.get(key).filter(|bound| !bound.is_null()).map(|bound| format!("{sign} {}", bound.as_str().unwrap_or("?")))
        };
        let bounds: Vec<String> = [bound("min", "under"), bound("max", "over")].into_iter().flatten().collect();
        return match bounds.is_empty() {
            true => Threshold::Never { why: "its thresholdRange has neither `min` nor `max`".to_owned() },
            false => Threshold::Fires { condition: format!("fails {}", bounds.join(" or ")) },
        };
    }
    match metric.get("threshold") {
        Some(old) if is_computed(old) => Threshold::Unknown,
        Some(old) => {
            let sign = if name == "request-success-rate" { "under" } else { "over" };
            Threshold::Fires { condition: format!("fails {sign} {}", old.as_str().unwrap_or("?")) }
        }
        None if name == "request-success-rate" => Threshold::Never { why: "it has no thresholdRange, and no rate is under 0".to_owned() },
        // Anything over 0 fails: it stops every rollout, which is no silence.
        None => Threshold::Fires { condition: "fails over 0, because it has no thresholdRange".to_owned() },
    }
}
