//! Terraform resources of flag services in, flags out.

use super::decide::{Arm, Decision, Outcome, Serve, When};
use super::{Draft, Flaw, FlawKind, Format, Purpose, Reading, purpose};
use crate::read::hcl::{self, Resource};
use crate::read::tree::{self, Node, NodeKind, Syntax};
use crate::source::Span;

/// Resources that hold the state of a flag.
pub const RESOURCES: [&str; 9] = [
    "launchdarkly_feature_flag",
    "unleash_feature_v2",
    "flagsmith_feature",
    "configcat_setting_value",
    "split_split_definition",
    "statsig_gate",
    "posthog_feature_flag",
    "azurerm_app_configuration_feature",
    "aws_appconfig_hosted_configuration_version",
];

pub fn read(reading: &mut Reading<'_>) {
    let all = match hcl::resources(reading.text) {
        Ok(all) => all,
        Err((span, message)) => return reading.unread(span, format!("it does not parse: {message}")),
    };
    for resource in all.iter().filter(|resource| RESOURCES.iter().any(|known| resource.kind.starts_with(known))) {
        if resource.body.get("for_each").or(resource.body.get("count")).is_some() {
            reading.unread(resource.name.span, format!("`for_each` and `count` of a {} are not followed", resource.kind));
            continue;
        }
        one(reading, resource, &all);
    }
}

fn one(reading: &mut Reading<'_>, resource: &Resource, all: &[Resource]) {
    let body = &resource.body;
    let boolean = |field: &str, otherwise: bool| switch(body, field, otherwise, resource.name.span).decision();
    match resource.kind.as_str() {
        "launchdarkly_feature_flag" => launchdarkly_flag(reading, resource),
        "launchdarkly_feature_flag_environment" => launchdarkly_environment(reading, resource, all),
        "unleash_feature_v2" => unleash(reading, resource),
        "flagsmith_feature" => push(reading, resource, "feature_name", "", boolean("default_enabled", false), Vec::new()),
        "flagsmith_feature_state" => {
            let decision = match body.get("segment_id") {
                Some(_) => targeted(switch(body, "enabled", false, resource.name.span)),
                None => boolean("enabled", false),
            };
            push(reading, resource, "feature_id", "environment_key", decision, Vec::new());
        }
        "configcat_setting_value" | "configcat_setting_value_v2" => configcat(reading, resource),
        "split_split_definition" => split(reading, resource),
        "statsig_gate" => statsig(reading, resource),
        "posthog_feature_flag" => posthog(reading, resource),
        "azurerm_app_configuration_feature" => {
            let default = switch(body, "enabled", false, resource.name.span);
            let decision = match body.get("percentage_filter_value").and_then(Node::as_f64) {
                Some(percent) => share(default, percent / 100.0),
                None if body.get("targeting_filter").or(body.get("timewindow_filter")).is_some() => targeted(default),
                None => default.decision(),
            };
            push(reading, resource, "name", "label", decision, Vec::new());
        }
        "aws_appconfig_hosted_configuration_version" => appconfig(reading, body),
        _ => {}
    }
}

/// A boolean attribute.
fn switch(body: &Node, field: &str, otherwise: bool, name: Span) -> Outcome {
    match body.get(field) {
        None => Outcome::new(if otherwise { Serve::On } else { Serve::Off }, name, format!("`{field}` is absent, which means {otherwise}")),
        Some(node) => match node.as_str().and_then(|text| text.parse::<bool>().ok()) {
            Some(on) => Outcome {
                off: on.then(|| super::flagd::quoted_like("", node.span, "false")),
                ..Outcome::boolean(on, node.span, format!("`{field}` is {on}"))
            },
            None => Outcome::new(Serve::Unknown("its value is computed".to_owned()), node.span, format!("`{field}`")),
        },
    }
}

fn targeted(then: Outcome) -> Decision {
    let default = Outcome::new(Serve::Off, then.span, "only a segment gets it");
    Decision { arms: vec![Arm { when: When::Targeted, then }], default }
}

fn share(then: Outcome, share: f64) -> Decision {
    let default = Outcome::new(Serve::Off, then.span, "the rest of the users");
    Decision { arms: vec![Arm { when: When::Percent(share), then }], default }
}

