//! The baseline: it lets through what was there, by its text, only shrinks, and is read from base.

use std::path::Path;

use serde_json::Value;

use crate::cli::{commit, git, holdshort, repository, stderr, write};

const FILE: &str = "holdshort-baseline.json";
const DROP: &str = "ALTER TABLE users DROP COLUMN email;\n";

/// Main, and a topic with a dangerous migration, checked out; the baseline of the topic is returned.
fn topic() -> (tempfile::TempDir, String) {
    let repo = repository();
    git(repo.path(), &["checkout", "-qb", "topic"]);
    commit(repo.path(), "migrations/2_drop.up.sql", DROP);
    let output = holdshort(repo.path(), &["baseline", "write", "--base", "main"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = std::fs::read_to_string(repo.path().join(FILE)).expect("the baseline");
    std::fs::remove_file(repo.path().join(FILE)).expect("the baseline");
    (repo, text)
}

/// The same with the baseline on main.
fn accepted() -> tempfile::TempDir {
    let (repo, text) = topic();
    git(repo.path(), &["checkout", "-q", "main"]);
    commit(repo.path(), FILE, text);
    git(repo.path(), &["checkout", "-q", "topic"]);
    git(repo.path(), &["rebase", "-q", "main"]);
    repo
}

fn check(directory: &Path) -> (Option<i32>, Value) {
    let output = holdshort(directory, &["check", "--base", "main", "--baseline", FILE, "--format", "json"]);
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(&output))))
}

fn statuses(report: &Value, rule: &str) -> Vec<String> {
    let all = report["findings"].as_array().expect("findings").iter().filter(|found| found["rule"] == rule);
    all.map(|found| found["status"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn what_is_in_the_baseline_does_not_hold_wherever_its_line_is() {
    let repo = accepted();
    let (code, report) = check(repo.path());
    assert_eq!((code, statuses(&report, "schema/drop-column")), (Some(0), vec!["baselined".to_owned()]), "{report}");
    commit(repo.path(), "migrations/2_drop.up.sql", format!("-- words\n\nSELECT 1;\n{DROP}"));
    assert_eq!(check(repo.path()).0, Some(0), "lines moved");
    commit(repo.path(), "migrations/2_drop.up.sql", format!("{DROP}ALTER TABLE users DROP COLUMN email;\n"));
    assert_eq!(check(repo.path()).0, Some(1), "the same again is new");
    commit(repo.path(), "migrations/2_drop.up.sql", "DROP TABLE users;\n");
    assert_eq!(check(repo.path()).0, Some(1), "another finding is new");
}

#[test]
fn a_baseline_that_comes_with_the_change_does_not_count() {
    let (repo, text) = topic();
    commit(repo.path(), FILE, &text);
    let (code, report) = check(repo.path());
    assert_eq!((code, statuses(&report, "schema/drop-column")), (Some(1), vec!["active".to_owned()]));
    assert_eq!(statuses(&report, "policy/changed-here"), ["active"]);
    let repo = accepted();
    commit(repo.path(), "migrations/3_drop.up.sql", "DROP TABLE users;\n");
    holdshort(repo.path(), &["baseline", "write", "--base", "main"]);
    git(repo.path(), &["commit", "-qam", "grow"]);
    let (code, report) = check(repo.path());
    assert_eq!((code, statuses(&report, "schema/drop-table")), (Some(1), vec!["active".to_owned()]), "it may not grow");
    assert_eq!(statuses(&report, "policy/changed-here"), ["active"]);
}

#[test]
fn update_takes_out_what_is_gone_and_adds_nothing() {
    let repo = accepted();
    let here = repo.path();
    let before = std::fs::read_to_string(here.join(FILE)).expect("the baseline");
    commit(here, "migrations/3_drop.up.sql", "DROP TABLE users;\n");
    holdshort(here, &["baseline", "update", "--base", "main"]);
    assert_eq!(std::fs::read_to_string(here.join(FILE)).expect("the baseline"), before, "nothing is gone");
    write(here, "migrations/2_drop.up.sql", "SELECT 1;\n");
    git(here, &["add", "."]);
    git(here, &["commit", "-qm", "mended"]);
    let (_, report) = check(here);
    assert_eq!(statuses(&report, "policy/baseline-stale"), ["active"], "{report}");
    let output = holdshort(here, &["baseline", "update", "--base", "main"]);
    assert!(stderr(&output).contains("taken out"), "{}", stderr(&output));
    let after: Value = serde_json::from_str(&std::fs::read_to_string(here.join(FILE)).expect("the baseline")).expect("JSON");
    assert!(
        after["findings"]
            .as_array()
            .expect("a list")
            .iter()
            .all(|entry| entry["path"] != "migrations/2_drop.up.sql" && entry["path"] != "migrations/3_drop.up.sql")
    );
    git(here, &["commit", "-qam", "shrunk"]);
    assert_eq!(statuses(&check(here).1, "policy/changed-here"), Vec::<String>::new(), "shrinking is welcome");
}

#[test]
fn a_baseline_that_cannot_be_read_is_an_error_and_no_verdict() {
    let repo = repository();
    let missing = holdshort(repo.path(), &["check", "--baseline", "none.json"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(stderr(&missing).contains("baseline write"), "{}", stderr(&missing));
    for text in ["{", "[]", "{\"schema_version\": 2, \"findings\": []}", "{\"schema_version\": 1, \"findings\": [], \"more\": 1}"] {
        commit(repo.path(), FILE, text);
        commit(repo.path(), "a.txt", text);
        let output = holdshort(repo.path(), &["check", "--baseline", FILE]);
        assert_eq!(output.status.code(), Some(2), "{text}: {}", stderr(&output));
    }
}
