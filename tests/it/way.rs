//! The whole way of the README: `init` writes, people answer, `rehearse` proves, `check --phase deploy` clears; one edit holds.

use serde_json::{Value, json};

use crate::rehearse::{rehearse, server, temporary};
use crate::repo::{Repo, all, stderr, stdout};

/// A released service, and a change of two migrations with code.
fn repository() -> Repo {
    let repo = Repo::new();
    repo.write("migrations/000001_orders.up.sql", "CREATE TABLE orders (id bigint PRIMARY KEY, total_cents bigint NOT NULL);\n");
    repo.write("migrations/000001_orders.down.sql", "DROP TABLE orders;\n");
    repo.write("app/orders.go", "package app\n\nconst find = `SELECT id, total_cents FROM orders`\n");
    repo.write(
        ".github/workflows/ci.yml",
        "on: pull_request\njobs:\n  test:\n    runs-on: ubuntu-24.04\n    steps: [{run: go test ./...}]\n",
    );
    repo.write("deploy/deployment.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop, namespace: shop}\n");
    repo.write(".github/CODEOWNERS", "* @shop/payments\n");
    repo.commit("release");
    repo.git(&["branch", "-M", "main"]);
    repo.git(&["checkout", "-qb", "currency"]);
    repo.write("migrations/000002_currency.up.sql", "ALTER TABLE orders ADD COLUMN currency text;\n");
    repo.write("migrations/000002_currency.down.sql", "ALTER TABLE orders DROP COLUMN currency;\n");
    repo.write("migrations/000003_index.up.sql", "CREATE INDEX CONCURRENTLY orders_currency ON orders (currency);\n");
    repo.write("migrations/000003_index.down.sql", "DROP INDEX CONCURRENTLY orders_currency;\n");
    repo.write("app/orders.go", "package app\n\nconst find = `SELECT id, total_cents, currency FROM orders`\n");
    repo.commit("currency");
    repo
}

