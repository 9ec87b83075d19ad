//! Table and column constraints to `Constraint`.

use super::cursor::Cursor;
use crate::schema::name::Name;
use crate::schema::op::{Constraint, ConstraintKind, RefAction};

/// What may follow any constraint.
#[derive(Default)]
pub(super) struct Attributes {
    pub not_valid: bool,
    pub enforced: Option<bool>,
    pub deferrable: bool,
    pub no_inherit: bool,
}

pub(super) fn attributes(c: &mut Cursor<'_>, found: &mut Attributes) {
    let words = [
        "not deferrable",
        "deferrable",
        "initially deferred",
        "initially immediate",
        "not valid",
        "not enforced",
        "enforced",
        "no inherit",
        "inherit",
    ];
    while let Some(word) = c.one_of(&words) {
        match word {
            "deferrable" | "initially deferred" => found.deferrable = true,
            "not valid" => found.not_valid = true,
            "not enforced" => found.enforced = Some(false),
            "enforced" => found.enforced = Some(true),
            "no inherit" => found.no_inherit = true,
            _ => {}
        }
    }
}

/// Whether a table constraint begins here, not a column of that name.
pub(super) fn starts(c: &Cursor<'_>) -> bool {
    let heads =
        ["constraint", "primary key", "unique (", "unique using", "unique nulls", "check (", "foreign key", "exclude (", "exclude using"];
    heads.iter().any(|head| c.at(head)) || (c.at("not null"))
}

pub(super) fn table(c: &mut Cursor<'_>) -> Option<Constraint> {
    let from = c.pos;
    let name = if c.eat("constraint") { Some(c.name()?) } else { None };
    let kind = if c.eat("foreign key") {
        let columns = key_columns(c)?;
        references(c, columns)?
    } else if c.eat("not null") {
        ConstraintKind::NotNull { column: c.name()?, no_inherit: false }
    } else if c.eat("exclude") {
        exclude(c)?
    } else {
        key_or_check(c, None)?
    };
    Some(finish(c, from, name, kind))
}

/// A constraint written on a column: `from` is its first token, `name` its name when one is written.
pub(super) fn of_column(c: &mut Cursor<'_>, from: usize, name: Option<Name>, column: &Name) -> Option<Constraint> {
    let kind = if c.at("references") { references(c, vec![column.clone()])? } else { key_or_check(c, Some(column))? };
    Some(finish(c, from, name, kind))
}

fn finish(c: &mut Cursor<'_>, from: usize, name: Option<Name>, mut kind: ConstraintKind) -> Constraint {
    let mut found = Attributes::default();
    attributes(c, &mut found);
    match &mut kind {
        ConstraintKind::Check { no_inherit, .. } | ConstraintKind::NotNull { no_inherit, .. } => *no_inherit = found.no_inherit,
        _ => {}
    }
    Constraint {
        name,
        span: c.span_from(from),
        kind,
        not_valid: found.not_valid,
        not_enforced: found.enforced == Some(false),
        deferrable: found.deferrable,
    }
}

fn key_or_check(c: &mut Cursor<'_>, column: Option<&Name>) -> Option<ConstraintKind> {
    if c.eat("check") {
        return Some(ConstraintKind::Check { expr: c.paren_expr()?, no_inherit: false });
    }
    let primary = c.eat("primary key");
    if !primary {
        c.need("unique")?;
    }
    let nulls_not_distinct = matches!(c.one_of(&["nulls not distinct", "nulls distinct"]), Some("nulls not distinct"));
    let mut using_index = None;
    let mut columns: Vec<Name> = column.cloned().into_iter().collect();
    if c.eat("using index") {
        using_index = Some(c.name()?);
    } else {
        if column.is_none() {
            columns = key_columns(c)?;
        }
        index_parameters(c)?;
    }
    Some(if primary {
        ConstraintKind::PrimaryKey { columns, using_index }
    } else {
        ConstraintKind::Unique { columns, using_index, nulls_not_distinct }
    })
}

/// `(a, b, PERIOD c)`, `(a, b WITHOUT OVERLAPS)`.
fn key_columns(c: &mut Cursor<'_>) -> Option<Vec<Name>> {
    c.need("(")?;
    let columns = c.list(|c| {
        if c.at("period") && !c.at("period ,") && !c.at("period )") {
            c.pos += 1;
        }
        let name = c.name();
        c.eat("without overlaps");
        name
    })?;
    c.need(")")?;
    Some(columns)
}

fn index_parameters(c: &mut Cursor<'_>) -> Option<()> {
    if c.eat("include") {
        c.skip_parens().then_some(())?;
    }
    if c.eat("with") {
        c.skip_parens().then_some(())?;
    }
    if c.eat("using index tablespace") {
        c.name()?;
    }
    Some(())
}

fn references(c: &mut Cursor<'_>, columns: Vec<Name>) -> Option<ConstraintKind> {
    c.need("references")?;
    let table = c.rel()?;
    let ref_columns = if c.at("(") { key_columns(c)? } else { Vec::new() };
    let (mut on_delete, mut on_update) = (None, None);
    loop {
        if c.eat("match") {
            c.word()?;
        } else if c.eat("on delete") {
            on_delete = Some(action(c)?);
        } else if c.eat("on update") {
            on_update = Some(action(c)?);
        } else {
            return Some(ConstraintKind::ForeignKey { columns, table, ref_columns, on_delete, on_update });
        }
    }
}

fn action(c: &mut Cursor<'_>) -> Option<RefAction> {
    let action = match c.one_of(&["no action", "restrict", "cascade", "set null", "set default"])? {
        "no action" => RefAction::NoAction,
        "restrict" => RefAction::Restrict,
        "cascade" => RefAction::Cascade,
        "set null" => RefAction::SetNull,
        _ => RefAction::SetDefault,
    };
    c.opt_paren_names()?;
    Some(action)
}

fn exclude(c: &mut Cursor<'_>) -> Option<ConstraintKind> {
    if c.eat("using") {
        c.name()?;
    }
    c.need("(")?;
    let mut columns = Vec::new();
    loop {
        for column in c.expr()?.columns {
            columns.push(Name::new(column, c.span_at(c.pos.saturating_sub(1))));
        }
        // Operator class, order, and `WITH operator`.
        let mut depth = 0usize;
        while !c.at_end() && (depth > 0 || !(c.at(",") || c.at(")"))) {
            depth += usize::from(c.at("("));
            depth = depth.saturating_sub(usize::from(c.at(")")));
            c.pos += 1;
        }
        if !c.eat(",") {
            c.need(")")?;
            break;
        }
    }
    index_parameters(c)?;
    if c.eat("where") {
        c.paren_expr()?;
    }
    Some(ConstraintKind::Exclude { columns })
}
