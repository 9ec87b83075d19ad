//! The deployment configuration of an ECS service in, its unit out. Defaults are those of the ECS API.

use super::cloudformation::{Resource, Template};
use super::{Way, apply};
use crate::read::rollout::model::{Abort, Shift, System, Unit};
use crate::read::rollout::quantity::{flag, number};
use crate::read::tree::Node;

/// What ECS takes when a canary names no share and no time.
const CANARY_PERCENT: f64 = 5.0;
const CANARY_MINUTES: f64 = 10.0;

pub fn service(template: &Template, resource: Resource) -> Unit {
    let mut unit = template.unit(System::Ecs, resource);
    let properties = resource.properties;
    let controller = properties.at(&["DeploymentController", "Type"]).and_then(Node::as_str).unwrap_or("ECS");
    if controller != "ECS" {
        // CodeDeploy or another controller shifts it; its own group is the unit to judge.
        unit.shift = Shift::Unknown;
        return unit;
    }
    let Some(configuration) = properties.get("DeploymentConfiguration") else {
        unit.shift = Shift::Rolling { first: None };
        unit.abort = missing("it has no deployment circuit breaker and no alarms", unit.strategy);
        return unit;
    };
    unit.strategy = template.atlas.place(configuration.span);
    let minutes = |node: Option<&Node>, default: f64| (node.and_then(number).unwrap_or(default).clamp(0.0, 100_000.0) * 60.0) as u64;
    let at = |node: Option<&Node>| template.atlas.place(node.unwrap_or(configuration).span);
    match configuration.str_at("Strategy").unwrap_or("ROLLING") {
        "CANARY" => {
            let canary = configuration.get("CanaryConfiguration");
            let percent = canary.and_then(|canary| canary.get("CanaryPercent")).and_then(number).unwrap_or(CANARY_PERCENT);
            let seconds = minutes(canary.and_then(|canary| canary.get("CanaryBakeTimeInMinutes")), CANARY_MINUTES);
            apply(&mut unit, Way::Canary { percent, seconds }, at(canary));
        }
        "LINEAR" => {
            let linear = configuration.get("LinearConfiguration");
            let percent = linear.and_then(|linear| linear.get("StepPercent")).and_then(number).unwrap_or(10.0);
            let seconds = minutes(linear.and_then(|linear| linear.get("StepBakeTimeInMinutes")), 6.0);
            apply(&mut unit, Way::Linear { percent, seconds }, at(linear));
        }
        "BLUE_GREEN" => {
            unit.shift = match configuration.get("LifecycleHooks").map(Node::items).unwrap_or_default().is_empty() {
                true => {
                    Shift::AllAtOnce { why: "blue-green without a lifecycle hook moves all traffic at once".to_owned(), tolerated: false }
                }
                false => Shift::Gated { gate: "its lifecycle hooks".to_owned() },
            };
        }
        _ => unit.shift = Shift::Rolling { first: None },
    }
    abort(template, &mut unit, configuration);
    unit
}

fn missing(why: &str, place: crate::source::Place) -> Abort {
    Abort::Missing { why: why.to_owned(), place }
}

fn abort(template: &Template, unit: &mut Unit, configuration: &Node) {
    let on = |node: Option<&Node>, key: &str| node.and_then(|node| node.get(key)).and_then(flag);
    let breaker = configuration.get("DeploymentCircuitBreaker");
    let alarms = configuration.get("Alarms").filter(|alarms| on(Some(alarms), "Enable").unwrap_or(true));
    if let Some(list) = alarms.and_then(|alarms| alarms.get("AlarmNames")) {
        template.alarms(unit, list);
    }
    let by_alarm = alarms.is_some() && on(alarms, "Rollback") == Some(true);
    let by_breaker = on(breaker, "Enable") == Some(true) && on(breaker, "Rollback") == Some(true);
    unit.abort = match (by_alarm, by_breaker) {
        (true, _) => Abort::Automatic { how: "an alarm rolls it back".to_owned() },
        (false, true) => Abort::Automatic { how: "the circuit breaker rolls it back when tasks do not start".to_owned() },
        (false, false) => {
            let place = breaker.map_or(unit.strategy, |breaker| template.atlas.place(breaker.span));
            missing("neither its circuit breaker nor its alarms roll back", place)
        }
    };
}
