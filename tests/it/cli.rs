//! The command line from outside: exit codes, streams, and every kind of bad input.

use std::path::Path;
use std::process::{Command, Output, Stdio};

pub fn holdshort(directory: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdshort"));
    command.args(args).current_dir(directory).stdin(Stdio::null());
    for variable in ["GITHUB_ACTIONS", "GITLAB_CI", "GIT_DIR", "CI"] {
        command.env_remove(variable);
    }
    command.output().expect("the binary runs")
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn git(directory: &Path, args: &[&str]) {
    let status = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false"])
        .args(args)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("git runs");
    assert!(status.success(), "git {args:?}");
}

pub fn write(directory: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = directory.join(path);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
    std::fs::write(path, text).expect("a file");
}

/// These tests are about migrations; the rollback gate has tests of its own.
const POLICY: &str = "gates: {rollback-ready: {push: off, merge: off}}\n";

/// A repository with one migration on main.
pub fn repository() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    git(directory.path(), &["init", "-q"]);
    write(directory.path(), "migrations/1_users.up.sql", "CREATE TABLE users (id bigint PRIMARY KEY, email text);\n");
    write(directory.path(), "holdshort.yaml", POLICY);
    write(directory.path(), "app/user.go", "package app\n\nconst find = `SELECT id, email FROM users`\n");
    git(directory.path(), &["add", "."]);
    git(directory.path(), &["commit", "-qm", "first"]);
    directory
}

pub fn commit(directory: &Path, path: &str, text: impl AsRef<[u8]>) {
    write(directory, path, text);
    git(directory, &["add", "."]);
    git(directory, &["commit", "-qm", "change"]);
}

#[test]
fn a_dangerous_commit_holds_and_a_harmless_one_clears() {
    let repo = repository();
    commit(repo.path(), "migrations/2_drop.up.sql", "ALTER TABLE users DROP COLUMN email;\n");
    let held = holdshort(repo.path(), &["check", "--format", "concise"]);
    assert_eq!(held.status.code(), Some(1), "{}", stderr(&held));
    let text = String::from_utf8_lossy(&held.stdout);
    assert!(text.contains("migrations/2_drop.up.sql:1:31: block schema/drop-column"), "{text}");
    assert!(text.trim_end().ends_with("HOLD"));
    commit(repo.path(), "README.md", "words\n");
    let cleared = holdshort(repo.path(), &["check"]);
    assert_eq!(cleared.status.code(), Some(0), "{}", String::from_utf8_lossy(&cleared.stdout));
}

