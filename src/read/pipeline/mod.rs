//! CI files and scripts of both revisions in, pipelines out. One file a system; all are lowered to `model`.

mod azure;
mod buildkite;
mod circleci;
mod github;
mod gitlab;
mod jenkins;
mod make;
pub mod model;
mod package;
pub mod script;
mod text;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::change::{ChangeSet, Entry, Snapshot};
use crate::error::ChangeError;
use crate::read::tree::{self, Syntax, Tree};
use crate::read::{Unread, load};
use crate::source::{FileId, Place, Side, SourceMap, Span};
use model::{Pipeline, System};

/// Files that pipelines of one revision may bring in.
const MAX_INCLUDES: usize = 200;

/// The pipelines of one revision.
#[derive(Debug, Default, Serialize)]
pub struct Pipelines {
    /// Those of CI first, then scripts: all that changed or that a pipeline runs.
    pub all: Vec<Pipeline>,
    pub unread: Vec<Unread>,
}

/// Both revisions. Base is read only when a file of the kind changed: without a change there is nothing to compare.
#[derive(Debug, Default, Serialize)]
pub struct Both {
    pub base: Pipelines,
    pub head: Pipelines,
}

/// What a path is, when it is a pipeline or a script.
pub fn system(path: &str) -> Option<System> {
    let lower = path.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    let yaml = lower.ends_with(".yml") || lower.ends_with(".yaml");
    let below = |directory: &str| lower.strip_prefix(directory);
    if yaml && below(".github/workflows/").is_some_and(|rest| !rest.contains('/')) {
        return Some(System::GithubActions);
    }
    if matches!(name, "action.yml" | "action.yaml") && (lower == name || below(".github/").is_some()) {
        return Some(System::GithubActions);
    }
    if yaml && (lower.starts_with(".gitlab-ci") || below(".gitlab/").is_some() && lower.contains("ci") || name.ends_with(".gitlab-ci.yml"))
    {
        return Some(System::GitlabCi);
    }
    if yaml && below(".circleci/").is_some_and(|rest| !rest.contains('/')) {
        return Some(System::Circleci);
    }
    if yaml && (name.starts_with("azure-pipelines") || name.starts_with("azure-pipeline.")) {
        return Some(System::AzurePipelines);
    }
    if yaml && below(".buildkite/").is_some_and(|rest| !rest.contains('/')) {
        return Some(System::Buildkite);
    }
    if name == "jenkinsfile" || name.starts_with("jenkinsfile.") || name.starts_with("jenkinsfile_") || name.ends_with(".jenkinsfile") {
        return Some(System::Jenkins);
    }
    script::system(name)
}

/// Reads the pipelines of a change.
pub fn read(change: &ChangeSet, sources: &mut SourceMap) -> Result<Both, ChangeError> {
    let touched: BTreeSet<&str> =
        change.files.iter().flat_map(|file| [Some(file.path.as_str()), file.old_path.as_deref()]).flatten().collect();
    let head = read_tree(&change.head_tree, Side::Head, &touched, sources)?;
    let changed =
        touched.iter().any(|path| system(path).is_some()) || head.all.iter().any(|pipeline| touched.contains(pipeline.path.as_str()));
    let base = if changed { read_tree(&change.base_tree, Side::Base, &touched, sources)? } else { Pipelines::default() };
    Ok(Both { base, head })
}

fn read_tree(tree: &Snapshot, side: Side, touched: &BTreeSet<&str>, sources: &mut SourceMap) -> Result<Pipelines, ChangeError> {
    let mut reader = Reader { tree, side, sources, found: Pipelines::default(), seen: BTreeSet::new() };
    for entry in &tree.entries {
        let Some(system) = system(&entry.path) else {
            // `bin/deploy`: a program by its place and name, a script by its first line.
            if touched.contains(entry.path.as_str()) && script::is_program(&entry.path) {
                reader.program(entry)?;
            }
            continue;
        };
        // Of the scripts only those that changed, and below those that a pipeline runs.
        if !system.is_local() || touched.contains(entry.path.as_str()) && !script::is_vendored(&entry.path) {
            reader.file(entry, system)?;
        }
    }
    script::follow(&mut reader)?;
    Ok(reader.found)
}

/// One file of a tree alone, what it runs not followed; `None` when it is no pipeline or cannot be read. Its places are in no
/// source map.
pub fn single(tree: &Snapshot, path: &str) -> Option<Pipeline> {
    let system = system(path)?;
    let entry = tree.entry(path)?;
    let mut sources = SourceMap::default();
    let mut reader = Reader { tree, side: Side::Head, sources: &mut sources, found: Pipelines::default(), seen: BTreeSet::new() };
    reader.file(entry, system).ok()?;
    reader.found.all.into_iter().next().filter(|_| reader.found.unread.is_empty())
}

/// Reads the files of one revision, each once.
struct Reader<'a> {
    tree: &'a Snapshot,
    side: Side,
    sources: &'a mut SourceMap,
    found: Pipelines,
    seen: BTreeSet<String>,
}

