//! PL/pgSQL bodies to the SQL statements in them, spans in the file: control words are stepped over, dynamic SQL is read when it is a literal.

use std::borrow::Cow;

use super::super::lex::{Kind, Lexer, Token};
use super::super::{Source, opaque};
use super::script;
use crate::schema::op::{OpaqueReason, SchemaOp, Statement};

/// The bytes inside a string literal and their text. Escapes become blanks, so every byte keeps its place.
pub(super) fn literal_text(text: &str, token: Token) -> Option<(usize, usize, Cow<'_, str>)> {
    let raw = text.get(token.start..token.end)?;
    match token.kind {
        Kind::Dollar => {
            let tag = raw.get(1..)?.find('$')? + 2;
            let (start, end) = (token.start + tag, token.end.checked_sub(tag)?);
            Some((start, end, Cow::Borrowed(text.get(start..end)?)))
        }
        Kind::Text | Kind::Escaped => {
            let open = raw.find('\'')? + 1;
            let (start, end) = (token.start + open, token.end - 1);
            Some((start, end, unescape(text.get(start..end)?, token.kind == Kind::Escaped)))
        }
        _ => None,
    }
}

/// A doubled quote becomes a quote and a blank on its outer side; one doubled twice, inside a nested literal, stays doubled.
fn unescape(inner: &str, backslashes: bool) -> Cow<'_, str> {
    let escapes = inner.contains("''") || (backslashes && inner.contains('\\'));
    if !escapes {
        return Cow::Borrowed(inner);
    }
    let mut bytes = inner.as_bytes().to_vec();
    let is_quote = |bytes: &[u8], i: usize| bytes.get(i + 1) == Some(&b'\'') && (bytes[i] == b'\'' || (backslashes && bytes[i] == b'\\'));
    let (mut open, mut nested_open) = (false, false);
    let mut i = 0;
    while i + 1 < bytes.len() {
        if open && is_quote(&bytes, i) && i + 3 < bytes.len() && is_quote(&bytes, i + 2) {
            bytes[i..i + 4].copy_from_slice(if nested_open { b"''  " } else { b"  ''" });
            nested_open = !nested_open;
            i += 4;
        } else if is_quote(&bytes, i) {
            bytes[i..i + 2].copy_from_slice(if open { b"' " } else { b" '" });
            (open, nested_open) = (!open, false);
            i += 2;
        } else if backslashes && bytes[i] == b'\\' && bytes[i + 1].is_ascii() {
            bytes[i..i + 2].copy_from_slice(b"  ");
            i += 2;
        } else {
            i += 1;
        }
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(inner), Cow::Owned)
}

pub(super) fn body(source: Source<'_>) -> Vec<Statement> {
    let mut lexer = Lexer::new(source.text);
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next() {
        tokens.push(token);
    }
    if let Some(open) = tokens.iter().find(|t| t.kind == Kind::Unterminated) {
        let span = source.span(open.start, open.end);
        return vec![Statement { span, ops: vec![opaque(span, OpaqueReason::Syntax, "a quote or a comment in the body is not closed")] }];
    }
    let mut scanner = Scanner { source, tokens: &tokens, pos: 0, statements: Vec::new() };
    while scanner.pos < tokens.len() {
        scanner.step();
    }
    scanner.statements
}

/// The statement `SELECT expression`, when it calls or reads something; nothing else of an expression matters here.
pub(super) fn expression(source: Source<'_>, start: usize, end: usize) -> Vec<Statement> {
    const SELECT: &str = "SELECT ";
    let (Some(text), Some(base)) = (source.text.get(start..end), (source.base + start).checked_sub(SELECT.len())) else {
        return Vec::new();
    };
    if !text.contains('(') {
        return Vec::new();
    }
    let sql = format!("{SELECT}{text}");
    let span = source.span(start, end);
    let mut found = script(Source { text: &sql, base, nesting: source.nesting + 1, depth: source.depth });
    for statement in &mut found {
        statement.span = span;
        statement.ops.retain(|op| match &op.kind {
            SchemaOp::Select { query, .. } => !query.relations.is_empty() || !query.functions.is_empty(),
            SchemaOp::Set { .. } => true,
            _ => false,
        });
        for op in &mut statement.ops {
            op.span = span;
        }
    }
    found.retain(|statement| !statement.ops.is_empty());
    found
}

struct Scanner<'a> {
    source: Source<'a>,
    tokens: &'a [Token],
    pos: usize,
    statements: Vec<Statement>,
}

