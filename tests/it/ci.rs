//! The GitHub action, the GitLab template and the ranges they find: their own scripts under the variables and payloads of a run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use serde_yaml::Value as Yaml;

use crate::cli::{commit, git, repository, stderr};

const BAD: &str = "ALTER TABLE users DROP COLUMN email;\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn id(directory: &Path, revision: &str) -> String {
    let output = Command::new("git").args(["rev-parse", revision]).current_dir(directory).output().expect("git runs");
    assert!(output.status.success(), "{revision}");
    String::from_utf8(output.stdout).expect("an id").trim().to_owned()
}

/// main moved on while `topic` dropped a column; `refs/pull/7/merge` is what GitHub would check out.
fn upstream() -> tempfile::TempDir {
    let repo = repository();
    let here = repo.path();
    git(here, &["checkout", "-qb", "topic"]);
    commit(here, "migrations/2_drop.up.sql", BAD);
    git(here, &["checkout", "-q", "main"]);
    commit(here, "migrations/3_more.up.sql", "CREATE TABLE more (id bigint PRIMARY KEY);\n");
    git(here, &["checkout", "-q", "--detach"]);
    git(here, &["merge", "-q", "--no-ff", "-m", "merge", "topic"]);
    git(here, &["update-ref", "refs/pull/7/merge", "HEAD"]);
    git(here, &["checkout", "-q", "main"]);
    repo
}

/// A clone as a CI runner makes it: one ref, so deep, detached.
fn checkout(upstream: &Path, reference: &str, depth: u32) -> tempfile::TempDir {
    let clone = tempfile::tempdir().expect("a directory");
    let here = clone.path();
    git(here, &["init", "-q"]);
    git(here, &["remote", "add", "origin", &format!("file://{}", upstream.display())]);
    let depth = if depth == 0 { "--tags".to_owned() } else { format!("--depth={depth}") };
    git(here, &["fetch", "-q", &depth, "origin", &format!("+{reference}:refs/remotes/pull/head")]);
    git(here, &["checkout", "-q", "--detach", "refs/remotes/pull/head"]);
    clone
}

fn bash(script: &str, directory: &Path, variables: &BTreeMap<String, String>) -> Output {
    let binary = Path::new(env!("CARGO_BIN_EXE_holdshort")).parent().expect("a directory");
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("bash");
    command.args(["-c", script]).current_dir(directory).env_clear().env("PATH", path).env("HOME", directory).envs(variables);
    command.output().expect("bash runs")
}

/// Files and variables of one GitHub run.
struct Run {
    directory: tempfile::TempDir,
    variables: BTreeMap<String, String>,
}

impl Run {
    fn new(event: &str, reference: &str, sha: &str, payload: &Value) -> Run {
        let directory = tempfile::tempdir().expect("a directory");
        let file = |name: &str| directory.path().join(name).display().to_string();
        std::fs::write(file("event.json"), payload.to_string()).expect("a payload");
        let mut variables = BTreeMap::new();
        for (name, value) in [
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("CI", "true".to_owned()),
            ("GITHUB_EVENT_NAME", event.to_owned()),
            ("GITHUB_REF", reference.to_owned()),
            ("GITHUB_SHA", sha.to_owned()),
            ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
            ("GITHUB_REPOSITORY", "shop/shop".to_owned()),
            ("GITHUB_EVENT_PATH", file("event.json")),
            ("GITHUB_OUTPUT", file("output")),
            ("GITHUB_PATH", file("path")),
            ("GITHUB_STEP_SUMMARY", file("summary.md")),
            ("RUNNER_TEMP", file("temp")),
        ] {
            variables.insert(name.to_owned(), value);
        }
        Run { directory, variables }
    }

    /// Runs the steps of `action.yml` with these inputs, as a runner would.
    fn action(&self, checkout: &Path, inputs: &[(&str, &str)]) -> Output {
        let action: Yaml = serde_yaml::from_str(&std::fs::read_to_string(root().join("action.yml")).expect("action.yml")).expect("YAML");
        let mut last = None;
        for step in action["runs"]["steps"].as_sequence().expect("steps") {
            let script = step["run"].as_str().expect("a script");
            assert!(!script.contains("${{"), "an expression in a script can be injected into");
            let mut variables = self.variables.clone();
            for (name, value) in step["env"].as_mapping().expect("variables") {
                let value = expand(value.as_str().expect("text"), &action, inputs);
                variables.insert(name.as_str().expect("a name").to_owned(), value);
            }
            let output = bash(script, checkout, &variables);
            let done = output.status.success();
            last = Some(output);
            if !done {
                break;
            }
        }
        last.expect("a step ran")
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(name)).unwrap_or_default()
    }

    fn report(&self, name: &str) -> String {
        self.file(&format!("temp/holdshort/{name}"))
    }
}

