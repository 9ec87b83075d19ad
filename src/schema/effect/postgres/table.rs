//! Tables: CREATE, DROP, TRUNCATE and the actions of ALTER TABLE.

use super::scene::{Hits, Scene};
use super::{column, constraint, index, object};
use crate::schema::catalog::{Domain, TableConstraint, TableConstraintKind, UserTypeKind};
use crate::schema::effect::{Certainty, LockMode, Subject, SubjectKind};
use crate::schema::name::{QName, RelName};
use crate::schema::op::{AlterTable, ConstraintKind, CreateTable, PartitionBound, Persistence, ReplicaIdentity, TableAction};
use crate::schema::replay;
use crate::schema::types::TypeName;

pub fn create(scene: &mut Scene, create: &CreateTable) {
    let key = scene.resolve(&create.table);
    if create.persistence != Persistence::Temporary && scene.before.has_relation(&key) {
        if create.if_not_exists {
            scene.assume(format!("{} exists already, so this statement does nothing", key.short()));
        } else {
            scene.aborts(format!("relation {} already exists", key.short()), Certainty::Always);
        }
        return;
    }
    let inline = create.columns.iter().flat_map(|column| &column.constraints);
    for written in inline.chain(&create.constraints) {
        if let ConstraintKind::ForeignKey { table, .. } = &written.kind {
            let target = scene.resolve(table);
            if target != key {
                scene.must_know(&target);
                scene.lock_because(&target, LockMode::ShareRowExclusive, "the new foreign key adds triggers to the table it references");
            }
        }
    }
    if let Some(part) = &create.partition_of {
        let parent = scene.resolve(&part.parent);
        scene.must_know(&parent);
        scene.lock_because(&parent, LockMode::AccessExclusive, "a partition is added to it");
        cloned_foreign_keys(scene, &parent);
        if part.bound != PartitionBound::Default {
            scan_default_partition(scene, &parent);
        }
    }
    for parent in &create.inherits {
        scene.lock_named(parent, LockMode::ShareUpdateExclusive);
    }
}

/// A partition gets its parent's foreign keys, with their triggers on the tables they reference.
fn cloned_foreign_keys(scene: &mut Scene, parent: &QName) {
    let targets: Vec<QName> = scene.table(parent).map(foreign_targets).unwrap_or_default();
    for target in targets.into_iter().filter(|target| target != parent) {
        scene.lock_because(&target, LockMode::ShareRowExclusive, "the partition gets its parent's foreign key to it");
    }
}

/// A new partition takes rows over from the default partition, which is read to see that it holds none of them.
fn scan_default_partition(scene: &mut Scene, parent: &QName) {
    let default = scene.before.partitions_of(parent).find(|(_, table)| table.default_partition).map(|(name, _)| name.clone());
    if let Some(default) = default {
        scene.lock_because(&default, LockMode::AccessExclusive, "rows of the new partition must not be in the default partition");
        scene.scan(&default, "it is read for rows that belong to the new partition");
    }
}

pub fn drop_table(scene: &mut Scene, name: &RelName, if_exists: bool, cascade: bool) {
    let key = scene.resolve(name);
    if !scene.before.tables.contains_key(&key) && if_exists && !scene.before.incomplete {
        return;
    }
    scene.must_know(&key);
    scene.lock(&key, LockMode::AccessExclusive);
    let targets: Vec<QName> = scene.table(&key).map(foreign_targets).unwrap_or_default();
    for target in targets.into_iter().filter(|target| *target != key) {
        scene.lock_because(&target, LockMode::AccessExclusive, "the dropped table has a foreign key to it");
    }
    if let Some(parent) = scene.table(&key).and_then(|table| table.partition_of.clone()) {
        scene.lock_because(&parent, LockMode::AccessExclusive, "the dropped table is a partition of it");
    }
    for partition in scene.family(&key).into_iter().skip(1) {
        scene.lock_because(&partition, LockMode::AccessExclusive, "it is a partition of the dropped table");
    }
    dependants(scene, &key, cascade);
    if !scene.is_new(&key) {
        let subject = Subject::table(&key);
        scene.breaks(
            Hits::Both,
            subject.clone(),
            format!("every statement on {} fails: the table is gone", key.short()),
            Certainty::Always,
        );
        scene.loses(subject, format!("all rows of {}", key.short()));
    }
}

