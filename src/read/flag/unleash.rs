//! Unleash exports and bootstrap files in, flags out: enabled, and no strategy or one that is true.

use std::collections::BTreeMap;

use super::decide::{Arm, Decision, Outcome, Serve, When};
use super::{Draft, Format, Reading, purpose};
use crate::read::tree::Node;
use crate::source::Span;

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
pub fn decide(strategies: &[&Node], enabled: Span) -> Decision {
    let live: Vec<&&Node> = strategies.iter().filter(|strategy| strategy.get("disabled").and_then(Node::as_bool) != Some(true)).collect();
    if live.is_empty() && !strategies.is_empty() {
        return Outcome::new(Serve::Unknown("all its strategies are disabled".to_owned()), enabled, "it is enabled").decision();
    }
    if live.is_empty() {
        return Outcome::boolean(true, enabled, "it is enabled without a strategy").decision();
    }
    let mut arms: Vec<Arm> = live.into_iter().map(|strategy| arm(strategy, enabled)).collect();
    // Any strategy that is true suffices, so what waits for a day must not hide what does not, nor a window what has one end.
    arms.sort_by_key(|arm| match (&arm.when, &arm.then.serve) {
        (When::From(_) | When::Until(_), Serve::On) => 1,
        (When::From(_) | When::Until(_), Serve::Share(_)) => 2,
        (When::From(_) | When::Until(_), _) => 3,
        _ => 0,
    });
    Decision { arms, default: Outcome::new(Serve::Off, enabled, "no strategy serves everyone") }
}

fn arm(strategy: &Node, enabled: Span) -> Arm {
    let kind = strategy.str_at("name").or(strategy.str_at("strategyName")).unwrap_or_default();
    let rollout = strategy.at(&["parameters", "rollout"]).or(strategy.at(&["parameters", "percentage"]));
    let percent = rollout.and_then(Node::as_str).and_then(|text| text.parse::<f64>().ok());
    let span = rollout.unwrap_or(strategy).span;
    let path = format!("the strategy `{kind}` serves on");
    let on = |serve| Outcome::new(serve, span, path.clone());
    let share = match (kind, percent) {
        ("userWithId" | "remoteAddress" | "applicationHostname", _) => return Arm { when: When::Targeted, then: on(Serve::On) },
        ("default", _) => None,
        ("flexibleRollout" | "gradualRolloutRandom" | "gradualRolloutUserId" | "gradualRolloutSessionId", Some(percent)) => {
            Some(percent / 100.0).filter(|share| *share < 1.0)
        }
        _ if targets(strategy) => return Arm { when: When::Targeted, then: on(Serve::On) },
        _ => return Arm { when: When::Unknown(format!("the strategy `{kind}` is not known")), then: on(Serve::On) },
    };
    let served = || on(share.map_or(Serve::On, Serve::Share));
    let holds: Vec<When> = constraints(strategy).map(constraint).collect();
    if targets(strategy) {
        return Arm { when: When::Targeted, then: on(Serve::On) };
    }
    if let Some(unknown) = holds.iter().find(|when| matches!(when, When::Unknown(_))) {
        return Arm { when: unknown.clone(), then: on(Serve::On) };
    }
    let from = holds.iter().filter_map(|when| if let When::From(day) = when { Some(day) } else { None }).max();
    let until = holds.iter().filter_map(|when| if let When::Until(day) = when { Some(day) } else { None }).min();
    match (from, until) {
        (None, None) => Arm { when: share.map_or(When::Always, When::Percent), then: on(Serve::On) },
        (Some(day), None) => Arm { when: When::From(day.clone()), then: served() },
        (None, Some(day)) => Arm { when: When::Until(day.clone()), then: served() },
        (Some(first), Some(last)) => {
            let inner = Arm { when: When::From(first.clone()), then: served() };
            let off = Outcome::new(Serve::Off, enabled, "the window of a strategy has not come");
            let window = Decision { arms: vec![inner], default: off };
            Arm { when: When::Until(last.clone()), then: on(Serve::Nested(Box::new(window))) }
        }
    }
}

