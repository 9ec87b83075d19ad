//! Runs the examples of a rule through the whole pipeline: a rule in, what its examples got wrong out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Example, Rule};
use crate::change::{self, ChangeSet, Commit, Revision, Snapshot};
use crate::error::Error;
use crate::finding::Severity;
use crate::read::evidence::Input;
use crate::settings::{self, Phase, Settings};
use crate::verdict::Outcome;

/// One way in which an example and the tool disagree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    pub example: String,
    pub kind: Kind,
    pub path: String,
    /// 1-based; 0 when the finding has no line.
    pub line: usize,
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Marked, and not found.
    Missing,
    /// Found, and not marked.
    Noisy,
    /// Found, but with another severity.
    Wrong,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Disagreement { example, kind, path, line, detail } = self;
        write!(f, "{kind:?} in example `{example}`, {path}:{line}: {detail}")
    }
}

/// The example shows the rule firing.
pub fn fires(rule: &Rule, example: &Example) -> bool {
    example.expect_at.is_some() || example.head.values().any(|text| markers(text).iter().any(|(_, id)| *id == rule.id))
}

/// Runs all examples of `rule`. `rules` are all rules, so that an example may mark findings of others.
pub fn verify(rule: &Rule, rules: &[Rule]) -> Result<Vec<Disagreement>, Error> {
    let mut all = Vec::new();
    for example in &rule.examples {
        let outcome = run(example, rules)?;
        all.extend(compare(rule, example, &outcome));
    }
    Ok(all)
}

/// The outcome of one example, as `check` would give it.
pub fn run(example: &Example, rules: &[Rule]) -> Result<Outcome, Error> {
    let (change, settings) = prepare(example)?;
    crate::inspect(change, settings, rules)
}

/// The change an example writes out, and the settings it is checked with.
pub fn prepare(example: &Example) -> Result<(ChangeSet, Settings), Error> {
    let mut head = example.base.clone();
    head.extend(example.head.clone());
    head.retain(|path, _| !example.delete.contains(path));
    let snapshot =
        |files: &BTreeMap<String, String>| Snapshot::from_memory(files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    let (base_tree, head_tree) = (snapshot(&example.base), snapshot(&head));
    let files = change::compare(&base_tree, &head_tree);
    let commits = example.commits.iter().map(|message| Commit { id: "0".repeat(40), message: message.clone(), committed: 0 }).collect();
    let head = match example.evidence.is_empty() {
        true => Revision::Directory,
        false => Revision::Commit { id: "0".repeat(40), tree: "0".repeat(40), committed: 0 },
    };
    let change = ChangeSet {
        base: Revision::Directory,
        head,
        origin: "an example".to_owned(),
        base_tree,
        head_tree,
        files,
        commits,
        notices: Vec::new(),
    };
    let mut settings = settings::load(&change, example.phase.unwrap_or(Phase::Merge))?;
    let input = |(path, text): (&String, &String)| Input { path: path.clone(), text: Ok(text.as_str().into()) };
    settings.evidence = example.evidence.iter().map(input).collect();
    settings.at = example.at;
    Ok((change, settings))
}

type Spot = (String, usize, String);

fn compare(rule: &Rule, example: &Example, outcome: &Outcome) -> Vec<Disagreement> {
    let mut wanted: BTreeSet<Spot> = BTreeSet::new();
    for (path, text) in &example.head {
        for (line, id) in markers(text) {
            wanted.insert((path.clone(), line, id.to_owned()));
        }
    }
    if let Some(path) = &example.expect_at {
        wanted.insert((path.clone(), 0, rule.id.clone()));
    }
    let named: BTreeSet<&str> = wanted.iter().map(|(_, _, id)| id.as_str()).chain([rule.id.as_str()]).collect();
    let mut found: BTreeMap<Spot, (Severity, String)> = BTreeMap::new();
    for finding in outcome.findings.iter().filter(|finding| named.contains(finding.rule.as_str())) {
        let line = finding.place.map_or(0, |place| outcome.inspection.sources.start(place).line);
        found.insert((finding.path.clone(), line, finding.rule.clone()), (finding.severity, finding.message.clone()));
    }
    let mut all = Vec::new();
    let mut add = |kind, spot: &Spot, detail: String| {
        all.push(Disagreement { example: example.name.clone(), kind, path: spot.0.clone(), line: spot.1, detail });
    };
    for spot in wanted.iter().filter(|spot| !found.contains_key(*spot)) {
        add(Kind::Missing, spot, format!("{} was expected", spot.2));
    }
    // A marker may name another rule that fires here too; only this rule's own extra findings are noise.
    for (spot, (_, message)) in found.iter().filter(|(spot, _)| !wanted.contains(*spot) && spot.2 == rule.id) {
        add(Kind::Noisy, spot, format!("{}: {message}", spot.2));
    }
    if let Some(severity) = example.severity {
        for (spot, (got, _)) in found.iter().filter(|(spot, (got, _))| spot.2 == rule.id && *got != severity) {
            add(Kind::Wrong, spot, format!("{} has severity {got:?}, not {severity:?}", spot.2));
        }
    }
    all
}

/// `expect: family/name[, family/name]` markers of a text, each with the 1-based line it speaks for: its own, or the next
/// line that is not blank when nothing but the comment stands on its own.
pub fn markers(text: &str) -> Vec<(usize, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let Some(at) = line.find("expect: ") else { continue };
        let own_line = ["--", "#", "//", "/*", "<!--"].iter().any(|opener| line.trim_start().starts_with(opener));
        let speaks_for_itself = line.contains("holdshort:");
        let target = match own_line && !speaks_for_itself {
            true => (number + 1..lines.len()).find(|next| !lines[*next].trim().is_empty()).unwrap_or(number),
            false => number,
        };
        for id in line[at + "expect: ".len()..].split(',') {
            let id = id.trim().split(|c: char| !(c.is_ascii_alphanumeric() || c == '/' || c == '-')).next().unwrap_or("");
            if id.contains('/') {
                found.push((target + 1, id));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_speaks_for_its_line_or_the_next() {
        let text = "SELECT 1; -- expect: lock/a\n-- expect: lock/b, lock/c\n\nSELECT 2;\n";
        assert_eq!(markers(text), [(1, "lock/a"), (4, "lock/b"), (4, "lock/c")]);
    }
}
