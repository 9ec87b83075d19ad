//! flagd targeting in, a decision out: JSONLogic evaluated for an empty context, where a missing variable is null.

use std::cell::Cell;

use super::decide::{Arm, Decision, Outcome, Serve, When};
use crate::read::tree::Node;
use crate::source::Span;

/// Nodes that may be visited for all flags of one file.
pub const BUDGET: usize = 3_000_000;

pub struct Scope<'a> {
    /// What a variant serves, and a way to write off.
    pub variant: &'a dyn Fn(&str, Span, String) -> Outcome,
    /// What a null result means.
    pub default: &'a Outcome,
    pub evaluators: Option<&'a Node>,
    pub flag: &'a str,
    pub budget: &'a Cell<usize>,
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    /// The time of the evaluation.
    Now,
    Unknown(String),
}

impl Value {
    fn truth(&self) -> Option<bool> {
        match self {
            Value::Null => Some(false),
            Value::Bool(value) => Some(*value),
            Value::Number(number) => Some(*number != 0.0),
            Value::Text(text) => Some(!text.is_empty()),
            Value::Now => Some(true),
            Value::Unknown(_) => None,
        }
    }
}

/// The operator and its arguments, when the node is an operation.
fn operation(node: &Node) -> Option<(&str, &Node)> {
    match node.entries() {
        [(key, value)] => Some((key.as_str()?, value)),
        _ => None,
    }
}

fn arguments(node: &Node) -> &[Node] {
    node.as_seq().unwrap_or(std::slice::from_ref(node))
}

