//! The pre-push hook under a real `git push`, and its installation beside what is there already.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::cli::{commit, git, holdshort, repository, stderr, write};

const BAD: &str = "CREATE INDEX users_email ON users (email);\n";
const GOOD: &str = "CREATE INDEX CONCURRENTLY users_email ON users (email);\n";

/// A repository with its main branch pushed, and the hook installed.
fn pushed() -> (tempfile::TempDir, tempfile::TempDir) {
    let (repo, remotes) = (repository(), tempfile::tempdir().expect("a directory"));
    git(remotes.path(), &["init", "-q", "--bare", "remote.git"]);
    git(repo.path(), &["remote", "add", "origin", &url(&remotes)]);
    git(repo.path(), &["push", "-q", "-u", "origin", "main"]);
    let installed = holdshort(repo.path(), &["hook", "install"]);
    assert_eq!(installed.status.code(), Some(0), "{}", stderr(&installed));
    (repo, remotes)
}

fn url(remotes: &tempfile::TempDir) -> String {
    remotes.path().join("remote.git").display().to_string()
}

/// Runs git with the tested binary first on PATH.
fn run(directory: &Path, args: &[&str]) -> Output {
    let binary = Path::new(env!("CARGO_BIN_EXE_holdshort")).parent().expect("a directory");
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("git");
    command.args(["-c", "user.name=a", "-c", "user.email=a@example.com"]).args(args).current_dir(directory);
    command.env("PATH", &path).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.output().expect("git runs")
}

fn refused(directory: &Path, args: &[&str]) -> String {
    let output = run(directory, args);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
    assert!(!output.status.success(), "git {args:?} was not refused: {said}");
    assert!(said.contains("HOLD"), "git {args:?}: {said}");
    said
}

fn accepted(directory: &Path, args: &[&str]) -> String {
    let output = run(directory, args);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(&output));
    assert!(output.status.success(), "git {args:?} was refused: {said}");
    said
}

#[test]
fn pushes_are_refused_and_accepted() {
    let (repo, _remotes) = pushed();
    let here = repo.path();
    commit(here, "migrations/2_index.up.sql", BAD);
    refused(here, &["push", "-q", "origin", "main"]);
    refused(here, &["push", "-q", "origin", "HEAD:refs/heads/topic"]);
    accepted(here, &["push", "-q", "--no-verify", "origin", "HEAD:refs/heads/past-the-hook"]);
    accepted(here, &["push", "-q", "origin", ":past-the-hook"]);
    commit(here, "migrations/2_index.up.sql", GOOD);
    accepted(here, &["push", "-q", "origin", "main"]);
    accepted(here, &["push", "-q", "origin", "main"]);
}

#[test]
fn every_ref_of_a_push_is_checked_and_each_commit_once() {
    let (repo, _remotes) = pushed();
    let here = repo.path();
    git(here, &["checkout", "-qb", "good"]);
    commit(here, "migrations/2_index.up.sql", GOOD);
    git(here, &["checkout", "-qb", "bad", "main"]);
    commit(here, "migrations/2_index.up.sql", BAD);
    git(here, &["tag", "-a", "v1", "-m", "one"]);
    let said = refused(here, &["push", "origin", "good", "bad", "v1"]);
    assert_eq!(said.matches("HOLD  ").count(), 1, "{said}");
    let said = refused(here, &["push", "origin", "v1"]);
    assert!(said.contains("refs/tags/v1"), "{said}");
    accepted(here, &["push", "-q", "origin", "good"]);
}

#[test]
fn tags_of_blobs_notes_and_deletions_are_no_rollout() {
    let (repo, _remotes) = pushed();
    let here = repo.path();
    git(here, &["tag", "blob", "HEAD:app/user.go"]);
    git(here, &["notes", "add", "-m", "x"]);
    accepted(here, &["push", "-q", "origin", "blob", "refs/notes/commits"]);
    accepted(here, &["push", "-q", "--delete", "origin", "blob"]);
}

