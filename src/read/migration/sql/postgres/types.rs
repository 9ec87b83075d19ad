//! Type names, and `CREATE TYPE` and `ALTER TYPE` to ops.

use squawk_syntax::SyntaxNode;

use super::super::lex::{Kind, Lexer};
use super::super::{Depth, Source, lex};
use super::alter_table::{Common, common};
use super::cursor::Cursor;
use super::statement::{Ops, single};
use crate::schema::name::{Name, RelName};
use crate::schema::op::{Op, SchemaOp, TypeAction, TypeDefinition, ValuePosition};
use crate::schema::types::TypeName;

/// The type that the tokens `from..to` spell.
pub(super) fn type_name(c: &mut Cursor<'_>, from: usize, to: usize) -> Option<TypeName> {
    let end = c.pos;
    c.pos = from;
    let ty = read_type(c, to);
    c.pos = end;
    ty
}

fn read_type(c: &mut Cursor<'_>, to: usize) -> Option<TypeName> {
    let from = c.pos;
    let setof = c.eat("setof");
    let quoted = c.kind()? == Kind::Quoted;
    let start = c.pos;
    let first = c.rel()?;
    let qualified = c.pos > start + 1;
    let mut words = vec![first.name.text.clone()];
    let mut modifiers = Vec::new();
    let mut array = 0;
    while c.pos < to {
        match c.kind()? {
            Kind::Word if c.eat("array") => array += usize::from(!c.at("[")),
            Kind::Word => words.push(c.word()?),
            Kind::Symbol(b'(') => modifiers = numbers(c),
            Kind::Symbol(b'[') => {
                array += 1;
                c.pos += 1;
            }
            _ => c.pos += 1,
        }
    }
    let span = c.span_at(from).cover(c.span_at(to.saturating_sub(1)));
    let builtin_schema = first.schema.as_ref().is_none_or(|schema| schema.text == "pg_catalog");
    let mut ty = if words[0] == "interval" {
        TypeName::named("interval", modifiers, span)
    } else if quoted && !qualified && words[0] == "char" {
        // `"char"` in quotes is the one-byte type, which has no length.
        TypeName { span, ..TypeName::user(&first) }
    } else if builtin_schema && (qualified || !quoted) {
        TypeName::named(&words.join(" "), modifiers, span)
    } else {
        TypeName { modifiers, span, ..TypeName::user(&first) }
    };
    ty.array = array;
    ty.setof = setof;
    Some(ty)
}

/// The numbers between the parentheses that open here; negative scales are kept.
fn numbers(c: &mut Cursor<'_>) -> Vec<i64> {
    let from = c.pos;
    c.skip_parens();
    let mut found = Vec::new();
    for i in from..c.pos {
        if c.tokens[i].kind == Kind::Number {
            let negative = c.text_at(i.saturating_sub(1)) == "-";
            let value = c.text_at(i).replace('_', "").parse::<i64>().unwrap_or(i64::MAX);
            found.push(if negative { -value } else { value });
        }
    }
    found
}

/// A type from the parser's node.
pub(super) fn type_of_node(node: &SyntaxNode, origin: usize) -> Option<TypeName> {
    let text = node.text().to_string();
    let mut lexer = Lexer::new(&text);
    let mut tokens: Vec<lex::Token> = Vec::new();
    while let Some(token) = lexer.next() {
        tokens.push(token);
    }
    let source = Source { text: &text, base: origin + usize::from(node.text_range().start()), nesting: 0, depth: Depth::Full };
    let mut c = Cursor::new(source, &tokens, node.clone());
    let to = tokens.len();
    type_name(&mut c, 0, to)
}

pub(super) fn create(c: &mut Cursor<'_>) -> Ops {
    c.need("type")?;
    let name = c.rel()?;
    let definition = if c.eat("as enum") {
        TypeDefinition::Enum { values: enum_values(c)? }
    } else if c.eat("as range") {
        c.skip_parens().then_some(())?;
        TypeDefinition::Range
    } else if c.eat("as") {
        TypeDefinition::Composite { attributes: attributes(c)? }
    } else if c.skip_parens() {
        TypeDefinition::Base
    } else {
        TypeDefinition::Shell
    };
    single(name.span(), SchemaOp::CreateType { name, definition })
}

fn enum_values(c: &mut Cursor<'_>) -> Option<Vec<String>> {
    c.need("(")?;
    let values = if c.at(")") { Vec::new() } else { c.list(Cursor::string)? };
    c.need(")")?;
    Some(values)
}

fn attributes(c: &mut Cursor<'_>) -> Option<Vec<(Name, TypeName)>> {
    c.need("(")?;
    let attributes = if c.at(")") { Vec::new() } else { c.list(attribute)? };
    c.need(")")?;
    Some(attributes)
}

fn attribute(c: &mut Cursor<'_>) -> Option<(Name, TypeName)> {
    let name = c.name()?;
    let ty = c.ty()?;
    if c.eat("collate") {
        c.rel()?;
    }
    Some((name, ty))
}

pub(super) fn alter(c: &mut Cursor<'_>) -> Ops {
    c.need("type")?;
    let name = c.rel()?;
    if c.at("add attribute") || c.at("drop attribute") || c.at("alter attribute") {
        return attribute_actions(c, name);
    }
    let mut span = name.span();
    let action = if let Some(shared) = common(c) {
        match shared {
            Common::Rename(to) => TypeAction::Rename { to },
            Common::SetSchema(schema) => TypeAction::SetSchema { schema },
            Common::OwnerTo(role) => TypeAction::OwnerTo { role },
        }
    } else if c.eat("add value") {
        let if_not_exists = c.if_not_exists();
        span = c.span_at(c.pos);
        let value = c.string()?;
        let position = match c.one_of(&["before", "after"]) {
            Some("before") => Some(ValuePosition::Before(c.string()?)),
            Some(_) => Some(ValuePosition::After(c.string()?)),
            None => None,
        };
        TypeAction::AddValue { value, if_not_exists, position }
    } else if c.eat("rename value") {
        span = c.span_at(c.pos);
        let from = c.string()?;
        c.need("to")?;
        TypeAction::RenameValue { from, to: c.string()? }
    } else if c.eat("rename attribute") {
        let from = c.name()?;
        span = from.span;
        c.need("to")?;
        let to = c.name()?;
        TypeAction::RenameAttribute { from, to, cascade: c.cascade() }
    } else {
        c.need("set")?;
        c.skip_parens().then_some(())?;
        TypeAction::SetOptions
    };
    single(span, SchemaOp::AlterType { name, action })
}

fn attribute_actions(c: &mut Cursor<'_>, name: RelName) -> Ops {
    let actions = c.list(|c| match c.one_of(&["add attribute", "drop attribute", "alter attribute"])? {
        "add attribute" => {
            let (name, ty) = attribute(c)?;
            Some((name.span, TypeAction::AddAttribute { name, ty, cascade: c.cascade() }))
        }
        "drop attribute" => {
            let if_exists = c.if_exists();
            let name = c.name()?;
            Some((name.span, TypeAction::DropAttribute { name, if_exists, cascade: c.cascade() }))
        }
        _ => {
            let name = c.name()?;
            c.eat("set data");
            c.need("type")?;
            let ty = c.ty()?;
            if c.eat("collate") {
                c.rel()?;
            }
            Some((name.span, TypeAction::AlterAttribute { name, ty, cascade: c.cascade() }))
        }
    })?;
    let op = |(span, action)| Op { span, kind: SchemaOp::AlterType { name: name.clone(), action } };
    Some(actions.into_iter().map(op).collect())
}