fn foreign_targets(table: &crate::schema::catalog::Table) -> Vec<QName> {
    let target = |constraint: &crate::schema::catalog::TableConstraint| match &constraint.kind {
        TableConstraintKind::ForeignKey { table, .. } => Some(table.clone()),
        _ => None,
    };
    table.constraints.iter().filter_map(target).collect()
}

/// Foreign keys and views on a dropped table: without CASCADE they make the statement fail.
fn dependants(scene: &mut Scene, key: &QName, cascade: bool) {
    let family = scene.family(key);
    let owners: Vec<QName> =
        scene.before.references_to(key).map(|(owner, _)| owner.clone()).filter(|owner| !family.contains(owner)).collect();
    for owner in &owners {
        if cascade {
            scene.lock_because(owner, LockMode::AccessExclusive, format!("its foreign key to {} is dropped by CASCADE", key.short()));
        } else {
            scene.aborts(format!("{} still has a foreign key to {}", owner.short(), key.short()), Certainty::Always);
        }
    }
    for view in replay::views_on(scene.before, key, None) {
        if cascade {
            object::view_gone(scene, &view);
        } else {
            scene.aborts(format!("view {} still reads {}", view.short(), key.short()), Certainty::Always);
        }
    }
}

pub fn truncate(scene: &mut Scene, tables: &[RelName], cascade: bool) {
    let keys: Vec<QName> = tables.iter().map(|table| scene.resolve(table)).collect();
    for key in &keys {
        scene.must_know(key);
        for member in scene.family(key) {
            scene.lock(&member, LockMode::AccessExclusive);
        }
        if !scene.is_new(key) {
            scene.loses(Subject::table(key), format!("all rows of {}", key.short()));
        }
        let owners: Vec<QName> =
            scene.before.references_to(key).map(|(owner, _)| owner.clone()).filter(|owner| !keys.contains(owner)).collect();
        for owner in owners {
            if cascade {
                scene.lock_because(&owner, LockMode::AccessExclusive, "TRUNCATE … CASCADE empties it too");
                scene.loses(Subject::table(&owner), format!("all rows of {}, by CASCADE", owner.short()));
            } else {
                scene.aborts(format!("{} has a foreign key to {}, so TRUNCATE refuses", owner.short(), key.short()), Certainty::Always);
            }
        }
    }
}

