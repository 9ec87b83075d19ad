//! `ALTER TABLE` and `ALTER FOREIGN TABLE`: one op an action.

use super::constraint::{self, Attributes};
use super::cursor::Cursor;
use super::misc;
use super::statement::Ops;
use super::table;
use crate::schema::name::{Name, RelName};
use crate::schema::op::{AlterTable, Op, ReplicaIdentity, SchemaOp, TableAction};
use crate::source::Span;

pub(super) fn lower(c: &mut Cursor<'_>) -> Ops {
    c.eat("foreign");
    c.need("table")?;
    if c.eat("all in tablespace") {
        return misc::every_object(c);
    }
    let if_exists = c.if_exists();
    let (table, only) = c.only_rel()?;
    let mut ops = Vec::new();
    loop {
        let (span, action) = action(c, &table)?;
        let alter = AlterTable { table: table.clone(), if_exists, only, action };
        ops.push(Op { span, kind: SchemaOp::AlterTable(alter) });
        if !c.eat(",") {
            return Some(ops);
        }
    }
}

fn action(c: &mut Cursor<'_>, table: &RelName) -> Option<(Span, TableAction)> {
    let from = c.pos;
    let (span, action) = match c.word()?.as_str() {
        "add" => add(c)?,
        "drop" => drop(c)?,
        "alter" => alter(c)?,
        "rename" => rename(c, table)?,
        "validate" => {
            c.need("constraint")?;
            let name = c.name()?;
            (Some(name.span), TableAction::ValidateConstraint { name })
        }
        "set" => set(c)?,
        "reset" => (None, TableAction::SetParameters { names: c.option_names()?, reset: true }),
        "owner" => {
            c.need("to")?;
            (None, TableAction::OwnerTo { role: c.role()? })
        }
        "cluster" => {
            c.need("on")?;
            (None, TableAction::ClusterOn { index: Some(c.name()?) })
        }
        "enable" => enable(c, true)?,
        "disable" => enable(c, false)?,
        "force" => row_security(c, None, Some(true))?,
        "no" if c.at("inherit") => inherit(c, true)?,
        "no" => {
            c.need("force")?;
            row_security(c, None, Some(false))?
        }
        "attach" => {
            c.need("partition")?;
            let partition = c.rel()?;
            (Some(partition.span()), TableAction::AttachPartition { partition, bound: table::bound(c)? })
        }
        "detach" => {
            c.need("partition")?;
            let partition = c.rel()?;
            let (concurrently, finalize) = (c.eat("concurrently"), c.eat("finalize"));
            (Some(partition.span()), TableAction::DetachPartition { partition, concurrently, finalize })
        }
        "inherit" => {
            c.pos -= 1;
            inherit(c, false)?
        }
        "of" => (None, TableAction::OfType { ty: Some(c.rel()?) }),
        "not" => {
            c.need("of")?;
            (None, TableAction::OfType { ty: None })
        }
        "replica" => (None, TableAction::ReplicaIdentity { identity: replica_identity(c)? }),
        "options" => {
            c.skip_parens().then_some(())?;
            (None, TableAction::ForeignOptions)
        }
        _ => return None,
    };
    Some((span.unwrap_or_else(|| c.span_from(from)), action))
}

type Found = Option<(Option<Span>, TableAction)>;

fn add(c: &mut Cursor<'_>) -> Found {
    if constraint::starts(c) && !c.at("column") {
        let constraint = constraint::table(c)?;
        return Some((Some(constraint.span), TableAction::AddConstraint { constraint: Box::new(constraint) }));
    }
    c.eat("column");
    let if_not_exists = c.if_not_exists();
    let column = table::column(c)?;
    Some((Some(column.name.span), TableAction::AddColumn { column: Box::new(column), if_not_exists }))
}

fn drop(c: &mut Cursor<'_>) -> Found {
    let constraint = c.eat("constraint");
    if !constraint {
        c.eat("column");
    }
    let if_exists = c.if_exists();
    let name = c.name()?;
    let cascade = c.cascade();
    let span = Some(name.span);
    Some(if constraint {
        (span, TableAction::DropConstraint { name, if_exists, cascade })
    } else {
        (span, TableAction::DropColumn { column: name, if_exists, cascade })
    })
}

fn rename(c: &mut Cursor<'_>, table: &RelName) -> Found {
    if c.eat("to") {
        return Some((Some(table.span()), TableAction::RenameTable { to: c.name()? }));
    }
    let constraint = c.eat("constraint");
    if !constraint && !c.at("column to") {
        c.eat("column");
    }
    let from = c.name()?;
    c.need("to")?;
    let to = c.name()?;
    let span = Some(from.span);
    Some(if constraint { (span, TableAction::RenameConstraint { from, to }) } else { (span, TableAction::RenameColumn { from, to }) })
}

fn alter(c: &mut Cursor<'_>) -> Found {
    if c.eat("constraint") {
        let name = c.name()?;
        let mut found = Attributes::default();
        c.eat("set");
        constraint::attributes(c, &mut found);
        return Some((Some(name.span), TableAction::AlterConstraint { name, enforced: found.enforced }));
    }
    c.eat("column");
    if c.kind()? == super::super::lex::Kind::Number {
        c.pos += 1;
        c.need("set statistics")?;
        signed_number(c)?;
        return Some((None, TableAction::SetStatistics { column: None }));
    }
    let column = c.name()?;
    let span = Some(column.span);
    Some((span, alter_column(c, column)?))
}

fn signed_number(c: &mut Cursor<'_>) -> Option<()> {
    c.eat("-");
    c.pos += 1;
    (c.pos <= c.tokens.len()).then_some(())
}

