//! Triggers, rules and row-security policies to ops.

use super::alter_table::{Common, common};
use super::cursor::Cursor;
use super::statement::{Ops, irrelevant, single};
use crate::schema::op::{CreateTrigger, SchemaOp};

pub(super) fn create(c: &mut Cursor<'_>, or_replace: bool) -> Ops {
    c.eat("constraint");
    c.need("trigger")?;
    let name = c.name()?;
    let timing = c.one_of(&["before", "after", "instead of"])?.replace(' ', "-");
    let mut events = Vec::new();
    loop {
        let event = c.one_of(&["insert", "update", "delete", "truncate"])?;
        events.push(event.to_owned());
        if c.eat("of") {
            c.list(Cursor::name)?;
        }
        if !c.eat("or") {
            break;
        }
    }
    c.need("on")?;
    let table = c.rel()?;
    let mut trigger = CreateTrigger { name, table, or_replace, timing, events, routine: None, from_table: None };
    while !c.at_end() {
        if c.eat("from") {
            trigger.from_table = Some(c.rel()?);
        } else if c.eat("referencing") {
            while c.one_of(&["new", "old"]).is_some() {
                c.need("table")?;
                c.eat("as");
                c.name()?;
            }
        } else if c.eat("for") {
            c.eat("each");
            c.one_of(&["row", "statement"])?;
        } else if c.eat("when") {
            c.skip_parens().then_some(())?;
        } else if c.eat("execute") {
            c.one_of(&["function", "procedure"])?;
            trigger.routine = Some(c.rel()?);
            c.skip_parens().then_some(())?;
        } else {
            c.one_of(&["not deferrable", "deferrable", "initially deferred", "initially immediate"])?;
        }
    }
    single(trigger.name.span, SchemaOp::CreateTrigger(Box::new(trigger)))
}

pub(super) fn create_rule_or_policy(c: &mut Cursor<'_>, or_replace: bool) -> Ops {
    let rule = c.eat("rule");
    if !rule {
        c.need("policy")?;
    }
    let name = c.name()?;
    let span = name.span;
    if rule {
        c.need("as on")?;
        let event = c.word()?;
        c.need("to")?;
        let table = c.rel()?;
        if c.eat("where") {
            c.expr()?;
        }
        c.need("do")?;
        let instead = c.one_of(&["instead", "also"]) == Some("instead");
        // The commands run when the rule fires, not now.
        c.skip_rest();
        return single(span, SchemaOp::CreateRule { name, table, or_replace, event, instead });
    }
    c.need("on")?;
    let table = c.rel()?;
    let permissive = !(c.eat("as") && c.word()? == "restrictive");
    policy_clauses(c)?;
    single(span, SchemaOp::CreatePolicy { name, table, permissive })
}

fn policy_clauses(c: &mut Cursor<'_>) -> Option<()> {
    while !c.at_end() {
        match c.one_of(&["for", "to", "using", "with check"])? {
            "for" => c.word().map(|_| ())?,
            "to" => c.list(Cursor::role).map(|_| ())?,
            _ => c.skip_parens().then_some(())?,
        }
    }
    Some(())
}

pub(super) fn alter(c: &mut Cursor<'_>) -> Ops {
    let what = c.one_of(&["trigger", "policy", "rule"])?;
    let name = c.name()?;
    let span = name.span;
    c.need("on")?;
    let table = c.rel()?;
    if c.one_of(&["depends on extension", "no depends on extension"]).is_some() {
        c.name()?;
        return irrelevant(span, "alter", what, Some(table));
    }
    match (what, common(c)) {
        ("trigger", Some(Common::Rename(to))) => single(span, SchemaOp::RenameTrigger { name, table, to }),
        ("policy", Some(_)) => single(span, SchemaOp::AlterPolicy { name, table }),
        ("policy", None) => {
            policy_clauses(c)?;
            single(span, SchemaOp::AlterPolicy { name, table })
        }
        ("rule", Some(Common::Rename(_))) => irrelevant(span, "rename", "rule", Some(table)),
        _ => None,
    }
}

pub(super) fn drop(c: &mut Cursor<'_>) -> Ops {
    let what = c.one_of(&["trigger", "policy", "rule"])?;
    let if_exists = c.if_exists();
    let name = c.name()?;
    let span = name.span;
    c.need("on")?;
    let table = c.rel()?;
    let cascade = c.cascade();
    single(
        span,
        match what {
            "trigger" => SchemaOp::DropTrigger { name, table, if_exists, cascade },
            "policy" => SchemaOp::DropPolicy { name, table, if_exists },
            _ => SchemaOp::DropRule { name, table, if_exists },
        },
    )
}
