//! Constraints: what adding, validating and dropping one locks and reads, and whom it restricts.

use super::column;
use super::scene::{Hits, Scene};
use crate::schema::catalog::{Origin, TableConstraint, TableConstraintKind};
use crate::schema::effect::{Certainty, LockMode, Subject, SubjectKind};
use crate::schema::name::{Name, QName};
use crate::schema::op::{Constraint, ConstraintKind};

pub fn add(scene: &mut Scene, key: &QName, written: &Constraint, only: bool) {
    let name = written.name.as_ref().map(|name| name.text.clone());
    if let Some(name) = &name
        && scene.table(key).is_some_and(|table| table.constraint(name).is_some())
    {
        return scene.aborts(format!("{} already has a constraint {name}", key.short()), Certainty::Always);
    }
    let unchecked = written.not_valid || written.not_enforced;
    let subject = Subject::on(SubjectKind::Constraint, key, name.unwrap_or_else(|| describe(&written.kind)));
    match &written.kind {
        ConstraintKind::ForeignKey { table, columns, .. } => {
            let target = scene.resolve(table);
            scene.must_know(&target);
            scene.lock_because(&target, LockMode::ShareRowExclusive, "the new foreign key adds triggers to the table it references");
            let partitioned = scene.table(key).is_some_and(|table| table.partitioned);
            if written.not_valid && partitioned && !scene.at_least(18) {
                scene.aborts("a NOT VALID foreign key on a partitioned table needs PostgreSQL 18", Certainty::Always);
            }
            if !unchecked {
                for member in scene.partitions(key) {
                    scene.scan_one(&member, format!("every row is looked up in {}", target.short()));
                }
            }
            if !written.not_enforced {
                let how = format!(
                    "a write to {} whose {} is not in {}, and a delete there of a row still referenced, fails",
                    key.short(),
                    list(columns),
                    target.short()
                );
                restricts(scene, key, subject, how, columns);
            }
        }
        ConstraintKind::Check { expr, .. } => {
            if !unchecked {
                scan_family(scene, key, only, "every row is checked against the constraint");
            }
            if !written.not_enforced && !is_known_not_null(scene, key, expr) {
                let columns: Vec<Name> = expr.columns.iter().map(|column| Name::new(column, written.span)).collect();
                let how = format!("a write to {} that breaks CHECK ({}) fails", key.short(), expr.text);
                restricts(scene, key, subject, how, &columns);
            }
        }
        ConstraintKind::NotNull { column, .. } => {
            if !written.not_valid && !scene.column(key, column.as_str()).is_some_and(|column| column.not_null) {
                scan_family(scene, key, only, format!("every row is checked for NULL in {column}"));
            }
            if !scene.is_new(key) {
                let known = scene.column(key, column.as_str()).cloned();
                column::writers_of_null(scene, key, column, known.as_ref());
            }
        }
        ConstraintKind::PrimaryKey { columns, using_index } => unique(scene, key, columns, using_index.as_ref(), true, subject),
        ConstraintKind::Unique { columns, using_index, .. } => unique(scene, key, columns, using_index.as_ref(), false, subject),
        ConstraintKind::Exclude { columns } => {
            scene.build_index(key, "the exclusion constraint's index is built");
            let how = format!("a write to {} that conflicts with another row fails", key.short());
            restricts(scene, key, subject, how, columns);
        }
    }
}

/// Every column is NOT NULL already and the check says no more than that.
fn is_known_not_null(scene: &Scene, key: &QName, expr: &crate::schema::op::Expr) -> bool {
    let known = |column: &String| scene.column(key, column).is_some_and(|column| column.not_null);
    !expr.proves_not_null.is_empty() && expr.columns.len() == expr.proves_not_null.len() && expr.proves_not_null.iter().all(known)
}

