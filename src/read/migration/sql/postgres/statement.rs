//! One statement's tokens in, its ops out: size and depth limits, the parser's verdict, then the lowering by first words.

use std::panic::{AssertUnwindSafe, catch_unwind};

use squawk_syntax::{SourceFile, SyntaxNode};

use super::super::lex::{Kind, Token};
use super::super::{Depth, Source, opaque};
use super::cursor::Cursor;
use super::{
    alter_table, data, domain, first_words, index, misc, privilege, publication, routine, sequence, session, table, trigger, types, view,
};
use crate::schema::name::RelName;
use crate::schema::op::{Op, OpaqueReason, SchemaOp};
use crate::source::Span;

const MAX_BYTES: usize = 1 << 20;
const MAX_TOKENS: usize = 200_000;
/// A debug build of the parser overflows 2 MB of stack at some 600 nested calls or subqueries; 320 were measured to be safe.
const MAX_DEPTH: usize = 128;
/// Operators on one path of the tree: each adds a level to it. 5,000 were measured to be safe.
const MAX_OPERATORS: usize = 2_000;

/// Words that join two operands, or stand before one.
const CHAINING: &[&str] = &[
    "and",
    "or",
    "not",
    "is",
    "in",
    "like",
    "ilike",
    "union",
    "except",
    "intersect",
    "at",
    "collate",
    "isnull",
    "notnull",
    "join",
    "explain",
];

/// What a lowering function gives: `None` when the form is not known here.
pub(super) type Ops = Option<Vec<Op>>;

pub(super) fn lower(source: Source<'_>, tokens: &[Token], templated: bool) -> Vec<Op> {
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return Vec::new() };
    let span = source.span(first.start, last.end);
    if let Some(op) = data::light_insert(source, tokens) {
        return vec![op];
    }
    if is_comment(source, tokens) {
        let kind = SchemaOp::Irrelevant { verb: "comment".to_owned(), object: "comment".to_owned(), name: None };
        return vec![Op { span, kind }];
    }
    if let Some(why) = too_large(source, tokens) {
        return vec![opaque(span, OpaqueReason::TooLarge, why)];
    }
    let text = source.text.get(first.start..last.end).unwrap_or("");
    let tree = match parse(text, is_routine(source, tokens), source.depth) {
        Ok(tree) => tree,
        Err(message) if templated => {
            return vec![opaque(span, OpaqueReason::Dynamic, format!("a runner's placeholder decides: {message}"))];
        }
        Err(message) => return vec![opaque(span, OpaqueReason::Syntax, message)],
    };
    let mut cursor = Cursor::new(source, tokens, tree);
    match dispatch(&mut cursor) {
        Some(ops) if cursor.at_end() => ops,
        _ => {
            let head = first_words(source.text, tokens, 4);
            let near = cursor.text_at(cursor.pos.min(tokens.len().saturating_sub(1)));
            vec![opaque(span, OpaqueReason::Unsupported, format!("{head}: not understood at `{}`", clip(near)))]
        }
    }
}

/// `COMMENT ON kind name IS 'text'` is told by its tokens: dumps hold thousands of them.
fn is_comment(source: Source<'_>, tokens: &[Token]) -> bool {
    let word = |i: usize| tokens.get(i).filter(|t| t.kind == Kind::Word).and_then(|t| source.text.get(t.start..t.end)).unwrap_or("");
    let [_, _, middle @ .., is, text] = tokens else { return false };
    let named = middle.len() >= 2 && middle.iter().all(|t| matches!(t.kind, Kind::Word | Kind::Quoted | Kind::Symbol(b'.')));
    named
        && text.kind == Kind::Text
        && source.text.get(is.start..is.end).is_some_and(|word| word.eq_ignore_ascii_case("is"))
        && word(0).eq_ignore_ascii_case("comment")
        && word(1).eq_ignore_ascii_case("on")
}

