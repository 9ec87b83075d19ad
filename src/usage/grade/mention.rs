//! One mention in its surroundings: a file cut into statements, classes and strings in, answers about a place out.

use std::sync::LazyLock;

use regex::Regex;

use crate::usage::block::{Block, Blocks};
use crate::usage::language::compiled;
use crate::usage::plan::{Hit, Prepared};
use crate::usage::scan::Scan;
use crate::usage::sql::Statement;

pub struct File<'a> {
    pub text: &'a str,
    pub language: usize,
    pub scan: Scan,
    /// Outside comments.
    pub hits: Vec<Hit>,
    pub blocks: Blocks,
    /// With offsets of the file.
    pub statements: Vec<Statement>,
}

impl File<'_> {
    /// Leaves out the language's own words, which only a column or table of that name looks like.
    pub fn without_grammar(mut self) -> Self {
        let Some(grammar) = &compiled(self.language).grammar else { return self };
        let rest = |hit: &Hit| self.text[hit.start..].lines().next().unwrap_or("");
        let own = |hit: &Hit| self.scan.region(hit.start).is_none() && !self.is_member(hit) && grammar.is_match(rest(hit));
        let kept: Vec<Hit> = self.hits.iter().filter(|hit| !own(hit)).cloned().collect();
        self.hits = kept;
        self
    }

    pub fn hits_of(&self, words: &[usize]) -> impl Iterator<Item = &Hit> {
        self.hits.iter().filter(move |hit| words.contains(&hit.word))
    }

    pub fn hits_between(&self, words: &[usize], from: usize, to: usize) -> impl Iterator<Item = &Hit> {
        let (first, last) = (self.hits.partition_point(|hit| hit.start < from), self.hits.partition_point(|hit| hit.start < to));
        self.hits[first..last.max(first)].iter().filter(move |hit| words.contains(&hit.word))
    }

    pub fn statement_at(&self, at: usize) -> Option<&Statement> {
        let next = self.statements.partition_point(|statement| statement.start <= at);
        next.checked_sub(1).map(|i| &self.statements[i]).filter(|statement| at < statement.end)
    }

    /// The class around a place that is mapped to the table; `Err` when the class is another table's.
    pub fn mapped_block(&self, at: usize, target: &Prepared) -> Result<Option<&Block>, ()> {
        for block in self.blocks.around(at) {
            match &block.table {
                Some(table) if target.is_table(table) => return Ok(Some(block)),
                Some(_) => return Err(()),
                None if target.is_table(&block.name) => return Ok(Some(block)),
                None if block.marked && block.name != "Meta" => return Err(()),
                None => {}
            }
        }
        Ok(None)
    }

    /// The identifier before `.`, `::` or `->` in front of a place.
    pub fn receiver(&self, at: usize) -> Option<&str> {
        let before = self.text.get(..at)?;
        let before = before.trim_end_matches('"');
        let dots = ["?.", "&.", "!!.", "!.", ".", "::", "->"].iter().find_map(|dot| before.strip_suffix(dot))?;
        let dots = dots.trim_end_matches([')', '(', ']', '"']);
        let length = dots.bytes().rev().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        dots.get(dots.len() - length..)
    }

    /// Whether a word in a string is all of it, or a part between quotes, colons and dots: `db:"email"`, `users.email`.
    pub fn stands_alone(&self, hit: &Hit) -> bool {
        let bytes = self.text.as_bytes();
        let edge =
            |b: Option<&u8>| b.is_none_or(|b| matches!(b, b'"' | b'\'' | b'`' | b':' | b'.' | b'=' | b',' | b'[' | b']' | b'-' | b';'));
        edge(hit.start.checked_sub(1).and_then(|i| bytes.get(i))) && edge(bytes.get(hit.end))
    }

    /// A word of a string that is nothing but a list of columns: `.select('id, due_date')`.
    pub fn in_column_list(&self, hit: &Hit) -> bool {
        let Some(region) = self.scan.region(hit.start) else { return false };
        let text = self.text.get(region.start..region.end).unwrap_or("");
        let is_list = text.contains(',') && text.chars().all(|c| c.is_alphanumeric() || "_ ,.*:()!\"'`\n\r\t".contains(c));
        is_list
            && text
                .split([',', '(', ')', '"', '\'', '`'])
                .any(|item| item.trim().rsplit([':', '.']).next() == self.text.get(hit.start..hit.end))
    }

    /// Used as a member, symbol, key or quoted name: not a local variable or prose.
    pub fn is_member(&self, hit: &Hit) -> bool {
        if self.scan.region(hit.start).is_some() {
            return self.stands_alone(hit);
        }
        let before = self.text[..hit.start].trim_end_matches('_');
        let after = self.text[hit.end..].trim_start_matches('?');
        let key = after.starts_with(':') && !after.starts_with("::") || after.trim_start().starts_with("=>");
        let accessor = self.text[..hit.start].ends_with(|c: char| c.is_ascii_lowercase());
        before.ends_with(['.', ':', '@']) || before.ends_with("->") || key || accessor
    }
}

/// The text of the statement around a place: over brackets and continued lines, not over blocks of code.
pub fn around(code: &str, at: usize) -> (usize, usize) {
    let (from, near) = window(code, at);
    let (start, end) = around_in(near, at - from);
    (start + from, end + from)
}

/// Bytes before and after a place that its statement is looked for in: a minified file is one line of megabytes.
const REACH: usize = 4_000;

