//! The page in a real browser: Debian's chromium, headless, at a phone's and a desk's width, light and dark.
//! Without chromium the tests say so and end, unless `HOLDSHORT_REQUIRE_CHROMIUM` is set.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{demo, hostile};
use crate::cli::holdshort;

/// Measures a page in a frame: does it overflow, is its style sheet in force, is each text readable on what is behind it.
const PROBE: &str = include_str!("probe.js");

fn chromium() -> Option<&'static str> {
    let found = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success()));
    if found.is_none() {
        assert!(std::env::var_os("HOLDSHORT_REQUIRE_CHROMIUM").is_none(), "HOLDSHORT_REQUIRE_CHROMIUM is set and there is no chromium");
        println!("skipped: no chromium");
    }
    found
}

/// The document after loading, and what the browser complained about.
fn load(browser: &str, page: &str, flags: &[&str]) -> (String, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("page.html");
    std::fs::write(&path, page).expect("a page");
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-logging=stderr", "--dump-dom"])
        .arg(format!("--user-data-dir={}", directory.path().join("profile").display()))
        .args(flags)
        .arg(format!("file://{}", path.display()))
        .output()
        .expect("chromium runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What the probe saw of a page in a frame of that width.
fn probe(browser: &str, page: &str, width: u32, flags: &[&str]) -> Value {
    let quoted = page.replace('&', "&amp;").replace('"', "&quot;");
    let harness = format!(
        "<!doctype html><body><iframe id=\"page\" width=\"{width}\" height=\"2000\" srcdoc=\"{quoted}\"></iframe><pre id=\"seen\"></pre><script>{PROBE}</script>"
    );
    let (dom, log) = load(browser, &harness, flags);
    let seen = dom.split_once("<pre id=\"seen\">").and_then(|(_, rest)| rest.split_once("</pre>")).expect("the probe ran").0;
    let seen = seen.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&seen).unwrap_or_else(|error| panic!("{error}: {seen}\n{log}"))
}

fn check(browser: &str, page: &str, articles: usize) {
    for (width, dark) in [(360, false), (1280, false), (1280, true)] {
        let flags: &[&str] = if dark { &["--blink-settings=preferredColorScheme=0"] } else { &[] };
        let seen = probe(browser, page, width, flags);
        assert_eq!(seen["dark"], dark, "{seen}");
        assert_eq!(seen["styled"], true, "the style sheet is in force: {seen}");
        assert_eq!(seen["overflow"], 0, "at {width} the page is wider than its window: {seen}");
        assert_eq!(seen["active"], 0, "nothing in the page acts: {seen}");
        assert_eq!(seen["articles"], articles, "{seen}");
        assert_eq!(seen["faint"], Value::Array(Vec::new()), "text that is hard to read, dark {dark}");
    }
    let (_, log) = load(browser, page, &[]);
    assert!(!log.contains("Content Security Policy"), "{log}");
}

#[test]
fn the_page_is_readable_on_a_phone_on_a_desk_and_in_the_dark() {
    let Some(browser) = chromium() else { return };
    let page = demo("html");
    check(browser, &page, page.matches("<article ").count());
    // The same check on a page whose style the policy does not know must fail, or it proves nothing.
    let broken = page.replace("</style>", " </style>");
    let (_, log) = load(browser, &broken, &[]);
    assert!(log.contains("Content Security Policy"), "{log}");
    assert_eq!(probe(browser, &broken, 1280, &[])["styled"], false);
}

#[test]
fn a_hostile_change_does_nothing_in_a_browser() {
    let Some(browser) = chromium() else { return };
    let repo = hostile::repo();
    let output = holdshort(repo.path(), &["check", "--base", "HEAD^", "--head", "HEAD", "--format", "html"]);
    let page = String::from_utf8(output.stdout).expect("UTF-8");
    check(browser, &page, page.matches("<article ").count());
    let (dom, _) = load(browser, &page, &[]);
    assert!(!dom.contains("<script") && !dom.contains("<img"));
}

#[test]
fn the_page_prints() {
    let Some(browser) = chromium() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let page = directory.path().join("page.html");
    let pdf = directory.path().join("page.pdf");
    std::fs::write(&page, demo("html")).expect("a page");
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-pdf-header-footer"])
        .arg(format!("--user-data-dir={}", directory.path().join("profile").display()))
        .arg(format!("--print-to-pdf={}", pdf.display()))
        .arg(format!("file://{}", Path::new(&page).display()))
        .output()
        .expect("chromium runs");
    let bytes = std::fs::read(&pdf).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    assert!(bytes.starts_with(b"%PDF-") && bytes.len() > 20_000);
}
