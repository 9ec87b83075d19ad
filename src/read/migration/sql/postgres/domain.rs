//! `CREATE DOMAIN` and `ALTER DOMAIN` to ops.

use super::alter_table::{Common, common};
use super::constraint::{Attributes, attributes};
use super::cursor::Cursor;
use super::statement::{Ops, single};
use crate::schema::op::{CreateDomain, DomainAction, SchemaOp};

pub(super) fn create(c: &mut Cursor<'_>) -> Ops {
    c.need("domain")?;
    let domain = c.rel()?;
    c.eat("as");
    let ty = c.ty()?;
    let mut create = CreateDomain { domain, ty, not_null: false, default: None, checks: Vec::new() };
    while !c.at_end() {
        if c.eat("collate") {
            c.rel()?;
            continue;
        }
        let name = if c.eat("constraint") { Some(c.name()?) } else { None };
        if c.eat("default") {
            create.default = Some(c.expr()?);
        } else if c.eat("not null") {
            create.not_null = true;
        } else if c.eat("null") {
        } else {
            c.need("check")?;
            create.checks.push((name, c.paren_expr()?));
        }
        attributes(c, &mut Attributes::default());
    }
    single(create.domain.span(), SchemaOp::CreateDomain(Box::new(create)))
}

pub(super) fn alter(c: &mut Cursor<'_>) -> Ops {
    c.need("domain")?;
    let domain = c.rel()?;
    let action = action(c)?;
    single(domain.span(), SchemaOp::AlterDomain { domain, action })
}

fn action(c: &mut Cursor<'_>) -> Option<DomainAction> {
    if let Some(shared) = common(c) {
        return Some(match shared {
            Common::Rename(to) => DomainAction::Rename { to },
            Common::SetSchema(schema) => DomainAction::SetSchema { schema },
            Common::OwnerTo(role) => DomainAction::OwnerTo { role },
        });
    }
    let choices = [
        "set default",
        "drop default",
        "set not null",
        "drop not null",
        "add",
        "drop constraint",
        "rename constraint",
        "validate constraint",
    ];
    Some(match c.one_of(&choices)? {
        "set default" => DomainAction::SetDefault { default: c.expr()? },
        "drop default" => DomainAction::DropDefault,
        "set not null" => DomainAction::SetNotNull,
        "drop not null" => DomainAction::DropNotNull,
        "add" => {
            let name = if c.eat("constraint") { Some(c.name()?) } else { None };
            let check = if c.eat("not null") {
                None
            } else {
                c.need("check")?;
                Some(c.paren_expr()?)
            };
            let mut found = Attributes::default();
            attributes(c, &mut found);
            DomainAction::AddConstraint { name, check, not_valid: found.not_valid }
        }
        "drop constraint" => {
            let if_exists = c.if_exists();
            let name = c.name()?;
            c.cascade();
            DomainAction::DropConstraint { name, if_exists }
        }
        "rename constraint" => {
            let from = c.name()?;
            c.need("to")?;
            DomainAction::RenameConstraint { from, to: c.name()? }
        }
        _ => DomainAction::ValidateConstraint { name: c.name()? },
    })
}