/// `${{ inputs.x }}` and `${{ github.action_path }}`, the only expressions the action uses.
fn expand(value: &str, action: &Yaml, inputs: &[(&str, &str)]) -> String {
    let expression = value.strip_prefix("${{ ").and_then(|rest| rest.strip_suffix(" }}")).expect("one expression");
    match expression.strip_prefix("inputs.") {
        Some(name) => inputs.iter().find(|(known, _)| *known == name).map_or_else(
            || action["inputs"][name]["default"].as_str().unwrap_or_else(|| panic!("input {name} has a default")).to_owned(),
            |(_, value)| (*value).to_owned(),
        ),
        None => {
            assert_eq!(expression, "github.action_path");
            root().display().to_string()
        }
    }
}

fn found_paths(json: &str) -> Vec<String> {
    let report: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
    report["findings"].as_array().expect("findings").iter().filter_map(|found| found["path"].as_str().map(str::to_owned)).collect()
}

fn pull_request(upstream: &Path) -> Value {
    json!({"pull_request": {"number": 7, "base": {"sha": id(upstream, "main~1"), "ref": "main"}, "head": {"sha": id(upstream, "topic"), "ref": "topic"}}})
}

#[test]
fn the_action_judges_a_pull_request_at_depth_two() {
    let upstream = upstream();
    let clone = checkout(upstream.path(), "refs/pull/7/merge", 2);
    let run = Run::new("pull_request", "refs/pull/7/merge", &id(clone.path(), "HEAD"), &pull_request(upstream.path()));
    let output = run.action(clone.path(), &[]);
    let log = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{log}{}", stderr(&output));
    assert!(log.contains("HOLD  ") && log.contains("::error file=migrations/2_drop.up.sql,line=1,"), "{log}");
    let paths = found_paths(&run.report("holdshort.json"));
    assert!(paths.contains(&"migrations/2_drop.up.sql".to_owned()) && !paths.contains(&"migrations/3_more.up.sql".to_owned()), "{paths:?}");
    assert!(run.file("output").contains("verdict=hold\n"), "{}", run.file("output"));
    let summary = run.file("summary.md");
    assert!(summary.contains("🛑 HOLD") && summary.contains("https://github.com/shop/shop/blob/"), "{summary}");
    for name in ["holdshort.sarif", "holdshort.html", "holdshort.junit.xml"] {
        assert!(run.report(name).contains("schema/drop-column"), "{name}");
    }
}

