//! Keys of removed flags in, the places where code at head still names them out.

use std::collections::BTreeSet;

use serde::Serialize;

use super::is_code;
use crate::change::Snapshot;
use crate::error::ChangeError;
use crate::read;
use crate::source::{Place, Side, SourceMap, Span};
use crate::usage::language::{LANGUAGES, language_of};
use crate::usage::scan::{Kind, scan};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reference {
    pub key: String,
    pub place: Place,
    /// The code asks for the flag here; otherwise the word may mean something else.
    pub asks: bool,
}

/// Shorter keys are words of every language.
const MIN_KEY: usize = 3;

/// Looks for the keys as whole quoted texts, symbols or fields of flags in code files, not in comments; at most one place a file and key.
pub fn search(head: &Snapshot, keys: &[&str], flag_files: &BTreeSet<&str>, sources: &mut SourceMap) -> Result<Vec<Reference>, ChangeError> {
    let keys: Vec<&str> = keys.iter().map(|key| key.rsplit('/').next().unwrap_or(key)).filter(|key| key.len() >= MIN_KEY).collect();
    let mut found = Vec::new();
    if keys.is_empty() {
        return Ok(found);
    }
    let Ok(finder) = aho_corasick::AhoCorasick::builder().match_kind(aho_corasick::MatchKind::LeftmostLongest).build(&keys) else {
        return Ok(found);
    };
    for entry in head.entries.iter().filter(|entry| is_code(&entry.path) && !flag_files.contains(entry.path.as_str())) {
        let Ok(text) = read::text(head, entry)? else { continue };
        let mut seen = BTreeSet::new();
        let mut opened = None;
        for hit in finder.find_iter(text.as_ref()) {
            let span = Span { start: hit.start(), end: hit.end() };
            let Some(asks) = names(&text, span).filter(|_| !seen.contains(&hit.pattern())) else { continue };
            let (id, comments) = opened.get_or_insert_with(|| {
                let comments = language_of(&entry.path).map(|language| scan(&text, &LANGUAGES[language]));
                (sources.add(entry.path.clone(), Side::Head, text.clone()), comments)
            });
            let region = comments.as_ref().and_then(|scan| scan.region(span.start));
            if region.is_some_and(|region| region.kind == Kind::Comment) {
                continue;
            }
            seen.insert(hit.pattern());
            found.push(Reference { key: keys[hit.pattern().as_usize()].to_owned(), place: Place { file: *id, span }, asks });
        }
    }
    Ok(found)
}

/// Whether a text names the flag at a span, and if so whether it asks for it.
fn names(text: &str, span: Span) -> Option<bool> {
    let byte = |at: usize| text.as_bytes().get(at).copied();
    let word = |at: usize| byte(at).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let before = span.start.checked_sub(1)?;
    match byte(before)? {
        quote @ (b'"' | b'\'' | b'`') if byte(span.end) == Some(quote) => Some(is_question(text, before)),
        b':' if !word(span.end) => Some(is_question(text, before)),
        // `flags.newCart`, `flags?.newCart`
        b'.' if !word(span.end) && is_flag_word(last_word(text.get(..before)?.trim_end_matches('?'))) => Some(true),
        _ => None,
    }
}

/// Whether the text before a literal is a call or a field that asks for a flag: `isEnabled(`, `flag:`, `flagKey=`.
fn is_question(text: &str, at: usize) -> bool {
    let from = (at.saturating_sub(120)..=at).find(|from| text.is_char_boundary(*from)).unwrap_or(at);
    let before = text[from..at].trim_end();
    let opener = before.rfind(['(', ':', '=', '[']).map(|opener| before[..opener].trim_end());
    opener.is_some_and(|before| is_flag_word(last_word(before)))
}

fn last_word(text: &str) -> &str {
    let trimmed = text.trim_end_matches(|c: char| matches!(c, '"' | '\'' | '?' | '!' | '>') || c.is_whitespace());
    let start = trimmed.rfind(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(0, |at| at + 1);
    trimmed.get(start..).unwrap_or(trimmed)
}

fn is_flag_word(word: &str) -> bool {
    const WORDS: [&str; 11] =
        ["flag", "feature", "toggle", "enabled", "variation", "treatment", "gate", "boolean", "bool_value", "is_active", "experiment"];
    let lower = word.to_ascii_lowercase();
    WORDS.iter().any(|known| lower.contains(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(text: &str) -> Option<bool> {
        let start = text.find("newCart").unwrap();
        names(text, Span { start, end: start + "newCart".len() })
    }

    #[test]
    fn questions_are_told_from_words() {
        for text in [
            "client.getBooleanValue('newCart', false)",
            "useFlag(\"newCart\")",
            "{ flag: 'newCart' }",
            "uiConfig.flags?.newCart",
            "Flipper.enabled?(:newCart)",
        ] {
            assert_eq!(asks(text), Some(true), "{text}");
        }
        for text in ["schedule('newCart', job)", "title = \"newCart\"", "id: 'newCart'"] {
            assert_eq!(asks(text), Some(false), "{text}");
        }
        for text in ["newCart()", "'newCart-page'", "cart.newCart"] {
            assert_eq!(asks(text), None, "{text}");
        }
    }
}
