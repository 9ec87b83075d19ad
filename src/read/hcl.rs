//! Terraform files in, their resources out as the same tree that YAML gives. The only user of the HCL parser.
//!
//! A block becomes a map; a block that repeats becomes a repeated key. What is computed is `Unresolved`.

use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure::{Attribute, Block, BlockLabel, Body, Structure};
use hcl_edit::{Decorated, Ident};

use super::tree::{Node, NodeKind, Style};
use crate::source::Span;

#[derive(Debug)]
pub struct Resource {
    pub kind: String,
    /// Its second label.
    pub name: Node,
    pub body: Node,
}

/// Brackets and operators that may nest; the parser recurses on them.
const MAX_DEPTH: usize = 64;

/// All `resource` blocks, or why the file does not parse and where.
pub fn resources(text: &str) -> Result<Vec<Resource>, (Span, String)> {
    let body = parse(text)?;
    Ok(blocks(&body, "resource").filter_map(resource).collect())
}

/// All `job` blocks of a Nomad file. Nested blocks with a label nest by it, as in HCL's JSON form: `group.web.count`.
pub fn jobs(text: &str) -> Result<Vec<Resource>, (Span, String)> {
    let body = parse(text)?;
    let job = |block: &Block| {
        let body = labelled_body(&block.body, span(block));
        Some(Resource { kind: "job".to_owned(), name: block.labels.first().map(label)?, body })
    };
    Ok(blocks(&body, "job").filter_map(job).collect())
}

fn parse(text: &str) -> Result<Body, (Span, String)> {
    if let Some(at) = too_deep(text) {
        return Err((Span::at(at), format!("it nests deeper than {MAX_DEPTH}")));
    }
    hcl_edit::parser::parse_body(text).map_err(|error| {
        let at = error.location().offset().min(text.len());
        (Span::at(at), error.message().to_owned())
    })
}

fn blocks<'b>(body: &'b Body, kind: &'b str) -> impl Iterator<Item = &'b Block> {
    body.iter().filter_map(move |structure| match structure {
        Structure::Block(block) if block.ident.as_str() == kind => Some(block),
        _ => None,
    })
}

/// The first byte at which brackets, or operators that bind to the right, pile up.
fn too_deep(text: &str) -> Option<usize> {
    let (mut depth, mut operators) = (0usize, 0usize);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' | b'{' | b'(' => depth += 1,
            b']' | b'}' | b')' => depth = depth.saturating_sub(1),
            b'!' | b'-' | b'?' => operators += 1,
            b'\n' => operators = 0,
            _ => {}
        }
        if depth > MAX_DEPTH || (operators > MAX_DEPTH && depth > 0 && !line_is_text(text, at)) {
            return Some(at);
        }
    }
    None
}

/// Comments and quoted texts may have any number of dashes.
fn line_is_text(text: &str, at: usize) -> bool {
    let line = text.as_bytes()[..at].iter().rposition(|b| *b == b'\n').map_or(0, |line| line + 1);
    let before = &text.as_bytes()[line..at];
    before.contains(&b'#') || before.contains(&b'"') || before.windows(2).any(|pair| pair == b"//")
}

fn span(node: &impl hcl_edit::Span) -> Span {
    node.span().map_or(Span::default(), |range| Span { start: range.start, end: range.end })
}

fn resource(block: &Block) -> Option<Resource> {
    let label = |at: usize| block.labels.get(at).map(label);
    Some(Resource { kind: label(0)?.as_str()?.to_owned(), name: label(1)?, body: body(&block.body, span(block)) })
}

fn label(label: &BlockLabel) -> Node {
    match label {
        BlockLabel::Ident(ident) => text(ident.as_str(), span(ident), Style::Plain),
        BlockLabel::String(string) => text(string.as_str(), span(string), Style::Quoted),
    }
}

fn text(value: &str, span: Span, style: Style) -> Node {
    Node::new(span, NodeKind::Scalar { text: value.into(), style })
}

fn ident(ident: &Decorated<Ident>) -> Node {
    text(ident.as_str(), span(ident), Style::Plain)
}

fn body(body: &Body, at: Span) -> Node {
    let entries: Vec<(Node, Node)> = body
        .iter()
        .map(|structure| match structure {
            Structure::Attribute(Attribute { key, value, .. }) => (ident(key), expression(value)),
            Structure::Block(block) => (ident(&block.ident), self::body(&block.body, span(block))),
        })
        .collect();
    Node::new(at, NodeKind::Map(entries.into()))
}

fn labelled_body(body: &Body, at: Span) -> Node {
    let entry = |structure: &Structure| match structure {
        Structure::Attribute(Attribute { key, value, .. }) => (ident(key), expression(value)),
        Structure::Block(block) => {
            let inner = labelled_body(&block.body, span(block));
            let nested = block.labels.iter().rev().fold(inner, |node, name| {
                let span = node.span;
                Node::new(span, NodeKind::Map([(label(name), node)].into()))
            });
            (ident(&block.ident), nested)
        }
    };
    Node::new(at, NodeKind::Map(body.iter().map(entry).collect()))
}

fn expression(value: &Expression) -> Node {
    let at = span(value);
    match value {
        Expression::Null(_) => Node::new(at, NodeKind::Null),
        Expression::Bool(value) => text(if *value.value() { "true" } else { "false" }, at, Style::Plain),
        Expression::Number(number) => text(&number.value().to_string(), at, Style::Plain),
        Expression::String(value) => text(value.as_str(), at, Style::Quoted),
        Expression::Array(items) => Node::new(at, NodeKind::Seq(items.iter().map(expression).collect())),
        Expression::Object(object) => {
            let entries = object.iter().map(|(key, value)| {
                let key = match key {
                    ObjectKey::Ident(name) => ident(name),
                    ObjectKey::Expression(key) => expression(key),
                };
                (key, expression(value.expr()))
            });
            Node::new(at, NodeKind::Map(entries.collect()))
        }
        Expression::Parenthesis(inner) => expression(inner.inner()),
        Expression::FuncCall(call) if call.name.name.as_str() == "jsonencode" && call.args.len() == 1 => {
            call.args.iter().next().map_or(Node::new(at, NodeKind::Unresolved), expression)
        }
        _ => Node::new(at, NodeKind::Unresolved),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_keep_their_places() {
        let source = "# é\nresource \"a_b\" \"x\" {\n  on = true\n  tags = [\"t\", var.y]\n  rule { n = 1 }\n  rule { n = 2 }\n}\n";
        let all = resources(source).unwrap();
        assert_eq!((all[0].kind.as_str(), all[0].name.as_str()), ("a_b", Some("x")));
        let on = all[0].body.get("on").unwrap();
        assert_eq!((on.as_bool(), on.span.text(source)), (Some(true), "true"));
        assert_eq!(all[0].body.get("tags").unwrap().items()[1].kind, NodeKind::Unresolved);
        assert_eq!(all[0].body.entries().iter().filter(|(key, _)| key.as_str() == Some("rule")).count(), 2);
    }

    #[test]
    fn hostile_nesting_is_an_error() {
        for text in ["x = [".to_owned(), format!("x = {}", "[".repeat(100_000)), format!("x {{\n y = {}true\n}}", "!".repeat(100_000))] {
            assert!(resources(&text).is_err());
        }
    }
}
