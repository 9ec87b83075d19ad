//! Whole projects as real repositories of two commits: `fixtures/projects/<case>/{base,head}` in, `expected.json` out.
//! `head/` holds what the change adds or edits; a file that is empty there is deleted. `expected.json` judges one `gate`
//! (`migrations-compatible` unless it names another) in one `phase` (`merge` unless it names another).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

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

/// What a gate says: whether a finding fails it or it holds, and every finding above a note, and notes of drops and renames: what a
/// reviewer has to know.
fn outcome(case: &Path, expected: &Value) -> Value {
    let gate = expected["gate"].as_str().unwrap_or("migrations-compatible");
    let phase = expected["phase"].as_str().unwrap_or("merge");
    let repo = tempfile::tempdir().expect("a directory");
    git(repo.path(), &["init", "-q"]);
    for side in ["base", "head"] {
        lay(&case.join(side), repo.path());
        git(repo.path(), &["add", "-A"]);
        git(repo.path(), &["commit", "-q", "--allow-empty", "-m", side]);
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdshort"));
    command.args(["check", "--base", "HEAD^", "--head", "HEAD", "--phase", phase, "--format", "json"]).current_dir(repo.path());
    let output = command.output().expect("the binary runs");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let findings: Vec<Value> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|found| found["gate"] == gate)
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
    let all = report["gates"].as_array().expect("gates");
    let judged = all.iter().find(|known| known["id"] == gate).expect("a gate of the report");
    // An advisory gate that fails does not hold the rollout, but a project expects it to fail.
    let holds = judged["holds"] == true || judged["status"] == "fail";
    let mut got = json!({"verdict": if holds { "hold" } else { "cleared" }, "findings": findings});
    for key in ["gate", "phase"].into_iter().filter(|key| !expected[key].is_null()) {
        got[key] = expected[key].clone();
    }
    got
}

/// How the outcome of a case differs from the expected one.
fn difference(case: &Path) -> Option<String> {
    let text = std::fs::read_to_string(case.join("expected.json")).expect("expected.json");
    let expected: Value = serde_json::from_str(&text).expect("JSON");
    let got = outcome(case, &expected);
    (got != expected).then(|| format!("{}\n  expected {expected:#}\n  got      {got:#}", case.display()))
}

#[test]
fn projects_get_the_verdict_a_reviewer_would_give() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/projects");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(root).expect("projects").map(|entry| entry.expect("an entry").path()).collect();
    cases.sort();
    // Most of the time goes into git's own processes, so the cases run beside each other.
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    wrong.lock().expect("no panic holds it").extend(difference(case));
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic held it");
    assert!(cases.len() >= 12, "the projects are there");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
