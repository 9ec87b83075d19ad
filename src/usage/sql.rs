//! Reads SQL loosely, as it stands in strings of code: a text in, its statements with their tables, stars and INSERT column lists out.

use std::sync::LazyLock;

use regex::Regex;

use super::scan::{Kind, Region};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    Read,
    Insert,
    Update,
    Delete,
    Call,
    /// CREATE, ALTER, DROP: describes a schema, runs no query.
    Define,
}

#[derive(Debug)]
pub struct TableUse {
    /// Lower case, without its schema.
    pub name: String,
    pub alias: Option<String>,
    pub at: usize,
}

#[derive(Debug)]
pub struct Insert {
    pub table: String,
    /// Lower case; `None` when the statement lists no columns.
    pub columns: Option<Vec<String>>,
    pub at: usize,
}

#[derive(Debug)]
pub struct Star {
    pub qualifier: Option<String>,
    pub at: usize,
}

#[derive(Debug)]
pub struct Statement {
    pub verb: Verb,
    pub start: usize,
    pub end: usize,
    pub tables: Vec<TableUse>,
    pub stars: Vec<Star>,
    pub inserts: Vec<Insert>,
    /// The assignments of an UPDATE.
    pub set: Option<(usize, usize)>,
}

impl Statement {
    /// The table a qualifier stands for, when the statement says so.
    pub fn resolve(&self, qualifier: &str) -> Option<&TableUse> {
        let lower = qualifier.to_ascii_lowercase();
        self.tables.iter().find(|table| table.alias.as_deref() == Some(lower.as_str()) || table.name == lower)
    }
}

const VERBS: &[(&str, Verb)] = &[
    ("select", Verb::Read),
    ("with", Verb::Read),
    ("from", Verb::Read),
    ("explain", Verb::Read),
    ("copy", Verb::Read),
    ("insert", Verb::Insert),
    ("replace", Verb::Insert),
    ("merge", Verb::Update),
    ("update", Verb::Update),
    ("delete", Verb::Delete),
    ("truncate", Verb::Delete),
    ("call", Verb::Call),
    ("exec", Verb::Call),
    ("perform", Verb::Call),
    ("create", Verb::Define),
    ("alter", Verb::Define),
    ("drop", Verb::Define),
    ("comment", Verb::Define),
    ("grant", Verb::Define),
];
const BEFORE_TABLE: &[&str] = &["from", "join", "into", "update", "using", "truncate", "only", "table"];
const NOT_ALIASES: &[&str] = &[
    "where",
    "set",
    "on",
    "join",
    "left",
    "right",
    "inner",
    "outer",
    "full",
    "cross",
    "group",
    "order",
    "limit",
    "values",
    "select",
    "using",
    "as",
    "returning",
    "having",
    "union",
    "for",
    "natural",
    "default",
    "from",
    "offset",
    "when",
];

#[derive(Clone, Copy)]
struct Token<'a> {
    word: &'a str,
    start: usize,
    /// A name or keyword; else one byte of punctuation.
    name: bool,
}

impl Token<'_> {
    fn is(&self, word: &str) -> bool {
        self.word.eq_ignore_ascii_case(word)
    }
}

/// Strings that stand next to each other, or are joined by an operator, are one text. Bytes between them are blanked.
pub fn groups(text: &str, regions: &[Region]) -> Vec<(usize, String)> {
    let mut groups: Vec<(usize, usize, String)> = Vec::new();
    for region in regions.iter().filter(|region| region.kind == Kind::String) {
        let Some(content) = text.get(region.start..region.end) else { continue };
        match groups.last_mut() {
            Some((_, end, joined)) if *end <= region.start && text.get(*end..region.start).is_some_and(joins) => {
                joined.push_str(&" ".repeat(region.start - *end));
                joined.push_str(content);
                *end = region.end;
            }
            _ => groups.push((region.start, region.end, content.to_owned())),
        }
    }
    groups.into_iter().filter(|(_, _, joined)| begins_like_sql(joined)).map(|(start, _, joined)| (start, joined)).collect()
}

fn joins(gap: &str) -> bool {
    if gap.len() > 300 {
        return false;
    }
    let inner = gap.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '\\' | 'f' | 'r' | '$' | '@'));
    inner.is_empty() || ["+", ".", "<>", "||"].iter().any(|op| inner.starts_with(op) && inner.ends_with(op))
}

