//! Nomad jobs in, a unit for each group of a service job out. Defaults are those of the job specification (1.9).

use super::atlas::{self, Atlas, File};
use super::model::{Abort, Dwell, Rounded, Shift, Stage, System, Unit};
use super::object::merge;
use super::quantity::{count, number, seconds};
use crate::read::flag::of_path;
use crate::read::hcl::Resource;
use crate::read::tree::Node;

/// `min_healthy_time` when there is none.
const MIN_HEALTHY: u64 = 10;

pub fn read(file: &File, atlas: &Atlas) -> Vec<Unit> {
    file.blocks.iter().flat_map(|job| groups(file, job, atlas)).collect()
}

fn groups(file: &File, job: &Resource, atlas: &Atlas) -> Vec<Unit> {
    let kind = job.body.str_at("type").unwrap_or("service");
    // Batch and periodic jobs run to their end; nothing is shifted.
    if !matches!(kind, "service" | "system") || job.body.get("periodic").is_some() {
        return Vec::new();
    }
    let shared = job.body.get("update");
    let mut units = Vec::new();
    for labelled in job.body.entries().iter().filter(|(key, _)| key.as_str() == Some("group")).map(|(_, group)| group) {
        for (name, group) in labelled.entries() {
            let update = match (shared, group.get("update")) {
                (Some(shared), Some(own)) => Some(merge(shared, own)),
                (one, other) => other.or(one).cloned(),
            };
            let title = format!("{}/{}", job.name.as_str().unwrap_or_default(), name.as_str().unwrap_or_default());
            let mut unit = super::bare(System::Nomad, title, atlas.place(name.span));
            unit.namespace = job.body.str_at("namespace").unwrap_or_default().to_owned();
            unit.environment = Some(of_path(&unit.namespace)).filter(|found| !found.is_empty()).unwrap_or_else(|| of_path(&file.path));
            atlas::plain(group, &mut unit.body);
            if let Some(shared) = shared {
                atlas::plain(shared, &mut unit.body);
            }
            self::update(&mut unit, update.as_ref(), group, kind == "system", atlas);
            units.push(unit);
        }
    }
    units
}

fn update(unit: &mut Unit, update: Option<&Node>, group: &Node, system: bool, atlas: &Atlas) {
    let option = |key: &str| update.and_then(|update| update.get(key));
    if let Some(update) = update {
        unit.strategy = atlas.place(update.span);
    }
    let total = group.get("count").map_or(Some(1), count).unwrap_or(1).max(1);
    let healthy = option("min_healthy_time").map_or(Some(MIN_HEALTHY), seconds);
    let parallel = option("max_parallel").map_or(Some(1), count).unwrap_or(1);
    let canary = option("canary").and_then(number).unwrap_or(0.0);
    let promoted = option("auto_promote").and_then(Node::as_bool).unwrap_or(false);
    unit.abort = match option("auto_revert").and_then(Node::as_bool) {
        Some(true) => Abort::Automatic { how: "an unhealthy deployment reverts to the last stable job".to_owned() },
        _ => {
            let place = option("auto_revert").map_or(unit.strategy, |node| atlas.place(node.span));
            Abort::Missing { why: "`auto_revert` is false".to_owned(), place }
        }
    };
    if healthy.is_some_and(|healthy| healthy > 0) {
        unit.analysis.checks.push("health checks of the allocations".to_owned());
    }
    if parallel == 0 {
        let why = "`max_parallel = 0` replaces every allocation at once, without a deployment to stop".to_owned();
        unit.strategy = option("max_parallel").map_or(unit.strategy, |node| atlas.place(node.span));
        unit.shift = Shift::AllAtOnce { why, tolerated: false };
        return;
    }
    if canary <= 0.0 {
        let first = (parallel.min(total) as f64 * 1000.0 / total as f64).round() / 10.0;
        unit.shift = Shift::Rolling { first: (!system).then_some(first) };
        return;
    }
    // A count beside the old allocations for services, a share of the nodes for system jobs.
    let share = if system { canary } else { canary * 100.0 / total as f64 };
    let place = option("canary").map_or(unit.strategy, |node| atlas.place(node.span));
    let dwell = match (promoted, healthy) {
        (false, _) => Dwell::MANUAL,
        (true, Some(time)) => Dwell::of(time),
        (true, None) => Dwell { open: true, ..Dwell::default() },
    };
    if share >= 100.0 {
        let gate = format!("a full set of canaries, promoted {}", if promoted { "by their health" } else { "by a person" });
        unit.shift = Shift::Gated { gate };
        return;
    }
    let rounded = (!system).then(|| Rounded { declared: share, why: format!("{canary} beside a count of {total}") });
    unit.shift = Shift::Staged;
    unit.stages = vec![Stage { percent: (share * 100.0).round() / 100.0, rounded, place, dwell }];
}