#[test]
fn the_action_clears_what_is_harmless_and_says_what_it_cannot_judge() {
    let upstream = repository();
    let here = upstream.path();
    commit(here, "README.md", "words\n");
    let before = id(here, "HEAD^");
    let push = json!({"before": before, "after": id(here, "HEAD"), "repository": {"default_branch": "main"}});
    let deep = checkout(here, "refs/heads/main", 0);
    let run = Run::new("push", "refs/heads/main", &id(here, "HEAD"), &push);
    let output = run.action(deep.path(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(run.file("output").contains("verdict=cleared\n"));
    let shallow = checkout(here, "refs/heads/main", 1);
    let run = Run::new("push", "refs/heads/main", &id(here, "HEAD"), &push);
    let output = run.action(shallow.path(), &[]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("fetch-depth: 0"), "{}", stderr(&output));
    assert!(run.file("output").contains("verdict=error\n"));
}

#[test]
fn inputs_of_the_action_are_words_and_no_code() {
    let upstream = upstream();
    let clone = checkout(upstream.path(), "refs/pull/7/merge", 2);
    let run = Run::new("pull_request", "refs/pull/7/merge", &id(clone.path(), "HEAD"), &pull_request(upstream.path()));
    let evil = "$(touch owned); `touch owned`; \"; touch owned; --head=x";
    for input in ["phase", "base", "deployed", "evidence", "path"] {
        let output = run.action(clone.path(), &[(input, evil)]);
        assert!(matches!(output.status.code(), Some(2 | 3)), "{input}: {:?} {}", output.status, stderr(&output));
        assert!(!clone.path().join("owned").exists(), "{input}");
    }
}

#[test]
fn a_branch_that_ends_in_a_merge_is_not_taken_for_githubs_merge() {
    let upstream = upstream();
    let here = upstream.path();
    git(here, &["checkout", "-q", "topic"]);
    git(here, &["merge", "-q", "--no-ff", "-m", "catch up", "main"]);
    // The workflow checks out the branch itself: HEAD has two parents, and the first one is the branch before it caught up.
    let run = Run::new("pull_request", "refs/pull/7/merge", &id(here, "refs/pull/7/merge"), &pull_request(here));
    let output = run.action(here, &[]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let paths = found_paths(&run.report("holdshort.json"));
    assert!(paths.contains(&"migrations/2_drop.up.sql".to_owned()), "{paths:?}");
}

#[test]
fn a_new_branch_is_compared_with_the_default_branch_or_not_at_all() {
    let upstream = upstream();
    let here = upstream.path();
    git(here, &["checkout", "-q", "topic"]);
    commit(here, "README.md", "words\n");
    let zeros = "0".repeat(40);
    let push = json!({"before": zeros, "repository": {"default_branch": "main"}});
    let shallow = checkout(here, "refs/heads/topic", 2);
    let run = Run::new("push", "refs/heads/topic", &id(here, "topic"), &push);
    let output = run.action(shallow.path(), &[]);
    assert_eq!(output.status.code(), Some(3), "the last commit alone would pass: {}", String::from_utf8_lossy(&output.stdout));
    git(shallow.path(), &["fetch", "-q", "--unshallow", "origin", "main:refs/remotes/origin/main"]);
    assert_eq!(run.action(shallow.path(), &[]).status.code(), Some(1));
}

#[test]
fn a_merge_queue_is_compared_with_its_base() {
    let upstream = upstream();
    let here = upstream.path();
    let clone = checkout(here, "refs/pull/7/merge", 0);
    let payload = json!({"merge_group": {"base_sha": id(here, "main"), "head_sha": id(here, "refs/pull/7/merge")}});
    let run = Run::new("merge_group", "refs/heads/gh-readonly-queue/main/pr-7", &id(clone.path(), "HEAD"), &payload);
    let output = run.action(clone.path(), &[]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(!found_paths(&run.report("holdshort.json")).contains(&"migrations/3_more.up.sql".to_owned()));
}

/// The job of the GitLab template with its inputs filled in.
fn gitlab_job(inputs: &[(&str, &str)]) -> Yaml {
    let text = std::fs::read_to_string(root().join("templates/holdshort.yml")).expect("the template");
    let (header, job) = text.split_once("\n---\n").expect("two documents");
    let header: Yaml = serde_yaml::from_str(header).expect("YAML");
    let mut job = job.to_owned();
    for (name, input) in header["spec"]["inputs"].as_mapping().expect("inputs") {
        let name = name.as_str().expect("a name");
        let given = inputs.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        job = job.replace(&format!("$[[ inputs.{name} ]]"), given.or(input["default"].as_str()).expect("a default"));
    }
    assert!(!job.contains("$[["), "{job}");
    serde_yaml::from_str(&job).expect("YAML")
}

fn gitlab(clone: &Path, extra: &[(&str, &str)]) -> Output {
    let job = gitlab_job(&[]);
    let mut variables: BTreeMap<String, String> = BTreeMap::from([("GITLAB_CI".to_owned(), "true".to_owned())]);
    for (name, value) in job["holdshort"]["variables"].as_mapping().expect("variables") {
        variables.insert(name.as_str().expect("a name").to_owned(), value.as_str().expect("text").to_owned());
    }
    variables.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let lines: Vec<&str> = job["holdshort"]["script"].as_sequence().expect("lines").iter().filter_map(Yaml::as_str).collect();
    bash(&format!("set -eo pipefail\n{}", lines.join("\n")), clone, &variables)
}

#[test]
fn the_gitlab_job_judges_a_merge_request() {
    let upstream = upstream();
    let here = upstream.path();
    let clone = checkout(here, "refs/heads/topic", 0);
    let base = id(here, "main~1");
    let output = gitlab(
        clone.path(),
        &[
            ("CI_PIPELINE_SOURCE", "merge_request_event"),
            ("CI_MERGE_REQUEST_DIFF_BASE_SHA", &base),
            ("CI_COMMIT_BEFORE_SHA", &"0".repeat(40)),
        ],
    );
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("GitLab merge request"));
    let job = gitlab_job(&[]);
    let reports = &job["holdshort"]["artifacts"]["reports"];
    for name in [reports["codequality"].as_str(), reports["junit"].as_str(), job["holdshort"]["artifacts"]["paths"][0].as_str()] {
        let path: PathBuf = clone.path().join(name.expect("a path"));
        assert!(std::fs::read_to_string(&path).expect("the report is written").contains("schema/drop-column"), "{}", path.display());
    }
}

#[test]
fn gitlab_says_what_a_shallow_or_new_branch_lacks() {
    let upstream = upstream();
    let here = upstream.path();
    let clone = checkout(here, "refs/heads/topic", 1);
    let base = id(here, "main~1");
    let output = gitlab(clone.path(), &[("CI_MERGE_REQUEST_DIFF_BASE_SHA", &base)]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("GIT_DEPTH"), "{}", stderr(&output));
    let zeros = "0".repeat(40);
    let branch = [("CI_COMMIT_BEFORE_SHA", zeros.as_str()), ("CI_COMMIT_BRANCH", "topic"), ("CI_DEFAULT_BRANCH", "main")];
    let output = gitlab(clone.path(), &branch);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("git fetch --unshallow origin main:refs/remotes/origin/main"), "{}", stderr(&output));
    git(clone.path(), &["fetch", "-q", "--unshallow", "origin", "main:refs/remotes/origin/main"]);
    assert_eq!(gitlab(clone.path(), &branch).status.code(), Some(1));
}
