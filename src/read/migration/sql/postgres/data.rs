//! `SELECT`, `INSERT`, `UPDATE`, `DELETE`, `MERGE`, `COPY` and `TRUNCATE` to ops.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::super::lex::{Kind, Lexer, Token};
use super::super::split::Piece;
use super::super::{Source, opaque};
use super::cursor::Cursor;
use super::statement::{Ops, single};
use super::{bounded, expr, query};
use crate::schema::name::{Name, RelName, fold_postgres};
use crate::schema::op::{ConflictTarget, Delete, Expr, Insert, Op, OpaqueReason, SchemaOp, Update};
use crate::source::Span;

/// An INSERT of rows that hold more than literals is read by its head alone when it has more tokens than this.
const LIGHT_INSERT_TOKENS: usize = 400;

pub(super) fn lower(c: &mut Cursor<'_>) -> Ops {
    if c.at("with") {
        skip_ctes(c)?;
    }
    match c.text_at(c.pos).to_ascii_lowercase().as_str() {
        "insert" => insert(c),
        "update" => update(c),
        "delete" => delete(c),
        "merge" => merge(c),
        "copy" => copy(c),
        "truncate" => truncate(c),
        _ => select(c),
    }
}

/// `WITH [RECURSIVE] a AS (…), b (x) AS MATERIALIZED (…)`, up to the main statement.
fn skip_ctes(c: &mut Cursor<'_>) -> Option<()> {
    c.need("with")?;
    c.eat("recursive");
    loop {
        c.name()?;
        c.skip_parens();
        c.need("as")?;
        c.one_of(&["not materialized", "materialized"]);
        c.skip_parens().then_some(())?;
        while !c.at_end() && (c.at("search") || c.at("cycle")) {
            while !(c.at_end() || c.at(",") || ["select", "insert", "update", "delete", "merge", "values"].iter().any(|w| c.at(w))) {
                c.pos += 1;
            }
        }
        if !c.eat(",") {
            return Some(());
        }
    }
}

/// Ops that write, in the WITH clause of another statement, are ops of their own.
fn writes_in_ctes(c: &Cursor<'_>) -> Vec<Op> {
    let origin = c.origin();
    let mut ops = Vec::new();
    for node in c.tree.descendants() {
        let in_cte = node.parent().is_some_and(|p| p.kind() == SyntaxKind::WITH_TABLE);
        if !in_cte {
            continue;
        }
        let target = node.children().find(|n| {
            matches!(
                n.kind(),
                SyntaxKind::RELATION_NAME | SyntaxKind::TABLE_RELATION_NAME | SyntaxKind::RELATION_NAME_REF | SyntaxKind::TABLE_NAME_REF
            )
        });
        let Some(table) = target.and_then(|n| query::rel_name(&n, origin)) else { continue };
        let facts = query::facts(&node, origin);
        let predicate = where_of(&node, origin);
        let limited = bounded::is(&node);
        let kind = match node.kind() {
            SyntaxKind::UPDATE => SchemaOp::Update(Box::new(Update {
                table: without_only(table.clone()),
                set: set_columns(&node, origin),
                predicate,
                bounded: limited,
                equals: bounded::equals(&node),
                query: facts,
            })),
            SyntaxKind::DELETE => SchemaOp::Delete(Box::new(Delete {
                table: without_only(table.clone()),
                predicate,
                bounded: limited,
                equals: bounded::equals(&node),
                query: facts,
            })),
            SyntaxKind::INSERT => SchemaOp::Insert(Box::new(Insert {
                table: table.clone(),
                columns: Vec::new(),
                rows: None,
                query: Some(facts),
                conflict: None,
            })),
            SyntaxKind::MERGE => SchemaOp::Merge { table: without_only(table.clone()), query: facts },
            _ => continue,
        };
        ops.push(Op { span: table.span(), kind });
    }
    ops
}

/// `ONLY t` read as a path gives `only.t`.
fn without_only(rel: RelName) -> RelName {
    if rel.schema.as_ref().is_some_and(|s| s.text == "only") { RelName { schema: None, name: rel.name } } else { rel }
}

fn where_of(node: &SyntaxNode, origin: usize) -> Option<Expr> {
    let clause = node.children().find(|n| n.kind() == SyntaxKind::WHERE_CLAUSE)?;
    let predicate = expr::facts(&clause.first_child()?, origin);
    // `WHERE true` is none.
    (!predicate.text.eq_ignore_ascii_case("true")).then_some(predicate)
}

