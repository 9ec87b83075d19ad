//! `holdshort rules` and `holdshort explain`: the rule pages, from the binary and the team's own; `rules test` runs the examples.

use std::path::{Path, PathBuf};

use super::print;
use crate::change::{Snapshot, git, tree};
use crate::cli::{DocFormat, RulesArgs};
use crate::error::{Error, ExitCode, UsageError};
use crate::report::escape::one_line;
use crate::report::{Style, json_text};
use crate::rule::{self, Rule};
use crate::settings::{self, POLICY_FILE, Policy};

/// The built-in rules and those of the team in the working tree around here.
fn here() -> Result<Vec<Rule>, Error> {
    let repo = git::open(Path::new("."), None)?;
    let root = repo.as_ref().and_then(|repo| repo.workdir()).map_or_else(|| PathBuf::from("."), Path::to_owned);
    let directory = root.join(".holdshort");
    let policy = match std::fs::read_to_string(root.join(POLICY_FILE)) {
        Ok(text) => settings::parse_policy(POLICY_FILE, &text)?.0,
        Err(_) => Policy::default(),
    };
    let files = if !policy.team_rules.is_empty() {
        tree::read_directory(&root)?
    } else if directory.is_dir() {
        let mut files = tree::read_directory(&directory)?;
        files.entries.iter_mut().for_each(|entry| entry.path.insert_str(0, ".holdshort/"));
        files
    } else {
        Snapshot::default()
    };
    rule::team::with_documented(&files, &policy)
}

/// Runs the examples of the team rules here.
pub fn test() -> Result<ExitCode, Error> {
    let rules = here()?;
    let mut out = String::new();
    let mut code = ExitCode::Cleared;
    for rule in rules.iter().filter(|rule| rule.origin.is_some()) {
        let mut wrong: Vec<String> = rule::verify::verify(rule, &rules)?.iter().map(ToString::to_string).collect();
        if !rule.examples.iter().any(|example| rule::verify::fires(rule, example)) {
            wrong.push("no example shows it firing".to_owned());
        }
        match wrong.is_empty() {
            true => out.push_str(&format!("ok      {} ({} examples)\n", rule.id, rule.examples.len())),
            false => code = ExitCode::Hold,
        }
        wrong.iter().for_each(|line| out.push_str(&format!("failed  {}: {}\n", rule.id, one_line(line))));
    }
    if out.is_empty() {
        out.push_str(&format!("there are no team rules in {}\n", rule::team::DIRECTORY));
    }
    print(|to| to.write_all(out.as_bytes()))?;
    Ok(code)
}

pub fn list(args: &RulesArgs, style: Style) -> Result<ExitCode, Error> {
    let rules = here()?;
    match args.format {
        DocFormat::Text => print(|out| out.write_all(rule::docs::list(&rules, style).as_bytes()))?,
        DocFormat::Markdown => print(|out| out.write_all(rule::docs::table(&rules).as_bytes()))?,
        DocFormat::Json => print(|out| json_text::write(&rules, out))?,
    }
    Ok(ExitCode::Cleared)
}

pub fn explain(id: &str, format: DocFormat, style: Style) -> Result<ExitCode, Error> {
    let rules = here()?;
    let Some(rule) = rules.iter().find(|rule| rule.id == id) else {
        let close = rule::load::suggest(id, rules.iter().map(|rule| rule.id.as_str()));
        let help = match close {
            Some(close) => format!("did you mean `{close}`? `holdshort rules` lists all"),
            None => "`holdshort rules` lists all".to_owned(),
        };
        return Err(UsageError { message: format!("there is no rule `{id}`"), help: Some(help) }.into());
    };
    match format {
        DocFormat::Text => print(|out| out.write_all(rule::docs::explain(rule, style).as_bytes()))?,
        DocFormat::Markdown => print(|out| out.write_all(rule::docs::markdown(rule).as_bytes()))?,
        DocFormat::Json => print(|out| json_text::write(rule, out))?,
    }
    Ok(ExitCode::Cleared)
}
