//! Rule files in, checked rules out. Loading is strict: what a rule file says is what the tool does.

use std::collections::BTreeSet;

use super::Rule;
use crate::detect;
use crate::error::PolicyError;
use crate::source::LineIndex;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/rules.rs"));
}

/// Families a built-in rule may belong to.
pub const FAMILIES: [&str; 11] =
    ["schema", "lock", "migration", "flag", "rollback", "rollout", "pipeline", "redflag", "release", "evidence", "policy"];

/// The rules in the binary, by id, without their examples: what a check needs, read fast.
pub fn builtin() -> Result<Vec<Rule>, PolicyError> {
    const BARE: &str = include_str!(concat!(env!("OUT_DIR"), "/rules.json"));
    serde_json::from_str(BARE).map_err(|error| PolicyError {
        path: "rules".to_owned(),
        position: None,
        message: error.to_string(),
        help: None,
    })
}

/// The rules in the binary, by id, as their files have them.
pub fn documented() -> Result<Vec<Rule>, PolicyError> {
    embedded::RULES.iter().map(|(path, text)| parse(path, text)).collect()
}

/// Reads one rule file; `path` is its place below `rules/`.
pub fn parse(path: &str, text: &str) -> Result<Rule, PolicyError> {
    let rule: Rule = serde_yaml::from_str(text).map_err(|error| PolicyError {
        path: format!("rules/{path}"),
        position: error.location().map(|at| LineIndex::new(text).position(text, at.index())),
        message: error.to_string(),
        help: None,
    })?;
    match problem(path, &rule) {
        None => Ok(rule),
        Some(message) => Err(PolicyError { path: format!("rules/{path}"), position: None, message, help: None }),
    }
}

fn problem(path: &str, rule: &Rule) -> Option<String> {
    if format!("{}.yaml", rule.id) != path {
        return Some(format!("the id `{}` is not the file's path", rule.id));
    }
    if !rule.id.split_once('/').is_some_and(|(family, _)| FAMILIES.contains(&family)) {
        return Some(format!("`{}` belongs to no family; families are {}", rule.id, FAMILIES.join(", ")));
    }
    if rule.when.is_some() || rule.for_each.is_some() || rule.message.is_some() {
        return Some("`when`, `for_each` and `message` belong to team rules".to_owned());
    }
    match &rule.detector {
        None => return Some("it names no detector".to_owned()),
        Some(name) if detect::detector(name).is_none() => {
            let close = suggest(name, detect::FAMILIES.iter().copied().flatten().map(|(known, _)| *known));
            let hint = close.map(|close| format!(", did you mean `{close}`?")).unwrap_or_default();
            return Some(format!("there is no detector `{name}`{hint}"));
        }
        Some(_) => {}
    }
    if let Some(problem) = detect::redflag::problem(rule) {
        return Some(problem);
    }
    // A remedy may end in the statements to paste.
    let sentence = |text: &str| text.len() >= 40 && text.contains(['.', ':']);
    if !sentence(rule.why.trim()) || !rule.why.trim().ends_with(['.', ')']) {
        return Some("`why` is not a full sentence".to_owned());
    }
    if !sentence(rule.remedy.trim()) {
        return Some("`remedy` is not a full sentence".to_owned());
    }
    let firing = rule.examples.iter().filter(|example| super::verify::fires(rule, example)).count();
    if firing == 0 || firing == rule.examples.len() {
        return Some("it needs at least one example that fires and one that stays silent".to_owned());
    }
    let names: BTreeSet<&str> = rule.examples.iter().map(|example| example.name.as_str()).collect();
    (names.len() < rule.examples.len()).then(|| "two examples have the same name".to_owned())
}

/// The candidate closest to a misspelt word, if one is close enough to be meant.
pub fn suggest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(2);
    candidates.map(|candidate| (distance(word, candidate), candidate)).filter(|(d, _)| *d <= limit).min().map(|(_, candidate)| candidate)
}

/// Edit distance by insertion, deletion and replacement.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_rule_loads() {
        let rules = documented().expect("built-in rules are checked");
        assert!(rules.windows(2).all(|pair| pair[0].id < pair[1].id));
    }

    #[test]
    fn a_check_reads_the_same_rules() {
        let mut whole = documented().expect("built-in rules are checked");
        whole.iter_mut().for_each(|rule| rule.examples.clear());
        let json = |rules: &[Rule]| serde_json::to_string(rules).expect("a rule is JSON");
        assert_eq!(json(&builtin().expect("the embedded rules are read")), json(&whole));
    }

    #[test]
    fn a_rule_file_is_read_strictly() {
        let (path, text) = embedded::RULES[0];
        let broken = |text: String| parse(path, &text).map(|_| ()).unwrap_err().message;
        assert!(broken(format!("{text}\nseverty: block\n")).contains("severty"));
        assert!(parse("lock/other.yaml", text).unwrap_err().message.contains("not the file's path"));
        let undetected = text.replacen("detector: ", "detector: x", 1);
        assert!(broken(undetected).contains("no detector"));
    }

    #[test]
    fn a_misspelt_word_finds_its_neighbour() {
        assert_eq!(suggest("lock/tabel-rewrite", ["lock/table-rewrite", "flag/x"].into_iter()), Some("lock/table-rewrite"));
        assert_eq!(suggest("zzz", ["lock/table-rewrite"].into_iter()), None);
    }
}