fn with_ctes(c: &Cursor<'_>, op: Op) -> Ops {
    let mut ops = writes_in_ctes(c);
    ops.push(op);
    Some(ops)
}

/// The node of the main statement.
fn main_node(c: &Cursor<'_>, kind: SyntaxKind) -> Option<SyntaxNode> {
    c.tree.children().find(|n| n.kind() == kind)
}

/// The columns that an UPDATE's SET assigns to.
fn set_columns(update: &SyntaxNode, origin: usize) -> Vec<Name> {
    let clause = update.children().find(|n| n.kind() == SyntaxKind::SET_CLAUSE);
    let is_target =
        |n: &SyntaxNode| n.kind() == SyntaxKind::COLUMN_NAME_REF && n.parent().is_some_and(|p| p.kind() == SyntaxKind::COLUMN_TARGET);
    let name = |n: SyntaxNode| Some(Name::new(expr::path(&n)?.pop()?, expr::span_of(&n, origin)));
    clause.into_iter().flat_map(|clause| clause.descendants()).filter(is_target).filter_map(name).collect()
}

fn update(c: &mut Cursor<'_>) -> Ops {
    c.need("update")?;
    let (table, _) = c.only_rel()?;
    let node = main_node(c, SyntaxKind::UPDATE)?;
    let set = set_columns(&node, c.origin());
    let origin = c.origin();
    let update = Update {
        set,
        predicate: where_of(&node, origin),
        bounded: bounded::is(&node),
        equals: bounded::equals(&node),
        query: c.whole_query(),
        table,
    };
    c.skip_rest();
    with_ctes(c, Op { span: update.table.span(), kind: SchemaOp::Update(Box::new(update)) })
}

fn delete(c: &mut Cursor<'_>) -> Ops {
    c.need("delete from")?;
    let (table, _) = c.only_rel()?;
    let node = main_node(c, SyntaxKind::DELETE)?;
    let delete = Delete {
        predicate: where_of(&node, c.origin()),
        bounded: bounded::is(&node),
        equals: bounded::equals(&node),
        query: c.whole_query(),
        table,
    };
    c.skip_rest();
    with_ctes(c, Op { span: delete.table.span(), kind: SchemaOp::Delete(Box::new(delete)) })
}

fn merge(c: &mut Cursor<'_>) -> Ops {
    c.need("merge into")?;
    let (table, _) = c.only_rel()?;
    let query = c.whole_query();
    c.skip_rest();
    with_ctes(c, Op { span: table.span(), kind: SchemaOp::Merge { table, query } })
}

fn select(c: &mut Cursor<'_>) -> Ops {
    let head = c.span_at(c.pos);
    if let Some(set) = set_config(c) {
        return Some(vec![set]);
    }
    let into = main_node(c, SyntaxKind::SELECT_INTO).and_then(|node| {
        let clause = node.children().find(|n| n.kind() == SyntaxKind::INTO_CLAUSE)?;
        let name = clause.descendants().find(|n| matches!(n.kind(), SyntaxKind::PATH | SyntaxKind::PATH_REF))?;
        query::rel_name(&name, c.origin())
    });
    let query = c.whole_query();
    c.skip_rest();
    let span = into.as_ref().map_or(head, RelName::span);
    with_ctes(c, Op { span, kind: SchemaOp::Select { query, into } })
}

/// `SELECT set_config('name', 'value', is_local)` is `SET`.
fn set_config(c: &mut Cursor<'_>) -> Option<Op> {
    let start = c.pos;
    let found = (|| {
        c.need("select")?;
        c.eat("pg_catalog .");
        let name_at = c.pos;
        c.need("set_config (")?;
        let name = c.string()?.to_lowercase();
        c.need(",")?;
        let value = c.string()?;
        c.need(",")?;
        let local = c.one_of(&["true", "false"])? == "true";
        c.need(")")?;
        c.at_end().then_some(())?;
        Some(Op { span: c.span_at(name_at), kind: SchemaOp::Set { name, value: Some(value), local } })
    })();
    if found.is_none() {
        c.pos = start;
    }
    found
}

