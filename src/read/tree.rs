//! YAML and JSON (with or without comments) in, one tree with byte spans out. Comments and duplicate keys are kept.
//!
//! The only user of the YAML parser. It never panics and never expands an anchor: an alias shares the nodes it names.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use granit_parser::{Event, Options, Parser, ScalarStyle, StructureStyle};
use serde::Serialize;

use crate::source::Span;

/// Texts past this size are an error of their tree, not parsed.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;
/// Nodes that aliases and merge keys may add to a file, counted as if written out.
const MAX_EXPANDED_NODES: usize = 500_000;
/// Broken documents that are reported; the rest of the file is then left.
const MAX_ERRORS: usize = 50;

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    Yaml,
    /// JSON; `//` and `/* */` comments and trailing commas are taken.
    Json,
}

impl Syntax {
    /// By the file's ending, else by its first character.
    pub fn of(path: &str, text: &str) -> Syntax {
        let lower = path.to_ascii_lowercase();
        if lower.ends_with(".yaml") || lower.ends_with(".yml") {
            return Syntax::Yaml;
        }
        let bare = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        let json = lower.ends_with(".json") || lower.ends_with(".jsonc") || bare.starts_with(['{', '/']);
        if json { Syntax::Json } else { Syntax::Yaml }
    }
}

/// One file.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Tree {
    pub documents: Vec<Node>,
    /// Each with the text between its markers, trimmed.
    pub comments: Vec<(Span, String)>,
    /// Where a document breaks off and why. A broken document is not in `documents`; later ones are.
    pub errors: Vec<(Span, String)>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// The bytes of the value; of the `*name` for an alias, whose children keep their own spans.
    pub span: Span,
    pub kind: NodeKind,
    /// A tag that is not of the core schema: `!Sub`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<Rc<str>>,
    /// Nodes below, this one counted, aliases written out.
    #[serde(skip)]
    weight: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    Null,
    Scalar {
        text: Rc<str>,
        style: Style,
    },
    Seq(Rc<[Node]>),
    /// In written order, duplicate keys included; entries of a `<<` merge come last.
    Map(Rc<[(Node, Node)]>),
    /// An alias without an anchor, to itself, or past the limit. The tree has an error for it.
    Unresolved,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    Plain,
    Quoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

impl Node {
    /// A node that no YAML parser made.
    pub fn new(span: Span, kind: NodeKind) -> Node {
        Node { span, kind, tag: None, weight: 1 }
    }

    /// The map with the last entry of each key.
    pub fn without_duplicates(&self) -> Node {
        let mut seen = HashSet::new();
        let mut entries: Vec<(Node, Node)> = self.entries().iter().rev().filter(|(key, _)| seen.insert(key.as_str())).cloned().collect();
        entries.reverse();
        Node { kind: NodeKind::Map(entries.into()), ..self.clone() }
    }

    pub fn is_null(&self) -> bool {
        self.kind == NodeKind::Null
    }

    pub fn is_map(&self) -> bool {
        matches!(self.kind, NodeKind::Map(_))
    }

    /// Entries of a map; none for anything else.
    pub fn entries(&self) -> &[(Node, Node)] {
        match &self.kind {
            NodeKind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Items of a sequence; none for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.kind {
            NodeKind::Seq(items) => items,
            _ => &[],
        }
    }

    pub fn as_seq(&self) -> Option<&[Node]> {
        match &self.kind {
            NodeKind::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The value of a key. The last one when it is written twice, as loaders that take duplicates do.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, value)| value)
    }

    pub fn entry(&self, key: &str) -> Option<&(Node, Node)> {
        self.entries().iter().rev().find(|(name, _)| name.as_str() == Some(key))
    }

