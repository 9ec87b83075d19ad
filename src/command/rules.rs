//! `holdshort rules` and `holdshort explain`: the rule pages, from the binary.

use super::print;
use crate::cli::RulesArgs;
use crate::error::{Error, ExitCode, UsageError};
use crate::rule;

pub fn list(args: &RulesArgs) -> Result<ExitCode, Error> {
    let rules = rule::load::builtin()?;
    let text = if args.markdown { rule::docs::table(&rules) } else { rule::docs::list(&rules) };
    print(|out| out.write_all(text.as_bytes()))?;
    Ok(ExitCode::Cleared)
}

pub fn explain(id: &str) -> Result<ExitCode, Error> {
    let rules = rule::load::builtin()?;
    let Some(rule) = rules.iter().find(|rule| rule.id == id) else {
        let close = rule::load::suggest(id, rules.iter().map(|rule| rule.id.as_str()));
        let help = match close {
            Some(close) => format!("did you mean `{close}`? `holdshort rules` lists all"),
            None => "`holdshort rules` lists all".to_owned(),
        };
        return Err(UsageError { message: format!("there is no rule `{id}`"), help: Some(help) }.into());
    };
    print(|out| out.write_all(rule::docs::explain(rule).as_bytes()))?;
    Ok(ExitCode::Cleared)
}
