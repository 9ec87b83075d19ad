//! Data and maintenance: INSERT to VACUUM.

use super::scene::Scene;
use crate::schema::catalog::Index;
use crate::schema::effect::{LockMode, Subject};
use crate::schema::name::{QName, RelName};
use crate::schema::op::{Delete, Insert, Query, Update};

pub fn reads(scene: &mut Scene, query: &Query) {
    for relation in &query.relations {
        let key = scene.resolve(relation);
        if scene.before.has_relation(&key) {
            scene.lock(&key, LockMode::AccessShare);
        }
    }
}

pub fn insert(scene: &mut Scene, insert: &Insert) {
    let key = scene.resolve(&insert.table);
    scene.must_know(&key);
    scene.lock(&key, LockMode::RowExclusive);
    for column in &insert.columns {
        scene.must_have_column(&key, column.as_str());
    }
    if let Some(query) = &insert.query {
        reads(scene, query);
        scene.writes_rows(&key, true);
    }
}

/// A table of PostgreSQL's own catalog: small, and not the application's.
fn is_system(key: &QName) -> bool {
    key.name.starts_with("pg_") || matches!(key.schema.as_str(), "pg_catalog" | "information_schema")
}

pub fn update(scene: &mut Scene, update: &Update) {
    let key = scene.resolve(&update.table);
    if is_system(&key) {
        return;
    }
    scene.must_know(&key);
    scene.lock(&key, LockMode::RowExclusive);
    for column in &update.set {
        scene.must_have_column(&key, column.as_str());
    }
    reads(scene, &update.query);
    scene.writes_rows(&key, !update.bounded);
    unindexed(scene, &key, &update.equals);
}

/// No index begins with a column that is compared with a value. Of a table that is not wholly known nobody can tell.
fn unindexed(scene: &mut Scene, key: &QName, equals: &[String]) {
    let known = scene.table(key).is_some_and(|table| !table.open) && !scene.before.incomplete;
    let leads = |index: &Index| index.columns.first().is_some_and(|column| equals.contains(column));
    if known && !equals.is_empty() && !scene.before.indexes_of(key).any(|(_, index)| leads(index)) {
        scene.reads_all_to_write();
    }
}

pub fn delete(scene: &mut Scene, delete: &Delete) {
    let key = scene.resolve(&delete.table);
    if is_system(&key) {
        return;
    }
    scene.must_know(&key);
    scene.lock(&key, LockMode::RowExclusive);
    reads(scene, &delete.query);
    scene.writes_rows(&key, !delete.bounded);
    unindexed(scene, &key, &delete.equals);
    if delete.predicate.is_none() && !scene.is_new(&key) {
        scene.loses(Subject::table(&key), format!("all rows of {}", key.short()));
    }
}

pub fn merge(scene: &mut Scene, table: &RelName, query: &Query) {
    let key = scene.resolve(table);
    scene.must_know(&key);
    scene.lock(&key, LockMode::RowExclusive);
    reads(scene, query);
    scene.writes_rows(&key, true);
}

pub fn copy(scene: &mut Scene, table: &RelName, from: bool) {
    let key = scene.resolve(table);
    scene.must_know(&key);
    scene.lock(&key, if from { LockMode::RowExclusive } else { LockMode::AccessShare });
}

/// Source: manual, VACUUM: FULL writes a new copy of the table under ACCESS EXCLUSIVE.
pub fn vacuum(scene: &mut Scene, tables: &[RelName], full: bool) {
    scene.outside_transaction();
    let named: Vec<QName> = match tables {
        [] => scene.before.tables.keys().cloned().collect(),
        tables => tables.iter().map(|table| scene.resolve(table)).collect(),
    };
    for key in named {
        if full {
            scene.lock(&key, LockMode::AccessExclusive);
            scene.rewrite(&key, "VACUUM FULL writes a new copy of the table");
        } else {
            scene.lock(&key, LockMode::ShareUpdateExclusive);
        }
    }
}

pub fn analyze(scene: &mut Scene, tables: &[RelName]) {
    for table in tables {
        scene.lock_named(table, LockMode::ShareUpdateExclusive);
    }
}

/// Source: manual, CLUSTER: the table is written anew in the order of the index, under ACCESS EXCLUSIVE.
pub fn cluster(scene: &mut Scene, table: Option<&RelName>) {
    let Some(table) = table else { return scene.outside_transaction() };
    let key = scene.resolve(table);
    scene.must_know(&key);
    scene.lock(&key, LockMode::AccessExclusive);
    scene.rewrite(&key, "the table is written anew in the order of the index");
}