    /// `get` along several keys.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text of any scalar; an empty or `null` value has none.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The text under `key`.
    pub fn str_at(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Node::as_str)
    }

    /// The text, when it is not quoted.
    pub fn plain(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar { text, style: Style::Plain } => Some(text),
            _ => None,
        }
    }

    /// A boolean of the YAML 1.2 core schema and of JSON.
    pub fn as_bool(&self) -> Option<bool> {
        match self.plain()? {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        }
    }

    /// An unquoted word that YAML 1.1 readers take for a boolean and YAML 1.2 readers for a text.
    pub fn yaml11_bool(&self) -> Option<bool> {
        match self.plain()? {
            "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
            "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
            _ => None,
        }
    }

    pub fn as_f64(&self) -> Option<f64> {
        self.plain()?.parse::<f64>().ok().filter(|number| number.is_finite())
    }

    /// This map over `below`: keys of both, this one's values first in rank.
    pub fn overlaid(&self, below: &Node) -> Node {
        let entries: Vec<(Node, Node)> = below.entries().iter().chain(self.entries()).cloned().collect();
        Node { span: self.span, kind: NodeKind::Map(entries.into()), tag: None, weight: self.weight.saturating_add(below.weight) }
    }

    /// Keys that are written again, each with the first writing.
    pub fn duplicates(&self) -> Vec<(&Node, &Node)> {
        let mut first: HashMap<&str, &Node> = HashMap::new();
        let mut found = Vec::new();
        for (key, _) in self.entries() {
            let Some(text) = key.as_str() else { continue };
            match first.get(text) {
                Some(earlier) => found.push((*earlier, key)),
                None => {
                    first.insert(text, key);
                }
            }
        }
        found
    }
}

/// Where the parsed text lies in the file that spans speak of.
#[derive(Clone, Copy)]
enum Origin {
    Shift(usize),
    /// The text was decoded from a scalar: every span is the scalar's.
    Pin(Span),
}

impl Origin {
    fn span(self, start: usize, end: usize) -> Span {
        match self {
            Origin::Shift(by) => Span { start: start + by, end: end.max(start) + by },
            Origin::Pin(span) => span,
        }
    }
}

pub fn parse(text: &str, syntax: Syntax) -> Tree {
    parse_from(text, syntax, Origin::Shift(0))
}

/// Parses a text that stands `by` bytes into the texts that spans speak of.
pub fn parse_shifted(text: &str, syntax: Syntax, by: usize) -> Tree {
    parse_from(text, syntax, Origin::Shift(by))
}

/// Parses the YAML or JSON that a scalar of `source` holds (a ConfigMap's file, `jsonencode`d text). Spans are those of
/// `source`: exact in a literal block, the whole scalar otherwise.
pub fn parse_embedded(source: &str, scalar: &Node, path: &str) -> Tree {
    let Some(text) = scalar.as_str() else { return Tree::default() };
    let syntax = Syntax::of(path, text);
    let literal = matches!(scalar.kind, NodeKind::Scalar { style: Style::Literal, .. });
    // A block that is indented as a whole reads the same, so the bytes of the file itself are parsed, from the line's start.
    let before = source.get(..scalar.span.start).unwrap_or("");
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    if literal && before.get(start..).is_some_and(|indent| indent.bytes().all(|b| b == b' ')) {
        return parse_from(Span { start, end: scalar.span.end }.text(source), syntax, Origin::Shift(start));
    }
    parse_from(text, syntax, Origin::Pin(scalar.span))
}

fn parse_from(text: &str, syntax: Syntax, origin: Origin) -> Tree {
    if text.len() > MAX_BYTES {
        let error = (origin.span(0, 0), format!("{} bytes are more than {MAX_BYTES}, which is the limit", text.len()));
        return Tree { errors: vec![error], ..Tree::default() };
    }
    if syntax == Syntax::Yaml {
        return Builder::new(text, origin).run();
    }
    let (bare, comments) = blank_comments(text);
    let mut tree = Builder::new(&bare, origin).run();
    tree.comments.extend(comments.into_iter().map(|span| {
        let words = span.text(text).trim_start_matches(['/', '*']).trim_end_matches("*/").trim();
        (origin.span(span.start, span.end), words.to_owned())
    }));
    tree
}

