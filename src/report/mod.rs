//! One outcome in, bytes out: one file a format.

pub mod escape;

mod concise;
mod excerpt;
mod github;
mod gitlab;
mod html;
mod human;
mod json;
pub mod json_text;
mod junit;
mod markdown;
pub mod markdown_text;
mod prose;
mod rdjson;
mod row;
mod sarif;
mod snippet;
pub mod terminal;
pub mod words;

use std::io::Write;

use crate::change::{ChangeSet, Revision};
use crate::rule::Rule;
use crate::verdict::Outcome;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: verdict, checklist, findings with their lines.
    Human,
    /// One line a finding.
    Concise,
    /// Everything, schema version 1.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// GitHub workflow commands: annotations.
    Github,
    /// GitLab Code Quality.
    Gitlab,
    /// JUnit XML, one case a gate.
    Junit,
    /// Reviewdog.
    Rdjson,
    /// A pull request comment.
    Markdown,
    /// One self-contained page for a release ticket.
    Html,
}

/// JSON Schema of the `json` format.
pub const JSON_SCHEMA: &str = include_str!("report.schema.json");

/// How the text formats may decorate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    pub color: bool,
    /// Columns to wrap at.
    pub width: usize,
}

/// What a report needs beside the outcome.
#[derive(Debug)]
pub struct Context<'a> {
    pub style: Style,
    pub rules: &'a [Rule],
    /// Where the host shows a file at a revision: `https://github.com/o/r/blob/`. `None` when no host is known.
    pub blob_url: Option<String>,
}

impl Context<'_> {
    /// A link to a line at head, or to a commit that a finding is about, when the host is known and head is a commit.
    fn link(&self, change: &ChangeSet, path: &str, line: usize) -> Option<String> {
        let Revision::Commit { id, .. } = &change.head else { return None };
        if let Some(commit) = path.strip_prefix("commit ").filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            return self.blob_url.as_ref().and_then(|blob| Some(format!("{}commit/{commit}", blob.strip_suffix("blob/")?)));
        }
        self.blob_url.as_ref().map(|blob| format!("{blob}{id}/{}#L{line}", sarif::uri(path)))
    }
}

pub fn write(format: Format, outcome: &Outcome, context: &Context, out: &mut dyn Write) -> std::io::Result<()> {
    match format {
        Format::Human => human::write(outcome, context.style, out),
        Format::Concise => concise::write(outcome, out),
        Format::Json => json::write(outcome, out),
        Format::Sarif => sarif::write(outcome, context.rules, out),
        Format::Github => github::write(outcome, out),
        Format::Gitlab => gitlab::write(outcome, out),
        Format::Junit => junit::write(outcome, out),
        Format::Rdjson => rdjson::write(outcome, out),
        Format::Markdown => markdown::write(outcome, context, out),
        Format::Html => html::write(outcome, context, out),
    }
}
