//! SQL text to statements, one file a dialect. Only this folder sees a parser's types.

pub mod postgres;

use super::Dialect;
use crate::schema::op::Statement;
use crate::source::Span;

/// The statements in `regions` of `text`, spans in bytes of the whole text.
pub fn read(_dialect: Dialect, _text: &str, _regions: &[Span]) -> Vec<Statement> {
    Vec::new()
}