/// The text with each `//` and `/* */` comment outside strings replaced by as many spaces.
fn blank_comments(text: &str) -> (String, Vec<Span>) {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut comments = Vec::new();
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            b'"' => {
                i += 1;
                while i < bytes.len() && bytes[i] != b'"' {
                    i += if bytes[i] == b'\\' { 2 } else { 1 };
                }
                i += 1;
            }
            b'/' if matches!(bytes.get(i + 1), Some(b'/' | b'*')) => {
                let rest = &bytes[i + 2..];
                let length = match bytes[i + 1] {
                    b'/' => rest.iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(rest.len()),
                    _ => rest.windows(2).position(|pair| pair == b"*/").map_or(rest.len(), |at| at + 2),
                };
                let end = i + 2 + length;
                comments.push(Span { start: i, end });
                out[i..end].iter_mut().filter(|b| !matches!(b, b'\n' | b'\r')).for_each(|b| *b = b' ');
                i = end;
            }
            _ => i += 1,
        }
    }
    // Whole comments were replaced, and they start and end at ASCII characters, so the rest is the UTF-8 it was.
    (String::from_utf8(out).unwrap_or_default(), comments)
}

/// A collection that is still open.
struct Frame {
    span: Span,
    anchor: usize,
    tag: Option<Rc<str>>,
    flow: bool,
    map: bool,
    /// Items, or keys and values in turn.
    nodes: Vec<Node>,
}

