//! The words a change adds: changed texts at head and base in, the lines that are new in each out, told apart by what they are.
//!
//! A line counts as added when base has it fewer times than head does, so a moved or reindented line is not new.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde::Serialize;

use super::Unread;
use crate::change::{ChangeSet, Text};
use crate::error::ChangeError;
use crate::source::{FileId, Side, SourceMap, Span};
use crate::usage::{is_code, regions};

/// Directories of texts that others wrote or a tool made.
const FOREIGN: [&str; 8] = ["node_modules", "vendor", "third_party", "bower_components", "dist", ".yarn", "site-packages", "Godeps"];
/// Endings of texts that people write and no language of the code search has.
const TEXTS: [&str; 14] =
    [".md", ".markdown", ".rst", ".adoc", ".txt", ".yaml", ".yml", ".json", ".toml", ".tf", ".hcl", ".mk", ".feature", ".cfg"];
const NAMES: [&str; 10] =
    ["makefile", "gnumakefile", "justfile", "rakefile", "dockerfile", "procfile", "jenkinsfile", "taskfile", "gemfile", "fastfile"];

/// The words of one change.
#[derive(Debug, Default)]
pub struct Added {
    pub files: Vec<AddedFile>,
    /// Texts that could not be searched.
    pub unread: Vec<Unread>,
}

/// One changed text.
#[derive(Debug)]
pub struct AddedFile {
    pub source: FileId,
    pub path: String,
    pub text: Arc<str>,
    /// Spans of the lines that are new, without their line ends, in order.
    pub lines: Vec<Span>,
    parts: OnceLock<Parts>,
}

/// Copies of a text in which everything but one part is blanked, byte for byte.
#[derive(Debug)]
struct Parts {
    code: String,
    comments: String,
    prose: String,
    commands: String,
}

/// Which part of the added lines is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Code without comments and the insides of strings.
    Code,
    /// Comments of code and configuration.
    Comments,
    /// Markdown outside of code, quotes and HTML comments.
    Prose,
    /// Code blocks of Markdown; scripts and build files without their comments.
    Commands,
}

impl AddedFile {
    /// A text of which every line counts.
    pub fn whole(source: FileId, path: &str, text: Arc<str>) -> Self {
        AddedFile { source, path: path.to_owned(), lines: new_lines("", &text), text, parts: OnceLock::new() }
    }

    /// A copy of the text with everything but one part blanked.
    pub fn part(&self, part: Part) -> &str {
        let parts = self.parts.get_or_init(|| parts(&self.path, &self.text));
        match part {
            Part::Code => &parts.code,
            Part::Comments => &parts.comments,
            Part::Prose => &parts.prose,
            Part::Commands => &parts.commands,
        }
    }

    /// Whether a new line says anything in that part.
    pub fn has(&self, part: Part) -> bool {
        let text = self.part(part);
        self.lines.iter().any(|line| !line.text(text).trim().is_empty())
    }

    /// Whether the line that holds `offset` is new.
    pub fn is_added(&self, offset: usize) -> bool {
        let next = self.lines.partition_point(|line| line.start <= offset);
        next.checked_sub(1).is_some_and(|at| offset <= self.lines[at].end)
    }
}

/// Reads the texts of a change that people write.
pub fn read(change: &ChangeSet, sources: &mut SourceMap) -> Result<Added, ChangeError> {
    let mut added = Added::default();
    for file in change.added_or_modified().filter(|file| is_searched(&file.path)) {
        let Some(entry) = change.head_tree.entry(&file.path) else { continue };
        let text = match change.head_tree.read(entry)? {
            Text::Utf8(text) => text,
            Text::NotAFile(_) => continue,
            _ => {
                added.unread.push(Unread {
                    path: file.path.clone(),
                    place: None,
                    reason: "it is not searched for red flags: it is no UTF-8 text".to_owned(),
                });
                continue;
            }
        };
        let before = match change.base_tree.read_path(file.old_path.as_deref().unwrap_or(&file.path))? {
            Some(Text::Utf8(text)) => text,
            _ => "".into(),
        };
        let lines = new_lines(&before, &text);
        if !lines.is_empty() {
            let source = sources.add_searched(file.path.clone(), Side::Head, text.clone());
            added.files.push(AddedFile { source, path: file.path.clone(), text, lines, parts: OnceLock::new() });
        }
    }
    Ok(added)
}

fn is_searched(path: &str) -> bool {
    let lower = path.to_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    let foreign = lower.split('/').any(|part| FOREIGN.contains(&part)) || name.contains(".min.") || name.contains("lock.");
    !foreign && (is_code(path) || TEXTS.iter().any(|end| name.ends_with(end)) || NAMES.contains(&name.split('.').next().unwrap_or(name)))
}

