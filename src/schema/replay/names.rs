//! Names PostgreSQL chooses when a statement gives none, and where new objects go: parts in, names out.
//! Source: PostgreSQL source, `makeObjectName`, `ChooseRelationName`, `ChooseConstraintName` (src/backend/commands/indexcmds.c).

use crate::schema::catalog::{Catalog, Table};
use crate::schema::name::{QName, RelName};

/// Longest identifier in bytes (NAMEDATALEN - 1).
const MAX: usize = 63;

/// Key of an object that a statement creates.
pub fn new_key(catalog: &Catalog, name: &RelName) -> QName {
    match &name.schema {
        Some(schema) => QName::new(schema.as_str(), name.name.as_str()),
        None => QName::new(catalog.current_schema(), name.name.as_str()),
    }
}

/// `SET search_path` as its value is written: `'$user', public`.
pub fn search_path(value: &str) -> Vec<String> {
    value
        .split(',')
        .map(|part| crate::schema::name::fold_postgres(part.trim().trim_matches('\'')))
        .filter(|part| !part.is_empty())
        .collect()
}

/// `table_column_label`, cut to fit: the longer of the first two parts loses characters first.
pub fn object_name(table: &str, column: &str, label: &str) -> String {
    let overhead = usize::from(!column.is_empty()) + usize::from(!label.is_empty()) + label.len();
    let (mut first, mut second) = (table.len(), column.len());
    while first + second + overhead > MAX && first + second > 0 {
        if first > second { first -= 1 } else { second -= 1 }
    }
    let mut name = cut(table, first).to_owned();
    for part in [cut(column, second), label] {
        if !part.is_empty() {
            name.push('_');
            name.push_str(part);
        }
    }
    name
}

fn cut(text: &str, mut end: usize) -> &str {
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// What an expression contributes to an index's name: a call its function's name, a cast what it casts, else `expr`.
/// Source: PostgreSQL source, `FigureIndexColname` (src/backend/parser/parse_target.c).
pub fn of_expression(text: &str) -> String {
    let mut text = text.trim();
    while let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).filter(|inner| is_balanced(inner)) {
        text = inner.trim();
    }
    if let Some((cast, _)) = text.rsplit_once("::").filter(|(cast, _)| is_balanced(cast)) {
        return of_expression(cast);
    }
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '.'));
    match text.split_once('(') {
        Some((name, arguments)) if is_name(name.trim()) && arguments.strip_suffix(')').is_some_and(is_balanced) => {
            crate::schema::name::fold_postgres(name.trim().rsplit('.').next().unwrap_or(name))
        }
        None if is_name(text) && !text.starts_with(|c: char| c.is_ascii_digit()) => crate::schema::name::fold_postgres(text),
        _ => "expr".to_owned(),
    }
}

/// Every parenthesis closes one that was opened in the text.
fn is_balanced(text: &str) -> bool {
    let mut depth = 0_i32;
    for c in text.chars() {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

/// The first of `base`, `base1`, `base2` … that is free.
fn numbered(table: &str, columns: &str, label: &str, taken: impl Fn(&str) -> bool) -> String {
    let plain = object_name(table, columns, label);
    if !taken(&plain) {
        return plain;
    }
    (1..=taken_limit()).map(|n| object_name(table, columns, &format!("{label}{n}"))).find(|name| !taken(name)).unwrap_or(plain)
}

fn taken_limit() -> u32 {
    10_000
}

/// Name for a relation (index, sequence) of a table.
pub fn relation(catalog: &Catalog, table: &QName, columns: &[String], label: &str) -> String {
    let joined = joined(columns);
    numbered(&table.name, &joined, label, |name| catalog.has_relation(&QName::new(&table.schema, name)))
}

/// Name for a constraint that is not an index.
pub fn constraint(owner: &Table, table: &QName, columns: &[String], label: &str) -> String {
    let joined = joined(columns);
    numbered(&table.name, &joined, label, |name| owner.constraint(name).is_some())
}

/// Column names as PostgreSQL joins them for a name; it stops once they fill an identifier.
fn joined(columns: &[String]) -> String {
    let mut out = String::new();
    for column in columns {
        if !out.is_empty() {
            out.push('_');
        }
        out.push_str(column);
        if out.len() >= MAX {
            break;
        }
    }
    let end = out.len().min(MAX);
    cut(&out, end).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_where_postgres_cuts_them() {
        assert_eq!(object_name("orders", "customer_id", "fkey"), "orders_customer_id_fkey");
        assert_eq!(object_name("orders", "", "pkey"), "orders_pkey");
        let name = object_name(&"t".repeat(60), &"c".repeat(20), "idx");
        assert_eq!(name.len(), 63);
        assert!(name.ends_with(&format!("_{}_idx", "c".repeat(20))));
    }

    #[test]
    fn indexes_on_expressions_are_named_as_postgres_names_them() {
        assert_eq!(of_expression("lower(email)"), "lower");
        assert_eq!(of_expression("(app.canon((name)))"), "canon");
        assert_eq!(of_expression("(data->>'id')::bigint"), "expr");
        assert_eq!(of_expression("(id)::text"), "id");
        assert_eq!(of_expression("f(a) || g(b)"), "expr");
    }

    #[test]
    fn search_paths_are_folded() {
        assert_eq!(search_path("\"$user\", App, 'x'"), ["$user", "app", "x"]);
    }
}
