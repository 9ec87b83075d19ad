//! No change clears itself: every way to loosen the policy or a suppression in the change that needs it.

use std::path::Path;

use serde_json::Value;

use crate::cli::{commit, git, holdshort, repository, stderr, write};

const DROP: &str = "ALTER TABLE users DROP COLUMN email;\n";
const LAX: &str = "gates: {rollback-ready: {merge: off}}\nrules: {schema/drop-column: {severity: off}}\n";

fn report(directory: &Path, args: &[&str]) -> (Option<i32>, Value) {
    let output = holdshort(directory, &[&["check", "--format", "json"], args].concat());
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    (output.status.code(), report)
}

fn status(report: &Value, rule: &str) -> Vec<String> {
    let all = report["findings"].as_array().expect("findings").iter().filter(|found| found["rule"] == rule);
    all.map(|found| found["status"].as_str().or(found["status"]["status"].as_str()).unwrap_or_default().to_owned()).collect()
}

/// What a change does to the policy of a working tree.
type Attack = fn(&Path);

/// What the change does to the policy beside its dangerous migration.
fn policy_attacks() -> Vec<(&'static str, Attack)> {
    vec![
        ("edited", |here| write(here, "holdshort.yaml", LAX)),
        ("deleted", |here| std::fs::remove_file(here.join("holdshort.yaml")).expect("a file")),
        ("renamed", |here| std::fs::rename(here.join("holdshort.yaml"), here.join("old.yaml")).expect("a file")),
        ("link", |here| {
            std::fs::remove_file(here.join("holdshort.yaml")).expect("a file");
            write(here, "lax.yaml", LAX);
            std::os::unix::fs::symlink("lax.yaml", here.join("holdshort.yaml")).expect("a link");
        }),
        ("binary", |here| write(here, "holdshort.yaml", b"rules: {}\0")),
        ("latin1", |here| write(here, "holdshort.yaml", b"# caf\xe9\n")),
        ("huge", |here| write(here, "holdshort.yaml", vec![b'#'; 33 << 20])),
        ("deep", |here| write(here, "holdshort.yaml", "[".repeat(100_000))),
        ("bomb", |here| write(here, "holdshort.yaml", "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nrules: *c\n")),
        ("another case", |here| write(here, "HOLDSHORT.YAML", LAX)),
        ("another ending", |here| write(here, "holdshort.yml", LAX)),
        ("directory", |here| {
            std::fs::remove_file(here.join("holdshort.yaml")).expect("a file");
            write(here, "holdshort.yaml/holdshort.yaml", LAX);
        }),
        ("attributes", |here| {
            write(here, "holdshort.yaml", LAX);
            write(here, ".gitattributes", "*.sql binary -diff export-ignore\nholdshort.yaml filter=lax -diff -text\n");
        }),
    ]
}

#[test]
fn whatever_the_change_does_to_the_policy_the_one_at_base_decides() {
    for (name, attack) in policy_attacks() {
        let repo = repository();
        attack(repo.path());
        commit(repo.path(), "migrations/2_drop.up.sql", DROP);
        let (code, report) = report(repo.path(), &[]);
        assert_eq!(code, Some(1), "{name}");
        assert_eq!(status(&report, "schema/drop-column"), ["active"], "{name}");
        assert!(!status(&report, "policy/changed-here").is_empty(), "{name}: the change to the policy is told");
    }
}

#[test]
fn a_policy_that_comes_with_the_change_does_not_count() {
    let repo = repository();
    git(repo.path(), &["rm", "-q", "holdshort.yaml"]);
    git(repo.path(), &["commit", "-qm", "no policy"]);
    write(repo.path(), "holdshort.yaml", LAX);
    commit(repo.path(), "migrations/2_drop.up.sql", DROP);
    let (code, report) = report(repo.path(), &[]);
    assert_eq!(code, Some(1));
    assert_eq!((report["policy"].as_str(), status(&report, "schema/drop-column")), (Some("built-in"), vec!["active".to_owned()]));
}

