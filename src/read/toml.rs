//! TOML files in, the same tree that YAML gives out, with byte spans. The only user of the TOML parser.

use toml_edit::{Array, Document, InlineTable, Item, Key, Table, Value};

use super::tree::{Node, NodeKind, Style};
use crate::source::Span;

/// Brackets that may nest; the parser recurses on them.
const MAX_DEPTH: usize = 64;

/// The document's root table, or why it does not parse and where.
pub fn parse(text: &str) -> Result<Node, (Span, String)> {
    if let Some(at) = too_deep(text) {
        return Err((Span::at(at), format!("it nests deeper than {MAX_DEPTH}")));
    }
    let document = Document::parse(text).map_err(|error| {
        let span = error.span().map_or(Span::at(0), |range| Span { start: range.start, end: range.end });
        (span, error.message().to_owned())
    })?;
    Ok(table(document.as_table(), Span { start: 0, end: text.len() }))
}

/// The first byte at which brackets pile up, wherever they stand: flags files nest a few levels, not sixty.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    text.bytes().position(|byte| {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > MAX_DEPTH
    })
}

fn span(range: Option<std::ops::Range<usize>>, otherwise: Span) -> Span {
    range.map_or(otherwise, |range| Span { start: range.start, end: range.end })
}

fn text(value: &str, span: Span, style: Style) -> Node {
    Node::new(span, NodeKind::Scalar { text: value.into(), style })
}

fn key(key: &Key, otherwise: Span) -> Node {
    text(key.get(), span(key.span(), otherwise), Style::Plain)
}

fn table(table: &Table, at: Span) -> Node {
    let at = span(table.span(), at);
    let entries = table.iter().filter_map(|(name, _)| table.get_key_value(name)).map(|(name, value)| (key(name, at), item(value, at)));
    Node::new(at, NodeKind::Map(entries.collect()))
}

fn item(item: &Item, at: Span) -> Node {
    match item {
        Item::None => Node::new(at, NodeKind::Null),
        Item::Value(found) => value(found, at),
        Item::Table(found) => table(found, at),
        Item::ArrayOfTables(tables) => {
            let at = span(tables.span(), at);
            Node::new(at, NodeKind::Seq(tables.iter().map(|found| table(found, at)).collect()))
        }
    }
}

fn value(value: &Value, at: Span) -> Node {
    let at = span(value.span(), at);
    match value {
        Value::String(string) => text(string.value(), at, Style::Quoted),
        Value::Integer(number) => text(&number.value().to_string(), at, Style::Plain),
        Value::Float(number) => text(&number.value().to_string(), at, Style::Plain),
        Value::Boolean(on) => text(if *on.value() { "true" } else { "false" }, at, Style::Plain),
        Value::Datetime(time) => text(&time.value().to_string(), at, Style::Plain),
        Value::Array(items) => array(items, at),
        Value::InlineTable(found) => inline(found, at),
    }
}

fn array(items: &Array, at: Span) -> Node {
    Node::new(at, NodeKind::Seq(items.iter().map(|item| value(item, at)).collect()))
}

fn inline(found: &InlineTable, at: Span) -> Node {
    let entries = found.iter().filter_map(|(name, _)| found.get_key_value(name)).map(|(name, value)| (key(name, at), item(value, at)));
    Node::new(at, NodeKind::Map(entries.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_keep_their_places() {
        let source = "# é\n[new.variations]\non = true\noff = false\n\n[new.defaultRule]\nvariation = \"off\"\n\n[[new.targeting]]\nquery = 'a eq \"b\"'\npercentage = { on = 5.5 }\n";
        let root = parse(source).unwrap();
        let on = root.at(&["new", "variations", "on"]).unwrap();
        assert_eq!((on.as_bool(), on.span.text(source)), (Some(true), "true"));
        let name = &root.entries()[0].0;
        assert_eq!((name.as_str(), name.span.text(source)), (Some("new"), "new"));
        assert_eq!(root.at(&["new", "targeting"]).unwrap().items()[0].at(&["percentage", "on"]).unwrap().as_f64(), Some(5.5));
    }

    #[test]
    fn what_does_not_parse_is_an_error_with_its_place() {
        assert_eq!(parse("a = 1\nb = = 2\n").unwrap_err().0.start, 10);
        for hostile in ["[".repeat(100_000), format!("a = {}", "[".repeat(100_000)), format!("a = {}", "{b=".repeat(100_000))] {
            assert!(parse(&hostile).is_err());
        }
        // Dotted keys nest without brackets; the parser bounds them itself.
        assert!(parse(&format!("{} = 1", vec!["a"; 20_000].join("."))).is_err());
    }
}
