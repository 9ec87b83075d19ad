//! A statement's tokens, taken one after the other: names, types and expressions out. `None` means the form is not the expected one.

use std::cell::OnceCell;

use squawk_syntax::ast::{self, AstNode};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::super::Source;
use super::super::lex::{Kind, Token};
use super::{expr, query};
use crate::schema::name::{Name, RelName, fold_postgres};
use crate::schema::op::{Expr, Query};
use crate::schema::types::TypeName;
use crate::source::Span;

pub(super) struct Cursor<'a> {
    pub source: Source<'a>,
    pub tokens: &'a [Token],
    pub pos: usize,
    /// The parser's tree of the statement, which begins at the first token.
    pub tree: SyntaxNode,
    /// The tree's types, expressions and queries, each with where it begins; outer ones come first.
    nodes: OnceCell<Vec<(usize, SyntaxNode)>>,
}

impl<'a> Cursor<'a> {
    pub fn new(source: Source<'a>, tokens: &'a [Token], tree: SyntaxNode) -> Self {
        Cursor { source, tokens, pos: 0, tree, nodes: OnceCell::new() }
    }

    pub fn text_at(&self, index: usize) -> &'a str {
        self.tokens.get(index).and_then(|t| self.source.text.get(t.start..t.end)).unwrap_or("")
    }

    pub fn kind(&self) -> Option<Kind> {
        self.tokens.get(self.pos).map(|t| t.kind)
    }

    /// Where the statement begins in the file.
    pub fn origin(&self) -> usize {
        self.source.base + self.tokens.first().map_or(0, |t| t.start)
    }

    pub fn span_at(&self, index: usize) -> Span {
        match self.tokens.get(index).or(self.tokens.last()) {
            Some(t) => self.source.span(t.start, t.end),
            None => self.source.span(0, 0),
        }
    }

    /// From token `from` to the token before the next one.
    pub fn span_from(&self, from: usize) -> Span {
        if self.pos <= from { self.span_at(from) } else { self.span_at(from).cover(self.span_at(self.pos - 1)) }
    }

    pub fn at_end(&self) -> bool {
        self.pos >= self.tokens.len()
    }

    pub fn skip_rest(&mut self) {
        self.pos = self.tokens.len();
    }

    fn is(&self, index: usize, what: &str) -> bool {
        match self.tokens.get(index).map(|t| t.kind) {
            Some(Kind::Word) => self.text_at(index).eq_ignore_ascii_case(what),
            Some(Kind::Symbol(b)) => what.len() == 1 && what.as_bytes()[0] == b,
            _ => false,
        }
    }

    /// Whether the next tokens are these words or symbols.
    pub fn at(&self, words: &str) -> bool {
        let first = |text: &str| text.as_bytes().first().map(u8::to_ascii_lowercase);
        first(self.text_at(self.pos)) == first(words) && words.split(' ').enumerate().all(|(i, word)| self.is(self.pos + i, word))
    }

    pub fn eat(&mut self, words: &str) -> bool {
        let found = self.at(words);
        if found {
            self.pos += words.split(' ').count();
        }
        found
    }

    pub fn need(&mut self, words: &str) -> Option<()> {
        self.eat(words).then_some(())
    }

    /// The first of `choices` that comes next, taken.
    pub fn one_of<'c>(&mut self, choices: &[&'c str]) -> Option<&'c str> {
        choices.iter().find(|choice| self.eat(choice)).copied()
    }

    /// The next word in lower case, taken.
    pub fn word(&mut self) -> Option<String> {
        (self.kind()? == Kind::Word).then(|| {
            self.pos += 1;
            self.text_at(self.pos - 1).to_lowercase()
        })
    }

    pub fn if_exists(&mut self) -> bool {
        self.eat("if exists")
    }

    pub fn if_not_exists(&mut self) -> bool {
        self.eat("if not exists")
    }

    /// `CASCADE` or `RESTRICT`.
    pub fn cascade(&mut self) -> bool {
        let cascade = self.eat("cascade");
        self.eat("restrict");
        cascade
    }

    pub fn name(&mut self) -> Option<Name> {
        let name = match self.kind()? {
            Kind::Word => fold_postgres(self.text_at(self.pos)),
            Kind::Quoted => fold_quoted(self.text_at(self.pos)),
            _ => return None,
        };
        self.pos += 1;
        let mut span = self.span_at(self.pos - 1);
        if self.text_at(self.pos - 1).get(..2).is_some_and(|p| p.eq_ignore_ascii_case("u&")) && self.eat("uescape") {
            self.pos += 1;
            span = span.cover(self.span_at(self.pos - 1));
        }
        Some(Name::new(name, span))
    }

    /// `name`, `schema.name` or `database.schema.name`.
    pub fn rel(&mut self) -> Option<RelName> {
        let mut name = self.name()?;
        let mut schema = None;
        while self.eat(".") {
            schema = Some(std::mem::replace(&mut name, self.name()?));
        }
        // A schema that the runner fills in is the one it works in: `${schema}.users` is `users`.
        Some(RelName { schema: schema.filter(|schema: &Name| !is_masked(schema.as_str())), name })
    }

    /// `ONLY name`, `ONLY (name)`, `name *`.
    pub fn only_rel(&mut self) -> Option<(RelName, bool)> {
        let only = self.eat("only");
        let paren = only && self.eat("(");
        let rel = self.rel()?;
        if paren {
            self.need(")")?;
        }
        self.eat("*");
        Some((rel, only))
    }

    /// Items between commas, at least one.
    pub fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.eat(",") {
            items.push(item(self)?);
        }
        Some(items)
    }

    pub fn rels(&mut self) -> Option<Vec<RelName>> {
        self.list(Self::rel)
    }

    /// `(a, b)`.
    pub fn paren_names(&mut self) -> Option<Vec<Name>> {
        self.need("(")?;
        let names = self.list(Self::name)?;
        self.need(")")?;
        Some(names)
    }

    pub fn opt_paren_names(&mut self) -> Option<Vec<Name>> {
        if self.at("(") { self.paren_names() } else { Some(Vec::new()) }
    }

    /// A role: a name or `CURRENT_USER` and its like, also `GROUP name`.
    pub fn role(&mut self) -> Option<String> {
        if self.at("group") && matches!(self.tokens.get(self.pos + 1).map(|t| t.kind), Some(Kind::Word | Kind::Quoted)) {
            self.pos += 1;
        }
        self.name().map(|n| n.text)
    }

    /// The value of a string literal.
    pub fn string(&mut self) -> Option<String> {
        let value = string_value(self.kind()?, self.text_at(self.pos))?;
        self.pos += 1;
        Some(value)
    }

    /// Skips what stands between parentheses, when one opens here.
    pub fn skip_parens(&mut self) -> bool {
        if !self.at("(") {
            return false;
        }
        let mut depth = 0usize;
        while let Some(kind) = self.kind() {
            self.pos += 1;
            match kind {
                Kind::Symbol(b'(') => depth += 1,
                Kind::Symbol(b')') => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                _ => {}
            }
        }
        true
    }

    /// The names in `(name = value, name, ns.name = value)`, lower case, and the parentheses skipped.
    pub fn option_names(&mut self) -> Option<Vec<String>> {
        let start = self.pos;
        if !self.skip_parens() {
            return None;
        }
        let mut names = Vec::new();
        let mut depth = 0usize;
        for i in start..self.pos {
            match self.tokens[i].kind {
                Kind::Symbol(b'(') => depth += 1,
                Kind::Symbol(b')') => depth = depth.saturating_sub(1),
                Kind::Word if depth == 1 && (self.is(i - 1, "(") || self.is(i - 1, ",")) => {
                    let mut name = self.text_at(i).to_lowercase();
                    if self.is(i + 1, ".") {
                        name = format!("{name}.{}", self.text_at(i + 2).to_lowercase());
                    }
                    names.push(name);
                }
                _ => {}
            }
        }
        Some(names)
    }

    /// The widest node of a kind that begins at the next token.
    fn node_here(&self, fits: fn(SyntaxKind) -> bool) -> Option<SyntaxNode> {
        let first = self.tokens.first()?.start;
        let offset = self.tokens.get(self.pos)?.start.checked_sub(first)?;
        // Looking for the token in the tree would make a statement of many columns cost their square.
        let nodes = self.nodes.get_or_init(|| {
            let lowered = self.tree.descendants().filter(|node| is_type(node.kind()) || is_expr(node.kind()) || is_query(node.kind()));
            let filled = lowered.filter(|node| !node.text_range().is_empty());
            filled.map(|node| (usize::from(node.text_range().start()), node)).collect()
        });
        let here = &nodes[nodes.partition_point(|(start, _)| *start < offset)..];
        let widest = here.iter().take_while(|(start, _)| *start == offset).find(|(_, node)| fits(node.kind()))?;
        Some(widest.1.clone())
    }

    fn jump_past(&mut self, node: &SyntaxNode) {
        let end = self.tokens.first().map_or(0, |t| t.start) + usize::from(node.text_range().end());
        while self.tokens.get(self.pos).is_some_and(|t| t.start < end) {
            self.pos += 1;
        }
    }

    pub fn expr_node(&mut self) -> Option<SyntaxNode> {
        let node = self.node_here(is_expr)?;
        self.jump_past(&node);
        Some(node)
    }

    pub fn expr(&mut self) -> Option<Expr> {
        let node = self.expr_node()?;
        Some(expr::facts(&node, self.origin()))
    }

    /// `(expression)`: the expression without its parentheses.
    pub fn paren_expr(&mut self) -> Option<Expr> {
        self.need("(")?;
        let expr = self.expr()?;
        self.need(")")?;
        Some(expr)
    }

    pub fn query_node(&mut self) -> Option<SyntaxNode> {
        let node = self.node_here(is_query)?;
        self.jump_past(&node);
        Some(node)
    }

    pub fn query(&mut self) -> Option<Query> {
        let node = self.query_node()?;
        Some(query::facts(&node, self.origin()))
    }

    /// What the whole statement reads.
    pub fn whole_query(&self) -> Query {
        query::facts(&self.tree, self.origin())
    }

    pub fn ty(&mut self) -> Option<TypeName> {
        let node = self.node_here(is_type)?;
        let from = self.pos;
        self.jump_past(&node);
        super::types::type_name(self, from, self.pos)
    }

    /// Text of the tokens `from..to`, one blank between them where there is any white space.
    pub fn text_between(&self, from: usize, to: usize) -> String {
        let mut out = String::new();
        for i in from..to.min(self.tokens.len()) {
            if i > from && self.tokens[i - 1].end < self.tokens[i].start {
                out.push(' ');
            }
            out.push_str(self.text_at(i));
        }
        out
    }
}

