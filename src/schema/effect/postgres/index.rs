//! Indexes: what building, dropping, renaming and rebuilding one locks, and whom a unique one restricts.

use super::scene::{Hits, Scene};
use crate::schema::catalog::Origin;
use crate::schema::effect::{Certainty, LockMode, Subject, SubjectKind};
use crate::schema::name::{QName, RelName};
use crate::schema::op::{CreateIndex, IndexAction, ReindexTarget};

/// Source: manual, CREATE INDEX: SHARE on the table; CONCURRENTLY SHARE UPDATE EXCLUSIVE, outside a transaction block.
pub fn create(scene: &mut Scene, create: &CreateIndex) {
    let key = scene.resolve(&create.table);
    scene.must_know(&key);
    let partitioned = scene.table(&key).is_some_and(|table| table.partitioned);
    let existing = create.name.as_ref().map(|name| QName::new(&key.schema, &name.text)).filter(|index| scene.before.has_relation(index));
    if create.concurrently {
        scene.outside_transaction();
        scene.lock(&key, LockMode::ShareUpdateExclusive);
        if partitioned {
            scene.aborts(format!("{} is partitioned: an index on it cannot be built concurrently", key.short()), Certainty::Always);
        }
    } else {
        scene.lock(&key, LockMode::Share);
    }
    if let Some(existing) = existing {
        if create.if_not_exists {
            invalid_kept(scene, &existing, create.concurrently);
        } else {
            scene.aborts(format!("relation {} already exists", existing.short()), Certainty::Always);
        }
        return;
    }
    if create.concurrently && create.if_not_exists {
        let index = create.name.as_ref().map_or_else(|| "the index".to_owned(), |name| name.text.clone());
        scene.assume(format!("a failed first run leaves {index} invalid, and IF NOT EXISTS then keeps it so"));
    }
    if !(create.concurrently || create.only && partitioned) {
        for member in scene.partitions(&key).into_iter().skip(1) {
            scene.lock_because(&member, LockMode::Share, format!("the index is built on each partition of {}", key.short()));
        }
        scene.build_index(&key, "every row goes into the new index");
    }
    if create.unique {
        restrict(scene, &key, create);
    }
}

fn invalid_kept(scene: &mut Scene, existing: &QName, concurrently: bool) {
    let maybe_invalid = scene.before.indexes.get(existing).is_some_and(|index| index.concurrent);
    if concurrently || maybe_invalid {
        scene.assume(format!("{} may be there already as an invalid index, and IF NOT EXISTS then keeps it so", existing.short()));
    }
}

fn restrict(scene: &mut Scene, key: &QName, create: &CreateIndex) {
    let columns: Vec<String> = create.columns.iter().map(|column| column.text.clone()).collect();
    let untouched = !columns.is_empty() && columns.iter().any(|column| scene.is_new_column(key, column));
    if scene.is_new(key) || untouched {
        return;
    }
    let name = create.name.as_ref().map_or_else(|| format!("UNIQUE ({})", columns.join(", ")), |name| name.text.clone());
    let what = if columns.is_empty() { "the indexed expression".to_owned() } else { columns.join(", ") };
    let how = format!("a write to {} that repeats {what} fails", key.short());
    scene.breaks(Hits::Writers, Subject::on(SubjectKind::Index, key, name), how, Certainty::Sometimes);
    scene.aborts(format!("fails if two rows of {} have the same {what}", key.short()), Certainty::Sometimes);
}

/// Source: manual, DROP INDEX: ACCESS EXCLUSIVE on the table; CONCURRENTLY waits instead of blocking.
pub fn drop_index(scene: &mut Scene, name: &RelName, concurrently: bool, if_exists: bool) {
    let key = scene.resolve(name);
    if concurrently {
        scene.outside_transaction();
    }
    let Some(index) = scene.before.indexes.get(&key).cloned() else {
        if !if_exists {
            scene.assume(format!("index {} is not in the migration history; its table is not known", key.short()));
        }
        return;
    };
    if let Some(constraint) = &index.constraint {
        return scene.aborts(format!("{} backs constraint {constraint}: drop the constraint instead", key.short()), Certainty::Always);
    }
    let partitioned = scene.table(&index.table).is_some_and(|table| table.partitioned);
    if concurrently {
        scene.lock(&index.table, LockMode::ShareUpdateExclusive);
        scene.lock(&key, LockMode::ShareUpdateExclusive);
        if partitioned {
            scene.aborts(format!("{} is partitioned: its index cannot be dropped concurrently", index.table.short()), Certainty::Always);
        }
    } else {
        scene.lock(&index.table, LockMode::AccessExclusive);
        scene.lock(&key, LockMode::AccessExclusive);
    }
    if index.unique && index.origin != Origin::Rollout && !scene.is_new(&index.table) && !same_arbiter(scene, &key, &index) {
        let columns = index.columns.join(", ");
        let how = format!("INSERT INTO {} … ON CONFLICT ({columns}) fails: no unique index is left for it", index.table.short());
        scene.breaks(Hits::Writers, Subject::on(SubjectKind::Index, &index.table, &key.name), how, Certainty::Sometimes);
    }
}