fn begins_like_sql(text: &str) -> bool {
    let mut text = text.trim_start();
    while let Some(comment) = text.strip_prefix("--") {
        text = comment.split_once('\n').map_or("", |(_, rest)| rest.trim_start());
    }
    let first = text.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    let length = first.bytes().take_while(u8::is_ascii_alphabetic).count();
    VERBS.iter().any(|(verb, _)| first[..length].eq_ignore_ascii_case(verb)) && !is_prose(&first[..length], first)
}

/// `Select your email from users`: a capital begins it, and nothing in it is what only SQL has.
fn is_prose(verb: &str, text: &str) -> bool {
    let capital = verb.starts_with(|c: char| c.is_ascii_uppercase()) && verb.bytes().skip(1).all(|b| b.is_ascii_lowercase());
    capital && !text.contains(['*', '=', '(', ';', '$', '?', '"', '`', '_', '<'])
}

/// Files of queries name each one in a comment and need no semicolon: `-- name: find_user`, `-- BLOCK find_user`. The name becomes one.
pub fn cut_at_names(text: &str, uncommented: &str) -> String {
    static NAME: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)^[ \t]*--[ \t]*(?::?name\b|BLOCK\b)").expect("a constant pattern"));
    let mut cut = uncommented.to_owned();
    for found in NAME.find_iter(text) {
        let at = found.start() + found.as_str().len() - found.as_str().trim_start().len();
        // The comment is blanked already, so the byte is a blank of its own.
        if cut.as_bytes().get(at) == Some(&b' ') {
            cut.replace_range(at..=at, ";");
        }
    }
    cut
}

pub fn statements(text: &str) -> Vec<Statement> {
    let tokens = tokens(text);
    tokens.split(|token| token.word == ";").filter(|tokens| !tokens.is_empty()).filter_map(|tokens| statement(tokens)).collect()
}

fn statement(tokens: &[Token]) -> Option<Statement> {
    let known = |token: &Token| VERBS.iter().find(|(verb, _)| token.is(verb)).map(|(_, verb)| *verb);
    let mut verb = tokens.iter().find_map(known)?;
    if verb == Verb::Define {
        // A view or function is made of queries; only the shape of tables is not.
        let body =
            tokens.iter().take(6).any(|token| ["view", "function", "procedure", "trigger", "rule"].iter().any(|word| token.is(word)));
        verb = if body && tokens[0].is("create") { Verb::Read } else { Verb::Define };
    }
    let (first, last) = (tokens.first()?, tokens.last()?);
    let mut statement = Statement {
        verb,
        start: first.start,
        end: last.start + last.word.len(),
        tables: Vec::new(),
        stars: Vec::new(),
        inserts: Vec::new(),
        set: None,
    };
    for (i, token) in tokens.iter().enumerate() {
        if token.name && BEFORE_TABLE.iter().any(|word| token.is(word)) {
            table_list(tokens, i, &mut statement);
        }
        if token.is("set") && verb == Verb::Update && statement.set.is_none() {
            let end = tokens[i..].iter().find(|t| t.is("where") || t.is("from") || t.is("returning"));
            statement.set = Some((token.start, end.map_or(statement.end, |t| t.start)));
        }
        if token.word == "*" && i > 0 {
            let before = &tokens[i - 1];
            if before.word == "." && i > 1 {
                statement.stars.push(Star { qualifier: Some(tokens[i - 2].word.to_owned()), at: token.start });
            } else if ["select", "distinct", "all", ","].iter().any(|word| before.is(word)) && !only_asks_whether(&tokens[..i]) {
                statement.stars.push(Star { qualifier: None, at: token.start });
            }
        }
    }
    Some(statement)
}

/// `EXISTS (SELECT *`: no column is read.
fn only_asks_whether(before: &[Token]) -> bool {
    matches!(before, [.., exists, open, select] if exists.is("exists") && open.word == "(" && select.is("select"))
}

