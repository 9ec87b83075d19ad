//! GO Feature Flag files in, flags out: targeting, then `defaultRule`; values of variations decide, not their names.

use super::decide::{Arm, Decision, Outcome, Serve, When};
use super::{Draft, FlawKind, Format, Reading};
use crate::read::tree::Node;

pub fn read(reading: &mut Reading<'_>, root: &Node) {
    for (name, body) in root.entries() {
        let Some(variations) = body.get("variations").filter(|node| node.is_map()) else {
            reading.unread(body.span, "an entry without `variations` among GO Feature Flag flags");
            continue;
        };
        let decision = flag(reading.today, name, body, variations);
        let mut flaws = Vec::new();
        let targeting = body.get("targeting").map(Node::items).unwrap_or_default();
        for rule in body.get("defaultRule").into_iter().chain(targeting) {
            let used = rule
                .get("variation")
                .into_iter()
                .chain(rule.get("percentage").map(Node::entries).unwrap_or_default().iter().map(|(key, _)| key));
            for node in used.filter(|node| node.as_str().is_some_and(|name| variations.get(name).is_none())) {
                let name = node.as_str().unwrap_or_default();
                flaws.push(reading.flaw(FlawKind::Undefined, node.span, format!("the variation `{name}` is not defined")));
            }
        }
        reading.push(Draft { flaws, ..Draft::new(Format::GoFeatureFlag, name, body, decision) });
    }
}

fn flag(today: &str, name: &Node, body: &Node, variations: &Node) -> Decision {
    let mut body = body.clone();
    let mut later = Vec::new();
    for step in body.get("scheduledRollout").map(|node| node.items().to_vec()).unwrap_or_default() {
        match step.get("date").and_then(day) {
            Some(day) if day.as_str() <= today => {
                // A step replaces the keys it names.
                if step.get("defaultRule").or(step.get("targeting")).or(step.get("disable")).is_some() {
                    body = step.overlaid(&body);
                }
            }
            Some(day) => later.push((day, step)),
            None => return unknown(&step, "a scheduled step has no date that can be read"),
        }
    }
    let mut decision = now(name, &body, variations);
    for (day, step) in later.into_iter().rev() {
        let then = now(name, &step.overlaid(&body), variations);
        let outcome = Outcome::new(Serve::Nested(Box::new(then)), step.span, "a scheduled rollout step");
        decision.arms.insert(0, Arm { when: When::From(day), then: outcome });
    }
    decision
}

fn now(name: &Node, body: &Node, variations: &Node) -> Decision {
    if let Some(disabled) = body.get("disable").filter(|node| node.as_bool() == Some(true)) {
        return Outcome::new(Serve::Code, disabled.span, "`disable` is true").decision();
    }
    if let Some(window) = body.get("experimentation") {
        return unknown(window, "an experimentation window leaves it to the code outside the window");
    }
    let mut arms = Vec::new();
    for (index, entry) in body.get("targeting").map(Node::items).unwrap_or_default().iter().enumerate() {
        if entry.get("disable").and_then(Node::as_bool) == Some(true) {
            continue;
        }
        let query = entry.str_at("query").map(str::trim).unwrap_or_default();
        let when = match query {
            "" => When::Always,
            // A negated test of a missing attribute can hold for somebody without attributes.
            _ if [" ne ", "!=", " not ", "not ", "not("].iter().any(|word| query.to_ascii_lowercase().contains(word)) => {
                When::Unknown(format!("the query `{query}` is negative, and may hold without attributes"))
            }
            _ => When::Targeted,
        };
        arms.push(Arm { when, then: rule(entry, variations, &format!("targeting[{index}]")) });
    }
    let default = match body.get("defaultRule") {
        Some(entry) => rule(entry, variations, "defaultRule"),
        None => Outcome::new(Serve::Unknown("there is no `defaultRule`".to_owned()), name.span, "the flag"),
    };
    Decision { arms, default }
}

fn unknown(node: &Node, reason: &str) -> Decision {
    Outcome::new(Serve::Unknown(reason.to_owned()), node.span, "the flag").decision()
}

fn day(node: &Node) -> Option<String> {
    node.as_str().and_then(|text| text.get(..10)).filter(|day| day.parse::<jiff::civil::Date>().is_ok()).map(str::to_owned)
}

fn serve(variations: &Node, name: &str) -> Serve {
    match variations.get(name) {
        None => Serve::Code,
        Some(value) => value.as_bool().map_or(Serve::Other, |on| if on { Serve::On } else { Serve::Off }),
    }
}

/// `progressiveRollout`, else `percentage`, else `variation`.
fn rule(rule: &Node, variations: &Node, path: &str) -> Outcome {
    if let Some(progressive) = rule.get("progressiveRollout") {
        return self::progressive(progressive, variations, path);
    }
    if let Some(shares) = rule.get("percentage") {
        let (mut on, mut total) = (0.0, 0.0);
        for (name, share) in shares.entries() {
            let Some(weight) = share.as_f64() else {
                return Outcome::new(Serve::Unknown("a percentage is not a number".to_owned()), share.span, path);
            };
            total += weight;
            match serve(variations, name.as_str().unwrap_or_default()) {
                Serve::On => on += weight,
                Serve::Off => {}
                other => return Outcome::new(other, name.span, path),
            }
        }
        let served = if total > 0.0 { Serve::Share(on / total) } else { Serve::Code };
        return Outcome::new(served, shares.span, format!("`{path}.percentage` serves on"));
    }
    match rule.get("variation") {
        Some(node) => {
            let name = node.as_str().unwrap_or_default();
            let served = serve(variations, name);
            let off = variations.entries().iter().find(|(_, value)| value.as_bool() == Some(false)).and_then(|(key, _)| key.as_str());
            let off = off.filter(|_| served == Serve::On).map(str::to_owned);
            Outcome::new(served, node.span, format!("`{path}.variation` is `{name}`")).with_off(off)
        }
        None => Outcome::new(Serve::Unknown("it serves nothing".to_owned()), rule.span, path),
    }
}

fn progressive(node: &Node, variations: &Node, path: &str) -> Outcome {
    let side = |key: &str| {
        let step = node.get(key)?;
        Some((serve(variations, step.str_at("variation")?), step.get("date").and_then(day)?, step))
    };
    let (Some((first, start, initial)), Some((second, end, last))) = (side("initial"), side("end")) else {
        return Outcome::new(Serve::Unknown("a progressive rollout without dates or variations".to_owned()), node.span, path);
    };
    // An end percentage that is absent or out of range means 100.
    let percent = last.get("percentage").and_then(Node::as_f64).filter(|percent| *percent > 0.0 && *percent <= 100.0).unwrap_or(100.0);
    let (from, to) =
        (Outcome::new(first, initial.span, format!("`{path}.progressiveRollout.initial`")), format!("`{path}.progressiveRollout.end`"));
    let whole = Outcome::new(second, last.span, to.clone());
    let done = Decision { arms: vec![Arm { when: When::Percent(percent / 100.0), then: whole.clone() }], default: from.clone() };
    let done = Outcome::new(Serve::Nested(Box::new(done)), last.span, to);
    // Between the dates some share is on; the day decides which, so half of the end's is taken.
    let midway = Decision { arms: vec![Arm { when: When::Percent(percent / 200.0), then: whole }], default: from.clone() };
    let midway = Outcome::new(Serve::Nested(Box::new(midway)), node.span, path.to_owned());
    let arms = vec![Arm { when: When::From(end), then: done }, Arm { when: When::From(start), then: midway }];
    Outcome::new(Serve::Nested(Box::new(Decision { arms, default: from })), node.span, path)
}
