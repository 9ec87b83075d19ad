//! flagd definitions (`flags`, `$evaluators`) in, flags out. Targeting beats `defaultVariant`.

use std::cell::Cell;

use super::decide::{Outcome, Serve};
use super::jsonlogic::{BUDGET, Scope};
use super::{Draft, FlawKind, Format, Reading, purpose};
use crate::read::tree::Node;

/// Reads an object with `flags` (a map, or a list with `key`).
pub fn read(reading: &mut Reading<'_>, root: &Node) {
    let evaluators = root.get("$evaluators");
    let budget = Cell::new(BUDGET);
    let Some(flags) = root.get("flags") else { return };
    for (name, body) in flags.entries() {
        flag(reading, name, body, evaluators, &budget);
    }
    for body in flags.items() {
        match body.get("key") {
            Some(name) => flag(reading, name, body, evaluators, &budget),
            None => reading.unread(body.span, "a flag without a key"),
        }
    }
}

fn flag(reading: &mut Reading<'_>, name: &Node, body: &Node, evaluators: Option<&Node>, budget: &Cell<usize>) {
    let empty = body.get("variants").filter(|variants| variants.is_map());
    let Some(variants) = empty else { return reading.unread(body.span, "a flag without `variants`") };
    let mut flaws = Vec::new();
    let key = name.as_str().unwrap_or_default();
    let off = off_variant(variants);
    let variant = |wanted: &str, span, path: String| {
        let serve = if variants.get(wanted).is_some() { serves(variants, wanted) } else { Serve::Code };
        let off = off.as_ref().filter(|_| serve == Serve::On).map(|off| quoted_like(reading.text, span, off));
        Outcome::new(serve, span, path).with_off(off)
    };
    let default = match body.get("defaultVariant").filter(|node| !node.is_null()) {
        Some(node) => {
            let wanted = node.as_str().unwrap_or_default();
            if variants.get(wanted).is_none() {
                let message = format!("`defaultVariant` is `{wanted}`, which is not one of its variants");
                flaws.push(reading.flaw(FlawKind::Undefined, node.span, message));
            }
            variant(wanted, node.span, format!("`defaultVariant` is `{wanted}`"))
        }
        None => Outcome::new(Serve::Code, name.span, "there is no `defaultVariant`"),
    };
    let off_value = variants.entry("off").filter(|(_, value)| value.as_bool() == Some(true));
    if let Some((_, value)) = off_value {
        flaws.push(reading.flaw(FlawKind::OffServesOn, value.span, "the variant `off` serves `true`"));
    }
    let disabled = body.get("state").filter(|state| state.as_str().is_some_and(|state| state.eq_ignore_ascii_case("disabled")));
    let targeting = body.get("targeting").filter(|targeting| !targeting.is_null() && !targeting.entries().is_empty());
    let decision = match (disabled, targeting) {
        (Some(state), _) => Outcome::new(Serve::Code, state.span, "`state` is DISABLED").decision(),
        (None, Some(targeting)) => {
            let scope = Scope { variant: &variant, default: &default, evaluators, flag: key, budget };
            let outcome = scope.lower(targeting, "targeting");
            match outcome.serve {
                // The targeting's own branches, with what is left when it gives nothing.
                Serve::Nested(inner) => *inner,
                _ => outcome.decision(),
            }
        }
        (None, None) => default.clone().decision(),
    };
    let declared = body.at(&["metadata", "type"]).or_else(|| body.at(&["metadata", "purpose"])).and_then(Node::as_str);
    reading.push(Draft { flaws, purpose: purpose(declared), ..Draft::new(Format::Flagd, name, body, decision) });
}

