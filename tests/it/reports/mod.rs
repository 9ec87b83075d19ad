//! Every report format against its schema, its consumer's limits and a hostile change.

mod browser;
mod hostile;
mod html;
mod markdown;

use std::path::Path;

use serde_json::Value;

use crate::cli::{commit, holdshort, repository};

/// The demo's change in one format.
fn demo(format: &str) -> String {
    let output = holdshort(Path::new(env!("CARGO_MANIFEST_DIR")), &["demo", "--format", format]);
    assert_eq!(output.status.code(), Some(1), "the demo must hold");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn schema(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/schema").join(name);
    let text = std::fs::read_to_string(path).expect("the schema is there");
    // One pattern of the SARIF schema has a bracket too many, which only a lax engine takes for itself.
    serde_json::from_str(&text.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}?$")).expect("JSON")
}

/// Fails with every place at which the report breaks the schema.
fn validate(schema: &Value, report: &str) -> Value {
    let report: Value = serde_json::from_str(report).expect("JSON");
    let validator = jsonschema::validator_for(schema).expect("a schema");
    let problems: Vec<String> =
        validator.iter_errors(&report).map(|error| format!("{}: {error}", error.instance_path())).take(10).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    report
}

/// Every machine format of a change against its schema. Returns how many findings each carries.
fn validate_all(report: impl Fn(&str) -> String) -> Vec<(&'static str, usize)> {
    let count = |value: &Value| value.as_array().expect("a list").len();
    let printed = holdshort(Path::new("."), &["schema", "report"]);
    let own: Value = serde_json::from_slice(&printed.stdout).expect("the schema of the report");
    let json = validate(&own, &report("json"));
    let sarif = validate(&schema("sarif-2.1.0.json"), &report("sarif"));
    check_sarif_limits(&sarif);
    let gitlab = validate(&schema("code-quality.json"), &report("gitlab"));
    let mut prints: Vec<&str> = gitlab.as_array().expect("a list").iter().filter_map(|issue| issue["fingerprint"].as_str()).collect();
    prints.sort_unstable();
    let all = prints.len();
    prints.dedup();
    assert_eq!(prints.len(), all, "fingerprints are unique");
    let rdjson = validate(&schema("rdjson.json"), &report("rdjson"));
    let junit = report("junit");
    let junit = roxmltree::Document::parse(&junit).expect("well-formed XML");
    check_junit(&junit);
    vec![
        ("json", count(&json["findings"])),
        ("sarif", count(&sarif["runs"][0]["results"])),
        ("gitlab", count(&gitlab)),
        ("rdjson", count(&rdjson["diagnostics"])),
    ]
}

/// What code scanning refuses beyond the schema. Source: GitHub documentation, "SARIF support for code scanning".
fn check_sarif_limits(sarif: &Value) {
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    for rule in rules {
        for key in ["shortDescription", "fullDescription"] {
            let text = rule[key]["text"].as_str().expect("a description");
            assert!(!text.is_empty() && text.chars().count() <= 1_024, "{}: {key}", rule["id"]);
        }
        assert!(rule["help"]["text"].as_str().is_some_and(|text| !text.is_empty()), "{}", rule["id"]);
        assert!(rule["help"]["markdown"].as_str().is_some_and(|text| text.contains("## Why")), "{}", rule["id"]);
        assert!(rule["properties"]["tags"].as_array().is_some_and(|tags| tags.len() <= 10), "{}", rule["id"]);
    }
    let results = run["results"].as_array().expect("results");
    assert!(results.len() <= 25_000);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("small");
        assert_eq!(rules[index]["id"], result["ruleId"]);
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().expect("a URI");
        assert!(uri.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~/%".contains(&b)) && !uri.starts_with('/'), "{uri}");
        let line = |key: &str| place["region"][key].as_u64().expect("a number");
        assert!((line("startLine"), line("startColumn")) <= (line("endLine"), line("endColumn")), "{place}");
        assert!(result["partialFingerprints"]["primaryLocationLineHash"].is_string());
        assert!(result["message"]["text"].as_str().is_some_and(|text| !text.is_empty() && !text.contains("](")));
    }
}

/// The structure that JUnit readers share: counts that are true, one case a gate, details where it holds.
fn check_junit(document: &roxmltree::Document) {
    let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).expect("a suite");
    let cases: Vec<_> = suite.children().filter(|node| node.has_tag_name("testcase")).collect();
    let of = |name: &str| cases.iter().filter(|case| case.children().any(|node| node.has_tag_name(name))).count().to_string();
    assert_eq!(suite.attribute("tests"), Some(cases.len().to_string().as_str()));
    assert_eq!(suite.attribute("failures"), Some(of("failure").as_str()));
    assert_eq!(suite.attribute("skipped"), Some(of("skipped").as_str()));
    assert_eq!(cases.len(), 9);
    assert!(cases.iter().all(|case| case.attribute("name").is_some() && case.attribute("classname").is_some()));
}

#[test]
fn machine_formats_keep_to_their_schemas() {
    let counts = validate_all(demo);
    let findings = counts[0].1;
    assert!(findings >= 10, "the demo finds something");
    assert!(counts.iter().all(|(_, count)| *count >= findings), "no format drops a finding: {counts:?}");
}