/// Lines of `after` that `before` has fewer of, blanks around them not counted.
fn new_lines(before: &str, after: &str) -> Vec<Span> {
    let mut known: HashMap<&str, usize> = HashMap::new();
    for line in before.lines() {
        *known.entry(line.trim()).or_default() += 1;
    }
    let mut lines = Vec::new();
    let mut at = 0;
    for raw in after.split_inclusive('\n') {
        let line = raw.trim_end_matches(['\n', '\r']);
        let span = Span { start: at, end: at + line.len() };
        at += raw.len();
        match known.get_mut(line.trim()) {
            Some(count) if *count > 0 => *count -= 1,
            _ if line.trim().is_empty() => {}
            _ => lines.push(span),
        }
    }
    lines
}

fn parts(path: &str, text: &str) -> Parts {
    let lower = path.to_lowercase();
    let blank = || blanked(text, &[]);
    if lower.ends_with(".md") || lower.ends_with(".markdown") {
        let (prose, commands) = markdown(text);
        return Parts { code: blank(), comments: blank(), prose: blanked(text, &prose), commands: blanked(text, &commands) };
    }
    if [".rst", ".adoc", ".txt"].iter().any(|end| lower.ends_with(end)) {
        return Parts { code: blank(), comments: blank(), prose: text.to_owned(), commands: blank() };
    }
    let found = regions(path, text);
    let outside = |inner: &mut dyn Iterator<Item = Span>| {
        let mut kept = Vec::new();
        let mut at = 0;
        for span in inner {
            kept.push(Span { start: at, end: span.start });
            at = span.end;
        }
        kept.push(Span { start: at, end: text.len() });
        kept
    };
    let comments: Vec<Span> = found.iter().filter(|(comment, _)| *comment).map(|(_, span)| *span).collect();
    Parts {
        code: blanked(text, &outside(&mut found.iter().map(|(_, span)| *span))),
        commands: blanked(text, &outside(&mut comments.iter().copied())),
        comments: blanked(text, &comments),
        prose: blank(),
    }
}

/// The text with everything outside of `kept` blanked; line ends stay.
fn blanked(text: &str, kept: &[Span]) -> String {
    let mut bytes: Vec<u8> = text.bytes().map(|b| if matches!(b, b'\n' | b'\r') { b } else { b' ' }).collect();
    for span in kept {
        bytes[span.start..span.end].copy_from_slice(&text.as_bytes()[span.start..span.end]);
    }
    // Kept spans start and end at characters, so the rest is the UTF-8 it was.
    String::from_utf8(bytes).unwrap_or_default()
}

/// Spans of prose and of code blocks.
fn markdown(text: &str) -> (Vec<Span>, Vec<Span>) {
    let (mut prose, mut commands) = (Vec::new(), Vec::new());
    let (mut quotes, mut code) = (0usize, false);
    let options = Options::ENABLE_YAML_STYLE_METADATA_BLOCKS | Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS;
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        let span = Span { start: range.start, end: range.end };
        match event {
            Event::Start(Tag::BlockQuote(_)) => quotes += 1,
            Event::End(TagEnd::BlockQuote(_)) => quotes = quotes.saturating_sub(1),
            Event::Start(Tag::CodeBlock(_)) => code = true,
            Event::End(TagEnd::CodeBlock) => code = false,
            Event::Text(_) if code => commands.push(span),
            Event::Text(_) if quotes == 0 => prose.push(span),
            _ => {}
        }
    }
    (prose, commands)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, before: &str, text: &str) -> AddedFile {
        let lines = new_lines(before, text);
        AddedFile { source: FileId(0), path: path.to_owned(), text: text.into(), lines, parts: OnceLock::new() }
    }

    #[test]
    fn a_moved_line_is_not_new() {
        let found = file("a.go", "one\ntwo\n", "  two\r\none\nthree\none\n");
        let lines: Vec<&str> = found.lines.iter().map(|line| line.text(&found.text)).collect();
        assert_eq!(lines, ["three", "one"]);
        assert!(!found.is_added(2) && found.is_added(found.text.find("three").expect("three")));
    }

    #[test]
    fn parts_keep_their_place() {
        let found = file("a.go", "", "x := \"é // no\" // yes\n");
        assert_eq!(found.part(Part::Comments).trim(), "// yes");
        assert_eq!(found.part(Part::Comments).find("// yes"), found.text.find("// yes"));
        assert!(found.part(Part::Code).starts_with("x := \"") && !found.part(Part::Code).contains("no"));
        let found = file("a.md", "", "Say `later`.\n\n> quoted\n\n```sh\nrun\n```\n<!-- hidden -->\n");
        assert_eq!(found.part(Part::Prose).split_whitespace().collect::<Vec<_>>(), ["Say", "."]);
        assert_eq!(found.part(Part::Commands).trim(), "run");
        let found = file("Makefile", "", "deploy: # now\n\trun\n");
        assert_eq!(found.part(Part::Comments).trim(), "# now");
        assert_eq!(found.part(Part::Commands).split_whitespace().collect::<Vec<_>>(), ["deploy:", "run"]);
    }

    #[test]
    fn texts_of_others_are_left_out() {
        assert!(is_searched("docs/plan.md") && is_searched("deploy/Dockerfile.prod") && is_searched("app/a.rb"));
        assert!(!is_searched("vendor/x/a.go") && !is_searched("web/app.min.js") && !is_searched("package-lock.json"));
        assert!(!is_searched("logo.png"));
    }
}
