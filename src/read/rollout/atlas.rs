//! The manifests of one change side by side in one run of bytes, so that an object merged out of several files still knows
//! where each of its values stands: texts in, parsed files out, and a span of any node back to its place.

use std::rc::Rc;

use super::sniff::{self, Format};
use crate::read::hcl::{self, Resource};
use crate::read::tree::{self, Node, NodeKind, Syntax};
use crate::source::{FileId, Place, Span};

/// Where each text begins.
#[derive(Debug, Default)]
pub struct Atlas {
    files: Vec<(usize, FileId)>,
    end: usize,
}

/// One manifest, parsed. All spans are of the atlas.
#[derive(Debug)]
pub struct File {
    pub path: String,
    pub format: Format,
    /// The whole text.
    pub span: Span,
    pub documents: Vec<Node>,
    /// Of Terraform and Nomad.
    pub blocks: Vec<Resource>,
    /// Where it does not parse, and why.
    pub errors: Vec<(Span, String)>,
    /// A tool fills it in before it is applied.
    pub template: bool,
    /// Kinds named in a template, with where.
    pub template_kinds: Vec<String>,
}

impl Atlas {
    pub fn place(&self, span: Span) -> Place {
        let at = self.files.partition_point(|(start, _)| *start <= span.start).saturating_sub(1);
        match self.files.get(at) {
            Some((start, file)) => Place { file: *file, span: Span { start: span.start - start, end: span.end.saturating_sub(*start) } },
            None => Place { file: FileId(0), span: Span::default() },
        }
    }

    /// Parses a text and gives it its place in the run.
    pub fn add(&mut self, path: &str, text: &str, format: Format, file: FileId) -> Rc<File> {
        let start = self.end;
        self.files.push((start, file));
        self.end += text.len() + 1;
        let mut parsed = File {
            path: path.to_owned(),
            format,
            span: Span { start, end: start + text.len() },
            documents: Vec::new(),
            blocks: Vec::new(),
            errors: Vec::new(),
            template: false,
            template_kinds: Vec::new(),
        };
        match format {
            Format::Terraform => parsed.hcl(hcl::resources(text)),
            Format::Nomad => parsed.hcl(hcl::jobs(text)),
            _ => parsed.yaml(path, text),
        }
        Rc::new(parsed)
    }
}

impl File {
    fn yaml(&mut self, path: &str, text: &str) {
        let tree = tree::parse_shifted(text, Syntax::of(path, text), self.span.start);
        // Quoted actions, as in an alert's text, are for the cluster; an action that stands bare is for the tool before it.
        let bare = !tree.errors.is_empty() || path.contains("templates/") || tree.documents.iter().any(has_action);
        if bare && sniff::is_template(text) {
            self.template = true;
            self.template_kinds = sniff::template_kinds(text).into_iter().map(str::to_owned).collect();
            return;
        }
        self.documents = tree.documents;
        self.errors = tree.errors;
    }

    fn hcl(&mut self, read: Result<Vec<Resource>, (Span, String)>) {
        let by = self.span.start;
        match read {
            Ok(blocks) => {
                let shift = |span: Span| span.shift(by);
                let moved = |block: Resource| Resource { name: respan(&block.name, &shift), body: respan(&block.body, &shift), ..block };
                self.blocks = blocks.into_iter().map(moved).collect();
            }
            Err((span, why)) => self.errors.push((span.shift(by), why)),
        }
    }
}

/// `{{ x }}` without quotes reads as a map with a map for its key.
fn has_action(node: &Node) -> bool {
    node.entries().iter().any(|(key, value)| key.is_map() || has_action(value)) || node.items().iter().any(has_action)
}

/// The same node with other spans.
pub fn respan(node: &Node, to: &dyn Fn(Span) -> Span) -> Node {
    let kind = match &node.kind {
        NodeKind::Seq(items) => NodeKind::Seq(items.iter().map(|item| respan(item, to)).collect()),
        NodeKind::Map(entries) => NodeKind::Map(entries.iter().map(|(key, value)| (respan(key, to), respan(value, to))).collect()),
        other => other.clone(),
    };
    let mut moved = Node::new(to(node.span), kind);
    moved.tag = node.tag.clone();
    moved
}

/// The node as one line of text, without comments and layout: equal when two revisions say the same.
pub fn plain(node: &Node, out: &mut String) {
    if let Some(tag) = &node.tag {
        out.push_str(tag);
        out.push(' ');
    }
    match &node.kind {
        NodeKind::Null => out.push('~'),
        NodeKind::Unresolved => out.push('?'),
        NodeKind::Scalar { text, .. } => out.push_str(text),
        NodeKind::Seq(items) => {
            out.push('[');
            items.iter().for_each(|item| {
                plain(item, out);
                out.push(',');
            });
            out.push(']');
        }
        NodeKind::Map(entries) => {
            out.push('{');
            for (key, value) in entries.iter() {
                plain(key, out);
                out.push(':');
                plain(value, out);
                out.push(',');
            }
            out.push('}');
        }
    }
}