#[test]
fn a_submodule_in_place_of_the_policy_does_not_count() {
    let repo = repository();
    write(repo.path(), "migrations/2_drop.up.sql", DROP);
    git(repo.path(), &["add", "."]);
    let id = "1".repeat(40);
    git(repo.path(), &["rm", "-q", "--cached", "holdshort.yaml"]);
    git(repo.path(), &["update-index", "--add", "--cacheinfo", &format!("160000,{id},holdshort.yaml")]);
    git(repo.path(), &["commit", "-qm", "change"]);
    let (code, report) = report(repo.path(), &["--head", "HEAD"]);
    assert_eq!(code, Some(1));
    assert!(report.to_string().contains("replaces the policy by a submodule"), "{report}");
    assert!(!status(&report, "policy/broken-here").is_empty());
}

#[test]
fn a_policy_at_base_that_cannot_be_read_is_an_error_and_no_verdict() {
    for (name, attack) in policy_attacks() {
        if ["edited", "deleted", "renamed", "attributes", "directory"].contains(&name) {
            continue;
        }
        let repo = repository();
        attack(repo.path());
        commit(repo.path(), "b.txt", "x");
        commit(repo.path(), "a.txt", "x");
        let output = holdshort(repo.path(), &["check"]);
        assert_eq!(output.status.code(), Some(2), "{name}: {}", stderr(&output));
        assert!(stderr(&output).to_lowercase().contains("holdshort.y"), "{name}: {}", stderr(&output));
    }
}

const FLAGS: &str = r#"{
  "flags": {
    "beta": {
      "state": "ENABLED", "variants": {"on": true, "off": false},
      // holdshort: allow flag/flipped-on, flag/new-default-on because it is a kill switch
      "defaultVariant": "off"
    },
    "gamma": {
      "state": "ENABLED", "variants": {"on": true, "off": false},
      "defaultVariant": "off"
    }
  }
}
"#;

/// A repository whose flags have an accepted risk, and a change to them.
fn flags(change: impl Fn(&Path)) -> Value {
    let repo = repository();
    commit(repo.path(), "flags/shop.flagd.json", FLAGS);
    change(repo.path());
    commit(repo.path(), "app/beta.go", "package app\n");
    report(repo.path(), &[]).1
}

#[test]
fn a_suppression_counts_only_where_it_was_accepted() {
    let allow = "      // holdshort: allow flag/flipped-on, flag/new-default-on because it is a kill switch\n";
    let on = FLAGS.replace("\"defaultVariant\": \"off\"", "\"defaultVariant\": \"on\"");
    let cases: Vec<(&str, String)> = vec![
        ("the line it speaks for is edited", on.clone()),
        (
            "moved to the next flag",
            on.replace(allow, "").replace(
                "false},\n      \"defaultVariant\": \"on\"\n    }\n  }",
                &format!("false}},\n{allow}      \"defaultVariant\": \"on\"\n    }}\n  }}"),
            ),
        ),
        ("its flag is renamed", on.replace("beta", "checkout")),
        ("its reason is edited", on.replace("kill switch", "kill switch for us")),
    ];
    for (name, text) in cases {
        let report = flags(|here| write(here, "flags/shop.flagd.json", &text));
        let found = [status(&report, "flag/flipped-on"), status(&report, "flag/new-default-on")].concat();
        assert!(!found.is_empty() && found.iter().all(|status| status == "active"), "{name}: {found:?}");
        assert!(!status(&report, "policy/changed-here").is_empty(), "{name}");
    }
    let renamed = flags(|here| {
        write(here, "flags/live.flagd.json", on.replace("gamma", "delta"));
        std::fs::remove_file(here.join("flags/shop.flagd.json")).expect("a file");
    });
    let found = [status(&renamed, "flag/flipped-on"), status(&renamed, "flag/new-default-on")].concat();
    assert!(!found.is_empty() && found.iter().all(|status| status == "active"), "renamed: {found:?}");
}

