//! What a red-flag rule file says under `data:`: YAML in, checked patterns out. Adding a pattern needs no code.

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

/// A pattern that is ready to search.
pub struct Search {
    pub data: Pattern,
    pub pattern: Option<Regex>,
    pub unless: Option<Regex>,
    pub near: Option<(Regex, usize)>,
    paths: GlobSet,
    except: GlobSet,
}

impl Search {
    pub fn wants(&self, path: &str) -> bool {
        (self.data.paths.is_empty() || self.paths.is_match(path)) && !self.except.is_match(path)
    }
}

/// The patterns of a rule, or what is wrong with them.
pub fn searches(rule: &Rule) -> Result<Vec<Search>, String> {
    let mut data = rule.data.clone().ok_or("it has no `data`")?;
    data.apply_merge().map_err(|error| format!("data: {error}"))?;
    let patterns: Vec<Pattern> = serde_yaml::from_value(data).map_err(|error| format!("data: {error}"))?;
    if patterns.is_empty() {
        return Err("`data` has no pattern".to_owned());
    }
    patterns.into_iter().map(search).collect()
}

fn search(data: Pattern) -> Result<Search, String> {
    let keys = data.scope == Scope::AddedKeys;
    if keys != data.at.is_some() || keys && data.paths.is_empty() {
        return Err("`at` and `paths` belong to `in: added-keys`, and it needs them".to_owned());
    }
    if data.pattern.is_none() {
        return Err("it has no `pattern`".to_owned());
    }
    let compiled = |pattern: &Option<String>| pattern.as_deref().map(regex).transpose();
    let globs = |list: &[String]| glob_set(&list.iter().map(String::as_str).collect::<Vec<_>>()).map_err(|error| format!("data: {error}"));
    Ok(Search {
        pattern: compiled(&data.pattern)?,
        unless: compiled(&data.unless)?,
        near: data.unless_near.as_ref().map(|near| Ok::<_, String>((regex(&near.pattern)?, near.lines))).transpose()?,
        paths: globs(&data.paths)?,
        except: globs(&data.except)?,
        data,
    })
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
