//! The session a script runs in: transaction control and SET statements in, the transaction and the timeouts in force out.

use super::op::{SchemaOp, TransactionOp};
use super::{Transaction, TransactionKind};
use crate::read::migration::Wrapping;

/// One setting's value in the three scopes PostgreSQL keeps: the session, and SET and SET LOCAL of the open transaction.
#[derive(Debug, Clone, Copy, Default)]
struct Timeout {
    session: Option<u64>,
    /// What `session` goes back to when the transaction rolls back.
    before_transaction: Option<u64>,
    local: Option<Option<u64>>,
}

impl Timeout {
    fn in_force(self) -> Option<u64> {
        self.local.unwrap_or(self.session).filter(|ms| *ms > 0)
    }
}

#[derive(Debug, Clone)]
pub struct Session {
    /// Number of the transaction that the next statement joins.
    id: usize,
    /// `None` while every statement commits by itself.
    open: Option<TransactionKind>,
    wrapping: Wrapping,
    many: bool,
    lock_timeout: Timeout,
    statement_timeout: Timeout,
}

impl Default for Session {
    fn default() -> Self {
        Session {
            id: 0,
            open: None,
            wrapping: Wrapping::Unknown,
            many: false,
            lock_timeout: Timeout::default(),
            statement_timeout: Timeout::default(),
        }
    }
}

impl Session {
    /// A new script begins; `statements` is how many it has.
    pub fn start_script(&mut self, wrapping: Wrapping, statements: usize) {
        let joins = wrapping == Wrapping::AllPending && self.wrapping == Wrapping::AllPending && self.open.is_some();
        self.wrapping = wrapping;
        self.many = statements > 1;
        if joins {
            return;
        }
        self.id += 1;
        // Runners may take another connection for the next script, so a session-wide timeout is not counted on.
        self.lock_timeout = Timeout::default();
        self.statement_timeout = Timeout::default();
        self.open = match wrapping {
            Wrapping::Transaction | Wrapping::AllPending => Some(TransactionKind::Runner),
            Wrapping::ImplicitWhenMany if self.many => Some(TransactionKind::Implicit),
            _ => None,
        };
    }

    pub fn start_statement(&mut self) {
        if self.open.is_none() {
            self.id += 1;
        }
    }

    pub fn end_script(&mut self) {
        if self.wrapping != Wrapping::AllPending {
            self.close(false);
        }
    }

    /// The transaction of the statement that was just started.
    pub fn transaction(&self) -> Transaction {
        let alone = if self.wrapping == Wrapping::Unknown { TransactionKind::Unknown } else { TransactionKind::Single };
        Transaction {
            id: self.id,
            kind: self.open.unwrap_or(alone),
            lock_timeout: self.lock_timeout.in_force(),
            statement_timeout: self.statement_timeout.in_force(),
        }
    }

    pub fn apply(&mut self, op: &SchemaOp) {
        match op {
            SchemaOp::Set { name, value, local } => self.set(name, value.as_deref(), *local),
            SchemaOp::Transaction(TransactionOp::Begin) => match self.open {
                // In one message, BEGIN turns the implicit transaction into a real block that keeps what ran before it.
                Some(TransactionKind::Implicit) | None => self.open = Some(TransactionKind::Explicit),
                Some(_) => {}
            },
            SchemaOp::Transaction(TransactionOp::Commit { chain }) => self.finish(*chain, false),
            SchemaOp::Transaction(TransactionOp::Rollback { chain }) => self.finish(*chain, true),
            _ => {}
        }
    }

    fn finish(&mut self, chain: bool, undo: bool) {
        let again = if chain { self.open } else { None };
        self.close(undo);
        self.id += 1;
        self.open = match self.wrapping {
            _ if again.is_some() => again,
            Wrapping::ImplicitWhenMany if self.many => Some(TransactionKind::Implicit),
            _ => None,
        };
    }

    fn close(&mut self, undo: bool) {
        self.open = None;
        for timeout in [&mut self.lock_timeout, &mut self.statement_timeout] {
            timeout.local = None;
            if undo {
                timeout.session = timeout.before_transaction;
            }
            timeout.before_transaction = timeout.session;
        }
    }

