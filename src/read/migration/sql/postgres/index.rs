//! `CREATE`, `ALTER` and `DROP INDEX` to ops.

use super::cursor::Cursor;
use super::misc;
use super::statement::{Ops, single};
use crate::schema::name::Name;
use crate::schema::op::{CreateIndex, IndexAction, Op, SchemaOp};

pub(super) fn create(c: &mut Cursor<'_>) -> Ops {
    let unique = c.eat("unique");
    c.need("index")?;
    let head = c.span_from(0);
    let concurrently = c.eat("concurrently");
    let if_not_exists = c.if_not_exists();
    let name = if c.at("on") { None } else { Some(c.rel()?.name) };
    let span = name.as_ref().map_or(head, |name| name.span);
    c.need("on")?;
    let (table, only) = c.only_rel()?;
    let method = if c.eat("using") { Some(c.name()?) } else { None };
    let mut index = CreateIndex {
        name,
        table,
        only,
        unique,
        concurrently,
        if_not_exists,
        method,
        columns: Vec::new(),
        expressions: Vec::new(),
        include: Vec::new(),
        predicate: None,
        nulls_not_distinct: false,
    };
    keys(c, &mut index)?;
    if c.eat("include") {
        index.include = c.paren_names()?;
    }
    index.nulls_not_distinct = c.one_of(&["nulls not distinct", "nulls distinct"]) == Some("nulls not distinct");
    if c.eat("with") {
        c.skip_parens().then_some(())?;
    }
    if c.eat("tablespace") {
        c.name()?;
    }
    if c.eat("where") {
        index.predicate = Some(c.expr()?);
    }
    single(span, SchemaOp::CreateIndex(Box::new(index)))
}

fn keys(c: &mut Cursor<'_>, index: &mut CreateIndex) -> Option<()> {
    c.need("(")?;
    loop {
        let from = c.pos;
        let key = c.expr()?;
        if c.pos == from + 1 && key.columns.len() == 1 {
            index.columns.push(Name::new(key.columns[0].clone(), key.span));
        } else {
            index.expressions.push(key);
        }
        // Collation, operator class with its parameters, order.
        while !(c.at_end() || c.at(",") || c.at(")")) {
            if !c.skip_parens() {
                c.pos += 1;
            }
        }
        if !c.eat(",") {
            return c.need(")");
        }
    }
}

pub(super) fn alter(c: &mut Cursor<'_>) -> Ops {
    c.need("index")?;
    if c.eat("all in tablespace") {
        return misc::every_object(c);
    }
    let if_exists = c.if_exists();
    let index = c.rel()?;
    let choices =
        ["rename to", "set tablespace", "attach partition", "set", "reset", "alter", "depends on extension", "no depends on extension"];
    let action = match c.one_of(&choices)? {
        "rename to" => IndexAction::Rename { to: c.name()? },
        "set tablespace" => {
            let tablespace = c.name()?;
            c.eat("nowait");
            IndexAction::SetTablespace { tablespace }
        }
        "attach partition" => IndexAction::AttachPartition { index: c.rel()? },
        "set" | "reset" => {
            c.skip_parens().then_some(())?;
            IndexAction::SetParameters
        }
        "alter" => {
            c.eat("column");
            c.pos += 1;
            c.need("set statistics")?;
            c.skip_rest();
            IndexAction::SetStatistics
        }
        _ => {
            c.name()?;
            IndexAction::DependsOnExtension
        }
    };
    single(index.span(), SchemaOp::AlterIndex { index, if_exists, action })
}

pub(super) fn drop(c: &mut Cursor<'_>) -> Ops {
    c.need("index")?;
    let concurrently = c.eat("concurrently");
    let if_exists = c.if_exists();
    let indexes = c.rels()?;
    let cascade = c.cascade();
    let op = |index: crate::schema::name::RelName| Op {
        span: index.span(),
        kind: SchemaOp::DropIndex { index, concurrently, if_exists, cascade },
    };
    Some(indexes.into_iter().map(op).collect())
}