/// On or off of one variant: booleans by value, a pair of texts by the names of the variants.
fn serves(variants: &Node, name: &str) -> Serve {
    let value = variants.get(name);
    match value.and_then(Node::as_bool) {
        Some(true) => return Serve::On,
        Some(false) => return Serve::Off,
        None => {}
    }
    let names: Vec<&str> = variants.entries().iter().filter_map(|(key, _)| key.as_str()).collect();
    let text = value.is_some_and(|value| value.as_str().is_some() && value.as_f64().is_none());
    if text { pair(&names, name) } else { Serve::Other }
}

/// Two names that say on and off.
pub(super) fn pair(names: &[&str], name: &str) -> Serve {
    const PAIRS: [(&str, &str); 5] = [("on", "off"), ("enabled", "disabled"), ("true", "false"), ("treatment", "control"), ("new", "old")];
    let has = |word: &str| names.iter().any(|name| name.eq_ignore_ascii_case(word));
    let found = PAIRS.iter().find(|(on, off)| names.len() == 2 && has(on) && has(off));
    match found {
        Some((on, _)) if name.eq_ignore_ascii_case(on) => Serve::On,
        Some(_) => Serve::Off,
        None => Serve::Other,
    }
}

fn off_variant(variants: &Node) -> Option<String> {
    let names = variants.entries().iter().filter_map(|(key, _)| key.as_str());
    names.filter(|name| serves(variants, name) == Serve::Off).map(str::to_owned).next()
}

/// `word`, quoted if what stands at `span` is.
pub(super) fn quoted_like(text: &str, span: crate::source::Span, word: &str) -> String {
    match span.text(text).chars().next() {
        Some('"') => format!("\"{word}\""),
        Some('\'') => format!("'{word}'"),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::read::flag::{State, read_flags};
    use crate::source::FileId;

    fn state(flag: &str) -> (State, String) {
        let text = format!("{{\"flags\": {{\"x\": {flag}}}, \"$evaluators\": {{\"beta\": {{\"in\": [\"@b\", {{\"var\": \"email\"}}]}}}}}}");
        let flag = read_flags("a.flagd.json", &text, FileId(0), &[], "2026-06-01").flags.remove(0);
        (flag.state, flag.reason)
    }

    fn targeted(targeting: &str) -> State {
        state(&format!(r#"{{"state":"ENABLED","variants":{{"on":true,"off":false}},"defaultVariant":"off","targeting":{targeting}}}"#)).0
    }

    #[test]
    fn targeting_beats_the_default_variant() {
        assert_eq!(targeted("{}"), State::Off);
        assert_eq!(targeted(r#"{"if": [{"!=": [{"var": "country"}, "de"]}, "on", "off"]}"#), State::On);
        assert_eq!(targeted(r#"{"if": [{"==": [{"var": "country"}, "de"]}, "on", "off"]}"#), State::OffTargeted);
        assert_eq!(targeted(r#"{"if": [{"$ref": "beta"}, "on", null]}"#), State::OffTargeted);
        assert_eq!(targeted(r#"{"fractional": [["on", 1], ["off", 3]]}"#), State::Partial { percent: 25.0 });
        assert_eq!(
            targeted(r#"{"if": [{">": [{"var": "$flagd.timestamp"}, 1798761600]}, "on", "off"]}"#),
            State::Scheduled { from: "2027-01-01".into() }
        );
        assert_eq!(targeted(r#"{"if": [{"telepathy": [1]}, "on", "off"]}"#), State::Unknown);
    }

    #[test]
    fn values_decide_and_not_names() {
        assert_eq!(state(r#"{"state":"ENABLED","variants":{"on":false,"off":true},"defaultVariant":"off"}"#).0, State::On);
        assert_eq!(state(r#"{"state":"DISABLED","variants":{"on":true,"off":false},"defaultVariant":"on"}"#).0, State::CodeDefault);
        assert_eq!(state(r#"{"state":"ENABLED","variants":{"on":5,"off":0},"defaultVariant":"on"}"#).0, State::NotBoolean);
        assert_eq!(state(r#"{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"onn"}"#).0, State::CodeDefault);
    }
}
