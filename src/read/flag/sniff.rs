//! A path and a document in, the flag format it is out. By structure; a path alone never suffices.

use super::{Format, map, registry, scope};
use crate::read::tree::Node;

pub enum Shape {
    Flags(Format),
    /// An object of Kubernetes that may carry flags.
    Kubernetes,
}

/// Whether a file is worth parsing: cheap, and never wrong about a file that has no flags.
pub fn claims(path: &str, text: &str) -> bool {
    if !scope::is_shipped(path) {
        return false;
    }
    let lower = path.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if ends(&[".tf"]) {
        return super::terraform::RESOURCES.iter().any(|resource| text.contains(resource));
    }
    if ends(&[".toml"]) {
        return text.contains("defaultRule") && text.contains("variations");
    }
    if ends(&[".json", ".jsonc", ".yaml", ".yml"]) {
        return map::is_named(path) || WORDS.iter().any(|word| text.contains(word));
    }
    registry::claims(path, text)
}

/// Every format has at least one of these words.
const WORDS: [&str; 26] = [
    "defaultVariant",
    "variants",
    "flagType",
    "flags",
    "defaultRule",
    "default_enabled",
    "feature_management",
    "FeatureManagement",
    "feature-management",
    "featureStrategies",
    "strategies",
    "flagValues",
    "defaultValue",
    "feature_state",
    "percentage_of_actors",
    "waffle.",
    "versionedSpecs",
    "feature_gates",
    "feature_flags",
    "eatureFlag",
    "FEATURE_FLAG",
    "feature-flags",
    "eatureToggles",
    "feature_toggles",
    "\"f\"",
    "remoteconfig",
];

pub fn format(root: &Node, path: &str) -> Option<Shape> {
    if is_json_schema(root) {
        return None;
    }
    let has = |key: &str| root.get(key).is_some();
    if has("apiVersion") && has("kind") {
        return Some(Shape::Kubernetes);
    }
    let found = flags_key(root, path)
        .or_else(|| has("flagValues").then_some(Format::LaunchDarkly))
        .or_else(|| is_gitlab(root).then_some(Format::GitLab))
        .or_else(|| is_unleash(root).then_some(Format::Unleash))
        .or_else(|| (has("parameters") && is_firebase(root)).then_some(Format::Firebase))
        .or_else(|| is_microsoft(root).then_some(Format::Microsoft))
        .or_else(|| features(root))
        .or_else(|| (has("values") && root.str_at("version") == Some("1")).then_some(Format::AppConfig))
        .or_else(|| {
            (has("f") && any(root.get("f"), |flag| flag.get("t").is_some() && flag.get("v").is_some())).then_some(Format::ConfigCat)
        })
        .or_else(|| is_flagsmith(root).then_some(Format::Flagsmith))
        .or_else(|| is_waffle(root).then_some(Format::Waffle))
        .or_else(|| is_lifecycle(root).then_some(Format::LifecycleList))
        .or_else(|| is_goff(root).then_some(Format::GoFeatureFlag));
    found.map(Shape::Flags)
}

fn is_json_schema(root: &Node) -> bool {
    let meta = root.str_at("$schema").is_some_and(|schema| schema.contains("json-schema.org"));
    meta || (root.get("properties").is_some_and(Node::is_map) && (root.get("type").is_some() || root.get("$id").is_some()))
}

/// Whether some value of a map, or item of a list, is so.
fn any(node: Option<&Node>, is: impl Fn(&Node) -> bool) -> bool {
    node.is_some_and(|node| node.entries().iter().map(|(_, value)| value).chain(node.items()).any(is))
}

