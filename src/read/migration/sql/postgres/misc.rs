//! `DROP` of most objects, schemas and extensions to ops; statements that concern no running client to `Irrelevant`.

use super::super::opaque;
use super::cursor::Cursor;
use super::statement::{Ops, irrelevant, single};
use crate::schema::name::{Name, RelName};
use crate::schema::op::{Op, OpaqueReason, SchemaOp};

/// Kinds of object whose creation, change or removal does not reach the tables and queries of running clients.
const OTHER_OBJECTS: &[&str] = &[
    "access method",
    "aggregate",
    "cast",
    "collation",
    "default conversion",
    "conversion",
    "database",
    "event trigger",
    "foreign data wrapper",
    "group",
    "trusted procedural language",
    "trusted language",
    "procedural language",
    "language",
    "large object",
    "operator class",
    "operator family",
    "operator",
    "property graph",
    "role",
    "server",
    "statistics",
    "subscription",
    "system",
    "tablespace",
    "text search configuration",
    "text search dictionary",
    "text search parser",
    "text search template",
    "transform",
    "user mapping",
    "user",
];

/// `CREATE`, `ALTER` and `DROP` of those kinds; the cursor stands on the kind.
pub(super) fn other(c: &mut Cursor<'_>, verb: &str) -> Ops {
    let head = c.span_at(0);
    c.eat("or replace");
    let object = c.one_of(OTHER_OBJECTS)?;
    c.one_of(&["if not exists", "if exists"]);
    let named =
        !matches!(object, "system" | "cast" | "operator" | "large object" | "transform" | "user mapping") && !c.at("(") && !c.at("for");
    let name = if named { c.rel() } else { None };
    c.skip_rest();
    if verb == "drop" && c.text_at(c.pos.saturating_sub(1)).eq_ignore_ascii_case("cascade") {
        let detail = format!("DROP {} … CASCADE drops whatever uses it, columns and tables included", object.to_uppercase());
        return Some(vec![opaque(head, OpaqueReason::Unsupported, detail)]);
    }
    let object = match object.rsplit(' ').next() {
        Some("language") => "language",
        Some("conversion") => "conversion",
        _ => object,
    };
    irrelevant(name.as_ref().map_or(head, RelName::span), verb, object, name)
}

/// `ALTER TABLE ALL IN TABLESPACE … SET TABLESPACE`: which tables it rewrites only the server knows.
pub(super) fn every_object(c: &mut Cursor<'_>) -> Ops {
    let span = c.span_from(0);
    c.skip_rest();
    Some(vec![opaque(span, OpaqueReason::Unsupported, "moves every object of a tablespace, and names none")])
}

pub(super) fn drop(c: &mut Cursor<'_>) -> Ops {
    let kinds = [
        "table",
        "foreign table",
        "view",
        "materialized view",
        "type",
        "domain",
        "sequence",
        "schema",
        "extension",
        "publication",
        "database",
    ];
    let Some(kind) = c.one_of(&kinds) else {
        return if c.eat("owned by") { drop_owned(c) } else { other(c, "drop") };
    };
    let if_exists = c.if_exists();
    let names = c.rels()?;
    if kind == "database" {
        c.eat("with");
        c.skip_parens();
    }
    let cascade = c.cascade();
    let op = |name: RelName| {
        let span = name.span();
        let plain = |rel: RelName| rel.name;
        let kind = match kind {
            "table" | "foreign table" => SchemaOp::DropTable { table: name, foreign: kind == "foreign table", if_exists, cascade },
            "view" | "materialized view" => {
                SchemaOp::DropView { view: name, materialized: kind == "materialized view", if_exists, cascade }
            }
            "type" => SchemaOp::DropType { name, if_exists, cascade },
            "domain" => SchemaOp::DropDomain { domain: name, if_exists, cascade },
            "sequence" => SchemaOp::DropSequence { name, if_exists, cascade },
            "schema" => SchemaOp::DropSchema { name: plain(name), if_exists, cascade },
            "extension" => SchemaOp::DropExtension { name: plain(name), if_exists, cascade },
            "publication" => SchemaOp::DropPublication { name: plain(name), if_exists },
            _ => SchemaOp::DropDatabase { name: plain(name), if_exists },
        };
        Op { span, kind }
    };
    Some(names.into_iter().map(op).collect())
}

fn drop_owned(c: &mut Cursor<'_>) -> Ops {
    let roles = c.list(Cursor::role)?;
    let cascade = c.cascade();
    single(c.span_at(0), SchemaOp::DropOwned { roles, cascade })
}

