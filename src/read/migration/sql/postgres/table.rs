//! `CREATE TABLE`, `CREATE FOREIGN TABLE` and `CREATE TABLE AS` to ops.

use super::constraint;
use super::cursor::Cursor;
use super::statement::{Ops, single};
use crate::schema::op::{ColumnDef, CreateTable, Generated, Identity, PartitionBound, PartitionBy, PartitionOf, Persistence, SchemaOp};

pub(super) fn create(c: &mut Cursor<'_>, temporary: bool, unlogged: bool) -> Ops {
    let foreign = c.eat("foreign table") || !c.eat("table");
    let if_not_exists = c.if_not_exists();
    let table = c.rel()?;
    let span = table.span();
    let persistence = match (temporary, unlogged) {
        (true, _) => Persistence::Temporary,
        (_, true) => Persistence::Unlogged,
        _ => Persistence::Permanent,
    };
    let mut create = CreateTable {
        table,
        persistence,
        foreign,
        if_not_exists,
        columns: Vec::new(),
        constraints: Vec::new(),
        partition_by: None,
        partition_of: None,
        inherits: Vec::new(),
        like: Vec::new(),
        of_type: None,
        as_query: None,
    };
    if c.eat("of") {
        create.of_type = Some(c.rel()?);
    }
    let parent = if c.eat("partition of") { Some(c.rel()?) } else { None };
    if c.at("(") {
        elements(c, &mut create)?;
    }
    if let Some(parent) = parent {
        create.partition_of = Some(PartitionOf { parent, bound: bound(c)? });
    }
    while !c.at_end() {
        table_clause(c, &mut create)?;
    }
    single(span, SchemaOp::CreateTable(Box::new(create)))
}

/// The parenthesised list: columns, constraints, LIKE. `CREATE TABLE AS` and typed tables write bare column names.
fn elements(c: &mut Cursor<'_>, create: &mut CreateTable) -> Option<()> {
    c.need("(")?;
    if c.eat(")") {
        return Some(());
    }
    loop {
        if c.eat("like") {
            let source = c.rel()?;
            let mut including = Vec::new();
            while let Some(word) = c.one_of(&["including", "excluding"]) {
                let property = c.word()?;
                if word == "including" {
                    including.push(property);
                }
            }
            create.like.push((source, including));
        } else if constraint::starts(c) {
            create.constraints.push(constraint::table(c)?);
        } else {
            create.columns.push(column(c)?);
        }
        if !c.eat(",") {
            return c.need(")");
        }
    }
}

fn table_clause(c: &mut Cursor<'_>, create: &mut CreateTable) -> Option<()> {
    if c.eat("partition by") {
        create.partition_by = Some(partition_by(c)?);
    } else if c.eat("inherits") {
        c.need("(")?;
        create.inherits = c.rels()?;
        c.need(")")?;
    } else if c.eat("without oids") {
    } else if c.at("with (") {
        c.pos += 1;
        c.skip_parens();
    } else if c.eat("on commit") {
        c.one_of(&["preserve rows", "delete rows", "drop"])?;
    } else if c.eat("tablespace") || c.eat("using") || c.eat("server") {
        c.name()?;
    } else if c.eat("options") {
        c.skip_parens().then_some(())?;
    } else if c.eat("as") {
        create.as_query = Some(if c.at("execute") { executed(c)? } else { c.query()? });
        c.one_of(&["with data", "with no data"]);
    } else {
        return None;
    }
    Some(())
}

/// `AS EXECUTE prepared(…)`: what it reads is not known here.
fn executed(c: &mut Cursor<'_>) -> Option<crate::schema::op::Query> {
    let from = c.pos;
    c.need("execute")?;
    c.name()?;
    c.skip_parens();
    Some(crate::schema::op::Query { span: c.span_from(from), ..Default::default() })
}