struct Builder<'t> {
    text: &'t str,
    parser: Parser<'t, granit_parser::StrInput<'t>>,
    origin: Origin,
    tree: Tree,
    frames: Vec<Frame>,
    anchors: HashMap<usize, Node>,
    expanded: usize,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str, origin: Origin) -> Self {
        let options: Options = granit_parser::options! { emit_unresolved_aliases: true, max_buffered_comment_events: 1_000_000 };
        Builder {
            text,
            parser: Parser::new_from_str_with_options(text, options),
            origin,
            tree: Tree::default(),
            frames: Vec::new(),
            anchors: HashMap::new(),
            expanded: 0,
        }
    }

    fn run(mut self) -> Tree {
        loop {
            match self.parser.next() {
                None => return self.tree,
                Some(Ok((event, span))) => self.take(event, span),
                Some(Err(error)) => {
                    self.frames.clear();
                    let at = error.marker().byte_offset().unwrap_or(0);
                    self.error(self.origin.span(at, at), error.info());
                    // An error while looking for the next document ends the file.
                    if self.tree.errors.len() >= MAX_ERRORS || !self.parser.proceed_next_document().unwrap_or(false) {
                        return self.tree;
                    }
                }
            }
        }
    }

    fn error(&mut self, span: Span, message: String) {
        if self.tree.errors.len() < MAX_ERRORS {
            self.tree.errors.push((span, message));
        }
    }

    fn take(&mut self, event: Event<'t>, span: granit_parser::Span) {
        let range = span.byte_range().unwrap_or(0..0);
        let span = self.origin.span(range.start, range.end);
        match event {
            Event::Comment(text, _) => self.tree.comments.push((span, text.trim().to_owned())),
            Event::Scalar(text, style, anchor, tag) => {
                let mut node = scalar(text.as_ref(), style, tag.as_deref(), span);
                // A block scalar's span runs into the next line's indentation.
                if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) && matches!(self.origin, Origin::Shift(_)) {
                    let written = self.text.get(range).unwrap_or("");
                    node.span.end = node.span.start + written.trim_end().len();
                }
                self.add(node, anchor);
            }
            Event::SequenceStart(style, anchor, tag) => self.open(span, anchor, tag.as_deref(), style, false),
            Event::MappingStart(style, anchor, tag) => self.open(span, anchor, tag.as_deref(), style, true),
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(id) => self.alias(id, span),
            Event::UnresolvedAlias(name) => self.unresolved(span, format!("the alias *{name} names no anchor before it")),
            Event::DocumentStart(..) => self.anchors.clear(),
            _ => {}
        }
    }

    fn open(&mut self, span: Span, anchor: usize, tag: Option<&granit_parser::Tag>, style: StructureStyle, map: bool) {
        let flow = style == StructureStyle::Flow;
        self.frames.push(Frame { span, anchor, tag: custom_tag(tag), flow, map, nodes: Vec::new() });
    }

    fn close(&mut self, end: Span) {
        let Some(frame) = self.frames.pop() else { return };
        // The end of a block collection is only seen at the next token, so its last node says where it ends.
        let span = match (frame.flow, frame.nodes.first(), frame.nodes.last()) {
            (false, Some(first), Some(last)) => {
                Span { start: frame.span.start.min(first.span.start), end: last.span.end.max(first.span.end) }
            }
            _ => frame.span.cover(end),
        };
        let weight = frame.nodes.iter().fold(1usize, |sum, node| sum.saturating_add(node.weight));
        let kind = if frame.map { self.map(frame.nodes) } else { NodeKind::Seq(frame.nodes.into()) };
        self.add(Node { span, kind, tag: frame.tag, weight }, frame.anchor);
    }

    fn map(&mut self, nodes: Vec<Node>) -> NodeKind {
        let mut entries = Vec::with_capacity(nodes.len() / 2);
        let mut merges = Vec::new();
        let mut nodes = nodes.into_iter();
        while let (Some(key), Some(value)) = (nodes.next(), nodes.next()) {
            match key.plain() {
                Some("<<") if value.is_map() || value.as_seq().is_some() => merges.push(value),
                _ => entries.push((key, value)),
            }
        }
        if !merges.is_empty() {
            self.merge(&mut entries, &merges);
        }
        NodeKind::Map(entries.into())
    }

    /// Adds what `<<` brings in; a key that is there already wins.
    fn merge(&mut self, entries: &mut Vec<(Node, Node)>, merges: &[Node]) {
        let mut known: HashSet<Rc<str>> = entries.iter().filter_map(|(key, _)| key.as_str().map(Rc::from)).collect();
        for value in merges {
            let single = std::slice::from_ref(value);
            for source in value.as_seq().unwrap_or(single) {
                for (key, value) in source.entries() {
                    self.expanded = self.expanded.saturating_add(1);
                    if self.expanded > MAX_EXPANDED_NODES {
                        return self.error(key.span, format!("merge keys add more than {MAX_EXPANDED_NODES} nodes"));
                    }
                    if key.as_str().is_none_or(|text| known.insert(Rc::from(text))) {
                        entries.push((key.clone(), value.clone()));
                    }
                }
            }
        }
    }

    fn alias(&mut self, id: usize, span: Span) {
        let Some(target) = self.anchors.get(&id).cloned() else {
            return self.unresolved(span, "the alias stands inside the node it names".to_owned());
        };
        self.expanded = self.expanded.saturating_add(target.weight);
        if self.expanded > MAX_EXPANDED_NODES {
            return self.unresolved(span, format!("aliases would add more than {MAX_EXPANDED_NODES} nodes"));
        }
        self.add(Node { span, ..target }, 0);
    }

    fn unresolved(&mut self, span: Span, message: String) {
        self.error(span, message);
        self.add(Node { span, kind: NodeKind::Unresolved, tag: None, weight: 1 }, 0);
    }

    fn add(&mut self, node: Node, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.frames.last_mut() {
            Some(frame) => frame.nodes.push(node),
            None => self.tree.documents.push(node),
        }
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&granit_parser::Tag>, span: Span) -> Node {
    let style = match style {
        ScalarStyle::Plain if tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str")) => Style::Quoted,
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
        _ => Style::Quoted,
    };
    let null = style == Style::Plain && matches!(text, "" | "~" | "null" | "Null" | "NULL");
    let kind = if null { NodeKind::Null } else { NodeKind::Scalar { text: text.into(), style } };
    Node { span, kind, tag: custom_tag(tag), weight: 1 }
}

