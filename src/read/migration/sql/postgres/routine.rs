//! Functions, procedures and aggregates, `DO` and `CALL` to ops.

use super::super::lex::Kind;
use super::super::{Depth, Source, opaque};
use super::alter_table::{Common, common};
use super::cursor::Cursor;
use super::statement::{Ops, single};
use super::{plpgsql, script};
use crate::schema::op::{CreateRoutine, Op, OpaqueReason, RoutineAction, RoutineKind, RoutineName, SchemaOp, Statement, Volatility};
use crate::schema::types::TypeName;
use crate::source::Span;

fn kind(c: &mut Cursor<'_>) -> Option<RoutineKind> {
    Some(match c.one_of(&["function", "procedure", "aggregate", "routine"])? {
        "function" => RoutineKind::Function,
        "procedure" => RoutineKind::Procedure,
        "aggregate" => RoutineKind::Aggregate,
        _ => RoutineKind::Routine,
    })
}

#[derive(Default)]
struct Arguments {
    types: Vec<TypeName>,
    names: Vec<Option<crate::schema::name::Name>>,
    defaults: usize,
}

/// `(a integer, OUT b text, c integer DEFAULT 1)`: the input arguments.
fn arguments(c: &mut Cursor<'_>) -> Option<Arguments> {
    let mut found = Arguments::default();
    c.need("(")?;
    if c.eat("*") {
        c.need(")")?;
        return Some(found);
    }
    while !c.eat(")") {
        if c.eat("order by") || c.eat(",") {
            continue;
        }
        let before = c.one_of(&["in out", "inout", "in", "out", "variadic"]);
        // `name type` or `type`: what the parser calls a type at the second token tells.
        let from = c.pos;
        let mut name = None;
        let mut ty = None;
        if let Some(first) = c.name() {
            ty = if c.at(",") || c.at(")") || c.at("=") || c.at("default") || c.at(":") || c.at("order") { None } else { c.ty() };
            name = ty.is_some().then_some(first);
        }
        let after = if ty.is_some() || name.is_some() { None } else { Some(()) };
        if after.is_some() {
            c.pos = from;
            ty = c.ty();
        }
        let ty = ty?;
        if c.eat("default")
            || c.eat("=")
            || (c.at(": =") && {
                c.pos += 2;
                true
            })
        {
            c.expr()?;
            found.defaults += 1;
        }
        if before != Some("out") {
            found.types.push(ty);
            found.names.push(name);
        }
    }
    Some(found)
}

pub(super) fn create(c: &mut Cursor<'_>, or_replace: bool) -> Ops {
    let kind = kind(c)?;
    let name = c.rel()?;
    let span = name.span();
    let arguments = arguments(c)?;
    let mut routine = CreateRoutine {
        routine: RoutineName { name, kind, args: Some(arguments.types) },
        or_replace,
        defaults: arguments.defaults,
        arg_names: arguments.names,
        returns: None,
        language: None,
        volatility: None,
        body: Vec::new(),
        body_span: None,
        body_unread: false,
    };
    if c.eat("returns") {
        let from = c.pos;
        if !c.eat("null on null input") {
            if c.eat("table") {
                c.skip_parens().then_some(())?;
            } else {
                c.ty()?;
            }
            routine.returns = Some(c.text_between(from, c.pos));
        }
    }
    let mut definition = None;
    while !c.at_end() {
        option(c, &mut routine, &mut definition)?;
    }
    if let Some(token) = definition {
        let language = routine.language.clone().unwrap_or_default();
        routine.body_span = Some(inner(c, token).map_or(c.span_at(token), |(span, _)| span));
        routine.body = quoted_body(c, token, &language);
        routine.body_unread = c.source.depth == Depth::Catalog;
    }
    single(span, SchemaOp::CreateRoutine(Box::new(routine)))
}

fn option(c: &mut Cursor<'_>, routine: &mut CreateRoutine, definition: &mut Option<usize>) -> Option<()> {
    let flags = [
        "called on null input",
        "returns null on null input",
        "strict",
        "not leakproof",
        "leakproof",
        "external security invoker",
        "external security definer",
        "security invoker",
        "security definer",
        "window",
    ];
    if let Some(volatility) = c.one_of(&["immutable", "stable", "volatile"]) {
        routine.volatility = Some(match volatility {
            "immutable" => Volatility::Immutable,
            "stable" => Volatility::Stable,
            _ => Volatility::Volatile,
        });
    } else if c.eat("language") {
        let name = c.string().map(|s| s.to_lowercase()).or_else(|| c.name().map(|n| n.text))?;
        routine.language = Some(name);
    } else if c.one_of(&flags).is_some() {
    } else if c.eat("parallel") || c.eat("support") {
        c.rel()?;
    } else if c.eat("cost") || c.eat("rows") {
        c.pos += 1;
    } else if c.eat("transform") {
        c.list(|c| {
            c.need("for type")?;
            c.ty()
        })?;
    } else if c.eat("set") {
        setting(c)?;
    } else if c.eat("as") {
        *definition = Some(c.pos);
        c.pos += 1;
        if c.eat(",") {
            c.pos += 1;
        }
    } else if c.at("begin atomic") {
        let from = c.pos;
        let statements = atomic(c)?;
        routine.body_span = Some(c.span_from(from));
        routine.body = statements;
        routine.language.get_or_insert_with(|| "sql".to_owned());
    } else if c.at("return") {
        let from = c.pos;
        c.pos += 1;
        c.expr()?;
        routine.body_span = Some(c.span_from(from));
        routine.body = plpgsql::expression(c.source, c.tokens[from + 1].start, c.tokens[c.pos - 1].end);
        routine.language.get_or_insert_with(|| "sql".to_owned());
    } else {
        return None;
    }
    Some(())
}

