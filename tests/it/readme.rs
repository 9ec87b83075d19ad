//! The README says what the binary does: its demo block and its rule table.

use std::process::Command;

fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("the README is there")
}

fn holdshort(args: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_holdshort")).args(args).env("COLUMNS", "100").output().expect("the binary runs");
    (String::from_utf8(output.stdout).expect("UTF-8"), output.status.code())
}

/// The text of the fenced block after a marker comment.
fn block<'a>(readme: &'a str, marker: &str) -> &'a str {
    let after = readme.split_once(marker).expect("the marker is there").1;
    let fenced = after.split_once("```text\n").expect("a block follows").1;
    fenced.split_once("```").expect("the block ends").0
}

#[test]
fn the_demo_block_is_how_the_demo_begins() {
    let (report, code) = holdshort(&["demo"]);
    assert_eq!(code, Some(1), "the demo must hold");
    let readme = readme();
    let shown = block(&readme, "<!-- demo:");
    assert!(shown.lines().count() > 20, "the README shows a report worth reading");
    assert!(report.starts_with(shown), "the demo now begins:\n{}", report.lines().take(60).collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_rule_table_is_what_the_binary_prints() {
    let (table, code) = holdshort(&["rules", "--markdown"]);
    assert_eq!(code, Some(0));
    assert!(readme().contains(&table), "run `holdshort rules --markdown` and put its table into the README");
}
