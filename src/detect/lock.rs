//! What blocks production while a migration runs: locks, rewrites, scans and index builds of the steps in, findings out.

use std::collections::BTreeSet;

use super::step::{StepView, effect_kinds, finding, label, steps};
use super::{Detector, Inspection, recipe};
use crate::finding::{EffectKind, Finding};
use crate::rule::Rule;
use crate::schema::effect::{Lock, LockMode, Subject, Work};
use crate::schema::name::QName;
use crate::schema::op::{ConstraintKind, SchemaOp, TableAction};
use crate::schema::{Transaction, TransactionKind};

/// Detectors by the name a rule file gives.
pub const DETECTORS: &[(&str, Detector)] = &[
    ("lock.index_not_concurrent", index_not_concurrent),
    ("lock.index_drop_not_concurrent", index_drop_not_concurrent),
    ("lock.table_rewrite", table_rewrite),
    ("lock.table_scan", table_scan),
    ("lock.constraint_builds_index", constraint_builds_index),
    ("lock.reindex", reindex),
    ("lock.table_rebuilt", table_rebuilt),
    ("lock.refresh_not_concurrent", refresh_not_concurrent),
    ("lock.partition_locks_parent", partition_locks_parent),
    ("lock.validate_in_same_transaction", validate_in_same_transaction),
    ("lock.backfill_under_lock", backfill_under_lock),
    ("lock.explicit_lock", explicit_lock),
    ("lock.no_timeout", no_timeout),
    ("lock.timeout_without_effect", timeout_without_effect),
    ("lock.several_tables", several_tables),
    ("lock.foreign_key_locks_parent", foreign_key_locks_parent),
];

/// What a lock keeps others from doing, in words.
pub fn who_waits(mode: LockMode, relation: &QName) -> String {
    if mode.blocks_reads() {
        format!("every query on {} waits", relation.short())
    } else if mode.blocks_writes() {
        format!("every write to {} waits", relation.short())
    } else {
        format!("queries on {} go on", relation.short())
    }
}

/// The action of an ALTER TABLE step.
fn action<'a>(view: &StepView<'a>) -> Option<&'a TableAction> {
    match view.kind() {
        SchemaOp::AlterTable(alter) => Some(&alter.action),
        _ => None,
    }
}

/// VACUUM FULL, CLUSTER, REFRESH and REINDEX have rules of their own.
fn is_maintenance(view: &StepView) -> bool {
    matches!(view.kind(), SchemaOp::Vacuum { .. } | SchemaOp::Cluster { .. } | SchemaOp::RefreshView { .. } | SchemaOp::Reindex { .. })
}

/// Work on an existing relation under a lock that stops its writers or readers.
pub fn blocking<'a>(view: &StepView<'a>, work: &'a [Work]) -> Option<(&'a Work, LockMode)> {
    let strong = |work: &&'a Work| !work.new && view.lock_on(&work.relation).is_some_and(LockMode::blocks_writes);
    let work = work.iter().find(strong)?;
    Some((work, view.lock_on(&work.relation)?))
}

pub fn report(
    inspection: &Inspection,
    rule: &Rule,
    view: &StepView,
    relation: &QName,
    message: String,
    vars: &[(&str, String)],
) -> Finding {
    let mut all = vec![("table", relation.short())];
    all.extend(vars.iter().cloned());
    let mut found = finding(inspection, rule, view, Subject::table(relation), message, &all);
    found.effects = effect_kinds(view.effect())
        .into_iter()
        .filter(|kind| {
            matches!(kind, EffectKind::BlocksReads | EffectKind::BlocksWrites | EffectKind::RewritesTable | EffectKind::ScansTable)
        })
        .collect();
    found
}

