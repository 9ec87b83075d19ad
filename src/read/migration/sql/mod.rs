//! SQL text to statements, one file a dialect. Only this folder sees a parser's types.

pub mod postgres;
