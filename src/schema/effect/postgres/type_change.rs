//! ALTER COLUMN TYPE: which changes are free, which scan, rebuild indexes or rewrite, and what old code meets afterwards.
//!
//! Source: manual, ALTER TABLE, "Notes"; `ATColumnChangeRequiresRewrite` and the types' support functions
//! (varchar, numeric, timestamp, interval, varbit); release notes of 9.2 and 12.

use super::scene::{Hits, Scene};
use super::table::constrained_domain;
use crate::schema::catalog::{Column, TableConstraintKind};
use crate::schema::effect::{Certainty, LockMode, Subject};
use crate::schema::name::{Name, QName, RelName};
use crate::schema::op::Expr;
use crate::schema::types::TypeName;

/// What a change of type costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// Catalog only.
    Free,
    /// Catalog only while the session's time zone is UTC, else every row is written anew.
    FreeInUtc,
    Rewrite,
}

pub fn judge(
    scene: &mut Scene,
    key: &QName,
    name: &Name,
    column: Option<&Column>,
    to: &TypeName,
    collation: Option<&RelName>,
    using: Option<&Expr>,
) {
    let from = column.and_then(|column| column.ty.as_ref());
    let cost = match from {
        None => {
            scene.assume(format!("the type of {}.{name} is not in the migration history", key.short()));
            Cost::Rewrite
        }
        Some(from) if using.is_some_and(|using| !is_plain(using, name, to)) && !from.same_as(to) => Cost::Rewrite,
        Some(_) if using.is_some_and(|using| !is_plain(using, name, to)) => Cost::Rewrite,
        Some(from) => cost_of(scene, from, to),
    };
    let same = from.is_some_and(|from| from.same_as(to));
    match cost {
        Cost::Rewrite => scene.rewrite(key, because(from, to, using)),
        Cost::FreeInUtc => {
            scene.assume("the migration's session may run in a time zone other than UTC; in UTC nothing is rewritten".to_owned());
            scene.rewrite(key, because(from, to, using));
        }
        Cost::Free => free_but(scene, key, name, same, collation.is_some()),
    }
    if cost == Cost::Rewrite && indexed(scene, key, name) {
        scene.build_index(key, format!("indexes on {name} are built anew"));
    }
    foreign_partners(scene, key, name);
    if !scene.is_new_column(key, name.as_str()) && !same {
        old_code(scene, key, name, from, to);
    }
}

fn because(from: Option<&TypeName>, to: &TypeName, using: Option<&Expr>) -> String {
    match (from, using) {
        (_, Some(using)) if using.plain_cast.is_none() => format!("every row is computed by USING {}", using.text),
        (Some(from), _) => format!("{from} and {to} are stored differently or have to be checked"),
        (None, _) => format!("the change to {to} may not be free"),
    }
}

/// `USING column`, or a cast of it to the very target.
fn is_plain(using: &Expr, name: &Name, to: &TypeName) -> bool {
    using.plain_cast.as_ref().is_some_and(|(column, ty)| *column == name.text && ty.as_ref().is_none_or(|ty| ty.same_as(to)))
}

/// Free of a rewrite: a CHECK on the column is checked again, a new collation rebuilds its indexes.
fn free_but(scene: &mut Scene, key: &QName, name: &Name, same: bool, collation: bool) {
    let Some(table) = scene.table(key) else { return };
    let checked = table.constraints.iter().any(|constraint| match &constraint.kind {
        TableConstraintKind::Check { expr } => expr.columns.contains(&name.text),
        _ => false,
    });
    if checked && !same {
        scene.scan(key, format!("a CHECK constraint names {name}, so every row is checked again"));
    }
    let derived = |index: &crate::schema::catalog::Index| {
        index.expressions.iter().chain(&index.predicate).any(|expr| expr.columns.contains(&name.text))
    };
    let rebuild =
        scene.before.indexes_of(key).any(|(_, index)| (!same && derived(index)) || (collation && index.columns.contains(&name.text)));
    if rebuild {
        scene.build_index(key, format!("an index that depends on {name} is built anew"));
    }
}