pub fn alter(scene: &mut Scene, alter: &AlterTable) {
    let key = scene.resolve(&alter.table);
    if scene.before.indexes.contains_key(&key) || scene.before.views.contains_key(&key) || scene.before.sequences.contains_key(&key) {
        return other_relation(scene, &key, &alter.action);
    }
    if !scene.before.tables.contains_key(&key) && alter.if_exists && !scene.before.incomplete {
        return;
    }
    scene.must_know(&key);
    scene.alone = alter.only || !recurses(&alter.action);
    lock_family(scene, &key, alter);
    match &alter.action {
        TableAction::AddColumn { column, if_not_exists } => column::add(scene, &key, column, *if_not_exists),
        TableAction::DropColumn { column, if_exists, cascade } => column::drop_column(scene, &key, column, *if_exists, *cascade),
        TableAction::RenameColumn { from, to } => column::rename(scene, &key, from, to),
        TableAction::AlterColumnType { column, ty, collation, using } => {
            column::alter_type(scene, &key, column, ty, collation.as_ref(), using.as_ref());
        }
        TableAction::SetDefault { column, default } => column::set_default(scene, &key, column, default),
        TableAction::DropNotNull { column } => column::drop_not_null(scene, &key, column),
        TableAction::RenameConstraint { from, .. } => constraint::rename(scene, &key, from),
        TableAction::DropDefault { column } => column::drop_default(scene, &key, column),
        TableAction::SetNotNull { column } => column::set_not_null(scene, &key, column),
        TableAction::AddIdentity { column, .. } => column::add_identity(scene, &key, column),
        TableAction::DropIdentity { column, .. } => column::drop_identity(scene, &key, column),
        TableAction::SetExpression { column, .. } => column::set_expression(scene, &key, column),
        TableAction::AddConstraint { constraint } => constraint::add(scene, &key, constraint, alter.only),
        TableAction::DropConstraint { name, if_exists, cascade } => constraint::drop_constraint(scene, &key, name, *if_exists, *cascade),
        TableAction::ValidateConstraint { name } => constraint::validate(scene, &key, name),
        TableAction::AlterConstraint { name, enforced } => constraint::alter(scene, &key, name, *enforced),
        TableAction::RenameTable { to } => rename(scene, &key, &QName::new(&key.schema, &to.text)),
        TableAction::SetSchema { schema } => rename(scene, &key, &QName::new(&schema.text, &key.name)),
        TableAction::SetTablespace { .. } => scene.rewrite(&key, "every page is copied to the other tablespace"),
        TableAction::SetLogged { logged } => set_logged(scene, &key, *logged),
        TableAction::SetAccessMethod { .. } => {
            if !scene.table(&key).is_some_and(|table| table.partitioned) {
                scene.rewrite(&key, "every row is written in the other access method");
            }
        }
        TableAction::Trigger { name, enable } => object::toggle_trigger(scene, &key, name.as_ref(), *enable),
        TableAction::RowSecurity { enable, force } => object::row_security(scene, &key, *enable, *force),
        TableAction::AttachPartition { partition, bound } => attach(scene, &key, partition, bound),
        TableAction::DetachPartition { partition, concurrently, finalize } => detach(scene, &key, partition, *concurrently, *finalize),
        TableAction::Inherit { parent, .. } => scene.lock_named(parent, LockMode::ShareUpdateExclusive),
        TableAction::ReplicaIdentity { identity } => object::replica_identity(scene, &key, *identity == ReplicaIdentity::Nothing),
        TableAction::OwnerTo { role } => {
            scene.assume(format!("role {role} owns {} from now on; the running code may use it as before", key.short()))
        }
        // Catalog only: nothing that running statements use changes.
        TableAction::SetIdentity { .. }
        | TableAction::DropExpression { .. }
        | TableAction::SetStatistics { .. }
        | TableAction::SetStorage { .. }
        | TableAction::SetCompression { .. }
        | TableAction::SetColumnOptions { .. }
        | TableAction::SetParameters { .. }
        | TableAction::ClusterOn { .. }
        | TableAction::SetWithoutOids
        | TableAction::Rule { .. }
        | TableAction::OfType { .. }
        | TableAction::ForeignOptions => {}
    }
}

/// The lock an action takes on the table and, where it recurses, on its partitions and heirs.
fn lock_family(scene: &mut Scene, key: &QName, alter: &AlterTable) {
    let mode = lock_mode(scene, &alter.action);
    scene.lock(key, mode);
    if scene.alone {
        return;
    }
    // From 18 on every new constraint locks all descendants before it is told whether they get it (`ATPrepCmd`).
    let new_constraint = matches!(alter.action, TableAction::AddConstraint { .. });
    let members =
        if reaches_heirs(&alter.action) || (new_constraint && scene.at_least(18)) { scene.family(key) } else { scene.partitions(key) };
    for member in members.into_iter().skip(1) {
        scene.lock_because(&member, mode, format!("it is a partition or heir of {}", key.short()));
    }
}