/// Whether a user without attributes fails a constraint; what a segment asks for stands elsewhere.
fn targets(strategy: &Node) -> bool {
    let segments = strategy.get("segments").is_some_and(|list| !list.items().is_empty());
    segments || constraints(strategy).any(|node| constraint(node) == When::Targeted)
}

/// A list in exports, blocks in Terraform.
fn constraints(strategy: &Node) -> impl Iterator<Item = &Node> {
    let named = strategy.entries().iter().filter(|(key, _)| matches!(key.as_str(), Some("constraints" | "constraint")));
    named.flat_map(|(_, value)| if value.is_map() { std::slice::from_ref(value) } else { value.items() })
}

/// When a constraint holds for a user without attributes. As Unleash's clients have it: an attribute that is missing makes an
/// operator false, but `NOT_IN` true; `inverted` turns that round; a date is compared with now.
fn constraint(node: &Node) -> When {
    let inverted = node.get("inverted").and_then(Node::as_bool) == Some(true);
    let context = node.str_at("contextName").or(node.str_at("context_name")).unwrap_or_default();
    let operator = node.str_at("operator").unwrap_or_default();
    if matches!(operator, "DATE_AFTER" | "DATE_BEFORE") {
        let day = node.str_at("value").and_then(|value| value.get(..10)).filter(|day| day.as_bytes()[4] == b'-');
        return match (day, (operator == "DATE_AFTER") != inverted) {
            (Some(day), true) => When::From(day.to_owned()),
            (Some(day), false) => When::Until(day.to_owned()),
            (None, _) => When::Unknown(format!("the day of its {operator} cannot be read")),
        };
    }
    // Every client has these two, whoever the user is.
    if matches!(context, "appName" | "environment") {
        return When::Unknown(format!("it is constrained by `{context}`, which the program's own settings say"));
    }
    if (operator == "NOT_IN") != inverted { When::Always } else { When::Targeted }
}

#[cfg(test)]
mod tests {
    use crate::read::flag::{State, read_flags};
    use crate::source::FileId;

    fn state(strategies: &[&str]) -> State {
        let text = format!(r#"{{"features": [{{"name": "x", "enabled": true, "strategies": [{}]}}]}}"#, strategies.join(", "));
        read_flags("u.json", &text, FileId(0), &[], "2026-06-01").flags.remove(0).state
    }

    fn strategy(rollout: u8, days: &[(&str, &str)]) -> String {
        let constraint = |(operator, day): &(&str, &str)| format!(r#"{{"operator": "DATE_{operator}", "value": "{day}T00:00:00Z"}}"#);
        let constraints: Vec<String> = days.iter().map(constraint).collect();
        let constraints = constraints.join(", ");
        format!(r#"{{"name": "flexibleRollout", "parameters": {{"rollout": "{rollout}"}}, "constraints": [{constraints}]}}"#)
    }

    #[test]
    fn days_and_shares_of_several_strategies() {
        let (past, future) = (("AFTER", "2026-01-01"), ("AFTER", "2027-01-01"));
        let (over, open) = (("BEFORE", "2026-02-01"), ("BEFORE", "2027-02-01"));
        let tenth = strategy(10, &[past]);
        assert_eq!(state(&[&tenth]), State::Partial { percent: 10.0 });
        assert_eq!(state(&[&tenth, &strategy(100, &[past])]), State::On);
        assert_eq!(state(&[&strategy(100, &[past, over])]), State::Off);
        assert_eq!(state(&[&strategy(100, &[past, open])]), State::On);
        assert_eq!(state(&[&strategy(100, &[future, open])]), State::Scheduled { from: "2027-01-01".into() });
        assert_eq!(state(&[&strategy(100, &[past, over]), &strategy(100, &[])]), State::On);
    }
}