fn insert(c: &mut Cursor<'_>) -> Ops {
    c.need("insert into")?;
    let table = c.rel()?;
    if c.eat("as") {
        c.name()?;
    }
    let columns = if c.at("(") && !c.at("( select") && !c.at("( with") && !c.at("( values") { insert_columns(c)? } else { Vec::new() };
    c.one_of(&["overriding system value", "overriding user value"]);
    let mut insert = Insert { table, columns, rows: None, query: None, conflict: None };
    if c.eat("default values") {
        insert.rows = Some(1);
    } else if c.at("values") {
        insert.rows = Some(rows(c));
        c.query_node()?;
    } else {
        insert.query = Some(c.query()?);
    }
    if c.eat("on conflict") {
        insert.conflict = Some(conflict(c)?);
    }
    // RETURNING and DO UPDATE touch the rows of this statement only.
    c.skip_rest();
    with_ctes(c, Op { span: insert.table.span(), kind: SchemaOp::Insert(Box::new(insert)) })
}

fn insert_columns(c: &mut Cursor<'_>) -> Option<Vec<Name>> {
    c.need("(")?;
    let columns = c.list(|c| {
        let name = c.name()?;
        while !(c.at_end() || c.at(",") || c.at(")")) {
            c.pos += 1;
        }
        Some(name)
    })?;
    c.need(")")?;
    Some(columns)
}

/// How many rows follow VALUES; the cursor stays.
fn rows(c: &Cursor<'_>) -> usize {
    count_rows(c.source.text, &c.tokens[c.pos..])
}

fn count_rows(text: &str, tokens: &[Token]) -> usize {
    let (mut depth, mut rows) = (0usize, 0);
    for token in tokens {
        match token.kind {
            Kind::Symbol(b'(') => {
                rows += usize::from(depth == 0);
                depth += 1;
            }
            Kind::Symbol(b')') => depth = depth.saturating_sub(1),
            Kind::Word if depth == 0 && !text.get(token.start..token.end).unwrap_or("").eq_ignore_ascii_case("values") => break,
            _ => {}
        }
    }
    rows
}

fn conflict(c: &mut Cursor<'_>) -> Option<ConflictTarget> {
    if c.eat("on constraint") {
        return Some(ConflictTarget::Constraint(c.name()?));
    }
    if !c.at("(") {
        return Some(ConflictTarget::Any);
    }
    c.pos += 1;
    let mut columns = Vec::new();
    loop {
        let key = c.expr()?;
        columns.extend(key.columns.iter().map(|column| Name::new(column.clone(), key.span)));
        while !(c.at_end() || c.at(",") || c.at(")")) {
            c.pos += 1;
        }
        if !c.eat(",") {
            c.need(")")?;
            return Some(ConflictTarget::Columns(columns));
        }
    }
}

/// An `INSERT … VALUES` of literals, or a long one, from its tokens alone, so that a data load of megabytes costs no parse.
pub(super) fn light_insert(source: Source<'_>, tokens: &[Token]) -> Option<Op> {
    let word = |i: usize| tokens.get(i).and_then(|t| source.text.get(t.start..t.end)).unwrap_or("");
    if !word(0).eq_ignore_ascii_case("insert") || !word(1).eq_ignore_ascii_case("into") {
        return None;
    }
    let name = |i: usize| {
        let token = tokens.get(i).filter(|t| matches!(t.kind, Kind::Word | Kind::Quoted))?;
        Some(Name::new(fold_postgres(word(i)), source.span(token.start, token.end)))
    };
    let mut at = 2;
    let mut table = RelName { schema: None, name: name(at)? };
    at += 1;
    while word(at) == "." {
        table = RelName { schema: Some(table.name), name: name(at + 1)? };
        at += 2;
    }
    let mut columns = Vec::new();
    if word(at) == "(" {
        loop {
            columns.push(name(at + 1)?);
            at += 2;
            match word(at) {
                "," => {}
                ")" => break,
                _ => return None,
            }
        }
        at += 1;
    }
    if !word(at).eq_ignore_ascii_case("values") || !plain_rows(source.text, &tokens[at + 1..]) {
        return None;
    }
    if tokens.len() < LIGHT_INSERT_TOKENS && !literal_rows(source.text, &tokens[at + 1..]) {
        return None;
    }
    let rows = Some(count_rows(source.text, &tokens[at..]));
    Some(Op { span: table.span(), kind: SchemaOp::Insert(Box::new(Insert { table, columns, rows, query: None, conflict: None })) })
}

/// Whether the tokens are rows in parentheses to the end, without subqueries; anything else goes to the parser.
fn plain_rows(text: &str, tokens: &[Token]) -> bool {
    let mut depth = 0usize;
    let mut expects_row = true;
    for token in tokens {
        match token.kind {
            Kind::Symbol(b'(') => {
                if depth == 0 && !std::mem::replace(&mut expects_row, false) {
                    return false;
                }
                depth += 1;
            }
            Kind::Symbol(b')') => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return false,
            },
            Kind::Symbol(b',') if depth == 0 && !expects_row => expects_row = true,
            Kind::Word if text.get(token.start..token.end).unwrap_or("").eq_ignore_ascii_case("select") => return false,
            _ if depth == 0 => return false,
            _ => {}
        }
    }
    depth == 0 && !expects_row
}

