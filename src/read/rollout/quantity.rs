//! Durations, counts and shares as manifests write them: a node in, a number out.

use crate::read::tree::Node;

/// Seconds of a Go duration (`1h30m`, `90s`, `500ms`) or of a bare number, which means seconds. Less than a second counts as none.
pub fn seconds(node: &Node) -> Option<u64> {
    if is_computed(node) {
        return None;
    }
    let text = node.as_str()?.trim();
    match text.parse::<f64>() {
        Ok(number) => (0.0..1e9).contains(&number).then_some(number as u64),
        Err(_) => go_duration(text),
    }
}

fn go_duration(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).filter(|at| *at > 0)?;
        let value: f64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| digits + at);
        total += value
            * match &rest[digits..unit_end] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = &rest[unit_end..];
    }
    (total < 1e9 && !text.is_empty()).then_some(total as u64)
}

/// A number, quoted or not.
pub fn number(node: &Node) -> Option<f64> {
    if is_computed(node) {
        return None;
    }
    node.as_str()?.trim().parse::<f64>().ok().filter(|number| number.is_finite())
}

/// A whole number that is not negative.
pub fn count(node: &Node) -> Option<u64> {
    number(node).filter(|number| (0.0..=1e9).contains(number) && number.fract() == 0.0).map(|number| number as u64)
}

/// A count, or a share of a whole: `3`, `25%`. Kubernetes rounds surge up and unavailability down.
pub fn of_total(node: &Node, total: u64, round_up: bool) -> Option<u64> {
    if is_computed(node) {
        return None;
    }
    match node.as_str()?.trim().strip_suffix('%') {
        None => count(node),
        Some(percent) => {
            let share = percent.trim().parse::<f64>().ok().filter(|percent| (0.0..=1000.0).contains(percent))? * total as f64 / 100.0;
            Some(if round_up { share.ceil() } else { share.floor() } as u64)
        }
    }
}

/// `5`, `"5"` or `"5%"` as percent.
pub fn percent(node: &Node) -> Option<f64> {
    if is_computed(node) {
        return None;
    }
    let text = node.as_str()?.trim();
    text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>().ok().filter(|number| number.is_finite())
}

/// The value comes out of a function or a template, so the text that stands here is not it.
pub fn is_computed(node: &Node) -> bool {
    node.tag.is_some() || node.as_str().is_some_and(|text| text.contains("{{") || text.contains("${"))
}

/// A boolean, quoted or not.
pub fn flag(node: &Node) -> Option<bool> {
    match node.as_str()?.to_ascii_lowercase().as_str() {
        "true" | "yes" => Some(true),
        "false" | "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::tree::{Syntax, parse};

    fn node(text: &str) -> Node {
        parse(text, Syntax::Yaml).documents.remove(0)
    }

    #[test]
    fn durations_of_argo_and_go() {
        for (text, wanted) in [
            ("15", Some(15)),
            ("\"15\"", Some(15)),
            ("15m", Some(900)),
            ("1h30m", Some(5400)),
            ("500ms", Some(0)),
            ("soon", None),
            ("-5", None),
        ] {
            assert_eq!(seconds(&node(text)), wanted, "{text}");
        }
    }

    #[test]
    fn shares_are_rounded_as_kubernetes_does() {
        assert_eq!(of_total(&node("25%"), 10, true), Some(3));
        assert_eq!(of_total(&node("25%"), 10, false), Some(2));
        assert_eq!(of_total(&node("4"), 10, false), Some(4));
        assert_eq!(of_total(&node("\"{{ .Values.surge }}\""), 10, false), None);
    }
}