#[test]
fn a_migration_carries_its_suppression_once_the_trusted_revision_has_it() {
    let repo = repository();
    git(repo.path(), &["tag", "deployed"]);
    let text = "-- holdshort: allow schema/drop-column until 2999-12-31, because nobody reads it\nALTER TABLE users DROP COLUMN email;\n";
    commit(repo.path(), "migrations/2_drop.up.sql", text);
    git(repo.path(), &["tag", "reviewed"]);
    commit(repo.path(), "a.txt", "x");
    let args = ["--deployed", "deployed", "--phase", "merge"];
    assert_eq!(report(repo.path(), &args).0, Some(1));
    let (code, accepted) = report(repo.path(), &[&args[..], &["--policy-from", "reviewed"]].concat());
    assert_eq!((code, status(&accepted, "schema/drop-column")), (Some(0), vec!["suppressed".to_owned()]), "{accepted}");
    commit(repo.path(), "migrations/2_drop.up.sql", format!("{text}ALTER TABLE users DROP COLUMN email;\n"));
    let (code, edited) = report(repo.path(), &[&args[..], &["--policy-from", "reviewed"]].concat());
    assert_eq!(code, Some(1));
    assert!(status(&edited, "schema/drop-column").contains(&"active".to_owned()), "{edited}");
}

#[test]
fn the_policys_suppressions_are_told_when_they_run_out_or_do_nothing() {
    let repo = repository();
    let entry =
        |path: &str, until: &str| format!("  - {{rule: schema/drop-column, path: '{path}', because: nobody reads it, until: {until}}}\n");
    let policy = format!(
        "gates: {{rollback-ready: {{merge: off}}}}\nsuppressions:\n{}{}{}",
        entry("migrations/2_*.sql", "2020-01-01"),
        entry("app/*.go", "2999-01-01"),
        entry("elsewhere/*.go", "2999-01-01")
    );
    commit(repo.path(), "holdshort.yaml", policy);
    write(repo.path(), "app/user.go", "package app\n\nconst find = `SELECT id, email FROM users WHERE true`\n");
    commit(repo.path(), "migrations/2_drop.up.sql", DROP);
    let (code, report) = report(repo.path(), &[]);
    assert_eq!((code, status(&report, "schema/drop-column")), (Some(1), vec!["active".to_owned()]));
    let own = |rule: &str| {
        let all = report["findings"].as_array().expect("findings").iter().filter(|found| found["rule"] == rule);
        all.map(|found| (found["path"].as_str().unwrap_or_default().to_owned(), found["start"]["line"].as_u64())).collect::<Vec<_>>()
    };
    assert_eq!(own("policy/suppression-expired"), [("holdshort.yaml".to_owned(), Some(3))]);
    assert_eq!(own("policy/suppression-unused"), [("holdshort.yaml".to_owned(), Some(4))]);
}

#[test]
fn a_statement_that_cannot_be_read_no_longer_holds_once_it_was_accepted() {
    let repo = repository();
    let entry = "  - {rule: migration/unreadable-statement, path: 'migrations/2_*.sql', because: read by the DBA}\n";
    commit(repo.path(), "holdshort.yaml", format!("gates: {{rollback-ready: {{merge: off}}}}\nsuppressions:\n{entry}"));
    commit(repo.path(), "migrations/2_odd.up.sql", "FROBNICATE users;\n");
    assert_eq!(report(repo.path(), &[]).0, Some(0));
    write(repo.path(), "migrations/3_odd.up.sql", "FROBNICATE users;\n");
    commit(repo.path(), "migrations/2_odd.up.sql", "FROBNICATE users;\n");
    assert_eq!(report(repo.path(), &["--base", "HEAD~2"]).0, Some(1), "only the one was accepted");
}