fn alter_column(c: &mut Cursor<'_>, column: Name) -> Option<TableAction> {
    if c.at("type") || c.at("set data type") {
        c.eat("set data");
        c.pos += 1;
        let ty = c.ty()?;
        let collation = if c.eat("collate") { Some(c.rel()?) } else { None };
        let using = if c.eat("using") { Some(c.expr()?) } else { None };
        return Some(TableAction::AlterColumnType { column, ty, collation, using });
    }
    let choices = [
        "set default",
        "drop default",
        "set not null",
        "drop not null",
        "set expression as",
        "drop expression",
        "add generated",
        "drop identity",
        "set statistics",
        "set storage",
        "set compression",
        "set generated",
        "set (",
        "reset (",
        "options",
    ];
    Some(match c.one_of(&choices) {
        Some("set default") => TableAction::SetDefault { column, default: c.expr()? },
        Some("drop default") => TableAction::DropDefault { column },
        Some("set not null") => TableAction::SetNotNull { column },
        Some("drop not null") => TableAction::DropNotNull { column },
        Some("set expression as") => TableAction::SetExpression { column, expr: c.paren_expr()? },
        Some("drop expression") => TableAction::DropExpression { column, if_exists: c.if_exists() },
        Some("add generated") => {
            let identity = table::identity_kind(c)?;
            c.need("as identity")?;
            c.skip_parens();
            TableAction::AddIdentity { column, identity }
        }
        Some("drop identity") => TableAction::DropIdentity { column, if_exists: c.if_exists() },
        Some("set statistics") => {
            signed_number(c)?;
            TableAction::SetStatistics { column: Some(column) }
        }
        Some("set storage") => {
            c.word()?;
            TableAction::SetStorage { column }
        }
        Some("set compression") => {
            c.word()?;
            TableAction::SetCompression { column }
        }
        Some("set generated") => {
            table::identity_kind(c)?;
            identity_options(c)?;
            TableAction::SetIdentity { column }
        }
        Some("set (" | "reset (") => {
            c.pos -= 1;
            c.skip_parens();
            TableAction::SetColumnOptions { column }
        }
        Some("options") => {
            c.skip_parens().then_some(())?;
            TableAction::ForeignOptions
        }
        _ => {
            let from = c.pos;
            identity_options(c)?;
            (c.pos > from).then_some(TableAction::SetIdentity { column })?
        }
    })
}

/// `SET INCREMENT BY 2 RESTART WITH 5 …` of an identity column, up to the next action.
fn identity_options(c: &mut Cursor<'_>) -> Option<()> {
    while !c.at_end() && !c.at(",") {
        c.one_of(&["set generated", "set", "restart"])?;
        while !(c.at_end() || c.at(",") || c.at("set") || c.at("restart")) {
            c.pos += 1;
        }
    }
    Some(())
}

fn set(c: &mut Cursor<'_>) -> Found {
    let action = match c.one_of(&["schema", "tablespace", "logged", "unlogged", "access method", "without cluster", "without oids"]) {
        Some("schema") => TableAction::SetSchema { schema: c.name()? },
        Some("tablespace") => {
            let tablespace = c.name()?;
            c.eat("nowait");
            TableAction::SetTablespace { tablespace }
        }
        Some("logged") => TableAction::SetLogged { logged: true },
        Some("unlogged") => TableAction::SetLogged { logged: false },
        Some("access method") => TableAction::SetAccessMethod { method: if c.eat("default") { None } else { Some(c.name()?) } },
        Some("without cluster") => TableAction::ClusterOn { index: None },
        Some(_) => TableAction::SetWithoutOids,
        None => TableAction::SetParameters { names: c.option_names()?, reset: false },
    };
    Some((None, action))
}

fn enable(c: &mut Cursor<'_>, enable: bool) -> Found {
    if c.at("row level") {
        return row_security(c, Some(enable), None);
    }
    c.one_of(&["replica", "always"]);
    if c.eat("rule") {
        let name = c.name()?;
        return Some((Some(name.span), TableAction::Rule { name, enable }));
    }
    c.need("trigger")?;
    if c.one_of(&["all", "user"]).is_some() {
        return Some((None, TableAction::Trigger { name: None, enable }));
    }
    let name = c.name()?;
    Some((Some(name.span), TableAction::Trigger { name: Some(name), enable }))
}

fn row_security(c: &mut Cursor<'_>, enable: Option<bool>, force: Option<bool>) -> Found {
    c.need("row level security")?;
    Some((None, TableAction::RowSecurity { enable, force }))
}

fn inherit(c: &mut Cursor<'_>, remove: bool) -> Found {
    c.need("inherit")?;
    let parent = c.rel()?;
    Some((Some(parent.span()), TableAction::Inherit { parent, remove }))
}

fn replica_identity(c: &mut Cursor<'_>) -> Option<ReplicaIdentity> {
    c.need("identity")?;
    Some(match c.one_of(&["default", "full", "nothing", "using index"])? {
        "default" => ReplicaIdentity::Default,
        "full" => ReplicaIdentity::Full,
        "nothing" => ReplicaIdentity::Nothing,
        _ => ReplicaIdentity::Index(c.name()?),
    })
}

/// `ALTER … SET SCHEMA`, `RENAME TO`, `OWNER TO`, which most kinds of object share.
pub(super) enum Common {
    Rename(Name),
    SetSchema(Name),
    OwnerTo(String),
}

pub(super) fn common(c: &mut Cursor<'_>) -> Option<Common> {
    match c.one_of(&["rename to", "set schema", "owner to"])? {
        "rename to" => Some(Common::Rename(c.name()?)),
        "set schema" => Some(Common::SetSchema(c.name()?)),
        _ => Some(Common::OwnerTo(c.role()?)),
    }
}
