//! Microsoft FeatureManagement settings in, flags out: the .NET schema and the `feature_flags` schema.

use super::decide::{Arm, Decision, Outcome, Serve, When};
use super::{Draft, FlawKind, Format, Reading};
use crate::read::tree::Node;

pub fn read(reading: &mut Reading<'_>, root: &Node) {
    for key in ["FeatureManagement", "feature_management", "feature-management"] {
        let Some(section) = root.get(key) else { continue };
        for body in section.get("feature_flags").or(section.get("FeatureFlags")).map(Node::items).unwrap_or_default() {
            modern(reading, body);
        }
        for (name, value) in section.entries().iter().filter(|(name, _)| !matches!(name.as_str(), Some("feature_flags" | "FeatureFlags"))) {
            dotnet(reading, name, value);
        }
    }
}

/// A boolean, also as text: the library parses it.
fn boolean(node: &Node) -> Option<bool> {
    match node.as_str()?.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn dotnet(reading: &mut Reading<'_>, name: &Node, value: &Node) {
    let filters = value.get("EnabledFor");
    let decision = match (boolean(value), filters) {
        (Some(on), _) => Outcome::boolean(on, value.span, format!("it is set to {on}")).decision(),
        (None, Some(filters)) => match boolean(filters) {
            Some(on) => Outcome::boolean(on, filters.span, format!("`EnabledFor` is {on}")).decision(),
            None => by_filters(filters, value.str_at("RequirementType"), value),
        },
        // A group of settings is not a flag to the library.
        (None, None) if value.is_map() && !value.entries().is_empty() => return,
        (None, None) => Outcome::new(Serve::Off, value.span, "nothing enables it").decision(),
    };
    reading.push(Draft::new(Format::Microsoft, name, value, decision));
}

fn modern(reading: &mut Reading<'_>, body: &Node) {
    let Some(name) = body.get("id") else { return reading.unread(body.span, "a feature flag without an id") };
    let filters = body.at(&["conditions", "client_filters"]).filter(|list| !list.items().is_empty());
    let enabled = body.get("enabled").and_then(boolean).unwrap_or(false);
    let span = body.get("enabled").map_or(name.span, |node| node.span);
    let mut flaws = Vec::new();
    let disabled = body.at(&["allocation", "default_when_disabled"]);
    if let Some(node) = disabled.filter(|node| overrides(body, node.as_str(), "Enabled")) {
        flaws.push(reading.flaw(FlawKind::OffServesOn, node.span, "the variant served when disabled overrides the status to enabled"));
    }
    let decision = match (enabled, filters) {
        _ if body.get("variants").is_some() && body.get("allocation").is_some() && enabled => {
            Outcome::new(Serve::Unknown("an allocation of variants decides".to_owned()), span, "the flag").decision()
        }
        (false, _) => Outcome::new(Serve::Off, span, "`enabled` is false").decision(),
        (true, None) => Outcome::boolean(true, span, "`enabled` is true without filters").decision(),
        (true, Some(filters)) => by_filters(filters, body.at(&["conditions", "requirement_type"]).and_then(Node::as_str), body),
    };
    reading.push(Draft { flaws, ..Draft::new(Format::Microsoft, name, body, decision) });
}

fn overrides(body: &Node, variant: Option<&str>, status: &str) -> bool {
    let variants = body.get("variants").map(Node::items).unwrap_or_default();
    variants.iter().any(|node| node.str_at("name") == variant && variant.is_some() && node.str_at("status_override") == Some(status))
}

fn by_filters(filters: &Node, requirement: Option<&str>, body: &Node) -> Decision {
    let all = requirement.is_some_and(|requirement| requirement.eq_ignore_ascii_case("all")) && filters.items().len() > 1;
    let off = Outcome::new(Serve::Off, filters.span, "no filter enables it for everyone");
    if all {
        let reason = "all of several filters must hold".to_owned();
        return Outcome::new(Serve::Unknown(reason), body.span, "the flag").decision();
    }
    let arms = filters.items().iter().map(filter).collect();
    Decision { arms, default: off }
}

fn filter(node: &Node) -> Arm {
    let name = node.str_at("Name").or(node.str_at("name")).unwrap_or_default();
    let parameters = node.get("Parameters").or(node.get("parameters"));
    let number = |path: &[&str]| {
        parameters.and_then(|parameters| parameters.at(path)).and_then(Node::as_str).and_then(|text| text.parse::<f64>().ok())
    };
    let short = name.strip_prefix("Microsoft.").unwrap_or(name);
    let when = match short {
        "AlwaysOn" | "On" => When::Always,
        "Percentage" => number(&["Value"]).map_or(When::Unknown("`Value` is missing".to_owned()), |value| When::Percent(value / 100.0)),
        "Targeting" => match number(&["Audience", "DefaultRolloutPercentage"]) {
            Some(value) if value > 0.0 => When::Percent(value / 100.0),
            _ => When::Targeted,
        },
        "TimeWindow" => {
            let start = parameters.and_then(|parameters| parameters.str_at("Start")).and_then(window_day);
            start.map_or(When::Unknown("the time window has no start that can be read".to_owned()), When::From)
        }
        _ => When::Unknown(format!("the filter `{name}` is not known")),
    };
    Arm { when, then: Outcome::new(Serve::On, node.span, format!("the filter `{name}` serves on")) }
}

/// `2026-05-01T…` or `Fri, 01 May 2026 00:00:00 GMT`.
fn window_day(text: &str) -> Option<String> {
    let iso = text.get(..10).filter(|day| day.parse::<jiff::civil::Date>().is_ok()).map(str::to_owned);
    iso.or_else(|| jiff::fmt::rfc2822::parse(text).ok().map(|time| time.date().to_string()))
}
