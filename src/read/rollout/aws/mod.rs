//! What AWS calls the ways of a deployment: names and numbers of CodeDeploy and ECS in, stages out. CloudFormation and Terraform share it.

pub mod cloudformation;
mod ecs;
pub mod terraform;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::model::{Abort, Backend, Dwell, Shift, Stage, Unit};
use crate::read::flag::of_path;
use crate::read::tree::Node;
use crate::source::Place;

/// A traffic configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Way {
    Canary { percent: f64, seconds: u64 },
    Linear { percent: f64, seconds: u64 },
    AllAtOnce,
    HalfAtATime,
    OneAtATime,
}

static PRESET: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)(canary|linear)(\d{1,3})percent(?:every)?(\d{1,4})minutes?$").expect("a constant pattern"));

/// A predefined configuration by its name: `CodeDeployDefault.LambdaCanary10Percent5Minutes`, `Linear10PercentEvery1Minute`.
pub fn preset(name: &str) -> Option<Way> {
    if let Some(found) = PRESET.captures(name) {
        let percent: f64 = found[2].parse().ok()?;
        let seconds = found[3].parse::<u64>().ok()? * 60;
        return Some(if found[1].eq_ignore_ascii_case("canary") {
            Way::Canary { percent, seconds }
        } else {
            Way::Linear { percent, seconds }
        });
    }
    let plain = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    let ends = |word: &str| plain == word || plain.strip_prefix("lambda").or(plain.strip_prefix("ecs")) == Some(word);
    match () {
        () if ends("allatonce") || plain == "all_at_once" => Some(Way::AllAtOnce),
        () if ends("halfatatime") => Some(Way::HalfAtATime),
        () if ends("oneatatime") => Some(Way::OneAtATime),
        () => None,
    }
}

/// Gives the unit the stages of a way.
pub fn apply(unit: &mut Unit, way: Way, place: Place) {
    unit.strategy = place;
    let stage = |percent: f64, seconds: u64| Stage { percent, rounded: None, place, dwell: Dwell::of(seconds) };
    unit.shift = Shift::Staged;
    match way {
        Way::Canary { percent, seconds } if percent < 100.0 => unit.stages = vec![stage(percent, seconds)],
        Way::Linear { percent, seconds } if percent > 0.0 && percent < 100.0 => {
            let steps = (1..=100).map(|step| f64::from(step) * percent).take_while(|share| *share < 100.0);
            unit.stages = steps.map(|share| stage(share, seconds)).collect();
        }
        Way::OneAtATime => unit.shift = Shift::Rolling { first: None },
        Way::HalfAtATime => unit.shift = Shift::Rolling { first: Some(50.0) },
        _ => unit.shift = Shift::AllAtOnce { why: "its deployment configuration has no stages".to_owned(), tolerated: false },
    }
}

/// The two versions of an alias, the second at a fraction of the calls: 0.05 is 5 %.
fn weighted(fraction: f64, version: &str, place: Place) -> Shift {
    let share = (fraction * 10_000.0).round() / 100.0;
    let backend = |name: &str, percent: f64| Backend { name: name.to_owned(), percent, place, written: format!("weight {fraction}") };
    Shift::Split { backends: vec![backend("the alias's version", 100.0 - share), backend(version, share)] }
}

/// Environment of a template: what the path says, else what the unit is called after.
pub fn environment(path: &str, name: &str) -> String {
    let of_path_ = of_path(path);
    if of_path_.is_empty() { of_path(name) } else { of_path_ }
}

/// What CodeDeploy does when it fails: the events of its enabled automatic rollback, or the key that does not enable one.
fn codedeploy_abort(unit: &Unit, events: Result<Option<&Node>, &str>, place: Place) -> Abort {
    let events: BTreeSet<&str> = match events {
        Ok(events) => events.map(Node::items).unwrap_or_default().iter().filter_map(Node::as_str).collect(),
        Err(key) => return Abort::Missing { why: format!("`{key}` is not enabled"), place },
    };
    if !unit.analysis.metrics.is_empty() && !events.contains("DEPLOYMENT_STOP_ON_ALARM") {
        let why = "its alarms stop it, and `DEPLOYMENT_STOP_ON_ALARM` is not among the events that roll back".to_owned();
        return Abort::Missing { why, place };
    }
    Abort::Automatic { how: format!("rolls back on {}", events.into_iter().collect::<Vec<_>>().join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_read_by_their_names() {
        let canary = Some(Way::Canary { percent: 10.0, seconds: 300 });
        assert_eq!(preset("CodeDeployDefault.LambdaCanary10Percent5Minutes"), canary);
        assert_eq!(preset("CodeDeployDefault.ECSLinear10PercentEvery1Minutes"), Some(Way::Linear { percent: 10.0, seconds: 60 }));
        assert_eq!(preset("Linear10PercentEvery1Minute"), Some(Way::Linear { percent: 10.0, seconds: 60 }));
        assert_eq!(preset("CodeDeployDefault.ECSAllAtOnce"), Some(Way::AllAtOnce));
        assert_eq!(preset("CodeDeployDefault.OneAtATime"), Some(Way::OneAtATime));
        assert_eq!(preset("MyOwnConfig"), None);
    }
}
