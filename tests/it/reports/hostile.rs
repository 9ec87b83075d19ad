//! A change made to attack whoever reads the reports: names, SQL, flags, code and commit messages carry what terminals, CI
//! runners, browsers and Markdown act on. Every format has to come out harmless, parseable and usable.

use std::path::Path;

use holdshort::change::{self, ChangeSet, Revision, Snapshot};
use holdshort::report::{self, Context, Format, Style};
use holdshort::settings::{Phase, Settings};
use holdshort::verdict::Outcome;
use serde_json::Value;

use super::{html, markdown, validate_all};
use crate::cli::{git, holdshort, repository, write};

/// Everything at once, where the file system allows it: escapes, bidi, runner commands, markup, quotes, ends of CDATA.
pub const EVIL: &str = "\u{1b}[31m\u{9b}2J\u{202e}\u{2066}##[error]x]]><img src=x onerror=alert(1)>\"'`|@team #1 [c](javascript:alert(1)) {{7*7}} &amp;%0A%\u{7}";

/// The same with lines that begin like a workflow command.
fn evil_lines() -> String {
    format!("{EVIL}\n::error::owned\n  ::set-output name=x::y\r\n##[add-mask]z\n</script><script>alert(2)</script>\n```\n<!-- ")
}

/// A repository whose last commit attacks.
pub fn repo() -> tempfile::TempDir {
    let repo = repository();
    let here = repo.path();
    // A part of a path cannot hold a slash.
    let name = EVIL.replace('/', "");
    write(
        here,
        &format!("app/{name}.go"),
        "package app\nconst q = `SELECT email FROM users` // \u{1b}[2J ##[error]x </pre><script>alert(3)</script>\n",
    );
    git(here, &["add", "."]);
    git(here, &["commit", "-qm", "base"]);
    let ident = evil_lines().replace('"', "\"\"");
    let sql = format!(
        "ALTER TABLE users DROP COLUMN email; -- {EVIL}\nALTER TABLE users ADD COLUMN \"{ident}\" text NOT NULL;\nCREATE INDEX \"{ident}\" ON users (email);\nDROP TABLE \"{ident}\";\n"
    );
    write(here, &format!("migrations/2_{name}.up.sql"), sql);
    let flag =
        serde_json::json!({"flags": {evil_lines(): {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"}}});
    let ascii = |c: char| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) };
    write(here, "flags/line\nend::error::x.flagd.json", flag.to_string().chars().map(ascii).collect::<String>());
    write(here, "ROLLBACK.md", format!("# {EVIL}\n\nTODO {EVIL}\n\n```sh\nrm -rf / # {EVIL}\n```\n"));
    git(here, &["add", "."]);
    git(here, &["commit", "-qm", &evil_lines()]);
    repo
}

/// What no output may carry, whatever reads it.
pub fn assert_harmless(name: &str, text: &str) {
    let bad = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
    };
    if let Some(at) = text.find(bad) {
        panic!("{name} carries {:?} at {at}: {:?}", text[at..].chars().next(), text[..at].chars().rev().take(80).collect::<String>());
    }
    assert!(!text.contains("##["), "{name} carries ##[");
    for line in text.lines().filter(|_| name != "github") {
        assert!(!line.trim_start().starts_with("::"), "{name} begins a line with a command: {line}");
    }
}

fn check(repo: &Path, format: &str) -> String {
    let output = holdshort(repo, &["check", "--base", "HEAD^", "--head", "HEAD", "--format", format]);
    assert_eq!(output.status.code(), Some(1), "{format}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn no_format_carries_what_its_reader_obeys() {
    let repo = repo();
    for format in ["human", "concise", "json", "sarif", "github", "gitlab", "junit", "rdjson", "markdown", "html"] {
        let text = check(repo.path(), format);
        assert_harmless(format, &text);
        assert!(text.contains("schema/drop-column") && text.contains("flag/new-default-on"), "{format} is usable");
    }
    let facts = holdshort(repo.path(), &["facts", "--base", "HEAD^", "--head", "HEAD"]);
    assert_harmless("facts", &String::from_utf8(facts.stdout).expect("UTF-8"));
}

#[test]
fn hostile_names_keep_to_the_schemas_and_arrive_unchanged() {
    let repo = repo();
    let counts = validate_all(|format| check(repo.path(), format));
    assert!(counts.iter().all(|(_, count)| *count >= 8), "{counts:?}");
    let json: Value = serde_json::from_str(&check(repo.path(), "json")).expect("JSON");
    let paths: Vec<&str> = json["findings"].as_array().expect("findings").iter().filter_map(|found| found["path"].as_str()).collect();
    assert!(paths.iter().any(|path| path.contains(&EVIL.replace('/', ""))), "the JSON has the true names: {paths:?}");
    assert!(paths.iter().any(|path| path.contains("line\nend::error::x.flagd.json")));
}

#[test]
fn hostile_annotations_are_one_command_a_line() {
    let repo = repo();
    let text = check(repo.path(), "github");
    for line in text.lines() {
        let verdict = line.ends_with(": HOLD");
        let known = ["::error ", "::warning ", "::notice "].iter().any(|command| line.starts_with(command));
        assert!(verdict || known, "{line}");
        let Some((_, rest)) = line.split_once(' ').filter(|_| known) else { continue };
        let (properties, _) = rest.split_once("::").expect("a message");
        for property in properties.split(',') {
            let (key, value) = property.split_once('=').expect("key=value");
            assert!(["file", "line", "col", "endLine", "title"].contains(&key), "{line}");
            assert!(!value.contains(':'), "{line}");
        }
    }
}

#[test]
fn hostile_text_is_text_in_html_and_markdown() {
    let repo = repo();
    html::check_page(&check(repo.path(), "html"));
    markdown::check_comment(&check(repo.path(), "markdown"));
}

/// The outcome of a small change, its findings repeated until there are `count`.
fn many(count: usize, rules: &[holdshort::rule::Rule]) -> Outcome {
    let base = Snapshot::from_memory([("migrations/1_users.up.sql", "CREATE TABLE users (id bigint PRIMARY KEY, email text);\n")]);
    let sql = "CREATE INDEX users_email ON users (email);\nALTER TABLE users DROP COLUMN email;\n";
    let mut files: Vec<(&str, &str)> = vec![("migrations/2_index.up.sql", sql)];
    files.push(("migrations/1_users.up.sql", "CREATE TABLE users (id bigint PRIMARY KEY, email text);\n"));
    let head = Snapshot::from_memory(files);
    let change = ChangeSet {
        base: Revision::Directory,
        head: Revision::Directory,
        origin: "a test".to_owned(),
        files: change::compare(&base, &head),
        base_tree: base,
        head_tree: head,
        commits: Vec::new(),
        notices: Vec::new(),
    };
    let mut outcome = holdshort::inspect(change, Settings::builtin(Phase::Merge), rules).expect("an outcome");
    let few = outcome.findings.clone();
    assert!(few.len() >= 3, "{few:?}");
    outcome.findings = few.iter().cycle().take(count).cloned().collect();
    for (number, found) in outcome.findings.iter_mut().enumerate() {
        found.fingerprint = format!("{number:016x}");
    }
    outcome
}

#[test]
fn thousands_of_findings_are_bounded_and_counted() {
    let rules = holdshort::rule::load::documented().expect("rules");
    let outcome = many(10_000, &rules);
    let context = Context { style: Style { color: false, width: 100 }, rules: &rules, blob_url: None };
    let read = |name: &str| {
        let format = <Format as clap::ValueEnum>::from_str(name, false).expect("a format");
        let mut bytes = Vec::new();
        report::write(format, &outcome, &context, &mut bytes).expect("a report");
        String::from_utf8(bytes).expect("UTF-8")
    };
    let counts = validate_all(read);
    assert!(counts.iter().all(|(_, count)| *count >= 10_000), "{counts:?}");
    assert!(read("concise").lines().count() > 10_000);
    for (format, most) in [("html", 4_000_000), ("markdown", 65_536), ("github", 100_000), ("junit", 1_000_000), ("human", 4_000_000)] {
        let size = read(format).len();
        assert!(size <= most, "{format} has {size} bytes");
    }
    assert!(read("markdown").contains("left out for length"));
    let github = read("github");
    for command in ["::error ", "::warning ", "::notice "] {
        assert!(github.lines().filter(|line| line.starts_with(command)).count() <= 10);
    }
    assert!(github.contains(" more; the full report is in the log"));
    html::check_page(&read("html"));
    markdown::check_comment(&read("markdown"));
}
