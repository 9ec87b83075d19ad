//! Deployments, StatefulSets and DaemonSets in, units out: rolled out pod by pod, unless the strategy says all at once.

use super::atlas::Atlas;
use super::model::{Abort, Dwell, Flaw, FlawKind, Rounded, Shift, Stage, System, Unit};
use super::object::{Object, Objects};
use super::quantity::{count, of_total};
use crate::read::tree::Node;

pub fn read(object: &Object, objects: &Objects, atlas: &Atlas) -> Option<Unit> {
    let spec = object.node.get("spec")?;
    // A patch that no kustomization names has no pods to roll out.
    spec.get("template")?;
    let (system, strategy) = match object.kind() {
        "Deployment" => (System::Deployment, spec.get("strategy")),
        "StatefulSet" => (System::StatefulSet, spec.get("updateStrategy")),
        "DaemonSet" => (System::DaemonSet, spec.get("updateStrategy")),
        _ => return None,
    };
    let mut unit = super::unit(system, object, atlas);
    if let Some(strategy) = strategy {
        unit.strategy = atlas.place(strategy.span);
    }
    let replicas = replicas(object, objects);
    let rolling = strategy.and_then(|strategy| strategy.get("rollingUpdate"));
    unit.shift = match strategy.and_then(|strategy| strategy.str_at("type")) {
        Some("Recreate") => {
            Shift::AllAtOnce { why: "`Recreate` stops every pod before the first new one starts".to_owned(), tolerated: true }
        }
        Some("OnDelete") => Shift::Gated { gate: "a person's deletion of each pod".to_owned() },
        _ => rolling_update(system, rolling, replicas),
    };
    if let (System::Deployment, Some(rolling)) = (system, rolling) {
        let zero = |key: &str| rolling.get(key).and_then(Node::as_str).is_some_and(|text| text.trim().trim_end_matches('%') == "0");
        if zero("maxSurge") && zero("maxUnavailable") {
            let message = "maxSurge and maxUnavailable are both 0, which the API refuses".to_owned();
            unit.flaws.push(Flaw { kind: FlawKind::Invalid, place: atlas.place(rolling.span), message });
        }
    }
    partition(&mut unit, rolling, replicas, atlas);
    unit.abort = Abort::Missing { why: format!("a {} that fails stays as it is", system.title()), place: unit.strategy };
    Some(unit)
}

/// Pods at the least, where they are written.
fn replicas(object: &Object, objects: &Objects) -> Option<u64> {
    match objects.scaler(object) {
        Some(scaler) => scaler.node.at(&["spec", "minReplicas"]).map_or(Some(1), count),
        None => object.node.at(&["spec", "replicas"]).map_or(Some(1), count),
    }
    .filter(|replicas| *replicas > 0)
}

/// The share of the first batch: new pods beside the old ones, and old ones that may go at once.
fn rolling_update(system: System, rolling: Option<&Node>, replicas: Option<u64>) -> Shift {
    let option = |key: &str| rolling.and_then(|rolling| rolling.get(key));
    if let Some(unavailable) = option("maxUnavailable")
        && (unavailable.as_str().is_some_and(|text| text.trim() == "100%")
            || replicas.is_some_and(|replicas| replicas > 1 && count(unavailable).is_some_and(|count| count >= replicas)))
    {
        let why = format!("`maxUnavailable: {}` lets every pod go at the same time", unavailable.as_str().unwrap_or_default());
        // A node agent may well be replaced everywhere at once.
        return Shift::AllAtOnce { why, tolerated: system == System::DaemonSet };
    }
    let Some(replicas) = replicas.filter(|_| system != System::DaemonSet) else { return Shift::Rolling { first: None } };
    let batch = match system {
        System::StatefulSet => 1,
        _ => {
            let surge = option("maxSurge").map_or(Some(replicas.div_ceil(4)), |node| of_total(node, replicas, true));
            let unavailable = option("maxUnavailable").map_or(Some(replicas / 4), |node| of_total(node, replicas, false));
            surge.unwrap_or(1) + unavailable.unwrap_or(0)
        }
    };
    let share = batch.min(replicas) as f64 * 100.0 / replicas as f64;
    Shift::Rolling { first: Some((share * 10.0).round() / 10.0) }
}

/// A partition of a StatefulSet is a stage that waits for a person: pods below it stay old.
fn partition(unit: &mut Unit, rolling: Option<&Node>, replicas: Option<u64>, atlas: &Atlas) {
    let Some(written) = rolling.and_then(|rolling| rolling.get("partition")).filter(|_| unit.system == System::StatefulSet) else { return };
    let (Some(partition), Some(replicas)) = (count(written).filter(|partition| *partition > 0), replicas) else { return };
    let new = replicas.saturating_sub(partition);
    if new == 0 {
        unit.shift = Shift::Gated { gate: format!("the partition {partition}, which holds every pod back") };
        return;
    }
    let share = new as f64 * 100.0 / replicas as f64;
    let rounded = Rounded { declared: share, why: format!("the partition {partition} leaves {new} of {replicas} pods new") };
    unit.shift = Shift::Staged;
    unit.stages = vec![Stage { percent: share, rounded: Some(rounded), place: atlas.place(written.span), dwell: Dwell::MANUAL }];
}
