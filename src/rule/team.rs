//! Rules that a team writes for itself: a tree and the policy in, checked rules out. Their `when` is CEL over what `holdshort facts` prints.

use globset::GlobSet;

use super::{Origin, Rule, cel};
use crate::change::{Snapshot, Text};
use crate::error::{Error, PolicyError};
use crate::read::rollback::glob_set;
use crate::read::tree::{Syntax, parse as parse_tree};
use crate::settings::Policy;
use crate::source::LineIndex;

/// Where team rules are, from the root of the repository.
pub const DIRECTORY: &str = ".holdshort/rules";

const MAX_FILES: usize = 500;
const MAX_BYTES: usize = 256 * 1024;

/// The built-in rules and those of the team, in `tree`: the one whose policy counts.
pub fn with_builtin(tree: &Snapshot, policy: &Policy) -> Result<Vec<Rule>, Error> {
    let mut rules = super::load::builtin()?;
    rules.extend(load(tree, policy)?);
    Ok(rules)
}

/// The same with the examples of the built-in rules, for those who read them.
pub fn with_documented(tree: &Snapshot, policy: &Policy) -> Result<Vec<Rule>, Error> {
    let mut rules = super::load::documented()?;
    rules.extend(load(tree, policy)?);
    Ok(rules)
}

/// A file that holds a team rule, by its path.
pub fn is_rule_file(path: &str, policy: &Policy) -> bool {
    named(policy).is_ok_and(|globs| wanted(path, &globs))
}

fn named(policy: &Policy) -> Result<GlobSet, globset::Error> {
    glob_set(&policy.team_rules.iter().map(String::as_str).collect::<Vec<_>>())
}

fn wanted(path: &str, globs: &GlobSet) -> bool {
    let below = path.strip_prefix(DIRECTORY).is_some_and(|rest| rest.starts_with('/'));
    (below || globs.is_match(path)) && (path.ends_with(".yaml") || path.ends_with(".yml"))
}

fn load(tree: &Snapshot, policy: &Policy) -> Result<Vec<Rule>, Error> {
    // The policy's globs are checked when it is read.
    let Ok(globs) = named(policy) else { return Ok(Vec::new()) };
    let mut rules: Vec<Rule> = Vec::new();
    for (number, entry) in tree.entries.iter().filter(|entry| wanted(&entry.path, &globs)).enumerate() {
        let wrong = |message: String| PolicyError { path: entry.path.clone(), position: None, message, help: None };
        if number >= MAX_FILES {
            return Err(wrong(format!("there are more than {MAX_FILES} team rules")).into());
        }
        let text = match tree.read(entry)? {
            Text::Utf8(text) if text.len() <= MAX_BYTES => text,
            Text::Utf8(_) => return Err(wrong(format!("a rule file has at most {MAX_BYTES} bytes")).into()),
            _ => return Err(wrong("this team rule cannot be read as text; make it a regular UTF-8 file".to_owned()).into()),
        };
        let rule = parse(&entry.path, &text)?;
        if let Some(other) = rules.iter().find(|other| other.id == rule.id) {
            let first = other.origin.as_ref().map_or("", |origin| origin.path.as_str());
            return Err(wrong(format!("the rule `{}` is also in {first}", rule.id)).into());
        }
        rules.push(rule);
    }
    Ok(rules)
}

/// Reads one rule file. The error names the line.
pub fn parse(path: &str, text: &str) -> Result<Rule, PolicyError> {
    let lines = LineIndex::new(text);
    let at = |offset: usize| Some(lines.position(text, offset));
    let error = |position, message: String, help: Option<String>| PolicyError { path: path.to_owned(), position, message, help };
    let mut rule: Rule = serde_yaml::from_str(text).map_err(|problem| {
        let position = problem.location().and_then(|place| at(place.index()));
        error(position, problem.to_string(), Some("`holdshort explain` shows the form of a rule; unknown keys are errors".to_owned()))
    })?;
    let tree = parse_tree(text, Syntax::Yaml);
    let key = |name: &str| {
        let found = tree.documents.first().and_then(|root| root.entry(name)).map(|(key, _)| key.span.start);
        at(found.unwrap_or(0))
    };
    if let Some((name, problem)) = problem(path, &rule) {
        return Err(error(key(name), problem, None));
    }
    let condition = rule.when.clone().unwrap_or_default();
    if let Err(problem) = cel::with_room(|| cel::compile(&condition).map(|_| ())) {
        let help = "`when` is an expression of the Common Expression Language over `fact` and `facts`".to_owned();
        return Err(error(key("when"), format!("`when` cannot be read: {problem}"), Some(help)));
    }
    rule.origin = Some(Origin { path: path.to_owned(), when: key("when") });
    Ok(rule)
}

/// The key that is wrong, and how.
fn problem(path: &str, rule: &Rule) -> Option<(&'static str, String)> {
    let stem = path.strip_suffix(".yaml").or_else(|| path.strip_suffix(".yml")).unwrap_or(path);
    let wanted = match stem.strip_prefix(DIRECTORY) {
        Some(below) => format!("team{below}"),
        None => format!("team/{}", stem.rsplit('/').next().unwrap_or(stem)),
    };
    if rule.id != wanted {
        return Some(("id", format!("the id of the rule in this file is `{wanted}`, not `{}`", rule.id)));
    }
    if rule.when.is_none() {
        return Some(("id", "a team rule needs `when`".to_owned()));
    }
    if rule.message.as_deref().is_none_or(|message| message.trim().is_empty()) {
        return Some(("id", "a team rule needs a `message`".to_owned()));
    }
    if rule.detector.is_some() || rule.data.is_some() || !rule.options.is_empty() {
        return Some(("detector", "`detector`, `data` and `options` belong to built-in rules; a team rule has `when`".to_owned()));
    }
    (rule.why.trim().is_empty() || rule.remedy.trim().is_empty()).then(|| ("why", "`why` and `remedy` have to say something".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "id: team/money\ntitle: No floats for money\ngate: migrations-compatible\nseverity: warn\nfor_each: added.*.lines.*\nwhen: fact.text.contains('float')\nmessage: 'float in {fact.text}'\nwhy: Floats lose cents.\nremedy: Use numeric.\n";

    #[test]
    fn a_rule_is_read_with_the_place_of_its_condition() {
        let rule = parse(".holdshort/rules/money.yaml", RULE).expect("a rule");
        assert_eq!(rule.origin.expect("an origin").when.map(|at| at.line), Some(6));
    }

    #[test]
    fn a_broken_rule_names_its_line() {
        for (from, to, line, word) in [
            ("contains('float')", "contains('float'", 6, "column"),
            ("id: team/money", "id: team/cash", 1, "team/money"),
            ("when: fact.text.contains('float')\n", "", 1, "when"),
            ("severity: warn", "severity: loud", 4, "loud"),
            ("severity: warn", "severity: warn\nseverty: note", 5, "severty"),
            ("severity: warn", "severity: warn\ndetector: schema.drop_column", 5, "built-in"),
        ] {
            let text = RULE.replace(from, to);
            let problem = parse(".holdshort/rules/money.yaml", &text).expect_err(to);
            assert!(problem.message.contains(word), "{to}: {}", problem.message);
            assert_eq!(problem.position.map(|at| at.line), Some(line), "{to}: {}", problem.message);
        }
    }
}
