//! PostgreSQL scripts to statements: text and where it stands in, ops with byte spans out.
//!
//! Each statement is first checked and parsed by `squawk-syntax`; its tokens are then lowered one after the other, the parser's tree giving
//! the extent of expressions, types and queries. A statement that the parser refuses or whose tokens are not all understood is `Opaque`.

mod alter_table;
mod bounded;
mod constraint;
mod cursor;
mod data;
mod domain;
mod expr;
mod index;
mod misc;
mod plpgsql;
mod privilege;
mod publication;
mod query;
mod routine;
mod sequence;
mod session;
mod statement;
mod table;
mod trigger;
mod types;
mod view;
mod volatility;

use std::borrow::Cow;

use super::lex::{Kind, Token};
use super::split::{self, Piece, PieceKind};
use super::{Depth, Source, opaque};
use crate::schema::name::{Name, RelName};
use crate::schema::op::{Op, OpaqueReason, SchemaOp, Statement, TableAction};
use crate::source::Span;

/// Bodies inside bodies that are still read.
const MAX_NESTING: usize = 6;

/// Whether a statement calls a routine that may be the user's own.
pub fn calls_own(op: &SchemaOp) -> bool {
    match op {
        SchemaOp::Call { .. } => true,
        SchemaOp::Select { query, .. } => query.functions.iter().any(is_own),
        SchemaOp::Do { body, .. } => body.iter().flat_map(|statement| &statement.ops).any(|op| calls_own(&op.kind)),
        _ => false,
    }
}

/// Not one of PostgreSQL's own functions, as far as they are known here.
pub fn is_own(function: &RelName) -> bool {
    function.schema.as_ref().is_none_or(|schema| schema.as_str() != "pg_catalog") && !volatility::is_builtin(function.name.as_str())
}

pub(super) fn script(source: Source<'_>) -> Vec<Statement> {
    if source.nesting > MAX_NESTING {
        let span = source.span(0, source.text.len());
        return vec![Statement { span, ops: vec![opaque(span, OpaqueReason::TooLarge, "SQL nested in SQL too deeply")] }];
    }
    let text = with_line_feeds(source.text);
    let split = split::split(&text);
    let masked = Source { text: &split.text, ..source };
    let read = |piece: &Piece| {
        let mut statement = one(masked, piece, &split.tokens[piece.tokens.clone()]);
        if piece.templated {
            settle_placeholders(&mut statement, source, &split.placeholders);
        }
        statement
    };
    split.pieces.iter().map(read).collect()
}

/// A statement of which the runner decides what table or column it changes may change any.
fn settle_placeholders(statement: &mut Statement, source: Source<'_>, placeholders: &[(usize, usize)]) {
    let masked = |span: Span| placeholders.iter().any(|(start, end)| source.base + start < span.end && span.start < source.base + end);
    let decided = |op: &Op| match &op.kind {
        SchemaOp::AlterTable(alter) => masked(alter.table.name.span) || column_of(&alter.action).is_some_and(|column| masked(column.span)),
        SchemaOp::DropTable { table, .. } => masked(table.name.span),
        SchemaOp::Truncate { tables, .. } => tables.iter().any(|table| masked(table.name.span)),
        SchemaOp::CreateIndex(create) => masked(create.table.name.span),
        _ => false,
    };
    if statement.ops.iter().any(decided) {
        let what = "a runner's placeholder decides what this changes";
        statement.ops = vec![opaque(statement.span, OpaqueReason::Dynamic, what)];
    }
}

/// The column an action is on.
fn column_of(action: &TableAction) -> Option<&Name> {
    match action {
        TableAction::AddColumn { column, .. } => Some(&column.name),
        TableAction::DropColumn { column, .. }
        | TableAction::RenameColumn { from: column, .. }
        | TableAction::AlterColumnType { column, .. }
        | TableAction::SetDefault { column, .. }
        | TableAction::DropDefault { column }
        | TableAction::SetNotNull { column }
        | TableAction::DropNotNull { column } => Some(column),
        _ => None,
    }
}

/// A carriage return ends a comment in PostgreSQL as a line feed does, with or without one after it.
/// Source: PostgreSQL source, `non_newline` (src/backend/parser/scan.l).
fn with_line_feeds(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let lone = |(at, byte): (usize, &u8)| *byte == b'\r' && bytes.get(at + 1) != Some(&b'\n');
    if bytes.iter().enumerate().any(lone) { Cow::Owned(text.replace('\r', "\n")) } else { Cow::Borrowed(text) }
}

fn one(source: Source<'_>, piece: &Piece, tokens: &[Token]) -> Statement {
    let span = source.span(piece.start, piece.end);
    if source.depth == Depth::Catalog && source.nesting == 0 && leaves_schema_alone(source.text, tokens) {
        return Statement { span, ops: Vec::new() };
    }
    let ops = match &piece.kind {
        PieceKind::Opaque(reason, detail) => vec![opaque(span, *reason, detail.clone())],
        PieceKind::ClientCopy(text) => data::client_copy(source, piece, text),
        PieceKind::Sql => statement::lower(source, tokens, piece.templated),
    };
    Statement { span, ops }
}

/// Told by its first word: data, comments and privileges. `SELECT` stays, it may set the search path or make a table.
fn leaves_schema_alone(text: &str, tokens: &[Token]) -> bool {
    const WORDS: [&str; 12] =
        ["INSERT", "UPDATE", "DELETE", "COMMENT", "GRANT", "REVOKE", "COPY", "ANALYZE", "VACUUM", "REINDEX", "LOCK", "REFRESH"];
    let first = first_words(text, tokens, 1);
    WORDS.contains(&first.as_str())
}

/// The first words of a statement, to name it by.
pub(super) fn first_words(text: &str, tokens: &[Token], count: usize) -> String {
    let words = tokens.iter().take_while(|t| t.kind == Kind::Word).take(count).filter_map(|t| text.get(t.start..t.end));
    words.map(str::to_uppercase).collect::<Vec<_>>().join(" ")
}