/// Whether the rows hold literals between single commas and nothing else: then there is nothing for the parser to refuse.
fn literal_rows(text: &str, tokens: &[Token]) -> bool {
    let mut inside = false;
    let mut expects_value = false;
    tokens.iter().all(|token| match token.kind {
        Kind::Symbol(b'(') if !inside => {
            (inside, expects_value) = (true, true);
            true
        }
        Kind::Symbol(b')') if inside && !expects_value => {
            inside = false;
            true
        }
        // `plain_rows` has looked at the commas between rows.
        Kind::Symbol(b',') if !inside => true,
        Kind::Symbol(b',') => !std::mem::replace(&mut expects_value, true),
        Kind::Text | Kind::Number => inside && std::mem::replace(&mut expects_value, false),
        Kind::Word => {
            let word = text.get(token.start..token.end).unwrap_or("");
            let literal = ["null", "true", "false", "default"].iter().any(|literal| word.eq_ignore_ascii_case(literal));
            literal && inside && std::mem::replace(&mut expects_value, false)
        }
        _ => false,
    })
}

fn copy(c: &mut Cursor<'_>) -> Ops {
    c.need("copy")?;
    c.eat("binary");
    let (table, columns, span) = if c.at("(") {
        let span = c.span_at(c.pos);
        c.skip_parens();
        (None, Vec::new(), span)
    } else {
        let table = c.rel()?;
        let span = table.span();
        (Some(table), c.opt_paren_names()?, span)
    };
    let from = c.one_of(&["from", "to"])? == "from";
    let program = c.at("program");
    c.skip_rest();
    let mut ops = vec![Op { span, kind: SchemaOp::Copy { table, columns, from } }];
    if program {
        ops.push(opaque(c.span_at(0), OpaqueReason::External, "COPY runs a program on the server"));
    }
    Some(ops)
}

/// psql's `\copy`, which has COPY's head.
pub(super) fn client_copy(source: Source<'_>, piece: &Piece, text: &str) -> Vec<Op> {
    let span = source.span(piece.start, piece.end);
    let unreadable = || vec![opaque(span, OpaqueReason::Unsupported, "psql \\copy: its table could not be read")];
    let mut lexer = Lexer::new(text);
    lexer.pos = "\\copy".len().min(text.len());
    let mut words = Vec::new();
    while let Some(token) = lexer.next() {
        words.push((token.kind, token.start, token.end));
    }
    let text_of = |i: usize| words.get(i).and_then(|(_, start, end)| text.get(*start..*end)).unwrap_or("");
    let span_of = |i: usize| words.get(i).map_or(span, |(_, start, end)| source.span(piece.start + start, piece.start + end));
    let direction = (0..words.len()).find(|i| matches!(text_of(*i).to_ascii_lowercase().as_str(), "from" | "to"));
    let Some(direction) = direction else { return unreadable() };
    let from = text_of(direction).eq_ignore_ascii_case("from");
    if text_of(0) == "(" {
        return vec![Op { span, kind: SchemaOp::Copy { table: None, columns: Vec::new(), from } }];
    }
    let mut at = 0;
    let name = |i: usize| Name::new(fold_postgres(text_of(i)), span_of(i));
    let mut table = RelName { schema: None, name: name(at) };
    while text_of(at + 1) == "." {
        table = RelName { schema: Some(table.name), name: name(at + 2) };
        at += 2;
    }
    let columns = (at + 1..direction).filter(|i| matches!(words[*i].0, Kind::Word | Kind::Quoted)).map(name).collect();
    vec![Op { span: table.span(), kind: SchemaOp::Copy { table: Some(table), columns, from } }]
}

fn truncate(c: &mut Cursor<'_>) -> Ops {
    c.need("truncate")?;
    c.eat("table");
    let tables: Vec<RelName> = c.list(Cursor::only_rel)?.into_iter().map(|(rel, _)| rel).collect();
    let restart_identity = c.eat("restart identity");
    c.eat("continue identity");
    let cascade = c.cascade();
    let span = tables.iter().map(RelName::span).reduce(Span::cover)?;
    single(span, SchemaOp::Truncate { tables, cascade, restart_identity })
}
