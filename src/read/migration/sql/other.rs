//! Scripts of dialects that are not read yet: text in, one opaque op a statement out.

use super::Source;
use super::split::{self, Piece};
use super::{opaque, postgres};
use crate::schema::op::{OpaqueReason, Statement};

pub(super) fn script(source: Source<'_>, dialect: &str) -> Vec<Statement> {
    let split = split::split(source.text);
    let opaque_statement = |piece: &Piece| {
        let span = source.span(piece.start, piece.end);
        let head = postgres::first_words(&split.text, &split.tokens[piece.tokens.clone()], 3);
        Statement { span, ops: vec![opaque(span, OpaqueReason::Unsupported, format!("dialect {dialect} is not read yet: {head}"))] }
    };
    split.pieces.iter().map(opaque_statement).collect()
}