fn clip(text: &str) -> String {
    text.chars().take(40).collect()
}

fn is_routine(source: Source<'_>, tokens: &[Token]) -> bool {
    let head = first_words(source.text, tokens, 4);
    head.starts_with("CREATE") && (head.contains(" FUNCTION") || head.contains(" PROCEDURE"))
}

/// The parser's tree, or its first complaint.
fn parse(text: &str, routine: bool, depth: Depth) -> Result<SyntaxNode, String> {
    let parsed = catch_unwind(AssertUnwindSafe(|| {
        let parse = SourceFile::parse(text);
        let errors = if depth == Depth::Full { parse.errors() } else { Vec::new() };
        (parse, errors)
    }));
    let Ok((parse, errors)) = parsed else { return Err("the parser gave up".to_owned()) };
    let tree = parse.syntax_node();
    // A routine's body is read on its own, and only what cannot be read of it is opaque.
    let in_body = |start: u32| {
        let token = tree.token_at_offset(start.into()).right_biased();
        routine && token.is_some_and(|t| t.text().starts_with('$') || t.text().starts_with(['\'', 'E', 'e']) && t.text().ends_with('\''))
    };
    match errors.iter().find(|error| !in_body(error.range().start().into())) {
        Some(error) => Err(error.message().to_owned()),
        None => Ok(tree),
    }
}

fn too_large(source: Source<'_>, tokens: &[Token]) -> Option<String> {
    let bytes = tokens.last()?.end - tokens.first()?.start;
    if bytes > MAX_BYTES {
        return Some(format!("a statement of {bytes} bytes"));
    }
    if tokens.len() > MAX_TOKENS {
        return Some(format!("a statement of {} tokens", tokens.len()));
    }
    let (deepest, longest) = shape(source, tokens);
    if deepest > MAX_DEPTH {
        return Some(format!("a statement nested {deepest} levels deep"));
    }
    (longest > MAX_OPERATORS).then(|| format!("an expression of {longest} operators"))
}

/// How deep the tokens nest, prefix operators counted as levels, and how many operators lie on one path of the tree.
fn shape(source: Source<'_>, tokens: &[Token]) -> (usize, usize) {
    let (mut deepest, mut longest) = (0usize, 0usize);
    // For each open level: what it adds to the depth, and the operators before it.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let (mut depth, mut below) = (0usize, 0usize);
    // Operators one after the other, and operators since the last comma of this level.
    let (mut run, mut chain) = (0usize, 0usize);
    for token in tokens {
        let word = if token.kind == Kind::Word { source.text.get(token.start..token.end).unwrap_or("") } else { "" };
        let opens = matches!(token.kind, Kind::Symbol(b'(' | b'[')) || word.eq_ignore_ascii_case("case");
        let closes = matches!(token.kind, Kind::Symbol(b')' | b']')) || word.eq_ignore_ascii_case("end");
        if opens {
            open.push((run + 1, chain));
            (depth, below) = (depth + run + 1, below + chain);
            (run, chain) = (0, 0);
        } else if closes {
            if let Some((levels, before)) = open.pop() {
                (depth, below, chain) = (depth - levels, below - before, before);
            }
            run = 0;
        } else if matches!(token.kind, Kind::Symbol(b',' | b';')) {
            (run, chain) = (0, 0);
        } else if matches!(token.kind, Kind::Symbol(_)) || CHAINING.iter().any(|chaining| word.eq_ignore_ascii_case(chaining)) {
            (run, chain) = (run + 1, chain + 1);
        } else {
            run = 0;
        }
        deepest = deepest.max(depth + run);
        longest = longest.max(below + chain);
    }
    (deepest, longest)
}

pub(super) fn single(span: Span, kind: SchemaOp) -> Ops {
    Some(vec![Op { span, kind }])
}

pub(super) fn irrelevant(span: Span, verb: &str, object: &str, name: Option<RelName>) -> Ops {
    single(span, SchemaOp::Irrelevant { verb: verb.to_owned(), object: object.to_owned(), name })
}