/// Adds a flag; a key that refers to another resource is known by the reference's name.
fn push(reading: &mut Reading<'_>, resource: &Resource, key: &str, environment: &str, decision: Decision, flaws: Vec<Flaw>) {
    let named = resource.body.get(key);
    let name = match named {
        Some(node) if node.as_str().is_some() => node,
        _ => &resource.name,
    };
    let of = match named {
        Some(node) if node.kind == NodeKind::Unresolved => node.span.text(reading.text).split('.').nth(1).map(str::to_owned),
        _ => name.as_str().map(str::to_owned),
    };
    let environment = resource.body.get(environment).map(|node| node.as_str().unwrap_or(node.span.text(reading.text)).to_owned());
    let kind = match resource.body.get("temporary").and_then(Node::as_bool) {
        Some(false) => Purpose::Operational("temporary = false".to_owned()),
        _ => purpose(resource.body.str_at("type")),
    };
    // Repeated blocks are no duplicate keys.
    let once = resource.body.without_duplicates();
    let draft = Draft::new(Format::Terraform, name, &once, decision);
    let key = of.unwrap_or_else(|| draft.key.clone());
    reading.push(Draft { key, environment: environment.unwrap_or_default(), purpose: kind, flaws, ..draft });
}

/// Values of `variations`, as blocks or as a list; a boolean flag without them has true, then false.
fn variation(flag: Option<&Node>, index: &Node, field: &str) -> Outcome {
    let path = format!("`{field}` is variation {}", index.as_str().unwrap_or("?"));
    let Some(at) = index.as_f64().map(|at| at as usize) else {
        return Outcome::new(Serve::Unknown("its value is computed".to_owned()), index.span, path);
    };
    let Some(flag) = flag else {
        return Outcome::new(Serve::Unknown("the flag's variations are not in this file".to_owned()), index.span, path);
    };
    let blocks = flag.entries().iter().filter(|(key, _)| key.as_str() == Some("variations")).map(|(_, value)| value);
    let values: Vec<Option<&str>> =
        blocks.flat_map(|node| node.as_seq().unwrap_or(std::slice::from_ref(node))).map(|node| node.str_at("value")).collect();
    let values = if values.is_empty() { vec![Some("true"), Some("false")] } else { values };
    let serve = match values.get(at) {
        Some(Some("true")) => Serve::On,
        Some(Some("false")) => Serve::Off,
        Some(_) => Serve::Other,
        None => Serve::Code,
    };
    let off = values.iter().position(|value| *value == Some("false")).filter(|_| serve == Serve::On).map(|at| at.to_string());
    Outcome::new(serve, index.span, path).with_off(off)
}

fn launchdarkly_flag(reading: &mut Reading<'_>, resource: &Resource) {
    let body = &resource.body;
    let mut flaws = Vec::new();
    let decision = match body.at(&["defaults", "off_variation"]) {
        Some(index) => {
            let off = variation(Some(body), index, "off_variation");
            if off.serve == Serve::On {
                flaws.push(reading.flaw(FlawKind::OffServesOn, index.span, "`off_variation` serves `true`"));
            }
            off
        }
        None => Outcome::new(Serve::Off, resource.name.span, "no environment turns it on"),
    };
    push(reading, resource, "key", "", decision.decision(), flaws);
}

fn launchdarkly_environment(reading: &mut Reading<'_>, resource: &Resource, all: &[Resource]) {
    let body = &resource.body;
    let reference = body.get("flag_id").map(|node| node.span.text(reading.text).to_owned()).unwrap_or_default();
    let flag = all
        .iter()
        .filter(|other| other.kind == "launchdarkly_feature_flag")
        .find(|other| reference.split('.').nth(1).is_some_and(|name| other.name.as_str() == Some(name)))
        .map(|other| &other.body);
    let mut flaws = Vec::new();
    let off = match body.get("off_variation") {
        Some(index) => variation(flag, index, "off_variation"),
        None => Outcome::new(Serve::Code, resource.name.span, "there is no `off_variation`"),
    };
    if off.serve == Serve::On {
        flaws.push(reading.flaw(FlawKind::OffServesOn, off.span, "`off_variation` serves `true`"));
    }
    let decision = match switch(body, "on", false, resource.name.span).serve {
        Serve::On => fallthrough(body, flag, resource),
        Serve::Off if off.serve == Serve::Code => Outcome::new(Serve::Off, resource.name.span, "`on` is false").decision(),
        Serve::Off => off.decision(),
        _ => switch(body, "on", false, resource.name.span).decision(),
    };
    let key = if body.get("flag_id").is_some() { "flag_id" } else { "flag_key" };
    push(reading, resource, key, "env_key", decision, flaws);
}

