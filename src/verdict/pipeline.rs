//! The gate `pipeline-only` when nothing blocks it: what was read of the pipelines in, its status and the reason out.

use super::GateStatus;
use super::gates::plural;
use crate::detect::Inspection;
use crate::detect::pipeline::{changed_unknowns, changed_unread, deployments};
use crate::read::pipeline::system;
use crate::settings::Phase;

pub fn decide(inspection: &Inspection) -> (GateStatus, String) {
    if let Some(unread) = changed_unread(inspection).first() {
        return (GateStatus::Unknown, format!("{} could not be read: {}", unread.path, unread.reason));
    }
    if let Some((pipeline, unknown)) = changed_unknowns(inspection).first() {
        return (GateStatus::Unknown, format!("{}: {}", pipeline.path, unknown.reason));
    }
    let pipelines = inspection.pipelines.head.all.iter();
    let changed: Vec<&str> = inspection.change.files.iter().map(|file| file.path.as_str()).filter(|path| system(path).is_some()).collect();
    // Just before a rollout the pipelines that carry it out count, changed or not.
    if changed.is_empty() && inspection.settings.phase != Phase::Deploy {
        return (GateStatus::NotApplicable, "no pipeline or script changed".to_owned());
    }
    if changed.is_empty() && pipelines.clone().all(|pipeline| pipeline.system.is_local()) {
        return (GateStatus::NotApplicable, "the repository has no pipeline".to_owned());
    }
    let deployments = match deployments(inspection) {
        0 => "nothing in them deploys to production".to_owned(),
        count => format!("{count} production {} in them", plural(count, "deployment")),
    };
    match changed.as_slice() {
        [] => {
            let count = pipelines.filter(|pipeline| !pipeline.system.is_local()).count();
            (GateStatus::Pass, format!("{count} {} read, {deployments}", plural(count, "pipeline")))
        }
        [one] => (GateStatus::Pass, format!("{one} changed and was read")),
        many => (GateStatus::Pass, format!("{} pipeline files and scripts changed and were read, {deployments}", many.len())),
    }
}
