//! Rule pages from the rule files: rules in, terminal text and Markdown out.

use std::fmt::Write;

use super::{Example, Rule, Severity};

/// One line a rule.
pub fn list(rules: &[Rule]) -> String {
    let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    rules.iter().map(|rule| format!("{:<width$}  {:<5}  {}\n", rule.id, word(rule.severity), rule.title)).collect()
}

/// The README's rule table.
pub fn table(rules: &[Rule]) -> String {
    let mut out = String::from("| rule | default | what it finds |\n| --- | --- | --- |\n");
    for rule in rules {
        let _ = writeln!(out, "| `{}` | {} | {} |", rule.id, word(rule.severity), rule.title);
    }
    out
}

/// The page of one rule.
pub fn explain(rule: &Rule) -> String {
    let mut out = format!("{}: {}\n\ngate {}, severity {}\n", rule.id, rule.title, rule.gate.id(), word(rule.severity));
    section(&mut out, "Why", &[rule.why.trim().to_owned()]);
    section(&mut out, "What to do", &[rule.remedy.trim().to_owned()]);
    let steps: Vec<String> = rule.steps.iter().enumerate().map(|(i, step)| format!("{}. {}", i + 1, step.trim())).collect();
    section(&mut out, "Steps", &steps);
    let options: Vec<String> = rule
        .options
        .iter()
        .map(|(name, option)| {
            let default = serde_yaml::to_string(&option.default).unwrap_or_default();
            format!("{name} (default {}): {}", default.trim(), option.about.trim())
        })
        .collect();
    section(&mut out, "Options", &options);
    out.push_str("\nExamples\n");
    for each in &rule.examples {
        example(&mut out, each);
    }
    section(&mut out, "References", &rule.references);
    out
}

fn section(out: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title}");
    for line in lines.iter().flat_map(|text| text.lines()) {
        let _ = writeln!(out, "  {line}");
    }
}

fn example(out: &mut String, example: &Example) {
    let _ = writeln!(out, "\n  {}", example.name);
    for (side, files) in [("base", &example.base), ("head", &example.head)] {
        for (path, text) in files {
            let _ = writeln!(out, "    {side} {path}");
            for line in text.lines() {
                let _ = writeln!(out, "      {line}");
            }
        }
    }
    for path in &example.delete {
        let _ = writeln!(out, "    deleted {path}");
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Block => "block",
        Severity::Warn => "warn",
        Severity::Note => "note",
    }
}
