//! Finds classes and what table each is mapped to: a scanned text in, blocks with their tables out.

use super::language::{Compiled, LANGUAGES, Layout, Place, compiled};
use super::scan::Scan;

#[derive(Debug)]
pub struct Block {
    pub name: String,
    /// From its declaration, with the annotations before it.
    pub start: usize,
    pub end: usize,
    /// The table an explicit mapping names, as it is spelled.
    pub table: Option<String>,
    /// Something marks it as mapped by its name.
    pub marked: bool,
    pub at: usize,
}

/// A place that names a table outside any class: `knex("users")`.
#[derive(Debug)]
pub struct Mention {
    pub table: String,
    pub at: usize,
}

#[derive(Debug, Default)]
pub struct Blocks {
    /// By start.
    pub blocks: Vec<Block>,
    pub mentions: Vec<Mention>,
}

impl Blocks {
    /// The classes around a place, innermost first.
    pub fn around(&self, at: usize) -> impl Iterator<Item = &Block> {
        self.blocks.iter().rev().filter(move |block| block.start <= at && at < block.end)
    }
}

/// Annotations further away than this from their class are not its own.
const ANNOTATION_REACH: usize = 1500;
/// Bounds of the work on one file: no file that somebody wrote has more classes, or longer ones.
const MAX_BLOCKS: usize = 2_000;
const MAX_BLOCK_BYTES: usize = 256 * 1024;

pub fn blocks(scan: &Scan, language: usize) -> Blocks {
    let rules = compiled(language);
    let layout = LANGUAGES[language].layout;
    let mut found = Blocks { blocks: declarations(scan, rules, layout), mentions: Vec::new() };
    for (regex, place) in &rules.mappings {
        for capture in regex.captures_iter(&scan.uncommented) {
            let (Some(whole), Some(table)) = (capture.get(0), capture.name("table")) else { continue };
            let model = capture.name("model").map(|m| m.as_str());
            apply(&mut found, *place, scan, (whole.start(), whole.end()), (table.as_str(), table.start()), model);
        }
    }
    found.blocks.sort_by_key(|block| (block.start, std::cmp::Reverse(block.end)));
    found
}

fn declarations(scan: &Scan, rules: &Compiled, layout: Layout) -> Vec<Block> {
    let mut blocks = Vec::new();
    let Some(declaration) = &rules.declaration else { return blocks };
    let mut previous_end = 0;
    for capture in declaration.captures_iter(&scan.code).take(MAX_BLOCKS) {
        let (Some(whole), Some(name)) = (capture.get(0), capture.name("name").or_else(|| capture.name("alias"))) else { continue };
        let at = name.start();
        // The bracket that opens the body is the body's, also where the declaration is told by it.
        let head_end = whole.end() - usize::from(whole.as_str().ends_with('{'));
        let Some(end) = block_end(&scan.code, whole.start(), head_end, layout) else { continue };
        // Not into the class before, unless this one is inside it.
        let before = blocks.last().map_or(0, |block: &Block| if block.end <= at { block.end } else { 0 });
        let start = annotations_start(&scan.code, whole.start(), previous_end.max(before));
        let body = scan.uncommented.get(start..end).unwrap_or("");
        let marked = rules.marker.as_ref().is_some_and(|marker| marker.is_match(body));
        blocks.push(Block { name: name.as_str().to_owned(), start, end, table: None, marked, at });
        previous_end = whole.end();
    }
    blocks
}

/// Back over attributes and modifiers: to the last `;`, `}` or `{` before the declaration.
fn annotations_start(code: &str, at: usize, floor: usize) -> usize {
    let mut from = at.saturating_sub(ANNOTATION_REACH).max(floor);
    while !code.is_char_boundary(from) {
        from += 1;
    }
    code[from..at].rfind([';', '}', '{']).map_or(from, |i| from + i + 1).min(at)
}