#[test]
fn the_json_report_is_what_the_design_promises() {
    let report: Value = serde_json::from_str(&demo("json")).expect("JSON");
    assert_eq!(report["schema_version"], 1);
    assert_eq!(report["verdict"], "hold");
    let findings = report["findings"].as_array().expect("findings");
    let key = |found: &Value| (found["path"].to_string(), found["start"]["offset"].as_u64(), found["rule"].to_string());
    assert!(findings.windows(2).all(|pair| key(&pair[0]) <= key(&pair[1])), "sorted by path, offset, rule");
    let dropped = findings.iter().find(|found| found["rule"] == "schema/drop-column").expect("the dropped column");
    assert_eq!(dropped["subject"], serde_json::json!({"kind": "column", "table": "public.customers", "name": "phone"}));
    assert!(dropped["evidence"].as_array().is_some_and(|evidence| evidence.iter().any(|item| item["kind"] == "old-code-reference")));
}

#[test]
fn suppressed_findings_stay_in_the_reports() {
    let repo = repository();
    let drop = "ALTER TABLE users DROP COLUMN email; -- holdshort: allow schema/drop-column until 2099-01-01, because nobody reads it\n";
    commit(repo.path(), "migrations/2_drop.up.sql", drop);
    let run = |format: &str| {
        let output = holdshort(repo.path(), &["check", "--phase", "push", "--format", format]);
        assert_eq!(output.status.code(), Some(0), "{format}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let counts = validate_all(run);
    assert!(counts[0].1 > 0 && counts[0].1 == counts[1].1, "{counts:?}");
    let report: Value = serde_json::from_str(&run("json")).expect("JSON");
    let dropped = report["findings"].as_array().expect("findings").iter().find(|found| found["rule"] == "schema/drop-column");
    let dropped = dropped.expect("it stays");
    assert_eq!(dropped["status"], "suppressed");
    assert_eq!(dropped["suppression"]["path"], "migrations/2_drop.up.sql");
    assert_eq!(dropped["suppression"]["until"], "2099-01-01");
    let sarif: Value = serde_json::from_str(&run("sarif")).expect("JSON");
    let results = sarif["runs"][0]["results"].as_array().expect("results");
    assert!(results.iter().any(|result| result["suppressions"][0]["justification"] == "nobody reads it"));
    for format in ["human", "markdown", "html"] {
        let words: Vec<String> = run(format).split_whitespace().map(str::to_owned).collect();
        assert!(words.join(" ").contains("nobody reads it"), "{format}");
    }
    assert!(run("concise").contains("1 suppressed"));
}

#[test]
fn rdjson_counts_bytes_and_json_characters() {
    let repo = repository();
    commit(repo.path(), "migrations/2_drop.up.sql", "/* é😀 */ ALTER TABLE users DROP COLUMN email;\n");
    let start = |format: &str| -> Value {
        let output = holdshort(repo.path(), &["check", "--format", format]);
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let json = start("json");
    let found = json["findings"].as_array().expect("findings").iter().find(|found| found["rule"] == "schema/drop-column").expect("it");
    assert_eq!((found["start"]["column"].as_u64(), found["start"]["offset"].as_u64()), (Some(40), Some(43)));
    let rdjson = start("rdjson");
    let diagnostics = rdjson["diagnostics"].as_array().expect("diagnostics");
    let found = diagnostics.iter().find(|found| found["code"]["value"] == "schema/drop-column").expect("it");
    assert_eq!(found["location"]["range"]["start"]["column"], 44);
}

#[test]
fn a_gate_that_holds_without_a_finding_is_in_every_list_of_findings() {
    let repo = repository();
    commit(repo.path(), "app/user.go", "package app\n");
    let run = |format: &str| {
        let output = holdshort(repo.path(), &["check", "--phase", "deploy", "--deployed", "HEAD^", "--format", format]);
        assert_eq!(output.status.code(), Some(1), "{format}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    validate_all(run);
    for format in ["human", "concise", "json", "sarif", "github", "gitlab", "junit", "rdjson", "markdown", "html"] {
        assert!(run(format).contains("no CI evidence for this commit was given"), "{format}: {}", run(format));
    }
}

#[test]
fn a_closed_pipe_ends_quietly_with_the_verdict() {
    for format in ["human", "json", "html"] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_holdshort"));
        command.args(["demo", "--format", format]).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(1), "{format}");
        assert!(output.stderr.is_empty(), "{format}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn colour_is_asked_for_or_not_there() {
    let coloured = |args: &[&str], variables: &[(&str, &str)]| -> bool {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_holdshort"));
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").arg("demo").args(args).envs(variables.iter().copied());
        command.output().expect("the binary runs").stdout.contains(&0x1b)
    };
    assert!(!coloured(&[], &[]), "a pipe gets none");
    assert!(coloured(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "0")]));
    assert!(coloured(&["--color", "always"], &[("NO_COLOR", "1")]));
    assert!(!coloured(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&["--color", "always", "--format", "json"], &[]));
}
