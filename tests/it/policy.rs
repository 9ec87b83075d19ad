//! The policy file from outside: its schema, where it may come from, and what `config show` says of it.

use std::path::Path;

use holdshort::settings::{check_rules, parse_policy, policy_schema};
use serde_json::Value;

use crate::cli::{commit, git, holdshort, repository, stderr, write};

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn readme_policy() -> String {
    let readme = include_str!("../../README.md");
    let section = readme.split("\n## Policy").nth(1).expect("a policy section");
    let block = section.split("```yaml\n").nth(1).expect("an example");
    block.split("```").next().expect("its end").to_owned()
}

#[test]
fn the_example_of_the_readme_is_a_policy() {
    let rules = holdshort::rule::load::documented().expect("built-in rules");
    let (policy, source) = parse_policy("README.md", &readme_policy()).expect("the example");
    check_rules(Some(&source), &rules).expect("its rules");
    assert!(!policy.migrations.is_empty() && !policy.suppressions.is_empty() && !policy.gates.is_empty());
}

/// Every key of the schema is one that `shape` knows, so that an editor and holdshort say the same.
#[test]
fn the_schema_is_closed_and_of_known_words() {
    let output = holdshort(Path::new("."), &["schema", "policy"]);
    let printed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(printed, policy_schema(&holdshort::rule::load::documented().expect("built-in rules")));
    assert_eq!(printed["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(
        printed.pointer("/properties/rules/properties/rollback~1too-slow/properties/options/properties/max_minutes/type"),
        Some(&"integer".into())
    );
    known_words(&printed);
}

/// The schema says of the policy what holdshort says: to any validator, not only to ours.
#[test]
fn a_validator_of_json_schema_agrees() {
    let schema = policy_schema(&holdshort::rule::load::documented().expect("built-in rules"));
    let validator = jsonschema::validator_for(&schema).expect("a JSON Schema");
    let value = |text: &str| serde_yaml::from_str::<Value>(text).expect("YAML");
    let readme = value(&readme_policy());
    let problems: Vec<String> = validator.iter_errors(&readme).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{problems:?}");
    for wrong in [
        "rulez: {}",
        "rules: {lock/no-timeot: {severity: off}}",
        "rules: {lock/no-timeout: {severity: blok}}",
        "rules: {rollback/too-slow: {options: {max_minutes: soon}}}",
        "gates: {rollback-ready: {merg: off}}",
        "migrations: [{layout: plain}]",
        "suppressions: [{rule: lock/reindx, path: a, because: it is small}]",
        "evidence: {required: [1]}",
    ] {
        assert!(!validator.is_valid(&value(wrong)), "{wrong}");
        assert!(
            parse_policy("p", wrong).and_then(|(_, source)| check_rules(Some(&source), &holdshort::rule::load::documented()?)).is_err(),
            "{wrong}"
        );
    }
}

fn known_words(schema: &Value) {
    const KNOWN: [&str; 15] = [
        "$schema",
        "$defs",
        "$ref",
        "title",
        "description",
        "default",
        "type",
        "properties",
        "additionalProperties",
        "required",
        "items",
        "enum",
        "const",
        "oneOf",
        "anyOf",
    ];
    let Some(map) = schema.as_object() else { return };
    for (word, value) in map {
        assert!(KNOWN.contains(&word.as_str()), "`{word}` is not known to the checker: {schema}");
        match word.as_str() {
            "properties" | "$defs" => value.as_object().expect("a map").values().for_each(known_words),
            "items" | "additionalProperties" => known_words(value),
            "oneOf" | "anyOf" => value.as_array().expect("a list").iter().for_each(known_words),
            _ => {}
        }
    }
    if map.contains_key("properties") {
        assert_eq!(map.get("additionalProperties"), Some(&Value::Bool(false)), "an open map: {schema}");
    }
}

#[test]
fn config_show_names_the_origin_of_each_value() {
    let repo = repository();
    write(
        repo.path(),
        "holdshort.yaml",
        "gates:\n  rollback-ready: {merge: off}\nrules:\n  rollback/too-slow:\n    options: {max_minutes: 9}\n",
    );
    git(repo.path(), &["commit", "-qam", "policy"]);
    commit(repo.path(), "a.txt", "x");
    let text = stdout(&holdshort(repo.path(), &["config", "show"]));
    let line = |key: &str| {
        text.lines()
            .find(|line| line.starts_with(key))
            .unwrap_or_else(|| panic!("{key}: {text}"))
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(line("phase"), "phase merge built in");
    assert_eq!(line("gates.rollback-ready.merge"), "gates.rollback-ready.merge off holdshort.yaml:2");
    assert_eq!(line("gates.flags-off.merge"), "gates.flags-off.merge required built in");
    assert_eq!(line("rules.rollback/too-slow.options.max_minutes"), "rules.rollback/too-slow.options.max_minutes 9 holdshort.yaml:5");
    assert_eq!(line("rules.rollback/too-slow.severity"), "rules.rollback/too-slow.severity block built in");
    let deploy = holdshort(repo.path(), &["config", "show", "--phase", "deploy", "--json"]);
    let settings: Value = serde_json::from_slice(&deploy.stdout).expect("JSON");
    assert_eq!(settings[0]["origin"], "--phase");
}

#[test]
fn a_policy_file_on_the_command_line_may_not_be_the_changes_own() {
    let repo = repository();
    commit(repo.path(), "migrations/2_drop.up.sql", "ALTER TABLE users DROP COLUMN email;\n");
    let lax = "gates: {rollback-ready: {push: off, merge: off}}\nrules: {schema/drop-column: {severity: warn}}\n";
    write(repo.path(), "mine.yaml", lax);
    let own = holdshort(repo.path(), &["check", "--head", "HEAD", "--policy", "mine.yaml"]);
    assert_eq!(own.status.code(), Some(2));
    assert!(stderr(&own).contains("could clear itself") && stderr(&own).contains("--phase push"), "{}", stderr(&own));
    assert_eq!(holdshort(repo.path(), &["check", "--head", "HEAD", "--policy", "mine.yaml", "--phase", "push"]).status.code(), Some(0));
    let elsewhere = tempfile::tempdir().expect("a directory");
    write(elsewhere.path(), "central.yaml", lax);
    let central = elsewhere.path().join("central.yaml").display().to_string();
    assert_eq!(holdshort(repo.path(), &["check", "--head", "HEAD", "--policy", &central]).status.code(), Some(0));
    let missing = holdshort(repo.path(), &["check", "--policy", "none.yaml"]);
    assert_eq!(missing.status.code(), Some(2), "{}", stderr(&missing));
    std::os::unix::fs::symlink(repo.path().join("mine.yaml"), elsewhere.path().join("link.yaml")).expect("a link");
    let link = elsewhere.path().join("link.yaml").display().to_string();
    assert_eq!(
        holdshort(repo.path(), &["check", "--head", "HEAD", "--policy", &link]).status.code(),
        Some(2),
        "a link into the repository"
    );
}

#[test]
fn policy_from_names_the_revision_that_is_trusted() {
    let repo = repository();
    git(repo.path(), &["tag", "deployed"]);
    let policy = "gates: {rollback-ready: {merge: off}}\nsuppressions:\n  - {rule: schema/drop-column, path: 'migrations/2_*.sql', because: nobody reads it}\n";
    commit(repo.path(), "holdshort.yaml", policy);
    git(repo.path(), &["tag", "reviewed"]);
    commit(repo.path(), "migrations/2_drop.up.sql", "ALTER TABLE users DROP COLUMN email;\n");
    let by_base = holdshort(repo.path(), &["check", "--deployed", "deployed"]);
    assert_eq!(by_base.status.code(), Some(1), "{}", stdout(&by_base));
    let by_reviewed = holdshort(repo.path(), &["check", "--deployed", "deployed", "--policy-from", "reviewed"]);
    assert_eq!(by_reviewed.status.code(), Some(0), "{}", stdout(&by_reviewed));
    let unknown = holdshort(repo.path(), &["check", "--policy-from", "reviewd"]);
    assert_eq!(unknown.status.code(), Some(3));
    assert!(stderr(&unknown).contains("did you mean `reviewed`"), "{}", stderr(&unknown));
}

#[test]
fn a_file_that_only_looks_like_the_policy_is_an_error() {
    for name in ["HOLDSHORT.YAML", "holdshort.yml", ".holdshort.yaml"] {
        let repo = repository();
        commit(repo.path(), name, "rules: {}\n");
        commit(repo.path(), "a.txt", "x");
        let output = holdshort(repo.path(), &["check"]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(stderr(&output).contains("holdshort.yaml"), "{name}: {}", stderr(&output));
    }
}