fn block_end(code: &str, start: usize, after: usize, layout: Layout) -> Option<usize> {
    match layout {
        Layout::Flat => None,
        Layout::Braces => brace_end(code, after),
        Layout::Indent => Some(indent_end(code, start)),
    }
}

/// The end of the first bracket after `from`; of the statement when there is none.
fn brace_end(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (i, byte) in code.as_bytes().iter().enumerate().skip(from).take(MAX_BLOCK_BYTES) {
        match byte {
            b'{' | b'(' => depth += 1,
            b'}' | b')' => {
                depth = depth.saturating_sub(1);
                // Constructor parameters and base lists come before the body.
                if depth == 0 && (*byte == b'}' || ends_without_body(&code[i + 1..])) {
                    return Some(i + 1);
                }
            }
            b';' if depth == 0 => return Some(i + 1),
            _ => {}
        }
    }
    Some(farthest(code, from))
}
/// As far as a block may reach from `from`.
fn farthest(code: &str, from: usize) -> usize {
    let mut end = (from + MAX_BLOCK_BYTES).min(code.len());
    while !code.is_char_boundary(end) {
        end += 1;
    }
    end
}

/// After the parameters of a class: a new line begins with something else than its bases or body.
fn ends_without_body(after: &str) -> bool {
    const GO_ON: [&str; 6] = ["implements", "extends", "where", "throws", "permits", "by"];
    let rest = after.trim_start();
    let new_line = after[..after.len() - rest.len()].contains('\n');
    new_line && !rest.starts_with(['{', ':', ',', '=', '.', '-', ')']) && !GO_ON.iter().any(|word| rest.starts_with(word))
}

fn indent_end(code: &str, start: usize) -> usize {
    let stop = farthest(code, start);
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let mut at = start;
    let mut own = None;
    for line in code.get(start..stop).unwrap_or("").split_inclusive('\n') {
        let blank = line.trim().is_empty() || line.trim_start().starts_with([')', ']']);
        match own {
            None if !blank => own = Some(indent(line)),
            Some(own) if !blank && indent(line) <= own => return at,
            _ => {}
        }
        at += line.len();
    }
    at
}

fn apply(found: &mut Blocks, place: Place, scan: &Scan, whole: (usize, usize), table: (&str, usize), model: Option<&str>) {
    let (start, end) = whole;
    let name = Some(table.0.to_owned());
    match place {
        Place::Inside => {
            // Django keeps `db_table` in an inner class `Meta`.
            let inner = found.blocks.iter_mut().filter(|b| b.start <= start && start < b.end && b.name != "Meta").max_by_key(|b| b.at);
            if let Some(block) = inner {
                block.table = name;
            }
        }
        Place::Before => {
            let next = found.blocks.iter_mut().filter(|b| b.at >= end && b.at - end < ANNOTATION_REACH).min_by_key(|b| b.at);
            if let Some(block) = next {
                block.start = block.start.min(start);
                block.table = name;
            }
        }
        Place::Own => {
            let end = bracket_end(&scan.code, start).max(end);
            found.blocks.push(Block { name: table.0.to_owned(), start, end, table: name, marked: true, at: table.1 });
        }
        Place::Named => {
            found.mentions.push(Mention { table: table.0.to_owned(), at: table.1 });
            for block in found.blocks.iter_mut().filter(|b| Some(b.name.as_str()) == model) {
                block.table = Some(table.0.to_owned());
            }
        }
        Place::Here => found.mentions.push(Mention { table: table.0.to_owned(), at: table.1 }),
    }
}

/// The end of the first bracket after `from`, of whichever kind.
fn bracket_end(code: &str, from: usize) -> usize {
    let mut depth = 0usize;
    for (i, byte) in code.as_bytes().iter().enumerate().skip(from).take(MAX_BLOCK_BYTES) {
        match byte {
            b'(' | b'{' => depth += 1,
            b')' | b'}' if depth <= 1 => return i + 1,
            b')' | b'}' => depth -= 1,
            _ => {}
        }
    }
    farthest(code, from)
}
