//! Changes that try to pass by what they are called, where they lie or how they are written: none of them is cleared.

use serde_json::{Value, json};

use crate::repo::{Repo, all, stderr, stdout};

const DROP: &str = "ALTER TABLE users DROP COLUMN email;\n";
const ADD_AGAIN: &str = "ALTER TABLE users ADD COLUMN email text;\n";

/// A service with a table whose column the code reads, on a branch of its own.
fn service() -> Repo {
    let repo = Repo::new();
    repo.write("migrations/000001_users.up.sql", "CREATE TABLE users (id bigint PRIMARY KEY, email text);\n");
    repo.write("migrations/000001_users.down.sql", "DROP TABLE users;\n");
    repo.write("app.py", "def find(cursor):\n    cursor.execute(\"SELECT email FROM users\")\n");
    repo.commit("base");
    repo.git(&["checkout", "-q", "-b", "topic"]);
    repo
}

/// The report on the branch.
fn checked(repo: &Repo) -> Value {
    let output = repo.holdshort(&["check", ".", "--base", "main", "--head", "HEAD", "--format", "json"]);
    serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", all(&output)))
}

fn rules(report: &Value) -> Vec<&str> {
    report["findings"].as_array().expect("findings").iter().filter_map(|finding| finding["rule"].as_str()).collect()
}

fn status<'a>(report: &'a Value, gate: &str) -> &'a str {
    let gates = report["gates"].as_array().expect("gates");
    gates.iter().find(|each| each["id"] == gate).and_then(|each| each["status"].as_str()).unwrap_or_else(|| panic!("{report:#}"))
}

#[test]
fn a_carriage_return_ends_a_comment() {
    let repo = service();
    repo.write("migrations/000002_x.up.sql", format!("-- harmless\r{DROP}"));
    repo.write("migrations/000002_x.down.sql", ADD_AGAIN);
    repo.commit("change");
    assert!(rules(&checked(&repo)).contains(&"schema/drop-column"));
}

#[test]
fn a_history_that_is_moved_is_not_new() {
    let moves: [(&str, &[&str]); 3] = [("db/schema", &["git", "mv"]), ("store/migrations", &["git", "mv"]), ("migrations", &["atlas.sum"])];
    for (root, how) in moves {
        let repo = service();
        if how[0] == "git" {
            std::fs::create_dir_all(repo.path().join(root).parent().expect("a parent")).expect("a directory");
            repo.git(&["mv", "migrations", root]);
        } else {
            // Another runner's file in the same place.
            repo.write("migrations/atlas.sum", "h1:x\n");
        }
        repo.write(&format!("{root}/000002_x.up.sql"), DROP);
        repo.write(&format!("{root}/000002_x.down.sql"), ADD_AGAIN);
        repo.commit("change");
        let report = checked(&repo);
        assert!(rules(&report).contains(&"schema/drop-column"), "{root}: {report:#}");
    }
}

#[test]
fn a_moved_history_hides_no_migration_with_an_old_text() {
    let repo = service();
    repo.write("migrations/000002_x.up.sql", DROP);
    repo.write("migrations/000003_x.up.sql", ADD_AGAIN);
    repo.commit("there and back");
    repo.git(&["branch", "-f", "main"]);
    repo.git(&["mv", "migrations", "schema"]);
    repo.write("schema/000004_x.up.sql", DROP);
    repo.commit("change");
    let report = checked(&repo);
    assert!(rules(&report).contains(&"schema/drop-column"), "{report:#}");
}

#[test]
fn a_history_that_is_replaced_leaves_the_question_open() {
    let repo = service();
    repo.git(&["rm", "-rq", "migrations"]);
    repo.write("db/migrations/000001_all.up.sql", "CREATE TABLE users (id bigint PRIMARY KEY);\n");
    repo.write("db/migrations/000001_all.down.sql", "DROP TABLE users;\n");
    repo.commit("change");
    assert_eq!(status(&checked(&repo), "migrations-compatible"), "unknown");
}

