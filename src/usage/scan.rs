//! Tells comments and strings from code: a text and its language in, the regions and two masked copies of the same length out.

use super::language::Language;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Comment,
    String,
}

/// Bytes of a comment, or of a string without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

/// A text cut into code, comments and strings.
#[derive(Debug)]
pub struct Scan {
    /// Sorted, not overlapping.
    pub regions: Vec<Region>,
    /// The text with comments blanked out.
    pub uncommented: String,
    /// The text with comments and the insides of strings blanked out.
    pub code: String,
}

impl Scan {
    pub fn region(&self, offset: usize) -> Option<&Region> {
        let next = self.regions.partition_point(|region| region.start <= offset);
        next.checked_sub(1).map(|i| &self.regions[i]).filter(|region| offset < region.end)
    }
}

pub fn scan(text: &str, language: &Language) -> Scan {
    let regions = regions(text, language);
    let blank = |kinds: &[Kind]| {
        let mut bytes = text.as_bytes().to_vec();
        for region in regions.iter().filter(|region| kinds.contains(&region.kind)) {
            for byte in &mut bytes[region.start..region.end] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
        }
        // Regions start and end at ASCII delimiters, so whole characters were replaced.
        String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    };
    let uncommented = blank(&[Kind::Comment]);
    let code = blank(&[Kind::Comment, Kind::String]);
    Scan { regions, uncommented, code }
}

fn regions(text: &str, language: &Language) -> Vec<Region> {
    let bytes = text.as_bytes();
    let mut starters = [false; 256];
    let openers = language.line_comments.iter().copied().chain(language.block_comments.iter().map(|b| b.0));
    for opener in openers.chain(language.strings.iter().map(|q| q.open)).chain(language.heredoc) {
        starters[usize::from(opener.as_bytes()[0])] = true;
    }
    starters[usize::from(b'/')] |= language.regex_literals;
    starters[usize::from(b'\'')] |= language.char_literals;
    let mut regions = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !starters[usize::from(bytes[at])] {
            at += 1;
            continue;
        }
        at = match region_at(text, at, language) {
            Some((region, next)) => {
                regions.extend(region);
                next.max(at + 1)
            }
            None => at + 1,
        };
    }
    regions
}

/// What starts at `at`, and where to go on.
fn region_at(text: &str, at: usize, language: &Language) -> Option<(Option<Region>, usize)> {
    let bytes = text.as_bytes();
    let rest = &bytes[at..];
    let comment = |end: usize| Some((Some(Region { kind: Kind::Comment, start: at, end }), end));
    if let Some((open, close)) = language.block_comments.iter().find(|(open, _)| rest.starts_with(open.as_bytes()))
        && (!open.starts_with('=') || at == 0 || bytes[at - 1] == b'\n')
    {
        return comment(find(bytes, close.as_bytes(), at + open.len()).map_or(bytes.len(), |end| end + close.len()));
    }
    if language.line_comments.iter().any(|open| rest.starts_with(open.as_bytes())) && !(rest[0] == b'#' && hash_is_code(bytes, at)) {
        return comment(line_end(bytes, at));
    }
    if language.heredoc.is_some_and(|open| rest.starts_with(open.as_bytes()))
        && let Some((start, end)) = heredoc(text, at + language.heredoc.map_or(0, str::len))
    {
        return Some((Some(Region { kind: Kind::String, start, end }), end));
    }
    if language.char_literals && rest[0] == b'\'' {
        let end = if rest.get(1) == Some(&b'\\') { 3 } else { 2 };
        return Some((None, if rest.get(end) == Some(&b'\'') { at + end + 1 } else { at + 1 }));
    }
    if let Some(quote) = language.strings.iter().find(|quote| rest.starts_with(quote.open.as_bytes())) {
        let start = at + quote.open.len();
        let end = string_end(bytes, start, quote);
        let kind = if quote.lines && is_documentation(text, at) { Kind::Comment } else { Kind::String };
        return Some((Some(Region { kind, start, end }), (end + quote.close.len()).min(bytes.len())));
    }
    if language.regex_literals && rest[0] == b'/' && regex_may_start(text, at) {
        return regex_end(bytes, at + 1).map(|end| (None, end));
    }
    None
}

/// `#` in `#[attribute]` of PHP or `#{…}`, and private members of JavaScript are code.
fn hash_is_code(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(at + 1), Some(b'[' | b'{')) && bytes.get(at + 2).is_some_and(|b| b.is_ascii_alphabetic() || *b == b'\\')
}

fn string_end(bytes: &[u8], start: usize, quote: &super::language::Quote) -> usize {
    let close = quote.close.as_bytes();
    let mut at = start;
    while at < bytes.len() {
        if bytes[at..].starts_with(close) {
            return at;
        }
        at += match bytes[at] {
            b'\\' if quote.escape && at + 1 < bytes.len() => 2,
            b'\n' if !quote.lines => return at,
            _ => 1,
        };
    }
    bytes.len()
}

/// A string that stands alone where documentation stands: first in a Python file or block, or after `@doc` of Elixir.
fn is_documentation(text: &str, at: usize) -> bool {
    let before = text[..at].trim_end_matches(['r', 'R', 'u', 'U', '~', 'S', 's']).trim_end();
    let line_start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let line = text[line_start..at].trim_start();
    let alone = line.trim_matches(['r', 'R', 'u', 'U']).is_empty() && text[at..].starts_with("\"\"\"") | text[at..].starts_with("'''");
    (alone && (before.is_empty() || before.ends_with(':'))) || ["@doc", "@moduledoc", "@typedoc"].iter().any(|tag| before.ends_with(tag))
}

/// The body of `<<~SQL`, `<<<SQL`, `<<'EOF'`: from the next line to the line that holds only the tag.
fn heredoc(text: &str, after: usize) -> Option<(usize, usize)> {
    let tag: &str = text.get(after..)?.trim_start_matches(['~', '-', '<']).trim_start_matches([' ', '\'', '"']);
    let length = tag.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    let tag = &tag[..length];
    if !tag.starts_with(|c: char| c.is_ascii_uppercase()) {
        return None;
    }
    let start = line_end(text.as_bytes(), after) + 1;
    let mut at = start;
    for line in text.get(start..)?.split_inclusive('\n') {
        if line.trim().trim_end_matches([';', ')', ',']) == tag {
            return Some((start, at));
        }
        at += line.len();
    }
    None
}

fn regex_may_start(text: &str, at: usize) -> bool {
    let line_start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let before = text[line_start..at].trim_end();
    before.is_empty()
        || before.ends_with(['(', ',', '=', ':', '[', '!', '&', '|', '?', '{', '}', ';', '~'])
        || ["return", "when", "if", "unless", "and", "or", "in"].iter().any(|word| before.ends_with(word))
}

fn regex_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    let mut class = false;
    while at < bytes.len() && bytes[at] != b'\n' {
        match bytes[at] {
            b'\\' => at += 1,
            b'[' => class = true,
            b']' => class = false,
            b'/' if !class => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    None
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at.min(bytes.len())..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |i| at + i)
}

fn find(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    bytes.get(from..)?.windows(needle.len()).position(|window| window == needle).map(|i| from + i)
}