fn dispatch(c: &mut Cursor<'_>) -> Ops {
    match c.text_at(0).to_ascii_lowercase().as_str() {
        "create" => create(c),
        "alter" => alter(c),
        "drop" => drop_object(c),
        "insert" | "update" | "delete" | "merge" | "select" | "with" | "values" | "table" | "(" | "copy" | "truncate" => data::lower(c),
        "grant" | "revoke" => privilege::lower(c),
        "do" | "call" => routine::run(c),
        "set" | "reset" | "begin" | "start" | "commit" | "end" | "rollback" | "abort" | "savepoint" | "release" => session::lower(c),
        "lock" | "vacuum" | "analyze" | "analyse" | "cluster" | "reindex" | "refresh" | "repack" => session::maintain(c),
        "prepare" if c.text_at(1).eq_ignore_ascii_case("transaction") => session::lower(c),
        _ => misc::lower(c),
    }
}

fn create(c: &mut Cursor<'_>) -> Ops {
    c.need("create")?;
    let start = c.pos;
    let or_replace = c.eat("or replace");
    let after = c.pos;
    let temporary = c.one_of(&["global temporary", "global temp", "local temporary", "local temp", "temporary", "temp"]).is_some();
    let unlogged = c.eat("unlogged");
    if c.at("table") || c.at("foreign table") {
        return table::create(c, temporary, unlogged);
    }
    if c.at("sequence") {
        return sequence::create(c);
    }
    if c.at("view") || c.at("recursive view") || c.at("materialized view") {
        return view::create(c, or_replace, temporary);
    }
    c.pos = after;
    if c.at("index") || c.at("unique index") {
        return index::create(c);
    }
    if c.at("type") {
        return types::create(c);
    }
    if c.at("domain") {
        return domain::create(c);
    }
    if c.at("function") || c.at("procedure") {
        return routine::create(c, or_replace);
    }
    if c.at("trigger") || c.at("constraint trigger") {
        return trigger::create(c, or_replace);
    }
    if c.at("rule") || c.at("policy") {
        return trigger::create_rule_or_policy(c, or_replace);
    }
    if c.at("publication") {
        return publication::create(c);
    }
    if c.at("schema") || c.at("extension") {
        return misc::create_schema_or_extension(c);
    }
    c.pos = start;
    misc::other(c, "create")
}

fn alter(c: &mut Cursor<'_>) -> Ops {
    c.need("alter")?;
    if c.at("table") || c.at("foreign table") {
        return alter_table::lower(c);
    }
    if c.at("index") {
        return index::alter(c);
    }
    if c.at("view") || c.at("materialized view") {
        return view::alter(c);
    }
    if c.at("sequence") {
        return sequence::alter(c);
    }
    if c.at("type") {
        return types::alter(c);
    }
    if c.at("domain") {
        return domain::alter(c);
    }
    if c.at("function") || c.at("procedure") || c.at("routine") || c.at("aggregate") {
        return routine::alter(c);
    }
    if c.at("trigger") || c.at("policy") || c.at("rule") {
        return trigger::alter(c);
    }
    if c.at("publication") {
        return publication::alter(c);
    }
    if c.at("schema") || c.at("extension") {
        return misc::alter_schema_or_extension(c);
    }
    if c.at("default privileges") {
        return privilege::defaults(c);
    }
    misc::other(c, "alter")
}

fn drop_object(c: &mut Cursor<'_>) -> Ops {
    c.need("drop")?;
    if c.at("function") || c.at("procedure") || c.at("routine") || c.at("aggregate") {
        return routine::drop(c);
    }
    if c.at("trigger") || c.at("policy") || c.at("rule") {
        return trigger::drop(c);
    }
    if c.at("index") {
        return index::drop(c);
    }
    misc::drop(c)
}
