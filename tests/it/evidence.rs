//! Evidence from outside: what counts, what does not, and that nothing hostile ever counts. Collected from a local fake server.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc;

use serde_json::{Value, json};

use crate::repo::{Repo, all, stderr};

const DOCUMENT: &str = include_str!("evidence/ROLLBACK.md");

/// A repository whose last commit ships code with a document that stands; nothing but evidence is missing.
fn repository() -> (Repo, String, String) {
    let repo = Repo::new();
    repo.write("holdshort.yaml", "gates: {pipeline-only: {deploy: off}}\n");
    repo.commit("base");
    repo.write("app/main.go", "package main\n");
    repo.write("ROLLBACK.md", DOCUMENT);
    let head = repo.commit("change");
    let tree = repo.git(&["rev-parse", "HEAD^{tree}"]);
    (repo, head, tree)
}

/// The gate `tests-green` in the deploy phase, its reason, and the exit code.
fn gate(repo: &Repo, evidence: &[u8], args: &[&str], env: &[(&str, &str)]) -> (String, String, Option<i32>) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), evidence).expect("evidence");
    let path = file.path().display().to_string();
    let mut command =
        repo.command(&["check", "--base", "HEAD^", "--head", "HEAD", "--phase", "deploy", "--format", "json", "--evidence", &path]);
    let output = command.args(args).envs(env.iter().copied()).output().expect("the binary runs");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", all(&output)));
    let gate = report["gates"].as_array().expect("gates").iter().find(|gate| gate["id"] == "tests-green").expect("the gate").clone();
    let text = |key: &str| gate[key].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"), output.status.code())
}

fn check_run(name: &str, sha: &str, conclusion: &str, id: u64) -> Value {
    json!({"id": id, "name": name, "head_sha": sha, "status": "completed", "conclusion": conclusion, "completed_at": "2099-01-01T00:00:00Z",
           "app": {"slug": "github-actions"}, "details_url": format!("https://github.com/o/r/actions/runs/77/job/{id}")})
}

fn page(runs: &[Value]) -> Value {
    json!({"total_count": runs.len(), "check_runs": runs})
}

