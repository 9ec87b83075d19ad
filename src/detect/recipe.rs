//! The safe way to reach what an op does, as SQL with the user's own names: an op in, statements to paste out.
//!
//! Each sequence is the manual's (ALTER TABLE, "Notes"; CREATE INDEX, "Building Indexes Concurrently"; 5.12 "Table Partitioning").

use super::Inspection;
use super::step::StepView;
use crate::schema::name::{Name, RelName, quoted};
use crate::schema::op::{ColumnDef, Constraint, ConstraintKind, CreateIndex, PartitionBound, SchemaOp, TableAction};

/// Lines of SQL, `-- another transaction` and the like at the end of a line; `None` when the op has no safe sequence.
pub fn of(inspection: &Inspection, view: &StepView) -> Option<Vec<String>> {
    match view.kind() {
        SchemaOp::CreateIndex(create) => Some(create_index(inspection, view, create)),
        SchemaOp::AlterTable(alter) => {
            let table = relation(&alter.table);
            match &alter.action {
                TableAction::SetNotNull { column } => Some(required(&table, &alter.table.name, column)),
                TableAction::AddConstraint { constraint } => add_constraint(inspection, view, &table, constraint),
                TableAction::AddColumn { column, .. } => Some(add_column(inspection, view, &table, column)),
                TableAction::AlterColumnType { column, ty, using, .. } => {
                    let value = using.as_ref().map_or_else(|| format!("{}::{ty}", name(column)), |using| using.text.clone());
                    Some(shadow_column(&table, column, &ty.to_string(), &value))
                }
                TableAction::AttachPartition { partition, bound } => Some(attach(&table, partition, bound)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// For a remedy's `{recipe}`: the lines, indented as the remedy's own SQL is.
pub fn text(inspection: &Inspection, view: &StepView) -> String {
    of(inspection, view).map_or_else(|| "…".to_owned(), |lines| lines.join("\n    "))
}

/// A relation as SQL has to spell it.
pub fn relation(relation: &RelName) -> String {
    match &relation.schema {
        Some(schema) => format!("{}.{}", quoted(schema.as_str()), quoted(relation.name.as_str())),
        None => quoted(relation.name.as_str()),
    }
}

fn name(name: &Name) -> String {
    quoted(name.as_str())
}

/// An identifier made of a user's name and a suffix, cut where PostgreSQL cuts it.
fn derived(base: &str, suffix: &str) -> String {
    let room = 63 - suffix.len();
    let mut end = base.len().min(room);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    quoted(&format!("{}{suffix}", &base[..end]))
}

fn list(names: &[Name]) -> String {
    names.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// The statement as written, with CONCURRENTLY, and without IF NOT EXISTS, which would keep an invalid index.
fn create_index(inspection: &Inspection, view: &StepView, create: &CreateIndex) -> Vec<String> {
    let written = view.op_statement_text(inspection).split_whitespace().collect::<Vec<_>>().join(" ");
    // Inside a DO block the statement's text is the block's.
    let on = written.to_ascii_lowercase().find(" on ").filter(|_| view.step.op.len() == 1 && view.step.called.is_none());
    let target = || format!("{} ({})", relation(&create.table), list(&create.columns));
    let rest = on.map_or_else(target, |on| written[on + 4..].to_owned());
    let index = create.name.as_ref().map_or_else(|| derived(&format!("{}_{}", create.table.name, plain(&create.columns)), "_idx"), name);
    let unique = if create.unique { "UNIQUE " } else { "" };
    if view.is_partitioned(&create.table) {
        return on_partitions(unique, &index, &rest, &relation(&create.table));
    }
    vec![format!("CREATE {unique}INDEX CONCURRENTLY {index} ON {rest};")]
}

/// An index on a partitioned table is never built concurrently: each partition gets its own, and the parent takes them.
/// Source: manual, 5.12 "Table Partitioning", "Partition Maintenance".
fn on_partitions(unique: &str, index: &str, rest: &str, table: &str) -> Vec<String> {
    let of_one = rest.strip_prefix(table).unwrap_or(" (…)").trim_start();
    vec![
        format!("CREATE {unique}INDEX {index} ON ONLY {rest};"),
        format!("CREATE {unique}INDEX CONCURRENTLY {index}_1 ON … {of_one};   -- for each partition, outside a transaction"),
        format!("ALTER INDEX {index} ATTACH PARTITION {index}_1;   -- for each of them"),
    ]
}

fn plain(columns: &[Name]) -> String {
    columns.iter().map(Name::as_str).collect::<Vec<_>>().join("_")
}

fn required(table: &str, bare: &Name, column: &Name) -> Vec<String> {
    let check = derived(&format!("{bare}_{column}"), "_present");
    vec![
        format!("ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ({} IS NOT NULL) NOT VALID;", name(column)),
        format!("ALTER TABLE {table} VALIDATE CONSTRAINT {check};   -- another transaction"),
        format!("ALTER TABLE {table} ALTER COLUMN {} SET NOT NULL;   -- PostgreSQL 12 and later: reads no row now", name(column)),
        format!("ALTER TABLE {table} DROP CONSTRAINT {check};"),
    ]
}

fn add_constraint(inspection: &Inspection, view: &StepView, table: &str, constraint: &Constraint) -> Option<Vec<String>> {
    let bare = view.table_name()?;
    let named = |suffix: &str| constraint.name.as_ref().map_or_else(|| derived(&bare, suffix), name);
    let partitioned = matches!(view.kind(), SchemaOp::AlterTable(alter) if view.is_partitioned(&alter.table));
    match &constraint.kind {
        // Before PostgreSQL 18 a foreign key of a partitioned table cannot be NOT VALID, and a constraint never takes an index there.
        ConstraintKind::ForeignKey { columns, .. } if partitioned && view.timeline.server.0 < 18 => {
            let constraint_name = named(&format!("_{}_fkey", plain(columns)));
            let definition = definition(inspection, view, constraint);
            let mut lines = not_valid("…", &constraint_name, &definition);
            lines[0].push_str("   -- for each partition");
            lines.push(format!("ALTER TABLE {table} ADD CONSTRAINT {constraint_name} {definition};   -- takes theirs, and reads no row"));
            Some(lines)
        }
        ConstraintKind::Unique { columns, .. } | ConstraintKind::PrimaryKey { columns, .. } if partitioned => {
            Some(on_partitions("UNIQUE ", &named("_key"), &format!("{table} ({})", list(columns)), table))
        }
        ConstraintKind::ForeignKey { .. } | ConstraintKind::Check { .. } => {
            let suffix = match &constraint.kind {
                ConstraintKind::ForeignKey { columns, .. } => format!("_{}_fkey", plain(columns)),
                _ => "_check".to_owned(),
            };
            Some(not_valid(table, &named(&suffix), &definition(inspection, view, constraint)))
        }
        ConstraintKind::NotNull { column, .. } => Some(vec![
            format!("ALTER TABLE {table} ADD CONSTRAINT {} NOT NULL {} NOT VALID;", named(&format!("_{column}_not_null")), name(column)),
            format!("ALTER TABLE {table} VALIDATE CONSTRAINT {};   -- another transaction", named(&format!("_{column}_not_null"))),
        ]),
        ConstraintKind::Unique { columns, using_index: None, nulls_not_distinct } => {
            let constraint = named(&format!("_{}_key", plain(columns)));
            let nulls = if *nulls_not_distinct { " NULLS NOT DISTINCT" } else { "" };
            Some(over_index(table, &constraint, "UNIQUE", columns, nulls))
        }
        ConstraintKind::PrimaryKey { columns, using_index: None } => {
            let nullable = columns.iter().filter(|column| !view.is_not_null(column.as_str()));
            let mut lines: Vec<String> =
                nullable.flat_map(|column| required(table, &Name::new(bare.clone(), Default::default()), column)).collect();
            lines.extend(over_index(table, &named("_pkey"), "PRIMARY KEY", columns, ""));
            Some(lines)
        }
        _ => None,
    }
}

/// The constraint's own text, without its name and NOT VALID.
fn definition(inspection: &Inspection, view: &StepView, constraint: &Constraint) -> String {
    let Some(written) = view.text_of(inspection, constraint.span) else { return "…".to_owned() };
    let written = written.split_whitespace().collect::<Vec<_>>().join(" ");
    let lower = written.to_ascii_lowercase();
    let start = ["foreign key", "check", "references"].iter().filter_map(|head| lower.find(head)).min().unwrap_or(0);
    let end = lower.rfind(" not valid").unwrap_or(written.len());
    written[start..end.max(start)].to_owned()
}

fn not_valid(table: &str, constraint: &str, definition: &str) -> Vec<String> {
    vec![
        format!("ALTER TABLE {table} ADD CONSTRAINT {constraint} {definition} NOT VALID;"),
        format!("ALTER TABLE {table} VALIDATE CONSTRAINT {constraint};   -- another transaction"),
    ]
}

fn over_index(table: &str, constraint: &str, kind: &str, columns: &[Name], nulls: &str) -> Vec<String> {
    let bare = constraint.trim_matches('"');
    let index = derived(bare, "_idx");
    vec![
        format!("CREATE UNIQUE INDEX CONCURRENTLY {index} ON {table} ({}){nulls};   -- outside a transaction", list(columns)),
        format!("ALTER TABLE {table} ADD CONSTRAINT {constraint} {kind} USING INDEX {index};"),
    ]
}

/// The column alone, then its default, then what is stated about it.
fn add_column(inspection: &Inspection, view: &StepView, table: &str, column: &ColumnDef) -> Vec<String> {
    let (own, bare) = (name(&column.name), view.table_name().unwrap_or_default());
    let mut lines = vec![format!("ALTER TABLE {table} ADD COLUMN {own} {};", column.ty)];
    let mut fill = None;
    if let Some(generated) = &column.generated {
        fill = Some(generated.expr.text.clone());
        lines.push(format!(
            "-- keep {own} up to date by a trigger or in the code that writes; a generated column cannot be added without a rewrite"
        ));
    } else if column.ty.serial || column.identity.is_some() {
        let sequence = derived(&format!("{bare}_{}", column.name), "_seq");
        lines.push(format!("CREATE SEQUENCE {sequence} OWNED BY {table}.{own};"));
        fill = Some(format!("nextval('{sequence}')"));
        lines.push(format!("ALTER TABLE {table} ALTER COLUMN {own} SET DEFAULT nextval('{sequence}');"));
    } else if let Some(default) = column.default.as_ref().filter(|default| !default.is_null) {
        fill = Some(default.text.clone());
        lines.push(format!("ALTER TABLE {table} ALTER COLUMN {own} SET DEFAULT {};", default.text));
    }
    if let Some(value) = fill {
        lines.push(format!("UPDATE {table} SET {own} = {value} WHERE {own} IS NULL AND …;   -- in batches, each its own transaction"));
    }
    if column.not_null {
        lines.extend(required(table, &Name::new(bare.clone(), Default::default()), &column.name));
    }
    for constraint in &column.constraints {
        let columns = std::slice::from_ref(&column.name);
        match &constraint.kind {
            ConstraintKind::ForeignKey { .. } => {
                let written = format!("FOREIGN KEY ({own}) {}", definition(inspection, view, constraint));
                lines.extend(not_valid(table, &derived(&format!("{bare}_{}", column.name), "_fkey"), &written));
            }
            ConstraintKind::Check { .. } => {
                let check = derived(&format!("{bare}_{}", column.name), "_check");
                lines.extend(not_valid(table, &check, &definition(inspection, view, constraint)));
            }
            ConstraintKind::Unique { .. } => {
                lines.extend(over_index(table, &derived(&format!("{bare}_{}", column.name), "_key"), "UNIQUE", columns, ""));
            }
            ConstraintKind::PrimaryKey { .. } => lines.extend(over_index(table, &derived(&bare, "_pkey"), "PRIMARY KEY", columns, "")),
            _ => {}
        }
    }
    lines
}

fn shadow_column(table: &str, column: &Name, ty: &str, value: &str) -> Vec<String> {
    let (own, new) = (name(column), derived(column.as_str(), "_new"));
    vec![
        format!("ALTER TABLE {table} ADD COLUMN {new} {ty};   -- this rollout; code writes both columns from now on"),
        format!("UPDATE {table} SET {new} = {value} WHERE {new} IS NULL AND …;   -- in batches, each its own transaction"),
        format!("ALTER TABLE {table} DROP COLUMN {own};   -- once no code reads {own}"),
    ]
}

fn attach(table: &str, partition: &RelName, bound: &PartitionBound) -> Vec<String> {
    let (own, check) = (relation(partition), derived(partition.name.as_str(), "_bound"));
    let bound = match bound {
        PartitionBound::Default => "DEFAULT".to_owned(),
        PartitionBound::Values(values) => values.clone(),
    };
    vec![
        format!("ALTER TABLE {own} ADD CONSTRAINT {check} CHECK (…) NOT VALID;   -- the bound as a condition, key IS NOT NULL included"),
        format!("ALTER TABLE {own} VALIDATE CONSTRAINT {check};   -- another transaction"),
        format!("ALTER TABLE {table} ATTACH PARTITION {own} {bound};   -- reads no row now"),
        format!("ALTER TABLE {own} DROP CONSTRAINT {check};"),
    ]
}
