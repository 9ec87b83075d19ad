//! `GRANT`, `REVOKE` and `ALTER DEFAULT PRIVILEGES` to ops.

use super::cursor::Cursor;
use super::statement::{Ops, single};
use crate::schema::name::Name;
use crate::schema::op::{PrivilegeTarget, RoutineKind, SchemaOp};

pub(super) fn lower(c: &mut Cursor<'_>) -> Ops {
    let head = c.span_at(0);
    let grant = c.eat("grant");
    if !grant {
        c.need("revoke")?;
        c.one_of(&["grant option for", "admin option for", "inherit option for", "set option for"]);
    }
    let (privileges, columns) = privileges(c)?;
    let target = if c.eat("on") { target(c, columns)? } else { PrivilegeTarget::Role };
    let roles = roles(c, grant)?;
    let kind = if grant { SchemaOp::Grant { privileges, on: target, roles } } else { SchemaOp::Revoke { privileges, on: target, roles } };
    single(head, kind)
}

/// `SELECT (a, b), INSERT`, `ALL PRIVILEGES` or the names of roles.
fn privileges(c: &mut Cursor<'_>) -> Option<(Vec<String>, Vec<Name>)> {
    let mut columns = Vec::new();
    let list = c.list(|c| {
        let mut privilege = c.name()?.text;
        if privilege == "all" {
            c.eat("privileges");
        } else if privilege == "alter" && c.eat("system") {
            privilege.push_str(" system");
        }
        columns.extend(c.opt_paren_names()?);
        Some(privilege)
    })?;
    Some((list, columns))
}

fn target(c: &mut Cursor<'_>, columns: Vec<Name>) -> Option<PrivilegeTarget> {
    if let Some(all) = c.one_of(&[
        "all tables in schema",
        "all sequences in schema",
        "all functions in schema",
        "all procedures in schema",
        "all routines in schema",
    ]) {
        let schemas = c.list(Cursor::name)?;
        return Some(match all {
            "all tables in schema" => PrivilegeTarget::AllTablesInSchema { schemas },
            other => PrivilegeTarget::Other { object: other.to_owned() },
        });
    }
    let others =
        ["database", "foreign data wrapper", "foreign server", "language", "large object", "parameter", "tablespace", "property graph"];
    if let Some(object) = c.one_of(&others) {
        c.list(|c| {
            c.rel().map(|_| ()).or_else(|| {
                c.pos += 1;
                Some(())
            })
        })?;
        return Some(PrivilegeTarget::Other { object: object.to_owned() });
    }
    Some(match c.one_of(&["schema", "sequence", "function", "procedure", "routine", "domain", "type", "table"]) {
        Some("schema") => PrivilegeTarget::Schemas { schemas: c.list(Cursor::name)? },
        Some("sequence") => PrivilegeTarget::Sequences { sequences: c.rels()? },
        Some("function" | "procedure" | "routine") => {
            let routines = c.list(|c| super::routine::signature(c, RoutineKind::Routine))?;
            PrivilegeTarget::Routines { routines: routines.into_iter().map(|r| r.name).collect() }
        }
        Some("domain" | "type") => PrivilegeTarget::Types { types: c.rels()? },
        _ => PrivilegeTarget::Tables { tables: c.rels()?, columns },
    })
}

fn roles(c: &mut Cursor<'_>, grant: bool) -> Option<Vec<String>> {
    c.need(if grant { "to" } else { "from" })?;
    let roles = c.list(Cursor::role)?;
    while c.eat("with") {
        c.list(|c| {
            c.one_of(&["grant option", "admin", "inherit", "set"])?;
            c.one_of(&["option", "true", "false"]);
            Some(())
        })?;
    }
    if c.eat("granted by") {
        c.role()?;
    }
    c.cascade();
    Some(roles)
}

/// `ALTER DEFAULT PRIVILEGES … GRANT SELECT ON TABLES TO r`.
pub(super) fn defaults(c: &mut Cursor<'_>) -> Ops {
    let head = c.span_from(0);
    c.need("default privileges")?;
    while let Some(clause) = c.one_of(&["for role", "for user", "in schema"]) {
        if clause == "in schema" {
            c.list(Cursor::name)?;
        } else {
            c.list(Cursor::role)?;
        }
    }
    let grant = c.eat("grant");
    if !grant {
        c.need("revoke")?;
        c.eat("grant option for");
    }
    let (privileges, _) = privileges(c)?;
    c.need("on")?;
    c.one_of(&["tables", "sequences", "functions", "routines", "types", "schemas", "large objects"])?;
    let roles = roles(c, grant)?;
    let on = PrivilegeTarget::Defaults;
    single(head, if grant { SchemaOp::Grant { privileges, on, roles } } else { SchemaOp::Revoke { privileges, on, roles } })
}