/// Values for the remedy from the clause itself.
fn clause_vars(inspection: &Inspection, view: &StepView) -> Vec<(&'static str, String)> {
    let mut vars = vec![("recipe", recipe::text(inspection, view))];
    if let Some(action) = action(view) {
        match action {
            TableAction::AddColumn { column, .. } => {
                vars.push(("column", column.name.text.clone()));
                vars.push(("type", column.ty.to_string()));
                vars.push(("default", column.default.as_ref().map_or("…".to_owned(), |default| default.text.clone())));
            }
            TableAction::AlterColumnType { column, ty, .. } => {
                vars.push(("column", column.text.clone()));
                vars.push(("type", ty.to_string()));
            }
            TableAction::SetNotNull { column } => vars.push(("column", column.text.clone())),
            TableAction::AddConstraint { constraint } => {
                vars.push(("constraint", constraint.name.as_ref().map_or("constraint_name".to_owned(), |name| name.text.clone())));
                let columns = match &constraint.kind {
                    ConstraintKind::PrimaryKey { columns, .. } | ConstraintKind::Unique { columns, .. } => columns.clone(),
                    ConstraintKind::ForeignKey { columns, .. } | ConstraintKind::Exclude { columns } => columns.clone(),
                    ConstraintKind::NotNull { column, .. } => vec![column.clone()],
                    ConstraintKind::Check { .. } => Vec::new(),
                };
                vars.push(("column", columns.iter().map(|column| column.text.as_str()).collect::<Vec<_>>().join(", ")));
            }
            TableAction::AttachPartition { partition, .. } | TableAction::DetachPartition { partition, .. } => {
                vars.push(("partition", partition.to_string()));
            }
            _ => {}
        }
    }
    vars
}

pub fn index_not_concurrent(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for view in steps(inspection) {
        let SchemaOp::CreateIndex(create) = view.kind() else { continue };
        let Some((work, mode)) = blocking(&view, &view.effect().index_builds) else { continue };
        let message = format!(
            "CREATE INDEX takes {} on {} while it reads the whole table: {} until the index is built.",
            mode.as_str(),
            work.relation.short(),
            who_waits(mode, &work.relation)
        );
        let index = create.name.as_ref().map_or_else(|| "…".to_owned(), |name| crate::schema::name::quoted(name.as_str()));
        let vars = [("index", index), ("recipe", recipe::text(inspection, &view)), ("opt_out", opt_out(&view))];
        out.push(report(inspection, rule, &view, &work.relation, message, &vars));
    }
}

/// How this runner is told to run a migration outside a transaction.
pub fn opt_out(view: &StepView) -> String {
    use crate::read::migration::Framework;
    match view.unit.framework {
        Framework::Goose => "start the file with `-- +goose NO TRANSACTION`",
        Framework::Dbmate => "write `-- migrate:up transaction:false`, and put nothing else into the file",
        Framework::Sqlx => "start the file with `-- no-transaction`, and put nothing else into it",
        Framework::Diesel => "put `run_in_transaction = false` into the migration's metadata.toml, and nothing else into the file",
        Framework::Atlas => "start the file with `-- atlas:txmode none`",
        Framework::Flyway => "put it alone into its migration, or set `executeInTransaction=false` in its .conf file",
        Framework::Liquibase => "add `runInTransaction:false` to the changeset",
        Framework::GolangMigrate | Framework::Prisma => "put it alone into its own migration file",
        Framework::Sqitch => "leave BEGIN and COMMIT out of the deploy script",
        _ => "run it outside a transaction: alone in its own migration, with the runner's opt-out",
    }
    .to_owned()
}

pub fn index_drop_not_concurrent(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for view in steps(inspection) {
        let SchemaOp::DropIndex { index, concurrently: false, .. } = view.kind() else { continue };
        let strong =
            |lock: &&Lock| !lock.new && lock.mode == LockMode::AccessExclusive && !view.step.before.indexes.contains_key(&lock.relation);
        let Some(lock) = view.effect().locks.iter().find(strong) else { continue };
        let message = format!(
            "DROP INDEX takes ACCESS EXCLUSIVE on {}: {} behind it, and it waits behind every query that runs.",
            lock.relation.short(),
            who_waits(lock.mode, &lock.relation)
        );
        let vars = [("index", index.to_string()), ("opt_out", opt_out(&view))];
        out.push(report(inspection, rule, &view, &lock.relation, message, &vars));
    }
}

pub fn table_rewrite(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for view in steps(inspection).into_iter().filter(|view| !is_maintenance(view)) {
        let Some((work, mode)) = blocking(&view, &view.effect().rewrites) else { continue };
        let message = format!(
            "This writes every row of {} anew under {}: {}; {} until it is done.",
            work.relation.short(),
            mode.as_str(),
            work.because,
            who_waits(mode, &work.relation)
        );
        out.push(report(inspection, rule, &view, &work.relation, message, &clause_vars(inspection, &view)));
    }
}

pub fn table_scan(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for view in steps(inspection).into_iter().filter(|view| !is_maintenance(view)) {
        let effect = view.effect();
        // A rewrite reads the table too, and an index that is built for a key is reported as such.
        if blocking(&view, &effect.rewrites).is_some() || blocking(&view, &effect.index_builds).is_some() {
            continue;
        }
        let Some((work, mode)) = blocking(&view, &effect.scans) else { continue };
        let message = format!(
            "This reads {} from end to end under {}: {}; {} until it is done.",
            work.relation.short(),
            mode.as_str(),
            work.because,
            who_waits(mode, &work.relation)
        );
        out.push(report(inspection, rule, &view, &work.relation, message, &clause_vars(inspection, &view)));
    }
}