/// Another unique index over the same columns stays.
fn same_arbiter(scene: &Scene, key: &QName, index: &crate::schema::catalog::Index) -> bool {
    scene.before.indexes_of(&index.table).any(|(name, other)| {
        name != key && other.unique && other.columns == index.columns && other.predicate.is_none() && !index.columns.is_empty()
    })
}

/// Source: manual, ALTER INDEX: RENAME takes SHARE UPDATE EXCLUSIVE from 12 on.
pub fn alter(scene: &mut Scene, name: &RelName, action: &IndexAction) {
    let key = scene.resolve(name);
    let mode = match action {
        IndexAction::Rename { .. } if scene.at_least(12) => LockMode::ShareUpdateExclusive,
        IndexAction::SetParameters | IndexAction::SetStatistics => LockMode::ShareUpdateExclusive,
        _ => LockMode::AccessExclusive,
    };
    scene.lock(&key, mode);
    match action {
        IndexAction::SetTablespace { .. } => moved(scene, &key),
        IndexAction::AttachPartition { index } => {
            let child = scene.resolve(index);
            scene.lock(&child, LockMode::AccessExclusive);
        }
        _ => {}
    }
}

pub fn moved(scene: &mut Scene, index: &QName) {
    scene.build_index(index, "every page is copied to the other tablespace");
}

/// Source: manual, REINDEX: SHARE on the table and ACCESS EXCLUSIVE on the index, which every query on the table has to open.
pub fn reindex(scene: &mut Scene, target: &ReindexTarget, concurrently: bool) {
    if concurrently {
        scene.outside_transaction();
        if !scene.at_least(12) {
            scene.aborts("REINDEX CONCURRENTLY needs PostgreSQL 12", Certainty::Always);
        }
    }
    let (table_mode, index_mode) = match concurrently {
        true => (LockMode::ShareUpdateExclusive, LockMode::ShareUpdateExclusive),
        false => (LockMode::Share, LockMode::AccessExclusive),
    };
    match target {
        ReindexTarget::Index { index } => {
            let key = scene.resolve(index);
            let Some(found) = scene.before.indexes.get(&key).cloned() else {
                scene.assume(format!("index {} is not in the migration history; its table is not known", key.short()));
                return scene.lock(&key, index_mode);
            };
            rebuild(scene, &found.table, &[key], table_mode, index_mode, concurrently);
        }
        ReindexTarget::Table { table } => {
            let key = scene.resolve(table);
            scene.must_know(&key);
            let indexes: Vec<QName> = scene.before.indexes_of(&key).map(|(name, _)| name.clone()).collect();
            rebuild(scene, &key, &indexes, table_mode, index_mode, concurrently);
        }
        ReindexTarget::Schema { .. } | ReindexTarget::Database | ReindexTarget::System => {
            scene.outside_transaction();
            let schema = match target {
                ReindexTarget::Schema { schema } => Some(schema.text.clone()),
                _ => None,
            };
            let tables: Vec<QName> =
                scene.before.tables.keys().filter(|key| schema.as_ref().is_none_or(|schema| *schema == key.schema)).cloned().collect();
            for table in tables {
                let indexes: Vec<QName> = scene.before.indexes_of(&table).map(|(name, _)| name.clone()).collect();
                rebuild(scene, &table, &indexes, table_mode, index_mode, concurrently);
            }
        }
    }
}

fn rebuild(scene: &mut Scene, table: &QName, indexes: &[QName], table_mode: LockMode, index_mode: LockMode, concurrently: bool) {
    scene.lock(table, table_mode);
    for index in indexes {
        scene.lock_because(index, index_mode, "it is built anew");
    }
    if !concurrently {
        scene.build_index(table, "every row goes into the index again");
    }
}
