//! GrowthBook feature files in, flags out: rules in order, then `defaultValue`.

use super::decide::{Arm, Decision, Outcome, Serve, When};
use super::{Draft, Format, Reading};
use crate::read::tree::Node;

pub fn read(reading: &mut Reading<'_>, root: &Node) {
    for (name, body) in root.get("features").map(Node::entries).unwrap_or_default() {
        let rules = body.get("rules").map(Node::items).unwrap_or_default();
        let arms = rules.iter().enumerate().map(|(index, rule)| arm(rule, index)).collect();
        let default = match body.get("defaultValue") {
            Some(node) => value(node, "`defaultValue`".to_owned()),
            None => Outcome::new(Serve::Off, name.span, "there is no `defaultValue`"),
        };
        reading.push(Draft::new(Format::GrowthBook, name, body, Decision { arms, default }));
    }
}

fn value(node: &Node, path: String) -> Outcome {
    match node.as_bool() {
        Some(on) => Outcome::boolean(on, node.span, format!("{path} is {on}")),
        None if node.is_null() => Outcome::new(Serve::Off, node.span, path),
        None => Outcome::new(Serve::Other, node.span, path),
    }
}

fn arm(rule: &Node, index: usize) -> Arm {
    let listed = |key: &str| rule.get(key).is_some_and(|list| !list.items().is_empty());
    let condition = rule.get("condition").is_some_and(|condition| !condition.entries().is_empty());
    let negative = rule
        .get("condition")
        .is_some_and(|condition| condition.entries().iter().any(|(_, test)| test.get("$ne").or(test.get("$nin")).is_some()));
    let coverage = rule.get("coverage").and_then(Node::as_f64).unwrap_or(1.0);
    let path = format!("rules[{index}]");
    let when = match () {
        () if listed("parentConditions") || listed("filters") || negative => {
            When::Unknown("a condition that may hold for everyone".to_owned())
        }
        () if condition => When::Targeted,
        () if coverage < 1.0 => When::Percent(coverage),
        () => When::Always,
    };
    let then = match (rule.get("force"), rule.get("variations")) {
        (Some(force), _) => value(force, format!("{path}.force")),
        (None, Some(variations)) => {
            let items = variations.items();
            let weights = rule.get("weights").map(Node::items).unwrap_or_default();
            let weight = |at: usize| weights.get(at).and_then(Node::as_f64).unwrap_or(1.0 / items.len().max(1) as f64);
            let on: f64 = items.iter().enumerate().filter(|(_, item)| item.as_bool() == Some(true)).map(|(at, _)| weight(at)).sum();
            let boolean = items.iter().all(|item| item.as_bool().is_some());
            Outcome::new(if boolean { Serve::Share(on) } else { Serve::Other }, variations.span, format!("{path} runs an experiment"))
        }
        (None, None) => Outcome::new(Serve::Unknown("the rule serves nothing that is known".to_owned()), rule.span, path),
    };
    Arm { when, then }
}