/// Source: PostgreSQL source, `AlterTableGetLockLevel`; ATTACH and DETACH in the manual, ALTER TABLE.
fn lock_mode(scene: &Scene, action: &TableAction) -> LockMode {
    match action {
        TableAction::SetStatistics { .. }
        | TableAction::SetColumnOptions { .. }
        | TableAction::ValidateConstraint { .. }
        | TableAction::ClusterOn { .. } => LockMode::ShareUpdateExclusive,
        TableAction::SetParameters { names, .. } if names.iter().all(|name| name != "user_catalog_table") => LockMode::ShareUpdateExclusive,
        TableAction::AttachPartition { .. } if scene.at_least(12) => LockMode::ShareUpdateExclusive,
        TableAction::DetachPartition { concurrently, finalize, .. } if *concurrently || *finalize => LockMode::ShareUpdateExclusive,
        TableAction::Trigger { .. } => LockMode::ShareRowExclusive,
        TableAction::AddConstraint { constraint } if matches!(constraint.kind, ConstraintKind::ForeignKey { .. }) => {
            LockMode::ShareRowExclusive
        }
        _ => LockMode::AccessExclusive,
    }
}

/// Foreign keys and keys are not inherited; partitions get them all the same.
fn reaches_heirs(action: &TableAction) -> bool {
    match action {
        TableAction::AddConstraint { constraint } => {
            matches!(constraint.kind, ConstraintKind::Check { .. } | ConstraintKind::NotNull { .. })
        }
        _ => true,
    }
}

fn recurses(action: &TableAction) -> bool {
    !matches!(
        action,
        TableAction::RenameTable { .. }
            | TableAction::SetSchema { .. }
            | TableAction::OwnerTo { .. }
            | TableAction::AttachPartition { .. }
            | TableAction::DetachPartition { .. }
            | TableAction::RowSecurity { .. }
            | TableAction::ReplicaIdentity { .. }
            | TableAction::Inherit { .. }
            | TableAction::SetParameters { .. }
            | TableAction::SetTablespace { .. }
            | TableAction::SetLogged { .. }
            | TableAction::SetAccessMethod { .. }
            | TableAction::ClusterOn { .. }
            | TableAction::Rule { .. }
    )
}

/// ALTER TABLE on a view, an index or a sequence: only what renames or moves it matters.
fn other_relation(scene: &mut Scene, key: &QName, action: &TableAction) {
    scene.lock(key, LockMode::AccessExclusive);
    match action {
        TableAction::RenameTable { to } => rename(scene, key, &QName::new(&key.schema, &to.text)),
        TableAction::SetSchema { schema } => rename(scene, key, &QName::new(&schema.text, &key.name)),
        TableAction::RenameColumn { from, .. } if scene.before.views.contains_key(key) => {
            object::view_column_gone(scene, key, from.as_str())
        }
        TableAction::SetTablespace { .. } if scene.before.indexes.contains_key(key) => index::moved(scene, key),
        _ => {}
    }
}

fn rename(scene: &mut Scene, key: &QName, to: &QName) {
    if scene.before.indexes.contains_key(key) || scene.is_new(key) {
        return;
    }
    let kind = if scene.before.views.contains_key(key) { SubjectKind::View } else { SubjectKind::Table };
    let subject = Subject { kind, table: None, name: key.to_string() };
    let how = format!("every statement on {} fails: it is called {} now", key.short(), to.short());
    scene.breaks(Hits::Both, subject, how, Certainty::Always);
}

/// Source: manual, ALTER TABLE, SET LOGGED: the table is rewritten. No work when it is so already.
fn set_logged(scene: &mut Scene, key: &QName, logged: bool) {
    let already = scene.table(key).is_some_and(|table| (table.persistence == Persistence::Permanent) == logged && !table.open);
    if already {
        return;
    }
    scene.rewrite(key, if logged { "every row is written to the log" } else { "it is written anew as an unlogged table" });
    if !logged && !scene.is_new(key) {
        scene.loses(
            Subject::table(key),
            format!("{} after a crash: an unlogged table is emptied, and replicas do not have it", key.short()),
        );
    }
}

