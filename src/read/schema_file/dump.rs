//! What `pg_dump` writes: SQL text in, the tables its CREATE TABLE statements make out.

use std::sync::LazyLock;

use regex::Regex;

use super::{Column, Input, Parsed, Table};
use crate::read::migration::Dialect;
use crate::read::migration::sql::{self, Depth};
use crate::schema::op::SchemaOp;
use crate::source::Span;

/// A dump begins every statement on a line of its own.
static CREATE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?m)^CREATE (?:UNLOGGED |FOREIGN )?TABLE (?:IF NOT EXISTS )?[^\s(]+(?s:.*?);\r?$").expect("a constant pattern")
});

pub(super) fn tables(input: &Input) -> Parsed {
    let regions: Vec<Span> = CREATE.find_iter(input.text).map(|found| Span::new(found.start(), found.end())).collect();
    // Big dumps have thousands of tables, and a change concerns few.
    let is_wanted = |span: &&Span| {
        let head = span.text(input.text).lines().next().unwrap_or("");
        input.wanted.iter().any(|key| head.contains(&key.name))
    };
    let wanted: Vec<Span> = regions.iter().filter(is_wanted).copied().collect();
    let mut tables = Vec::new();
    for op in sql::read_to(Depth::Catalog, Dialect::Postgres, input.text, &wanted).into_iter().flat_map(|statement| statement.ops) {
        let SchemaOp::CreateTable(create) = op.kind else { return Err("a CREATE TABLE of it cannot be read".to_owned()) };
        let columns =
            create.columns.iter().map(|column| Column { name: column.name.text.clone(), not_null: Some(column.not_null), sure: true });
        tables.push(Table {
            schema: create.table.schema.as_ref().map(|schema| schema.text.clone()),
            name: create.table.name.text.clone(),
            place: input.place(create.table.span().start, create.table.span().end),
            columns: columns.collect(),
        });
    }
    Ok((tables, regions.len()))
}