/// A word that stands for a placeholder alone, as `lex::mask` leaves it of `${x}`, `$(x)` and `{{ x }}`.
fn is_masked(word: &str) -> bool {
    word.starts_with("__") && word.ends_with('_')
}

fn is_expr(kind: SyntaxKind) -> bool {
    ast::Expr::can_cast(kind)
}

fn is_query(kind: SyntaxKind) -> bool {
    ast::SelectVariant::can_cast(kind)
}

fn is_type(kind: SyntaxKind) -> bool {
    ast::Type::can_cast(kind) || kind == SyntaxKind::PERCENT_TYPE
}

/// A quoted identifier's text; `U&"…"` with its escapes resolved.
pub(super) fn fold_quoted(raw: &str) -> String {
    match raw.get(..2).filter(|p| p.eq_ignore_ascii_case("u&")).and_then(|_| raw.get(2..)) {
        Some(quoted) => fold_postgres(&unescape_unicode(quoted)),
        None => fold_postgres(raw),
    }
}

/// `\0061` and `\+000061` become the character; anything else stays.
fn unescape_unicode(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('\\') {
            out.push('\\');
            rest = after;
            continue;
        }
        let (digits, skip) = if rest.starts_with('+') { (rest.get(1..7), 7) } else { (rest.get(..4), 4) };
        match digits.and_then(|d| u32::from_str_radix(d, 16).ok()).and_then(char::from_u32) {
            Some(c) => {
                out.push(c);
                rest = &rest[skip..];
            }
            None => out.push('\\'),
        }
    }
    out + rest
}

/// The value of a string literal token; escapes other than doubled quotes are left as they stand.
pub(super) fn string_value(kind: Kind, text: &str) -> Option<String> {
    match kind {
        Kind::Text | Kind::Escaped => {
            let open = text.find('\'')?;
            let inner = text.get(open + 1..text.len().checked_sub(1)?)?;
            Some(if kind == Kind::Escaped { inner.replace("\\'", "'").replace("''", "'") } else { inner.replace("''", "'") })
        }
        Kind::Dollar => {
            let tag = text.get(1..)?.find('$')? + 2;
            Some(text.get(tag..text.len().checked_sub(tag)?)?.to_owned())
        }
        _ => None,
    }
}
