//! The README says what the binary does: its demo block and its rule table. `HOLDSHORT_UPDATE_README=1` writes both anew.

use std::process::Command;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

fn readme() -> String {
    std::fs::read_to_string(PATH).expect("the README is there")
}

fn holdshort(args: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_holdshort")).args(args).env("COLUMNS", "100").output().expect("the binary runs");
    (String::from_utf8(output.stdout).expect("UTF-8"), output.status.code())
}

/// What stands between two marks that follow a comment, and what is to stand there instead.
fn check(readme: &mut String, comment: &str, from: &str, to: &str, wanted: impl Fn(&str) -> String) -> Result<(), String> {
    let comment = readme.find(comment).expect("the comment is there");
    let start = comment + readme[comment..].find(from).expect("the block begins") + from.len();
    let end = start + readme[start..].find(to).expect("the block ends");
    let wanted = wanted(&readme[start..end]);
    if readme[start..end] == wanted {
        return Ok(());
    }
    readme.replace_range(start..end, &wanted);
    Err(format!("the README is out of date; run `HOLDSHORT_UPDATE_README=1 cargo test readme`. It should say:\n{wanted}"))
}

/// The report up to its second finding: enough to see what a finding looks like.
fn beginning(report: &str) -> String {
    let third = report.match_indices("\nblock ").nth(2).map_or(report.len(), |(at, _)| at);
    format!("{}\n", report[..third].trim_end())
}

#[test]
fn the_readme_shows_what_the_binary_prints() {
    let (report, code) = holdshort(&["demo"]);
    assert_eq!(code, Some(1), "the demo must hold");
    let (table, code) = holdshort(&["rules", "--format", "markdown"]);
    assert_eq!(code, Some(0));
    let mut readme = readme();
    let shown = check(&mut readme, "<!-- demo:", "```text\n", "```\n", |_| beginning(&report));
    let listed = check(&mut readme, "<!-- rules:", "-->\n\n", "\n</details>", |_| table.clone());
    if std::env::var_os("HOLDSHORT_UPDATE_README").is_some() {
        std::fs::write(PATH, readme).expect("the README is written");
        return;
    }
    shown.and(listed).unwrap_or_else(|problem| panic!("{problem}"));
}