fn unique(scene: &mut Scene, key: &QName, columns: &[Name], using: Option<&Name>, primary: bool, subject: Subject) {
    let index = using.and_then(|index| scene.before.indexes.get(&QName::new(&key.schema, &index.text)));
    let columns: Vec<Name> = match index {
        Some(index) => index.columns.iter().map(|column| Name::new(column, Default::default())).collect(),
        None => columns.to_vec(),
    };
    if primary {
        let nullable: Vec<Name> =
            columns.iter().filter(|column| !scene.column(key, column.as_str()).is_some_and(|column| column.not_null)).cloned().collect();
        if !nullable.is_empty() || (using.is_some() && index.is_none()) {
            scene.scan(key, "every row is checked for NULL in the key");
        }
        let nullable = if scene.is_new(key) { Vec::new() } else { nullable };
        for column in nullable {
            let known = scene.column(key, column.as_str()).cloned();
            column::writers_of_null(scene, key, &column, known.as_ref());
        }
    }
    match using {
        Some(index_name) => {
            let key_of_index = QName::new(&key.schema, &index_name.text);
            if scene.before.indexes.contains_key(&key_of_index) {
                scene.lock_because(&key_of_index, LockMode::ShareUpdateExclusive, "it becomes the constraint's index");
            } else {
                scene.assume(format!("index {index_name} is not in the migration history"));
            }
        }
        None => {
            let what = if primary { "the primary key's index is built" } else { "the unique index is built" };
            scene.build_index(key, what);
            let how = format!("a write to {} that repeats {} fails", key.short(), list(&columns));
            restricts(scene, key, subject, how, &columns);
            if !scene.is_new(key) {
                scene.aborts(format!("fails if two rows of {} have the same {}", key.short(), list(&columns)), Certainty::Sometimes);
            }
        }
    }
}

fn scan_family(scene: &mut Scene, key: &QName, only: bool, because: impl Into<String>) {
    let because = because.into();
    let members = if only { vec![key.clone()] } else { scene.family(key) };
    for member in members {
        scene.scan_one(&member, because.clone());
    }
}

/// Old writers meet a constraint they do not know of. A column that is new in this rollout is not written by them.
fn restricts(scene: &mut Scene, key: &QName, subject: Subject, how: String, columns: &[Name]) {
    let untouched = !columns.is_empty() && columns.iter().all(|column| scene.is_new_column(key, column.as_str()));
    if !scene.is_new(key) && !untouched {
        scene.breaks(Hits::Writers, subject, how, Certainty::Sometimes);
    }
}

fn describe(kind: &ConstraintKind) -> String {
    match kind {
        ConstraintKind::PrimaryKey { .. } => "PRIMARY KEY".to_owned(),
        ConstraintKind::Unique { columns, .. } => format!("UNIQUE ({})", list(columns)),
        ConstraintKind::Check { expr, .. } => format!("CHECK ({})", expr.text),
        ConstraintKind::ForeignKey { columns, .. } => format!("FOREIGN KEY ({})", list(columns)),
        ConstraintKind::Exclude { .. } => "EXCLUDE".to_owned(),
        ConstraintKind::NotNull { column, .. } => format!("NOT NULL {column}"),
    }
}

pub fn list(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
}

/// Source: manual, ALTER TABLE, VALIDATE CONSTRAINT: SHARE UPDATE EXCLUSIVE, and ROW SHARE on the table a foreign key references.
pub fn validate(scene: &mut Scene, key: &QName, name: &Name) {
    let Some(found) = find(scene, key, name) else { return };
    if let TableConstraintKind::ForeignKey { table, .. } = &found.kind {
        scene.lock_because(table, LockMode::RowShare, "its rows are looked up");
    }
    if !found.validated {
        for member in scene.family(key) {
            scene.scan_one(&member, format!("every row is checked against {name}"));
        }
    }
}

/// The constraint, or a word about why it is not known.
fn find(scene: &mut Scene, key: &QName, name: &Name) -> Option<TableConstraint> {
    let found = scene.table(key).and_then(|table| table.constraint(name.as_str())).cloned();
    if found.is_none() {
        let known = scene.table(key).is_some_and(|table| !table.open) && !scene.before.incomplete;
        if known {
            scene.aborts(format!("{} has no constraint {name} at this point of the history", key.short()), Certainty::Sometimes);
        }
        scene.assume(format!("constraint {name} of {} is not in the migration history", key.short()));
    }
    found
}

/// PostgreSQL 18: making a constraint enforced checks every row under the same strong lock.
pub fn alter(scene: &mut Scene, key: &QName, name: &Name, enforced: Option<bool>) {
    let Some(found) = find(scene, key, name) else { return };
    if let (TableConstraintKind::ForeignKey { table, .. }, Some(_)) = (&found.kind, enforced)
        && table != key
    {
        scene.lock_because(table, LockMode::AccessExclusive, "the foreign key's triggers on it change");
    }
    if enforced == Some(true) && !found.enforced {
        scene.scan(key, format!("every row is checked against {name}"));
        let how = format!("a write to {} that breaks {name} fails from now on", key.short());
        restricts(scene, key, Subject::on(SubjectKind::Constraint, key, name.as_str()), how, &[]);
    }
}

