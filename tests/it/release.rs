//! The release gates from outside: what declares a release, which moment is judged, and what the CI says.

use crate::scratch::{Scratch, fired, gate};

const POLICY: &str = r##"release:
  time_zone: Europe/Berlin
  windows: [{ days: mon-thu, from: "09:00", to: "16:00" }]
  freezes: [{ from: 2026-12-18, to: 2027-01-04, because: holidays }]
  on_call: "@sre"
  stakeholders: ["#deploys"]
  smoke_tests: [scripts/smoke.sh]
  dashboards: ["https://grafana.example.com/d/shop"]
"##;
const SMOKE: (&str, &str) = ("scripts/smoke.sh", "curl -f https://shop.example.com/healthz\n");
const PLAN: &str =
    "---\nwindow: {start: 2026-09-09T08:00Z, end: 2026-09-09T10:00Z}\nnotified: {at: 2026-09-08T10:00Z, by: ana}\n---\n# Roll back\n";

#[test]
fn without_a_declared_release_the_gates_are_advisory() {
    let repo = Scratch::new(&[("main.go", "package main\n")]);
    repo.commit("change", &[("main.go", "package main // 2\n")]);
    let report = repo.check(&["--phase", "deploy", "--at", "2026-12-24T23:00:00Z"], &[]);
    for id in ["window-confirmed", "stakeholders-notified", "verification-planned"] {
        assert_eq!((&gate(&report, id)["status"], &gate(&report, id)["requirement"]), (&"unknown".into(), &"advisory".into()), "{id}");
    }
    assert!(report["notices"].as_array().expect("notices").is_empty(), "no moment is judged: {}", report["notices"]);
}

#[test]
fn a_declared_release_that_is_ready_passes_and_states_its_moment() {
    let repo = Scratch::new(&[("holdshort.yaml", POLICY), SMOKE]);
    repo.commit("change", &[("main.go", "package main\n"), ("ROLLBACK.md", PLAN)]);
    let report = repo.check(&["--phase", "deploy"], &[]);
    for id in ["window-confirmed", "stakeholders-notified", "verification-planned"] {
        assert_eq!((&gate(&report, id)["status"], &gate(&report, id)["requirement"]), (&"pass".into(), &"required".into()), "{id}");
    }
    let reason = gate(&report, "window-confirmed")["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("2026-09-09T08:30:00Z (the head commit's time") && reason.contains("@sre"), "{reason}");
    assert!(report["notices"][0].as_str().expect("a notice").contains("2026-09-09T08:30:00Z"));
}

#[test]
fn the_given_moment_counts_in_every_phase_and_the_commits_only_in_deploy() {
    let repo = Scratch::new(&[("holdshort.yaml", POLICY), SMOKE]);
    repo.commit("change", &[("main.go", "package main\n")]);
    let night = repo.check(&["--at", "2026-09-09T22:00:00Z"], &[]);
    assert_eq!(fired(&night, "release/", "block"), ["release/outside-window"]);
    assert_eq!(gate(&night, "window-confirmed")["holds"], true);
    let merge = repo.check(&[], &[]);
    assert_eq!(gate(&merge, "window-confirmed")["status"], "unknown");
    assert_eq!(gate(&merge, "window-confirmed")["holds"], false);
    assert_eq!(fired(&merge, "release/", "block"), Vec::<String>::new());
    assert_eq!(fired(&merge, "release/", "warn"), ["release/not-notified"]);
    let deploy = repo.check(&["--phase", "deploy", "--at", "2026-12-24T10:00:00+01:00"], &[]);
    assert_eq!(fired(&deploy, "release/", "block"), ["release/in-freeze", "release/not-notified"]);
}

#[test]
fn uncommitted_work_has_no_moment() {
    let repo = Scratch::new(&[("holdshort.yaml", POLICY), SMOKE]);
    repo.write("main.go", "package main\n");
    let output = repo.run(&["check", "--phase", "deploy", "--format", "json"], &[]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(gate(&report, "window-confirmed")["status"], "unknown");
    assert!(gate(&report, "window-confirmed")["reason"].as_str().expect("a reason").contains("--at"));
}

#[test]
fn a_deploy_freeze_of_gitlab_holds_the_deploy_and_not_the_merge() {
    let repo = Scratch::new(&[("main.go", "package main\n")]);
    repo.commit("change", &[("main.go", "package main // 2\n")]);
    let freeze = [("CI_DEPLOY_FREEZE", "true")];
    let deploy = repo.check(&["--phase", "deploy"], &freeze);
    assert_eq!(gate(&deploy, "window-confirmed")["holds"], true);
    assert_eq!(fired(&deploy, "release/", "block"), ["release/in-freeze"]);
    let merge = repo.check(&[], &freeze);
    assert_eq!(gate(&merge, "window-confirmed")["holds"], false);
    assert_eq!(fired(&merge, "release/", "note"), ["release/in-freeze"]);
}

#[test]
fn a_change_cannot_give_itself_another_calendar() {
    let repo = Scratch::new(&[("holdshort.yaml", POLICY), SMOKE]);
    let wide = POLICY.replace("mon-thu", "mon-sun").replace("16:00", "24:00").replace("09:00", "00:00");
    repo.commit("change", &[("main.go", "package main\n"), ("holdshort.yaml", &wide)]);
    let report = repo.check(&["--phase", "deploy", "--at", "2026-09-12T10:00:00Z"], &[]);
    assert!(fired(&report, "release/", "block").contains(&"release/outside-window".to_owned()));
}

#[test]
fn times_the_policy_cannot_mean_are_refused() {
    for (policy, word) in [
        (POLICY.replace("Europe/Berlin", "Europe/Berlim"), "Berlim"),
        (POLICY.replace("  time_zone: Europe/Berlin\n", ""), "time_zone"),
        (POLICY.replace("mon-thu", "mon-thurs-day"), "thurs-day"),
        (POLICY.replace("on_call", "oncal"), "oncal"),
    ] {
        let repo = Scratch::new(&[("holdshort.yaml", &policy)]);
        repo.commit("change", &[("main.go", "package main\n")]);
        let output = repo.run(&["check", "--base", "HEAD^"], &[]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(word), "{message}");
    }
    let repo = Scratch::new(&[("main.go", "package main\n")]);
    assert_eq!(repo.run(&["check", "--at", "tomorrow"], &[]).status.code(), Some(2));
}
