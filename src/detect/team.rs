//! Team rules: facts and conditions in, findings out. The work of all of them is bounded.

use serde_json::{Value, json};

use super::Inspection;
use super::step::at;
use crate::error::{ChangeError, Error, PolicyError};
use crate::finding::{Finding, Subject, SubjectKind};
use crate::rule::{Rule, cel};
use crate::settings::RuleSeverity;
use crate::source::{Place, Side, Span};

/// Values of the facts that conditions may be asked about.
const MAX_VALUES: usize = 3_000_000;
/// Findings of one rule; the last says how many more there are.
const MAX_FINDINGS: usize = 200;
/// How deep below a fact its place is looked for.
const MAX_SEARCH: usize = 4;

/// Findings of the team rules that the policy leaves on. Errors: a condition that cannot be answered.
pub fn run(inspection: &Inspection, rules: &[Rule]) -> Result<Vec<Finding>, Error> {
    let chosen = |rule: &Rule| inspection.settings.policy.rules.get(&rule.id).and_then(|policy| policy.severity);
    let on: Vec<&Rule> = rules.iter().filter(|rule| rule.when.is_some() && chosen(rule) != Some(RuleSeverity::Off)).collect();
    if on.is_empty() {
        return Ok(Vec::new());
    }
    let facts = crate::facts::document(inspection);
    if count(&facts) > MAX_VALUES {
        let help = "check a smaller range, or switch the team rules off for this one";
        return Err(ChangeError::new(format!("this change has more than {MAX_VALUES} facts, too many for team rules"), help).into());
    }
    let answers = cel::with_room(|| {
        let all = cel::Facts::new(&facts);
        on.iter().map(|rule| ask(rule, &all, &facts)).collect::<Vec<_>>()
    });
    let mut findings = Vec::new();
    for (rule, answer) in on.into_iter().zip(answers) {
        let held = answer.map_err(|problem| unanswered(rule, problem))?;
        for (number, fact) in held.iter().take(MAX_FINDINGS).enumerate() {
            let mut found = finding(inspection, rule, *fact, &facts);
            if number + 1 == MAX_FINDINGS && held.len() > MAX_FINDINGS {
                found.message.push_str(&format!(" {} more.", held.len() - MAX_FINDINGS));
            }
            if let Some(severity) = chosen(rule).and_then(RuleSeverity::severity) {
                found.severity = severity;
            }
            findings.push(found);
        }
    }
    Ok(findings)
}

/// The facts of which the condition holds; `None` stands for all of them together.
fn ask<'f>(rule: &Rule, all: &cel::Facts, facts: &'f Value) -> Result<Vec<Option<&'f Value>>, String> {
    let condition = cel::compile(rule.when.as_deref().unwrap_or_default())?;
    cel::reset(cel::BUDGET);
    let Some(path) = &rule.for_each else {
        return Ok(if all.holds(&condition, None)? { vec![None] } else { Vec::new() });
    };
    let keys: Vec<&str> = path.split('.').collect();
    let mut held = Vec::new();
    for fact in select(facts, &keys) {
        if all.holds(&condition, Some(fact))? {
            held.push(Some(fact));
        }
    }
    Ok(held)
}

/// The values at the end of a path; `*` is every item or value.
fn select<'f>(value: &'f Value, keys: &[&str]) -> Vec<&'f Value> {
    let Some((key, rest)) = keys.split_first() else { return vec![value] };
    match (value, *key) {
        (Value::Array(items), "*") => items.iter().flat_map(|item| select(item, rest)).collect(),
        (Value::Object(map), "*") => map.values().flat_map(|item| select(item, rest)).collect(),
        (Value::Object(map), key) => map.get(key).map(|item| select(item, rest)).unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn unanswered(rule: &Rule, problem: String) -> PolicyError {
    let origin = rule.origin.as_ref();
    PolicyError {
        path: origin.map_or_else(|| rule.id.clone(), |origin| origin.path.clone()),
        position: origin.and_then(|origin| origin.when),
        message: format!("`when` of {} cannot be answered: {problem}", rule.id),
        help: Some("`holdshort facts` prints what it is asked about; `holdshort rules test` runs the examples".to_owned()),
    }
}

fn finding(inspection: &Inspection, rule: &Rule, fact: Option<&Value>, facts: &Value) -> Finding {
    let vars = json!({"fact": fact.unwrap_or(&Value::Null)});
    let message = fill(rule.message.as_deref().unwrap_or_default().trim(), &vars, facts);
    let place = fact.and_then(|fact| place(fact, MAX_SEARCH));
    let own = rule.origin.as_ref().map_or("", |origin| origin.path.as_str());
    let path = place.and_then(|place| place["path"].as_str()).or_else(|| fact?.get("path")?.as_str()).unwrap_or(own);
    let mut found = at(rule, Subject::of(SubjectKind::File, path), message, &[]);
    found.remedy = fill(rule.remedy.trim(), &vars, facts);
    found.path = path.to_owned();
    found.place = place.and_then(|place| {
        let side = if place["side"] == "base" { Side::Base } else { Side::Head };
        let (file, text) = inspection.sources.iter().find(|(_, file)| file.side == side && file.path == path)?;
        let byte = |key: &str| place[key].as_u64().and_then(|at| usize::try_from(at).ok());
        let span = Span { start: byte("start")?, end: byte("end")? };
        (span.start <= span.end && span.end <= text.text.len()).then_some(Place { file, span })
    });
    found
}

/// The first place in a fact, its own before those below it.
fn place(fact: &Value, depth: usize) -> Option<&Value> {
    let is_place = |value: &&Value| ["path", "side", "line", "start", "end"].iter().all(|key| value.get(key).is_some());
    if is_place(&fact) {
        return Some(fact);
    }
    if depth == 0 {
        return None;
    }
    let below: Vec<&Value> = match fact {
        Value::Object(map) => ["place", "span"].iter().filter_map(|key| map.get(*key)).chain(map.values()).collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    below.iter().copied().find(is_place).or_else(|| below.iter().find_map(|value| place(value, depth - 1)))
}

/// Fills `{fact.name}` and `{facts.range}`; what is not there becomes `…`.
fn fill(template: &str, vars: &Value, facts: &Value) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let (before, tail) = rest.split_at(open);
        out.push_str(before);
        let name = tail[1..].split_once('}').map(|(name, _)| name).filter(|name| name.starts_with("fact"));
        let Some(name) = name else {
            out.push('{');
            rest = &tail[1..];
            continue;
        };
        let keys: Vec<&str> = name.split('.').collect();
        let value = match keys[0] {
            "facts" => select(facts, &keys[1..]),
            _ => select(vars, &keys),
        };
        let text = match value.first() {
            None | Some(Value::Null) => "…".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        out.extend(text.trim().chars().take(120));
        rest = &tail[name.len() + 2..];
    }
    out.push_str(rest);
    out
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().fold(1, |sum, item| sum + count(item)),
        Value::Object(map) => map.values().fold(1, |sum, item| sum + count(item)),
        _ => 1,
    }
}
