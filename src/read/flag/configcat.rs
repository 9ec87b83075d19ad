//! ConfigCat files in, flags out: the simplified `flags` map and the `f` map of a downloaded configuration.

use super::decide::{Arm, Decision, Outcome, Serve, When};
use super::{Draft, Format, Reading};
use crate::read::tree::Node;

pub fn read(reading: &mut Reading<'_>, root: &Node) {
    for (name, value) in root.get("flags").map(Node::entries).unwrap_or_default() {
        let outcome = match value.as_bool() {
            Some(on) => Outcome::boolean(on, value.span, format!("it is set to {on}")),
            None => Outcome::new(Serve::Other, value.span, "it is set to a value"),
        };
        reading.push(Draft::new(Format::ConfigCat, name, value, outcome.decision()));
    }
    for (name, body) in root.get("f").map(Node::entries).unwrap_or_default() {
        let mut arms = Vec::new();
        for rule in body.get("r").map(Node::items).unwrap_or_default() {
            let when = if rule.get("c").is_some_and(|list| !list.items().is_empty()) { When::Targeted } else { When::Always };
            let then = match rule.get("p") {
                Some(parts) => share(parts),
                None => value(rule.at(&["s", "v"]).or(rule.get("s")).unwrap_or(rule), "a targeting rule"),
            };
            arms.push(Arm { when, then });
        }
        if let Some(parts) = body.get("p").filter(|parts| !parts.items().is_empty()) {
            arms.push(Arm { when: When::Always, then: share(parts) });
        }
        let default = value(body.get("v").unwrap_or(body), "the value");
        reading.push(Draft::new(Format::ConfigCat, name, body, Decision { arms, default }));
    }
}

fn value(node: &Node, path: &str) -> Outcome {
    match node.get("b").and_then(|inner| inner.as_bool().map(|on| (on, inner.span))) {
        Some((on, span)) => Outcome::boolean(on, span, format!("{path} is {on}")),
        None => Outcome::new(Serve::Other, node.span, path),
    }
}

fn share(parts: &Node) -> Outcome {
    let percent = |part: &Node| part.get("p").and_then(Node::as_f64).unwrap_or(0.0);
    let on: f64 = parts.items().iter().filter(|part| part.at(&["v", "b"]).and_then(Node::as_bool) == Some(true)).map(percent).sum();
    Outcome::new(Serve::Share(on / 100.0), parts.span, "percentage options")
}