fn indexed(scene: &Scene, key: &QName, name: &Name) -> bool {
    scene.before.indexes_of(key).any(|(_, index)| crate::schema::replay::index_uses(index, name.as_str()))
}

/// Foreign keys over the column are dropped and made again, with their lock on the other table.
fn foreign_partners(scene: &mut Scene, key: &QName, name: &Name) {
    let own = scene.table(key).into_iter().flat_map(|table| &table.constraints).filter_map(|constraint| match &constraint.kind {
        TableConstraintKind::ForeignKey { columns, table, .. } if columns.contains(&name.text) => Some(table.clone()),
        _ => None,
    });
    let mut partners: Vec<QName> = own.collect();
    partners.extend(scene.before.references_to(key).filter_map(|(owner, constraint)| match &constraint.kind {
        TableConstraintKind::ForeignKey { ref_columns, .. } if ref_columns.contains(&name.text) => Some(owner.clone()),
        _ => None,
    }));
    for partner in partners.into_iter().filter(|partner| partner != key) {
        scene.lock_because(&partner, LockMode::AccessExclusive, format!("the foreign key over {name} is made anew"));
    }
}

/// Old code binds parameters and reads results by the old type.
fn old_code(scene: &mut Scene, key: &QName, name: &Name, from: Option<&TypeName>, to: &TypeName) {
    let subject = Subject::column(key, name.as_str());
    let Some(from) = from else {
        let how = format!("statements that bind or read {name} of {} by its old type may fail", key.short());
        return scene.breaks(Hits::Both, subject, how, Certainty::Sometimes);
    };
    if narrows(from, to) {
        let how = format!("a value of {name} that does not fit {to} is refused");
        scene.breaks(Hits::Writers, subject.clone(), how, Certainty::Sometimes);
        scene.aborts(format!("fails if a value of {name} does not fit {to}"), Certainty::Sometimes);
        if lossy(from, to) {
            scene.loses(subject.clone(), format!("digits or time of day of {name} that {to} cannot hold"));
        }
    }
    if !same_on_the_wire(from, to) {
        let how = format!("code that binds or reads {name} of {} as {from} may fail: it is {to} now", key.short());
        scene.breaks(Hits::Both, subject, how, Certainty::Sometimes);
    }
}

/// Clients cannot tell the types apart: text and its bounded forms, or a changed modifier.
fn same_on_the_wire(from: &TypeName, to: &TypeName) -> bool {
    let textual = |ty: &TypeName| matches!(ty.base.as_str(), "text" | "character varying" | "citext") && ty.schema.is_none();
    from.array == to.array && (from.base == to.base || (textual(from) && textual(to)))
}

/// Some values of the old type are not values of the new one.
fn narrows(from: &TypeName, to: &TypeName) -> bool {
    if from.array != to.array {
        return true;
    }
    let width = |ty: &TypeName| match ty.base.as_str() {
        "smallint" => Some(2),
        "integer" => Some(4),
        "bigint" => Some(8),
        _ => None,
    };
    if let (Some(old), Some(new)) = (width(from), width(to)) {
        return new < old;
    }
    match (from.base.as_str(), to.base.as_str()) {
        ("text" | "character varying" | "character", "character varying" | "character") => {
            to.modifiers.first().is_some_and(|new| from.modifiers.first().is_none_or(|old| new < old))
        }
        (_, "text" | "character varying") => false,
        ("numeric", "numeric") => !numeric_widens(from, to),
        ("integer" | "smallint" | "bigint", "numeric" | "double precision" | "real") => !to.modifiers.is_empty(),
        ("real", "double precision") | ("json", "jsonb") | ("cidr", "inet") => false,
        (old, new) if old == new => to.modifiers.first() < from.modifiers.first() && !to.modifiers.is_empty(),
        ("timestamp without time zone", "timestamp with time zone") | ("timestamp with time zone", "timestamp without time zone") => false,
        ("date", "timestamp without time zone" | "timestamp with time zone") => false,
        _ => true,
    }
}

