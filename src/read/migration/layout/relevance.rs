//! Which of the applied history a change needs: its statements in, the names of the objects they act on out; then the scripts
//! that speak of those names. A big history is mostly about other tables.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;

use crate::schema::name::RelName;
use crate::schema::op::{ColumnDef, Constraint, ConstraintKind, Op, SchemaOp, Statement, TableAction};
use crate::schema::types::TypeName;

/// Names of tables, indexes, types and the like, folded.
pub type Names = BTreeSet<String>;

/// Words whose statements may concern any object: they are always read.
const ALWAYS: [&str; 5] = ["search_path", "execute", "schema", "do", "all"];

/// The objects that a change's statements act on; `None` when they may act on any.
pub fn objects<'a>(statements: impl Iterator<Item = &'a Statement>) -> Option<Names> {
    let mut names = Names::new();
    for op in statements.flat_map(|statement| &statement.ops) {
        of_op(op, &mut names)?;
    }
    Some(names)
}

fn relation(name: &RelName, names: &mut Names) {
    names.insert(name.name.text.to_lowercase());
}

/// Adds the names one op acts on. `None`: it may act on any object.
fn of_op(op: &Op, names: &mut Names) -> Option<()> {
    match &op.kind {
        SchemaOp::CreateTable(create) => {
            relation(&create.table, names);
            create.columns.iter().for_each(|column| of_column(column, names));
            create.constraints.iter().for_each(|constraint| of_constraint(constraint, names));
            create.partition_of.iter().for_each(|part| relation(&part.parent, names));
            create.inherits.iter().for_each(|parent| relation(parent, names));
            create.like.iter().for_each(|(source, _)| relation(source, names));
        }
        SchemaOp::AlterTable(alter) => {
            relation(&alter.table, names);
            of_action(&alter.action, names);
        }
        SchemaOp::CreateIndex(create) => {
            relation(&create.table, names);
            names.extend(create.name.iter().map(|name| name.text.to_lowercase()));
        }
        SchemaOp::DropTable { table: name, .. }
        | SchemaOp::DropIndex { index: name, .. }
        | SchemaOp::AlterIndex { index: name, .. }
        | SchemaOp::AlterType { name, .. }
        | SchemaOp::CreateType { name, .. }
        | SchemaOp::DropType { name, .. } => relation(name, names),
        SchemaOp::Insert(insert) => relation(&insert.table, names),
        SchemaOp::Update(update) => {
            relation(&update.table, names);
            update.query.relations.iter().for_each(|read| relation(read, names));
        }
        SchemaOp::Delete(delete) => {
            relation(&delete.table, names);
            delete.query.relations.iter().for_each(|read| relation(read, names));
        }
        SchemaOp::Transaction(_) | SchemaOp::Set { .. } | SchemaOp::Irrelevant { .. } => {}
        _ => return None,
    }
    Some(())
}

fn of_column(column: &ColumnDef, names: &mut Names) {
    of_type(&column.ty, names);
    column.constraints.iter().for_each(|constraint| of_constraint(constraint, names));
    // A default may call a function of the user's own.
    names.extend(column.default.iter().flat_map(|default| &default.functions).map(|function| function.to_lowercase()));
}

fn of_constraint(constraint: &Constraint, names: &mut Names) {
    names.extend(constraint.name.iter().map(|name| name.text.to_lowercase()));
    match &constraint.kind {
        ConstraintKind::ForeignKey { table, .. } => relation(table, names),
        ConstraintKind::PrimaryKey { using_index: Some(index), .. } | ConstraintKind::Unique { using_index: Some(index), .. } => {
            names.insert(index.text.to_lowercase());
        }
        _ => {}
    }
}

fn of_action(action: &TableAction, names: &mut Names) {
    match action {
        TableAction::AddColumn { column, .. } => of_column(column, names),
        TableAction::AlterColumnType { ty, .. } => of_type(ty, names),
        TableAction::AddConstraint { constraint } => of_constraint(constraint, names),
        TableAction::AttachPartition { partition, .. } | TableAction::DetachPartition { partition, .. } => relation(partition, names),
        TableAction::Inherit { parent, .. } => relation(parent, names),
        TableAction::RenameTable { to } => {
            names.insert(to.text.to_lowercase());
        }
        _ => {}
    }
}