/// What building an index under a lock means.
pub fn index_build(work: &Work, mode: LockMode) -> String {
    format!(
        "{} under {} on {}: {} until it is done.",
        capital(&work.because),
        mode.as_str(),
        work.relation.short(),
        who_waits(mode, &work.relation)
    )
}

/// A key or an exclusion constraint whose index is built by the ALTER TABLE itself.
pub fn constraint_builds_index(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for view in steps(inspection) {
        if !matches!(action(&view), Some(TableAction::AddConstraint { .. } | TableAction::AddColumn { .. })) {
            continue;
        }
        if blocking(&view, &view.effect().rewrites).is_some() {
            continue;
        }
        let Some((work, mode)) = blocking(&view, &view.effect().index_builds) else { continue };
        out.push(report(inspection, rule, &view, &work.relation, index_build(work, mode), &clause_vars(inspection, &view)));
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

pub fn reindex(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for view in steps(inspection) {
        let SchemaOp::Reindex { concurrently: false, .. } = view.kind() else { continue };
        let Some(lock) = view.effect().locks.iter().find(|lock| !lock.new && lock.mode.blocks_writes()) else { continue };
        let relation = &lock.relation;
        let message = format!(
            "REINDEX takes SHARE on the table and ACCESS EXCLUSIVE on each index of {}: writes wait, and so does every query that has to open the index.",
            relation.short()
        );
        out.push(report(inspection, rule, &view, relation, message, &[("opt_out", opt_out(&view))]));
    }
}

/// VACUUM FULL and CLUSTER.
pub fn table_rebuilt(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for view in steps(inspection) {
        if !matches!(view.kind(), SchemaOp::Vacuum { .. } | SchemaOp::Cluster { .. }) {
            continue;
        }
        let Some((work, mode)) = blocking(&view, &view.effect().rewrites) else { continue };
        let message = format!("{}, under {}: {} until it is done.", capital(&work.because), mode.as_str(), who_waits(mode, &work.relation));
        out.push(report(inspection, rule, &view, &work.relation, message, &[]));
    }
}

pub fn refresh_not_concurrent(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for view in steps(inspection) {
        let SchemaOp::RefreshView { view: name, concurrently: false, .. } = view.kind() else { continue };
        let Some((work, _)) = blocking(&view, &view.effect().rewrites) else { continue };
        let message = format!(
            "REFRESH takes ACCESS EXCLUSIVE on {name}: {} until it is filled.",
            who_waits(LockMode::AccessExclusive, &work.relation)
        );
        out.push(report(inspection, rule, &view, &work.relation, message, &[("view", name.to_string())]));
    }
}

/// `CREATE TABLE … PARTITION OF`, and DETACH without CONCURRENTLY: a short ACCESS EXCLUSIVE on the parent.
pub fn partition_locks_parent(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for view in steps(inspection) {
        let before = &view.step.before;
        let (key, partition) = match view.kind() {
            SchemaOp::CreateTable(create) => match &create.partition_of {
                Some(part) => (before.resolve(&part.parent), create.table.to_string()),
                None => continue,
            },
            SchemaOp::AlterTable(alter) => match &alter.action {
                TableAction::DetachPartition { partition, concurrently: false, finalize: false } => {
                    (before.resolve(&alter.table), partition.to_string())
                }
                _ => continue,
            },
            SchemaOp::DropTable { table, .. } => match before.table(&before.resolve(table)).and_then(|table| table.partition_of.clone()) {
                Some(parent) => (parent, table.to_string()),
                None => continue,
            },
            _ => continue,
        };
        let Some(mode) = view.lock_on(&key).filter(|mode| mode.blocks_reads()) else { continue };
        let message = format!(
            "This takes {} on {}, the partitioned table: {}, on all its partitions, behind every query that runs.",
            mode.as_str(),
            key.short(),
            who_waits(mode, &key)
        );
        out.push(report(inspection, rule, &view, &key, message, &[("partition", partition)]));
    }
}

/// `ADD CONSTRAINT … NOT VALID` and its VALIDATE commit together: the strong lock is held during the scan.
pub fn validate_in_same_transaction(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let views = steps(inspection);
    for (at, view) in views.iter().enumerate() {
        let (SchemaOp::AlterTable(alter), Some(TableAction::ValidateConstraint { name })) = (view.kind(), action(view)) else { continue };
        let Some(work) = view.effect().scans.iter().find(|work| !work.new) else { continue };
        let adds = |earlier: &&StepView| match (earlier.kind(), action(earlier)) {
            (SchemaOp::AlterTable(old), Some(TableAction::AddConstraint { constraint })) => {
                old.table == alter.table && constraint.name.as_ref() == Some(name)
            }
            _ => false,
        };
        let before = || views[..at].iter().filter(|earlier| earlier.same_transaction(view));
        let strong = |earlier: &&StepView| earlier.lock_on(&work.relation).is_some_and(LockMode::blocks_writes);
        let Some(added) = before().find(adds).or_else(|| before().find(strong)) else { continue };
        let mode = added.lock_on(&work.relation).unwrap_or(LockMode::AccessExclusive);
        let what = if adds(&added) {
            format!("{name} is added NOT VALID and validated")
        } else {
            format!("{name} is validated behind another change")
        };
        let message = format!(
            "{what} in one transaction: the {} lock of the first statement is held while the second reads {} from end to end.",
            mode.as_str(),
            work.relation.short()
        );
        let vars = [("constraint", name.text.clone())];
        let mut found = report(inspection, rule, view, &work.relation, message, &vars);
        found.labels.push(label(added, "its strong lock is taken here"));
        out.push(found);
    }
}

/// A strong lock is held while rows are changed or the table is read: everything behind the lock waits for all of it.
pub fn backfill_under_lock(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let views = steps(inspection);
    let mut reported = BTreeSet::new();
    for (at, view) in views.iter().enumerate() {
        let Some(write) = view.effect().writes_rows.as_ref().filter(|write| write.reads_all && (!write.new || reads_existing(view))) else {
            continue;
        };
        let held = views[..at].iter().filter(|earlier| earlier.same_transaction(view)).find_map(|earlier| {
            let lock = earlier.effect().locks.iter().find(|lock| !lock.new && lock.mode == LockMode::AccessExclusive)?;
            Some((earlier, lock))
        });
        let Some((earlier, lock)) = held else { continue };
        if !reported.insert((view.step.transaction.id, lock.relation.clone())) {
            continue;
        }
        let message = format!(
            "{} on {} is taken earlier in this transaction and held until it commits, so {} while the rows of {} are changed.",
            lock.mode.as_str(),
            lock.relation.short(),
            who_waits(lock.mode, &lock.relation),
            write.relation.short()
        );
        let mut found = report(inspection, rule, view, &lock.relation, message, &[]);
        found.effects.insert(EffectKind::BlocksReads);
        found.labels.push(label(earlier, format!("{} is taken here", lock.mode.as_str())));
        out.push(found);
    }
}

/// `INSERT … SELECT` into a new table takes as long as what it reads.
fn reads_existing(view: &StepView) -> bool {
    view.effect().locks.iter().any(|lock| !lock.new && lock.mode == LockMode::AccessShare)
}

/// `LOCK TABLE` in a mode that stops writers.
pub fn explicit_lock(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for view in steps(inspection) {
        let SchemaOp::LockTable { .. } = view.kind() else { continue };
        let Some(lock) = view.effect().locks.iter().find(|lock| !lock.new && lock.mode.blocks_writes()) else { continue };
        let message = format!(
            "LOCK TABLE takes {} on {}: {} until the transaction ends.",
            lock.mode.as_str(),
            lock.relation.short(),
            who_waits(lock.mode, &lock.relation)
        );
        out.push(report(inspection, rule, &view, &lock.relation, message, &[]));
    }
}

/// A strong lock without `lock_timeout`: one long query in front of it stops everything behind it. Once a migration.
pub fn no_timeout(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let mut reported = BTreeSet::new();
    for view in steps(inspection) {
        let strong =
            |lock: &&Lock| !lock.new && lock.mode == LockMode::AccessExclusive && lock.kind == crate::schema::effect::RelationKind::Table;
        let Some(lock) = view.effect().locks.iter().find(strong) else { continue };
        if view.step.transaction.lock_timeout.is_some() || !reported.insert((view.timeline.unit, view.step.migration)) {
            continue;
        }
        let message = format!(
            "{} on {} is waited for without a lock_timeout. While it waits behind one long query, {} behind it.",
            lock.mode.as_str(),
            lock.relation.short(),
            who_waits(lock.mode, &lock.relation)
        );
        let set = if in_block(view.step.transaction) { "SET LOCAL lock_timeout = '2s';" } else { "SET lock_timeout = '2s';" };
        out.push(report(inspection, rule, &view, &lock.relation, message, &[("set", set.to_owned())]));
    }
}

fn in_block(transaction: Transaction) -> bool {
    !matches!(transaction.kind, TransactionKind::Single | TransactionKind::Unknown)
}

/// A timeout that is set and has no effect: SET LOCAL outside a transaction block, or 0.
pub fn timeout_without_effect(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let views = steps(inspection);
    for (at, view) in views.iter().enumerate() {
        let SchemaOp::Set { name, value: Some(value), local } = view.kind() else { continue };
        if !matches!(name.as_str(), "lock_timeout" | "statement_timeout") {
            continue;
        }
        let strong_follows = views[at..]
            .iter()
            .take_while(|later| later.step.migration == view.step.migration)
            .any(|later| later.effect().locks.iter().any(|lock| !lock.new && lock.mode.blocks_writes()));
        let why = match (local, view.step.transaction.kind) {
            (true, TransactionKind::Single) => "SET LOCAL outside a transaction block only raises a warning".to_owned(),
            _ if name == "lock_timeout" && crate::schema::session::milliseconds(value) == Some(0) => "0 turns the timeout off".to_owned(),
            _ => continue,
        };
        if strong_follows {
            let message = format!("{name} = '{value}' has no effect here: {why}. The strong locks below wait without a limit.");
            let subject = Subject::of(crate::schema::effect::SubjectKind::Setting, name.clone());
            out.push(finding(inspection, rule, view, subject, message, &[("setting", name.clone())]));
        }
    }
}

/// Several existing tables locked against everything in one transaction: two such transactions can deadlock, and each lock is
/// held until the last is got. Once a transaction.
pub fn several_tables(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    let views = steps(inspection);
    let mut reported = BTreeSet::new();
    for view in &views {
        let id = (view.timeline.unit, view.step.transaction.id);
        if !in_block(view.step.transaction) || reported.contains(&id) {
            continue;
        }
        let mut locked: Vec<&QName> = Vec::new();
        let mut second = None;
        for other in views.iter().filter(|other| other.same_transaction(view)) {
            let strong = |lock: &&Lock| {
                !lock.new && lock.mode == LockMode::AccessExclusive && lock.kind == crate::schema::effect::RelationKind::Table
            };
            for lock in other.effect().locks.iter().filter(strong) {
                if !locked.contains(&&lock.relation) {
                    locked.push(&lock.relation);
                    if locked.len() == 2 {
                        second = Some(*other);
                    }
                }
            }
        }
        let Some(at) = second else { continue };
        reported.insert(id);
        let names: Vec<String> = locked.iter().map(|key| key.short()).collect();
        let message = format!(
            "One transaction takes ACCESS EXCLUSIVE on {}: each is held until the last is got and the transaction commits, and a query that uses two of them in the other order deadlocks with it.",
            names.join(", ")
        );
        out.push(report(inspection, rule, &at, locked[1], message, &[]));
    }
}

/// A foreign key that comes or goes locks the other table too.
pub fn foreign_key_locks_parent(inspection: &Inspection, rule: &Rule, out: &mut Vec<Finding>) {
    for view in steps(inspection) {
        let own = match view.kind() {
            SchemaOp::CreateTable(create) => &create.table,
            SchemaOp::DropTable { table, .. } => table,
            SchemaOp::AlterTable(alter) => match &alter.action {
                TableAction::AddColumn { .. }
                | TableAction::DropColumn { .. }
                | TableAction::AddConstraint { .. }
                | TableAction::DropConstraint { .. } => &alter.table,
                _ => continue,
            },
            _ => continue,
        };
        let key = view.step.before.resolve(own);
        let other = |lock: &&Lock| {
            let parent = lock.because.as_ref().is_some_and(|because| because.contains("foreign key"));
            parent && !lock.new && lock.mode.blocks_writes() && lock.relation != key
        };
        let Some(lock) = view.effect().locks.iter().find(other) else { continue };
        let message = format!(
            "This takes {} on {} too ({}): {} until the transaction commits.",
            lock.mode.as_str(),
            lock.relation.short(),
            lock.because.as_deref().unwrap_or_default(),
            who_waits(lock.mode, &lock.relation)
        );
        out.push(report(inspection, rule, &view, &lock.relation, message, &[]));
    }
}
