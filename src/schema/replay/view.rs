//! Views on the catalog: what one reads is settled when it is made, and follows renames from then on, as in PostgreSQL.

use std::rc::Rc;

use super::{Context, names, relation};
use crate::schema::catalog::{Catalog, ColumnUse, View};
use crate::schema::effect::Certainty;
use crate::schema::name::{QName, RelName};
use crate::schema::op::{CreateView, Query, ViewAction};

pub fn create(catalog: &mut Catalog, create: &CreateView, context: &Context) {
    let key = if create.temporary { QName::new("pg_temp", create.view.name.as_str()) } else { names::new_key(catalog, &create.view) };
    if catalog.has_relation(&key) && !create.or_replace {
        return;
    }
    let columns = match create.columns.as_slice() {
        [] => create.query.output.clone(),
        named => named.iter().map(|name| Some(name.text.clone())).collect(),
    };
    // A replaced view is still the one that running code knows.
    let origin = catalog.views.get(&key).map_or(context.origin, |view| view.origin);
    let reads: Vec<QName> = create.query.relations.iter().map(|relation| catalog.resolve(relation)).collect();
    let uses = column_uses(catalog, &create.query, &reads);
    let uses_any = create.query.star && reads.iter().any(|relation| columns_of(catalog, relation).is_none());
    let view = View {
        materialized: create.materialized,
        columns,
        query: create.query.clone(),
        reads,
        uses,
        uses_any,
        origin,
        created_at: context.place,
    };
    catalog.views.insert(key, Rc::new(view));
}

/// The columns a query names, and those its `*` stands for.
fn column_uses(catalog: &Catalog, query: &Query, reads: &[QName]) -> Vec<ColumnUse> {
    let single = reads.len() == 1;
    let mut uses: Vec<ColumnUse> = Vec::new();
    let mut add = |relation: &QName, column: &str, sure: bool| {
        // A name that is no column of the relation is an alias, or a column of something else.
        let possible = columns_of(catalog, relation).is_none_or(|columns| columns.iter().any(|known| known == column));
        if possible {
            uses.push(ColumnUse { relation: relation.clone(), column: column.to_owned(), sure });
        }
    };
    for (table, column) in &query.columns {
        match table {
            Some(table) => add(&catalog.resolve(table), column.as_str(), true),
            None => reads.iter().for_each(|relation| add(relation, column.as_str(), single)),
        }
    }
    if query.star {
        for relation in reads {
            columns_of(catalog, relation).into_iter().flatten().for_each(|column| add(relation, &column, single));
        }
    }
    uses
}

/// The relation's columns, when they are all known.
fn columns_of(catalog: &Catalog, relation: &QName) -> Option<Vec<String>> {
    if let Some(table) = catalog.table(relation) {
        return (!table.open).then(|| table.columns.iter().map(|column| column.name.clone()).collect());
    }
    catalog.views.get(relation)?.columns.iter().cloned().collect()
}

pub fn alter(catalog: &mut Catalog, view: &RelName, action: &ViewAction) {
    let key = catalog.resolve(view);
    match action {
        ViewAction::Rename { to } => relation::rename(catalog, &key, &QName::new(&key.schema, &to.text)),
        ViewAction::SetSchema { schema } => relation::rename(catalog, &key, &QName::new(&schema.text, &key.name)),
        ViewAction::RenameColumn { from, to } => {
            if let Some(view) = catalog.views.get_mut(&key) {
                let columns = &mut Rc::make_mut(view).columns;
                columns.iter_mut().flatten().filter(|column| **column == from.text).for_each(|column| *column = to.text.clone());
            }
            follow_column(catalog, &key, from.as_str(), to.as_str());
        }
        _ => {}
    }
}

/// Removes a view and its indexes; CASCADE takes the views that read it along.
pub fn drop_view(catalog: &mut Catalog, key: &QName, cascade: bool) {
    if catalog.views.remove(key).is_none() {
        return;
    }
    catalog.gone.insert(key.clone());
    let indexes: Vec<QName> = catalog.indexes.iter().filter(|(_, index)| index.table == *key).map(|(name, _)| name.clone()).collect();
    for name in indexes {
        catalog.indexes.remove(&name);
    }
    if cascade {
        drop_views_on(catalog, key, None);
    }
}

/// Removes views whose query reads a relation, or uses one column of it, and the views on those.
pub fn drop_views_on(catalog: &mut Catalog, target: &QName, column: Option<&str>) {
    for view in views_on(catalog, target, column) {
        drop_view(catalog, &view, true);
    }
}

/// Views whose query reads `target`; with a column, those that use it or may.
pub fn views_on(catalog: &Catalog, target: &QName, column: Option<&str>) -> Vec<QName> {
    let reads = |view: &View| {
        view.reads.contains(target) && column.is_none_or(|column| view.uses_any || view.uses.iter().any(|used| is(used, target, column)))
    };
    catalog.views.iter().filter(|(_, view)| reads(view)).map(|(name, _)| name.clone()).collect()
}

/// The views on a relation or a column of it, the views on those, and so on.
pub fn views_below(catalog: &Catalog, target: &QName, column: Option<&str>) -> Vec<QName> {
    let mut all = views_on(catalog, target, column);
    let mut next = 0;
    while let Some(view) = all.get(next).cloned() {
        next += 1;
        for deeper in views_on(catalog, &view, None) {
            if !all.contains(&deeper) {
                all.push(deeper);
            }
        }
    }
    all
}

/// Whether a view is sure to use the column, or only may.
pub fn uses(catalog: &Catalog, view: &QName, target: &QName, column: &str) -> Certainty {
    let sure = catalog.views.get(view).is_some_and(|view| view.uses.iter().any(|used| used.sure && is(used, target, column)));
    if sure { Certainty::Always } else { Certainty::Sometimes }
}

fn is(used: &ColumnUse, relation: &QName, column: &str) -> bool {
    used.column == column && used.relation == *relation
}

/// Views go on reading a relation under its new name.
pub fn follow_relation(catalog: &mut Catalog, from: &QName, to: &QName) {
    for view in views_on(catalog, from, None) {
        let Some(view) = catalog.views.get_mut(&view) else { continue };
        let view = Rc::make_mut(view);
        view.reads.iter_mut().filter(|relation| *relation == from).for_each(|relation| *relation = to.clone());
        view.uses.iter_mut().filter(|used| used.relation == *from).for_each(|used| used.relation = to.clone());
    }
}

/// Views go on using a column under its new name.
pub fn follow_column(catalog: &mut Catalog, relation: &QName, from: &str, to: &str) {
    for view in views_on(catalog, relation, Some(from)) {
        let Some(view) = catalog.views.get_mut(&view) else { continue };
        let uses = &mut Rc::make_mut(view).uses;
        uses.iter_mut().filter(|used| is(used, relation, from)).for_each(|used| used.column = to.to_owned());
    }
}