#[test]
fn uncommitted_work_is_checked_and_said() {
    let repo = repository();
    write(repo.path(), "migrations/2_index.up.sql", "CREATE INDEX users_email ON users (email);\n");
    let output = holdshort(repo.path(), &["check", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["head"], "worktree");
    let rules: Vec<&str> = report["findings"].as_array().expect("findings").iter().filter_map(|found| found["rule"].as_str()).collect();
    assert!(rules.contains(&"lock/index-not-concurrent"), "{rules:?}");
    assert!(report["notices"][0].as_str().is_some_and(|notice| notice.contains("uncommitted")));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_reports_cli_never_carries_what_a_terminal_or_runner_obeys() {
    let repo = repository();
    commit(repo.path(), "migrations/2_\u{1b}[31m##[error]\u{202e}.up.sql", "DROP TABLE users; -- ##[error]x \u{1b}[0m\n");
    for format in ["human", "concise", "github", "markdown"] {
        let output = holdshort(repo.path(), &["check", "--format", format]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}') && !text.contains("##["), "{format}: {text}");
    }
}

#[test]
fn a_policy_that_is_wrong_is_an_error_and_no_verdict() {
    let repo = repository();
    commit(repo.path(), "holdshort.yaml", "rules:\n  lock/table-rewrit: {severity: off}\n");
    commit(repo.path(), "a.txt", "x");
    let output = holdshort(repo.path(), &["check"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("lock/table-rewrite"), "{}", stderr(&output));
    assert!(output.stdout.is_empty());
}

#[test]
fn a_change_cannot_clear_itself_by_its_own_policy() {
    let repo = repository();
    write(repo.path(), "holdshort.yaml", format!("{POLICY}rules: {{schema/drop-column: {{severity: off}}}}\n"));
    commit(
        repo.path(),
        "migrations/2_drop.up.sql",
        "ALTER TABLE users DROP COLUMN email; -- holdshort: allow schema/drop-column because I say so\n",
    );
    let output = holdshort(repo.path(), &["check", "--format", "concise"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("block schema/drop-column") && text.contains("policy/changed-here"), "{text}");
    let pushed = holdshort(repo.path(), &["check", "--phase", "push"]);
    assert_eq!(pushed.status.code(), Some(0));
}

#[test]
fn what_cannot_be_inspected_is_an_error_with_a_remedy() {
    let repo = repository();
    let here = repo.path();
    let outside = tempfile::tempdir().expect("a directory");
    let no_repository = holdshort(outside.path(), &["check"]);
    assert_eq!(no_repository.status.code(), Some(3));
    assert!(stderr(&no_repository).contains("not in a git repository"));
    let unknown = holdshort(here, &["check", "--base", "man"]);
    assert_eq!(unknown.status.code(), Some(3));
    assert!(stderr(&unknown).contains("did you mean `main`"), "{}", stderr(&unknown));
    git(here, &["checkout", "-q", "--orphan", "other"]);
    git(here, &["commit", "-qm", "unrelated"]);
    let unrelated = holdshort(here, &["check", "--base", "main", "--head", "other"]);
    assert_eq!(unrelated.status.code(), Some(3));
    assert!(stderr(&unrelated).contains("no common ancestor"));
}

#[test]
fn a_shallow_clone_names_the_command_that_repairs_it() {
    let repo = repository();
    commit(repo.path(), "a.txt", "x");
    let clones = tempfile::tempdir().expect("a directory");
    let url = format!("file://{}", repo.path().display());
    git(clones.path(), &["clone", "-q", "--depth", "1", &url, "clone"]);
    let output = holdshort(&clones.path().join("clone"), &["check"]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(stderr(&output).contains("git fetch") && stderr(&output).contains("fetch-depth"), "{}", stderr(&output));
}

#[test]
fn unreadable_migrations_hold() {
    for (name, text) in
        [("binary", &b"CREATE\0TABLE"[..]), ("latin1", &b"-- caf\xe9\nDROP TABLE users;"[..]), ("words", &b"this is not SQL at all;"[..])]
    {
        let repo = repository();
        commit(repo.path(), "migrations/2_x.up.sql", text);
        let output = holdshort(repo.path(), &["check"]);
        assert_eq!(output.status.code(), Some(1), "{name}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn first_commits_bare_and_detached_repositories_are_read() {
    let repo = repository();
    let first = holdshort(repo.path(), &["check", "--phase", "push"]);
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stdout));
    commit(repo.path(), "migrations/2_drop.up.sql", "DROP TABLE users;\n");
    git(repo.path(), &["checkout", "-q", "--detach"]);
    assert_eq!(holdshort(repo.path(), &["check"]).status.code(), Some(1));
    let clones = tempfile::tempdir().expect("a directory");
    git(clones.path(), &["clone", "-q", "--bare", &repo.path().display().to_string(), "bare"]);
    assert_eq!(holdshort(&clones.path().join("bare"), &["check", "--base", "HEAD^"]).status.code(), Some(1));
}

#[test]
fn github_pull_requests_are_compared_with_their_target() {
    let repo = repository();
    let here = repo.path();
    git(here, &["checkout", "-qb", "topic"]);
    commit(here, "migrations/2_drop.up.sql", "ALTER TABLE users DROP COLUMN email;\n");
    git(here, &["checkout", "-q", "main"]);
    commit(here, "migrations/3_more.up.sql", "CREATE TABLE more (id bigint PRIMARY KEY);\n");
    git(here, &["merge", "-q", "--no-ff", "-m", "merge", "topic"]);
    let output = Command::new(env!("CARGO_BIN_EXE_holdshort"))
        .args(["check", "--format", "json"])
        .current_dir(here)
        .envs([("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", "pull_request"), ("GITHUB_REF", "refs/pull/7/merge")])
        .output()
        .expect("the binary runs");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["range"], "GitHub pull request, merged into its target");
    let paths: Vec<&str> = report["findings"].as_array().expect("findings").iter().filter_map(|f| f["path"].as_str()).collect();
    assert!(paths.contains(&"migrations/2_drop.up.sql") && !paths.contains(&"migrations/3_more.up.sql"), "{paths:?}");
}

#[test]
fn files_alone_are_linted_against_an_unknown_history() {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path(), "x.sql", "CREATE INDEX i ON orders (a);\nALTER TABLE orders ADD COLUMN b text NOT NULL;\n");
    let output = holdshort(directory.path(), &["lint", "x.sql", "--format", "concise"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("x.sql:1:14: block lock/index-not-concurrent"), "{text}");
    assert!(text.contains("x.sql:2:31: block schema/new-column-required"), "{text}");
    assert_eq!(holdshort(directory.path(), &["lint", "none.sql"]).status.code(), Some(3));
}

#[test]
fn bad_usage_is_told_apart() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(holdshort(here, &["check", "--frobnicate"]).status.code(), Some(2));
    let unknown = holdshort(here, &["explain", "schema/drop-colum"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(stderr(&unknown).contains("schema/drop-column"));
    assert_eq!(holdshort(here, &["explain", "schema/drop-column"]).status.code(), Some(0));
}

#[test]
fn every_format_is_written_in_one_run() {
    let repo = repository();
    commit(repo.path(), "migrations/2_drop.up.sql", "ALTER TABLE users DROP COLUMN email;\n");
    let formats = ["concise", "json", "sarif", "github", "gitlab", "junit", "rdjson", "markdown"];
    let mut args = vec!["check".to_owned(), "--head".to_owned(), "HEAD".to_owned()];
    for format in formats {
        args.push("--report".to_owned());
        args.push(format!("{format}=out.{format}"));
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    assert_eq!(holdshort(repo.path(), &args).status.code(), Some(1));
    for format in formats {
        let text = std::fs::read_to_string(repo.path().join(format!("out.{format}"))).expect("the report is written");
        assert!(text.contains("schema/drop-column"), "{format}");
        if matches!(format, "json" | "sarif" | "gitlab" | "rdjson") {
            serde_json::from_str::<serde_json::Value>(&text).expect(format);
        }
    }
}

#[test]
fn the_pre_push_hook_refuses_and_accepts() {
    let repo = repository();
    let here = repo.path();
    let remotes = tempfile::tempdir().expect("a directory");
    git(remotes.path(), &["init", "-q", "--bare", "remote.git"]);
    git(here, &["branch", "-M", "main"]);
    git(here, &["remote", "add", "origin", &remotes.path().join("remote.git").display().to_string()]);
    git(here, &["push", "-q", "origin", "main"]);
    assert_eq!(holdshort(here, &["hook", "install"]).status.code(), Some(0));
    assert_eq!(holdshort(here, &["hook", "install"]).status.code(), Some(0), "our own hook is not written twice");
    let binary = Path::new(env!("CARGO_BIN_EXE_holdshort")).parent().expect("a directory");
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    let push = |reference: &str| {
        let mut command = Command::new("git");
        command.args(["push", "-q", "origin", reference]).current_dir(here).env("PATH", &path).env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.output().expect("git runs")
    };
    commit(here, "migrations/2_index.up.sql", "CREATE INDEX users_email ON users (email);\n");
    let refused = push("main");
    assert!(!refused.status.success(), "{}", stderr(&refused));
    commit(here, "migrations/2_index.up.sql", "CREATE INDEX CONCURRENTLY users_email ON users (email);\n");
    let accepted = push("main");
    assert!(accepted.status.success(), "{}", stderr(&accepted));
}

#[test]
fn hostile_sizes_and_nesting_hold_and_do_not_crash() {
    let deep = format!("SELECT {}1{};\n", "(".repeat(100_000), ")".repeat(100_000));
    let long = format!("INSERT INTO users (email) VALUES {};\nDROP TABLE users;\n", vec!["('x')"; 400_000].join(", "));
    let huge = "-- padding\n".repeat(3_100_000);
    for (name, text) in [("deep", deep), ("long", long), ("huge", huge)] {
        let repo = repository();
        commit(repo.path(), "migrations/2_x.up.sql", text);
        let output = holdshort(repo.path(), &["check", "--format", "concise"]);
        assert_eq!(output.status.code(), Some(1), "{name}: {}", stderr(&output));
    }
    let repo = repository();
    let levels = 'b'..='k';
    let bomb: String = levels.map(|c| format!("{c}: &{c} [{}]\n", format!("*{}, ", (c as u8 - 1) as char).repeat(9))).collect();
    commit(repo.path(), "holdshort.yaml", format!("a: &a [x]\n{bomb}"));
    commit(repo.path(), "a.txt", "x");
    let refused = holdshort(repo.path(), &["check"]);
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
}

#[test]
fn a_scheduled_flag_is_judged_by_the_given_moment() {
    let repo = repository();
    let text = "cart:\n  variations: {a: true, b: false}\n  defaultRule: {variation: b}\n  scheduledRollout:\n    - {date: 2030-01-01T00:00:00Z, defaultRule: {variation: a}}\n";
    commit(repo.path(), "flags.goff.yaml", text);
    let says = |at: &str| {
        let output = holdshort(repo.path(), &["check", "--at", at, "--format", "concise"]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let before = says("2029-12-31T12:00:00Z");
    assert!(before.contains("flag/new-partly-on") && !before.contains("flag/new-default-on"), "{before}");
    let after = says("2030-01-02T12:00:00Z");
    assert!(after.contains("flag/new-default-on") && !after.contains("flag/new-partly-on"), "{after}");
}

#[test]
fn routines_that_call_each_other_are_followed_so_far_and_not_in_silence() {
    let repo = repository();
    let mut sql = String::from("CREATE FUNCTION f0() RETURNS void LANGUAGE sql AS $$ SELECT 1 $$;\n");
    for n in 1..5 {
        let calls = format!("PERFORM f{}(); ", n - 1).repeat(100);
        sql.push_str(&format!("CREATE FUNCTION f{n}() RETURNS void LANGUAGE plpgsql AS $$ BEGIN {calls} END $$;\n"));
    }
    sql.push_str("CREATE FUNCTION again() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM again(); PERFORM again(); END $$;\n");
    sql.push_str("SELECT f4();\nSELECT again();\n");
    commit(repo.path(), "migrations/2_calls.up.sql", sql);
    let output = holdshort(repo.path(), &["check", "--format", "concise"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("too often to be followed"), "{text}{}", stderr(&output));
}
