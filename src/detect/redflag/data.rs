//! What a red-flag rule file says under `data:`: YAML in, checked patterns out. Adding a pattern needs no code.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use globset::GlobSet;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::finding::Severity;
use crate::read::added::Part;
use crate::read::rollback::glob_set;
use crate::rule::Rule;

/// One pattern of a rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    #[serde(rename = "in")]
    pub scope: Scope,
    /// Globs of the files that are searched; none means every file that is read.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Globs of files among them that are not.
    #[serde(default)]
    pub except: Vec<String>,
    /// Searched in each line of a text, or in the value of a key.
    #[serde(default)]
    pub pattern: Option<String>,
    /// Where this is found on the same line (for a key, in the same value), nothing is reported.
    #[serde(default)]
    pub unless: Option<String>,
    /// Where this is found in so many lines before or after, nothing is reported.
    #[serde(default)]
    pub unless_near: Option<Near>,
    /// Kinds of the object whose keys are meant; none means every document.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// Keys to the value, with dots between; `*` is every key or item.
    #[serde(default)]
    pub at: Option<String>,
    /// Keys that silence an object when they are there, as `at`.
    #[serde(default)]
    pub unless_at: Option<String>,
    /// Reported only where an object somewhere at head is like this.
    #[serde(default)]
    pub given: Option<Given>,
    /// Lower than the rule's own.
    #[serde(default)]
    pub severity: Option<Severity>,
    /// `{match}` is what was found.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    AddedCode,
    AddedComments,
    AddedProse,
    AddedCommands,
    /// Values of YAML and JSON on added lines.
    AddedKeys,
    /// Prose of the rollback documents that speak for the change.
    RollbackProse,
    /// Command lines of those documents.
    RollbackCommands,
    /// Messages of the change's commits.
    Commits,
    /// The message of the newest of them.
    NewestCommit,
}

impl Scope {
    pub fn part(self) -> Option<Part> {
        match self {
            Scope::AddedCode => Some(Part::Code),
            Scope::AddedComments => Some(Part::Comments),
            Scope::AddedProse => Some(Part::Prose),
            Scope::AddedCommands => Some(Part::Commands),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Near {
    pub pattern: String,
    pub lines: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    pub kinds: Vec<String>,
    pub at: String,
    pub pattern: String,
    /// What it is, for the finding.
    pub what: String,
}

/// A pattern that is ready to search. What a change does not need is never compiled: most changes need little of it.
pub struct Search {
    pub data: Pattern,
    pattern: OnceCell<Option<Regex>>,
    unless: OnceCell<Option<Regex>>,
    near: OnceCell<Option<Regex>>,
    paths: OnceCell<GlobSet>,
    except: OnceCell<GlobSet>,
}

impl Search {
    pub fn wants(&self, path: &str) -> bool {
        let fits = |cell: &OnceCell<GlobSet>, list: &[String]| cell.get_or_init(|| globs(list).unwrap_or_default()).is_match(path);
        (self.data.paths.is_empty() || fits(&self.paths, &self.data.paths))
            && (self.data.except.is_empty() || !fits(&self.except, &self.data.except))
    }

    pub fn pattern(&self) -> Option<&Regex> {
        ready(&self.pattern, self.data.pattern.as_deref())
    }

    pub fn unless(&self) -> Option<&Regex> {
        ready(&self.unless, self.data.unless.as_deref())
    }

    /// What silences a hit nearby, and within how many lines.
    pub fn near(&self) -> Option<(&Regex, usize)> {
        let near = self.data.unless_near.as_ref()?;
        Some((ready(&self.near, Some(&near.pattern))?, near.lines))
    }
}

/// Compiled at its first use. That it compiles is proved when the rule file is checked.
fn ready<'a>(cell: &'a OnceCell<Option<Regex>>, pattern: Option<&str>) -> Option<&'a Regex> {
    cell.get_or_init(|| pattern.and_then(|pattern| regex(pattern).ok())).as_ref()
}

fn globs(list: &[String]) -> Result<GlobSet, String> {
    glob_set(&list.iter().map(String::as_str).collect::<Vec<_>>()).map_err(|error| format!("data: {error}"))
}

/// The patterns of a rule, or what is wrong with their form.
pub fn searches(rule: &Rule) -> Result<Vec<Search>, String> {
    let mut data = rule.data.clone().ok_or("it has no `data`")?;
    data.apply_merge().map_err(|error| format!("data: {error}"))?;
    let patterns: Vec<Pattern> = serde_yaml::from_value(data).map_err(|error| format!("data: {error}"))?;
    let search = |data| Search {
        data,
        pattern: OnceCell::new(),
        unless: OnceCell::new(),
        near: OnceCell::new(),
        paths: OnceCell::new(),
        except: OnceCell::new(),
    };
    Ok(patterns.into_iter().map(search).collect())
}

/// What is wrong with the `data:` of a rule, down to each expression and glob in it.
pub fn problem(rule: &Rule) -> Result<(), String> {
    let searches = searches(rule)?;
    if searches.is_empty() {
        return Err("`data` has no pattern".to_owned());
    }
    for Search { data, .. } in &searches {
        let keys = data.scope == Scope::AddedKeys;
        if keys != data.at.is_some() || keys && data.paths.is_empty() {
            return Err("`at` and `paths` belong to `in: added-keys`, and it needs them".to_owned());
        }
        let pattern = data.pattern.as_deref().ok_or("it has no `pattern`")?;
        let others = [data.unless.as_deref(), data.unless_near.as_ref().map(|near| near.pattern.as_str())];
        for expression in others.into_iter().flatten().chain([pattern]) {
            regex(expression)?;
        }
        globs(&data.paths)?;
        globs(&data.except)?;
    }
    Ok(())
}

/// A compiled pattern; each is compiled once.
pub fn regex(pattern: &str) -> Result<Regex, String> {
    static KNOWN: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = known.get(pattern) {
        return Ok(found.clone());
    }
    let compiled = RegexBuilder::new(pattern).size_limit(1 << 22).build().map_err(|error| format!("data: {error}"))?;
    known.insert(pattern.to_owned(), compiled.clone());
    Ok(compiled)
}
