//! LaunchDarkly file data in, flags out: `on`, targets and rules, `fallthrough`, `offVariation`.

use super::decide::{Arm, Decision, Outcome, Serve, When, can_be_on};
use super::{Draft, FlawKind, Format, Reading};
use crate::read::tree::Node;

pub fn read(reading: &mut Reading<'_>, root: &Node) {
    for (name, value) in root.get("flagValues").map(Node::entries).unwrap_or_default() {
        let outcome = match value.as_bool() {
            Some(on) => Outcome::boolean(on, value.span, format!("`flagValues` says {on}")),
            None => Outcome::new(Serve::Other, value.span, "`flagValues`"),
        };
        reading.push(Draft::new(Format::LaunchDarkly, name, value, outcome.decision()));
    }
    for (name, body) in root.get("flags").map(Node::entries).unwrap_or_default() {
        let mut flaws = Vec::new();
        let off = variation(body, body.get("offVariation"), "offVariation", name);
        if off.serve == Serve::On {
            flaws.push(reading.flaw(FlawKind::OffServesOn, off.span, "`offVariation` serves `true`"));
        }
        let decision = match body.get("on").and_then(Node::as_bool) {
            Some(true) => on(body, name),
            _ => off.decision(),
        };
        reading.push(Draft { flaws, ..Draft::new(Format::LaunchDarkly, name, body, decision) });
    }
}

fn variation(body: &Node, index: Option<&Node>, field: &str, name: &Node) -> Outcome {
    let Some(index) = index.filter(|node| !node.is_null()) else {
        return Outcome::new(Serve::Code, name.span, format!("there is no `{field}`"));
    };
    let value = index.as_f64().and_then(|at| body.get("variations")?.items().get(at as usize));
    let serve = match value {
        None => Serve::Code,
        Some(value) => value.as_bool().map_or(Serve::Other, |on| if on { Serve::On } else { Serve::Off }),
    };
    let falsy = body.get("variations").map(Node::items).unwrap_or_default().iter().position(|value| value.as_bool() == Some(false));
    let off = falsy.filter(|_| serve == Serve::On).map(|at| at.to_string());
    Outcome::new(serve, index.span, format!("`{field}` is variation {}", index.as_str().unwrap_or_default())).with_off(off)
}

fn on(body: &Node, name: &Node) -> Decision {
    let mut arms = Vec::new();
    for (field, rules) in [("targets", body.get("targets")), ("contextTargets", body.get("contextTargets")), ("rules", body.get("rules"))] {
        for rule in rules.map(Node::items).unwrap_or_default() {
            let everyone = field == "rules" && rule.get("clauses").is_some_and(|clauses| clauses.items().is_empty());
            let when = if everyone { When::Always } else { When::Targeted };
            arms.push(Arm { when, then: served(body, rule, field, name) });
        }
    }
    let default = match body.get("fallthrough") {
        Some(rule) => served(body, rule, "fallthrough", name),
        None => Outcome::new(Serve::Code, name.span, "there is no `fallthrough`"),
    };
    // A prerequisite that is not met serves the off variation, so it matters where that or what it holds back is on.
    let off = variation(body, body.get("offVariation"), "offVariation", name);
    let everyone = arms.iter().filter(|arm| arm.when == When::Always).map(|arm| &arm.then);
    let matters = everyone.chain([&default, &off]).any(|outcome| can_be_on(&outcome.serve));
    if matters && body.get("prerequisites").is_some_and(|list| !list.items().is_empty()) {
        let then = Outcome::new(Serve::On, body.span, "prerequisites");
        arms.insert(0, Arm { when: When::Unknown("it depends on the state of other flags".to_owned()), then });
    }
    Decision { arms, default }
}

fn served(body: &Node, rule: &Node, field: &str, name: &Node) -> Outcome {
    let Some(parts) = rule.at(&["rollout", "variations"]) else {
        return variation(body, rule.get("variation"), &format!("{field}.variation"), name);
    };
    let (mut on, mut total) = (0.0, 0.0);
    for part in parts.items() {
        let weight = part.get("weight").and_then(Node::as_f64).unwrap_or(0.0);
        total += weight;
        if variation(body, part.get("variation"), field, name).serve == Serve::On {
            on += weight;
        }
    }
    let serve = if total > 0.0 { Serve::Share(on / total) } else { Serve::Code };
    Outcome::new(serve, parts.span, format!("`{field}.rollout` serves on"))
}
