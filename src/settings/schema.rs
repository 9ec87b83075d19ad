//! The rules in, the JSON Schema of `holdshort.yaml` out: what editors complete and what the policy is checked against.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::Policy;
use crate::finding::Gate;
use crate::rule::Rule;

/// JSON Schema 2020-12 of the policy file. Rules and their options are spelt out when rules are given.
pub fn policy_schema(rules: &[Rule]) -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Policy>().to_value();
    without_null(&mut schema);
    schema["title"] = json!("holdshort.yaml");
    let requirement = json!({"$ref": "#/$defs/Requirement"});
    let phases = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {"push": requirement, "merge": requirement, "deploy": requirement},
    });
    let gates: Map<String, Value> = Gate::ALL.iter().map(|gate| (gate.id().to_owned(), phases.clone())).collect();
    schema["properties"]["gates"]["properties"] = Value::Object(gates);
    if rules.is_empty() {
        return schema;
    }
    let ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    if let Some(rule) = schema.pointer_mut("/$defs/AcceptedRisk/properties/rule") {
        rule["enum"] = json!(ids);
    }
    let severity = json!({"$ref": "#/$defs/RuleSeverity"});
    let known: Map<String, Value> = rules.iter().map(|rule| (rule.id.clone(), rule_schema(rule, &severity))).collect();
    schema["properties"]["rules"] = json!({
        "description": "Rule id to what the repository wants of it.",
        "type": "object",
        "additionalProperties": false,
        "properties": known,
    });
    schema
}

fn rule_schema(rule: &Rule, severity: &Value) -> Value {
    let option = |(name, option): (&String, &crate::rule::RuleOption)| {
        let mut schema = typed(&option.default);
        schema["description"] = json!(option.about.trim());
        schema["default"] = serde_json::to_value(&option.default).unwrap_or_default();
        (name.clone(), schema)
    };
    let options: Map<String, Value> = rule.options.iter().map(option).collect();
    let mut properties = json!({"severity": severity});
    properties["options"] = json!({"type": "object", "additionalProperties": false, "properties": options});
    json!({"description": rule.title, "type": "object", "additionalProperties": false, "properties": properties})
}

/// An option has the type of its default.
fn typed(default: &serde_yaml::Value) -> Value {
    use serde_yaml::Value as Yaml;
    match default {
        Yaml::Bool(_) => json!({"type": "boolean"}),
        Yaml::Number(number) if number.is_f64() => json!({"type": "number"}),
        Yaml::Number(_) => json!({"type": "integer"}),
        Yaml::Sequence(items) => json!({"type": "array", "items": items.first().map_or(json!({"type": "string"}), typed)}),
        Yaml::Mapping(_) => json!({"type": "object"}),
        _ => json!({"type": "string"}),
    }
}

/// A key is left out, not empty: takes `null` out of the types and defaults that `Option` brings in.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(map) => {
            if map.get("default").is_some_and(Value::is_null) {
                map.remove("default");
            }
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|word| word != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(alternatives)) = map.get_mut("anyOf") {
                alternatives.retain(|alternative| alternative.get("type").is_none_or(|word| word != "null"));
                if let [Value::Object(only)] = alternatives.as_slice() {
                    let only = only.clone();
                    map.remove("anyOf");
                    map.extend(only);
                }
            }
            map.values_mut().for_each(without_null);
        }
        _ => {}
    }
}
