//! Docker Compose files with a `deploy` section for Swarm in, a unit for each service that says how it is updated out.

use super::atlas::{self, Atlas, File};
use super::model::{Abort, Rollback, Shift, System, Unit};
use super::quantity::{count, seconds};
use crate::read::flag::of_path;
use crate::read::tree::Node;

pub fn read(file: &File, atlas: &Atlas) -> Vec<Unit> {
    let services = file.documents.iter().filter_map(|document| document.get("services")).flat_map(Node::entries);
    services.filter_map(|(name, service)| self::service(file, name, service, atlas)).collect()
}

/// Services without `update_config` are compositions for one machine more often than rollouts.
fn service(file: &File, name: &Node, service: &Node, atlas: &Atlas) -> Option<Unit> {
    let deploy = service.get("deploy")?;
    let update = deploy.get("update_config")?;
    let mut unit = super::bare(System::Swarm, name.as_str()?.to_owned(), atlas.place(name.span));
    unit.environment = of_path(&file.path);
    unit.strategy = atlas.place(update.span);
    atlas::plain(deploy, &mut unit.body);
    service.get("image").into_iter().for_each(|image| atlas::plain(image, &mut unit.body));
    let replicas = deploy.get("replicas").map_or(Some(1), count);
    let parallel = update.get("parallelism").map_or(Some(1), count);
    let whole = |why: String| Shift::AllAtOnce { why, tolerated: replicas == Some(1) };
    unit.shift = match (parallel, replicas) {
        (Some(0), _) => whole("`parallelism: 0` updates every task at once".to_owned()),
        (Some(parallel), Some(replicas)) if parallel >= replicas && replicas > 1 => {
            whole(format!("`parallelism: {parallel}` covers all {replicas} replicas"))
        }
        (Some(parallel), Some(replicas)) if replicas > 0 => {
            Shift::Rolling { first: Some((parallel.min(replicas) as f64 * 1000.0 / replicas as f64).round() / 10.0) }
        }
        _ => Shift::Rolling { first: None },
    };
    let action = update.get("failure_action");
    unit.abort = match action.and_then(Node::as_str).unwrap_or("pause") {
        "rollback" => Abort::Automatic { how: "a failed update rolls back".to_owned() },
        other => {
            let place = action.map_or(unit.strategy, |action| atlas.place(action.span));
            Abort::Missing { why: format!("`failure_action` is {other}"), place }
        }
    };
    if service.get("healthcheck").is_some() {
        unit.analysis.checks.push("the health check of its tasks".to_owned());
    }
    unit.rollback = rollback(deploy, replicas, atlas, unit.strategy);
    Some(unit)
}

/// Batches of `rollback_config`, with its delay between them. Parallelism 0 is all at once.
fn rollback(deploy: &Node, replicas: Option<u64>, atlas: &Atlas, place: crate::source::Place) -> Option<Rollback> {
    let back = deploy.get("rollback_config");
    let option = |key: &str| back.and_then(|back| back.get(key));
    let parallel = option("parallelism").map_or(Some(1), count)?;
    let delay = option("delay").map_or(Some(0), seconds)?;
    let batches = if parallel == 0 { 1 } else { replicas?.div_ceil(parallel) };
    let place = back.map_or(place, |back| atlas.place(back.span));
    let seconds = batches.saturating_sub(1).saturating_mul(delay);
    Some(Rollback { seconds: Some(seconds), why: format!("{batches} batches with a delay between them"), place })
}
