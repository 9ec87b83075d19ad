//! Publications to ops.

use super::alter_table::{Common, common};
use super::cursor::Cursor;
use super::statement::{Ops, single};
use crate::schema::name::{Name, RelName};
use crate::schema::op::{PublicationAction, SchemaOp};

pub(super) fn create(c: &mut Cursor<'_>) -> Ops {
    c.need("publication")?;
    let name = c.name()?;
    let mut all_tables = false;
    let (mut tables, mut schemas) = (Vec::new(), Vec::new());
    if c.eat("for all tables") || c.eat("for all sequences") {
        all_tables = true;
        // Later releases list more kinds and exceptions.
        while !c.at_end() && !c.at("with") {
            c.pos += 1;
        }
    } else if c.eat("for") {
        (tables, schemas) = objects(c)?;
    }
    let published = if c.eat("with") { publishes(c)? } else { None };
    let publishes_update_or_delete = published.unwrap_or(true);
    single(name.span, SchemaOp::CreatePublication { name, all_tables, tables, schemas, publishes_update_or_delete })
}

/// `TABLE a, ONLY b (c) WHERE (…), TABLES IN SCHEMA s, CURRENT_SCHEMA`.
fn objects(c: &mut Cursor<'_>) -> Option<(Vec<RelName>, Vec<Name>)> {
    let (mut tables, mut schemas) = (Vec::new(), Vec::new());
    let mut in_schemas = false;
    loop {
        match c.one_of(&["tables in schema", "table"]) {
            Some("table") => in_schemas = false,
            Some(_) => in_schemas = true,
            None => {}
        }
        if in_schemas {
            schemas.push(c.name()?);
        } else {
            tables.push(c.only_rel()?.0);
            c.skip_parens();
            if c.eat("where") {
                c.skip_parens().then_some(())?;
            }
        }
        if !c.eat(",") {
            return Some((tables, schemas));
        }
    }
}

/// Whether `publish = '…'` names update or delete; `None` when the option is not written.
fn publishes(c: &mut Cursor<'_>) -> Option<Option<bool>> {
    let from = c.pos;
    let names = c.option_names()?;
    if !names.iter().any(|name| name == "publish") {
        return Some(None);
    }
    let text = c.text_between(from, c.pos).to_lowercase();
    Some(Some(["update", "delete"].iter().any(|word| text.contains(word))))
}

pub(super) fn alter(c: &mut Cursor<'_>) -> Ops {
    c.need("publication")?;
    let name = c.name()?;
    let action = match common(c) {
        Some(Common::Rename(to)) => PublicationAction::Rename { to },
        Some(Common::OwnerTo(role)) => PublicationAction::OwnerTo { role },
        Some(Common::SetSchema(_)) => return None,
        None if c.at("set (") => {
            c.pos += 1;
            PublicationAction::Options { publishes_update_or_delete: publishes(c)? }
        }
        None => {
            let verb = c.one_of(&["add", "set", "drop"])?;
            let (tables, schemas) = objects(c)?;
            match verb {
                "add" => PublicationAction::Add { tables, schemas },
                "set" => PublicationAction::Set { tables, schemas },
                _ => PublicationAction::Drop { tables, schemas },
            }
        }
    };
    single(name.span, SchemaOp::AlterPublication { name, action })
}
