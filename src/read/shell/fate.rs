//! Lists of pipelines in, each simple command with what its failure does to the script out.
//!
//! After the POSIX shell's `set -e` ("2.9.4.4" and "set"): it looks neither at the conditions of `if` and `while`, nor at `! a`,
//! nor at any but the last command of `a && b || c`.

use std::collections::BTreeMap;

use super::lex::{Word, substitutions};
use super::parse::{AndOr, List, Pipeline, Simple, Stage, parse};
use super::rescue::{self, Rescue, Scene};
use super::{Command, Fate, Options, Swallow};
use crate::source::Span;

/// Texts given to a shell inside each other, and functions that call functions.
const MAX_DEPTH: usize = 16;
/// Calls of functions that are followed.
const MAX_CALLS: usize = 200;

/// The functions of a script by name.
pub type Functions<'t> = BTreeMap<&'t str, &'t List>;

pub fn commands(text: &str, list: &List, options: Options) -> Vec<Command> {
    nested(text, list, options, 0)
}

fn nested(text: &str, list: &List, options: Options, depth: usize) -> Vec<Command> {
    let mut functions = Functions::new();
    definitions(list, &mut functions, 0);
    let pipe_read = text.contains("PIPESTATUS");
    let mut walk = Walk { text, options, pipe_read, out: Vec::new(), depth, functions, called: Vec::new(), open: Vec::new() };
    walk.list(list, &Fate::Fails);
    walk.uncalled();
    strongest(walk.out)
}

/// A function that is called twice has its commands twice: what happens is the worse of both for who wants them swallowed.
fn strongest(commands: Vec<Command>) -> Vec<Command> {
    let rank = |command: &Command| match command.fate {
        Fate::Fails => 0,
        Fate::Handled => 1,
        Fate::Swallowed { .. } => 2,
    };
    let mut all: Vec<Command> = Vec::new();
    let mut at: BTreeMap<(usize, usize, String), usize> = BTreeMap::new();
    for command in commands {
        let key = (command.span.start, command.span.end, command.text());
        match at.get(&key) {
            Some(known) if rank(&command) < rank(&all[*known]) => all[*known] = command,
            Some(_) => {}
            None => {
                at.insert(key, all.len());
                all.push(command);
            }
        }
    }
    all
}

fn definitions<'t>(list: &'t List, out: &mut Functions<'t>, depth: usize) {
    for item in &list.items {
        let rest = item.rest.iter().map(|(_, pipeline)| pipeline);
        for stage in std::iter::once(&item.first).chain(rest).flat_map(|pipeline| &pipeline.stages) {
            match stage {
                _ if depth > MAX_DEPTH => {}
                Stage::Simple(_) => {}
                Stage::Group(list) | Stage::Subshell(list) => definitions(list, out, depth + 1),
                Stage::Compound { conditions, bodies, .. } => {
                    conditions.iter().chain(bodies).for_each(|list| definitions(list, out, depth + 1));
                }
                Stage::Function(function) => {
                    out.entry(&function.name).or_insert(&function.body);
                    definitions(&function.body, out, depth + 1);
                }
            }
        }
    }
}

struct Walk<'t> {
    text: &'t str,
    options: Options,
    /// The script looks at the statuses inside a pipe.
    pipe_read: bool,
    out: Vec<Command>,
    depth: usize,
    functions: Functions<'t>,
    /// Functions that something calls, and those that are being walked through.
    called: Vec<String>,
    open: Vec<String>,
}

