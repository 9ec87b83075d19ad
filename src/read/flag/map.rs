//! Configuration in, the flags of its maps named after feature flags out: `featureFlags: {new-cart: false}`, a file of booleans.

use super::decide::{Outcome, Serve};
use super::{Draft, Format, Reading, purpose, scope};
use crate::read::tree::Node;

/// Maps stand this deep in configuration: `app.config.featureFlags`.
const MAX_DEPTH: usize = 5;

/// Words of such a map that describe it and are no flags.
const DESCRIPTION: [&str; 8] = ["enabled", "default", "type", "description", "required", "deprecated", "additionalProperties", "nullable"];

/// The maps of flags of a document, by the path of its file and its keys.
pub fn maps<'d>(root: &'d Node, path: &str) -> Vec<&'d Node> {
    let serves = |value: &Node| state(value).is_some() || inner(value).is_some();
    if is_named(path) && !root.entries().is_empty() && root.entries().iter().all(|(_, value)| serves(value)) {
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
    for (name, body) in flags(map) {
        if state(body).is_some() {
            one(reading, name, body, None);
            continue;
        }
        for (inner, body) in inner(body).unwrap_or_default() {
            one(reading, inner, body, name.as_str());
        }
    }
}

/// A flag, by itself or in a map of flags that `group` names: an area of the product, or an environment.
fn one(reading: &mut Reading<'_>, name: &Node, body: &Node, group: Option<&str>) {
    let Some(value) = state(body) else { return };
    let outcome = match boolean(value) {
        Some(on) => Outcome::boolean(on, value.span, format!("it is set to {on}")).with_off(on.then(|| off(reading.text, value))),
        None => {
            let text = value.as_str().unwrap_or_default();
            Outcome::new(Serve::Unknown("it is filled in when it is deployed".to_owned()), value.span, format!("`{text}`"))
        }
    };
    let purpose = purpose(body.str_at("type").or(body.str_at("purpose")));
    let draft = Draft { purpose, ..Draft::new(Format::Map, name, body, outcome.decision()) };
    let environment = group.filter(|group| scope::of_path(group) == group.to_ascii_lowercase());
    reading.push(match (group, environment) {
        (_, Some(environment)) => Draft { environment: environment.to_owned(), ..draft },
        (Some(group), None) => Draft { key: format!("{group}.{}", draft.key), ..draft },
        (None, None) => draft,
    });
}

fn off(text: &str, value: &Node) -> String {
    let word = match value.as_str() {
        Some("on") => "off",
        Some("yes") => "no",
        Some("enabled") => "disabled",
        _ => "false",
    };
    super::flagd::quoted_like(text, value.span, word)
}

/// Entries that are on or off, or hold such; a map with a `type` is a schema, not a map of flags.
fn flags(map: &Node) -> impl Iterator<Item = (&Node, &Node)> {
    let schema = map.str_at("type").is_some();
    let entries = map.entries().iter().filter(move |_| !schema);
    let named = entries.filter(|(key, _)| is_name(key));
    named.filter(|(_, value)| state(value).is_some() || inner(value).is_some()).map(|(key, value)| (key, value))
}

fn is_name(key: &Node) -> bool {
    key.as_str().is_some_and(|key| !DESCRIPTION.contains(&key))
}

/// The entries of a map that holds nothing but flags.
fn inner(value: &Node) -> Option<Vec<(&Node, &Node)>> {
    let entries = value.entries();
    let all = !entries.is_empty() && entries.iter().all(|(key, value)| is_name(key) && state(value).is_some());
    all.then(|| entries.iter().map(|(key, value)| (key, value)).collect())
}

/// What says whether an entry is on: itself, or the field that holds its state.
fn state(value: &Node) -> Option<&Node> {
    let fields = ["enabled", "default", "defaultValue", "default_value", "on"].iter().filter_map(|key| value.get(key));
    [value].into_iter().chain(fields).find(|node| boolean(node).is_some() || is_filled_in(node))
}

/// Quoted or not: templates ask `eq .Values.featureFlags.cart "on"`.
fn boolean(node: &Node) -> Option<bool> {
    match node.as_str()? {
        "true" | "True" | "TRUE" | "on" | "yes" | "enabled" => Some(true),
        "false" | "False" | "FALSE" | "off" | "no" | "disabled" => Some(false),
        // Helm and others read YAML 1.1. A single letter is a text more often.
        text => node.yaml11_bool().filter(|_| text.len() > 1).or_else(|| fallback(text)),
    }
}

/// What `${CART:true}` and `${CART:-true}` are while the variable is not set.
fn fallback(text: &str) -> Option<bool> {
    let (_, word) = text.strip_prefix("${")?.strip_suffix('}')?.split_once(':')?;
    word.trim_start_matches('-').parse().ok()
}

/// A text with a place for a value that is known later.
fn is_filled_in(node: &Node) -> bool {
    node.as_str().is_some_and(|text| {
        let text = text.trim();
        (text.starts_with("${") && text.ends_with('}')) || (text.starts_with("{{") && text.ends_with("}}"))
    })
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
    fn words_of_yaml_1_1_nested_maps_and_places_for_values_count() {
        let values = "featureFlags:\n  a: on\n  b: \"disabled\"\n  cart: {express: true, slow: no}\n  c: ${C:true}\n  d: ${D}\n  e: slow\n";
        let expected = [
            ("a", State::On),
            ("b", State::Off),
            ("cart.express", State::On),
            ("cart.slow", State::Off),
            ("c", State::On),
            ("d", State::Unknown),
        ];
        assert_eq!(states("values.yaml", values), expected.map(|(key, state)| (key.to_owned(), state)));
        let by_environment = r#"{"production": {"a": false}, "staging": {"a": true}}"#;
        let file = read_flags("feature_flags.json", by_environment, FileId(0), &[], "2026-06-01");
        let got: Vec<_> = file.flags.iter().map(|flag| (flag.environment.as_str(), flag.key.as_str(), flag.state.clone())).collect();
        assert_eq!(got, [("production", "a", State::Off), ("staging", "a", State::On)]);
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
