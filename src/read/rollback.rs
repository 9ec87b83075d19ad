//! The rollback document: a tree and the policy in, what the document says, as plain facts with their bytes, out.

mod deploys;
mod lexicon;
mod plan;

use std::sync::Arc;

use globset::{Glob, GlobSet, GlobSetBuilder};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use serde::Serialize;

use super::Unread;
use crate::change::ChangeSet;
use crate::error::Error;
use crate::settings::Settings;
use crate::source::{FileId, Side, SourceMap, Span};

pub use deploys::{Controller, ControllerKind, Deploys};
pub use lexicon::{destructive, names_migration, stem as migration_stem};
pub use plan::{Limit, PlannedStage};

/// Where a rollback document is looked for when the policy names no place.
pub const DEFAULT_PATHS: [&str; 5] =
    ["ROLLBACK.md", "docs/rollback*.md", "docs/rollback/**/*.md", "docs/runbooks/rollback*.md", "rollback/**/*.md"];

/// What was found of rollback documents at head.
#[derive(Debug, Default, Serialize)]
pub struct Rollback {
    /// The documents that speak for this change, best first.
    pub documents: Vec<Document>,
    pub unread: Vec<Unread>,
    /// Manifests that decide whether deploy commands of the documents have an effect; read only where there are such.
    pub deploys: Deploys,
}

/// One document's facts. Spans are bytes of the whole file.
#[derive(Debug, Clone, Serialize)]
pub struct Document {
    pub source: FileId,
    /// The first heading, or else the first line: where findings about the whole document stand.
    pub first: Span,
    pub runbook: bool,
    pub sections: Vec<Section>,
    pub commands: Vec<Command>,
    pub estimates: Vec<Estimate>,
    pub thresholds: Vec<Span>,
    pub owner: Option<Span>,
    /// Paths of configuration the document names; `true` when the front matter does.
    pub config: Vec<(Named, bool)>,
    pub data: Option<DataStatement>,
    pub migrations: Vec<Named>,
    /// Parameters the front matter declares: `<name>` of them may stand in commands.
    pub params: Vec<String>,
    pub placeholders: Vec<Named>,
    /// The revision the front matter wants to go back to.
    pub target: Option<Named>,
    /// What the document is about, by the name of its rollout.
    pub unit: Option<Named>,
    /// How the rollback works: `argo-abort`, `git-revert`, `flag-off`.
    pub mechanism: Option<Named>,
    /// The stages of the rollout, as the document promises them.
    pub stages: Vec<PlannedStage>,
    /// Abort thresholds of the front matter with their parts.
    pub limits: Vec<Limit>,
    /// Front matter that is no YAML mapping: what is wrong with it.
    pub broken: Option<(Span, String)>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Section {
    pub kind: Kind,
    pub title: String,
    pub heading: Span,
    /// It has words or code of its own, not only a heading and comments.
    pub filled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Trigger,
    Commands,
    Configuration,
    Verification,
    Data,
    Escalation,
    Time,
    Other,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Named {
    pub span: Span,
    pub text: String,
}

/// One command line of a code block, its continuation lines joined.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Command {
    pub span: Span,
    pub text: String,
    pub section: Kind,
    /// Number of the code block, counted from 0.
    pub block: usize,
    pub sql: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    pub span: Span,
    pub seconds: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DataStatement {
    pub span: Span,
    /// The way back is declared closed: nothing reverses the migrations.
    pub forward_only: bool,
    /// A forward-only statement says why.
    pub reasoned: bool,
    /// It says that nothing is lost.
    pub denies_loss: bool,
}

/// Reads the documents of head that speak for the change: those it edits; else those that name one of `migrations`; else the first.
pub fn read(change: &ChangeSet, settings: &Settings, migrations: &[String], sources: &mut SourceMap) -> Result<Rollback, Error> {
    let mut found = Rollback::default();
    let named = &settings.policy.rollback.paths;
    let globs: Vec<&str> = if named.is_empty() { DEFAULT_PATHS.to_vec() } else { named.iter().map(String::as_str).collect() };
    let Ok(set) = glob_set(&globs) else { return Ok(found) };
    let mut candidates = Vec::new();
    for entry in change.head_tree.entries.iter().filter(|entry| is_candidate(&entry.path, &set)) {
        match super::text(&change.head_tree, entry)? {
            Ok(text) => candidates.push((entry.path.clone(), text)),
            Err(unread) => found.unread.push(unread),
        }
    }
    let place = |path: &str| globs.iter().position(|glob| glob_set(&[glob]).is_ok_and(|one| one.is_match(path)));
    candidates.sort_by_key(|(path, _)| place(path));
    let pick = |wanted: &dyn Fn(&str, &str) -> bool| -> Vec<(String, Arc<str>)> {
        candidates.iter().filter(|(path, text)| wanted(path, text)).cloned().collect()
    };
    let mut chosen = pick(&|path, _| change.file(path).is_some());
    if chosen.is_empty() {
        chosen = pick(&|_, text| migrations.iter().any(|migration| names_migration(text, migration)));
    }
    if chosen.is_empty() {
        chosen = candidates.into_iter().take(1).collect();
    }
    for (path, text) in chosen {
        let source = sources.add(path, Side::Head, text.clone());
        found.documents.push(parse(source, &text));
    }
    let deploys = |command: &Command| ["kubectl", "helm", "argocd"].iter().any(|program| command.text.contains(program));
    if found.documents.iter().flat_map(|document| &document.commands).any(deploys) {
        found.deploys = deploys::read(&change.head_tree)?;
    }
    Ok(found)
}

/// The globs as one set; `*` stays in its directory.
pub fn glob_set(globs: &[&str]) -> Result<GlobSet, globset::Error> {
    let mut builder = GlobSetBuilder::new();
    for glob in globs {
        builder.add(globset::GlobBuilder::new(glob).literal_separator(true).case_insensitive(true).build().or_else(|_| Glob::new(glob))?);
    }
    builder.build()
}

fn is_candidate(path: &str, set: &GlobSet) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    set.is_match(path) && name != "readme.md" && !name.contains("template")
}

/// Reads one document.
pub fn parse(source: FileId, text: &str) -> Document {
    let start = text.len() - text.trim_start().len();
    let first_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let mut walk = Walk {
        text,
        document: Document {
            source,
            first: Span::new(start, first_end),
            runbook: false,
            sections: Vec::new(),
            commands: Vec::new(),
            estimates: Vec::new(),
            thresholds: Vec::new(),
            owner: None,
            config: Vec::new(),
            data: None,
            migrations: lexicon::migrations(text),
            params: Vec::new(),
            placeholders: Vec::new(),
            target: None,
            unit: None,
            mechanism: None,
            stages: Vec::new(),
            limits: Vec::new(),
            broken: None,
        },
        levels: Vec::new(),
        blocks: 0,
        data_text: String::new(),
    };
    walk.events();
    walk.finish()
}

struct Walk<'a> {
    text: &'a str,
    document: Document,
    /// Open headings: level and kind.
    levels: Vec<(HeadingLevel, Kind)>,
    blocks: usize,
    data_text: String,
}