/// `SET name TO value`, `SET name FROM CURRENT`, up to the next option.
fn setting(c: &mut Cursor<'_>) -> Option<()> {
    c.rel()?;
    if c.eat("from current") {
        return Some(());
    }
    c.one_of(&["to", "="])?;
    c.list(|c| {
        if c.at("-") {
            c.pos += 1;
        }
        c.pos += 1;
        (c.pos <= c.tokens.len()).then_some(())
    })?;
    Some(())
}

/// `BEGIN ATOMIC … END`: its statements.
fn atomic(c: &mut Cursor<'_>) -> Option<Vec<Statement>> {
    c.need("begin atomic")?;
    let start = c.tokens.get(c.pos)?.start;
    let mut cases = 0usize;
    while !c.at_end() {
        if c.at("case") {
            cases += 1;
        } else if c.at("end") {
            if cases == 0 {
                break;
            }
            cases -= 1;
        }
        c.pos += 1;
    }
    let end = c.tokens.get(c.pos)?.start;
    c.need("end")?;
    let text = c.source.text.get(start..end)?;
    Some(script(Source { text, base: c.source.base + start, nesting: c.source.nesting + 1, depth: c.source.depth }))
}

/// The bytes inside a string literal and their text, escapes blanked so that every byte keeps its place.
pub(super) fn inner<'a>(c: &Cursor<'a>, token: usize) -> Option<(Span, std::borrow::Cow<'a, str>)> {
    let found = c.tokens.get(token)?;
    let (start, end, text) = plpgsql::literal_text(c.source.text, *found)?;
    Some((c.source.span(start, end), text))
}

fn quoted_body(c: &Cursor<'_>, token: usize, language: &str) -> Vec<Statement> {
    let Some((span, text)) = inner(c, token) else { return Vec::new() };
    let runs_now = c.text_at(0).eq_ignore_ascii_case("do");
    if c.source.depth == Depth::Catalog && !runs_now {
        return Vec::new();
    }
    let source = Source { text: &text, base: span.start, nesting: c.source.nesting + 1, depth: c.source.depth };
    match language {
        "sql" => script(source),
        "plpgsql" => plpgsql::body(source),
        _ => Vec::new(),
    }
}

pub(super) fn run(c: &mut Cursor<'_>) -> Ops {
    if c.eat("call") {
        let routine = c.rel()?;
        c.skip_parens().then_some(())?;
        return single(routine.span(), SchemaOp::Call { routine });
    }
    let head = c.span_at(0);
    c.need("do")?;
    let mut language = "plpgsql".to_owned();
    let mut body = None;
    while !c.at_end() {
        if c.eat("language") {
            language = c.string().map(|s| s.to_lowercase()).or_else(|| c.name().map(|n| n.text))?;
        } else {
            matches!(c.kind()?, Kind::Text | Kind::Escaped | Kind::Dollar).then_some(())?;
            body = Some(c.pos);
            c.pos += 1;
        }
    }
    let token = body?;
    if language != "plpgsql" {
        let detail = format!("a DO block in {language} is not read");
        return Some(vec![opaque(c.span_at(token), OpaqueReason::Dynamic, detail)]);
    }
    let body = quoted_body(c, token, &language);
    single(head, SchemaOp::Do { language, body })
}

/// A routine's name with its argument types, when they are written.
pub(super) fn signature(c: &mut Cursor<'_>, kind: RoutineKind) -> Option<RoutineName> {
    let name = c.rel()?;
    let args = if c.at("(") { Some(arguments(c)?.types) } else { None };
    Some(RoutineName { name, kind, args })
}

pub(super) fn alter(c: &mut Cursor<'_>) -> Ops {
    let kind = kind(c)?;
    let routine = signature(c, kind)?;
    let span = routine.name.span();
    if let Some(shared) = common(c) {
        let action = match shared {
            Common::Rename(to) => RoutineAction::Rename { to },
            Common::SetSchema(schema) => RoutineAction::SetSchema { schema },
            Common::OwnerTo(role) => RoutineAction::OwnerTo { role },
        };
        return single(span, SchemaOp::AlterRoutine { routine, action });
    }
    let mut words = Vec::new();
    while !c.at_end() {
        if let Ok(word) = c.word().ok_or(()) {
            words.push(word);
        } else {
            c.pos += 1;
        }
    }
    single(span, SchemaOp::AlterRoutine { routine, action: RoutineAction::Options { words } })
}

pub(super) fn drop(c: &mut Cursor<'_>) -> Ops {
    let kind = kind(c)?;
    let if_exists = c.if_exists();
    let routines = c.list(|c| signature(c, kind))?;
    let cascade = c.cascade();
    let op = |routine: RoutineName| Op { span: routine.name.span(), kind: SchemaOp::DropRoutine { routine, if_exists, cascade } };
    Some(routines.into_iter().map(op).collect())
}
