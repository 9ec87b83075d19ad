//! OpenKruise Rollouts: a Rollout of `rollouts.kruise.io` in, one unit out. It has no metric analysis of its own.

use super::atlas::Atlas;
use super::model::{Abort, Dwell, Shift, Stage, System, Unit};
use super::object::Object;
use super::quantity::{percent, seconds};
use crate::read::tree::Node;

pub const GROUP: &str = "rollouts.kruise.io";

pub fn read(object: &Object, atlas: &Atlas) -> Unit {
    let mut unit = super::unit(System::KruiseRollouts, object, atlas);
    let Some(canary) = object.node.at(&["spec", "strategy", "canary"]) else {
        if object.node.at(&["spec", "strategy", "blueGreen"]).is_some() {
            unit.shift = Shift::Gated { gate: "the steps of its blue-green strategy".to_owned() };
        }
        return unit;
    };
    unit.strategy = atlas.place(canary.span);
    for step in canary.get("steps").map(Node::items).unwrap_or_default() {
        // `traffic` is a text like "5%"; without it the share of new pods decides. `weight` is the older form.
        let Some(share) = ["traffic", "weight", "replicas"].iter().find_map(|key| step.get(key)) else { continue };
        let Some(value) = percent(share).filter(|_| share.as_str().is_some_and(|text| text.ends_with('%')) || step.get("weight").is_some())
        else {
            continue;
        };
        if value <= 0.0 || value >= 100.0 {
            continue;
        }
        // Seconds; none means a person.
        let dwell = match step.at(&["pause", "duration"]) {
            Some(duration) => seconds(duration).map_or(Dwell { open: true, ..Dwell::default() }, Dwell::of),
            None => Dwell::MANUAL,
        };
        unit.stages.push(Stage { percent: value, rounded: None, place: atlas.place(share.span), dwell });
    }
    unit.shift = if unit.stages.is_empty() { Shift::Rolling { first: None } } else { Shift::Staged };
    unit.abort = Abort::Missing { why: "OpenKruise Rollouts analyses no metric".to_owned(), place: unit.strategy };
    unit
}
