//! `holdshort config show` and `holdshort schema`: a range in, every setting with its origin out; nothing in, a JSON Schema out.

use serde::Serialize;
use serde_json::Value;

use super::check::{OWN_RUNS, open};
use super::print;
use crate::change::ChangeSet;
use crate::cli::{ConfigShowArgs, RangeArgs};
use crate::error::{Error, ExitCode};
use crate::finding::Gate;
use crate::report::escape::one_line;
use crate::report::json_text;
use crate::rule::{self, Rule};
use crate::settings::{self, PolicyOrigin, Settings};
use crate::verdict::gates;

/// One setting.
#[derive(Debug, Serialize)]
struct Setting {
    key: String,
    value: Value,
    /// `built in`, `holdshort.yaml:3`, `--phase`, the name of a variable.
    origin: String,
}

pub fn show(args: &ConfigShowArgs) -> Result<ExitCode, Error> {
    let (change, settings, rules) = open(&args.range)?;
    let all = collect(&args.range, &change, &settings, &rules);
    print(|out| match args.json {
        true => json_text::write(&all, out),
        false => out.write_all(table(&all).as_bytes()),
    })?;
    Ok(ExitCode::Cleared)
}

/// The schema of the policy file, with the rules of this binary.
pub fn schema() -> Result<ExitCode, Error> {
    let schema = settings::policy_schema(&rule::load::builtin()?);
    print(|out| json_text::write(&schema, out))?;
    Ok(ExitCode::Cleared)
}

fn collect(args: &RangeArgs, change: &ChangeSet, settings: &Settings, rules: &[Rule]) -> Vec<Setting> {
    let mut all = Vec::new();
    let mut add = |key: String, value: Value, origin: String| all.push(Setting { key, value, origin });
    let flag = |given: bool, name: &str| if given { name.to_owned() } else { "built in".to_owned() };
    let policy_flag = match settings.policy_origin {
        PolicyOrigin::File => "--policy",
        PolicyOrigin::Revision => "--policy-from",
        PolicyOrigin::BuiltIn | PolicyOrigin::Base | PolicyOrigin::Head => "the phase",
    };
    add("phase".to_owned(), json(&settings.phase), flag(args.phase.is_some(), "--phase"));
    add("base".to_owned(), json(&change.base.id()), change.origin.clone());
    add("head".to_owned(), json(&change.head.id()), change.origin.clone());
    add("policy".to_owned(), json(&settings.policy_origin), policy_flag.to_owned());
    for name in OWN_RUNS.into_iter().filter(|name| std::env::var_os(name).is_some()) {
        add("own_run".to_owned(), json(&std::env::var(name).unwrap_or_default()), name.to_owned());
    }
    for gate in Gate::ALL {
        let phase = word(&settings.phase);
        let value = json(&gates::requirement(gate, settings));
        add(format!("gates.{}.{phase}", gate.id()), value, origin(settings, &["gates", gate.id(), &phase]));
    }
    for rule in rules {
        let chosen = settings.policy.rules.get(&rule.id);
        let severity = chosen.and_then(|policy| policy.severity).map_or_else(|| json(&rule.severity), |severity| json(&severity));
        add(format!("rules.{}.severity", rule.id), severity, origin(settings, &["rules", &rule.id, "severity"]));
        for (name, option) in &rule.options {
            let value = chosen.and_then(|policy| policy.options.get(name)).unwrap_or(&option.default);
            add(format!("rules.{}.options.{name}", rule.id), json(value), origin(settings, &["rules", &rule.id, "options", name]));
        }
    }
    let sections = json(&settings.policy);
    for (section, value) in sections.as_object().into_iter().flatten().filter(|(section, _)| !matches!(section.as_str(), "gates" | "rules"))
    {
        leaves(settings, &mut vec![section.clone()], value, &mut all);
    }
    all
}

/// Every value below a section of the policy, an empty list or map as a value of its own.
fn leaves(settings: &Settings, keys: &mut Vec<String>, value: &Value, all: &mut Vec<Setting>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, value)| (i.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    if below.is_empty() {
        let path: Vec<&str> = keys.iter().map(String::as_str).collect();
        return all.push(Setting { key: keys.join("."), value: value.clone(), origin: origin(settings, &path) });
    }
    for (key, value) in below {
        keys.push(key);
        leaves(settings, keys, value, all);
        keys.pop();
    }
}

/// The line of the policy that sets a value, or nothing does.
fn origin(settings: &Settings, keys: &[&str]) -> String {
    let written = settings.policy_text.as_ref().and_then(|text| Some((text, text.node(keys)?)));
    written.map_or_else(|| "built in".to_owned(), |(text, node)| format!("{}:{}", text.path, text.position(node.span).line))
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn word(value: &impl Serialize) -> String {
    json(value).as_str().unwrap_or_default().to_owned()
}

fn table(all: &[Setting]) -> String {
    let shown: Vec<[String; 3]> = all
        .iter()
        .map(|setting| {
            let bare = setting.value.as_str().filter(|text| !text.is_empty());
            let value = bare.map_or_else(|| setting.value.to_string(), str::to_owned);
            [one_line(&setting.key), one_line(&value), one_line(&setting.origin)]
        })
        .collect();
    let width = |column: usize| shown.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).min(48);
    let (keys, values) = (width(0), width(1));
    shown.iter().map(|[key, value, origin]| format!("{key:<keys$}  {value:<values$}  {origin}\n")).collect()
}
