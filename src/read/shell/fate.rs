//! Lists of pipelines in, each simple command with what its failure does to the script out.
//!
//! After the POSIX shell's `set -e` ("2.9.4.4" and "set"): it looks neither at the conditions of `if` and `while`, nor at `! a`,
//! nor at any but the last command of `a && b || c`.

use super::lex::substitutions;
use super::parse::{AndOr, List, Pipeline, Simple, Stage, parse};
use super::{Command, Fate, Options, Swallow};
use crate::source::Span;

pub fn commands(text: &str, list: &List, options: Options) -> Vec<Command> {
    let mut walk = Walk { text, options, pipe_read: text.contains("PIPESTATUS"), out: Vec::new(), depth: 0 };
    walk.list(list, &Fate::Fails);
    walk.out
}

struct Walk<'t> {
    text: &'t str,
    options: Options,
    /// The script looks at the statuses inside a pipe.
    pipe_read: bool,
    out: Vec<Command>,
    depth: usize,
}

impl Walk<'_> {
    /// `fate` is what happens when the list as a whole fails.
    fn list(&mut self, list: &List, fate: &Fate) {
        for (index, item) in list.items.iter().enumerate() {
            self.options_of(item);
            let last = index + 1 == list.items.len();
            let own = self.item_fate(list, index, last, fate);
            self.and_or(item, &own, last);
        }
    }

    fn item_fate(&self, list: &List, index: usize, last: bool, fate: &Fate) -> Fate {
        let item = &list.items[index];
        if let Some(by) = item.background {
            let waits = list.items[index + 1..].iter().any(|later| first_word(later) == Some("wait"));
            return if waits { Fate::Handled } else { Fate::Swallowed { how: Swallow::Background, by } };
        }
        if last || self.options.errexit {
            return fate.clone();
        }
        match list.items.get(index + 1).map(span_of) {
            Some(_) if self.status_is_read(list, index) => Fate::Handled,
            Some(by) => Fate::Swallowed { how: Swallow::NoErrexit, by },
            None => fate.clone(),
        }
    }

    /// Whether a command behind this one reads `$?` or `PIPESTATUS`.
    fn status_is_read(&self, list: &List, index: usize) -> bool {
        let from = span_of(&list.items[index]).end;
        let to = list.items.last().map_or(from, |item| span_of(item).end);
        let rest = self.text.get(from..to.max(from)).unwrap_or("");
        rest.contains("$?") || rest.contains("PIPESTATUS") || rest.contains("${?")
    }

    fn and_or(&mut self, item: &AndOr, fate: &Fate, last: bool) {
        let count = item.rest.len() + 1;
        for index in 0..count {
            let pipeline = if index == 0 { &item.first } else { &item.rest[index - 1].1 };
            let rescue = item.rest[index..].iter().find(|(and, _)| !and).map(|(_, pipeline)| pipeline);
            let own = match rescue {
                Some(rescue) if harmless(rescue) => Fate::Swallowed { how: Swallow::OrTrue, by: span_of_pipeline(rescue) },
                Some(rescue) if fails(rescue) => fate.clone(),
                Some(_) => Fate::Handled,
                None if index + 1 < count && !last && *fate == Fate::Fails => {
                    Fate::Swallowed { how: Swallow::AndList, by: span_of_pipeline(&item.rest[index].1) }
                }
                None => fate.clone(),
            };
            self.pipeline(pipeline, &own);
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, fate: &Fate) {
        let count = pipeline.stages.len();
        for (index, stage) in pipeline.stages.iter().enumerate() {
            let own = match index + 1 < count && !self.options.pipefail {
                _ if pipeline.negated => Fate::Handled,
                true if self.pipe_read => Fate::Handled,
                true => Fate::Swallowed { how: Swallow::Pipe, by: span_of_stage(&pipeline.stages[count - 1]) },
                false => fate.clone(),
            };
            self.stage(stage, &own);
        }
    }

    fn stage(&mut self, stage: &Stage, fate: &Fate) {
        match stage {
            Stage::Simple(simple) => self.simple(simple, fate),
            Stage::Group(list) => self.list(list, fate),
            Stage::Subshell(list) => {
                let before = self.options;
                self.list(list, fate);
                self.options = before;
            }
            Stage::Compound { conditions, bodies } => {
                conditions.iter().for_each(|list| self.list(list, &Fate::Handled));
                bodies.iter().for_each(|list| self.list(list, fate));
            }
            Stage::Function(list) => {
                let before = self.options;
                self.list(list, &Fate::Handled);
                self.options = before;
            }
        }
    }

    fn simple(&mut self, simple: &Simple, fate: &Fate) {
        for word in simple.assigned.iter().chain(&simple.words) {
            for (start, text) in substitutions(self.text, word, self.depth) {
                let alone = simple.words.is_empty();
                self.depth += 1;
                // The status of `x=$(a)` is a's; that of `echo $(a)` is echo's.
                let own = if alone { fate.clone() } else { Fate::Handled };
                let list = parse(text, start);
                self.list(&list, &own);
                self.depth -= 1;
            }
        }
        let (Some(first), Some(last)) = (simple.words.first(), simple.words.last()) else { return };
        self.out.push(Command {
            span: first.span.cover(last.span),
            words: simple.words.clone(),
            fate: fate.clone(),
            assigned: simple.assigned.iter().map(|word| word.text.clone()).collect(),
        });
    }

    /// `set -e`, `set +e`, `set -o pipefail`, `set -euo pipefail`.
    fn options_of(&mut self, item: &AndOr) {
        let Some(Stage::Simple(simple)) = item.first.stages.first() else { return };
        let words: Vec<&str> = simple.words.iter().map(|word| word.text.as_str()).collect();
        if words.first() != Some(&"set") {
            return;
        }
        for (index, word) in words.iter().enumerate().skip(1) {
            let (Some(sign), Some(flags)) = (word.chars().next().filter(|c| matches!(c, '-' | '+')), word.get(1..)) else { continue };
            let on = sign == '-';
            if flags.contains('e') {
                self.options.errexit = on;
            }
            if flags.ends_with('o') {
                match words.get(index + 1) {
                    Some(&"pipefail") => self.options.pipefail = on,
                    Some(&"errexit") => self.options.errexit = on,
                    _ => {}
                }
            }
        }
    }
}

