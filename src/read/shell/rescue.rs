//! What runs in place of a command that failed in, whether the script still fails out: `|| exit 1` is one thing, `|| curl` another.

use super::fate::Functions;
use super::lex::Word;
use super::parse::{AndOr, List, Pipeline, Simple, Stage, is_assignment};
use crate::source::Span;

/// Functions that call functions are followed this deep.
const MAX_DEPTH: usize = 6;
/// Only say something, look at something or move files, and pass.
const QUIET: &[&str] = &[
    "true", ":", "echo", "printf", "curl", "wget", "touch", "cat", "tee", "sleep", "date", "ls", "cp", "mv", "rm", "mkdir", "tar", "zip",
    "gzip", "head", "tail", "logger", "mail", "sendmail", "gh", "git", "find", "df", "du", "ps", "free", "env", "pwd", "set", "wait",
    "chmod", "chown", "ln", "cd", "pushd", "popd", "jq", "sed", "awk", "sort", "export", "unset", "local", "readonly", "declare",
];
/// Of these programs the parts that only show or clean up.
const SHOWING: &[&str] =
    &["logs", "log", "ps", "get", "describe", "inspect", "events", "cp", "down", "stop", "kill", "rm", "images", "version"];
/// Words of a command's name that say that it ends the script, or that it tries again.
const ENDING: &[&str] = &["die", "fail", "fails", "failure", "abort", "fatal", "bail", "panic", "throw", "exit", "retry", "rerun"];
/// Texts by which a script tells the system around it.
const TOLD: &[&str] = &["GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STATE", "##vso[task.", "##teamcity[build", "BASH_ENV"];

/// What is done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rescue {
    /// The script fails all the same, or decides later by what was noted.
    Decides,
    /// Nothing that can fail by intention.
    Quiet,
    /// A program that nothing is known of.
    Unknown,
}

/// What is looked at while judging.
#[derive(Clone, Copy)]
pub struct Scene<'s, 't> {
    pub text: &'s str,
    pub functions: &'s Functions<'t>,
    /// The command that failed: to run it again is to decide by the second run.
    pub failed: Option<&'s Simple>,
}

/// Judges the pipelines behind `||`.
pub fn of_chain<'p>(scene: Scene, chain: impl Iterator<Item = &'p Pipeline>) -> Rescue {
    worst(chain.map(|pipeline| of_pipeline(scene, pipeline, true, 0)))
}

pub fn of_list(scene: Scene, list: &List) -> Rescue {
    of_items(scene, list, 0)
}

fn of_items(scene: Scene, list: &List, depth: usize) -> Rescue {
    let count = list.items.len();
    worst(list.items.iter().enumerate().map(|(index, item)| of_item(scene, item, index + 1 == count, depth)))
}

fn of_item(scene: Scene, item: &AndOr, last: bool, depth: usize) -> Rescue {
    let pipelines = std::iter::once(&item.first).chain(item.rest.iter().map(|(_, pipeline)| pipeline));
    worst(pipelines.map(|pipeline| of_pipeline(scene, pipeline, last, depth)))
}

/// One part that decides is enough, and one that is not known leaves it open.
fn worst(all: impl Iterator<Item = Rescue>) -> Rescue {
    let mut found = Rescue::Quiet;
    for each in all {
        match each {
            Rescue::Decides => return Rescue::Decides,
            Rescue::Unknown => found = Rescue::Unknown,
            Rescue::Quiet => {}
        }
    }
    found
}

fn of_pipeline(scene: Scene, pipeline: &Pipeline, last: bool, depth: usize) -> Rescue {
    worst(pipeline.stages.iter().map(|stage| match stage {
        Stage::Simple(simple) => of_simple(scene, simple, last, depth),
        _ if depth > MAX_DEPTH => Rescue::Unknown,
        Stage::Group(list) | Stage::Subshell(list) => of_items(scene, list, depth + 1),
        Stage::Compound { conditions, bodies, .. } => worst(conditions.iter().chain(bodies).map(|list| of_items(scene, list, depth + 1))),
        Stage::Function(_) => Rescue::Quiet,
    }))
}

