//! Scripts that stand in YAML scalars: nodes in, commands with the spans of the file out.

use super::model::{Named, Optional};
use crate::read::shell::{self, Command, Fate, Options};
use crate::read::tree::Node;
use crate::source::Span;

/// A node's text and place.
pub fn named(node: &Node) -> Option<Named> {
    node.as_str().map(|text| Named { text: text.to_owned(), span: node.span })
}

/// One text or a list of texts; a mapping's keys.
pub fn texts(node: Option<&Node>) -> Vec<String> {
    let Some(node) = node else { return Vec::new() };
    let own = node.as_str().into_iter();
    let items = node.items().iter().filter_map(Node::as_str);
    let keys = node.entries().iter().filter_map(|(key, _)| key.as_str());
    own.chain(items).chain(keys).map(str::to_owned).collect()
}

/// Keys and their scalar values.
pub fn variables(node: Option<&Node>) -> Vec<(String, String)> {
    let entries = node.map(Node::entries).unwrap_or_default();
    let value = |node: &Node| node.as_str().or_else(|| node.str_at("value")).map(str::to_owned);
    entries.iter().filter_map(|(key, node)| Some((key.as_str()?.to_owned(), value(node)?))).collect()
}

/// `true`, or an expression that may be.
pub fn optional(key: &str, node: Option<&Node>) -> Option<Optional> {
    let node = node?;
    let made = |text: String, sometimes| Some(Optional { text, span: node.span, sometimes });
    match (node.as_bool().or_else(|| node.yaml11_bool()), node.as_str()) {
        (Some(true), _) => made(format!("{key}: true"), false),
        (Some(false), _) | (None, None) if !node.is_map() && node.items().is_empty() => None,
        (None, Some("${{ false }}")) => None,
        (None, Some("${{ true }}")) => made(format!("{key}: true"), false),
        // An entry of a matrix may fail on its own; whatever else an expression asks, some run passes with a red test.
        (None, Some(text)) => made(format!("{key}: {text}"), text.contains("matrix.")),
        // Exit codes: only some failures, unless that of a red test is among them.
        _ => {
            let codes = scalars(node, 0);
            let every = codes.iter().any(|code| matches!(code.as_str(), "*" | "1"));
            made(format!("{key} for exit codes {}", codes.join(", ")), !every)
        }
    }
}

/// All texts below a node.
fn scalars(node: &Node, depth: usize) -> Vec<String> {
    let inner = node.items().iter().chain(node.entries().iter().map(|(_, value)| value));
    let below = if depth < 4 { inner.flat_map(|node| scalars(node, depth + 1)).collect() } else { Vec::new() };
    node.as_str().map(str::to_owned).into_iter().chain(below).collect()
}

/// A script put together from scalars, with what is needed to find each byte in the file.
#[derive(Debug, Default)]
pub struct Joined {
    pub text: String,
    /// From this byte of `text` on, bytes lie at this byte of the file.
    runs: Vec<(usize, usize)>,
}

impl Joined {
    /// Adds a scalar as lines of their own.
    pub fn add(&mut self, source: &str, node: &Node) {
        if let Some(text) = node.as_str() {
            self.add_text(source, text, node.span);
        }
    }

    /// Adds a text that is written in `span` of the file, whatever quotes or indents it there.
    pub fn add_text(&mut self, source: &str, text: &str, span: Span) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        align(text, span.text(source), |inner, outer| self.runs.push((self.text.len() + inner, span.start + outer)));
        self.text.push_str(text);
    }

    /// The place in the file of a span of the text.
    pub fn span(&self, span: Span) -> Span {
        let start = self.place(span.start);
        let end = self.place(span.end.saturating_sub(1).max(span.start)) + usize::from(!span.is_empty());
        Span { start, end: end.max(start) }
    }

    fn place(&self, at: usize) -> usize {
        let run = self.runs.partition_point(|(inner, _)| *inner <= at).checked_sub(1).and_then(|index| self.runs.get(index));
        run.map_or(0, |(inner, outer)| outer + (at - inner))
    }

    /// The commands of the whole, with places in the file.
    pub fn commands(&self, options: Options) -> Vec<Command> {
        let mut commands = shell::read(&self.text, options).commands;
        for command in &mut commands {
            command.span = self.span(command.span);
            for word in &mut command.words {
                word.span = self.span(word.span);
            }
            if let Fate::Swallowed { by, .. } = &mut command.fate {
                *by = self.span(*by);
            }
        }
        commands
    }
}

/// Calls `run` wherever the two texts part: the written one has indents, folds, quotes and escapes that the read one lacks.
fn align(read: &str, written: &str, mut run: impl FnMut(usize, usize)) {
    let (inner, outer) = (read.as_bytes(), written.as_bytes());
    let (mut i, mut o, mut fresh) = (0, 0, true);
    while i < inner.len() && o < outer.len() {
        if inner[i] == outer[o] {
            if fresh {
                run(i, o);
                fresh = false;
            }
            i += 1;
            o += 1;
            continue;
        }
        fresh = true;
        match (inner[i], outer[o]) {
            (b'\n', b'\\') => (i, o) = (i + 1, o + 2),
            // A fold: one blank or line end for any number of them.
            (b' ' | b'\n', b' ' | b'\n' | b'\r' | b'\t') => {
                while o < outer.len() && outer[o].is_ascii_whitespace() {
                    o += 1;
                }
                while i < inner.len() && inner[i].is_ascii_whitespace() {
                    i += 1;
                }
            }
            (_, b' ' | b'\n' | b'\r' | b'\t' | b'\'' | b'"' | b'\\') => o += 1,
            (b' ' | b'\n', _) => i += 1,
            _ => (i, o) = (i + 1, o + 1),
        }
    }
    if read.is_empty() || written.is_empty() {
        run(0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::tree::{Syntax, parse};

    #[test]
    fn words_are_found_where_they_are_written() {
        let source = "a: |\n    go test \\\n      ./... || true\n\n    make x\nb: >-\n  npm\n  test || true\nc: \"echo \\\"x\\\" && make y\"\nd: 'echo ''s''; make z'\ne: make w\n";
        let tree = parse(source, Syntax::Yaml);
        for (key, words) in [("a", "true"), ("a", "make"), ("b", "true"), ("c", "make"), ("d", "make"), ("e", "w")] {
            let mut joined = Joined::default();
            joined.add(source, tree.documents[0].get(key).unwrap());
            let commands = joined.commands(Options { errexit: true, pipefail: false });
            let found = commands.iter().flat_map(|command| &command.words).find(|word| word.text == words).expect(key);
            assert_eq!(found.span.text(source), words, "{key}");
        }
    }
}
