//! The snapshots of `drizzle-kit`: JSON in, tables out. Versions up to 7 nest columns in tables; version 8 lists every object.

use serde_json::Value;

use super::{Column, Input, Parsed, Table};

pub(super) fn tables(input: &Input) -> Parsed {
    let root: Value = serde_json::from_str(input.text).map_err(|error| format!("it is not JSON: {error}"))?;
    let tables: Vec<Table> = match (root.get("tables").and_then(Value::as_object), root.get("ddl").and_then(Value::as_array)) {
        (Some(tables), _) => tables.values().filter_map(|each| table(input, each, nested(each))).collect(),
        (None, Some(objects)) => {
            let of = |kind: &'static str| objects.iter().filter(move |object| text(object, "entityType") == Some(kind));
            let columns = |of_table: &Value| {
                let same =
                    |column: &&Value| ["schema", "name"].map(|key| text(of_table, key)) == ["schema", "table"].map(|key| text(column, key));
                of("columns").filter(same).filter_map(column).collect()
            };
            of("tables").filter_map(|each| table(input, each, columns(each))).collect()
        }
        _ => return Err("it has neither `tables` nor `ddl`".to_owned()),
    };
    let count = tables.len();
    Ok((tables, count))
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

fn nested(table: &Value) -> Vec<Column> {
    table.get("columns").and_then(Value::as_object).into_iter().flat_map(|columns| columns.values()).filter_map(column).collect()
}

fn column(value: &Value) -> Option<Column> {
    Some(Column { name: text(value, "name")?.to_owned(), not_null: value.get("notNull").and_then(Value::as_bool), sure: true })
}

fn table(input: &Input, value: &Value, columns: Vec<Column>) -> Option<Table> {
    let name = text(value, "name")?;
    let start = input.text.find(&format!("\"{name}\"")).map_or(0, |at| at + 1);
    let end = if start == 0 { 0 } else { start + name.len() };
    let schema = text(value, "schema").filter(|schema| !schema.is_empty()).map(str::to_owned);
    Some(Table { schema, name: name.to_owned(), place: input.place(start, end), columns })
}