/// A type of the user's own. Built-in names would match every file.
fn of_type(ty: &TypeName, names: &mut Names) {
    const BUILT_IN: [&str; 33] = [
        "integer",
        "bigint",
        "smallint",
        "text",
        "boolean",
        "numeric",
        "real",
        "double precision",
        "date",
        "json",
        "jsonb",
        "uuid",
        "bytea",
        "character varying",
        "character",
        "timestamp with time zone",
        "timestamp without time zone",
        "time with time zone",
        "time without time zone",
        "interval",
        "inet",
        "cidr",
        "macaddr",
        "xml",
        "money",
        "oid",
        "bit",
        "bit varying",
        "tsvector",
        "tsquery",
        "point",
        "name",
        "",
    ];
    if ty.schema.is_some() || !BUILT_IN.contains(&ty.base.as_str()) {
        names.insert(ty.base.to_lowercase());
    }
}

/// What a script of the history says of other objects that the named ones hang on: old names, indexes' tables, columns' types.
pub fn follow(statements: &[Statement], names: &Names) -> Names {
    let mut more = Names::new();
    let known = |name: &RelName| names.contains(&name.name.text.to_lowercase());
    for op in statements.iter().flat_map(|statement| &statement.ops) {
        match &op.kind {
            SchemaOp::Do { body, .. } => more.extend(follow(body, names)),
            // Whether its function still runs is where the trigger is dropped.
            SchemaOp::CreateTrigger(create) => {
                more.insert(create.name.text.to_lowercase());
                create.routine.iter().for_each(|routine| relation(routine, &mut more));
            }
            SchemaOp::CreateTable(create) if known(&create.table) => {
                create.columns.iter().for_each(|column| of_type(&column.ty, &mut more));
                create.partition_of.iter().for_each(|part| relation(&part.parent, &mut more));
            }
            SchemaOp::AlterTable(alter) => match &alter.action {
                TableAction::RenameTable { to } if names.contains(&to.text.to_lowercase()) => relation(&alter.table, &mut more),
                TableAction::AddColumn { column, .. } if known(&alter.table) => of_type(&column.ty, &mut more),
                TableAction::AlterColumnType { ty, .. } if known(&alter.table) => of_type(ty, &mut more),
                _ => {}
            },
            SchemaOp::CreateIndex(create) if create.name.as_ref().is_some_and(|name| names.contains(&name.text.to_lowercase())) => {
                relation(&create.table, &mut more);
            }
            _ => {}
        }
    }
    more.retain(|name| !names.contains(name));
    more
}

/// Finds texts that speak of any of the names, as whole words in any case, or hold a word that may concern every object.
pub struct Finder {
    words: AhoCorasick,
}

impl Finder {
    /// `None` when there are more names than an automaton takes; then every text speaks of them.
    pub fn new(names: &Names) -> Option<Finder> {
        let words = names.iter().map(String::as_str).chain(ALWAYS).filter(|word| !word.is_empty());
        AhoCorasick::builder().ascii_case_insensitive(true).build(words).ok().map(|words| Finder { words })
    }

    pub fn speaks(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let word = |at: Option<&u8>| at.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii());
        self.words.find_overlapping_iter(text).any(|found| {
            let before = found.start().checked_sub(1).and_then(|at| bytes.get(at));
            !word(before) && !word(bytes.get(found.end()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::migration::{Dialect, sql};
    use crate::source::Span;

    fn read(text: &str) -> Vec<Statement> {
        sql::read(Dialect::Postgres, text, &[Span::new(0, text.len())])
    }

    #[test]
    fn names_are_found_as_words_and_followed_to_what_they_hang_on() {
        let change = read("DROP INDEX by_mail; ALTER TABLE Accounts ADD COLUMN m mood REFERENCES feelings;");
        let names = objects(change.iter()).expect("these ops name their objects");
        assert_eq!(names.iter().map(String::as_str).collect::<Vec<_>>(), ["accounts", "by_mail", "feelings", "mood"]);
        let finder = Finder::new(&names).expect("few names");
        assert!(finder.speaks("create table \"accounts\" (id int)") && finder.speaks("SET search_path = app"));
        assert!(!finder.speaks("create table accounts_old (id int); -- accounting"));
        let history = read("ALTER TABLE users RENAME TO accounts; CREATE INDEX by_mail ON mails (a);");
        assert_eq!(follow(&history, &names).iter().map(String::as_str).collect::<Vec<_>>(), ["mails", "users"]);
    }

    #[test]
    fn a_change_that_may_touch_anything_needs_everything() {
        assert!(objects(read("DROP SCHEMA app CASCADE;").iter()).is_none());
        assert!(objects(read("CREATE PUBLICATION p FOR ALL TABLES;").iter()).is_none());
    }
}