/// The cast drops part of the value without an error.
fn lossy(from: &TypeName, to: &TypeName) -> bool {
    match (from.base.as_str(), to.base.as_str()) {
        ("numeric" | "double precision" | "real", "integer" | "bigint" | "smallint") => true,
        ("numeric", "numeric") => scale(to) < scale(from) && !to.modifiers.is_empty(),
        ("double precision", "real") => true,
        ("timestamp without time zone" | "timestamp with time zone", "date") => true,
        (old, new) if old == new && old.starts_with("time") => true,
        _ => false,
    }
}

fn scale(ty: &TypeName) -> i64 {
    ty.modifiers.get(1).copied().unwrap_or(0)
}

/// `numeric(p, s)` to `numeric(p' ≥ p, s)` or to `numeric`.
fn numeric_widens(from: &TypeName, to: &TypeName) -> bool {
    match (from.modifiers.as_slice(), to.modifiers.as_slice()) {
        (_, []) => true,
        ([], _) => false,
        ([old, ..], [new, ..]) => new >= old && scale(from) == scale(to),
    }
}

/// The matrix, from the column's actual type.
pub fn cost_of(scene: &Scene, from: &TypeName, to: &TypeName) -> Cost {
    if constrained_domain(scene, to).is_some() {
        return Cost::Rewrite;
    }
    let from = &base_of(scene, from);
    let to = &base_of(scene, to);
    if from.same_as(to) {
        return Cost::Free;
    }
    if from.array != to.array || from.schema != to.schema {
        return Cost::Rewrite;
    }
    // Elements are converted one by one, whatever a single value would cost: only a modifier may go.
    if from.array > 0 {
        return if from.base == to.base && to.modifiers.is_empty() { Cost::Free } else { Cost::Rewrite };
    }
    let grows = |old: &TypeName, new: &TypeName| match (old.modifiers.first(), new.modifiers.first()) {
        (_, None) => true,
        // Times without a precision have six digits.
        (None, Some(new)) => (old.base.starts_with("time") || old.base == "interval") && *new >= 6,
        (Some(old), Some(new)) => new >= old,
    };
    let free = match (from.base.as_str(), to.base.as_str()) {
        ("character varying" | "text", "text") => true,
        ("character varying", "character varying") | ("bit varying", "bit varying") => grows(from, to),
        ("text", "character varying") => to.modifiers.is_empty(),
        ("numeric", "numeric") => numeric_widens(from, to),
        (old, new) if old == new && (old.starts_with("time") || old == "interval") => grows(from, to),
        ("cidr", "inet") | ("xml", "text" | "character varying") => to.modifiers.is_empty(),
        ("timestamp without time zone", "timestamp with time zone") | ("timestamp with time zone", "timestamp without time zone") => {
            return match () {
                () if !scene.at_least(12) || !grows(from, to) => Cost::Rewrite,
                () if is_utc(scene.before.time_zone.as_deref()) => Cost::Free,
                () => Cost::FreeInUtc,
            };
        }
        _ => false,
    };
    if free { Cost::Free } else { Cost::Rewrite }
}

/// A time zone that PostgreSQL compares equal to UTC: no offset, no daylight saving time.
fn is_utc(zone: Option<&str>) -> bool {
    let names = ["utc", "etc/utc", "uct", "etc/uct", "zulu", "etc/zulu", "gmt", "etc/gmt", "universal", "etc/universal", "0"];
    zone.is_some_and(|zone| names.contains(&zone.trim().to_lowercase().as_str()))
}

/// A domain without constraints is its base type.
fn base_of(scene: &Scene, ty: &TypeName) -> TypeName {
    let mut current = ty.clone();
    // Domains over domains; a cycle cannot be created, the limit is for hostile text.
    for _ in 0..16 {
        let key = scene.before.types.keys().find(|key| key.name == current.base).cloned();
        let base = key.and_then(|key| scene.before.types.get(&key)).and_then(|ty| match &ty.kind {
            crate::schema::catalog::UserTypeKind::Domain(domain) => Some(domain.base.clone()),
            _ => None,
        });
        match base {
            Some(base) if current.array == 0 => current = base,
            _ => break,
        }
    }
    current
}
