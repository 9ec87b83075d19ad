//! What the physics of one op looks at and writes into: the catalog before it, its siblings, and the effect as it grows.

use crate::schema::catalog::{Catalog, Column, Origin, Table};
use crate::schema::effect::{Abort, Break, Certainty, Effect, Lock, LockMode, Loss, RelationKind, ServerVersion, Subject, Work};
use crate::schema::name::{QName, RelName};
use crate::schema::op::{AlterTable, Op, Persistence, SchemaOp, TableAction};

/// Whom a break hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hits {
    Readers,
    Writers,
    Both,
}

pub struct Scene<'a> {
    pub before: &'a Catalog,
    pub server: ServerVersion,
    /// The statement stops at the table it names: ONLY, or an action that does not recurse.
    pub alone: bool,
    siblings: &'a [Op],
    index: usize,
    out: Effect,
}

impl<'a> Scene<'a> {
    pub fn new(before: &'a Catalog, siblings: &'a [Op], index: usize, server: ServerVersion) -> Self {
        Scene { before, server, alone: false, siblings, index, out: Effect::default() }
    }

    pub fn finish(self) -> Effect {
        self.out
    }

    pub fn at_least(&self, major: u32) -> bool {
        self.server.0 >= major
    }

    /// The other ops of the same statement.
    pub fn other_ops(&self) -> impl Iterator<Item = &'a SchemaOp> + use<'a> {
        let index = self.index;
        self.siblings.iter().enumerate().filter(move |(at, _)| *at != index).map(|(_, op)| &op.kind)
    }

    /// The other actions of the same ALTER TABLE.
    pub fn other_actions(&self) -> impl Iterator<Item = &'a TableAction> + use<'a> {
        self.other_ops().filter_map(|op| match op {
            SchemaOp::AlterTable(AlterTable { action, .. }) => Some(action),
            _ => None,
        })
    }

    pub fn resolve(&self, name: &RelName) -> QName {
        self.before.resolve(name)
    }