fn of_simple(scene: Scene, simple: &Simple, last: bool, depth: usize) -> Rescue {
    let words: Vec<&str> = simple.words.iter().map(|word| word.text.as_str()).collect();
    if noted(scene.text, simple) {
        return Rescue::Decides;
    }
    let Some((first, rest)) = words.split_first() else { return Rescue::Quiet };
    match (*first, rest) {
        ("exit" | "return", ["0"]) => return Rescue::Quiet,
        ("exit" | "return", [_, ..]) | ("false", _) | ("kill", ["$$", ..]) => return Rescue::Decides,
        // The status is that of the command before.
        ("exit" | "return", []) => return Rescue::Quiet,
        _ => {}
    }
    if let Some(body) = scene.functions.get(*first).filter(|_| depth <= MAX_DEPTH) {
        return of_items(scene, body, depth + 1);
    }
    if is_test(first) {
        return if last { Rescue::Decides } else { Rescue::Quiet };
    }
    let shows = matches!(*first, "docker" | "docker-compose" | "podman" | "kubectl" | "oc" | "helm" | "systemctl" | "aws" | "journalctl");
    if QUIET.contains(first) || *first == "journalctl" || shows && rest.iter().any(|word| SHOWING.contains(word)) {
        return Rescue::Quiet;
    }
    let again = scene.failed.and_then(|failed| failed.words.first()).is_some_and(|word| word.text == *first);
    let tests = words.iter().any(|word| !word.starts_with('-') && word.to_ascii_lowercase().contains("test"));
    if again || tests || first.to_ascii_lowercase().split(|c: char| !c.is_alphabetic()).any(|word| ENDING.contains(&word)) {
        return Rescue::Decides;
    }
    // A numeric expression in `(( … ))`, and a name that is assigned there.
    if simple.words.len() == 1 && assigned(&simple.words[0]).is_some() { Rescue::Quiet } else { Rescue::Unknown }
}

fn is_test(word: &str) -> bool {
    matches!(word, "[" | "test") || word.starts_with("[[")
}

/// The variable that a word sets: `rc=1`, `errors+=(x)`, `errors++`.
fn assigned(word: &Word) -> Option<&str> {
    let text = word.text.trim_start_matches("((").trim_start();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|end| *end > 0)?;
    let rest = &text[end..];
    (is_assignment(text) || rest.starts_with("++") || rest.starts_with("+=") || rest.starts_with("--")).then(|| &text[..end])
}

/// Sets a variable that an `exit` or a condition reads, or tells the system around the script.
fn noted(text: &str, simple: &Simple) -> bool {
    let words = || simple.assigned.iter().chain(&simple.words);
    let (Some(first), Some(last)) = (words().next(), words().last()) else { return false };
    let line = text.get(last.span.end..).and_then(|rest| rest.lines().next()).unwrap_or("");
    let own = text.get(first.span.start..last.span.end).unwrap_or("");
    if TOLD.iter().any(|told| own.contains(told) || line.contains(told)) {
        return true;
    }
    words().filter_map(assigned).any(|name| is_read(text, name, first.span.cover(last.span)))
}

/// Whether a line outside of `not` reads the variable and decides something by it.
pub fn is_read(text: &str, name: &str, not: Span) -> bool {
    let mut at = 0;
    text.split_inclusive('\n').any(|line| {
        let start = at;
        at += line.len();
        let reads = line.match_indices(name).any(|(found, _)| {
            let begins = line[..found].ends_with(['$', '{', '#', '!']) || line[..found].contains("((") || line[..found].contains("[[");
            let ends = !line[found + name.len()..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            begins && ends && !(not.start..not.end).contains(&(start + found))
        });
        let decides = ["exit", "return", "[", "test ", "((", "case ", "GITHUB_OUTPUT", "GITHUB_ENV", "##vso", "export "];
        reads && decides.iter().any(|part| line.contains(part))
    })
}