fn simple_of(item: &AndOr) -> Option<&Simple> {
    match item.first.stages.as_slice() {
        [Stage::Simple(simple)] => Some(simple),
        _ => None,
    }
}

fn first_word(item: &AndOr) -> Option<&str> {
    simple_of(item).and_then(|simple| simple.words.first()).map(|word| word.text.as_str())
}

/// Does nothing but say something and pass.
fn harmless(pipeline: &Pipeline) -> bool {
    let quiet = |simple: &Simple| {
        let words: Vec<&str> = simple.words.iter().map(|word| word.text.as_str()).collect();
        matches!(words.as_slice(), ["true" | ":" | "echo" | "printf", ..] | ["exit" | "return", "0"])
    };
    match pipeline.stages.as_slice() {
        [Stage::Simple(simple)] => quiet(simple),
        [Stage::Group(list) | Stage::Subshell(list)] => {
            !list.items.is_empty() && list.items.iter().all(|item| item.rest.is_empty() && simple_of(item).is_some_and(quiet))
        }
        _ => false,
    }
}

/// Ends the script with a failure.
fn fails(pipeline: &Pipeline) -> bool {
    let ends = |simple: &Simple| {
        let words: Vec<&str> = simple.words.iter().map(|word| word.text.as_str()).collect();
        matches!(words.as_slice(), ["false"]) || matches!(words.as_slice(), ["exit" | "return", code, ..] if *code != "0")
    };
    match pipeline.stages.as_slice() {
        [Stage::Simple(simple)] => ends(simple),
        [Stage::Group(list) | Stage::Subshell(list)] => list.items.iter().any(|item| simple_of(item).is_some_and(ends)),
        _ => false,
    }
}

fn span_of(item: &AndOr) -> Span {
    let first = span_of_pipeline(&item.first);
    item.rest.iter().fold(first, |span, (_, pipeline)| span.cover(span_of_pipeline(pipeline)))
}

fn span_of_pipeline(pipeline: &Pipeline) -> Span {
    let mut spans = pipeline.stages.iter().map(span_of_stage);
    let first = spans.next().unwrap_or_default();
    spans.fold(first, Span::cover)
}

fn span_of_stage(stage: &Stage) -> Span {
    let lists = |lists: &mut dyn Iterator<Item = &List>| {
        let mut spans = lists.flat_map(|list| &list.items).map(span_of).filter(|span| !span.is_empty());
        let first = spans.next().unwrap_or_default();
        spans.fold(first, Span::cover)
    };
    match stage {
        Stage::Simple(simple) => {
            let mut spans = simple.assigned.iter().chain(&simple.words).map(|word| word.span);
            let first = spans.next().unwrap_or_default();
            spans.fold(first, Span::cover)
        }
        Stage::Group(list) | Stage::Subshell(list) | Stage::Function(list) => lists(&mut std::iter::once(list)),
        Stage::Compound { conditions, bodies } => lists(&mut conditions.iter().chain(bodies)),
    }
}
