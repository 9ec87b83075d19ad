//! `CREATE SEQUENCE` and `ALTER SEQUENCE` to ops.

use super::alter_table::{Common, common};
use super::cursor::Cursor;
use super::statement::{Ops, single};
use crate::schema::name::{Name, RelName};
use crate::schema::op::{Op, SchemaOp, SequenceAction};

pub(super) fn create(c: &mut Cursor<'_>) -> Ops {
    c.need("sequence")?;
    let if_not_exists = c.if_not_exists();
    let name = c.rel()?;
    let mut owned_by = None;
    while !c.at_end() {
        if c.at("owned by") {
            owned_by = owner(c)?;
        } else {
            option(c)?;
        }
    }
    single(name.span(), SchemaOp::CreateSequence { name, if_not_exists, owned_by })
}

/// `OWNED BY NONE` or `OWNED BY table.column`.
fn owner(c: &mut Cursor<'_>) -> Option<Option<(RelName, Name)>> {
    c.need("owned by")?;
    if c.eat("none") {
        return Some(None);
    }
    let mut parts = vec![c.name()?];
    while c.eat(".") {
        parts.push(c.name()?);
    }
    let column = parts.pop()?;
    let name = parts.pop()?;
    Some(Some((RelName { schema: parts.pop(), name }, column)))
}

/// One option, and its name.
fn option(c: &mut Cursor<'_>) -> Option<&'static str> {
    let flags = ["no minvalue", "no maxvalue", "no cycle", "cycle"];
    if let Some(flag) = c.one_of(&flags) {
        return Some(flag);
    }
    if c.eat("as") {
        c.ty()?;
        return Some("as");
    }
    let option = c.one_of(&["increment", "minvalue", "maxvalue", "start", "cache", "restart"])?;
    c.one_of(&["by", "with"]);
    let number = if c.at("-") || c.at("+") { c.pos + 1 } else { c.pos };
    if c.tokens.get(number).is_some_and(|t| matches!(t.kind, super::super::lex::Kind::Number)) {
        c.pos = number + 1;
    }
    Some(option)
}

pub(super) fn alter(c: &mut Cursor<'_>) -> Ops {
    c.need("sequence")?;
    let if_exists = c.if_exists();
    let name = c.rel()?;
    let span = name.span();
    let op = |action| Op { span, kind: SchemaOp::AlterSequence { name: name.clone(), if_exists, action } };
    if let Some(shared) = common(c) {
        let action = match shared {
            Common::Rename(to) => SequenceAction::Rename { to },
            Common::SetSchema(schema) => SequenceAction::SetSchema { schema },
            Common::OwnerTo(role) => SequenceAction::OwnerTo { role },
        };
        return Some(vec![op(action)]);
    }
    if let Some(logged) = c.one_of(&["set logged", "set unlogged"]) {
        return Some(vec![op(SequenceAction::SetLogged { logged: logged == "set logged" })]);
    }
    let mut ops = Vec::new();
    let mut words = Vec::new();
    while !c.at_end() {
        if c.at("owned by") {
            ops.push(op(SequenceAction::OwnedBy { column: owner(c)? }));
            continue;
        }
        match option(c)? {
            "restart" => ops.push(op(SequenceAction::Restart)),
            word => words.push(word.to_owned()),
        }
    }
    if !words.is_empty() {
        ops.insert(0, op(SequenceAction::Options { words }));
    }
    (!ops.is_empty()).then_some(ops)
}
