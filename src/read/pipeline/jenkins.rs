//! Declarative Jenkinsfiles in, one pipeline out, for what is plain. Scripted pipelines and shared libraries are unknown.
//!
//! After "Pipeline Syntax": stages run one after the other, those in `parallel` at once; `sh` runs `sh -xe`.

use super::model::{Event, Job, Named, Need, Optional, Pipeline, Step, System, Trigger};
use super::text::Joined;
use crate::read::shell::Options;
use crate::source::{FileId, Span};

const SHELL: Options = Options { errexit: true, pipefail: false };
const MAX_DEPTH: usize = 40;

pub fn read(path: &str, source: FileId, text: &str) -> Pipeline {
    let mut pipeline = Pipeline::new(source, path, System::Jenkins);
    let tokens = tokens(text);
    let start = tokens.windows(2).position(|pair| pair[0].is_word(text, "pipeline") && pair[1].kind == Kind::Open);
    let Some(start) = start else {
        pipeline.unknown(Span { start: 0, end: text.lines().next().unwrap_or("").len() }, "it is no declarative pipeline");
        return pipeline;
    };
    pipeline.triggers.push(Trigger {
        event: Event::Push,
        name: Named { text: "every build".to_owned(), span: tokens[start].span },
        branches: Vec::new(),
        branches_ignored: Vec::new(),
        paths: Vec::new(),
        paths_ignored: Vec::new(),
        types: Vec::new(),
        after: Vec::new(),
    });
    let mut walk = Walk { text, tokens, pipeline };
    let end = walk.close(start + 1);
    walk.stages(start + 2, end, &[], 0);
    walk.pipeline
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    /// The span is of the quotes' inside.
    Text,
    Open,
    Close,
    Other,
}

#[derive(Debug, Clone, Copy)]
struct Token {
    kind: Kind,
    span: Span,
}

impl Token {
    fn is_word(&self, text: &str, word: &str) -> bool {
        self.kind == Kind::Word && self.span.text(text) == word
    }
}

/// Words, strings and braces of Groovy; comments left out.
fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let mut push = |kind, start, end| out.push(Token { kind, span: Span { start, end } });
        let to = |end: &[u8], from: usize| {
            rest[from..].windows(end.len()).position(|window| window == end).map_or(rest.len(), |found| from + found)
        };
        if rest.starts_with(b"//") {
            at += to(b"\n", 2);
        } else if rest.starts_with(b"/*") {
            at += to(b"*/", 2) + 2;
        } else if rest.starts_with(b"'''") || rest.starts_with(b"\"\"\"") {
            let end = to(&rest[..3], 3);
            push(Kind::Text, at + 3, at + end);
            at += end + 3;
        } else if matches!(rest[0], b'\'' | b'"') {
            let mut end = 1;
            while end < rest.len() && rest[end] != rest[0] && rest[end] != b'\n' {
                end += if rest[end] == b'\\' { 2 } else { 1 };
            }
            let end = end.min(rest.len());
            push(Kind::Text, at + 1, (at + end).max(at + 1));
            at += end + 1;
        } else if rest[0].is_ascii_alphabetic() || rest[0] == b'_' {
            let length = rest.iter().position(|b| !b.is_ascii_alphanumeric() && *b != b'_').unwrap_or(rest.len());
            push(Kind::Word, at, at + length);
            at += length;
        } else {
            match rest[0] {
                b'{' => push(Kind::Open, at, at + 1),
                b'}' => push(Kind::Close, at, at + 1),
                b if b.is_ascii_whitespace() || b >= 0x80 => {}
                _ => push(Kind::Other, at, at + 1),
            }
            at += 1;
        }
    }
    out
}

struct Walk<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    pipeline: Pipeline,
}