impl Scanner<'_> {
    fn text(&self, i: usize) -> &str {
        self.tokens.get(i).and_then(|t| self.source.text.get(t.start..t.end)).unwrap_or("")
    }

    fn is(&self, i: usize, word: &str) -> bool {
        self.text(i).eq_ignore_ascii_case(word)
    }

    /// The first of `words` outside parentheses and CASE expressions at or after `from`; the end when there is none.
    fn find(&self, from: usize, words: &[&str]) -> usize {
        let (mut parens, mut cases) = (0usize, 0usize);
        for i in from..self.tokens.len() {
            match self.tokens[i].kind {
                Kind::Symbol(b'(' | b'[') => parens += 1,
                Kind::Symbol(b')' | b']') => parens = parens.saturating_sub(1),
                Kind::Symbol(b';') if words.contains(&";") => return i,
                Kind::Symbol(_) if words.iter().any(|w| self.is(i, w)) && parens == 0 => return i,
                Kind::Word if cases == 0 && parens == 0 && words.iter().any(|w| self.is(i, w)) => return i,
                Kind::Word if self.is(i, "case") => cases += 1,
                Kind::Word if self.is(i, "end") => cases = cases.saturating_sub(1),
                _ => {}
            }
        }
        self.tokens.len()
    }

    fn step(&mut self) {
        let at = self.pos;
        match self.text(at).to_ascii_lowercase().as_str() {
            ";" | "begin" | "else" | "exception" | "loop" => self.pos += 1,
            "<" if self.is(at + 1, "<") => self.pos = self.find(at, &[">"]) + 2,
            "#" => self.pos += 3,
            "declare" => self.declare(),
            "end" | "exit" | "continue" | "null" | "get" | "fetch" | "move" | "close" | "raise" | "assert" => {
                self.pos = self.find(at, &[";"])
            }
            "open" => self.open(),
            "return" => self.returns(),
            "if" | "elsif" | "elseif" => self.condition(at + 1, "then"),
            "while" => self.condition(at + 1, "loop"),
            "case" => self.pos = self.find(at + 1, &["when"]),
            "when" => self.pos = self.find(at + 1, &["then"]) + 1,
            "for" | "foreach" => self.for_loop(),
            "execute" => {
                let end = self.find(at, &[";"]);
                self.execute(at + 1, end);
                self.pos = end;
            }
            "perform" => {
                let end = self.find(at, &[";"]);
                self.perform(at, end);
                self.pos = end;
            }
            _ => self.sql_or_assignment(),
        }
    }

    /// Declarations run up to the block's BEGIN. What a cursor reads is read when it is opened.
    fn declare(&mut self) {
        let mut i = self.pos + 1;
        while i < self.tokens.len() && !self.is(i, "begin") {
            i = self.find(i, &[";"]) + 1;
        }
        self.pos = i;
    }

    fn condition(&mut self, from: usize, until: &str) {
        let end = self.find(from, &[until]);
        self.expression(from, end);
        self.pos = end + 1;
    }

    fn expression(&mut self, from: usize, end: usize) {
        if let (Some(first), Some(last)) = (self.tokens.get(from), end.checked_sub(1).and_then(|i| self.tokens.get(i)))
            && from < end
        {
            self.statements.extend(expression(self.source, first.start, last.end));
        }
    }

    fn open(&mut self) {
        let end = self.find(self.pos, &[";"]);
        let query = self.find(self.pos, &["for", ";"]) + 1;
        if query < end {
            if self.is(query, "execute") {
                self.execute(query + 1, end);
            } else {
                self.sql(query, end);
            }
        }
        self.pos = end;
    }

    fn returns(&mut self) {
        let at = self.pos;
        let end = self.find(at, &[";"]);
        if self.is(at + 1, "query") && self.is(at + 2, "execute") {
            self.execute(at + 3, end);
        } else if self.is(at + 1, "query") {
            self.sql(at + 2, end);
        } else {
            self.expression(at + 1, end);
        }
        self.pos = end;
    }

    fn for_loop(&mut self) {
        let at = self.pos;
        let source = self.find(at, &["in", "loop"]) + 1;
        let end = self.find(source, &["loop"]);
        if self.is(source, "execute") {
            self.execute(source + 1, end);
        } else if ["select", "with", "values", "insert", "update", "delete", "merge", "table"].iter().any(|w| self.is(source, w)) {
            self.sql(source, end);
        } else {
            self.expression(source, end);
        }
        self.pos = end + 1;
    }

    /// `PERFORM x` is `SELECT x` whose result is thrown away.
    fn perform(&mut self, at: usize, end: usize) {
        let (Some(first), Some(last)) = (self.tokens.get(at), end.checked_sub(1).and_then(|i| self.tokens.get(i))) else { return };
        if let Some(rest) = self.source.text.get(first.end..last.end) {
            let sql = format!("SELECT {rest}");
            let source =
                Source { text: &sql, base: self.source.base + first.start, nesting: self.source.nesting + 1, depth: self.source.depth };
            self.statements.extend(script(source));
        }
    }

    fn sql_or_assignment(&mut self) {
        let at = self.pos;
        let end = self.find(at, &[";"]);
        let mut i = at + 1;
        while i < end && (self.is(i, ".") || self.is(i - 1, ".")) {
            i += 1;
        }
        if self.is(i, "[") {
            i = self.find(i, &["]", "="]);
            i += usize::from(self.is(i, "]"));
        }
        let assigned = match (self.text(i), self.text(i + 1)) {
            (":", "=") => Some(i + 2),
            ("=", _) => Some(i + 1),
            _ => None,
        };
        match assigned {
            Some(value) if i < end => self.expression(value, end),
            _ => self.sql(at, end),
        }
        self.pos = end.max(at + 1);
    }

    /// Static SQL from token `from` up to `end`, its INTO targets left out.
    fn sql(&mut self, from: usize, end: usize) {
        let (Some(first), Some(last)) = (self.tokens.get(from), end.checked_sub(1).and_then(|i| self.tokens.get(i))) else { return };
        if from >= end {
            return;
        }
        let Some(text) = self.source.text.get(first.start..last.end) else { return };
        let mut bytes = text.as_bytes().to_vec();
        for (start, stop) in self.targets_of_into(from, end) {
            bytes[start - first.start..stop - first.start].fill(b' ');
        }
        let Ok(sql) = String::from_utf8(bytes) else { return };
        let source =
            Source { text: &sql, base: self.source.base + first.start, nesting: self.source.nesting + 1, depth: self.source.depth };
        self.statements.extend(script(source));
    }

    /// Bytes of `INTO [STRICT] a, b.c` outside parentheses, INSERT's and MERGE's own INTO aside.
    fn targets_of_into(&self, from: usize, end: usize) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let mut parens = 0usize;
        let mut i = from;
        while i < end {
            match self.tokens[i].kind {
                Kind::Symbol(b'(') => parens += 1,
                Kind::Symbol(b')') => parens = parens.saturating_sub(1),
                Kind::Word if parens == 0 && self.is(i, "into") && !(i > from && (self.is(i - 1, "insert") || self.is(i - 1, "merge"))) => {
                    let mut stop = i + 1 + usize::from(self.is(i + 1, "strict"));
                    stop += 1;
                    while stop < end && (self.is(stop, ",") || self.is(stop, ".")) {
                        stop += 2;
                    }
                    let stop = stop.min(end);
                    found.push((self.tokens[i].start, self.tokens[stop - 1].end));
                    i = stop;
                    continue;
                }
                _ => {}
            }
            i += 1;
        }
        found
    }

    /// `EXECUTE expression [INTO …] [USING …]`. Only literals, also joined with `||`, can be read.
    fn execute(&mut self, from: usize, end: usize) {
        let stop = self.find(from, &["into", "using", ";"]).min(end);
        let literals: Vec<usize> =
            (from..stop).filter(|i| matches!(self.tokens[*i].kind, Kind::Text | Kind::Escaped | Kind::Dollar)).collect();
        let only_literals = (from..stop).all(|i| literals.contains(&i) || self.is(i, "|"));
        let (Some(first), Some(last)) = (self.tokens.get(from.saturating_sub(1)), stop.checked_sub(1).and_then(|i| self.tokens.get(i)))
        else {
            return;
        };
        let span = self.source.span(first.start, last.end.max(first.end));
        if only_literals && !literals.is_empty() {
            self.execute_literals(&literals);
        } else {
            let text = span_text(self.source, first.start, last.end);
            let ops = vec![opaque(span, OpaqueReason::Dynamic, format!("text built at run time: {text}"))];
            self.statements.push(Statement { span, ops });
        }
    }

    /// The literals' text, every byte at its own place, what stands between them blanked.
    fn execute_literals(&mut self, literals: &[usize]) {
        let pieces: Vec<_> = literals.iter().filter_map(|i| literal_text(self.source.text, self.tokens[*i])).collect();
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return };
        let (start, end) = (first.0, last.1);
        let mut bytes = vec![b' '; end.saturating_sub(start)];
        for (from, to, text) in &pieces {
            bytes[from - start..to - start].copy_from_slice(text.as_bytes());
        }
        if let Ok(sql) = String::from_utf8(bytes) {
            let source = Source { text: &sql, base: self.source.base + start, nesting: self.source.nesting + 1, depth: self.source.depth };
            self.statements.extend(script(source));
        }
    }
}

fn span_text(source: Source<'_>, start: usize, end: usize) -> String {
    let text: String = super::expr::collapse(source.text.get(start..end).unwrap_or(""));
    text.chars().take(80).collect()
}