impl Walk<'_> {
    fn events(&mut self) {
        let options = Options::ENABLE_YAML_STYLE_METADATA_BLOCKS | Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS;
        let text = self.text;
        let mut heading: Option<(HeadingLevel, Span, String)> = None;
        let mut code: Option<(String, Option<Span>)> = None;
        let mut matter: Option<Span> = None;
        for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
            let span = Span::new(range.start, range.end);
            match event {
                Event::Start(Tag::MetadataBlock(_)) => matter = Some(Span::at(span.start)),
                Event::Text(_) if matter.is_some() => matter = matter.map(|at| if at.is_empty() { span } else { at.cover(span) }),
                Event::End(TagEnd::MetadataBlock(_)) => {
                    if let Some(block) = matter.take() {
                        lexicon::front_matter(text, block, &mut self.document);
                        plan::front_matter(text, block, &mut self.document);
                    }
                }
                Event::Start(Tag::Heading { level, .. }) => heading = Some((level, span, String::new())),
                Event::End(TagEnd::Heading(_)) => {
                    if let Some((level, span, title)) = heading.take() {
                        self.heading(level, span, title);
                    }
                }
                Event::Start(Tag::CodeBlock(kind)) => {
                    let language = match kind {
                        CodeBlockKind::Fenced(info) => info.split([' ', ',', '{']).next().unwrap_or("").to_lowercase(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    code = Some((language, None));
                }
                Event::End(TagEnd::CodeBlock) => {
                    if let Some((language, Some(body))) = code.take() {
                        self.code(&language, body);
                    }
                }
                Event::Text(_) if code.is_some() => {
                    if let Some((_, body)) = &mut code {
                        *body = Some(body.map_or(span, |body| body.cover(span)));
                    }
                }
                Event::Text(words) | Event::Code(words) if heading.is_some() => {
                    if let Some((_, _, title)) = &mut heading {
                        title.push_str(&words);
                    }
                }
                Event::Code(words) => self.inline_code(span, &words),
                Event::Text(_) => self.prose(span),
                // `<service>` is an HTML tag to Markdown and a placeholder to a reader.
                Event::InlineHtml(_) => self.placeholders(span),
                _ => {}
            }
        }
    }

    fn kind(&self) -> Kind {
        self.levels.last().map_or(Kind::Other, |(_, kind)| *kind)
    }

    fn heading(&mut self, level: HeadingLevel, span: Span, title: String) {
        while self.levels.last().is_some_and(|(open, _)| *open >= level) {
            self.levels.pop();
        }
        // The title of the document says what it is about, not what stands right below it.
        let own = if level == HeadingLevel::H1 { Kind::Other } else { lexicon::heading(&title) };
        let kind = if own == Kind::Other { self.kind() } else { own };
        self.levels.push((level, kind));
        let span = Span::new(span.start, span.start + span.text(self.text).trim_end().len());
        if self.document.sections.is_empty() {
            self.document.first = span;
        }
        self.document.sections.push(Section { kind, title, heading: span, filled: false });
    }

    fn fill(&mut self) {
        if let Some(section) = self.document.sections.last_mut() {
            section.filled = true;
        }
    }

    fn placeholders(&mut self, span: Span) {
        let found = lexicon::placeholders(self.text, span);
        self.document.placeholders.extend(found);
    }

    fn prose(&mut self, span: Span) {
        let words = span.text(self.text);
        if words.trim().is_empty() {
            return;
        }
        self.fill();
        self.placeholders(span);
        let line = lexicon::line(self.text, span);
        if self.document.sections.last().is_some_and(|section| plan::is_about_stages(&section.title)) {
            plan::stage_of_line(self.text, line, &mut self.document.stages);
        }
        let kind = self.kind();
        if kind == Kind::Trigger && lexicon::is_threshold(line.text(self.text)) && !self.document.thresholds.contains(&line) {
            self.document.thresholds.push(line);
        }
        let timed = kind == Kind::Time || lexicon::speaks_of_time(line.text(self.text));
        if kind != Kind::Trigger
            && timed
            && let Some(seconds) = lexicon::duration(words)
        {
            self.document.estimates.push(Estimate { span: line, seconds });
        }
        if self.document.owner.is_none() && (kind == Kind::Escalation || lexicon::names_owner(line.text(self.text))) {
            self.document.owner = Some(line);
        }
        if kind == Kind::Data {
            self.data(line, words);
        }
    }

    fn data(&mut self, line: Span, words: &str) {
        self.data_text.push_str(words);
        self.data_text.push(' ');
        let span = self.document.data.as_ref().map_or(line, |data| data.span);
        self.document.data = Some(lexicon::data_statement(span, &self.data_text));
    }

    fn inline_code(&mut self, span: Span, words: &str) {
        self.fill();
        self.placeholders(span);
        match self.kind() {
            Kind::Configuration if lexicon::is_path(words) => {
                self.document.config.push((Named { span, text: words.trim().to_owned() }, false));
            }
            Kind::Escalation if self.document.owner.is_none() => self.document.owner = Some(span),
            Kind::Data => self.data(lexicon::line(self.text, span), words),
            _ => {}
        }
    }

    fn code(&mut self, language: &str, body: Span) {
        self.fill();
        self.placeholders(body);
        let section = self.kind();
        let block = self.blocks;
        self.blocks += 1;
        let sql = matches!(language, "sql" | "psql" | "postgresql" | "postgres");
        if sql || matches!(language, "" | "sh" | "bash" | "zsh" | "shell" | "console" | "shellsession" | "powershell" | "pwsh" | "fish") {
            let lines = lexicon::commands(self.text, body);
            self.document.commands.extend(lines.into_iter().map(|(span, text)| Command { span, text, section, block, sql }));
        }
    }

    fn finish(mut self) -> Document {
        let params = &self.document.params;
        // A word such as TODO cannot be declared away.
        let declared = |found: &Named| {
            found.text.starts_with(['<', '{']) && params.iter().any(|param| found.text.trim_matches(['<', '>', '{', '}', ' ']) == param)
        };
        self.document.placeholders.retain(|found| !declared(found));
        self.document.placeholders.sort_by_key(|found| found.span.start);
        self.document.placeholders.dedup_by_key(|found| found.span);
        self.document
    }
}
