//! Whole projects as real repositories of two commits: `fixtures/projects/<case>/{base,head}` in, `expected.json` out.
//! `head/` holds what the change adds or edits; a file that is empty there is deleted.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

fn git(directory: &Path, args: &[&str]) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false"]);
    command.args(args).current_dir(directory).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let status = command.stdout(Stdio::null()).status().expect("git runs");
    assert!(status.success(), "git {args:?}");
}

fn lay(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from).into_iter().map(|entry| entry.expect("a readable fixture")) {
        let relative = entry.path().strip_prefix(from).expect("below the fixture");
        let target = to.join(relative);
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(&target).expect("a directory");
        } else if entry.metadata().expect("a size").len() == 0 {
            std::fs::remove_file(&target).expect("a file to delete");
        } else {
            std::fs::copy(entry.path(), &target).expect("a copy");
        }
    }
}

/// What the migrations' gate says: whether it holds and every finding above a note, and notes of drops and renames: what a reviewer has to know.
fn outcome(case: &Path) -> Value {
    let repo = tempfile::tempdir().expect("a directory");
    git(repo.path(), &["init", "-q"]);
    for side in ["base", "head"] {
        lay(&case.join(side), repo.path());
        git(repo.path(), &["add", "-A"]);
        git(repo.path(), &["commit", "-q", "--allow-empty", "-m", side]);
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdshort"));
    command.args(["check", "--base", "HEAD^", "--head", "HEAD", "--format", "json"]).current_dir(repo.path());
    let output = command.output().expect("the binary runs");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let findings: Vec<Value> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|found| found["gate"] == "migrations-compatible")
        .filter(|found| found["severity"] != "note" || found["rule"].as_str().is_some_and(|rule| rule.contains("drop-") || rule.contains("rename-")))
        .map(|found| {
            let evidence: Vec<String> = found["evidence"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|item| format!("{}:{}", item["path"].as_str().unwrap_or(""), item["line"]))
                .collect();
            json!({"rule": found["rule"], "severity": found["severity"], "path": found["path"], "line": found["start"]["line"], "evidence": evidence})
        })
        .collect();
    let gates = report["gates"].as_array().expect("gates");
    let holds = gates.iter().any(|gate| gate["id"] == "migrations-compatible" && gate["holds"] == true);
    json!({"verdict": if holds { "hold" } else { "cleared" }, "findings": findings})
}

#[test]
fn projects_get_the_verdict_a_reviewer_would_give() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/projects");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(root).expect("projects").map(|entry| entry.expect("an entry").path()).collect();
    cases.sort();
    let mut wrong = Vec::new();
    for case in &cases {
        let expected: Value =
            serde_json::from_str(&std::fs::read_to_string(case.join("expected.json")).expect("expected.json")).expect("JSON");
        let got = outcome(case);
        if got != expected {
            wrong.push(format!("{}\n  expected {expected:#}\n  got      {got:#}", case.display()));
        }
    }
    assert!(cases.len() >= 12, "the projects are there");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
