//! A tree and a JSON Schema in, what does not fit out, each with its place and what was probably meant.
//!
//! Knows the part of JSON Schema 2020-12 that `schema` writes: types, properties, items, words and references.

use serde_json::Value;

use crate::read::tree::{Node, NodeKind};
use crate::rule::load::suggest;
use crate::source::Span;

/// One place that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub span: Span,
    pub message: String,
    pub help: Option<String>,
}

/// Everything in `node` that the schema does not allow, in written order.
pub fn check(node: &Node, schema: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    Checker { root: schema, problems: &mut problems }.value(node, schema, "the policy");
    problems.sort_by_key(|problem| problem.span.start);
    problems
}

struct Checker<'a> {
    root: &'a Value,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Checker<'a> {
    fn add(&mut self, span: Span, message: String, help: Option<String>) {
        self.problems.push(Problem { span, message, help });
    }

    /// The schema a `$ref` stands for.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|name| self.root.pointer(name.strip_prefix('#')?));
        target.unwrap_or(schema)
    }

    fn value(&mut self, node: &Node, schema: &'a Value, name: &str) {
        let schema = self.resolve(schema);
        if let Some(words) = self.words(schema) {
            return self.word(node, &words, name);
        }
        if let Some(alternatives) = ["anyOf", "oneOf"].into_iter().find_map(|key| schema.get(key)?.as_array()) {
            return self.one_of(node, alternatives, name);
        }
        let types: Vec<&str> = match schema.get("type") {
            Some(Value::String(word)) => vec![word],
            Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect(),
            _ => return,
        };
        let found = type_of(node);
        let fits = types.iter().any(|wanted| *wanted == found || (*wanted == "number" && found == "integer"));
        if !fits {
            let wanted: Vec<&str> = types.iter().map(|wanted| spoken(wanted)).collect();
            return self.add(node.span, format!("{name} must be {}, not {}", wanted.join(" or "), spoken(found)), hint(&types, found));
        }
        match &node.kind {
            NodeKind::Map(_) => self.map(node, schema, name),
            NodeKind::Seq(items) => {
                let Some(of) = schema.get("items") else { return };
                items.iter().enumerate().for_each(|(i, item)| self.value(item, of, &format!("item {} of {name}", i + 1)));
            }
            _ => {}
        }
    }

    /// The words an enumeration allows, written as `enum`, as `const`, or as one alternative a word.
    fn words(&self, schema: &'a Value) -> Option<Vec<&'a str>> {
        let schema = self.resolve(schema);
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            return words.iter().map(Value::as_str).collect();
        }
        if let Some(word) = schema.get("const") {
            return Some(vec![word.as_str()?]);
        }
        let alternatives = ["anyOf", "oneOf"].into_iter().find_map(|key| schema.get(key)?.as_array())?;
        let nested: Option<Vec<Vec<&str>>> = alternatives.iter().map(|alternative| self.words(alternative)).collect();
        nested.map(|lists| lists.concat())
    }

    fn word(&mut self, node: &Node, words: &[&str], name: &str) {
        match node.as_str() {
            Some(text) if words.contains(&text) => {}
            Some(text) => {
                let help = suggest(text, words.iter().copied()).map(|close| format!("did you mean `{close}`?"));
                let help = help.or_else(|| (words.len() <= 40).then(|| format!("write one of {}", words.join(", "))));
                self.add(node.span, format!("`{text}` is not known for {name}"), help);
            }
            None => {
                self.add(node.span, format!("{name} has no value"), Some(format!("write one of {}, or delete the key", words.join(", "))))
            }
        }
    }

    /// The complaint is that of the alternative of the value's own type, else of the first.
    fn one_of(&mut self, node: &Node, alternatives: &'a [Value], name: &str) {
        let mut attempts = alternatives.iter().map(|alternative| {
            let mut problems = Vec::new();
            Checker { root: self.root, problems: &mut problems }.value(node, alternative, name);
            (self.resolve(alternative).get("type").and_then(Value::as_str) == Some(type_of(node)), problems)
        });
        let all: Vec<(bool, Vec<Problem>)> = attempts.by_ref().collect();
        if all.iter().any(|(_, problems)| problems.is_empty()) {
            return;
        }
        let chosen = all.iter().position(|(own_type, _)| *own_type).unwrap_or(0);
        self.problems.extend(all.into_iter().nth(chosen).map(|(_, problems)| problems).unwrap_or_default());
    }

    fn map(&mut self, node: &Node, schema: &'a Value, name: &str) {
        for (_, again) in node.duplicates() {
            let key = again.as_str().unwrap_or_default();
            self.add(again.span, format!("`{key}` is written twice"), Some("keep one of them".to_owned()));
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let other = schema.get("additionalProperties");
        for (key, value) in node.entries() {
            let Some(word) = key.as_str() else {
                self.add(key.span, format!("a key of {name} is not a text"), None);
                continue;
            };
            let below = format!("`{word}`");
            match (properties.and_then(|known| known.get(word)), other) {
                (Some(schema), _) => self.value(value, schema, &below),
                (None, Some(Value::Bool(false))) => {
                    let known: Vec<&str> = properties.into_iter().flatten().map(|(known, _)| known.as_str()).collect();
                    self.unknown(key.span, word, &known, name);
                }
                (None, Some(schema)) => self.value(value, schema, &below),
                (None, None) => {}
            }
        }
        for wanted in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if node.get(wanted).is_none() {
                self.add(node.span, format!("{name} has no `{wanted}`"), Some(format!("add `{wanted}:`")));
            }
        }
    }

    fn unknown(&mut self, span: Span, word: &str, known: &[&str], name: &str) {
        let help = match suggest(word, known.iter().copied()) {
            Some(close) => format!("did you mean `{close}`?"),
            None if known.is_empty() => format!("{name} takes none"),
            None if known.len() > 40 => "`holdshort rules` lists all rules".to_owned(),
            None => format!("known here: {}", known.join(", ")),
        };
        self.add(span, format!("`{word}` is not known in {name}"), Some(help));
    }
}

/// The type of a value, in the words of JSON Schema and by the YAML 1.2 core schema.
fn type_of(node: &Node) -> &'static str {
    match &node.kind {
        NodeKind::Null | NodeKind::Unresolved => "null",
        NodeKind::Map(_) => "object",
        NodeKind::Seq(_) => "array",
        NodeKind::Scalar { .. } if node.as_bool().is_some() => "boolean",
        NodeKind::Scalar { .. } if node.plain().is_some_and(|text| text.parse::<i64>().is_ok()) => "integer",
        NodeKind::Scalar { .. } if node.as_f64().is_some() => "number",
        NodeKind::Scalar { .. } => "string",
    }
}

fn spoken(kind: &str) -> &'static str {
    match kind {
        "null" => "empty",
        "object" => "a map of keys",
        "array" => "a list",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        _ => "a text",
    }
}

fn hint(wanted: &[&str], found: &str) -> Option<String> {
    match (wanted.first(), found) {
        (_, "null") => Some("give it a value or delete the key".to_owned()),
        (Some(&"string"), "boolean" | "integer" | "number") => Some("put it in quotes".to_owned()),
        (Some(&"array"), _) => Some("write it as `[a, b]`".to_owned()),
        _ => None,
    }
}