/// The text near a place, and where it begins.
fn window(code: &str, at: usize) -> (usize, &str) {
    let (mut from, mut to) = (at.saturating_sub(REACH), (at + REACH).min(code.len()));
    while !code.is_char_boundary(from) {
        from += 1;
    }
    while !code.is_char_boundary(to) {
        to -= 1;
    }
    (from, &code[from..to])
}

fn around_in(code: &str, at: usize) -> (usize, usize) {
    let bytes = code.as_bytes();
    let continues = |line: &str| {
        line.trim_start().starts_with(['.', ')', ']', '|']) || line.trim_start().starts_with("->") || line.trim_start().starts_with("?.")
    };
    let open_ended = |line: &str| line.trim_end().ends_with([',', '(', '[', '.', '|', '\\', '=', '+']) || line.trim_end().ends_with("->");
    let line_end = |i: usize| bytes[i..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| i + n);
    let line_start = |i: usize| bytes[..i].iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
    let (mut start, mut end) = (line_start(at), line_end(at));
    let balance = |start: usize, to: usize| {
        bytes[start..to]
            .iter()
            .fold(0i32, |depth, b| depth + i32::from(matches!(b, b'(' | b'[' | b'{')) - i32::from(matches!(b, b')' | b']' | b'}')))
    };
    for _ in 0..12 {
        let Some(previous) = start.checked_sub(1) else { break };
        let (from, line, own) = (line_start(previous), &code[line_start(previous)..previous], &code[start..end.min(line_end(start))]);
        let body = line.trim_end().ends_with("=> {") || line.trim_end().ends_with(") {") || line.trim_end().ends_with(';');
        let object = line.trim_end().ends_with('{') && !body;
        let unopened = balance(start, at) < 0;
        if body || !(continues(own) || open_ended(line) || object && line.contains('(') || unopened) {
            break;
        }
        start = from;
    }
    for _ in 0..12 {
        let next = end + 1;
        if next >= bytes.len() || code[start..end].trim_end().ends_with([';', '{']) && balance(start, end) <= 0 {
            break;
        }
        let line = &code[next..line_end(next)];
        if !(continues(line) || open_ended(&code[start..end]) || balance(start, end) > 0) {
            break;
        }
        end = line_end(next);
    }
    (start, end)
}

/// A member's own declaration: its statement, with the annotations on the lines before.
pub fn declaration(code: &str, at: usize) -> (usize, usize) {
    let (mut start, end) = around(code, at);
    // On a line of megabytes the statement begins somewhere within it.
    while let Some(previous) = start.checked_sub(1).filter(|previous| code.as_bytes()[*previous] == b'\n') {
        let from = code[..previous].rfind('\n').map_or(0, |i| i + 1);
        if !code[from..previous].trim_start().starts_with(['@', '[', '#']) {
            break;
        }
        start = from;
    }
    (start, end)
}

/// Lines of an import that a place may be below.
const IMPORT_LINES: usize = 60;

/// `use a::{b, C}`, `import { a } from`, `from x import (…)`, `alias A.B`: brings a name in and uses nothing.
pub fn in_import(code: &str, at: usize) -> bool {
    let (from, code) = window(code, at);
    let at = at - from;
    static KEYWORD: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = r"^\s*(?:(?:pub(?:\([^)]*\))?\s+)?use|import|export\s+(?:type\s+)?(?:\*|\{)|from\s+\S+\s+import|using\s+(?:static\s+)?[A-Z][\w.]*\s*;|alias|package|mod|namespace)\b";
        Regex::new(pattern).expect("a constant pattern")
    });
    let mut end = at;
    for _ in 0..IMPORT_LINES {
        let start = code[..end].rfind('\n').map_or(0, |i| i + 1);
        let line = &code[start..end];
        if KEYWORD.is_match(line) {
            let between = &code[start..at];
            let depth = |c: char| between.matches(c).count();
            return !between.contains('\n') || depth('{') > depth('}') || depth('(') > depth(')');
        }
        if end < at && (line.trim().is_empty() || line.trim_end().ends_with(';')) {
            return false;
        }
        let Some(previous) = start.checked_sub(1) else { return false };
        end = previous;
    }
    false
}

/// A fragment of SQL without its table: `where("email = ?")`.
pub fn looks_like_condition(file: &File, hit: &Hit) -> bool {
    let after = file.text[hit.end..].trim_start();
    let lower: String = after.chars().take(8).collect::<String>().to_ascii_lowercase();
    ["=", "<", ">", "!=", "in ", "in(", "is ", "like ", "ilike", "asc", "desc", "between"].iter().any(|op| lower.starts_with(op))
}

/// `User.`, `User::`, `&User{`, `User,` or `"users"`, `prisma.user.`: the model or table itself, not a variable.
pub fn names_model(file: &File, hit: &Hit) -> bool {
    let capital = file.text[hit.start..].starts_with(|c: char| c.is_ascii_uppercase());
    let quoted = file.scan.region(hit.start).is_some() && file.stands_alone(hit);
    let accessed = file
        .receiver(hit.start)
        .is_some_and(|receiver| ["prisma", "db", "tx", "client", "context", "_context", "schema"].contains(&receiver));
    let path = file.text[hit.end..].starts_with("::");
    let symbol = file.text[..hit.start].ends_with("[:");
    capital || quoted || accessed || path || symbol
}

pub fn maps(block: &Block, target: &Prepared) -> bool {
    block.table.as_deref().map_or_else(|| target.is_table(&block.name), |table| target.is_table(table))
}
