//! Flipt features files in, flags out. `enabled` of a boolean flag is what it serves when no rollout matches.

use super::decide::{Arm, Decision, Outcome, Serve, When};
use super::{Draft, Flaw, FlawKind, Format, Reading};
use crate::read::tree::Node;

pub fn read(reading: &mut Reading<'_>, root: &Node) {
    let namespace = root.get("namespace").and_then(|node| node.as_str().or_else(|| node.str_at("key"))).unwrap_or("default");
    let segments = root.get("segments");
    for body in root.get("flags").map(Node::items).unwrap_or_default() {
        let Some(name) = body.get("key") else {
            reading.unread(body.span, "a flag without a key");
            continue;
        };
        let mut flaws = Vec::new();
        let enabled = body.get("enabled");
        let on = enabled.and_then(Node::as_bool);
        let span = enabled.map_or(name.span, |node| node.span);
        let decision = match (body.str_at("type"), on, enabled) {
            (_, None, Some(_)) => Outcome::new(Serve::Unknown("`enabled` is not a boolean".to_owned()), span, "the flag").decision(),
            (Some("BOOLEAN_FLAG_TYPE"), ..) => {
                let on = on.unwrap_or(false);
                let default = Outcome::boolean(on, span, format!("`enabled: {on}` is served when no rollout matches"));
                Decision { arms: rollouts(reading, body, segments, &mut flaws), default }
            }
            (_, Some(true), _) => variant(reading, body, segments, &mut flaws),
            _ => Outcome::new(Serve::Off, span, "`enabled` is false").decision(),
        };
        let draft = Draft::new(Format::Flipt, name, body, decision);
        let key = if namespace == "default" { draft.key.clone() } else { format!("{namespace}/{}", draft.key) };
        reading.push(Draft { key, flaws, ..draft });
    }
}

/// When the segments of a rule match; a segment without constraints matches everybody.
fn segment(reading: &Reading<'_>, rule: &Node, segments: Option<&Node>, flaws: &mut Vec<Flaw>) -> When {
    let node = rule.get("segment");
    let listed = node.and_then(|node| node.get("keys")).or(rule.get("segments")).or(node.and_then(|node| node.get("segments")));
    let single = node.and_then(|node| node.get("key").or(node.as_str().is_some().then_some(node)));
    let keys: Vec<&Node> = listed.map(Node::items).unwrap_or_default().iter().chain(single).collect();
    let either = node.and_then(|node| node.str_at("operator")).or(rule.str_at("operator")) == Some("OR_SEGMENT_OPERATOR");
    let mut universal = 0;
    for key in &keys {
        let wanted = key.as_str().unwrap_or_default();
        match segments.map(Node::items).unwrap_or_default().iter().find(|segment| segment.str_at("key") == Some(wanted)) {
            None => flaws.push(reading.flaw(FlawKind::Undefined, key.span, format!("the segment `{wanted}` is not defined in this file"))),
            Some(segment) => universal += usize::from(segment.get("constraints").is_none_or(|list| list.items().is_empty())),
        }
    }
    let matches = if either { universal > 0 } else { universal == keys.len() && universal > 0 };
    if matches { When::Always } else { When::Targeted }
}

fn rollouts(reading: &Reading<'_>, body: &Node, segments: Option<&Node>, flaws: &mut Vec<Flaw>) -> Vec<Arm> {
    let mut arms = Vec::new();
    for (index, rollout) in body.get("rollouts").map(Node::items).unwrap_or_default().iter().enumerate() {
        let threshold = rollout.get("threshold");
        let rule = threshold.or(rollout.get("segment"));
        let value = rule.and_then(|rule| rule.get("value"));
        let on = value.and_then(Node::as_bool).unwrap_or(false);
        let span = value.map_or(rollout.span, |value| value.span);
        let when = match threshold {
            Some(threshold) => match threshold.get("percentage").map_or(Some(0.0), Node::as_f64) {
                Some(percent) => When::Percent(percent / 100.0),
                None => When::Unknown("`percentage` is not a number".to_owned()),
            },
            None => segment(reading, rollout, segments, flaws),
        };
        let kind = if threshold.is_some() { "threshold" } else { "segment" };
        arms.push(Arm { when, then: Outcome::boolean(on, span, format!("rollouts[{index}].{kind} serves `{on}`")) });
    }
    arms
}

fn variant(reading: &Reading<'_>, body: &Node, segments: Option<&Node>, flaws: &mut Vec<Flaw>) -> Decision {
    let variants = body.get("variants").map(Node::items).unwrap_or_default();
    let names: Vec<&str> = variants.iter().filter_map(|variant| variant.str_at("key")).collect();
    let serve = |name: &str| super::flagd::pair(&names, name);
    let mut arms = Vec::new();
    for (index, rule) in body.get("rules").map(Node::items).unwrap_or_default().iter().enumerate() {
        let when = segment(reading, rule, segments, flaws);
        let (mut on, mut total, mut other) = (0.0, 0.0, false);
        for part in rule.get("distributions").map(Node::items).unwrap_or_default() {
            let weight = part.get("rollout").and_then(Node::as_f64).unwrap_or(0.0);
            let name = part.str_at("variant").unwrap_or_default();
            if !names.contains(&name) {
                flaws.push(reading.flaw(FlawKind::Undefined, part.span, format!("the variant `{name}` is not defined")));
            }
            total += weight;
            match serve(name) {
                Serve::On => on += weight,
                Serve::Off => {}
                _ => other = true,
            }
        }
        let served = if other || total <= 0.0 { Serve::Other } else { Serve::Share(on / total) };
        arms.push(Arm { when, then: Outcome::new(served, rule.span, format!("rules[{index}] distributes variants")) });
    }
    let default = variants.iter().find(|variant| variant.get("default").and_then(Node::as_bool) == Some(true));
    let default = match default {
        Some(variant) => Outcome::new(serve(variant.str_at("key").unwrap_or_default()), variant.span, "the default variant"),
        None => Outcome::new(Serve::Off, body.get("enabled").unwrap_or(body).span, "no rule matches and there is no default variant"),
    };
    Decision { arms, default }
}
