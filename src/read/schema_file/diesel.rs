//! Diesel's `schema.rs`: Rust text in, the tables of its `table!` macros out.

use std::sync::LazyLock;

use regex::Regex;

use super::{Column, Input, Parsed, Table};

/// `schema.name (key) {` or `name (key) {` after `table! {`, with imports, comments and attributes between.
static TABLE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"\btable!\s*\{\s*(?:use\s[^;]*;\s*|//[^\n]*\s*|#\[[^\]]*\]\s*)*(?:#\[sql_name\s*=\s*"([^"]+)"\]\s*)?(?:(\w+)\s*\.\s*)?(?:r#)?(\w+)\s*(?:\([^)]*\)\s*)?\{"#,
    )
});
/// `#[sql_name = "type"] type_ -> Nullable<Text>,`
static COLUMN: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?m)(?:#\[sql_name\s*=\s*"([^"]+)"\]\s*(?:#\[[^\]]*\]\s*)*)?(?:^|\s)(?:r#)?(\w+)\s*->\s*([A-Za-z_:]\w*)"#));
static SQL_NAME: LazyLock<Regex> = LazyLock::new(|| regex(r#"#\[sql_name\s*=\s*"([^"]+)"\]"#));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

pub(super) fn tables(input: &Input) -> Parsed {
    let mut tables = Vec::new();
    for found in TABLE.captures_iter(input.text) {
        let (Some(head), Some(word)) = (found.get(0), found.get(3)) else { continue };
        let body = &input.text[head.end()..];
        let body = &body[..body.find('}').ok_or("a `table!` does not end")?];
        // The attribute of a renamed table stands among the others before it.
        let name = SQL_NAME.captures_iter(head.as_str()).last().map_or(word.as_str(), |name| name.extract::<1>().1[0]);
        let body = uncommented(body);
        let columns = COLUMN.captures_iter(&body).map(|column| Column {
            name: column.get(1).unwrap_or_else(|| column.get(2).expect("a column has a name")).as_str().to_owned(),
            not_null: Some(&column[3] != "Nullable"),
            sure: true,
        });
        tables.push(Table {
            schema: found.get(2).map(|schema| schema.as_str().to_owned()),
            name: name.to_owned(),
            place: input.place(word.start(), word.end()),
            columns: columns.collect(),
        });
    }
    let count = tables.len();
    Ok((tables, count))
}

/// Without line comments, which may hold arrows and braces.
fn uncommented(body: &str) -> String {
    body.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}