    fn set(&mut self, name: &str, value: Option<&str>, local: bool) {
        let in_transaction = self.open.is_some();
        let targets: Vec<&mut Timeout> = match name {
            "lock_timeout" => vec![&mut self.lock_timeout],
            "statement_timeout" => vec![&mut self.statement_timeout],
            "all" if value.is_none() => vec![&mut self.lock_timeout, &mut self.statement_timeout],
            _ => return,
        };
        let ms = value.and_then(milliseconds);
        for timeout in targets {
            match (local, in_transaction) {
                (true, true) => timeout.local = Some(ms),
                // SET LOCAL outside a transaction block only raises a warning.
                (true, false) => {}
                (false, _) => {
                    timeout.session = ms;
                    timeout.local = None;
                    if !in_transaction {
                        timeout.before_transaction = ms;
                    }
                }
            }
        }
    }
}

/// PostgreSQL's time units; a bare number counts milliseconds. Source: PostgreSQL manual, 20.1.1 "Parameter Names and Values".
pub fn milliseconds(value: &str) -> Option<u64> {
    let value = value.trim();
    let split = value.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(value.len());
    let number: f64 = value.get(..split)?.parse().ok()?;
    let factor = match value.get(split..)?.trim() {
        "us" => 0.001,
        "" | "ms" => 1.0,
        "s" => 1_000.0,
        "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return None,
    };
    Some((number * factor).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str, local: bool) -> SchemaOp {
        SchemaOp::Set { name: name.into(), value: Some(value.into()), local }
    }

    #[test]
    fn set_local_counts_only_inside_a_transaction_and_ends_with_it() {
        let mut session = Session::default();
        session.start_script(Wrapping::Autocommit, 4);
        session.start_statement();
        session.apply(&set("lock_timeout", "2s", true));
        assert_eq!(session.transaction().lock_timeout, None);
        session.start_statement();
        session.apply(&SchemaOp::Transaction(TransactionOp::Begin));
        session.apply(&set("lock_timeout", "2s", true));
        assert_eq!(session.transaction().lock_timeout, Some(2_000));
        assert_eq!(session.transaction().kind, TransactionKind::Explicit);
        session.apply(&SchemaOp::Transaction(TransactionOp::Commit { chain: false }));
        session.start_statement();
        assert_eq!(session.transaction().lock_timeout, None);
        assert_eq!(session.transaction().kind, TransactionKind::Single);
    }

    #[test]
    fn a_rolled_back_set_is_undone_and_zero_is_no_timeout() {
        let mut session = Session::default();
        session.start_script(Wrapping::Autocommit, 4);
        session.apply(&set("lock_timeout", "1min", false));
        session.apply(&SchemaOp::Transaction(TransactionOp::Begin));
        session.apply(&set("lock_timeout", "0", false));
        assert_eq!(session.transaction().lock_timeout, None);
        session.apply(&SchemaOp::Transaction(TransactionOp::Rollback { chain: false }));
        assert_eq!(session.transaction().lock_timeout, Some(60_000));
    }

    #[test]
    fn several_statements_in_one_message_share_a_transaction() {
        let mut session = Session::default();
        session.start_script(Wrapping::ImplicitWhenMany, 2);
        session.start_statement();
        let first = session.transaction();
        session.start_statement();
        assert_eq!((first.id, first.kind), (session.transaction().id, TransactionKind::Implicit));
        session.end_script();
        session.start_script(Wrapping::ImplicitWhenMany, 1);
        session.start_statement();
        assert_eq!(session.transaction().kind, TransactionKind::Single);
    }

    #[test]
    fn all_pending_migrations_share_one_transaction() {
        let mut session = Session::default();
        session.start_script(Wrapping::AllPending, 1);
        let first = session.transaction().id;
        session.end_script();
        session.start_script(Wrapping::AllPending, 1);
        session.start_statement();
        assert_eq!(session.transaction().id, first);
    }
}