/// `ON CONFLICT ON CONSTRAINT` names it; so does code that tells errors apart.
pub fn rename(scene: &mut Scene, key: &QName, name: &Name) {
    let Some(found) = find(scene, key, name) else { return };
    let named = matches!(
        found.kind,
        TableConstraintKind::PrimaryKey { .. } | TableConstraintKind::Unique { .. } | TableConstraintKind::Exclude { .. }
    );
    if named && !scene.is_new(key) && found.origin != Origin::Rollout {
        let how = format!("INSERT INTO {} … ON CONFLICT ON CONSTRAINT {name} fails: the constraint has another name", key.short());
        scene.breaks(Hits::Writers, Subject::on(SubjectKind::Constraint, key, name.as_str()), how, Certainty::Sometimes);
    }
}

/// Source: manual, 29.1.1 "Replica Identity": without one, UPDATE and DELETE of a published table fail.
fn published_without_key(scene: &mut Scene, key: &QName) {
    let added = scene.other_actions().any(|action| {
        matches!(action, crate::schema::op::TableAction::AddConstraint { constraint } if matches!(constraint.kind, ConstraintKind::PrimaryKey { .. }))
    });
    let publishes = |publication: &crate::schema::catalog::Publication| {
        publication.publishes_update_or_delete && (publication.all_tables || publication.tables.contains(key))
    };
    let Some((name, _)) = scene.before.publications.iter().find(|(_, publication)| publishes(publication)) else { return };
    if !added && !scene.is_new(key) {
        let how = format!("UPDATE and DELETE on {} fail: publication {name} publishes it, and its primary key is gone", key.short());
        scene.breaks(Hits::Writers, Subject::table(key), how, Certainty::Always);
    }
}

/// Source: manual, ALTER TABLE: dropping a foreign key takes ACCESS EXCLUSIVE on the referenced table too.
pub fn drop_constraint(scene: &mut Scene, key: &QName, name: &Name, if_exists: bool, cascade: bool) {
    let missing = scene.table(key).is_some_and(|table| table.constraint(name.as_str()).is_none() && !table.open);
    if if_exists && missing && !scene.before.incomplete {
        return;
    }
    let Some(found) = find(scene, key, name) else { return };
    match &found.kind {
        TableConstraintKind::ForeignKey { table, .. } if table != key => {
            scene.lock_because(table, LockMode::AccessExclusive, "the dropped foreign key references it");
        }
        TableConstraintKind::PrimaryKey { columns } | TableConstraintKind::Unique { columns } => {
            keyed_references(scene, key, columns, name, cascade);
            if matches!(found.kind, TableConstraintKind::PrimaryKey { .. }) {
                published_without_key(scene, key);
            }
            if !scene.is_new(key) && found.origin != Origin::Rollout {
                let subject = Subject::on(SubjectKind::Constraint, key, name.as_str());
                let how = format!(
                    "INSERT INTO {} … ON CONFLICT ({}) or ON CONSTRAINT {name} fails, and duplicates are let in",
                    key.short(),
                    columns.join(", ")
                );
                scene.breaks(Hits::Writers, subject, how, Certainty::Sometimes);
            }
        }
        _ => {}
    }
}

/// Foreign keys of other tables rest on a key: without CASCADE it cannot be dropped.
fn keyed_references(scene: &mut Scene, key: &QName, columns: &[String], name: &Name, cascade: bool) {
    let rests = |kind: &TableConstraintKind| matches!(kind, TableConstraintKind::ForeignKey { ref_columns, .. } if ref_columns == columns);
    let owners: Vec<QName> = scene.before.references_to(key).filter(|(_, c)| rests(&c.kind)).map(|(owner, _)| owner.clone()).collect();
    for owner in owners {
        if cascade {
            scene.lock_because(&owner, LockMode::AccessExclusive, "its foreign key is dropped by CASCADE");
        } else {
            // Another unique index over the same columns may carry the foreign key instead.
            scene.aborts(format!("a foreign key of {} depends on {name}", owner.short()), Certainty::Sometimes);
        }
    }
}

/// Unique indexes that go away with something else: `ON CONFLICT` loses its arbiter.
pub fn arbiters_gone(scene: &mut Scene, key: &QName, gone: impl Fn(&[String]) -> bool) {
    let lost: Vec<(String, Vec<String>)> = scene
        .before
        .indexes_of(key)
        .filter(|(_, index)| index.unique && index.columns.len() > 1 && gone(&index.columns))
        .map(|(name, index)| (name.name.clone(), index.columns.clone()))
        .collect();
    for (index, columns) in lost {
        let how =
            format!("INSERT INTO {} … ON CONFLICT ({}) fails: unique index {index} goes with the column", key.short(), columns.join(", "));
        scene.breaks(Hits::Writers, Subject::on(SubjectKind::Index, key, index), how, Certainty::Sometimes);
    }
}