fn fallthrough(body: &Node, flag: Option<&Node>, resource: &Resource) -> Decision {
    let targets = body.entries().iter().filter(|(key, _)| matches!(key.as_str(), Some("rules" | "targets" | "context_targets")));
    let rules = targets.flat_map(|(_, value)| value.as_seq().unwrap_or(std::slice::from_ref(value)));
    let mut arms: Vec<Arm> = rules
        .filter_map(|rule| rule.get("variation"))
        .map(|index| Arm { when: When::Targeted, then: variation(flag, index, "rules.variation") })
        .collect();
    if let Some(node) = body.get("prerequisites") {
        let then = Outcome::new(Serve::On, node.span, "prerequisites");
        arms.insert(0, Arm { when: When::Unknown("it depends on the state of other flags".to_owned()), then });
    }
    let served = body.get("fallthrough");
    let default = match (served.and_then(|node| node.get("variation")), served.and_then(|node| node.get("rollout_weights"))) {
        (Some(index), _) => variation(flag, index, "fallthrough.variation"),
        (None, Some(weights)) => {
            let of = |at: usize| Node::new(weights.span, NodeKind::Scalar { text: at.to_string().into(), style: tree::Style::Plain });
            let each = weights.items().iter().enumerate();
            let on: f64 =
                each.filter(|(at, _)| variation(flag, &of(*at), "").serve == Serve::On).filter_map(|(_, weight)| weight.as_f64()).sum();
            Outcome::new(Serve::Share(on / 100_000.0), weights.span, "`fallthrough.rollout_weights` serves on")
        }
        (None, None) => Outcome::new(Serve::Code, resource.name.span, "there is no `fallthrough`"),
    };
    Decision { arms, default }
}

fn unleash(reading: &mut Reading<'_>, resource: &Resource) {
    let environments: Vec<&Node> =
        resource.body.entries().iter().filter(|(key, _)| key.as_str() == Some("environment")).map(|(_, value)| value).collect();
    if environments.is_empty() {
        let off = Outcome::new(Serve::Off, resource.name.span, "no environment is declared");
        push(reading, resource, "name", "", off.decision(), Vec::new());
    }
    for environment in environments {
        let enabled = switch(environment, "enabled", true, environment.span);
        let strategies: Vec<&Node> =
            environment.entries().iter().filter(|(key, _)| key.as_str() == Some("strategy")).map(|(_, value)| value).collect();
        let decision = match enabled.serve {
            Serve::On if strategies.is_empty() => enabled.decision(),
            Serve::On => super::unleash::decide(&strategies, enabled.span),
            _ => enabled.decision(),
        };
        let name = environment.str_at("name").unwrap_or_default().to_owned();
        let once = resource.body.without_duplicates();
        let key = resource.body.get("name").unwrap_or(&resource.name);
        let purpose = purpose(resource.body.str_at("type"));
        reading.push(Draft { environment: name, purpose, ..Draft::new(Format::Terraform, key, &once, decision) });
    }
}

fn configcat(reading: &mut Reading<'_>, resource: &Resource) {
    let body = &resource.body;
    let value = match body.get("value").filter(|node| node.is_map()) {
        Some(node) => switch(node, "bool_value", false, node.span),
        None => switch(body, "value", false, resource.name.span),
    };
    let parts: Vec<&Node> =
        body.entries().iter().filter(|(key, _)| key.as_str() == Some("percentage_items")).map(|(_, node)| node).collect();
    let decision = match parts.is_empty() {
        true => value.decision(),
        false => {
            let on = parts.iter().filter(|part| part.str_at("value") == Some("true"));
            let on: f64 = on.filter_map(|part| part.str_at("percentage")?.parse::<f64>().ok()).sum();
            Outcome::new(Serve::Share(on / 100.0), parts[0].span, "`percentage_items` serve on").decision()
        }
    };
    push(reading, resource, "setting_id", "environment_id", decision, Vec::new());
}

fn split(reading: &mut Reading<'_>, resource: &Resource) {
    let body = &resource.body;
    let treatments: Vec<&str> =
        body.entries().iter().filter(|(key, _)| key.as_str() == Some("treatment")).filter_map(|(_, node)| node.str_at("name")).collect();
    let rules: Vec<&Node> = body.entries().iter().filter(|(key, _)| key.as_str() == Some("default_rule")).map(|(_, node)| node).collect();
    let size = |rule: &&Node| rule.get("size").and_then(Node::as_f64).unwrap_or(0.0);
    let serve = |rule: &Node| super::flagd::pair(&treatments, rule.str_at("treatment").unwrap_or_default());
    let outcome = match rules.first() {
        None => Outcome::new(Serve::Unknown("there is no `default_rule`".to_owned()), resource.name.span, "the definition"),
        Some(first) if rules.iter().any(|rule| serve(rule) == Serve::Other) => Outcome::new(Serve::Other, first.span, "`default_rule`"),
        Some(first) => {
            let on: f64 = rules.iter().filter(|rule| serve(rule) == Serve::On).map(size).sum();
            Outcome::new(Serve::Share(on / 100.0), first.span, "`default_rule` serves on")
        }
    };
    push(reading, resource, "split_name", "environment_id", outcome.decision(), Vec::new());
}

