//! What is known of each language: a path in, how to read its comments, strings, blocks and mappings to tables out.

mod table;

use std::collections::HashMap;
use std::sync::OnceLock;

use regex::Regex;

pub use table::{HASH, LANGUAGES};

pub struct Quote {
    pub open: &'static str,
    pub close: &'static str,
    /// May run over line ends.
    pub lines: bool,
    /// A backslash takes the next byte along.
    pub escape: bool,
}

/// How the end of a class is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    Braces,
    /// The first line that is indented no deeper; also good for `class … end`.
    Indent,
    /// No classes: the whole file is SQL or a template.
    Flat,
}

/// Which block a mapping to a table speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The innermost class around it.
    Inside,
    /// The next class after it.
    Before,
    /// It opens a block of its own.
    Own,
    /// The class it names.
    Named,
    /// No class: the place itself uses the table.
    Here,
}

pub struct Mapping {
    /// Group `table`; for `Place::Named` also `model`.
    pub pattern: &'static str,
    pub place: Place,
}

pub struct Language {
    pub name: &'static str,
    pub extensions: &'static [&'static str],
    pub line_comments: &'static [&'static str],
    pub block_comments: &'static [(&'static str, &'static str)],
    pub strings: &'static [Quote],
    pub heredoc: Option<&'static str>,
    pub regex_literals: bool,
    pub char_literals: bool,
    pub layout: Layout,
    /// Group `name` (or `alias`): a class, struct or module.
    pub declaration: Option<&'static str>,
    /// In the head or body of a class: it is mapped to a table by its name.
    pub marker: Option<&'static str>,
    pub mappings: &'static [Mapping],
    /// The whole text is SQL, not only its strings.
    pub sql: bool,
    /// In a member's own declaration: it is no column, although its class is mapped (`@Transient`, `gorm:"-"`).
    pub unmapped: Option<&'static str>,
    /// At a word outside strings: it is the language's own here, a keyword or a built-in type, and no name (`error` in Go).
    pub grammar: Option<&'static str>,
    /// Opens a list of columns that a model leaves alone: `ignored_columns`.
    pub ignore_lists: &'static [&'static str],
    /// In the head of a class: its framework loads the table's column list once and names every column. Its name, for the reason.
    pub whole_row: Option<(&'static str, &'static str)>,
    /// Rows become maps of whatever columns come, so `SELECT *` alone does not miss one.
    pub dynamic_rows: bool,
    /// Code: a repository that has some can show what is used.
    pub code: bool,
}

/// The patterns of one language, compiled once.
pub struct Compiled {
    pub declaration: Option<Regex>,
    pub marker: Option<Regex>,
    pub unmapped: Option<Regex>,
    pub grammar: Option<Regex>,
    pub whole_row: Option<Regex>,
    pub mappings: Vec<(Regex, Place)>,
}

/// File names that say the language without an extension.
const NAMED: &[(&str, &str)] =
    &[("Rakefile", "Ruby"), ("Gemfile", "Ruby"), ("Guardfile", "Ruby"), ("Thorfile", "Ruby"), ("Jenkinsfile", "Java")];
/// Interpreters of `#!` lines.
const INTERPRETERS: &[(&str, &str)] = &[
    ("ruby", "Ruby"),
    ("python", "Python"),
    ("node", "JavaScript"),
    ("deno", "TypeScript"),
    ("bun", "TypeScript"),
    ("php", "PHP"),
    ("perl", "Perl"),
    ("elixir", "Elixir"),
    ("bash", "Shell"),
    ("sh", "Shell"),
    ("zsh", "Shell"),
];

fn named(name: &str) -> Option<usize> {
    LANGUAGES.iter().position(|language| language.name == name)
}

pub fn language_of(path: &str) -> Option<usize> {
    static BY_EXTENSION: OnceLock<HashMap<&str, usize>> = OnceLock::new();
    let known = BY_EXTENSION.get_or_init(|| {
        let each = LANGUAGES.iter().enumerate().rev();
        each.flat_map(|(i, language)| language.extensions.iter().map(move |extension| (*extension, i))).collect()
    });
    let file = path.rsplit('/').next().unwrap_or(path);
    let Some((_, extension)) = file.rsplit_once('.') else {
        return NAMED.iter().find(|(name, _)| *name == file).and_then(|(_, language)| named(language));
    };
    match known.get(extension) {
        Some(language) => Some(*language),
        None => known.get(extension.to_ascii_lowercase().as_str()).copied(),
    }
}

/// The language of a script without an extension, by its first line.
pub fn language_of_script(bytes: &[u8]) -> Option<usize> {
    let line = bytes.strip_prefix(b"#!")?.split(|b| *b == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split([' ', '/', '\t', '\r']).rev().filter(|word| !word.is_empty() && !word.starts_with('-'));
    words.find_map(|word| {
        let bare = word.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        INTERPRETERS.iter().find(|(interpreter, _)| *interpreter == bare).and_then(|(_, language)| named(language))
    })
}

/// Only the languages that are met are compiled: all of them take longer than the search of a small repository.
pub fn compiled(language: usize) -> &'static Compiled {
    static ALL: OnceLock<Vec<OnceLock<Compiled>>> = OnceLock::new();
    let all = ALL.get_or_init(|| LANGUAGES.iter().map(|_| OnceLock::new()).collect());
    all[language].get_or_init(|| {
        let language = &LANGUAGES[language];
        // The patterns are constants of this crate; a test compiles each of them.
        let regex = |pattern: &str| Regex::new(pattern).expect("a constant pattern");
        Compiled {
            declaration: language.declaration.map(regex),
            marker: language.marker.map(regex),
            unmapped: language.unmapped.map(regex),
            grammar: language.grammar.map(regex),
            whole_row: language.whole_row.map(|(pattern, _)| regex(pattern)),
            mappings: language.mappings.iter().map(|mapping| (regex(mapping.pattern), mapping.place)).collect(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_compile_and_name_their_groups() {
        for (i, language) in LANGUAGES.iter().enumerate() {
            let compiled = compiled(i);
            assert_eq!(compiled.declaration.is_some(), language.declaration.is_some());
            for (regex, place) in &compiled.mappings {
                assert!(regex.capture_names().flatten().any(|name| name == "table"), "{regex}");
                assert_eq!(*place == Place::Named, regex.capture_names().flatten().any(|name| name == "model"), "{regex}");
            }
        }
    }

    #[test]
    fn a_language_is_known_by_its_extension() {
        let name = |path| language_of(path).map(|i| LANGUAGES[i].name);
        assert_eq!(name("a/b.TSX"), Some("TypeScript"));
        assert_eq!(name("lib/x.tar.rb"), Some("Ruby"));
        assert_eq!(name("README.md"), None);
        assert_eq!(name("Makefile"), None);
        assert_eq!(name("lib/tasks/Rakefile"), Some("Ruby"));
        assert_eq!(name("src/app/db.clj"), Some("Clojure"));
        let script = |text: &str| language_of_script(text.as_bytes()).map(|i| LANGUAGES[i].name);
        assert_eq!(script("#!/usr/bin/env python3.11\nx"), Some("Python"));
        assert_eq!(script("#!/bin/bash -eu\n"), Some("Shell"));
        assert_eq!(script("all: build\n"), None);
    }
}