fn custom_tag(tag: Option<&granit_parser::Tag>) -> Option<Rc<str>> {
    tag.filter(|tag| tag.is_custom()).map(|tag| tag.original().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Tree {
        parse(text, Syntax::Yaml)
    }

    #[test]
    fn spans_are_bytes_of_the_file() {
        let text = "\u{feff}é: \"ü x\" # süß\r\nlist:\r\n  - {a: 1}\r\n  - b\r\nlast: no\r\n";
        let tree = yaml(text);
        assert_eq!(tree.errors, []);
        let root = &tree.documents[0];
        assert_eq!(root.get("é").unwrap().span.text(text), "\"ü x\"");
        assert_eq!(root.at(&["list"]).unwrap().items()[0].span.text(text), "{a: 1}");
        assert_eq!(root.get("list").unwrap().span.text(text), "- {a: 1}\r\n  - b");
        assert_eq!(root.get("last").unwrap().span.text(text), "no");
        assert_eq!(tree.comments[0].0.text(text), "# süß");
        assert_eq!(tree.comments[0].1, "süß");
    }

    #[test]
    fn words_are_read_by_yaml_1_2_and_the_old_booleans_told() {
        let tree = yaml("a: off\nb: false\nc: 'off'\nd: 010\ne:\nf: '1'\n");
        let root = &tree.documents[0];
        let at = |key| root.get(key).unwrap();
        assert_eq!((at("a").as_bool(), at("a").yaml11_bool()), (None, Some(false)));
        assert_eq!((at("b").as_bool(), at("c").yaml11_bool()), (Some(false), None));
        assert_eq!((at("d").as_f64(), at("e").is_null(), at("f").as_f64()), (Some(10.0), true, None));
    }

    #[test]
    fn a_broken_document_does_not_hide_the_next() {
        let text = "a: 1\n---\nb: [1, 2\n---\nc: 3\n";
        let tree = yaml(text);
        assert_eq!(tree.errors.len(), 1);
        assert_eq!(tree.documents.len(), 2);
        assert_eq!(tree.documents[1].get("c").unwrap().as_f64(), Some(3.0));
    }

    #[test]
    fn json_takes_comments_tabs_surrogates_and_keeps_duplicates() {
        let text = "// head\n{\n\t\"a\": \"// no\", /* é */ \"s\": \"\\ud83d\\ude00\",\n\t\"a\": 2, // tail\n}";
        let tree = parse(text, Syntax::Json);
        assert_eq!(tree.errors, []);
        let root = &tree.documents[0];
        assert_eq!(root.get("s").unwrap().as_str(), Some("😀"));
        assert_eq!(root.get("a").unwrap().span.text(text), "2");
        assert_eq!(root.duplicates().len(), 1);
        assert_eq!(root.entries()[0].1.as_str(), Some("// no"));
        let words: Vec<&str> = tree.comments.iter().map(|(_, words)| words.as_str()).collect();
        assert_eq!(words, ["head", "é", "tail"]);
        assert_eq!(tree.comments[1].0.text(text), "/* é */");
    }

    #[test]
    fn merge_keys_give_way_to_written_ones() {
        let text = "base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n";
        let tree = yaml(text);
        let used = tree.documents[0].get("use").unwrap();
        assert_eq!(used.get("x").unwrap().span.text(text), "1");
        assert_eq!(used.get("y").unwrap().as_f64(), Some(3.0));
        assert_eq!(used.duplicates(), []);
    }

    #[test]
    fn an_anchor_bomb_stays_small_and_is_told() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let below = format!("*a{}, ", level - 1).repeat(9);
            text.push_str(&format!("a{level}: &a{level} [{}]\n", below.trim_end_matches(", ")));
        }
        let tree = yaml(&text);
        assert_eq!(tree.documents.len(), 1);
        assert!(tree.errors.iter().any(|(_, message)| message.contains("aliases would add")), "{:?}", tree.errors);
        assert!(tree.documents[0].weight < 1_100_000);
    }

    #[test]
    fn hostile_nesting_is_an_error() {
        for text in ["[".repeat(100_000), "{\"a\":".repeat(100_000), "- ".repeat(100_000)] {
            assert_eq!(yaml(&text).errors.len(), 1);
        }
        assert_eq!(yaml("a: &a [*a]\n").errors.len(), 1);
        assert_eq!(yaml("a: *b\n").documents.len(), 1);
    }

    #[test]
    fn embedded_text_keeps_its_place() {
        let text = "data:\n  f.json: |\n    {\"a\": {\"b\": true}}\n  g.yaml: \"a: 1\"\n";
        let tree = yaml(text);
        let data = tree.documents[0].get("data").unwrap();
        let inner = parse_embedded(text, data.get("f.json").unwrap(), "f.json");
        assert_eq!(inner.documents[0].at(&["a", "b"]).unwrap().span.text(text), "true");
        let quoted = parse_embedded(text, data.get("g.yaml").unwrap(), "g.yaml");
        assert_eq!(quoted.documents[0].get("a").unwrap().span.text(text), "\"a: 1\"");
    }
}
