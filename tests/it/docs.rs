//! What the binary says of itself: rule pages, manual pages, completion scripts.

use std::path::Path;

use serde_json::Value;

use crate::cli::{holdshort, stderr};

fn said(args: &[&str]) -> String {
    let output = holdshort(Path::new("."), args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn every_rule_has_a_page_in_each_format() {
    let rules: Value = serde_json::from_str(&said(&["rules", "--format", "json"])).expect("JSON");
    let rules = rules.as_array().expect("a list");
    let ids: Vec<&str> = rules.iter().filter_map(|rule| rule["id"].as_str()).collect();
    let listed = said(&["rules"]);
    let table = said(&["rules", "--format", "markdown"]);
    assert!(ids.len() > 50 && ids.iter().all(|id| listed.contains(id) && table.contains(&format!("| `{id}` |"))));
    for id in [ids[0], ids[ids.len() / 2], ids[ids.len() - 1]] {
        let page = said(&["explain", id]);
        assert!(
            page.starts_with(id) && page.contains("\nWhy\n") && page.contains("\nWhat to do\n") && page.contains("  silent  "),
            "{page}"
        );
        let markdown = said(&["explain", id, "--format", "markdown"]);
        assert!(
            markdown.starts_with(&format!("# `{id}`\n")) && markdown.contains("\n### Fires: ") && markdown.contains("\n### Silent: "),
            "{markdown}"
        );
        let json: Value = serde_json::from_str(&said(&["explain", id, "--format", "json"])).expect("JSON");
        assert_eq!(json["id"], id);
    }
}

#[test]
fn pages_fit_a_narrow_terminal() {
    let binary = env!("CARGO_BIN_EXE_holdshort");
    let output = std::process::Command::new(binary).args(["explain", "lock/no-timeout"]).env("COLUMNS", "60").output().expect("it runs");
    let page = String::from_utf8(output.stdout).expect("UTF-8");
    let (prose, _) = page.split_once("\nExamples\n").expect("examples");
    for line in prose.lines().filter(|line| !line.starts_with("    ") && !line.contains("://")) {
        assert!(line.chars().count() <= 60, "{line}");
    }
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let directory = tempfile::tempdir().expect("a directory");
    said(&["man", "--dir", &directory.path().display().to_string()]);
    assert!(said(&["man"]).contains(".TH holdshort 1"));
    for command in ["check", "lint", "facts", "demo", "explain", "rules", "hook-install", "hook-pre-push", "schema", "man", "completions"] {
        let page = std::fs::read_to_string(directory.path().join(format!("holdshort-{command}.1"))).expect(command);
        assert!(page.contains(".SH SYNOPSIS"), "{command}");
    }
}

#[test]
fn completions_are_scripts_that_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = said(&["completions", shell]);
        assert!(["check", "explain", "--report"].iter().all(|word| script.contains(word.trim_start_matches('-'))), "{shell}");
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("holdshort.bash");
    std::fs::write(&path, said(&["completions", "bash"])).expect("a script");
    let checked = std::process::Command::new("bash").arg("-n").arg(&path).output().expect("bash runs");
    assert!(checked.status.success(), "{}", stderr(&checked));
}
