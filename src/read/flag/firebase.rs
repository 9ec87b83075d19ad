//! Firebase Remote Config templates in, boolean parameters out as flags.

use super::decide::{Arm, Decision, Outcome, Serve, When};
use super::{Draft, Format, Reading};
use crate::read::tree::Node;

pub fn read(reading: &mut Reading<'_>, root: &Node) {
    let groups = root.get("parameterGroups").map(Node::entries).unwrap_or_default();
    let maps = root.get("parameters").into_iter().chain(groups.iter().filter_map(|(_, group)| group.get("parameters")));
    for (name, body) in maps.flat_map(Node::entries) {
        let value = |node: &Node| node.str_at("value").map(str::to_ascii_lowercase);
        let texts = body
            .get("defaultValue")
            .into_iter()
            .chain(body.get("conditionalValues").map(Node::entries).unwrap_or_default().iter().map(|(_, value)| value));
        let declared = body.str_at("valueType") == Some("BOOLEAN");
        let words: Vec<String> = texts.filter_map(value).collect();
        let untyped = body.get("valueType").is_none() && !words.is_empty() && words.iter().all(|word| word == "true" || word == "false");
        // Most parameters are configuration.
        if !declared && !untyped {
            continue;
        }
        let mut arms = Vec::new();
        for condition in root.get("conditions").map(Node::items).unwrap_or_default() {
            let Some(served) = condition.str_at("name").and_then(|name| body.get("conditionalValues")?.get(name)) else { continue };
            let label = condition.str_at("name").unwrap_or_default();
            arms.push(Arm {
                when: when(condition.str_at("expression").unwrap_or_default()),
                then: outcome(served, format!("the condition `{label}`")),
            });
        }
        let default = match body.get("defaultValue") {
            Some(node) => outcome(node, "`defaultValue`".to_owned()),
            None => Outcome::new(Serve::Code, name.span, "there is no `defaultValue`"),
        };
        reading.push(Draft::new(Format::Firebase, name, body, Decision { arms, default }));
    }
}

fn outcome(node: &Node, path: String) -> Outcome {
    match node.get("value") {
        Some(value) => match value.as_str().map(str::to_ascii_lowercase).as_deref() {
            Some("true") => Outcome::new(Serve::On, value.span, format!("{path} is `true`")).with_off(Some("\"false\"".to_owned())),
            Some("false") => Outcome::new(Serve::Off, value.span, format!("{path} is `false`")),
            _ => Outcome::new(Serve::Other, value.span, path),
        },
        None => Outcome::new(Serve::Code, node.span, format!("{path} is left to the app")),
    }
}

/// Conditions that hold for everybody or for a share; all others target.
fn when(expression: &str) -> When {
    let words: Vec<&str> = expression.split_whitespace().collect();
    match words.as_slice() {
        ["true"] => When::Always,
        ["percent", "<=", share] => share.parse().map_or(When::Targeted, |share: f64| When::Percent(share / 100.0)),
        ["percent", "between", from, "and", to] => match (from.parse::<f64>(), to.parse::<f64>()) {
            (Ok(from), Ok(to)) => When::Percent((to - from).max(0.0) / 100.0),
            _ => When::Targeted,
        },
        _ => When::Targeted,
    }
}