    pub fn table(&self, key: &QName) -> Option<&'a Table> {
        self.before.tables.get(key).map(std::rc::Rc::as_ref)
    }

    pub fn column(&self, key: &QName, column: &str) -> Option<&'a Column> {
        self.table(key)?.column(column)
    }

    /// Created inside this rollout, so no running code uses it and nobody waits for its locks.
    pub fn is_new(&self, key: &QName) -> bool {
        if let Some(table) = self.before.tables.get(key) {
            return table.origin == Origin::Rollout || table.persistence == Persistence::Temporary;
        }
        if let Some(view) = self.before.views.get(key) {
            return view.origin == Origin::Rollout;
        }
        if let Some(index) = self.before.indexes.get(key) {
            return index.origin == Origin::Rollout || self.is_new(&index.table);
        }
        self.before.sequences.get(key).is_some_and(|sequence| sequence.origin == Origin::Rollout)
    }

    pub fn is_new_column(&self, key: &QName, column: &str) -> bool {
        self.is_new(key) || self.column(key, column).is_some_and(|column| column.origin == Origin::Rollout)
    }

    /// Says that the history does not show a relation, when it does not.
    pub fn must_know(&mut self, key: &QName) {
        let known = self.before.has_relation(key);
        if !known && self.before.gone.contains(key) {
            // Dynamic SQL or another migration that was not read may have made it again.
            let certainty = if self.before.incomplete { Certainty::Sometimes } else { Certainty::Always };
            return self.aborts(format!("{} was dropped or renamed before this point of the history", key.short()), certainty);
        }
        if !known || self.table(key).is_some_and(|table| table.origin == Origin::Assumed) {
            self.assume(format!("{} is not in the migration history; it is taken to exist and to be in use", key.short()));
        }
    }

    pub fn assume(&mut self, what: String) {
        if !self.out.assumed.contains(&what) {
            self.out.assumed.push(what);
        }
    }

    pub fn lock_named(&mut self, name: &RelName, mode: LockMode) {
        let key = self.resolve(name);
        self.must_know(&key);
        self.lock(&key, mode);
    }

    pub fn lock(&mut self, key: &QName, mode: LockMode) {
        self.add_lock(key, mode, None);
    }

    pub fn lock_because(&mut self, key: &QName, mode: LockMode, because: impl Into<String>) {
        self.add_lock(key, mode, Some(because.into()));
    }

    /// A relation is listed once, with the strongest lock taken on it.
    fn add_lock(&mut self, key: &QName, mode: LockMode, because: Option<String>) {
        if let Some(lock) = self.out.locks.iter_mut().find(|lock| lock.relation == *key) {
            if mode > lock.mode {
                lock.mode = mode;
            }
            return;
        }
        let lock = Lock { relation: key.clone(), kind: self.kind(key), mode, new: self.is_new(key), because };
        self.out.locks.push(lock);
    }

    pub fn kind(&self, key: &QName) -> RelationKind {
        if self.before.indexes.contains_key(key) {
            RelationKind::Index
        } else if let Some(view) = self.before.views.get(key) {
            if view.materialized { RelationKind::MaterializedView } else { RelationKind::View }
        } else if self.before.sequences.contains_key(key) {
            RelationKind::Sequence
        } else {
            RelationKind::Table
        }
    }

    /// A partitioned table has no rows of its own; its partitions are listed by themselves.
    fn has_rows(&self, key: &QName) -> bool {
        !self.table(key).is_some_and(|table| table.partitioned)
    }

    fn work(&self, key: &QName, because: impl Into<String>) -> Work {
        Work { relation: key.clone(), new: self.is_new(key), because: because.into() }
    }

    /// The relation and, unless the statement stops at it, everything below it: each with rows of its own, each once.
    fn works(&self, key: &QName, because: &str, known: &[Work]) -> Vec<Work> {
        let members = if self.alone { vec![key.clone()] } else { self.family(key) };
        let fresh = |member: &QName| self.has_rows(member) && known.iter().all(|work| work.relation != *member);
        members.into_iter().filter(|member| fresh(member)).map(|member| self.work(&member, because)).collect()
    }

    pub fn rewrite(&mut self, key: &QName, because: impl Into<String>) {
        let works = self.works(key, &because.into(), &self.out.rewrites);
        self.out.rewrites.extend(works);
    }

    pub fn scan(&mut self, key: &QName, because: impl Into<String>) {
        let works = self.works(key, &because.into(), &self.out.scans);
        self.out.scans.extend(works);
    }

    /// This relation and none below it.
    pub fn scan_one(&mut self, key: &QName, because: impl Into<String>) {
        if self.has_rows(key) {
            let work = self.work(key, because);
            self.out.scans.push(work);
        }
    }

    /// Keys and indexes reach partitions, not heirs.
    pub fn build_index(&mut self, key: &QName, because: impl Into<String>) {
        let because = because.into();
        let members = if self.alone { vec![key.clone()] } else { self.partitions(key) };
        for member in members {
            if self.has_rows(&member) && self.out.index_builds.iter().all(|work| work.relation != member) {
                let work = self.work(&member, because.as_str());
                self.out.index_builds.push(work);
            }
        }
    }

    pub fn breaks(&mut self, hits: Hits, subject: Subject, how: impl Into<String>, certainty: Certainty) {
        let broken = Break { subject, how: how.into(), certainty };
        if hits != Hits::Writers {
            self.out.breaks_readers.push(broken.clone());
        }
        if hits != Hits::Readers {
            self.out.breaks_writers.push(broken);
        }
    }

    pub fn loses(&mut self, subject: Subject, what: impl Into<String>) {
        self.out.loses.push(Loss { subject, what: what.into() });
    }

    pub fn aborts(&mut self, reason: impl Into<String>, certainty: Certainty) {
        self.out.aborts.push(Abort { reason: reason.into(), certainty });
    }

    pub fn outside_transaction(&mut self) {
        self.out.outside_transaction = true;
    }

    pub fn reads_all_to_write(&mut self) {
        if let Some(write) = &mut self.out.writes_rows {
            write.reads_all = true;
        }
    }

    pub fn writes_rows(&mut self, key: &QName, whole_table: bool) {
        let new = self.is_new(key);
        self.out.writes_rows = Some(crate::schema::effect::RowWrite { relation: key.clone(), new, whole_table, reads_all: whole_table });
    }

    /// The table and everything below it that an action reaches: partitions and heirs.
    pub fn family(&self, key: &QName) -> Vec<QName> {
        let mut all = vec![key.clone()];
        let mut next = 0;
        while next < all.len() {
            let parent = all[next].clone();
            next += 1;
            if !self.table(&parent).is_some_and(|table| table.has_children) {
                continue;
            }
            for (name, table) in &self.before.tables {
                if (table.partition_of.as_ref() == Some(&parent) || table.inherits.contains(&parent)) && !all.contains(name) {
                    all.push(name.clone());
                }
            }
        }
        all
    }

    /// The table and its partitions, without heirs.
    pub fn partitions(&self, key: &QName) -> Vec<QName> {
        let mut all = self.family(key);
        all.retain(|member| member == key || self.table(member).is_some_and(|table| table.partition_of.is_some()));
        all
    }

    /// The missing column fails the statement, when the table's columns are all known.
    pub fn must_have_column(&mut self, key: &QName, column: &str) -> bool {
        let Some(table) = self.table(key) else { return true };
        if table.column(column).is_some() || is_system_column(column) {
            return true;
        }
        if table.open || self.before.incomplete {
            self.assume(format!("column {column} of {} is not in the migration history", key.short()));
            return true;
        }
        self.aborts(format!("{} has no column {column} at this point of the history", key.short()), Certainty::Always);
        false
    }
}

fn is_system_column(name: &str) -> bool {
    matches!(name, "ctid" | "xmin" | "xmax" | "cmin" | "cmax" | "tableoid" | "oid")
}
