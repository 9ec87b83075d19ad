//! Configuration in, the flags of its maps named after feature flags out: `featureFlags: {new-cart: false}`, a file of booleans.

use super::decide::{Outcome, Serve};
use super::{Draft, Format, Reading, purpose};
use crate::read::tree::Node;

/// Maps stand this deep in configuration: `app.config.featureFlags`.
const MAX_DEPTH: usize = 5;

/// Words of such a map that describe it and are no flags.
const DESCRIPTION: [&str; 8] = ["enabled", "default", "type", "description", "required", "deprecated", "additionalProperties", "nullable"];

/// The maps of flags of a document, by the path of its file and its keys.
pub fn maps<'d>(root: &'d Node, path: &str) -> Vec<&'d Node> {
    if is_named(path) && !root.entries().is_empty() && root.entries().iter().all(|(_, value)| state(value).is_some()) {
        return vec![root];
    }
    let mut found = Vec::new();
    collect(root, 0, &mut found);
    found
}

/// Whether the file is called after flags: `config/feature_flags.yml`, `default_flag_settings.json`.
pub fn is_named(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    let stem = name.split('.').next().unwrap_or(name);
    stem.split(['-', '_', ' ']).any(|word| matches!(word, "flag" | "flags" | "toggle" | "toggles" | "featureflags" | "featuretoggles"))
}

/// `featureFlags`, `feature_flags`, `FEATURE-FLAGS`, `featureToggles`.
pub fn is_flag_word(key: &str) -> bool {
    let bare: String = key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    matches!(bare.as_str(), "featureflags" | "featuretoggles")
}

fn collect<'d>(node: &'d Node, depth: usize, found: &mut Vec<&'d Node>) {
    if depth >= MAX_DEPTH {
        return;
    }
    for (key, value) in node.entries() {
        if key.as_str().is_some_and(is_flag_word) && flags(value).next().is_some() {
            found.push(value);
        } else {
            collect(value, depth + 1, found);
        }
    }
}

pub fn read(reading: &mut Reading<'_>, map: &Node) {
    let all: Vec<(&Node, &Node)> = flags(map).collect();
    for (name, body) in all {
        let Some(value) = state(body) else { continue };
        let outcome = match boolean(value) {
            Some(on) => Outcome::boolean(on, value.span, format!("it is set to {on}")).with_off(on.then(|| off(reading.text, value))),
            None => Outcome::new(Serve::Other, value.span, "its value"),
        };
        let purpose = purpose(body.str_at("type").or(body.str_at("purpose")));
        reading.push(Draft { purpose, ..Draft::new(Format::Map, name, body, outcome.decision()) });
    }
}

fn off(text: &str, value: &Node) -> String {
    super::flagd::quoted_like(text, value.span, "false")
}

/// Entries that are on or off; a map with a `type` is a schema, not a map of flags.
fn flags(map: &Node) -> impl Iterator<Item = (&Node, &Node)> {
    let schema = map.str_at("type").is_some();
    let entries = map.entries().iter().filter(move |_| !schema);
    let named = entries.filter(|(key, _)| key.as_str().is_some_and(|key| !DESCRIPTION.contains(&key)));
    named.filter(|(_, value)| state(value).is_some()).map(|(key, value)| (key, value))
}

/// The boolean of an entry: itself, or the field that holds its state.
fn state(value: &Node) -> Option<&Node> {
    let fields = ["enabled", "default", "defaultValue", "default_value", "on"].iter().filter_map(|key| value.get(key));
    [value].into_iter().chain(fields).find(|node| boolean(node).is_some())
}

fn boolean(node: &Node) -> Option<bool> {
    match node.as_str()? {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::read::flag::{State, claims, read_flags};
    use crate::source::FileId;

    fn states(path: &str, text: &str) -> Vec<(String, State)> {
        assert!(claims(path, text), "{path}");
        read_flags(path, text, FileId(0), &[], "2026-06-01").flags.into_iter().map(|flag| (flag.key, flag.state)).collect()
    }

    #[test]
    fn maps_named_after_flags_hold_flags() {
        let values =
            "image: {tag: v1}\napp:\n  featureFlags:\n    new-cart: true\n    old-cart: {enabled: \"false\", owner: a}\n    limit: 5\n";
        assert_eq!(states("chart/values.yaml", values), [("new-cart".into(), State::On), ("old-cart".into(), State::Off)]);
        assert_eq!(states("config/feature_flags.json", r#"{"a": true, "b": false}"#), [("a".into(), State::On), ("b".into(), State::Off)]);
    }

    #[test]
    fn what_only_looks_like_a_map_of_flags_has_none() {
        for (path, text) in [
            ("api.yaml", "properties:\n  featureFlags: {type: object, default: false}\n"),
            ("values.yaml", "featureFlags:\n  enabled: true\n"),
            ("compiler/flags.json", r#"{"strict": true, "target": "es2022"}"#),
        ] {
            assert!(read_flags(path, text, FileId(0), &[], "2026-06-01").flags.is_empty(), "{path}");
        }
    }
}
