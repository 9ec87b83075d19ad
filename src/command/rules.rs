//! `holdshort rules` and `holdshort explain`: the rule pages, from the binary.

use super::print;
use crate::cli::{DocFormat, RulesArgs};
use crate::error::{Error, ExitCode, UsageError};
use crate::report::{Style, json_text};
use crate::rule;

pub fn list(args: &RulesArgs, style: Style) -> Result<ExitCode, Error> {
    let rules = rule::load::builtin()?;
    match args.format {
        DocFormat::Text => print(|out| out.write_all(rule::docs::list(&rules, style).as_bytes()))?,
        DocFormat::Markdown => print(|out| out.write_all(rule::docs::table(&rules).as_bytes()))?,
        DocFormat::Json => print(|out| json_text::write(&rules, out))?,
    }
    Ok(ExitCode::Cleared)
}

pub fn explain(id: &str, format: DocFormat, style: Style) -> Result<ExitCode, Error> {
    let rules = rule::load::builtin()?;
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