impl Reader<'_> {
    fn text(&mut self, entry: &Entry) -> Result<Option<(FileId, std::sync::Arc<str>)>, ChangeError> {
        if !self.seen.insert(entry.path.clone()) {
            return Ok(None);
        }
        Ok(match load(self.tree, entry, self.side, self.sources)? {
            Ok(file) => Some((file, self.sources.get(file).text.clone())),
            // A link or a binary that a pipeline runs is no pipeline.
            Err(unread) => {
                self.found.unread.extend(system(&entry.path).map(|_| unread));
                None
            }
        })
    }

    /// A file without an ending, which counts when its first line names a shell.
    fn program(&mut self, entry: &Entry) -> Result<(), ChangeError> {
        let Some((source, text)) = self.text(entry)? else { return Ok(()) };
        if text.starts_with("#!") && make::is_shell(&text) {
            self.found.all.push(make::shell_script(&entry.path, source, &text));
        }
        Ok(())
    }

    fn file(&mut self, entry: &Entry, system: System) -> Result<(), ChangeError> {
        let Some((source, text)) = self.text(entry)? else { return Ok(()) };
        let path = entry.path.as_str();
        let syntax = if system == System::PackageScripts { Syntax::Json } else { Syntax::Yaml };
        match system {
            System::Make => self.found.all.push(make::makefile(path, source, &text)),
            System::Just => self.found.all.push(make::justfile(path, source, &text)),
            System::Shell if !make::is_shell(&text) => {}
            System::Shell => self.found.all.push(make::shell_script(path, source, &text)),
            System::Jenkins => self.found.all.push(jenkins::read(path, source, &text)),
            System::GitlabCi => return self.gitlab(path, source, &text),
            _ => {
                let tree = tree::parse(&text, syntax);
                self.errors(path, source, &tree);
                let Some(root) = tree.documents.first() else { return Ok(()) };
                match system {
                    System::Circleci => self.found.all.extend(circleci::read(path, source, &text, root)),
                    System::AzurePipelines => self.found.all.push(azure::read(path, source, &text, root)),
                    System::Buildkite => self.found.all.push(buildkite::read(path, source, &text, root)),
                    System::PackageScripts => self.found.all.push(package::read(path, source, &text, root)),
                    _ => self.found.all.push(github::read(path, source, &text, root)),
                }
            }
        }
        Ok(())
    }

    fn errors(&mut self, path: &str, file: FileId, tree: &Tree) {
        for (span, reason) in tree.errors.iter().take(1) {
            self.unread(path, file, *span, reason);
        }
        if tree.errors.is_empty() && tree.documents.is_empty() {
            self.unread(path, file, Span::default(), "it is empty");
        }
    }

    fn unread(&mut self, path: &str, file: FileId, span: Span, reason: &str) {
        let place = Some(Place { file, span });
        self.found.unread.push(Unread { path: path.to_owned(), place, reason: reason.to_owned() });
    }

    /// A root and what it includes of this repository, as one pipeline a file. Files that are only included have been or will be
    /// read here; those that nothing includes stand alone.
    fn gitlab(&mut self, path: &str, source: FileId, text: &std::sync::Arc<str>) -> Result<(), ChangeError> {
        let mut files = vec![(path.to_owned(), source, text.clone())];
        let mut roots = Vec::new();
        let mut at = 0;
        while at < files.len() {
            let (path, source, text) = files[at].clone();
            let tree = tree::parse(&text, Syntax::Yaml);
            self.errors(&path, source, &tree);
            // Of a file with a `spec` header the second document counts.
            let root = tree.documents.last().cloned();
            let (local, _) = root.as_ref().map(gitlab::includes).unwrap_or_default();
            roots.push(root);
            for named in local {
                self.include(&path, source, &named, &mut files)?;
            }
            at += 1;
        }
        let parts: Vec<gitlab::Part> = files
            .iter()
            .zip(&roots)
            .filter_map(|((_, source, text), root)| Some(gitlab::Part { source: *source, text, root: root.clone()? }))
            .collect();
        let paths: Vec<&str> = files.iter().zip(&roots).filter(|(_, root)| root.is_some()).map(|((path, ..), _)| path.as_str()).collect();
        let mut pipelines: Vec<Pipeline> = (0..parts.len()).map(|index| gitlab::read(paths[index], &parts, index)).collect();
        gitlab::order(&mut pipelines, &parts);
        self.found.all.extend(pipelines);
        Ok(())
    }

    fn include(
        &mut self,
        from: &str,
        source: FileId,
        named: &model::Named,
        files: &mut Vec<(String, FileId, std::sync::Arc<str>)>,
    ) -> Result<(), ChangeError> {
        let pattern = named.text.trim_start_matches("./").trim_start_matches('/');
        let glob = globset::GlobBuilder::new(pattern).literal_separator(true).build().ok().map(|glob| glob.compile_matcher());
        let matching: Vec<Entry> = match (self.tree.entry(pattern), glob) {
            (Some(entry), _) => vec![entry.clone()],
            (None, Some(glob)) => self.tree.entries.iter().filter(|entry| glob.is_match(&entry.path)).take(MAX_INCLUDES).cloned().collect(),
            (None, None) => Vec::new(),
        };
        if matching.is_empty() && !self.seen.contains(pattern) {
            self.unread(from, source, named.span, &format!("the included file {} is not in this repository", named.text));
        }
        for entry in matching {
            if files.len() < MAX_INCLUDES
                && let Some((source, text)) = self.text(&entry)?
            {
                files.push((entry.path.clone(), source, text));
            }
        }
        Ok(())
    }
}