/// The names after FROM, JOIN, INTO, UPDATE: `a.users u, orders AS o`.
fn table_list(tokens: &[Token], keyword: usize, statement: &mut Statement) {
    let mut i = keyword + 1;
    while let Some(token) = tokens.get(i).filter(|token| token.name) {
        let mut name = token;
        while tokens.get(i + 1).is_some_and(|t| t.word == ".") && tokens.get(i + 2).is_some_and(|t| t.name) {
            i += 2;
            name = &tokens[i];
        }
        if BEFORE_TABLE.iter().chain(NOT_ALIASES).any(|word| name.is(word)) && tokens.get(i + 1).is_some_and(|t| t.name) {
            return;
        }
        i += 1;
        if tokens[keyword].is("into") {
            statement.inserts.push(Insert { table: name.word.to_ascii_lowercase(), columns: columns(tokens, i), at: name.start });
        }
        i += usize::from(tokens.get(i).is_some_and(|t| t.is("as")));
        let alias = tokens.get(i).filter(|t| t.name && !NOT_ALIASES.iter().any(|word| t.is(word))).map(|t| t.word.to_ascii_lowercase());
        i += usize::from(alias.is_some());
        statement.tables.push(TableUse { name: name.word.to_ascii_lowercase(), alias, at: name.start });
        if !(tokens[keyword].is("from") && tokens.get(i).is_some_and(|t| t.word == ",")) {
            return;
        }
        i += 1;
    }
}

fn columns(tokens: &[Token], open: usize) -> Option<Vec<String>> {
    if tokens.get(open)?.word != "(" || tokens.get(open + 1)?.is("select") {
        return None;
    }
    let list = tokens[open + 1..].iter().take_while(|token| token.word != ")");
    Some(list.filter(|token| token.name).map(|token| token.word.to_ascii_lowercase()).collect())
}

/// Names with their quotes taken off, and punctuation. Literals are left out; so are backslashes, which escape quotes in code.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            b'-' if bytes.get(at + 1) == Some(&b'-') => at += bytes[at..].iter().position(|b| *b == b'\n').unwrap_or(bytes.len() - at),
            b'\'' => at += 1 + bytes[at + 1..].iter().position(|b| *b == b'\'').map_or(0, |i| i + 1),
            b if b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80 => {
                at += bytes[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_' || **b >= 0x80).count();
                tokens.extend(text.get(start..at).map(|word| Token { word, start, name: !b.is_ascii_digit() }));
            }
            b'.' | b',' | b'(' | b')' | b';' | b'*' | b'=' => {
                at += 1;
                tokens.extend(text.get(start..at).map(|word| Token { word, start, name: false }));
            }
            _ => at += 1,
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_aliases_and_stars_are_read() {
        let all =
            statements("SELECT u.*, o.id FROM public.\"users\" u, orders AS o LEFT JOIN items ON true; UPDATE users SET a = 1 WHERE b = 2");
        assert_eq!(all.len(), 2);
        let names: Vec<&str> = all[0].tables.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["users", "orders", "items"]);
        assert_eq!(all[0].resolve("O").map(|t| t.name.as_str()), Some("orders"));
        assert_eq!(all[0].stars.len(), 1);
        assert_eq!(all[1].verb, Verb::Update);
        let (start, end) = all[1].set.unwrap();
        assert!(end > start);
    }

    #[test]
    fn named_queries_are_statements_of_their_own() {
        let text = "-- BLOCK a\nselect * from users\n\n-- name: b\nselect 1 from pets";
        let blank: String = text
            .lines()
            .map(|line| if line.starts_with("--") { " ".repeat(line.len()) } else { line.to_owned() })
            .collect::<Vec<_>>()
            .join("\n");
        assert_eq!(statements(&cut_at_names(text, &blank)).len(), 2);
    }

    #[test]
    fn prose_is_not_sql() {
        assert!(!begins_like_sql("Select your email from users to go on"));
        assert!(begins_like_sql("Select Email From Users Where Id = @id"));
        assert!(begins_like_sql("select email from users"));
        assert!(begins_like_sql("-- name: ListUsers :many\nselect email from users"));
    }

    #[test]
    fn inserts_list_their_columns() {
        let all = statements(
            "INSERT INTO \\\"users\\\" (id, \"Email\") VALUES ($1, 'x'); insert into users values (1); select count(*) from users; select 1 where exists (select * from users)",
        );
        assert_eq!(all[0].inserts[0].columns.as_deref(), Some(&["id".to_owned(), "email".to_owned()][..]));
        assert_eq!(all[1].inserts[0].columns, None);
        assert!(all[2].stars.is_empty());
        assert!(all[3].stars.is_empty());
    }
}