#[test]
fn a_forced_push_is_compared_with_what_both_have() {
    let (repo, remotes) = pushed();
    let here = repo.path();
    git(here, &["checkout", "-qb", "topic"]);
    commit(here, "migrations/2_index.up.sql", GOOD);
    accepted(here, &["push", "-q", "origin", "topic"]);
    git(here, &["reset", "-q", "--hard", "main"]);
    commit(here, "migrations/2_index.up.sql", BAD);
    refused(here, &["push", "-q", "--force", "origin", "topic"]);
    // Somebody else moves the branch: its tip is not known here.
    let other = tempfile::tempdir().expect("a directory");
    git(other.path(), &["clone", "-q", "--branch", "topic", &url(&remotes), "clone"]);
    let clone = other.path().join("clone");
    commit(&clone, "b.txt", "x");
    git(&clone, &["push", "-q", "origin", "topic"]);
    refused(here, &["push", "-q", "--force", "origin", "topic"]);
}

#[test]
fn a_url_a_remote_without_default_branch_and_an_orphan_are_checked() {
    let (repo, remotes) = pushed();
    let here = repo.path();
    git(here, &["checkout", "-qb", "topic"]);
    commit(here, "migrations/2_index.up.sql", BAD);
    let said = refused(here, &["push", "-q", &url(&remotes), "topic"]);
    assert!(!said.contains("every file is new"), "{said}");
    git(here, &["branch", "-qm", "main", "trunk"]);
    git(here, &["push", "-q", "--no-verify", "origin", "trunk"]);
    git(&remotes.path().join("remote.git"), &["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    git(here, &["push", "-q", "--no-verify", "origin", ":main"]);
    let said = refused(here, &["push", "-q", "origin", "topic"]);
    assert!(said.contains("1 file"), "only what the remote lacks is checked: {said}");
    git(here, &["checkout", "-q", "--orphan", "pages"]);
    git(here, &["commit", "-qm", "unrelated"]);
    let output = run(here, &["push", "-q", "origin", "pages"]);
    assert!(!stderr(&output).contains("no common ancestor"), "{}", stderr(&output));
}

#[test]
fn a_linked_worktree_uses_the_same_hook() {
    let (repo, _remotes) = pushed();
    let here = repo.path();
    let elsewhere = tempfile::tempdir().expect("a directory");
    let tree = elsewhere.path().join("tree");
    git(here, &["worktree", "add", "-q", "-b", "topic", &tree.display().to_string()]);
    commit(&tree, "migrations/2_index.up.sql", BAD);
    refused(&tree, &["push", "-q", "origin", "topic"]);
    let again = holdshort(&tree, &["hook", "install"]);
    assert_eq!(again.status.code(), Some(0));
    assert!(stderr(&again).contains("already"), "{}", stderr(&again));
}

#[test]
fn an_existing_hook_is_left_alone_with_a_recipe() {
    for (name, text, recipe) in [
        ("own", "#!/bin/sh\nmake test\n", "holdshort hook pre-push \"$@\""),
        ("lefthook", "#!/bin/sh\ncall_lefthook run \"pre-push\" \"$@\"\n", "use_stdin: true"),
        ("pre-commit", "#!/usr/bin/env bash\n# File generated by pre-commit: https://pre-commit.com\n", ".pre-commit-config.yaml"),
    ] {
        let repo = repository();
        write(repo.path(), ".git/hooks/pre-push", text);
        let output = holdshort(repo.path(), &["hook", "install"]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(stderr(&output).contains(recipe), "{name}: {}", stderr(&output));
        assert_eq!(std::fs::read_to_string(repo.path().join(".git/hooks/pre-push")).expect("the hook"), text);
    }
}

#[test]
fn the_hook_goes_where_git_looks_for_it() {
    let installs = |hooks_path: Option<&str>| -> (tempfile::TempDir, Output) {
        let repo = repository();
        if let Some(path) = hooks_path {
            git(repo.path(), &["config", "core.hooksPath", path]);
        }
        let output = holdshort(repo.path(), &["hook", "install"]);
        (repo, output)
    };
    for (hooks_path, place) in
        [(None, ".git/hooks/pre-push"), (Some(".githooks"), ".githooks/pre-push"), (Some(".husky/_"), ".husky/pre-push")]
    {
        let (repo, output) = installs(hooks_path);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let hook: PathBuf = repo.path().join(place);
        assert!(std::fs::read_to_string(&hook).expect(place).contains("exec holdshort hook pre-push \"$@\""));
    }
    let shared = tempfile::tempdir().expect("a directory");
    let (_repo, output) = installs(Some(&shared.path().display().to_string()));
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("other repositories share"), "{}", stderr(&output));
    assert!(!shared.path().join("pre-push").exists());
}