#[test]
fn states_are_told_apart_and_only_green_passes() {
    let (repo, head, tree) = repository();
    let other = "a".repeat(40);
    let mut open = check_run("test", &head, "", 1);
    (open["status"], open["conclusion"], open["completed_at"]) = (json!("in_progress"), Value::Null, Value::Null);
    let mut old = check_run("test", &head, "success", 1);
    old["completed_at"] = json!("2001-01-01T00:00:00Z");
    let suite = |tests: &str| {
        format!("<testsuite name=\"unit\"><properties><property name=\"commit\" value=\"{head}\"/></properties>{tests}</testsuite>")
    };
    let statement = |result: &str, commit: &str, tree: &str| {
        json!({"_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"gitCommit": commit, "gitTree": tree}}],
               "predicateType": "https://in-toto.io/attestation/test-result/v0.1", "predicate": {"result": result, "passedTests": ["a"]}})
    };
    let pipeline = |status: &str, id: u64, source: &str| json!({"id": id, "sha": head, "status": status, "source": source, "ref": "main"});
    let job = |status: &str, allowed: bool| json!({"id": 5, "name": "test", "status": status, "allow_failure": allowed, "commit": {"id": head}, "pipeline": {"id": 1, "sha": head, "source": "push"}});
    let in_suite = |conclusion: &str, id: u64, suite: u64| {
        let mut run = check_run("test", &head, conclusion, id);
        run["check_suite"] = json!({"id": suite});
        run
    };
    let cases: Vec<(&str, String, &str, &str)> = vec![
        ("green", page(&[check_run("test", &head, "success", 1)]).to_string(), "pass", "1 check passed on this commit"),
        ("red", page(&[check_run("test", &head, "failure", 1)]).to_string(), "fail", "blocking"),
        ("skipped", page(&[check_run("test", &head, "skipped", 1)]).to_string(), "unknown", "every check on this commit was skipped"),
        ("given up", page(&[check_run("test", &head, "stale", 1)]).to_string(), "unknown", "stale"),
        ("before the commit", page(&[old]).to_string(), "unknown", "finished before the commit"),
        ("running", page(&[open]).to_string(), "unknown", "not done (in_progress)"),
        ("of another commit", page(&[check_run("test", &other, "success", 1)]).to_string(), "unknown", "1 for other commits"),
        ("a short id", page(&[check_run("test", &head[..10], "success", 1)]).to_string(), "unknown", "1 that name no full commit id"),
        ("no check at all", page(&[]).to_string(), "unknown", ""),
        (
            "a page is missing",
            json!({"total_count": 2, "check_runs": [check_run("test", &head, "success", 1)]}).to_string(),
            "unknown",
            "1 of 2",
        ),
        (
            "a re-run replaces what failed",
            page(&[check_run("test", &head, "failure", 1), check_run("test", &head, "success", 2)]).to_string(),
            "pass",
            "1 check passed",
        ),
        (
            "a re-run that fails replaces what passed",
            page(&[check_run("test", &head, "failure", 2), check_run("test", &head, "success", 1)]).to_string(),
            "fail",
            "",
        ),
        (
            "another workflow's job of that name replaces nothing",
            page(&[in_suite("failure", 1, 100), in_suite("success", 2, 101)]).to_string(),
            "fail",
            "",
        ),
        ("tests", suite("<testcase name=\"a\"/>"), "pass", "1 check passed"),
        ("no tests", suite(""), "unknown", "no test ran"),
        ("an attestation", statement("PASSED", &head, &tree).to_string(), "pass", "1 check passed"),
        ("an attestation with another tree", statement("PASSED", &head, &other).to_string(), "unknown", "no evidence is for this commit"),
        ("a GitLab pipeline", json!([pipeline("success", 1, "push")]).to_string(), "pass", ""),
        (
            "a scheduled pipeline hides no failed one",
            json!([pipeline("failed", 1, "push"), pipeline("success", 2, "schedule")]).to_string(),
            "fail",
            "",
        ),
        ("a re-run pipeline", json!([pipeline("failed", 1, "push"), pipeline("success", 2, "push")]).to_string(), "pass", ""),
        ("a manual job nobody waits for", json!([pipeline("success", 1, "push"), job("manual", true)]).to_string(), "pass", ""),
        ("a manual job that blocks", json!([pipeline("success", 1, "push"), job("manual", false)]).to_string(), "unknown", "manual"),
        ("a job that may fail", json!([job("failed", true)]).to_string(), "unknown", "skipped"),
    ];
    for (name, evidence, status, reason) in cases {
        let (got, said, code) = gate(&repo, evidence.as_bytes(), &[], &[]);
        assert_eq!(got, status, "{name}: {said}");
        assert!(said.contains(reason), "{name}: {said}");
        assert_eq!(code, Some(if status == "pass" { 0 } else { 1 }), "{name}: {said}");
    }
}

#[test]
fn hostile_evidence_is_an_error_or_unknown_and_never_passes() {
    let (repo, head, tree) = repository();
    let entities: String = (0..20).map(|i| format!("<!ENTITY e{} \"&e{i};&e{i};\">", i + 1)).collect();
    let bomb = format!("<!DOCTYPE x [<!ENTITY e0 \"ha\">{entities}]><testsuite name=\"&e20;\"><testcase/></testsuite>");
    let external = "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><testsuite><testcase name=\"&e;\"/></testsuite>".to_owned();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_xml = format!("<testsuite>{}", "<testsuite>".repeat(50_000));
    let forged = |predicate: Value, commit: Value| {
        json!({"_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"gitCommit": commit, "gitTree": tree}}],
               "predicateType": "https://holdshort.dev/rehearsal/v1", "predicate": predicate})
        .to_string()
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("an entity bomb", bomb.into_bytes()),
        ("an external entity", external.into_bytes()),
        ("50 MB and more", vec![b' '; 51 * 1024 * 1024]),
        ("a list of nothing", format!("{{\"check_runs\": [{}]}}", vec!["{}"; 500_000].join(",")).into_bytes()),
        ("nested lists", deep.into_bytes()),
        ("nested suites", deep_xml.into_bytes()),
        ("not text", vec![0xff, 0xfe, 0, 1]),
        ("nothing", Vec::new()),
        ("wrong types", json!({"total_count": "1", "check_runs": {"name": 1}}).to_string().into_bytes()),
        (
            "a status that is a number",
            json!({"check_runs": [{"name": "test", "head_sha": head, "status": 1, "conclusion": true}]}).to_string().into_bytes(),
        ),
        (
            "two commits in one statement",
            json!({"_type": "https://in-toto.io/Statement/v1",
            "subject": [{"digest": {"gitCommit": head}}, {"digest": {"gitCommit": "b".repeat(40)}}],
            "predicateType": "https://in-toto.io/attestation/test-result/v0.1", "predicate": {"result": "PASSED"}})
            .to_string()
            .into_bytes(),
        ),
        ("a commit in capitals", forged(json!({"result": "PASSED"}), json!(head.to_uppercase())).into_bytes()),
        ("a list of commits", forged(json!({"result": "PASSED"}), json!([head])).into_bytes()),
        // A rehearsal is no test of the code, whatever it claims.
        ("a rehearsal instead of tests", forged(json!({"result": "PASSED"}), json!(head)).into_bytes()),
        (
            "an envelope nobody verified",
            json!({"payloadType": "application/vnd.in-toto+json", "payload": "e30=", "signatures": []}).to_string().into_bytes(),
        ),
        (
            "a snapshot of another kind",
            json!({"kind": "x", "commit": head, "pages": [page(&[check_run("test", &head, "success", 1)])]}).to_string().into_bytes(),
        ),
        (
            "a snapshot of another commit's checks",
            json!({"kind": "https://holdshort.dev/evidence-snapshot/v1", "commit": head, "tree": tree,
            "pages": [page(&[check_run("test", &"c".repeat(40), "success", 1)])]})
            .to_string()
            .into_bytes(),
        ),
        ("green beside what cannot be read", format!("[{}, {{\"x\": 1}}]", page(&[check_run("test", &head, "success", 1)])).into_bytes()),
    ];
    for (name, evidence) in cases {
        let (status, reason, code) = gate(&repo, &evidence, &[], &[]);
        assert_eq!((status.as_str(), code), ("unknown", Some(1)), "{name}: {reason}");
    }
}

