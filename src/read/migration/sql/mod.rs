//! SQL text to statements: a dialect, a text and the regions of it that run in, statements with absolute spans out.
//! Only this folder sees a parser's types.

mod lex;
mod other;
mod postgres;
mod split;

use super::Dialect;
use crate::schema::op::{Op, OpaqueReason, SchemaOp, Statement};
use crate::source::Span;

/// How much of a script is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// What moves the catalog forward: the applied history. Statements that cannot change a schema keep no ops, bodies of
    /// routines are not read, and the grammar's finer checks are left out: a server has accepted the text before.
    Catalog,
    /// Everything: what is new in a change.
    Full,
}

pub use postgres::{calls_own as calls_own_routine, is_own as is_own_routine};

/// Reads every statement of the regions. What cannot be read is an `Opaque` op, so no statement is ever left out.
pub fn read(dialect: Dialect, text: &str, regions: &[Span]) -> Vec<Statement> {
    read_to(Depth::Full, dialect, text, regions)
}

/// The same, to a depth.
pub fn read_to(depth: Depth, dialect: Dialect, text: &str, regions: &[Span]) -> Vec<Statement> {
    let mut statements = Vec::new();
    for region in regions.iter().filter_map(|region| clip(text, *region)) {
        let source = Source { text: region.text(text), base: region.start, nesting: 0, depth };
        match dialect {
            Dialect::Postgres | Dialect::Unknown => statements.extend(postgres::script(source)),
            Dialect::Mysql => statements.extend(other::script(source, "mysql")),
            Dialect::Mariadb => statements.extend(other::script(source, "mariadb")),
            Dialect::Sqlite => statements.extend(other::script(source, "sqlite")),
            Dialect::SqlServer => statements.extend(other::script(source, "sqlserver")),
        }
    }
    statements
}

/// A piece of a file: its text and where its first byte stands in the file.
#[derive(Debug, Clone, Copy)]
struct Source<'a> {
    text: &'a str,
    base: usize,
    /// How many bodies (DO blocks, routines, EXECUTE literals) this text lies in.
    nesting: usize,
    depth: Depth,
}

impl Source<'_> {
    fn span(&self, start: usize, end: usize) -> Span {
        Span { start: self.base + start, end: self.base + end.max(start) }
    }
}

/// The part of a region that exists in the text and lies on character borders.
fn clip(text: &str, region: Span) -> Option<Span> {
    let mut start = region.start.min(text.len());
    let mut end = region.end.min(text.len());
    while !text.is_char_boundary(start) {
        start += 1;
    }
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (start < end).then_some(Span { start, end })
}

fn opaque(span: Span, reason: OpaqueReason, detail: impl Into<String>) -> Op {
    Op { span, kind: SchemaOp::Opaque { reason, detail: detail.into() } }
}