#[test]
fn golang_migrate_runs_whatever_its_scripts_end_in() {
    for name in ["000002_x.up.SQL", "000002_x.up.txt", "000002_x.up.sql.orig"] {
        let repo = service();
        repo.write(&format!("migrations/{name}"), DROP);
        repo.write("migrations/000002_x.down.sql", ADD_AGAIN);
        repo.commit("change");
        assert_eq!(status(&checked(&repo), "migrations-compatible"), "unknown", "{name}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn two_files_that_print_alike_are_an_error() {
    use std::os::unix::ffi::OsStrExt;
    let repo = service();
    repo.write("migrations/000002_a\\xFF.up.sql", DROP);
    let bytes = std::ffi::OsStr::from_bytes(b"000002_a\xff.up.sql");
    std::fs::write(repo.path().join("migrations").join(bytes), "SELECT 1;\n").expect("a file");
    repo.commit("change");
    let output = repo.holdshort(&["check", ".", "--base", "main", "--head", "HEAD"]);
    assert_eq!(output.status.code(), Some(3), "{}", all(&output));
    assert!(stderr(&output).contains("rename one of them"), "{}", all(&output));
}

#[test]
fn a_submodule_that_moves_is_said() {
    for (path, held) in [("db/migrations", true), ("lib/http", false)] {
        let repo = service();
        let link = |id: char| format!("160000,{},{path}", id.to_string().repeat(40));
        repo.git(&["update-index", "--add", "--cacheinfo", &link('1')]);
        repo.git(&["commit", "-q", "-m", "one"]);
        repo.git(&["branch", "-f", "main"]);
        repo.git(&["update-index", "--cacheinfo", &link('2')]);
        repo.git(&["commit", "-q", "-m", "two"]);
        let report = checked(&repo);
        let skipped = report["coverage"]["skipped"].as_array().expect("skipped");
        assert!(skipped.iter().any(|skipped| skipped["path"] == path), "{report:#}");
        assert_eq!(status(&report, "migrations-compatible") == "unknown", held, "{report:#}");
    }
}

#[test]
fn what_ships_is_not_called_documentation_or_a_test() {
    let ships = |change: &dyn Fn(&Repo)| {
        let repo = service();
        change(&repo);
        repo.commit("change");
        status(&checked(&repo), "rollback-ready") != "not-applicable"
    };
    assert!(ships(&|repo| repo.write("requirements/production.txt", "django==1\n")));
    assert!(ships(&|repo| repo.write("CMakeLists.txt", "project(x)\n")));
    assert!(ships(&|repo| repo.write("src/ab_test.py", "x = 1\n")));
    assert!(ships(&|repo| drop(repo.git(&["mv", "app.py", "NOTES.md"]))));
    assert!(!ships(&|repo| repo.write("docs/list.txt", "words\n")));
    assert!(!ships(&|repo| repo.write("LICENSE.txt", "words\n")));
    assert!(!ships(&|repo| repo.write("pkg/store_test.go", "package store\n")));
}

#[test]
fn a_report_beside_the_policy_is_no_policy() {
    let repo = service();
    repo.write("holdshort.json", "{}\n");
    repo.commit("change");
    assert!(!rules(&checked(&repo)).iter().any(|rule| rule.starts_with("policy/")));
}

/// A run of the command with a CI system's variables.
fn in_ci(repo: &Repo, directory: &std::path::Path, variables: &[(&str, &str)], payload: Option<Value>) -> std::process::Output {
    let mut command = repo.command(&["check", "."]);
    command.current_dir(directory).envs(variables.iter().copied());
    if let Some(payload) = payload {
        let file = directory.join("../event.json");
        std::fs::write(&file, payload.to_string()).expect("a payload");
        command.env("GITHUB_ACTIONS", "true").env("GITHUB_EVENT_PATH", file);
    }
    command.output().expect("the binary runs")
}

/// The dangerous commit, and a harmless one on top of it.
fn two_pushes() -> (Repo, String, String) {
    let repo = service();
    repo.write("migrations/000002_x.up.sql", DROP);
    repo.write("migrations/000002_x.down.sql", ADD_AGAIN);
    let bad = repo.commit("bad");
    repo.write("README.md", "words\n");
    let tip = repo.commit("docs");
    (repo, bad, tip)
}

fn clone(repo: &Repo, arguments: &[&str]) -> tempfile::TempDir {
    let parent = tempfile::tempdir().expect("a directory");
    let url = format!("file://{}", repo.path().display());
    let target = parent.path().join("clone");
    let target = target.to_str().expect("a path");
    repo.git(&[&["clone", "-q"], arguments, &[url.as_str(), target]].concat());
    parent
}

#[test]
fn a_pull_request_whose_head_is_not_in_the_clone_is_an_error() {
    let (repo, bad, _) = two_pushes();
    let here = clone(&repo, &["-b", "main", "--single-branch"]);
    let base = repo.git(&["rev-parse", "main"]);
    let payload = json!({"pull_request": {"head": {"sha": bad}, "base": {"sha": base}}});
    for event in ["pull_request", "pull_request_target"] {
        let variables = [("GITHUB_EVENT_NAME", event), ("GITHUB_BASE_REF", "main"), ("GITHUB_REF", "refs/heads/main")];
        let output = in_ci(&repo, &here.path().join("clone"), &variables, Some(payload.clone()));
        assert_eq!(output.status.code(), Some(3), "{}", all(&output));
        assert!(stderr(&output).contains("git fetch origin"), "{}", all(&output));
    }
}

#[test]
fn the_last_push_does_not_pass_for_the_branch() {
    let (repo, bad, _) = two_pushes();
    let here = clone(&repo, &["-b", "topic"]);
    let push = json!({"before": bad, "repository": {"default_branch": "main"}});
    let variables = [("GITHUB_EVENT_NAME", "push"), ("GITHUB_REF", "refs/heads/topic")];
    let output = in_ci(&repo, &here.path().join("clone"), &variables, Some(push));
    assert_eq!(output.status.code(), Some(1), "{}", all(&output));
    let variables = [("GITLAB_CI", "true"), ("CI_COMMIT_BRANCH", "topic"), ("CI_DEFAULT_BRANCH", "main"), ("CI_COMMIT_BEFORE_SHA", &bad)];
    let output = in_ci(&repo, &here.path().join("clone"), &variables, None);
    assert_eq!(output.status.code(), Some(1), "{}", all(&output));
}

#[test]
fn a_shallow_clone_does_not_make_a_push_smaller() {
    let (repo, _, _) = two_pushes();
    repo.git(&["checkout", "-q", "main"]);
    let before = repo.git(&["rev-parse", "HEAD"]);
    repo.git(&["merge", "-q", "--ff-only", "topic"]);
    let here = clone(&repo, &["-b", "main", "--depth", "2"]);
    let push = json!({"before": before, "repository": {"default_branch": "main"}});
    let variables = [("GITHUB_EVENT_NAME", "push"), ("GITHUB_REF", "refs/heads/main")];
    let output = in_ci(&repo, &here.path().join("clone"), &variables, Some(push));
    assert_eq!(output.status.code(), Some(3), "{}", all(&output));
}

#[test]
fn a_pushed_branch_is_not_its_own_target() {
    let (repo, _, _) = two_pushes();
    repo.git(&["checkout", "-q", "main"]);
    let here = clone(&repo, &["-b", "topic"]);
    for variables in [[("TRAVIS_BRANCH", "topic"), ("TRAVIS_PULL_REQUEST", "false")], [("DRONE_TARGET_BRANCH", "topic"), ("DRONE", "true")]]
    {
        let output = in_ci(&repo, &here.path().join("clone"), &variables, None);
        assert_eq!(output.status.code(), Some(1), "{variables:?}: {}", all(&output));
    }
    let variables = [("TRAVIS_BRANCH", "main"), ("TRAVIS_PULL_REQUEST", "7")];
    assert_eq!(in_ci(&repo, &here.path().join("clone"), &variables, None).status.code(), Some(1));
}

#[test]
fn a_deploy_check_of_the_default_branch_wants_to_know_what_is_deployed() {
    let (repo, _, _) = two_pushes();
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "--ff-only", "topic"]);
    let output = repo.holdshort(&["check", ".", "--phase", "deploy", "--head", "HEAD"]);
    assert_eq!(output.status.code(), Some(3), "{}", all(&output));
    assert!(stderr(&output).contains("--deployed"), "{}", all(&output));
    let output = repo.holdshort(&["check", ".", "--phase", "deploy", "--head", "HEAD", "--deployed", "HEAD~2"]);
    assert_eq!(output.status.code(), Some(1), "{}", all(&output));
}
