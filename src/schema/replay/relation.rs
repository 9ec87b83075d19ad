//! Renames and drops what lives in one name space: tables, views, indexes and sequences, with everything that hangs on them.

use std::rc::Rc;

use super::view;
use crate::schema::catalog::{Catalog, TableConstraintKind};
use crate::schema::name::QName;

/// Gives a relation of any kind another name, and follows it wherever it is referred to.
pub fn rename(catalog: &mut Catalog, from: &QName, to: &QName) {
    if from == to || catalog.has_relation(to) {
        return;
    }
    if let Some(table) = catalog.tables.remove(from) {
        catalog.tables.insert(to.clone(), table);
        catalog.gone.insert(from.clone());
        follow_table(catalog, from, to);
    } else if let Some(view) = catalog.views.remove(from) {
        catalog.views.insert(to.clone(), view);
        catalog.gone.insert(from.clone());
        view::follow_relation(catalog, from, to);
    } else if let Some(index) = catalog.indexes.remove(from) {
        rename_constraint_of_index(catalog, &index.table, index.constraint.as_deref(), &to.name);
        let mut index = Rc::unwrap_or_clone(index);
        index.constraint = index.constraint.map(|_| to.name.clone());
        catalog.indexes.insert(to.clone(), Rc::new(index));
    } else if let Some(sequence) = catalog.sequences.remove(from) {
        catalog.sequences.insert(to.clone(), sequence);
    }
}

fn rename_constraint_of_index(catalog: &mut Catalog, table: &QName, constraint: Option<&str>, to: &str) {
    let Some(constraint) = constraint else { return };
    if let Some(table) = catalog.tables.get_mut(table) {
        for found in Rc::make_mut(table).constraints.iter_mut().filter(|found| found.name == constraint) {
            found.name = to.to_owned();
        }
    }
}

fn follow_table(catalog: &mut Catalog, from: &QName, to: &QName) {
    view::follow_relation(catalog, from, to);
    let owned: Vec<QName> = catalog.indexes.iter().filter(|(_, index)| index.table == *from).map(|(name, _)| name.clone()).collect();
    for name in owned {
        if let Some(index) = catalog.indexes.remove(&name) {
            let moved = QName::new(&to.schema, &name.name);
            let mut index = Rc::unwrap_or_clone(index);
            index.table = to.clone();
            catalog.indexes.insert(moved, Rc::new(index));
        }
    }
    let names: Vec<QName> = catalog.tables.keys().cloned().collect();
    for name in names {
        let refers = catalog.tables.get(&name).is_some_and(|table| {
            table.partition_of.as_ref() == Some(from)
                || table.inherits.contains(from)
                || table.constraints.iter().any(|c| matches!(&c.kind, TableConstraintKind::ForeignKey { table, .. } if table == from))
        });
        let Some(table) = catalog.tables.get_mut(&name).filter(|_| refers) else { continue };
        let table = Rc::make_mut(table);
        if table.partition_of.as_ref() == Some(from) {
            table.partition_of = Some(to.clone());
        }
        table.inherits.iter_mut().filter(|parent| *parent == from).for_each(|parent| *parent = to.clone());
        for constraint in &mut table.constraints {
            if let TableConstraintKind::ForeignKey { table, .. } = &mut constraint.kind
                && table == from
            {
                *table = to.clone();
            }
        }
    }
    let sequences: Vec<QName> = catalog.sequences.keys().cloned().collect();
    for name in sequences {
        if let Some(sequence) = catalog.sequences.get_mut(&name)
            && let Some((table, _)) = &mut sequence.owned_by
            && table == from
        {
            *table = to.clone();
        }
    }
    let publications: Vec<String> = catalog.publications.keys().cloned().collect();
    for name in publications {
        if let Some(publication) = catalog.publications.get_mut(&name)
            && publication.tables.remove(from)
        {
            publication.tables.insert(to.clone());
        }
    }
}

/// Drops a table with its indexes, owned sequences and partitions; CASCADE takes foreign keys and views that use it along.
pub fn drop_table(catalog: &mut Catalog, key: &QName, cascade: bool) {
    if catalog.tables.remove(key).is_none() {
        return;
    }
    catalog.gone.insert(key.clone());
    let indexes: Vec<QName> = catalog.indexes.iter().filter(|(_, index)| index.table == *key).map(|(name, _)| name.clone()).collect();
    for name in indexes {
        catalog.indexes.remove(&name);
    }
    let owned = |owner: &Option<(QName, String)>| owner.as_ref().is_some_and(|(table, _)| table == key);
    let sequences: Vec<QName> = catalog.sequences.iter().filter(|(_, s)| owned(&s.owned_by)).map(|(name, _)| name.clone()).collect();
    for name in sequences {
        catalog.sequences.remove(&name);
    }
    let partitions: Vec<QName> = catalog.partitions_of(key).map(|(name, _)| name.clone()).collect();
    for partition in partitions {
        drop_table(catalog, &partition, cascade);
    }
    if cascade {
        drop_foreign_keys_to(catalog, key, None);
        view::drop_views_on(catalog, key, None);
    }
}

/// Removes foreign keys of other tables that point at a table, or at one column of it.
pub fn drop_foreign_keys_to(catalog: &mut Catalog, target: &QName, column: Option<&str>) {
    let owners: Vec<QName> = catalog.references_to(target).map(|(owner, _)| owner.clone()).collect();
    for owner in owners {
        if let Some(table) = catalog.tables.get_mut(&owner) {
            Rc::make_mut(table).constraints.retain(|constraint| match &constraint.kind {
                TableConstraintKind::ForeignKey { table, ref_columns, .. } => {
                    table != target || column.is_some_and(|column| !ref_columns.iter().any(|c| c == column))
                }
                _ => true,
            });
        }
    }
}
