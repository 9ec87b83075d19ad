//! Settings, transactions and maintenance commands to ops.

use super::cursor::{Cursor, string_value};
use super::statement::{Ops, irrelevant, single};
use crate::schema::name::{Name, RelName};
use crate::schema::op::{LockMode, ReindexTarget, SchemaOp, TransactionOp};
use crate::source::Span;

pub(super) fn lower(c: &mut Cursor<'_>) -> Ops {
    let head = c.span_at(0);
    match c.word()?.as_str() {
        "set" => set(c),
        "reset" => reset(c),
        "begin" | "start" => {
            // The mode of the transaction changes nothing for other clients.
            c.skip_rest();
            single(head, SchemaOp::Transaction(TransactionOp::Begin))
        }
        "prepare" => {
            c.skip_rest();
            single(head, SchemaOp::Transaction(TransactionOp::Prepared))
        }
        "savepoint" => {
            let name = c.name()?;
            single(name.span, SchemaOp::Transaction(TransactionOp::Savepoint { name }))
        }
        "release" => {
            c.eat("savepoint");
            let name = c.name()?;
            single(name.span, SchemaOp::Transaction(TransactionOp::Release { name }))
        }
        "commit" | "end" => finish(c, head, true),
        _ => finish(c, head, false),
    }
}

fn finish(c: &mut Cursor<'_>, head: Span, commit: bool) -> Ops {
    if c.eat("prepared") {
        c.string()?;
        return single(head, SchemaOp::Transaction(TransactionOp::Prepared));
    }
    c.one_of(&["work", "transaction"]);
    if !commit && c.eat("to") {
        if !c.at("savepoint") || c.pos + 1 < c.tokens.len() {
            c.eat("savepoint");
        }
        let name = c.name()?;
        return single(name.span, SchemaOp::Transaction(TransactionOp::RollbackTo { name }));
    }
    let chain = c.eat("and chain");
    c.eat("and no chain");
    single(head, SchemaOp::Transaction(if commit { TransactionOp::Commit { chain } } else { TransactionOp::Rollback { chain } }))
}

fn set(c: &mut Cursor<'_>) -> Ops {
    let head = c.span_at(0);
    if c.one_of(&["session characteristics as transaction", "transaction"]).is_some() {
        c.skip_rest();
        return irrelevant(head, "set", "transaction", None);
    }
    if c.eat("constraints") {
        c.skip_rest();
        return irrelevant(head, "set", "constraints", None);
    }
    let local = c.eat("local");
    if c.at("session") && !c.at("session authorization") && !c.at("session .") {
        c.pos += 1;
    }
    let from = c.pos;
    for (words, name) in [
        ("session authorization", "session_authorization"),
        ("time zone", "timezone"),
        ("role", "role"),
        ("names", "client_encoding"),
        ("schema", "search_path"),
        ("xml option", "xmloption"),
    ] {
        let is_parameter = words == "role" && (c.at("role to") || c.at("role ="));
        if !is_parameter && c.eat(words) {
            let value = rest(c);
            return single(c.span_at(from), SchemaOp::Set { name: name.to_owned(), value, local });
        }
    }
    let parameter = c.rel()?;
    let name = parameter.to_string().to_lowercase();
    c.one_of(&["to", "=", "from current"])?;
    let value = rest(c);
    single(parameter.span(), SchemaOp::Set { name, value, local })
}

/// The value as written, a single literal without its quotes; `None` for DEFAULT.
fn rest(c: &mut Cursor<'_>) -> Option<String> {
    let from = c.pos;
    c.skip_rest();
    let text = c.text_between(from, c.pos);
    let single = (c.pos == from + 1).then(|| string_value(c.tokens[from].kind, c.text_at(from))).flatten();
    match single {
        Some(value) => Some(value),
        None if text.is_empty() || text.eq_ignore_ascii_case("default") => None,
        None => Some(text),
    }
}

fn reset(c: &mut Cursor<'_>) -> Ops {
    let from = c.pos;
    let name = match c.one_of(&["session authorization", "time zone"]) {
        Some("time zone") => "timezone".to_owned(),
        Some(_) => "session_authorization".to_owned(),
        None => c.rel()?.to_string().to_lowercase(),
    };
    single(c.span_from(from), SchemaOp::Set { name, value: None, local: false })
}

