//! Unleash exports and bootstrap files in, flags out: enabled, and no strategy or one that is true.

use std::collections::BTreeMap;

use super::decide::{Arm, Decision, Outcome, Serve, When};
use super::{Draft, Format, Reading, purpose};
use crate::read::tree::Node;

pub fn read(reading: &mut Reading<'_>, root: &Node) {
    let features = root.get("features").map(Node::items).unwrap_or_default();
    let by_name: BTreeMap<&str, &Node> = features.iter().filter_map(|feature| Some((feature.str_at("name")?, feature))).collect();
    let Some(environments) = root.get("featureEnvironments") else {
        for feature in features {
            let strategies: Vec<&Node> = feature.get("strategies").map(Node::items).unwrap_or_default().iter().collect();
            flag(reading, feature, feature, &strategies, "");
        }
        return;
    };
    let mut strategies: BTreeMap<(&str, &str), Vec<&Node>> = BTreeMap::new();
    for strategy in root.get("featureStrategies").map(Node::items).unwrap_or_default() {
        let environment = strategy.str_at("environment").unwrap_or_default();
        strategies.entry((strategy.str_at("featureName").unwrap_or_default(), environment)).or_default().push(strategy);
    }
    for state in environments.items() {
        let (name, environment) =
            (state.str_at("featureName").or(state.str_at("name")).unwrap_or_default(), state.str_at("environment").unwrap_or_default());
        let of_flag = strategies.get(&(name, environment)).or_else(|| strategies.get(&(name, ""))).map(Vec::as_slice).unwrap_or_default();
        flag(reading, by_name.get(name).copied().unwrap_or(state), state, of_flag, environment);
    }
}

fn flag(reading: &mut Reading<'_>, feature: &Node, state: &Node, strategies: &[&Node], environment: &str) {
    let Some(name) = feature.get("name").or(state.get("featureName")) else {
        return reading.unread(state.span, "a feature without a name");
    };
    let enabled = state.get("enabled");
    let decision = match enabled.map(|node| (node.as_bool(), node.span)) {
        Some((Some(true), span)) => decide(strategies, span),
        Some((None, span)) => Outcome::new(Serve::Unknown("`enabled` is not a boolean".to_owned()), span, "the feature").decision(),
        Some((Some(false), span)) => Outcome::new(Serve::Off, span, "`enabled` is false").decision(),
        None => Outcome::new(Serve::Off, name.span, "it is not enabled").decision(),
    };
    let purpose = purpose(feature.str_at("type"));
    reading.push(Draft { environment: environment.to_owned(), purpose, ..Draft::new(Format::Unleash, name, state, decision) });
}

/// What enabled strategies serve.
pub fn decide(strategies: &[&Node], enabled: crate::source::Span) -> Decision {
    let live: Vec<&&Node> = strategies.iter().filter(|strategy| strategy.get("disabled").and_then(Node::as_bool) != Some(true)).collect();
    if live.is_empty() && !strategies.is_empty() {
        return Outcome::new(Serve::Unknown("all its strategies are disabled".to_owned()), enabled, "it is enabled").decision();
    }
    if live.is_empty() {
        return Outcome::boolean(true, enabled, "it is enabled without a strategy").decision();
    }
    let mut arms = Vec::new();
    for strategy in live {
        let kind = strategy.str_at("name").or(strategy.str_at("strategyName")).unwrap_or_default();
        let listed = |key: &str| strategy.get(key).is_some_and(|list| !list.items().is_empty());
        let constrained = listed("constraints") || listed("segments");
        let rollout = strategy.at(&["parameters", "rollout"]).or(strategy.at(&["parameters", "percentage"]));
        let percent = rollout.and_then(Node::as_str).and_then(|text| text.parse::<f64>().ok());
        let when = match (kind, constrained, percent) {
            (_, true, _) | ("userWithId" | "remoteAddress" | "applicationHostname", ..) => When::Targeted,
            ("default", ..) => When::Always,
            ("flexibleRollout" | "gradualRolloutRandom" | "gradualRolloutUserId" | "gradualRolloutSessionId", _, Some(percent)) => {
                When::Percent(percent / 100.0)
            }
            _ => When::Unknown(format!("the strategy `{kind}` is not known")),
        };
        let span = rollout.unwrap_or(strategy).span;
        arms.push(Arm { when, then: Outcome::new(Serve::On, span, format!("the strategy `{kind}` serves on")) });
    }
    Decision { arms, default: Outcome::new(Serve::Off, enabled, "no strategy serves everyone") }
}