/// Source: manual, ALTER TABLE, ATTACH PARTITION: the scan is skipped when a valid CHECK implies the partition's bound.
fn attach(scene: &mut Scene, parent: &QName, partition: &RelName, bound: &PartitionBound) {
    let key = scene.resolve(partition);
    scene.must_know(&key);
    scene.lock_because(&key, LockMode::AccessExclusive, "it becomes a partition");
    cloned_foreign_keys(scene, parent);
    let wanted = scene.table(parent).map(|parent| parent.partition_key.clone()).unwrap_or_default();
    let implies = |constraint: &TableConstraint| match &constraint.kind {
        TableConstraintKind::Check { expr } => constraint.validated && wanted.iter().all(|column| expr.columns.contains(column)),
        _ => false,
    };
    if scene.table(&key).is_some_and(|table| table.constraints.iter().any(implies)) {
        scene.assume(format!("a CHECK constraint of {} implies the partition's bound, so its rows are not read", key.short()));
    } else {
        scene.scan(&key, "every row is checked against the partition's bound");
    }
    if *bound != PartitionBound::Default {
        scan_default_partition(scene, parent);
    }
}

/// Source: manual, ALTER TABLE, DETACH PARTITION. Before 14 the partition is not locked and there is no CONCURRENTLY.
fn detach(scene: &mut Scene, parent: &QName, partition: &RelName, concurrently: bool, finalize: bool) {
    let key = scene.resolve(partition);
    scene.must_know(&key);
    if concurrently && !finalize {
        scene.outside_transaction();
        if !scene.at_least(14) {
            scene.aborts("DETACH … CONCURRENTLY needs PostgreSQL 14", Certainty::Always);
        }
        let default = scene.before.partitions_of(parent).any(|(_, table)| table.default_partition);
        if default {
            scene.aborts(format!("{} has a default partition, so DETACH … CONCURRENTLY refuses", parent.short()), Certainty::Always);
        }
    }
    scene.lock_because(&key, LockMode::AccessExclusive, "it stops being a partition");
    if !scene.is_new(&key) && !scene.is_new(parent) {
        let how = format!("rows of {} are no longer found through {}", key.short(), parent.short());
        scene.breaks(Hits::Readers, Subject::table(&key), how, Certainty::Sometimes);
    }
}

/// Tables that have a column of the type, directly or as an array.
pub fn tables_using(scene: &Scene, ty: &QName) -> Vec<QName> {
    let uses = |column: &crate::schema::catalog::Column| column.ty.as_ref().is_some_and(|used| used.base == ty.name);
    scene.before.tables.iter().filter(|(_, table)| table.columns.iter().any(uses)).map(|(name, _)| name.clone()).collect()
}

/// A domain that carries a constraint or a default PostgreSQL has to evaluate for each row.
pub fn constrained_domain<'a>(scene: &Scene<'a>, ty: &TypeName) -> Option<&'a Domain> {
    domains(scene, ty).find(|domain| domain.not_null || !domain.checks.is_empty())
}

/// The domain that a type is, the domain that it is over, and so on.
pub fn domains<'a>(scene: &Scene<'a>, ty: &TypeName) -> impl Iterator<Item = &'a Domain> {
    let before = scene.before;
    let domain = move |ty: &TypeName| {
        let is = |key: &&QName| key.name == ty.base && ty.schema.as_ref().is_none_or(|schema| *schema == key.schema);
        match &before.types.get(before.types.keys().find(is)?)?.kind {
            UserTypeKind::Domain(domain) if ty.array == 0 => Some(domain.as_ref()),
            _ => None,
        }
    };
    // A cycle cannot be created; the limit is for hostile text.
    std::iter::successors(domain(ty), move |over| domain(&over.base)).take(16)
}