fn statsig(reading: &mut Reading<'_>, resource: &Resource) {
    let enabled = switch(&resource.body, "is_enabled", false, resource.name.span);
    let off = Outcome::new(Serve::Off, enabled.span, "no rule passes everyone");
    let decision = match enabled.serve {
        Serve::On => {
            let blocks = resource.body.entries().iter().filter(|(key, _)| key.as_str() == Some("rules")).map(|(_, node)| node);
            let rules = blocks.flat_map(|node| node.as_seq().unwrap_or(std::slice::from_ref(node)));
            let arms = rules.map(|rule| {
                let conditions: Vec<&Node> =
                    rule.entries().iter().filter(|(key, _)| key.as_str() == Some("conditions")).map(|(_, node)| node).collect();
                let everyone = conditions
                    .iter()
                    .flat_map(|node| node.as_seq().unwrap_or(std::slice::from_ref(*node)))
                    .all(|node| node.str_at("type") == Some("public"));
                let percent = rule.get("pass_percentage");
                let when = match (everyone, percent.and_then(Node::as_f64)) {
                    (false, _) => When::Targeted,
                    (true, Some(percent)) => When::Percent(percent / 100.0),
                    (true, None) => When::Unknown("`pass_percentage` is computed".to_owned()),
                };
                Arm {
                    when,
                    then: Outcome::new(Serve::On, percent.unwrap_or(rule).span, "`pass_percentage` serves on")
                        .with_off(Some("0".to_owned())),
                }
            });
            Decision { arms: arms.collect(), default: off }
        }
        _ => enabled.decision(),
    };
    push(reading, resource, "name", "", decision, Vec::new());
}

fn posthog(reading: &mut Reading<'_>, resource: &Resource) {
    let body = &resource.body;
    let active = switch(body, "active", true, resource.name.span);
    let filters = body.get("filters").map(|node| match node.as_str() {
        Some(text) => tree::parse(text, Syntax::Json).documents.into_iter().next().unwrap_or_else(|| node.clone()),
        None => node.clone(),
    });
    let decision = match (&active.serve, filters) {
        (Serve::On, Some(filters)) => {
            let at = body.get("filters").map_or(active.span, |node| node.span);
            let groups = filters.get("groups").map(Node::items).unwrap_or_default();
            let arms = groups.iter().map(|group| {
                let everyone = group.get("properties").is_none_or(|list| list.items().is_empty());
                let percent = group.get("rollout_percentage").map_or(Some(100.0), |node| node.as_f64().or(node.is_null().then_some(100.0)));
                let when = match (everyone, percent) {
                    (false, _) => When::Targeted,
                    (true, Some(percent)) => When::Percent(percent / 100.0),
                    (true, None) => When::Unknown("`rollout_percentage` is computed".to_owned()),
                };
                Arm { when, then: Outcome::new(Serve::On, at, "`filters` serve on") }
            });
            Decision { arms: arms.collect(), default: Outcome::new(Serve::Off, at, "no group gets it") }
        }
        (Serve::On, None) => match body.get("rollout_percentage").map(|node| (node.as_f64(), node.span)) {
            Some((Some(percent), span)) => {
                share(Outcome::new(Serve::On, span, "`rollout_percentage` serves on").with_off(Some("0".to_owned())), percent / 100.0)
            }
            Some((None, span)) => Outcome::new(Serve::Unknown("its value is computed".to_owned()), span, "`rollout_percentage`").decision(),
            None => active.decision(),
        },
        _ => active.decision(),
    };
    push(reading, resource, "key", "", decision, Vec::new());
}

fn appconfig(reading: &mut Reading<'_>, body: &Node) {
    match body.get("content") {
        Some(content) if content.is_map() => super::appconfig::read(reading, content),
        Some(content) if content.as_str().is_some() => {
            let tree = tree::parse_embedded(reading.text, content, "content.json");
            for document in &tree.documents {
                super::appconfig::read(reading, document);
            }
        }
        _ => reading.unread(body.span, "the content of the AppConfig version is computed"),
    }
}
