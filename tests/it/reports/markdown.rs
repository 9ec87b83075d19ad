//! The pull request comment as a Markdown reader sees it.

use pulldown_cmark::{Event, Options, Parser, Tag};

use super::demo;
use crate::scratch::Scratch;

/// Only our own markup is markup: folds, bold and links to lines; no image, no other link, and it fits a comment.
pub fn check_comment(text: &str) {
    assert!(text.chars().count() <= 65_536);
    let mut folds = 0_i32;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_MATH) {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => {
                for tag in tags(&html) {
                    folds += i32::from(tag == "details") - i32::from(tag == "/details");
                    let known = [
                        "details",
                        "details open",
                        "/details",
                        "summary",
                        "/summary",
                        "b",
                        "/b",
                        "code",
                        "/code",
                        "/a",
                        "!-- holdshort --",
                    ];
                    assert!(known.contains(&tag.as_str()) || tag.starts_with("a href=\"https://"), "<{tag}> in {html}");
                    folds += i32::from(tag == "details open");
                }
            }
            Event::Start(Tag::Image { dest_url, .. } | Tag::Link { dest_url, .. }) => panic!("a link to {dest_url}"),
            Event::InlineMath(math) | Event::DisplayMath(math) => panic!("a formula: {math}"),
            _ => {}
        }
    }
    assert_eq!(folds, 0, "every fold is closed");
}

fn tags(html: &str) -> Vec<String> {
    html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or(rest).trim().to_owned()).collect()
}

#[test]
fn the_comment_of_the_demo_is_readable() {
    let text = demo("markdown");
    check_comment(&text);
    assert!(text.starts_with("<!-- holdshort -->\n## 🛑 HOLD: "), "{text}");
    assert!(text.contains("| 🛑 **fail** | migrations-compatible |"), "{text}");
    assert!(text.contains("<details open><summary><b>block</b> "), "{text}");
}

#[test]
fn a_finding_about_a_commit_links_to_it() {
    let repo = Scratch::new(&[("app.py", "x = 1\n")]);
    repo.commit("Change x [skip ci]", &[("app.py", "x = 2\n")]);
    let report = |format: &str, variables: &[(&str, &str)]| {
        let args = ["check", "--base", "HEAD^", "--head", "HEAD", "--format", format];
        String::from_utf8(repo.run(&args, variables).stdout).expect("UTF-8")
    };
    for (variables, wanted) in [
        (vec![("GITHUB_SERVER_URL", "https://github.com"), ("GITHUB_REPOSITORY", "o/r")], "\"https://github.com/o/r/commit/"),
        (vec![("CI_PROJECT_URL", "https://gitlab.com/o/r")], "\"https://gitlab.com/o/r/-/commit/"),
    ] {
        let text = report("markdown", &variables);
        assert!(text.contains(wanted) && !text.contains("/commit%20"), "{text}");
    }
}
