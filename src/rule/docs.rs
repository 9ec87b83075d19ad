//! Rule pages from the rule files: rules in, terminal text and Markdown out.

use std::fmt::Write;

use super::{Example, Rule, Severity};
use crate::report::Style;
use crate::report::markdown_text::{block, fenced, words};
use crate::report::terminal::{paint, paragraph};
use crate::report::words::severity as word;

/// One line a rule, a blank line between families.
pub fn list(rules: &[Rule], style: Style) -> String {
    let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    let mut out = Vec::new();
    let mut family = None;
    for rule in rules {
        let own = rule.id.split('/').next();
        if family.is_some() && family != own {
            out.push(b'\n');
        }
        family = own;
        let severity = word(rule.severity);
        let pad = " ".repeat(6 - severity.len());
        let lead = format!("{:<width$}  {}{pad}", rule.id, paint(severity, color(rule.severity), style));
        told(paragraph(&lead, width + 8, &rule.title, style, &mut out));
    }
    text(out)
}

/// The README's rule table.
pub fn table(rules: &[Rule]) -> String {
    let mut out = String::from("| rule | default | what it finds |\n| --- | --- | --- |\n");
    for rule in rules {
        let _ = writeln!(out, "| `{}` | {} | {} |", rule.id, word(rule.severity), rule.title);
    }
    out
}

/// The page of one rule, for a terminal.
pub fn explain(rule: &Rule, style: Style) -> String {
    let mut out = Vec::new();
    told(paragraph(&format!("{}  ", paint(&rule.id, "1", style)), rule.id.len() + 2, &rule.title, style, &mut out));
    let facts = format!("{} by default, gate {}", word(rule.severity), rule.gate.id());
    told(paragraph("", 0, &facts, style, &mut out));
    section(&mut out, "Why", &[rule.why.trim().to_owned()], style);
    section(&mut out, "What to do", &[rule.remedy.trim().to_owned()], style);
    section(&mut out, "For each", rule.for_each.as_slice(), style);
    section(&mut out, "When", rule.when.as_slice(), style);
    if !rule.steps.is_empty() {
        heading(&mut out, "Steps", style);
    }
    for (number, step) in rule.steps.iter().enumerate() {
        told(paragraph(&format!("  {}. ", number + 1), 5, step, style, &mut out));
    }
    section(&mut out, "Options", &options(rule), style);
    section(&mut out, "References", &rule.references, style);
    heading(&mut out, "Examples", style);
    for each in &rule.examples {
        example(&mut out, each, style);
    }
    text(out)
}

fn options(rule: &Rule) -> Vec<String> {
    let line = |(name, option): (&String, &super::RuleOption)| {
        let default = serde_yaml::to_string(&option.default).unwrap_or_default();
        format!("{name} (default {}): {}", default.trim(), option.about.trim())
    };
    rule.options.iter().map(line).collect()
}

fn heading(out: &mut Vec<u8>, title: &str, style: Style) {
    out.extend(format!("\n{}\n", paint(title, "1;36", style)).bytes());
}

fn section(out: &mut Vec<u8>, title: &str, texts: &[String], style: Style) {
    if texts.is_empty() {
        return;
    }
    heading(out, title, style);
    for text in texts {
        told(paragraph("  ", 2, text, style, out));
    }
}

fn example(out: &mut Vec<u8>, example: &Example, style: Style) {
    let fires = is_firing(example);
    let mark = if fires { paint("fires ", "31", style) } else { paint("silent", "32", style) };
    out.push(b'\n');
    told(paragraph(&format!("  {mark}  "), 10, &example.name, style, out));
    let mut line = |line: String| out.extend(format!("    {line}\n").bytes());
    let safe = crate::report::escape::neutralise;
    for (side, files) in [("base", &example.base), ("head", &example.head)] {
        for (path, text) in files {
            line(paint(&safe(&format!("{side} {path}")), "2", style));
            text.lines().for_each(|text| line(format!("  {}", safe(text))));
        }
    }
    for path in &example.delete {
        line(paint(&safe(&format!("deleted {path}")), "2", style));
    }
}

/// The rule is expected to find something in the example.
fn is_firing(example: &Example) -> bool {
    example.expect_at.is_some() || example.head.values().any(|text| text.contains("expect: "))
}

/// The page of one rule as Markdown.
pub fn markdown(rule: &Rule) -> String {
    let mut out = format!("# `{}`\n\n{}. {} by default, gate `{}`.\n\n", rule.id, rule.title, capital(word(rule.severity)), rule.gate.id());
    out.push_str(&advice(rule));
    let options = options(rule);
    if !options.is_empty() {
        out.push_str("\n## Options\n\n");
        options.iter().for_each(|option| out.push_str(&format!("- {option}\n")));
    }
    out.push_str("\n## Examples\n");
    for each in &rule.examples {
        let what = if is_firing(each) { "Fires" } else { "Silent" };
        let _ = write!(out, "\n### {what}: {}\n\n", each.name);
        for (side, files) in [("base", &each.base), ("head", &each.head)] {
            for (path, text) in files {
                let _ = writeln!(out, "`{path}` at {side}:\n\n{}\n", fenced(text.trim_end()));
            }
        }
        for path in &each.delete {
            let _ = writeln!(out, "`{path}` is deleted.\n");
        }
    }
    out
}

/// Why and what to do, as Markdown.
pub fn advice(rule: &Rule) -> String {
    let mut out = format!("## Why\n\n{}\n\n## What to do\n\n{}\n", block(&rule.why), block(&rule.remedy));
    if !rule.steps.is_empty() {
        out.push_str("\n## Steps\n\n");
        rule.steps.iter().for_each(|step| out.push_str(&format!("1. {}\n", words(step))));
    }
    if !rule.references.is_empty() {
        out.push_str("\n## References\n\n");
        rule.references.iter().for_each(|reference| out.push_str(&format!("- <{reference}>\n")));
    }
    out
}

fn capital(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}

fn color(severity: Severity) -> &'static str {
    match severity {
        Severity::Block => "31",
        Severity::Warn => "33",
        Severity::Note => "36",
    }
}

/// Writing into memory does not fail.
fn told(written: std::io::Result<()>) {
    written.expect("a vector takes every byte");
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("only text was written")
}
