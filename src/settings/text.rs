//! Where a policy was written: keys in, their places in the file out, so that every complaint has its line.

use std::sync::Arc;

use crate::error::PolicyError;
use crate::read::tree::{self, Node, NodeKind, Syntax};
use crate::source::{LineIndex, Position, Span};

/// A policy file as text, with the tree its keys were found in.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyText {
    pub path: String,
    pub text: Arc<str>,
    root: Option<Node>,
}

impl PolicyText {
    /// Errors: the text is not YAML, holds several documents, or writes a key twice.
    pub fn parse(path: &str, text: &str) -> Result<Self, PolicyError> {
        let tree = tree::parse(text, Syntax::Yaml);
        let mut policy = PolicyText { path: path.to_owned(), text: text.into(), root: None };
        if let Some((span, problem)) = tree.errors.first() {
            return Err(policy.error(*span, format!("this is not YAML: {problem}"), None));
        }
        let mut documents = tree.documents.into_iter().filter(|document| !document.is_null());
        policy.root = documents.next();
        match documents.next() {
            Some(second) => {
                Err(policy.error(second.span, "a policy is one YAML document".to_owned(), Some("take out the `---`".to_owned())))
            }
            None => Ok(policy),
        }
    }

    /// The whole document; nothing when it is empty.
    pub fn root(&self) -> Option<&Node> {
        self.root.as_ref()
    }

    /// The value under keys of maps and positions in lists.
    pub fn node(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self.root.as_ref()?, |node, key| match &node.kind {
            NodeKind::Seq(items) => items.get(key.parse::<usize>().ok()?),
            _ => node.get(key),
        })
    }

    /// The value's place, else that of the deepest key above it that is there.
    pub fn span(&self, keys: &[&str]) -> Span {
        let deepest = (0..=keys.len()).rev().find_map(|depth| self.node(&keys[..depth]));
        deepest.map(|node| node.span).unwrap_or_default()
    }

    pub fn position(&self, span: Span) -> Position {
        LineIndex::new(&self.text).position(&self.text, span.start)
    }

    pub fn error(&self, span: Span, message: String, help: Option<String>) -> PolicyError {
        PolicyError { path: self.path.clone(), position: Some(self.position(span)), message, help }
    }

    /// An error at the value under `keys`.
    pub fn error_at(&self, keys: &[&str], message: impl Into<String>, help: impl Into<String>) -> PolicyError {
        self.error(self.span(keys), message.into(), Some(help.into()))
    }
}