impl Walk<'_> {
    /// `fate` is what happens when the list as a whole fails.
    fn list(&mut self, list: &List, fate: &Fate) {
        let mut ended: Option<Span> = None;
        for (index, item) in list.items.iter().enumerate() {
            self.options_of(item);
            let last = index + 1 == list.items.len();
            let own = match ended {
                Some(by) => Fate::Swallowed { how: Swallow::NeverRuns, by },
                None => self.item_fate(list, index, last, fate),
            };
            self.and_or(item, &own, last);
            if ended.is_none() && ends_well(item, index) {
                ended = Some(span_of(item));
            }
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
        let never = |by: Span| Fate::Swallowed { how: Swallow::NeverRuns, by };
        for index in 0..count {
            let pipeline = if index == 0 { &item.first } else { &item.rest[index - 1].1 };
            let rescue = item.rest[index..].iter().position(|(and, _)| !and).map(|at| &item.rest[index + at..]);
            let own = match rescue {
                Some([(_, rescue), ..]) if fails(rescue) => fate.clone(),
                Some(tail @ [(_, rescue), ..]) => {
                    let scene = Scene { text: self.text, functions: &self.functions, failed: simple_in(pipeline) };
                    let chain = tail.iter().map(|(_, pipeline)| pipeline);
                    judged(rescue::of_chain(scene, chain), span_of_pipeline(rescue))
                }
                _ if index + 1 < count && !last && *fate == Fate::Fails => {
                    Fate::Swallowed { how: Swallow::AndList, by: span_of_pipeline(&item.rest[index].1) }
                }
                _ => fate.clone(),
            };
            let skipped = index > 0 && item.rest[index - 1].0 != (constant(&item.first) == Some(true));
            let own = match constant(&item.first).filter(|_| index == 1 && skipped) {
                Some(_) => never(span_of_pipeline(&item.first)),
                None if matches!(fate, Fate::Swallowed { how: Swallow::NeverRuns, .. }) => fate.clone(),
                None => own,
            };
            self.pipeline(pipeline, &own);
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, fate: &Fate) {
        let count = pipeline.stages.len();
        for (index, stage) in pipeline.stages.iter().enumerate() {
            let own = match index + 1 < count && !self.options.pipefail {
                _ if pipeline.negated && *fate == Fate::Fails => Fate::Handled,
                _ if pipeline.negated => fate.clone(),
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
            Stage::Compound { branches, conditions, bodies } => self.compound(*branches, conditions, bodies, fate),
            // Its commands run where it is called.
            Stage::Function(_) => {}
        }
    }

    fn compound(&mut self, branches: bool, conditions: &[List], bodies: &[List], fate: &Fate) {
        let never = |by: Span| Fate::Swallowed { how: Swallow::NeverRuns, by };
        if let Fate::Swallowed { how: Swallow::NeverRuns, .. } = fate {
            conditions.iter().chain(bodies).for_each(|list| self.list(list, fate));
            return;
        }
        for (index, condition) in conditions.iter().enumerate() {
            let own = if branches { self.of_condition(conditions, bodies, index) } else { Fate::Handled };
            let before = self.options;
            // Only the last command of a condition decides, and `-e` looks at none.
            self.list(condition, &own);
            self.options = before;
        }
        for (index, body) in bodies.iter().enumerate() {
            let own = conditions.get(index).and_then(constant_list).filter(|value| branches && !value);
            let taken = conditions.iter().take(index).find(|list| branches && constant_list(list) == Some(true));
            let by = own.and(conditions.get(index)).or(taken).map(span_of_list);
            let own = by.map_or_else(|| fate.clone(), never);
            self.list(body, &own);
        }
    }

    /// What the failure of a condition of `if` does: the script goes on in the branch that it chooses.
    fn of_condition(&self, conditions: &[List], bodies: &[List], index: usize) -> Fate {
        let [item] = conditions[index].items.as_slice() else { return Fate::Handled };
        let scene = Scene { text: self.text, functions: &self.functions, failed: simple_in(&item.first) };
        // The branches that a failure leads to: the own one of `if ! a`, else those behind it.
        let (reached, passed) = match item.first.negated {
            true => (&bodies[index..=index.min(bodies.len().saturating_sub(1))], &bodies[..0]),
            false => (&bodies[(index + 1).min(bodies.len())..], &bodies[index.min(bodies.len())..(index + 1).min(bodies.len())]),
        };
        // Further conditions may look at anything.
        if conditions.len() > index + 1 && !item.first.negated {
            return Fate::Handled;
        }
        let span = span_of_list(&conditions[index]);
        match reached {
            // Without `else` a failure is passed over, unless what a success does is looked at: `ok=1`, `exit 0` in a loop.
            [] => match passed.iter().any(|list| speaks_of_success(self.text, list)) {
                true => Fate::Handled,
                false => Fate::Swallowed { how: Swallow::Rescue, by: span },
            },
            all => {
                let by = all.first().map(span_of_list).filter(|span| !span.is_empty()).unwrap_or(span);
                all.iter().map(|list| rescue::of_list(scene, list)).map(|rescue| judged(rescue, by)).next().unwrap_or(Fate::Handled)
            }
        }
    }

    fn simple(&mut self, simple: &Simple, fate: &Fate) {
        for word in simple.assigned.iter().chain(&simple.words) {
            for (start, text) in substitutions(self.text, word, self.depth) {
                self.depth += 1;
                let own = inside(simple, fate);
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
        self.call(&first.text, fate);
        if let Some((script, options)) = given_to_shell(simple) {
            self.shell_text(script, options, fate);
        }
    }

    /// The body of a function, with the fate of its call.
    fn call(&mut self, name: &str, fate: &Fate) {
        let Some(body) = self.functions.get(name).copied() else { return };
        self.called.push(name.to_owned());
        if self.open.len() >= MAX_DEPTH || self.open.iter().any(|open| open == name) || self.called.len() > MAX_CALLS {
            return;
        }
        self.open.push(name.to_owned());
        self.list(body, fate);
        self.open.pop();
    }

    /// `sh -c '…'`: a script of its own, whose failure is that of the command.
    fn shell_text(&mut self, word: &Word, options: Options, fate: &Fate) {
        if self.depth >= MAX_DEPTH {
            return;
        }
        let list = parse(&word.text, 0);
        let written = word.span.text(self.text);
        // Where nothing is escaped, the text lies behind the quote.
        let shift = written.find(word.text.as_str()).map(|at| word.span.start + at).filter(|_| !word.text.is_empty());
        let place = |span: Span| shift.map_or(word.span, |by| span.shift(by));
        for mut command in nested(&word.text, &list, options, self.depth + 1) {
            command.span = place(command.span);
            command.words.iter_mut().for_each(|word| word.span = place(word.span));
            command.fate = match command.fate {
                Fate::Fails => fate.clone(),
                Fate::Swallowed { how, by } => Fate::Swallowed { how, by: place(by) },
                Fate::Handled => Fate::Handled,
            };
            self.out.push(command);
        }
    }

    /// Functions that nothing calls: dead, or meant for who reads this script in.
    fn uncalled(&mut self) {
        let library = ["$@", "$*", "$1", "${1", "eval ", "export -f", "trap "].iter().any(|part| self.text.contains(part));
        for (name, body) in self.functions.clone() {
            if self.called.iter().any(|called| called == name) {
                continue;
            }
            // Named as an argument: `retry 3 run`.
            let named = self.out.iter().any(|command| command.words.iter().skip(1).any(|word| word.text == name));
            let never = Fate::Swallowed { how: Swallow::NeverRuns, by: span_of_list(body) };
            let before = self.options;
            self.open.push(name.to_owned());
            self.list(body, if library || named { &Fate::Handled } else { &never });
            self.open.pop();
            self.options = before;
        }
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

/// The command that a pipeline consists of.
fn simple_in(pipeline: &Pipeline) -> Option<&Simple> {
    match pipeline.stages.as_slice() {
        [Stage::Simple(simple)] => Some(simple),
        _ => None,
    }
}

fn judged(rescue: Rescue, by: Span) -> Fate {
    match rescue {
        Rescue::Decides => Fate::Handled,
        Rescue::Quiet => Fate::Swallowed { how: Swallow::OrTrue, by },
        Rescue::Unknown => Fate::Swallowed { how: Swallow::Rescue, by },
    }
}

/// The fate of a command in `$(…)` of another.
fn inside(simple: &Simple, fate: &Fate) -> Fate {
    let Some(first) = simple.words.first() else {
        // The status of `x=$(a)` is a's.
        return fate.clone();
    };
    match first.text.as_str() {
        "[" | "test" | "exit" | "return" | "case" | "for" => Fate::Handled,
        text if text.starts_with("[[") => Fate::Handled,
        _ => Fate::Swallowed { how: Swallow::Substitution, by: first.span },
    }
}

/// `exit 0` alone: nothing behind it runs. A bare `exit` takes the status of what ran before, which `-e` let pass.
fn ends_well(item: &AndOr, index: usize) -> bool {
    let Some(simple) = simple_of(item).filter(|_| item.rest.is_empty() && !item.first.negated && item.background.is_none()) else {
        return false;
    };
    let words: Vec<&str> = simple.words.iter().map(|word| word.text.as_str()).collect();
    matches!(words.as_slice(), ["exit" | "return", "0"]) || index > 0 && words == ["exit"] || words == ["circleci-agent", "step", "halt"]
}

/// Whether a pipeline is `true` or `false`, whatever happens.
fn constant(pipeline: &Pipeline) -> Option<bool> {
    let [Stage::Simple(simple)] = pipeline.stages.as_slice() else { return None };
    let [word] = simple.words.as_slice() else { return None };
    match word.text.as_str() {
        "true" | ":" => Some(!pipeline.negated),
        "false" => Some(pipeline.negated),
        _ => None,
    }
}

fn constant_list(list: &List) -> Option<bool> {
    let [item] = list.items.as_slice() else { return None };
    let chain = item.rest.first();
    match (constant(&item.first), chain) {
        (value, None) => value,
        (Some(false), Some((true, _))) => Some(false),
        (Some(true), Some((false, _))) => Some(true),
        _ => None,
    }
}

/// What stands in the branch of a success makes its absence visible.
fn speaks_of_success(text: &str, list: &List) -> bool {
    list.items.iter().any(|item| {
        let words = |pipeline: &Pipeline| -> bool {
            let Some(simple) = simple_in(pipeline) else { return false };
            let set = simple.assigned.iter().chain(&simple.words).filter_map(|word| word.text.split_once('=')).any(|(name, _)| {
                let all = span_of(item);
                !name.is_empty() && rescue::is_read(text, name, all)
            });
            set || simple.words.first().is_some_and(|word| matches!(word.text.as_str(), "exit" | "return" | "break" | "continue"))
        };
        words(&item.first) || item.rest.iter().any(|(_, pipeline)| words(pipeline))
    })
}

/// The script that `sh -c` or `eval` is given, and how that shell is started.
fn given_to_shell(simple: &Simple) -> Option<(&Word, Options)> {
    let words = &simple.words;
    if let [first, script] = words.as_slice()
        && first.text == "eval"
    {
        return Some((script, Options { errexit: true, pipefail: false }));
    }
    let at = words.iter().position(|word| matches!(word.text.rsplit('/').next(), Some("sh" | "bash" | "zsh" | "dash" | "ash")))?;
    let flags: Vec<&Word> = words[at + 1..].iter().take_while(|word| word.text.starts_with('-') || word.text == "pipefail").collect();
    let short =
        |letter: char| flags.iter().any(|flag| !flag.text.starts_with("--") && flag.text.starts_with('-') && flag.text.contains(letter));
    let script = words.get(at + 1 + flags.len()).filter(|_| short('c'))?;
    Some((script, Options { errexit: short('e'), pipefail: flags.iter().any(|flag| flag.text == "pipefail") }))
}

/// Ends the script with a failure.
fn fails(pipeline: &Pipeline) -> bool {
    let ends = |simple: &Simple| {
        let words: Vec<&str> = simple.words.iter().map(|word| word.text.as_str()).collect();
        matches!(words.as_slice(), ["false"]) || matches!(words.as_slice(), ["exit" | "return", code, ..] if *code != "0")
    };
    match pipeline.stages.as_slice() {
        // The status of a bare `exit` is that of what failed.
        [Stage::Simple(simple)] => ends(simple) || simple.words.len() == 1 && matches!(simple.words[0].text.as_str(), "exit" | "return"),
        [Stage::Group(list) | Stage::Subshell(list)] => list.items.iter().any(|item| simple_of(item).is_some_and(ends)),
        _ => false,
    }
}

fn span_of(item: &AndOr) -> Span {
    let first = span_of_pipeline(&item.first);
    item.rest.iter().fold(first, |span, (_, pipeline)| span.cover(span_of_pipeline(pipeline)))
}

fn span_of_list(list: &List) -> Span {
    let mut spans = list.items.iter().map(span_of).filter(|span| !span.is_empty());
    let first = spans.next().unwrap_or_default();
    spans.fold(first, Span::cover)
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
        Stage::Group(list) | Stage::Subshell(list) => lists(&mut std::iter::once(list)),
        Stage::Function(function) => lists(&mut std::iter::once(&function.body)),
        Stage::Compound { conditions, bodies, .. } => lists(&mut conditions.iter().chain(bodies)),
    }
}
