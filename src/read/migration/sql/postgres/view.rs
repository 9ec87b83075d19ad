//! Views and materialized views: `CREATE` and `ALTER` to ops.

use super::alter_table::{Common, common};
use super::cursor::Cursor;
use super::misc;
use super::statement::{Ops, single};
use crate::schema::op::{CreateView, SchemaOp, ViewAction};

pub(super) fn create(c: &mut Cursor<'_>, or_replace: bool, temporary: bool) -> Ops {
    c.eat("recursive");
    let materialized = c.eat("materialized");
    c.need("view")?;
    let if_not_exists = c.if_not_exists();
    let view = c.rel()?;
    let span = view.span();
    let columns = c.opt_paren_names()?;
    if c.eat("using") {
        c.name()?;
    }
    if c.eat("with") {
        c.skip_parens().then_some(())?;
    }
    if c.eat("tablespace") {
        c.name()?;
    }
    c.need("as")?;
    let query = c.query()?;
    let with_data = c.one_of(&["with no data", "with data"]) != Some("with no data");
    c.one_of(&["with local check option", "with cascaded check option", "with check option"]);
    let view = CreateView { view, materialized, temporary, or_replace, if_not_exists, with_data, columns, query };
    single(span, SchemaOp::CreateView(Box::new(view)))
}

pub(super) fn alter(c: &mut Cursor<'_>) -> Ops {
    let materialized = c.eat("materialized");
    c.need("view")?;
    if c.eat("all in tablespace") {
        return misc::every_object(c);
    }
    c.if_exists();
    let view = c.rel()?;
    let mut ops = Vec::new();
    loop {
        let kind = SchemaOp::AlterView { view: view.clone(), materialized, action: action(c)? };
        ops.push(crate::schema::op::Op { span: view.span(), kind });
        if !c.eat(",") {
            return Some(ops);
        }
    }
}

fn action(c: &mut Cursor<'_>) -> Option<ViewAction> {
    if let Some(shared) = common(c) {
        return Some(match shared {
            Common::Rename(to) => ViewAction::Rename { to },
            Common::SetSchema(schema) => ViewAction::SetSchema { schema },
            Common::OwnerTo(role) => ViewAction::OwnerTo { role },
        });
    }
    if c.eat("rename") {
        if !c.at("column to") {
            c.eat("column");
        }
        let from = c.name()?;
        c.need("to")?;
        return Some(ViewAction::RenameColumn { from, to: c.name()? });
    }
    if c.eat("alter") {
        c.eat("column");
        return column_action(c);
    }
    match c.one_of(&[
        "set tablespace",
        "set access method",
        "cluster on",
        "set without cluster",
        "set",
        "reset",
        "depends on",
        "no depends on",
    ])? {
        "set tablespace" => Some(ViewAction::SetTablespace { tablespace: c.name()? }),
        "set access method" => c.name().map(|_| ViewAction::SetAccessMethod),
        "cluster on" => c.name().map(|_| ViewAction::ClusterOn),
        "set without cluster" => Some(ViewAction::ClusterOn),
        "depends on" | "no depends on" => {
            c.need("extension")?;
            c.name().map(|_| ViewAction::SetOptions)
        }
        _ => c.skip_parens().then_some(ViewAction::SetOptions),
    }
}

/// `ALTER COLUMN c …`: defaults of a view, storage settings of a materialized view.
fn column_action(c: &mut Cursor<'_>) -> Option<ViewAction> {
    let column = c.name()?;
    match c.one_of(&["set default", "drop default", "set statistics", "set storage", "set compression", "set", "reset"])? {
        "set default" => {
            c.expr()?;
            Some(ViewAction::SetDefault { column })
        }
        "drop default" => Some(ViewAction::DropDefault { column }),
        "set statistics" => {
            c.eat("-");
            c.pos += 1;
            Some(ViewAction::SetOptions)
        }
        "set storage" | "set compression" => c.word().map(|_| ViewAction::SetOptions),
        _ => c.skip_parens().then_some(ViewAction::SetOptions),
    }
}
