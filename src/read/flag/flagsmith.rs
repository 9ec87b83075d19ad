//! Flagsmith environment documents in, flags out.

use super::decide::{Arm, Decision, Outcome, Serve, When};
use super::{Draft, Format, Reading};
use crate::read::tree::Node;

pub fn read(reading: &mut Reading<'_>, root: &Node) {
    let states = root.get("feature_states").unwrap_or(root);
    let environment = root.str_at("name").unwrap_or_default();
    for body in states.items() {
        let Some(name) = body.at(&["feature", "name"]) else {
            reading.unread(body.span, "a feature state without a feature");
            continue;
        };
        let default = match body.get("enabled").map(|node| (node.as_bool(), node.span)) {
            Some((Some(on), span)) => Outcome::boolean(on, span, format!("`enabled` is {on}")),
            _ => Outcome::new(Serve::Unknown("`enabled` is not a boolean".to_owned()), body.span, "the feature"),
        };
        let segments = root.at(&["project", "segments"]).map(Node::items).unwrap_or_default();
        let overrides = segments.iter().flat_map(|segment| segment.get("feature_states").map(Node::items).unwrap_or_default());
        let of_flag = overrides.filter(|state| state.at(&["feature", "name"]).and_then(Node::as_str) == name.as_str());
        let arms = of_flag
            .filter_map(|state| state.get("enabled").and_then(Node::as_bool).map(|on| (state, on)))
            .map(|(state, on)| Arm { when: When::Targeted, then: Outcome::boolean(on, state.span, "a segment override") })
            .collect();
        reading
            .push(Draft { environment: environment.to_owned(), ..Draft::new(Format::Flagsmith, name, body, Decision { arms, default }) });
    }
}
