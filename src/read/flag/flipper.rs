//! Flipper exports and django-waffle fixtures in, flags out.

use super::decide::{Arm, Decision, Outcome, Serve, When};
use super::{Draft, Format, Reading};
use crate::read::tree::Node;

pub fn read(reading: &mut Reading<'_>, root: &Node) {
    for (name, body) in root.get("features").map(Node::entries).unwrap_or_default() {
        let boolean = body.get("boolean").filter(|node| !node.is_null());
        let on = boolean.is_some_and(|node| matches!(node.as_str(), Some("true" | "1")));
        let span = boolean.map_or(name.span, |node| node.span);
        let default = Outcome::boolean(on, span, format!("the boolean gate is {}", if on { "open" } else { "closed" }))
            .with_off(on.then(|| "null".to_owned()));
        let percent = |key: &str| body.get(key).and_then(Node::as_str).and_then(|text| text.parse::<f64>().ok());
        let mut arms = Vec::new();
        for key in ["percentage_of_actors", "percentage_of_time"] {
            if let Some(share) = percent(key).filter(|share| *share > 0.0) {
                let span = body.get(key).map_or(name.span, |node| node.span);
                arms.push(Arm { when: When::Percent(share / 100.0), then: Outcome::new(Serve::On, span, format!("`{key}` serves on")) });
            }
        }
        for key in ["groups", "actors"] {
            if body.get(key).is_some_and(|list| !list.items().is_empty()) {
                arms.push(Arm { when: When::Targeted, then: Outcome::new(Serve::On, name.span, format!("`{key}`")) });
            }
        }
        if let Some(expression) = body.get("expression").filter(|node| !node.is_null()) {
            let then = Outcome::new(Serve::On, expression.span, "`expression`");
            arms.push(Arm { when: When::Unknown("expressions are not evaluated".to_owned()), then });
        }
        reading.push(Draft::new(Format::Flipper, name, body, Decision { arms, default }));
    }
}

/// Fixtures of `waffle.flag`, `waffle.switch` and `waffle.sample`.
pub fn read_waffle(reading: &mut Reading<'_>, root: &Node) {
    for item in root.items() {
        let Some(kind) = item.str_at("model").and_then(|model| model.strip_prefix("waffle.")) else { continue };
        let Some((name, fields)) = item.get("fields").and_then(|fields| Some((fields.get("name")?, fields))) else {
            reading.unread(item.span, "a waffle record without a name");
            continue;
        };
        let decision = match kind {
            "switch" => match fields.get("active").map(|node| (node.as_bool(), node.span)) {
                Some((Some(on), span)) => Outcome::boolean(on, span, format!("`active` is {on}")).decision(),
                _ => Outcome::new(Serve::Off, name.span, "it is not active").decision(),
            },
            _ => criteria(name, fields),
        };
        reading.push(Draft::new(Format::Waffle, name, item, decision));
    }
}

fn criteria(name: &Node, fields: &Node) -> Decision {
    if let Some((on, span)) = fields.get("everyone").and_then(|node| Some((node.as_bool()?, node.span))) {
        return Outcome::boolean(on, span, format!("`everyone` is {on}")).with_off(on.then(|| "false".to_owned())).decision();
    }
    let mut arms = Vec::new();
    if let Some((share, span)) = fields.get("percent").and_then(|node| Some((node.as_str()?.parse::<f64>().ok()?, node.span))) {
        arms.push(Arm { when: When::Percent(share / 100.0), then: Outcome::new(Serve::On, span, "`percent` serves on") });
    }
    for key in ["superusers", "staff", "authenticated", "groups", "users", "rollout"] {
        let set = fields.get(key).is_some_and(|node| node.as_bool() == Some(true) || !node.items().is_empty());
        if set {
            arms.push(Arm { when: When::Targeted, then: Outcome::new(Serve::On, name.span, format!("`{key}`")) });
        }
    }
    Decision { arms, default: Outcome::new(Serve::Off, name.span, "nothing turns it on for everyone") }
}
