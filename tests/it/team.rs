//! Team rules from outside: found, run, tested, trusted from base, bounded, and broken ones refused with their line.

use crate::scratch::{Scratch, fired};

const README: &str = include_str!("../../README.md");

/// The example of the README: the block after its marker.
fn example() -> String {
    let after = README.split_once("<!-- team rule:").expect("the marker").1;
    after.split_once("```yaml\n").expect("a block").1.split_once("```").expect("its end").0.to_owned()
}

const PATH: &str = ".holdshort/rules/no-float-money.yaml";
const UP: (&str, &str) = ("migrations/2_price.up.sql", "ALTER TABLE orders ADD COLUMN price real;\n");
const FIRST: (&str, &str) = ("migrations/1_orders.up.sql", "CREATE TABLE orders (id bigint PRIMARY KEY);\n");

fn text(output: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_example_of_the_readme_works() {
    let rule = example();
    let repo = Scratch::new(&[FIRST, (PATH, &rule)]);
    let tested = repo.run(&["rules", "test"], &[]);
    assert_eq!((tested.status.code(), text(&tested).contains("ok      team/no-float-money")), (Some(0), true), "{}", text(&tested));
    assert!(text(&repo.run(&["rules"], &[])).contains("team/no-float-money"));
    let page = text(&repo.run(&["explain", "team/no-float-money"], &[]));
    assert!(page.contains("fact.text.matches"), "{page}");
    repo.commit("change", &[UP]);
    let report = repo.check(&[], &[]);
    let found = report["findings"].as_array().expect("findings").iter().find(|found| found["rule"] == "team/no-float-money");
    let found = found.unwrap_or_else(|| panic!("{report:#}"));
    assert_eq!(
        (&found["path"], &found["start"]["line"], &found["gate"]),
        (&"migrations/2_price.up.sql".into(), &1.into(), &"migrations-compatible".into())
    );
    assert!(found["message"].as_str().expect("a message").contains("price real"));
}

#[test]
fn rules_count_from_base_so_a_change_cannot_clear_itself() {
    let rule = example();
    let repo = Scratch::new(&[FIRST, (PATH, &rule)]);
    repo.git(&["rm", "-q", PATH]);
    repo.commit("change", &[UP]);
    let report = repo.check(&[], &[]);
    assert_eq!(fired(&report, "team/", "block"), ["team/no-float-money"]);
    let changed = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .any(|found| found["rule"] == "policy/changed-here" && found["path"] == PATH);
    assert!(changed, "the edit of a rule is reported");
    let fresh = Scratch::new(&[FIRST]);
    fresh.commit("change", &[UP, (PATH, &rule)]);
    assert!(fired(&fresh.check(&[], &[]), "team/", "block").is_empty(), "a new rule counts when base has it");
    assert_eq!(fired(&fresh.check(&["--phase", "push"], &[]), "team/", "block"), ["team/no-float-money"]);
}

#[test]
fn the_policy_names_other_places_and_sets_severities() {
    let rule = example();
    let policy = "team_rules: [ci/rules/*.yaml]\nrules: {team/no-float-money: {severity: note}}\n";
    let repo = Scratch::new(&[FIRST, ("ci/rules/no-float-money.yaml", &rule), ("holdshort.yaml", policy)]);
    repo.commit("change", &[UP]);
    assert_eq!(fired(&repo.check(&[], &[]), "team/", "note"), ["team/no-float-money"]);
    assert!(text(&repo.run(&["rules", "test"], &[])).contains("ok "));
}

#[test]
fn a_policy_may_configure_the_rules_that_come_with_it() {
    let rule = example();
    let configured = |id: &str| {
        let repo = Scratch::new(&[FIRST]);
        let policy = format!("rules: {{{id}: {{severity: note}}}}\n");
        repo.commit("change", &[(PATH, &rule), ("holdshort.yaml", &policy)]);
        !fired(&repo.check(&[], &[]), "policy/broken-here", "block").is_empty()
    };
    assert!(!configured("team/no-float-money"));
    assert!(configured("team/not-there"));
}

#[test]
fn a_broken_rule_is_refused_with_its_line() {
    for (from, to, word) in [
        ("when: ", "when: (", "no-float-money.yaml:"),
        ("severity: block", "severity: blocking", "no-float-money.yaml:4"),
        ("id: team/no-float-money", "id: team/other", "no-float-money.yaml:1"),
        ("when: fact.", "when: fact.missing == 1 && fact.", "has("),
        ("when: ", "when: facts.", "no-float-money.yaml:6"),
    ] {
        let rule = example().replacen(from, to, 1);
        let repo = Scratch::new(&[FIRST, (PATH, &rule)]);
        repo.commit("change", &[UP]);
        let output = repo.run(&["check", "--base", "HEAD^", "--head", "HEAD"], &[]);
        assert_eq!(output.status.code(), Some(2), "{to}: {}", text(&output));
        assert!(text(&output).contains(word), "{to}: {}", text(&output));
    }
}

#[test]
fn examples_that_fail_are_told() {
    let rule = example().replace("expect: team/no-float-money", "nothing is expected");
    let repo = Scratch::new(&[FIRST, (PATH, &rule)]);
    let output = repo.run(&["rules", "test"], &[]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("Noisy") && text(&output).contains("no example shows it firing"), "{}", text(&output));
    let none = Scratch::new(&[FIRST]);
    assert_eq!(none.run(&["rules", "test"], &[]).status.code(), Some(0));
}

#[test]
fn a_rule_that_asks_too_much_is_refused() {
    let rule = "id: team/slow\ntitle: Slow\ngate: pipeline-only\nseverity: warn\nfor_each: added.*.lines.*\nwhen: fact.text.matches(fact.text + '(a{90}){90}')\nmessage: slow\nwhy: It is slow.\nremedy: Do not.\n";
    let repo = Scratch::new(&[(".holdshort/rules/slow.yaml", rule)]);
    repo.commit("change", &[("a.go", &(0..300).map(|i| format!("var a{i} = {i}\n")).collect::<String>())]);
    let output = repo.run(&["check", "--base", "HEAD^", "--head", "HEAD"], &[]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("regular expressions") && text(&output).contains(".holdshort/rules/slow.yaml:6"), "{}", text(&output));
}

#[test]
fn facts_have_every_section_with_places() {
    let repo = Scratch::new(&[FIRST]);
    repo.commit("change", &[UP, ("ROLLBACK.md", "# Roll back\n\n```sh\nmake undo\n```\n"), ("flags/a.flagd.json", "{\"flags\": {\"x\": {\"state\": \"ENABLED\", \"variants\": {\"on\": true, \"off\": false}, \"defaultVariant\": \"on\"}}}\n")]);
    let output = repo.run(&["facts", "--base", "HEAD^", "--head", "HEAD"], &[]);
    let facts: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
    for section in [
        "base",
        "head",
        "files",
        "commits",
        "migrations",
        "timelines",
        "inverses",
        "old_code",
        "flags",
        "rollback",
        "release",
        "evidence",
        "added",
        "unread",
        "skipped",
    ] {
        assert!(facts.get(section).is_some(), "{section}");
    }
    let statement = facts["migrations"][0]["migrations"][1]["up"]["statements"][0]["span"].clone();
    assert_eq!((&statement["path"], &statement["line"], &statement["start"]), (&"migrations/2_price.up.sql".into(), &1.into(), &0.into()));
    let command = facts["rollback"]["documents"][0]["commands"][0]["span"].clone();
    assert_eq!((&command["path"], &command["line"]), (&"ROLLBACK.md".into(), &4.into()));
    let written = facts.to_string();
    assert!(!written.contains("\"span\":{\"start\""), "every span is resolved");
}