impl Scope<'_> {
    fn spend(&self) -> bool {
        let left = self.budget.get();
        self.budget.set(left.saturating_sub(1));
        left > 0
    }

    /// What a targeting expression serves; `path` says where it stands.
    pub fn lower(&self, node: &Node, path: &str) -> Outcome {
        if !self.spend() {
            return unknown(node, path, "the targeting of this file is too large to follow");
        }
        if node.is_null() {
            return self.default.clone();
        }
        if let Some(name) = node.as_str() {
            let name = node.as_bool().map_or(name, |value| if value { "true" } else { "false" });
            return (self.variant)(name, node.span, format!("targeting returns `{name}` at {path}"));
        }
        match operation(node) {
            Some(("if", branches)) => self.branches(arguments(branches), node, path),
            Some(("fractional", buckets)) => self.fractional(arguments(buckets), node, path),
            Some(("$ref", name)) => match name.as_str().and_then(|name| self.evaluators?.get(name).map(|body| (name, body))) {
                Some((name, body)) => self.lower(body, &format!("$evaluators.{name}")),
                None => unknown(node, path, "it refers to an evaluator that this file does not have"),
            },
            Some(_) => self.expression(node, path),
            None => unknown(node, path, "the targeting is not an operation"),
        }
    }

    fn branches(&self, arguments: &[Node], node: &Node, path: &str) -> Outcome {
        let mut arms = Vec::new();
        let mut index = 0;
        while index + 1 < arguments.len() {
            if let Some(when) = self.condition(&arguments[index]) {
                arms.push(Arm { when, then: self.lower(&arguments[index + 1], &format!("{path}.if[{}]", index + 1)) });
            }
            index += 2;
        }
        let default = match arguments.get(index) {
            Some(last) => self.lower(last, &format!("{path}.if[{index}]")),
            None => self.default.clone(),
        };
        Outcome::new(Serve::Nested(Box::new(Decision { arms, default })), node.span, path)
    }

    fn fractional(&self, arguments: &[Node], node: &Node, path: &str) -> Outcome {
        let (mut on, mut total) = (0.0, 0.0);
        for bucket in arguments.iter().filter(|bucket| bucket.as_seq().is_some()) {
            let Some(name) = bucket.items().first().and_then(Node::as_str) else {
                return unknown(bucket, path, "a bucket's variant is computed");
            };
            let weight = match bucket.items().get(1) {
                None => 1.0,
                Some(weight) => match weight.as_f64() {
                    Some(weight) => weight.max(0.0),
                    None => return unknown(weight, path, "a bucket's weight is computed"),
                },
            };
            total += weight;
            match (self.variant)(name, bucket.span, String::new()).serve {
                Serve::On => on += weight,
                Serve::Off => {}
                Serve::Other => return Outcome::new(Serve::Other, bucket.span, path),
                _ if weight == 0.0 => {}
                _ => return unknown(bucket, path, "a bucket names a variant that is not defined"),
            }
        }
        if total <= 0.0 {
            return self.default.clone();
        }
        let share = on / total;
        Outcome::new(Serve::Share(share), node.span, format!("fractional serves on to {:.4} of all users at {path}.fractional", share))
    }

    /// An operation that is neither `if` nor `fractional`: its boolean names the variant.
    fn expression(&self, node: &Node, path: &str) -> Outcome {
        let value = self.value(node);
        let name = match (&value, value.truth()) {
            (Value::Unknown(reason), _) => return unknown(node, path, reason),
            (Value::Null, _) => return self.default.clone(),
            (Value::Text(name), _) => name.clone(),
            (_, truth) => truth.unwrap_or(false).to_string(),
        };
        let outcome = (self.variant)(&name, node.span, format!("targeting returns `{name}` at {path}"));
        if name == "true" || !self.reads_context(node) {
            return outcome;
        }
        let then = (self.variant)("true", node.span, format!("targeting at {path}"));
        let decision = Decision { arms: vec![Arm { when: When::Targeted, then }], default: outcome };
        Outcome::new(Serve::Nested(Box::new(decision)), node.span, path)
    }

    /// When a branch is taken; `None` for never.
    fn condition(&self, node: &Node) -> Option<When> {
        if let Some(when) = self.time(node) {
            return Some(when);
        }
        match self.value(node) {
            Value::Unknown(reason) => Some(When::Unknown(reason)),
            value if value.truth() == Some(true) => Some(When::Always),
            _ if self.reads_context(node) => Some(When::Targeted),
            _ => None,
        }
    }

    /// A comparison of the time with a constant.
    fn time(&self, node: &Node) -> Option<When> {
        let (operator, operands) = operation(node)?;
        let [left, right] = arguments(operands) else { return None };
        let (later, constant) = match (self.value(left), self.value(right)) {
            (Value::Now, Value::Number(seconds)) => (operator.starts_with('>'), seconds),
            (Value::Number(seconds), Value::Now) => (operator.starts_with('<'), seconds),
            _ => return None,
        };
        let day = jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::from_second(constant as i64).ok()?).date().to_string();
        match operator {
            "<" | "<=" | ">" | ">=" => Some(if later { When::From(day) } else { When::Until(day) }),
            _ => None,
        }
    }

    fn value(&self, node: &Node) -> Value {
        if !self.spend() {
            return Value::Unknown("the targeting of this file is too large to follow".to_owned());
        }
        if node.is_null() {
            return Value::Null;
        }
        if let Some(text) = node.as_str() {
            let number = node.as_f64().map(Value::Number);
            return node.as_bool().map(Value::Bool).or(number).unwrap_or_else(|| Value::Text(text.to_owned()));
        }
        match operation(node) {
            Some((operator, operands)) => self.operate(operator, operands),
            // Only `in` looks into a list.
            None => Value::Bool(!node.items().is_empty()),
        }
    }

    fn operate(&self, operator: &str, operands: &Node) -> Value {
        let list = arguments(operands);
        match operator {
            "var" => self.variable(list),
            "$ref" => match list.first().and_then(Node::as_str).and_then(|name| self.evaluators?.get(name)) {
                Some(body) if operation(body).is_none_or(|(inner, _)| inner != "$ref") => self.value(body),
                _ => Value::Unknown("it refers to an evaluator that this file does not have".to_owned()),
            },
            "!" => self.negate(list, true),
            "!!" => self.negate(list, false),
            "and" => self.chain(list, false),
            "or" => self.chain(list, true),
            "if" => self.choose(list),
            "==" | "===" => self.equal(list, true),
            "!=" | "!==" => self.equal(list, false),
            "<" | "<=" | ">" | ">=" => self.order(operator, list),
            "in" => self.within(list),
            // On a missing variable these are false; with constants alone nobody writes them.
            "starts_with" | "ends_with" | "sem_ver" => match list.first().map(|first| self.value(first)) {
                Some(Value::Null) => Value::Bool(false),
                _ => Value::Unknown(format!("`{operator}` of a constant")),
            },
            _ => Value::Unknown(format!("the operator `{operator}` is not known")),
        }
    }

    fn variable(&self, list: &[Node]) -> Value {
        match list.first().and_then(Node::as_str) {
            Some("$flagd.timestamp") => Value::Now,
            Some("$flagd.flagKey") => Value::Text(self.flag.to_owned()),
            _ => list.get(1).map_or(Value::Null, |fallback| self.value(fallback)),
        }
    }

    fn negate(&self, list: &[Node], negate: bool) -> Value {
        let value = list.first().map_or(Value::Null, |first| self.value(first));
        match value.truth() {
            Some(truth) => Value::Bool(truth != negate),
            None => value,
        }
    }

    /// `and` stops at the first that is false, `or` at the first that is true.
    fn chain(&self, list: &[Node], stop: bool) -> Value {
        let mut last = Value::Null;
        let mut unknown = None;
        for node in list {
            last = self.value(node);
            match last.truth() {
                Some(truth) if truth == stop => return last,
                Some(_) if last == Value::Now => unknown = Some(Value::Unknown("it depends on the time".to_owned())),
                Some(_) => {}
                None => unknown = Some(last.clone()),
            }
        }
        unknown.unwrap_or(last)
    }

    fn choose(&self, list: &[Node]) -> Value {
        let mut rest = list;
        while let [condition, then, tail @ ..] = rest {
            let value = self.value(condition);
            match value.truth() {
                Some(true) => return self.value(then),
                Some(false) => rest = tail,
                None => return value,
            }
        }
        rest.first().map_or(Value::Null, |last| self.value(last))
    }

    fn equal(&self, list: &[Node], wanted: bool) -> Value {
        let [left, right] = list else { return Value::Unknown("a comparison needs two operands".to_owned()) };
        match (self.value(left), self.value(right)) {
            (unknown @ Value::Unknown(_), _) | (_, unknown @ Value::Unknown(_)) => unknown,
            (Value::Now, _) | (_, Value::Now) => Value::Unknown("it depends on the time".to_owned()),
            (left, right) => Value::Bool((left == right) == wanted),
        }
    }

    fn order(&self, operator: &str, list: &[Node]) -> Value {
        let numbers: Vec<Value> = list.iter().map(|node| self.value(node)).collect();
        let number = |value: &Value| match value {
            // JavaScript takes null for zero here.
            Value::Null => Some(0.0),
            Value::Number(number) => Some(*number),
            Value::Text(text) => text.parse().ok(),
            Value::Bool(value) => Some(f64::from(u8::from(*value))),
            Value::Now | Value::Unknown(_) => None,
        };
        if let Some(unknown) = numbers.iter().find(|value| matches!(value, Value::Unknown(_))) {
            return unknown.clone();
        }
        if numbers.contains(&Value::Now) {
            return Value::Unknown("it depends on the time".to_owned());
        }
        Value::Bool(numbers.windows(2).all(|pair| match (number(&pair[0]), number(&pair[1])) {
            (Some(left), Some(right)) => match operator {
                "<" => left < right,
                "<=" => left <= right,
                ">" => left > right,
                _ => left >= right,
            },
            _ => false,
        }))
    }

    fn within(&self, list: &[Node]) -> Value {
        let [needle, haystack] = list else { return Value::Unknown("`in` needs two operands".to_owned()) };
        let needle = self.value(needle);
        if let Value::Unknown(_) = needle {
            return needle;
        }
        if let Some(items) = haystack.as_seq() {
            return Value::Bool(items.iter().any(|item| self.value(item) == needle));
        }
        match (needle, self.value(haystack)) {
            (_, unknown @ Value::Unknown(_)) => unknown,
            (Value::Text(needle), Value::Text(text)) => Value::Bool(text.contains(&needle)),
            _ => Value::Bool(false),
        }
    }

    fn reads_context(&self, node: &Node) -> bool {
        if !self.spend() {
            return true;
        }
        node.entries().iter().any(|(key, value)| matches!(key.as_str(), Some("var" | "$ref")) || self.reads_context(value))
            || node.items().iter().any(|item| self.reads_context(item))
    }
}

fn unknown(node: &Node, path: &str, reason: &str) -> Outcome {
    Outcome::new(Serve::Unknown(reason.to_owned()), node.span, path)
}