fn partition_by(c: &mut Cursor<'_>) -> Option<PartitionBy> {
    let strategy = c.word()?;
    c.need("(")?;
    let mut by = PartitionBy { strategy, columns: Vec::new(), has_expression: false };
    loop {
        let from = c.pos;
        let key = c.expr()?;
        if c.pos == from + 1 && key.columns.len() == 1 {
            c.pos = from;
            by.columns.push(c.name()?);
        } else {
            by.has_expression = true;
        }
        // Collation and operator class.
        while !c.at(",") && !c.at(")") && !c.at_end() {
            c.pos += 1;
        }
        if !c.eat(",") {
            c.need(")")?;
            return Some(by);
        }
    }
}

/// `DEFAULT` or `FOR VALUES …`.
pub(super) fn bound(c: &mut Cursor<'_>) -> Option<PartitionBound> {
    if c.eat("default") {
        return Some(PartitionBound::Default);
    }
    let from = c.pos;
    c.need("for values")?;
    let keywords = c.one_of(&["in", "from", "with"])?;
    c.skip_parens().then_some(())?;
    if keywords == "from" {
        c.need("to")?;
        c.skip_parens().then_some(())?;
    }
    Some(PartitionBound::Values(c.text_between(from, c.pos)))
}

/// A column of CREATE TABLE or ADD COLUMN. A typed table's or a partition's column may leave its type out.
pub(super) fn column(c: &mut Cursor<'_>) -> Option<ColumnDef> {
    let name = c.name()?;
    let ty = match c.ty() {
        Some(ty) => ty,
        None => crate::schema::types::TypeName::named("", Vec::new(), name.span),
    };
    let mut column =
        ColumnDef { name, ty, not_null: false, default: None, generated: None, identity: None, collation: None, constraints: Vec::new() };
    while !(c.at_end() || c.at(",") || c.at(")")) {
        column_clause(c, &mut column)?;
    }
    Some(column)
}

fn column_clause(c: &mut Cursor<'_>, column: &mut ColumnDef) -> Option<()> {
    if c.eat("collate") {
        column.collation = Some(c.rel()?);
        return Some(());
    }
    if c.eat("with options") {
        return Some(());
    }
    if c.eat("storage") || c.eat("compression") {
        return c.word().map(|_| ());
    }
    if c.eat("options") {
        return c.skip_parens().then_some(());
    }
    let from = c.pos;
    let name = if c.eat("constraint") { Some(c.name()?) } else { None };
    if c.eat("default") {
        column.default = Some(c.expr()?);
    } else if c.at("generated") {
        generated(c, column)?;
    } else if c.eat("not null") {
        column.not_null = true;
        c.eat("no inherit");
    } else if c.eat("null") {
    } else {
        let constraint = constraint::of_column(c, from, name, &column.name)?;
        column.not_null |= matches!(constraint.kind, crate::schema::op::ConstraintKind::PrimaryKey { .. });
        column.constraints.push(constraint);
        return Some(());
    }
    constraint::attributes(c, &mut constraint::Attributes::default());
    Some(())
}

fn generated(c: &mut Cursor<'_>, column: &mut ColumnDef) -> Option<()> {
    c.need("generated")?;
    let identity = identity_kind(c)?;
    c.need("as")?;
    if c.eat("identity") {
        c.skip_parens();
        column.identity = Some(identity);
        return Some(());
    }
    let expr = c.paren_expr()?;
    let stored = match c.one_of(&["stored", "virtual"]) {
        Some("stored") => Some(true),
        Some(_) => Some(false),
        None => None,
    };
    column.generated = Some(Generated { expr, stored });
    Some(())
}

/// `ALWAYS` or `BY DEFAULT`.
pub(super) fn identity_kind(c: &mut Cursor<'_>) -> Option<Identity> {
    match c.one_of(&["always", "by default"])? {
        "always" => Some(Identity::Always),
        _ => Some(Identity::ByDefault),
    }
}