#[test]
fn the_same_tree_counts_only_when_asked_for_and_is_labelled() {
    let (repo, _, tree) = repository();
    let other = "d".repeat(40);
    let snapshot = |tree: &str| {
        json!({"kind": "https://holdshort.dev/evidence-snapshot/v1", "commit": other, "tree": tree,
               "pages": [page(&[check_run("test", &other, "success", 1)])]})
        .to_string()
    };
    assert_eq!(gate(&repo, snapshot(&tree).as_bytes(), &[], &[]).0, "unknown");
    let (status, reason, _) = gate(&repo, snapshot(&tree).as_bytes(), &["--same-tree"], &[]);
    assert_eq!((status.as_str(), reason.as_str()), ("pass", "1 check passed on commit dddddddddd, which has the same tree"));
    assert_eq!(gate(&repo, snapshot(&"e".repeat(40)).as_bytes(), &["--same-tree"], &[]).0, "unknown");
}

#[test]
fn our_own_job_is_not_waited_for_and_others_of_the_run_are() {
    let (repo, head, _) = repository();
    let open = |name: &str, id: u64| {
        let mut run = check_run(name, &head, "", id);
        (run["status"], run["conclusion"], run["completed_at"]) = (json!("in_progress"), Value::Null, Value::Null);
        run
    };
    let ours = [("GITHUB_RUN_ID", "77"), ("GITHUB_JOB", "holdshort")];
    let green = check_run("test", &head, "success", 1);
    let alone = page(&[green.clone(), open("Say go or no-go", 2)]).to_string();
    assert_eq!(gate(&repo, alone.as_bytes(), &[], &ours).0, "pass");
    assert_eq!(gate(&repo, alone.as_bytes(), &[], &[]).0, "unknown", "from elsewhere it is a check like any other");
    let named = page(&[green.clone(), open("holdshort", 2), open("slow tests", 3)]).to_string();
    let (status, reason, _) = gate(&repo, named.as_bytes(), &[], &ours);
    assert_eq!(status, "unknown");
    assert!(reason.contains("slow tests"), "{reason}");
}

/// Answers each request with what `answer` makes of its path; says what was asked, with the header that authenticates.
fn serve(answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> (String, mpsc::Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let api = format!("http://{}", listener.local_addr().expect("an address"));
    let (asked, log) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut lines = BufReader::new(stream.try_clone().expect("a copy")).lines().map_while(Result::ok);
            let first = lines.next().unwrap_or_default();
            let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
            let token =
                headers.into_iter().find(|line| line.to_lowercase().starts_with("authorization") || line.to_lowercase().contains("-token"));
            let (status, body) = answer(&path);
            let _ = write!(
                stream,
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = asked.send((path, token.unwrap_or_default()));
        }
    });
    (api, log)
}