impl Walk<'_> {
    /// Where the brace at `open` closes.
    fn close(&self, open: usize) -> usize {
        let mut depth = 0usize;
        for (index, token) in self.tokens.iter().enumerate().skip(open) {
            match token.kind {
                Kind::Open => depth += 1,
                Kind::Close => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return index;
                    }
                }
                _ => {}
            }
        }
        self.tokens.len()
    }

    /// `word {` blocks directly inside a range: name, first token behind the brace, closing brace.
    fn blocks(&self, from: usize, to: usize) -> Vec<(usize, usize, usize)> {
        let mut found = Vec::new();
        let mut at = from;
        while at < to {
            if self.tokens[at].kind == Kind::Open {
                let end = self.close(at);
                // The word before, over the arguments of `stage('x')`.
                let name = (from..at)
                    .rev()
                    .take_while(|index| self.tokens[*index].kind != Kind::Close)
                    .find(|index| self.tokens[*index].kind == Kind::Word);
                found.extend(name.map(|name| (name, at + 1, end.min(to))));
                at = end + 1;
            } else {
                at += 1;
            }
        }
        found
    }

    fn word(&self, index: usize) -> &str {
        self.tokens[index].span.text(self.text)
    }

    /// Stages in a range, each waiting for the one before; the jobs of the last one come back.
    fn stages(&mut self, from: usize, to: usize, before: &[String], depth: usize) -> Vec<String> {
        let mut last: Vec<String> = before.to_vec();
        if depth > MAX_DEPTH {
            return last;
        }
        for (name, start, end) in self.blocks(from, to) {
            match self.word(name) {
                "stages" | "pipeline" => last = self.stages(start, end, &last, depth + 1),
                "stage" => last = self.stage(name, start, end, &last, depth),
                "parallel" => {
                    let mut all = Vec::new();
                    for (inner, start, end) in self.blocks(start, end) {
                        if self.word(inner) == "stage" {
                            all.extend(self.stage(inner, start, end, before, depth));
                        }
                    }
                    last = all;
                }
                "post" => {
                    let span = self.tokens[name].span;
                    let mut job = Job::new("post", span);
                    job.needs = last.iter().map(|job| Need { job: job.clone(), implied: true, optional: false }).collect();
                    job.condition = Some(Named { text: "post".to_owned(), span });
                    self.steps(&mut job, start, end, None, depth);
                    self.pipeline.jobs.push(job);
                }
                _ => {}
            }
        }
        last
    }

    fn stage(&mut self, name: usize, start: usize, end: usize, before: &[String], depth: usize) -> Vec<String> {
        let inside = self.blocks(start, end);
        if inside.iter().any(|(word, ..)| matches!(self.word(*word), "stages" | "parallel")) {
            return self.stages(start, end, before, depth + 1);
        }
        let title =
            self.tokens[name + 1..start].iter().find(|token| token.kind == Kind::Text).map_or(self.tokens[name].span, |token| token.span);
        let mut job = Job::new(title.text(self.text), title);
        job.needs = before.iter().map(|job| Need { job: job.clone(), implied: true, optional: false }).collect();
        for (word, start, end) in inside {
            let block = self.word(word).to_owned();
            match block.as_str() {
                "when" => {
                    let span = Span {
                        start: self.tokens[word].span.start,
                        end: self.tokens.get(end).map_or(self.text.len(), |token| token.span.end),
                    };
                    let words: Vec<&str> = span.text(self.text).split_whitespace().collect();
                    job.condition = Some(Named { text: words.join(" "), span });
                }
                "input" => job.manual = true,
                "steps" => self.steps(&mut job, start, end, None, depth),
                _ => {}
            }
        }
        let id = job.id.text.clone();
        self.pipeline.jobs.push(job);
        vec![id]
    }

    /// `sh '…'` and `sh(script: '…')`; `catchError { … }` makes what is in it optional.
    fn steps(&mut self, job: &mut Job, from: usize, to: usize, optional: Option<&Optional>, depth: usize) {
        let mut at = from;
        while at < to {
            let token = self.tokens[at];
            let word = if token.kind == Kind::Word { token.span.text(self.text).to_owned() } else { String::new() };
            match word.as_str() {
                "catchError" | "warnError" | "script" | "dir" | "withCredentials" | "timeout" | "retry" | "container" | "withEnv" => {
                    let Some(open) = (at..to).find(|index| self.tokens[*index].kind == Kind::Open) else { return };
                    let end = self.close(open).min(to);
                    let soft = Optional { text: word.clone(), span: token.span, sometimes: false };
                    let softened = matches!(word.as_str(), "catchError" | "warnError")
                        && !self.tokens[at..open].iter().any(|token| token.is_word(self.text, "FAILURE"));
                    if word == "script" {
                        self.pipeline.unknown(token.span, "a `script` block is Groovy, of which only `sh` is read");
                    }
                    if depth < MAX_DEPTH {
                        self.steps(job, open + 1, end, if softened { Some(&soft) } else { optional }, depth + 1);
                    }
                    at = end + 1;
                }
                "sh" | "bat" => {
                    let inside = (at + 1..to).take(12).take_while(|index| !matches!(self.tokens[*index].kind, Kind::Open | Kind::Close));
                    let body = inside.filter(|index| self.tokens[*index].kind == Kind::Text).find(|index| !self.label(*index));
                    if let Some(body) = body {
                        let span = self.tokens[body].span;
                        let ignored = self.status_ignored(from, at, to);
                        self.shell(job, span, ignored.as_ref().or(optional));
                        at = body;
                    }
                    at += 1;
                }
                _ => at += 1,
            }
        }
    }

    /// `sh(script: '…', returnStatus: true)` whose status nobody takes.
    fn status_ignored(&self, from: usize, at: usize, to: usize) -> Option<Optional> {
        let taken = at > from && matches!(self.tokens[at - 1].span.text(self.text), "=" | "(" | "!" | "return");
        let arguments = &self.tokens[at..to.min(at + 14)];
        let arguments = arguments.split(|token| token.span.text(self.text) == ")").next().unwrap_or(arguments);
        let status = arguments.iter().position(|token| token.is_word(self.text, "returnStatus"))?;
        let on = arguments.get(status + 2).is_some_and(|token| token.is_word(self.text, "true"));
        (on && !taken).then(|| Optional { text: "returnStatus: true".to_owned(), span: arguments[status].span, sometimes: false })
    }

    /// Whether a string is the value of another argument than `script`.
    fn label(&self, index: usize) -> bool {
        index >= 2 && self.tokens[index - 1].span.text(self.text) == ":" && !self.tokens[index - 2].is_word(self.text, "script")
    }

    fn shell(&self, job: &mut Job, span: Span, optional: Option<&Optional>) {
        let mut step = Step::at(span);
        let mut joined = Joined::default();
        joined.add_text(self.text, span.text(self.text), span);
        // A script with an interpreter of its own is not started with `-xe`.
        let options = match joined.text.lines().next().filter(|line| line.starts_with("#!")) {
            Some(line) => {
                Options { errexit: line.split_whitespace().skip(1).any(|flag| flag.starts_with('-') && flag.contains('e')), ..SHELL }
            }
            None => SHELL,
        };
        step.shell = Some(options);
        step.optional = optional.cloned();
        step.commands = joined.commands(options);
        job.steps.push(step);
    }
}
