//! AWS AppConfig feature-flag documents in, flags out: the state is in `values`, the definition in `flags`.

use super::decide::{Arm, Decision, Outcome, Serve, When};
use super::{Draft, Format, Reading};
use crate::read::tree::Node;

pub fn read(reading: &mut Reading<'_>, root: &Node) {
    let values = root.get("values");
    for (name, body) in root.get("flags").map(Node::entries).unwrap_or_default() {
        let value = name.as_str().and_then(|name| values?.get(name));
        let decision = match value {
            Some(value) => decide(value),
            None => Outcome::new(Serve::Off, name.span, "it has no entry in `values`").decision(),
        };
        reading.push(Draft::new(Format::AppConfig, name, body, decision));
    }
    for (name, value) in values.map(Node::entries).unwrap_or_default() {
        if name.as_str().is_some_and(|name| root.at(&["flags", name]).is_none()) {
            reading.push(Draft::new(Format::AppConfig, name, value, decide(value)));
        }
    }
}

fn enabled(node: &Node, path: &str) -> Outcome {
    match node.get("enabled").map(|node| (node.as_bool(), node.span)) {
        Some((Some(on), span)) => Outcome::boolean(on, span, format!("{path} says `enabled: {on}`")),
        Some((None, span)) => Outcome::new(Serve::Unknown("`enabled` is not a boolean".to_owned()), span, path),
        None => Outcome::new(Serve::Off, node.span, format!("{path} does not enable it")),
    }
}

fn decide(value: &Node) -> Decision {
    let Some(variants) = value.get("_variants") else { return enabled(value, "`values`").decision() };
    let mut arms = Vec::new();
    for (index, variant) in variants.items().iter().enumerate() {
        let then = enabled(variant, &format!("_variants[{index}]"));
        let when = match variant.str_at("rule").map(str::trim) {
            None | Some("") => When::Always,
            Some(rule) => split(rule),
        };
        arms.push(Arm { when, then });
    }
    Decision { arms, default: Outcome::new(Serve::Off, value.span, "no variant applies") }
}

/// `(split by::$id pct::20)` alone is a share; a rule over attributes targets; a negation may hold without them.
fn split(rule: &str) -> When {
    if let Some(percent) = rule.split("pct::").nth(1).filter(|_| rule.starts_with("(split") && rule.matches('(').count() == 1) {
        let digits: String = percent.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        return digits.parse().map_or(When::Unknown(format!("the rule `{rule}`")), |percent: f64| When::Percent(percent / 100.0));
    }
    if rule.contains("(not") || rule.contains("(ne") || rule.contains("(split") {
        return When::Unknown(format!("the rule `{rule}` may hold for everyone"));
    }
    When::Targeted
}