/// Seven formats share the key `flags`.
fn flags_key(root: &Node, path: &str) -> Option<Format> {
    let flags = root.get("flags")?;
    let schema = root.str_at("$schema").unwrap_or_default();
    if schema.contains("flagd.dev/schema")
        || any(Some(flags), |flag| flag.get("state").is_some() && flag.get("variants").is_some_and(Node::is_map))
    {
        return Some(Format::Flagd);
    }
    if schema.contains("flag-manifest") || any(Some(flags), |flag| flag.get("flagType").is_some() && flag.get("defaultValue").is_some()) {
        return Some(Format::OpenFeatureManifest);
    }
    if root.str_at("version") == Some("1") && flags.is_map() {
        return Some(Format::AppConfig);
    }
    if any(Some(flags), |flag| {
        flag.get("variations").is_some() && (flag.get("fallthrough").is_some() || flag.get("offVariation").is_some())
    }) {
        return Some(Format::LaunchDarkly);
    }
    if any(Some(flags), |flag| flag.get("variants").is_some_and(Node::is_map) && flag.get("defaultVariant").is_some()) {
        return Some(Format::Flagd);
    }
    let items = flags.items();
    if !items.is_empty()
        && items.iter().all(|flag| {
            flag.get("key").is_some() && (flag.get("enabled").is_some() || flag.get("type").is_some() || flag.get("name").is_some())
        })
    {
        return Some(Format::Flipt);
    }
    let scalars = !flags.entries().is_empty() && flags.entries().iter().all(|(_, value)| value.as_str().is_some());
    (scalars && path.to_ascii_lowercase().contains("configcat")).then_some(Format::ConfigCat)
}

fn is_gitlab(root: &Node) -> bool {
    let state = root.get("default_enabled").is_some_and(|value| value.as_str().is_some());
    state && root.get("name").is_some() && ["type", "rollout_issue_url", "introduced_by_url"].iter().any(|key| root.get(key).is_some())
}

fn is_unleash(root: &Node) -> bool {
    let features = root.get("features").and_then(Node::as_seq).unwrap_or_default();
    let environments = root.get("featureEnvironments").or(root.get("featureStrategies")).is_some();
    environments
        || features
            .iter()
            .any(|feature| feature.get("name").is_some() && feature.get("enabled").is_some() && feature.get("strategies").is_some())
}

fn is_firebase(root: &Node) -> bool {
    any(root.get("parameters"), |parameter| {
        parameter.at(&["defaultValue", "value"]).is_some()
            || parameter.at(&["defaultValue", "useInAppDefault"]).is_some()
            || parameter.get("conditionalValues").is_some()
    })
}

fn is_microsoft(root: &Node) -> bool {
    ["FeatureManagement", "feature_management", "feature-management"].iter().any(|key| root.get(key).is_some_and(Node::is_map))
}

/// Formats with a map `features`.
fn features(root: &Node) -> Option<Format> {
    let features = root.get("features")?;
    if any(Some(features), |feature| feature.get("percentage_of_actors").is_some() || feature.get("boolean").is_some()) {
        return Some(Format::Flipper);
    }
    let growthbook = any(Some(features), |feature| feature.get("defaultValue").is_some() || feature.get("rules").is_some());
    growthbook.then_some(Format::GrowthBook)
}

fn is_flagsmith(root: &Node) -> bool {
    let state = |node: &Node| node.get("feature").is_some_and(|feature| feature.get("name").is_some()) && node.get("enabled").is_some();
    any(root.get("feature_states"), state) || (!root.items().is_empty() && root.items().iter().all(state))
}

fn is_waffle(root: &Node) -> bool {
    root.items().iter().any(|item| item.str_at("model").is_some_and(|model| model.starts_with("waffle.")))
}

fn is_lifecycle(root: &Node) -> bool {
    root.items().iter().any(|item| item.get("name").is_some() && item.get("versionedSpecs").is_some())
        || any(root.get("feature_gates"), |gate| gate.get("id").is_some() && gate.get("stage").is_some())
}

const GOFF_KEYS: [&str; 10] = [
    "trackEvents",
    "disable",
    "version",
    "converter",
    "variations",
    "targeting",
    "bucketingKey",
    "defaultRule",
    "scheduledRollout",
    "experimentation",
];

fn is_goff(root: &Node) -> bool {
    any(Some(root), |flag| {
        let known = |key: &Node| key.as_str().is_some_and(|key| GOFF_KEYS.contains(&key) || key == "metadata");
        flag.get("variations").is_some_and(Node::is_map)
            && flag.get("defaultRule").is_some()
            && flag.entries().iter().all(|(key, _)| known(key))
    })
}