#[test]
fn github_is_collected_page_by_page_and_read_back() {
    let (repo, head, tree) = repository();
    let (commit, sha) = (json!({"sha": head, "commit": {"tree": {"sha": tree}}}).to_string(), head.clone());
    let (api, log) = serve(move |path| {
        let empty = |key: &str| json!({"total_count": 0, key: [], "sha": sha}).to_string();
        let runs = |from: u64, to: u64| (from..to).map(|id| check_run(&format!("test {id}"), &sha, "success", id)).collect::<Vec<_>>();
        match path {
            _ if path.ends_with(&format!("/commits/{sha}")) => (200, commit.clone()),
            _ if path.contains("/check-runs") && path.ends_with("page=1") => {
                (200, json!({"total_count": 150, "check_runs": runs(0, 100)}).to_string())
            }
            _ if path.contains("/check-runs") && path.ends_with("page=2") => {
                (200, json!({"total_count": 150, "check_runs": runs(100, 150)}).to_string())
            }
            _ if path.contains("/actions/runs?head_sha=") => (200, empty("workflow_runs")),
            _ if path.contains("/status?") => (200, empty("statuses")),
            _ => (404, "{}".to_owned()),
        }
    });
    let args = ["evidence", "collect", "github", "--repository", "o/r", "--api-url", &api, "--output", "ci.json"];
    let output = repo.command(&args).env("GH_TOKEN", "secret-word").output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(0), "{}", all(&output));
    assert!(log.try_iter().all(|(_, token)| token.contains("Bearer secret-word")));
    let written = repo.read("ci.json");
    assert!(!written.contains("secret-word"));
    let (status, reason, code) = gate(&repo, written.as_bytes(), &[], &[]);
    assert_eq!((status.as_str(), reason.as_str(), code), ("pass", "150 checks passed on this commit", Some(0)));
}

#[test]
fn gitlab_jobs_and_statuses_are_collected() {
    let (repo, head, _) = repository();
    let sha = head.clone();
    let (api, log) = serve(move |path| {
        let job = json!([{"id": 9, "name": "lint", "status": "failed", "allow_failure": true, "commit": {"id": sha},
                          "pipeline": {"id": 3, "sha": sha, "source": "push"}}]);
        let statuses = json!([{"id": 1, "sha": sha, "status": "success", "name": "external", "target_url": "https://ci.example.com/1", "allow_failure": false},
                              {"id": 9, "sha": sha, "status": "failed", "name": "lint", "target_url": "https://gitlab/x/-/jobs/9", "allow_failure": true}]);
        let body = match path {
            _ if path.contains("source=parent_pipeline") => json!([]),
            _ if path.contains("/projects/group%2Fproject/pipelines?sha=") => json!([{"id": 3, "sha": sha, "status": "success"}]),
            _ if path.contains("/pipelines/3/jobs?") => job,
            _ if path.ends_with("/pipelines/3") => {
                json!({"id": 3, "sha": sha, "status": "success", "source": "push", "detailed_status": {"text": "passed"}})
            }
            _ if path.contains("/statuses?") => statuses,
            _ => return (404, "{}".to_owned()),
        };
        (200, body.to_string())
    });
    let args = ["evidence", "collect", "gitlab", "--repository", "group/project", "--api-url", &api, "--output", "ci.json"];
    let output = repo.command(&args).env("GITLAB_TOKEN", "t").output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(0), "{}", all(&output));
    assert!(log.try_iter().all(|(_, token)| token.to_lowercase().starts_with("private-token: t")));
    let (status, reason, _) = gate(&repo, repo.read("ci.json").as_bytes(), &[], &[]);
    assert_eq!((status.as_str(), reason.as_str()), ("pass", "2 checks passed on this commit"));
}

#[test]
fn an_api_that_refuses_or_lies_writes_no_file() {
    let (repo, head, _) = repository();
    let answers: [(&str, u16, String); 5] = [
        ("unauthorised", 401, "{}".to_owned()),
        ("moved", 302, "{}".to_owned()),
        ("no JSON", 200, "<html>".to_owned()),
        ("another commit", 200, json!({"sha": "f".repeat(40), "commit": {"tree": {"sha": "f".repeat(40)}}}).to_string()),
        ("no list", 200, json!({"sha": head, "commit": {"tree": {"sha": "f".repeat(40)}}}).to_string()),
    ];
    for (name, status, body) in answers {
        let (api, _log) = serve(move |_| (status, body.clone()));
        let output = repo.holdshort(&["evidence", "collect", "github", "--repository", "o/r", "--api-url", &api, "--output", "ci.json"]);
        assert_eq!(output.status.code(), Some(3), "{name}: {}", all(&output));
        assert!(stderr(&output).contains("help:"), "{name}: {}", stderr(&output));
        assert!(!repo.path().join("ci.json").exists(), "{name}");
    }
}