/// Ids of the rules that found something worse than a note, of one family.
fn rules(repo: &Repo, family: &str, args: &[&str]) -> Vec<String> {
    let output = repo.holdshort(&[&["check", "--base", "main", "--format", "json"], args].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", all(&output)));
    let worse = report["findings"].as_array().expect("findings").iter().filter(|found| found["severity"] != "note");
    let mut ids: Vec<String> =
        worse.filter_map(|found| found["rule"].as_str()).filter(|id| id.starts_with(family)).map(str::to_owned).collect();
    ids.dedup();
    ids
}

/// The report without its line breaks.
fn words(output: &std::process::Output) -> String {
    stdout(output).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Answers every question of the document.
fn answer(document: &str) -> String {
    document
        .replace("TODO (who is paged, and how)", "pager \"shop\"")
        .replace("TODO: put this service's own numbers.\n\n", "")
        .replace(" (TODO: measure it; `holdshort rehearse` times the migrations' part)", "")
        .replace(
            "TODO: name the dashboard or request that shows the service is well again.",
            "The error rate on https://grafana.example.com/d/shop is below 0.1 %.",
        )
        .replace("TODO: who decides when this does not work within the time above.", "The payments lead decides.")
}

#[test]
fn init_fits_the_repository_and_leaves_only_questions() {
    let repo = repository();
    let dry = repo.holdshort(&["init", "--base", "main", "--dry-run"]);
    assert_eq!(dry.status.code(), Some(0), "{}", all(&dry));
    assert!(stdout(&dry).contains("==> ROLLBACK.md <=="), "{}", stdout(&dry));
    assert!(!repo.path().join("ROLLBACK.md").exists(), "a dry run writes nothing");
    let written = repo.holdshort(&["init", "--base", "main"]);
    assert_eq!(written.status.code(), Some(0), "{}", all(&written));
    let document = repo.read("ROLLBACK.md");
    for expected in [
        "Owner: @shop/payments",
        "kubectl rollout undo deployment/shop -n shop",
        "migrate -path migrations -database \"$DATABASE_URL\" down 2",
        "`000003_index`, `000002_currency`",
        "deletes the values of currency in every row of orders",
    ] {
        assert!(document.contains(expected), "{expected}:\n{document}");
    }
    let policy = repo.read("holdshort.yaml");
    assert!(policy.contains("- \"test\"") && policy.contains("rehearsal: true") && policy.contains("path: \"migrations\""), "{policy}");
    assert!(repo.path().join(".github/workflows/holdshort.yml").exists());
    repo.commit("init");
    assert_eq!(rules(&repo, "rollback/", &[]), ["rollback/placeholder"], "{document}");
    repo.write("ROLLBACK.md", answer(&document));
    assert_eq!(rules(&repo, "rollback/", &[]), Vec::<String>::new(), "{}", answer(&document));
    let again = repo.holdshort(&["init", "--base", "main"]);
    assert_eq!(repo.read("ROLLBACK.md"), answer(&document), "never overwritten");
    assert_eq!(stderr(&again).matches("left alone").count(), 3, "{}", stderr(&again));
}

#[test]
fn from_init_to_cleared_and_one_edit_holds_again() {
    let Some(bin) = server() else { return };
    let repo = repository();
    // The policy is merged first: in the deploy phase it is read from base.
    repo.git(&["checkout", "-q", "main"]);
    repo.holdshort(&["init"]);
    repo.write("ROLLBACK.md", answer(&repo.read("ROLLBACK.md")));
    repo.commit("policy");
    repo.git(&["checkout", "-q", "currency"]);
    repo.git(&["rebase", "-q", "main"]);
    let written = repo.holdshort(&["init", "--base", "main"]);
    assert!(stderr(&written).contains("wrote       docs/rollback/000002_currency.md"), "{}", all(&written));
    let path = "docs/rollback/000002_currency.md";
    repo.write(path, answer(&repo.read(path)));
    let commit = repo.commit("rollback document");

    let evidence = tempfile::tempdir().expect("a directory");
    let record = evidence.path().join("rehearsal.json").display().to_string();
    let temporary = temporary();
    let rehearsed = rehearse(&repo, &bin, &temporary, &["--deployed", "main", "--record", &record]).output().expect("the binary runs");
    assert_eq!(rehearsed.status.code(), Some(0), "{}", all(&rehearsed));
    let green = |commit: &str| {
        let run = json!({"id": 1, "name": "test", "head_sha": commit, "status": "completed", "conclusion": "success"});
        std::fs::write(evidence.path().join("ci.json"), json!({"total_count": 1, "check_runs": [run]}).to_string()).expect("evidence");
    };
    green(&commit);
    let directory = evidence.path().display().to_string();
    let check = || repo.holdshort(&["check", "--phase", "deploy", "--deployed", "main", "--head", "HEAD", "--evidence", &directory]);
    let cleared = check();
    assert_eq!(cleared.status.code(), Some(0), "{}", all(&cleared));
    assert!(stdout(&cleared).starts_with("CLEARED"), "{}", stdout(&cleared));

    // One edit of a migration: CI may be green again, the rehearsal was of another text.
    repo.write("migrations/000002_currency.up.sql", "ALTER TABLE orders ADD COLUMN currency varchar(3);\n");
    green(&repo.commit("edit"));
    let held = check();
    assert_eq!(held.status.code(), Some(1), "{}", all(&held));
    assert!(words(&held).contains("its rehearsal on this commit is still owed"), "{}", stdout(&held));
    // The old record with the new commit written into it is still of the old text.
    let forged = std::fs::read_to_string(&record).expect("the record").replace(&commit, &repo.git(&["rev-parse", "HEAD"]));
    let tree = repo.git(&["rev-parse", "HEAD^{tree}"]);
    let mut forged: Value = serde_json::from_str(&forged).expect("JSON");
    forged["subject"][0]["digest"]["gitTree"] = json!(tree);
    std::fs::write(&record, forged.to_string()).expect("the forged record");
    let held = check();
    assert_eq!(held.status.code(), Some(1), "{}", all(&held));
    assert!(words(&held).contains("did not run migrations/000002_currency.up.sql as it is now"), "{}", stdout(&held));
}

#[test]
fn revisions_the_document_names_have_to_exist() {
    let repo = repository();
    repo.git(&["tag", "v1", "main"]);
    repo.git(&["tag", "v2"]);
    repo.holdshort(&["init", "--base", "main"]);
    let document = answer(&repo.read("ROLLBACK.md"));
    let with = |command: &str| {
        repo.write("ROLLBACK.md", document.replace("kubectl rollout undo deployment/shop -n shop", command));
        rules(&repo, "rollback/", &[])
    };
    for fine in [
        "git revert --no-edit v1..v2",
        "git revert -m 1 HEAD",
        "git checkout v1 -- app",
        "git checkout -b undo v1",
        "git revert $SHA",
        "git checkout app",
    ] {
        assert_eq!(with(fine), Vec::<String>::new(), "{fine}");
    }
    for wrong in ["git revert v9", "git revert --no-edit v2..v1", "git checkout v0.3", "git reset --hard nowhere", "git switch --detach v9"]
    {
        let found = with(wrong);
        assert!(found.contains(&"rollback/command-not-found".to_owned()), "{wrong}: {found:?}");
    }
}

#[test]
fn hostile_documents_never_make_the_gate_pass() {
    let repo = repository();
    repo.holdshort(&["init", "--base", "main"]);
    let good = answer(&repo.read("ROLLBACK.md"));
    let levels: String = ('b'..='k').map(|c| format!("{c}: &{c} [{}]\n", format!("*{}, ", (c as u8 - 1) as char).repeat(9))).collect();
    let matter = |text: &str| format!("---\n{text}\n---\n");
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("an alias bomb", format!("{}{good}", matter(&format!("a: &a [x]\n{levels}estimate: *k"))).into_bytes()),
        ("front matter that is no mapping", format!("{}{good}", matter("- a\n- b")).into_bytes()),
        (
            "nothing but wrong types",
            matter("estimate: [1, {a: 2}]\nthresholds: yes\nowner: {}\nconfig: 7\ndata: [[[]]]\nparams: 3\ntarget: []").into_bytes(),
        ),
        ("a word declared away", format!("{}{good}\nTODO\n", matter("params: {TODO: {}}")).into_bytes()),
        ("a target that is not there", format!("{}{good}", matter("target: {ref: v0.0.9}")).into_bytes()),
        ("more than is read", format!("{good}\n{}", "word ".repeat(7_000_000)).into_bytes()),
        ("bytes that are no text", [good.as_bytes(), &[0xff, 0xfe]].concat()),
        ("a document of NUL bytes", vec![0; 4096]),
        ("nothing", Vec::new()),
        ("quotes in quotes", format!("{}{}", "> ".repeat(50_000), "x").into_bytes()),
        ("a code block that never ends", good.replacen("```\n\n## Data", "\n## Data", 1).into_bytes()),
    ];
    for (name, text) in cases {
        repo.write("ROLLBACK.md", text);
        let output = repo.holdshort(&["check", "--base", "main", "--format", "json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{name}: {}", stderr(&output)));
        let gate = report["gates"].as_array().expect("gates").iter().find(|gate| gate["id"] == "rollback-ready").expect("the gate").clone();
        assert_ne!(gate["status"], "pass", "{name}: {gate}");
        assert_eq!(output.status.code(), Some(1), "{name}: {gate}");
    }
}
