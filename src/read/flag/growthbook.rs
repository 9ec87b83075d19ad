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
    let condition = rule.get("condition").map(Node::entries).unwrap_or_default();
    let coverage = rule.get("coverage").and_then(Node::as_f64).unwrap_or(1.0);
    let path = format!("rules[{index}]");
    let when = match matches_nobody_in_particular(condition) {
        _ if listed("parentConditions") || listed("filters") => When::Unknown("it depends on other features or on filters".to_owned()),
        None => When::Unknown("the condition may hold without attributes".to_owned()),
        Some(false) => When::Targeted,
        Some(true) if coverage < 1.0 => When::Percent(coverage),
        Some(true) => When::Always,
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

/// Whether a condition holds for somebody without attributes: a missing one is null, which differs from every value.
fn matches_nobody_in_particular(condition: &[(Node, Node)]) -> Option<bool> {
    let mut all = Some(true);
    for (attribute, test) in condition {
        let operators: Vec<&str> = test.entries().iter().filter_map(|(operator, _)| operator.as_str()).collect();
        let logical = attribute.as_str().is_none_or(|name| name.starts_with('$'));
        let exists = test.get("$exists").and_then(Node::as_bool);
        let holds = match operators.as_slice() {
            _ if logical => None,
            [] => Some(test.is_null()),
            ["$exists"] => exists.map(|exists| !exists),
            names if names.iter().all(|name| matches!(*name, "$ne" | "$nin")) => Some(true),
            names if names.iter().any(|name| matches!(*name, "$eq" | "$in" | "$gt" | "$gte" | "$regex" | "$elemMatch" | "$all")) => {
                Some(false)
            }
            _ => None,
        };
        match holds {
            Some(false) => return Some(false),
            None => all = None,
            Some(true) => {}
        }
    }
    all
}
