//! Red flags from outside: hostile texts, suppressions, and what could not be searched.

use crate::scratch::{Scratch, fired, gate};

#[test]
fn a_flag_can_be_accepted_in_a_comment_and_documentation_of_that_is_none() {
    let repo = Scratch::new(&[("a.go", "package a\n")]);
    let script =
        "# holdshort: allow redflag/forced-deploy because the chart cannot be upgraded in place\nhelm upgrade shop ./chart --force\n";
    let guide = "Write `# holdshort: allow redflag/forced-deploy because REASON`, or\n\n```sh\n# holdshort: allow nonsense\n```\n";
    repo.commit("change", &[("deploy/up.sh", script), ("docs/guide.md", guide)]);
    let report = repo.check(&["--phase", "push"], &[]);
    let finding = report["findings"].as_array().expect("findings").iter().find(|finding| finding["rule"] == "redflag/forced-deploy");
    assert_eq!(finding.expect("it stays in the report")["status"], "suppressed");
    assert_eq!(fired(&report, "policy/", "warn"), Vec::<String>::new());
    let merge = repo.check(&[], &[]);
    assert_eq!(fired(&merge, "redflag/", "warn"), ["redflag/forced-deploy"], "a change cannot clear itself");
}

#[test]
fn a_line_of_ten_megabytes_is_searched_to_its_end() {
    let repo = Scratch::new(&[("a.go", "package a\n")]);
    let line = format!("# {} we will fix this after the deploy\n", "we will fix ".repeat(900_000));
    repo.commit("change", &[("app/a.py", &line), ("app/b.py", "# fine\n")]);
    let report = repo.check(&[], &[]);
    assert_eq!(fired(&report, "redflag/", "warn"), ["redflag/work-put-off"]);
}

#[test]
fn what_is_no_text_is_said_not_to_be_searched() {
    let repo = Scratch::new(&[("a.go", "package a\n")]);
    repo.write("deploy/up.sh", b"helm upgrade --force x \xff\n");
    repo.commit("change", &[("b.go", "package a\n")]);
    let report = repo.check(&[], &[]);
    let skipped = report["coverage"]["skipped"].as_array().expect("skipped");
    assert!(skipped.iter().any(|skipped| skipped["path"] == "deploy/up.sh"), "{skipped:?}");
}

#[test]
fn many_hits_are_counted_and_a_message_cannot_break_out() {
    let repo = Scratch::new(&[("a.go", "package a\n")]);
    let script = "helm upgrade \u{1b}[31m::error::x --force\n".to_owned() + &"helm upgrade x --force\n".repeat(500);
    repo.commit("Release [skip ci]\n\n::error::owned\u{1b}[2J\n", &[("deploy/up.sh", &script)]);
    let report = repo.check(&[], &[]);
    let found: Vec<&str> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|f| f["rule"] == "redflag/forced-deploy")
        .filter_map(|f| f["message"].as_str())
        .collect();
    assert_eq!(found.len(), 20);
    assert!(found.iter().any(|message| message.ends_with("481 more in this file.")), "{found:?}");
    assert_eq!(fired(&report, "redflag/ci", "warn"), ["redflag/ci-skipped"]);
    assert_eq!(gate(&report, "tests-green")["findings"], 1);
    for format in ["human", "concise", "github", "markdown", "sarif", "gitlab", "junit"] {
        let output = repo.run(&["check", "--base", "HEAD^", "--head", "HEAD", "--format", format], &[]);
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(!text.contains('\u{1b}') && !text.lines().any(|line| line.starts_with("::error::")), "{format}");
    }
}