pub(super) fn create_schema_or_extension(c: &mut Cursor<'_>) -> Ops {
    let head = c.span_at(0);
    if c.eat("extension") {
        let if_not_exists = c.if_not_exists();
        let name = c.name()?;
        c.eat("with");
        let mut schema = None;
        while !c.at_end() {
            match c.one_of(&["schema", "version", "from", "cascade"])? {
                "schema" => schema = Some(c.name()?),
                "cascade" => {}
                _ => c.pos += 1,
            }
        }
        return single(name.span, SchemaOp::CreateExtension { name, if_not_exists, schema });
    }
    c.need("schema")?;
    let if_not_exists = c.if_not_exists();
    let mut name: Option<Name> = if c.at("authorization") { None } else { Some(c.name()?) };
    if c.eat("authorization") {
        let role = c.name()?;
        name.get_or_insert(role);
    }
    let name = name?;
    let mut ops = vec![Op { span: name.span, kind: SchemaOp::CreateSchema { name, if_not_exists } }];
    if !c.at_end() {
        let from = c.pos;
        c.skip_rest();
        ops.push(opaque(c.span_from(from).cover(head), OpaqueReason::Unsupported, "objects created inside CREATE SCHEMA are not read"));
    }
    Some(ops)
}

pub(super) fn alter_schema_or_extension(c: &mut Cursor<'_>) -> Ops {
    if c.eat("extension") {
        let name = c.name()?;
        let from = c.pos;
        c.skip_rest();
        let what = c.text_between(from, c.pos).to_lowercase();
        return single(name.span, SchemaOp::AlterExtension { name, what });
    }
    c.need("schema")?;
    let name = c.name()?;
    let (mut rename_to, mut owner_to) = (None, None);
    match c.one_of(&["rename to", "owner to"])? {
        "rename to" => rename_to = Some(c.name()?),
        _ => owner_to = Some(c.role()?),
    }
    single(name.span, SchemaOp::AlterSchema { name, rename_to, owner_to })
}

/// Statements of one verb that change nothing for running clients, and `EXECUTE`, which runs what is not seen here.
pub(super) fn lower(c: &mut Cursor<'_>) -> Ops {
    let head = c.span_at(0);
    let verb = c.word()?;
    match verb.as_str() {
        "comment" => {
            c.need("on")?;
            let from = c.pos;
            c.skip_rest();
            let object = c.text_at(from).to_lowercase();
            irrelevant(c.span_from(from).cover(head), "comment", "comment", None).filter(|_| !object.is_empty())
        }
        "security" => {
            c.need("label")?;
            c.skip_rest();
            irrelevant(head, "set", "security label", None)
        }
        "reassign" => {
            c.need("owned by")?;
            c.skip_rest();
            irrelevant(head, "reassign", "owned", None)
        }
        "import" => {
            c.need("foreign schema")?;
            c.skip_rest();
            Some(vec![opaque(head, OpaqueReason::External, "IMPORT FOREIGN SCHEMA creates tables that only the foreign server knows")])
        }
        "execute" => {
            let name = c.name()?;
            c.skip_rest();
            Some(vec![opaque(name.span, OpaqueReason::Dynamic, format!("EXECUTE {name} runs a prepared statement"))])
        }
        "explain" => explain(c, head),
        "listen" | "unlisten" | "notify" | "discard" | "checkpoint" | "declare" | "fetch" | "move" | "close" | "prepare" | "deallocate"
        | "show" | "load" => {
            c.skip_rest();
            irrelevant(head, &verb, object_of(&verb), None)
        }
        _ => None,
    }
}

fn object_of(verb: &str) -> &'static str {
    match verb {
        "listen" | "unlisten" | "notify" => "channel",
        "declare" | "fetch" | "move" | "close" => "cursor",
        "prepare" | "deallocate" => "prepared statement",
        "show" => "setting",
        "load" => "library",
        "checkpoint" => "checkpoint",
        _ => "session",
    }
}

/// `EXPLAIN` plans; with `ANALYZE` it runs the statement.
fn explain(c: &mut Cursor<'_>, head: crate::source::Span) -> Ops {
    let from = c.pos;
    c.skip_parens();
    let mut runs = (from..c.pos).any(|i| c.text_at(i).eq_ignore_ascii_case("analyze"));
    while let Some(option) = c.one_of(&["analyze", "analyse", "verbose"]) {
        runs |= option.starts_with("analy");
    }
    let first = c.text_at(c.pos).to_lowercase();
    c.skip_rest();
    if runs && !matches!(first.as_str(), "select" | "values" | "table" | "(") {
        return Some(vec![opaque(head, OpaqueReason::Unsupported, "EXPLAIN ANALYZE runs the statement")]);
    }
    irrelevant(head, "explain", "plan", None)
}
