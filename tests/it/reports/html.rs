//! The page as a tree: what elements and attributes it may have, and that all of it can be reached and read.

use std::collections::BTreeSet;

use roxmltree::{Document, Node};

use super::demo;

const ELEMENTS: [&str; 41] = [
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "header",
    "nav",
    "main",
    "section",
    "article",
    "footer",
    "div",
    "span",
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "ul",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "a",
    "code",
    "pre",
    "mark",
    "figure",
    "figcaption",
    "details",
    "summary",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "strong",
];
const ATTRIBUTES: [&str; 16] = [
    "lang",
    "charset",
    "http-equiv",
    "content",
    "name",
    "class",
    "id",
    "aria-label",
    "aria-labelledby",
    "href",
    "rel",
    "tabindex",
    "role",
    "scope",
    "colspan",
    "open",
];

/// The page is well-formed, holds nothing that acts, and every link in it leads somewhere.
pub fn check_page(page: &str) {
    let body = page.strip_prefix("<!doctype html>\n").expect("a doctype");
    let document = Document::parse(body).expect("well-formed");
    let nodes: Vec<Node> = document.descendants().filter(Node::is_element).collect();
    let mut ids = BTreeSet::new();
    for node in &nodes {
        assert!(ELEMENTS.contains(&node.tag_name().name()), "<{}>", node.tag_name().name());
        for attribute in node.attributes() {
            assert!(ATTRIBUTES.contains(&attribute.name()), "<{} {}>", node.tag_name().name(), attribute.name());
        }
        if let Some(id) = node.attribute("id") {
            assert!(ids.insert(id), "id {id} is there twice");
        }
    }
    for node in &nodes {
        if let Some(href) = node.attribute("href") {
            let inside = href.strip_prefix('#').is_some_and(|id| ids.contains(id));
            assert!(inside || href.starts_with("https://"), "{href}");
        }
        for label in node.attribute("aria-labelledby").into_iter().flat_map(str::split_whitespace) {
            assert!(ids.contains(label), "{label} labels nothing");
        }
    }
    let policies: Vec<&str> =
        nodes.iter().filter(|node| node.has_attribute("http-equiv")).filter_map(|node| node.attribute("content")).collect();
    assert!(policies.len() == 1 && policies[0].starts_with("default-src 'none'; style-src 'sha256-"), "{policies:?}");
    check_structure(&nodes);
}

/// One h1, no heading level left out, one main, every table captioned and every scrolling part reachable by keyboard.
fn check_structure(nodes: &[Node]) {
    let count = |name: &str| nodes.iter().filter(|node| node.has_tag_name(name)).count();
    assert_eq!((count("h1"), count("main"), count("title"), count("header"), count("footer")), (1, 1, 1, 1, 1));
    let levels = nodes.iter().filter_map(|node| node.tag_name().name().strip_prefix('h')?.parse::<u8>().ok());
    let mut before = 0;
    for level in levels {
        assert!(level <= before + 1, "h{level} follows h{before}");
        before = level;
    }
    for table in nodes.iter().filter(|node| node.has_tag_name("table")) {
        assert!(table.children().any(|child| child.has_tag_name("caption")), "a table without a caption");
    }
    for region in nodes.iter().filter(|node| node.attribute("role") == Some("region")) {
        assert!(region.has_attribute("aria-label") && region.attribute("tabindex") == Some("0"));
    }
}

#[test]
fn the_page_of_the_demo_stands_by_itself() {
    let page = demo("html");
    check_page(&page);
    for part in [
        "ACCESS EXCLUSIVE",
        "rewrites orders",
        "ROLLBACK.md",
        "kubectl argo rollouts undo",
        "internal/store/customers.go",
        "<mark>phone</mark>",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn colours_are_readable_in_light_dark_and_print() {
    let page = demo("html");
    let css = page.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).expect("a style sheet").0;
    let themes: Vec<&str> = css.match_indices(":root {").map(|(at, _)| &css[at..at + css[at..].find('}').expect("an end")]).collect();
    assert_eq!(themes.len(), 3, "light, dark, print");
    let lookup = |theme: &str, name: &str| -> Option<[f64; 3]> {
        let value = theme.split_once(&format!("--{name}: #"))?.1.split(';').next()?;
        let wide: String = if value.len() == 3 { value.chars().flat_map(|c| [c, c]).collect() } else { value.to_owned() };
        let part = |at: usize| f64::from(u8::from_str_radix(&wide[at..at + 2], 16).expect("hex")) / 255.0;
        Some([part(0), part(2), part(4)])
    };
    let pairs = [
        ("text", "bg"),
        ("text", "panel"),
        ("quiet", "bg"),
        ("quiet", "panel"),
        ("link", "bg"),
        ("link", "panel"),
        ("red", "bg"),
        ("red", "red-bg"),
        ("amber", "amber-bg"),
        ("green", "green-bg"),
        ("blue", "blue-bg"),
        ("blue", "bg"),
        ("mark-text", "mark"),
        ("sign-text", "sign-hold"),
        ("sign-text", "sign-cleared"),
        ("asphalt-text", "asphalt"),
        ("asphalt-quiet", "asphalt"),
    ];
    for theme in &themes {
        for (ink, paper) in pairs {
            let color = |name: &str| lookup(theme, name).or_else(|| lookup(themes[0], name)).expect(name);
            let ratio = contrast(color(ink), color(paper));
            assert!(ratio >= 4.5, "{ink} on {paper} is {ratio:.2} in {theme}");
        }
    }
}

/// Source: WCAG 2.2, "contrast ratio".
fn contrast(one: [f64; 3], two: [f64; 3]) -> f64 {
    let luminance = |color: [f64; 3]| {
        let [r, g, b] = color.map(|c| if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (one, two) = (luminance(one), luminance(two));
    (one.max(two) + 0.05) / (one.min(two) + 0.05)
}
