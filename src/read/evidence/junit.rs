//! JUnit XML: a report in, one record out. A document type is refused, so entities cannot grow; the commit is a property, if any.

use roxmltree::{Document, Node, ParsingOptions};

use super::{Provider, Record, Status, full_id, record};

/// Properties that name the commit a report was made for.
const COMMIT_PROPERTIES: [&str; 5] = ["commit", "git.commit", "vcs.commit", "GITHUB_SHA", "CI_COMMIT_SHA"];

pub fn read(path: &str, text: &str) -> Result<Vec<Record>, String> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: 20_000_000, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| format!("it is not XML that can be read: {error}"))?;
    let root = document.root_element();
    if !root.has_tag_name("testsuites") && !root.has_tag_name("testsuite") {
        return Err(format!("its root is <{}>, not <testsuites> or <testsuite>", root.tag_name().name()));
    }
    let cases = root.descendants().filter(|node| node.has_tag_name("testcase"));
    let (mut tests, mut failed, mut skipped) = (0usize, 0usize, 0usize);
    for case in cases {
        tests += 1;
        let has = |name: &str| case.children().any(|child| child.has_tag_name(name));
        failed += usize::from(has("failure") || has("error"));
        skipped += usize::from(has("skipped"));
    }
    let claimed: usize = root.descendants().filter(|node| is_suite(*node)).map(|suite| claimed_failures(suite)).max().unwrap_or(0);
    let failed = failed.max(claimed);
    let (status, detail) = match (tests, failed) {
        (_, failed) if failed > 0 => (Status::Failed, format!("{failed} of {tests} tests failed")),
        (0, _) => (Status::Empty, "no test ran".to_owned()),
        (all, _) if skipped >= all => (Status::Empty, format!("all {all} tests were skipped")),
        (all, _) => (Status::Passed, format!("{} tests passed", all - skipped)),
    };
    let name = root.attribute("name").or_else(|| root.descendants().find(|node| is_suite(*node))?.attribute("name")).unwrap_or("tests");
    let mut found = record(path, Provider::Junit, name, status, detail);
    // Shards of one suite have one name: a green one does not replace a red one.
    found.source = path.to_owned();
    let mut commits = root.descendants().filter(|node| node.has_tag_name("property")).filter_map(|property| {
        let known = property.attribute("name").is_some_and(|name| COMMIT_PROPERTIES.contains(&name));
        let value = serde_json::Value::from(property.attribute("value")?);
        known.then(|| full_id(Some(&value))).flatten()
    });
    let first = commits.next();
    found.commit = if commits.any(|other| Some(&other) != first.as_ref()) { None } else { first };
    found.completed_at = root.attribute("timestamp").map(str::to_owned);
    Ok(vec![found])
}

fn is_suite(node: Node) -> bool {
    node.has_tag_name("testsuite") || node.has_tag_name("testsuites")
}

/// What a suite's own count says: a report may leave out the cases that failed to start.
fn claimed_failures(suite: Node) -> usize {
    let count = |name: &str| suite.attribute(name).and_then(|value| value.trim().parse::<usize>().ok()).unwrap_or(0);
    count("failures").saturating_add(count("errors"))
}
