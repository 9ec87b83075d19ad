//! Prisma's schema language: text in, a table for each model out. Fields and attributes stand on lines of their own.

use std::sync::LazyLock;

use regex::Regex;

use super::{Column, Input, Parsed, Table};

static BLOCK: LazyLock<Regex> = LazyLock::new(|| regex(r"(?ms)^\s*(model|view|type|enum)\s+(\w+)\s*\{(.*?)^\s*\}"));
static FIELD: LazyLock<Regex> = LazyLock::new(|| regex(r#"^\s*(\w+)\s+(\w+)(?:\("[^"]*"\))?(\[\])?(\?)?"#));
static MAP: LazyLock<Regex> = LazyLock::new(|| regex(r#"(?:^|[^@])@map\(\s*(?:name:\s*)?"([^"]+)""#));
static TABLE_MAP: LazyLock<Regex> = LazyLock::new(|| regex(r#"(?m)^\s*@@map\(\s*(?:name:\s*)?"([^"]+)""#));
static TABLE_SCHEMA: LazyLock<Regex> = LazyLock::new(|| regex(r#"(?m)^\s*@@schema\(\s*"([^"]+)""#));
/// Types a column may have that are declared nowhere.
const SCALARS: [&str; 10] = ["String", "Boolean", "Int", "BigInt", "Float", "Decimal", "DateTime", "Json", "Bytes", "Unsupported"];

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

pub(super) fn tables(input: &Input) -> Parsed {
    let mut tables = Vec::new();
    for found in BLOCK.captures_iter(input.text).filter(|found| &found[1] == "model") {
        let (name, body) = (found.get(2).expect("a model has a name"), &found[3]);
        let named = |pattern: &Regex| pattern.captures(body).map(|found| found[1].to_owned());
        tables.push(Table {
            schema: named(&TABLE_SCHEMA),
            name: named(&TABLE_MAP).unwrap_or_else(|| name.as_str().to_owned()),
            place: input.place(name.start(), name.end()),
            columns: body.lines().filter_map(column).collect(),
        });
    }
    let count = tables.len();
    Ok((tables, count))
}

/// The column of a field. A field of another type than Prisma's own may be an enum's column or the far side of a relation.
fn column(line: &str) -> Option<Column> {
    let line = line.split("//").next().unwrap_or("");
    let found = FIELD.captures(line).filter(|_| !line.contains("@relation"))?;
    let (sure, list, optional) = (SCALARS.contains(&&found[2]), found.get(3).is_some(), found.get(4).is_some());
    let name = MAP.captures(line).map_or_else(|| found[1].to_owned(), |map| map[1].to_owned());
    // A list has no `?`, whatever the column is.
    Some(Column { name, not_null: (sure && !list).then_some(!optional), sure })
}