pub(super) fn maintain(c: &mut Cursor<'_>) -> Ops {
    let head = c.span_at(0);
    match c.word()?.as_str() {
        "lock" => lock(c, head),
        "vacuum" => vacuum(c, head),
        "analyze" | "analyse" => {
            c.skip_parens();
            c.eat("verbose");
            let tables = tables(c)?;
            single(head, SchemaOp::Analyze { tables })
        }
        "cluster" | "repack" => cluster(c, head),
        "reindex" => reindex(c, head),
        _ => {
            c.need("materialized view")?;
            let concurrently = c.eat("concurrently");
            let view = c.rel()?;
            let with_data = c.one_of(&["with no data", "with data"]) != Some("with no data");
            single(view.span(), SchemaOp::RefreshView { view, concurrently, with_data })
        }
    }
}

fn lock(c: &mut Cursor<'_>, head: Span) -> Ops {
    c.eat("table");
    let tables: Vec<RelName> = c.list(Cursor::only_rel)?.into_iter().map(|(rel, _)| rel).collect();
    let mut mode = LockMode::AccessExclusive;
    if c.eat("in") {
        // Longest first, so that SHARE does not hide SHARE ROW EXCLUSIVE.
        let mut modes = LockMode::ALL;
        modes.sort_by_key(|mode| std::cmp::Reverse(mode.as_str().len()));
        mode = modes.into_iter().find(|mode| c.eat(&mode.as_str().to_lowercase()))?;
        c.need("mode")?;
    }
    let nowait = c.eat("nowait");
    let span = tables.first().map_or(head, RelName::span);
    single(span, SchemaOp::LockTable { tables, mode, nowait })
}

/// `a, b (c, d)` to the end, or nothing.
fn tables(c: &mut Cursor<'_>) -> Option<Vec<RelName>> {
    if c.at_end() {
        return Some(Vec::new());
    }
    c.list(|c| {
        let (table, _) = c.only_rel()?;
        c.skip_parens();
        Some(table)
    })
}

/// Whether a parenthesised option is on: written without a value, or with a true one.
fn option_on(c: &Cursor<'_>, from: usize, to: usize, name: &str) -> bool {
    (from..to).any(|i| {
        let off = ["false", "off", "0"].iter().any(|off| c.text_at(i + 1).eq_ignore_ascii_case(off));
        c.text_at(i).eq_ignore_ascii_case(name) && !off
    })
}

fn vacuum(c: &mut Cursor<'_>, head: Span) -> Ops {
    let from = c.pos;
    let (mut full, mut analyze) = (false, false);
    if c.skip_parens() {
        full = option_on(c, from, c.pos, "full");
        analyze = option_on(c, from, c.pos, "analyze") || option_on(c, from, c.pos, "analyse");
    }
    while let Some(option) = c.one_of(&["full", "freeze", "verbose", "analyze", "analyse"]) {
        full |= option == "full";
        analyze |= option.starts_with("analy");
    }
    let tables = tables(c)?;
    single(head, SchemaOp::Vacuum { tables, full, analyze })
}

fn cluster(c: &mut Cursor<'_>, head: Span) -> Ops {
    c.skip_parens();
    c.eat("verbose");
    if c.at_end() {
        return single(head, SchemaOp::Cluster { table: None, index: None });
    }
    let mut table = c.rel()?;
    let mut index: Option<Name> = None;
    if c.eat("using index") || c.eat("using") {
        index = Some(c.name()?);
    } else if c.eat("on") {
        // `CLUSTER index ON table`, the form before PostgreSQL 8.3.
        index = Some(std::mem::replace(&mut table, c.rel()?).name);
    }
    single(table.span(), SchemaOp::Cluster { table: Some(table), index })
}

fn reindex(c: &mut Cursor<'_>, head: Span) -> Ops {
    let from = c.pos;
    let mut concurrently = c.skip_parens() && option_on(c, from, c.pos, "concurrently");
    let what = c.one_of(&["index", "table", "schema", "database", "system"])?;
    concurrently |= c.eat("concurrently");
    let named = if c.at_end() { None } else { Some(c.rel()?) };
    let span = named.as_ref().map_or(head, RelName::span);
    let target = match (what, named) {
        ("index", Some(index)) => ReindexTarget::Index { index },
        ("table", Some(table)) => ReindexTarget::Table { table },
        ("schema", Some(schema)) => ReindexTarget::Schema { schema: schema.name },
        ("database", _) => ReindexTarget::Database,
        ("system", _) => ReindexTarget::System,
        _ => return None,
    };
    single(span, SchemaOp::Reindex { target, concurrently })
}
