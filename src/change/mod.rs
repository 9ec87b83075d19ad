//! One change: two snapshots of a tree and every file that differs between them, from git or from plain directories.

pub mod git;
pub mod range;
pub mod tree;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use serde::Serialize;

use crate::error::ChangeError;

/// Files past this size are reported, not read.
pub const MAX_FILE_BYTES: u64 = 32 * 1024 * 1024;

#[derive(Debug)]
pub struct ChangeSet {
    pub base: Revision,
    pub head: Revision,
    /// How base and head were chosen, as a sentence for the report: `merge base with origin/main`.
    pub origin: String,
    pub base_tree: Snapshot,
    pub head_tree: Snapshot,
    /// Sorted by path.
    pub files: Vec<ChangedFile>,
    /// Commits between base and head, newest first. Empty for directories.
    pub commits: Vec<Commit>,
    /// Things the user should know: uncommitted work included, a stale base.
    pub notices: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Revision {
    /// `committed` is seconds since 1970 of the committer's clock.
    Commit { id: String, tree: String, committed: i64 },
    /// The working tree over the commit it is based on, if there is one.
    Worktree { head: Option<String> },
    /// A plain directory or an in-memory tree.
    Directory,
    /// Nothing: the base of a first commit.
    Empty,
}

/// Opens the change a request asks for.
pub fn open(request: &range::Request) -> Result<ChangeSet, ChangeError> {
    let git_dir = request.env.get("GIT_DIR").map(String::as_str).filter(|_| request.path == std::path::Path::new("."));
    match git::open(&request.path, git_dir)? {
        Some(repo) => {
            let range = range::choose(request, &repo)?;
            open_range(repo, range)
        }
        None => open_directories(request),
    }
}

/// Opens the change of one ref that is being pushed; `None` when what is pushed is no commit.
pub fn open_pushed(request: &range::Request, remote: Option<&str>, pushed: &range::PushedRef) -> Result<Option<ChangeSet>, ChangeError> {
    let Some(repo) = git::open(&request.path, request.env.get("GIT_DIR").map(String::as_str))? else { return Err(no_repository(request)) };
    match repo.resolve(&pushed.local_oid) {
        Ok(_) => {}
        // A tag may point at a blob or a tree, which no rollout begins from.
        Err(git::Unresolved::Other(_)) => return Ok(None),
        Err(why) => return Err(range::unresolved(&repo, &pushed.local_oid, why)),
    }
    let range = range::of_push(&repo, remote, pushed)?;
    open_range(repo, range).map(Some)
}

fn open_range(repo: git::Repo, range: range::Range) -> Result<ChangeSet, ChangeError> {
    let resolve = |revision: &str| repo.resolve(revision).map_err(|why| range::unresolved(&repo, revision, why));
    let tip = range.head.as_deref().unwrap_or("HEAD");
    let head = if range.head.is_none() && repo.is_unborn() { None } else { Some(resolve(tip)?) };
    let mut base = range.base.as_deref().map(&resolve).transpose()?;
    if let (true, Some(from), Some(to)) = (range.merge_base, &base, &head) {
        base = match repo.merge_base(&from.id, &to.id) {
            Some(ancestor) => Some(resolve(&ancestor)?),
            None if repo.is_shallow() => return Err(range::shallow(&format!("the merge base of {} and {}", from.id, to.id), None)),
            None => {
                let message = format!("{} and {} have no common ancestor", from.id, to.id);
                return Err(ChangeError::new(
                    message,
                    "name a base that head descends from, or use --deployed to compare unrelated revisions",
                ));
            }
        };
    }
    let dirty = range.head.is_none() && repo.is_dirty()?;
    let base_tree = base.as_ref().map(|base| base.tree.as_str());
    let base_entries = base_tree.map(|tree| repo.entries(tree)).transpose()?.unwrap_or_default();
    let (files, head_entries) = match &head {
        Some(head) if !dirty => (repo.diff(base_tree, &head.tree)?, repo.entries(&head.tree)?),
        _ => {
            let files = repo.diff_worktree(base_tree)?;
            let entries = worktree_entries(&repo, &base_entries, &files)?;
            (files, entries)
        }
    };
    let mut notices = Vec::new();
    if dirty {
        notices.push("uncommitted work is included; pass --head HEAD to leave it out".to_owned());
    }
    if files.is_empty() {
        notices.push("base and head have the same files: there is nothing to check".to_owned());
    }
    let commits = head.as_ref().map(|head| repo.commits(base.as_ref().map(|base| base.id.as_str()), &head.id)).unwrap_or_default();
    let revision = |at: git::Resolved| Revision::Commit { id: at.id, tree: at.tree, committed: at.committed };
    let head_revision = match head {
        Some(head) if !dirty => revision(head),
        head => Revision::Worktree { head: head.map(|head| head.id) },
    };
    let repo = Rc::new(repo);
    Ok(ChangeSet {
        base: base.map_or(Revision::Empty, revision),
        head: head_revision,
        origin: range.origin,
        base_tree: Snapshot { entries: base_entries, git: Some(repo.clone()) },
        head_tree: Snapshot { entries: head_entries, git: Some(repo) },
        files,
        commits,
        notices,
    })
}

/// The base's entries with every changed file taken from the disk.
fn worktree_entries(repo: &git::Repo, base: &[Entry], files: &[ChangedFile]) -> Result<Vec<Entry>, ChangeError> {
    let Some(root) = repo.workdir() else { return Ok(base.to_vec()) };
    let mut gone: BTreeSet<&str> = BTreeSet::new();
    let mut entries = Vec::new();
    for file in files {
        gone.insert(&file.path);
        gone.extend(file.old_path.as_deref());
        if file.status == FileStatus::Deleted {
            continue;
        }
        let path = root.join(&file.path);
        let Ok(meta) = std::fs::symlink_metadata(&path) else { continue };
        let kind = if tree::passes_a_link(root, &file.path) { EntryKind::Symlink } else { tree::entry_kind(&meta) };
        entries.push(Entry { path: file.path.clone(), kind, blob: Blob::Disk(path) });
    }
    entries.extend(base.iter().filter(|entry| !gone.contains(entry.path.as_str())).cloned());
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

fn no_repository(request: &range::Request) -> ChangeError {
    ChangeError::new(
        format!("{} is not in a git repository", request.path.display()),
        "run it inside a repository, or compare two directories: `holdshort check --base OLD_DIRECTORY NEW_DIRECTORY`",
    )
}

/// No git: PATH is what would be rolled out, `--base` a directory with what runs now.
fn open_directories(request: &range::Request) -> Result<ChangeSet, ChangeError> {
    if !request.path.is_dir() || request.head.is_some() || request.deployed.is_some() {
        return Err(no_repository(request));
    }
    let Some(base) = &request.base else { return Err(no_repository(request)) };
    let base_tree = tree::read_directory(std::path::Path::new(base))?;
    let head_tree = tree::read_directory(&request.path)?;
    let files = tree::compare_texts(&base_tree, &head_tree)?;
    Ok(ChangeSet {
        base: Revision::Directory,
        head: Revision::Directory,
        origin: "two directories".to_owned(),
        base_tree,
        head_tree,
        files,
        commits: Vec::new(),
        notices: Vec::new(),
    })
}

impl Revision {
    /// Full id of the commit, if it is one.
    pub fn commit(&self) -> Option<&str> {
        match self {
            Revision::Commit { id, .. } => Some(id),
            _ => None,
        }
    }

    /// As the JSON report prints it: 40 (or 64) hex digits, `worktree`, or nothing.
    pub fn id(&self) -> Option<&str> {
        match self {
            Revision::Commit { id, .. } => Some(id),
            Revision::Worktree { .. } => Some("worktree"),
            Revision::Directory | Revision::Empty => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Commit {
    pub id: String,
    pub message: String,
    pub committed: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedFile {
    /// Path at head; at base for a deleted file.
    pub path: String,
    /// Path at base when it differs: a rename.
    pub old_path: Option<String>,
    pub status: FileStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileStatus {
    Added,
    Modified,
    Deleted,
    Renamed,
}

impl ChangeSet {
    pub fn file(&self, path: &str) -> Option<&ChangedFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The directory on disk that head is checked out in; `None` for a bare repository.
    pub fn root(&self) -> Option<PathBuf> {
        match &self.head_tree.git {
            Some(repo) => repo.workdir().map(std::path::Path::to_owned),
            None => self.head_tree.entries.iter().find_map(|entry| match &entry.blob {
                Blob::Disk(path) => path.ancestors().nth(entry.path.split('/').count()).map(std::path::Path::to_owned),
                _ => None,
            }),
        }
    }

    /// Another revision of the same repository.
    pub fn snapshot(&self, revision: &str) -> Result<Snapshot, ChangeError> {
        let Some(repo) = &self.head_tree.git else {
            return Err(ChangeError::new(
                format!("there is no revision `{revision}`: this is no git repository"),
                "leave the revision out",
            ));
        };
        let found = repo.resolve(revision).map_err(|why| range::unresolved(repo, revision, why))?;
        Ok(Snapshot { entries: repo.entries(&found.tree)?, git: Some(repo.clone()) })
    }

    /// Ships something: not only documentation and tests.
    pub fn added_or_modified(&self) -> impl Iterator<Item = &ChangedFile> {
        self.files.iter().filter(|file| file.status != FileStatus::Deleted)
    }
}

/// Every file of one tree, by path. Texts are read when asked for.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Sorted by path.
    pub entries: Vec<Entry>,
    pub git: Option<Rc<git::Repo>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From the root, `/` between parts. Bytes that are not UTF-8 are written `\xNN`.
    pub path: String,
    pub kind: EntryKind,
    pub blob: Blob,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    File,
    Executable,
    /// Never followed: it may point outside the tree.
    Symlink,
    Submodule,
}

/// Where the bytes of a file are. Equal blobs of one repository have equal bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blob {
    Git(git::BlobId),
    Disk(PathBuf),
    Memory(Arc<[u8]>),
}

/// The outcome of reading a file as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    Utf8(Arc<str>),
    /// Has NUL bytes.
    Binary,
    InvalidUtf8 {
        valid_up_to: usize,
    },
    TooLarge {
        bytes: u64,
    },
    /// A symbolic link or submodule: there is no text to read.
    NotAFile(EntryKind),
}

impl Snapshot {
    pub fn from_memory<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut entries: Vec<Entry> = files
            .into_iter()
            .map(|(path, text)| Entry { path: path.to_owned(), kind: EntryKind::File, blob: Blob::Memory(text.as_bytes().into()) })
            .collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Snapshot { entries, git: None }
    }

    pub fn entry(&self, path: &str) -> Option<&Entry> {
        self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok().map(|i| &self.entries[i])
    }

    pub fn contains(&self, path: &str) -> bool {
        self.entry(path).is_some()
    }

    /// Entries below a directory, given without a trailing slash; the empty path is the root.
    pub fn under<'a>(&'a self, directory: &'a str) -> impl Iterator<Item = &'a Entry> {
        let start = self.entries.partition_point(|entry| entry.path.as_str() < directory);
        self.entries[start..]
            .iter()
            .skip_while(move |entry| !below(&entry.path, directory) && entry.path.starts_with(directory))
            .take_while(move |entry| entry.path.starts_with(directory))
            .filter(move |entry| below(&entry.path, directory))
    }

    pub fn read(&self, entry: &Entry) -> Result<Text, ChangeError> {
        if matches!(entry.kind, EntryKind::Symlink | EntryKind::Submodule) {
            return Ok(Text::NotAFile(entry.kind));
        }
        Ok(self.with_bytes(entry, decode)?.unwrap_or_else(|bytes| Text::TooLarge { bytes }))
    }

    /// Lends the bytes of a file; the inner error is the size of one past `MAX_FILE_BYTES`.
    pub fn with_bytes<T>(&self, entry: &Entry, look: impl FnOnce(&[u8]) -> T) -> Result<Result<T, u64>, ChangeError> {
        match &entry.blob {
            Blob::Memory(bytes) => Ok(Ok(look(bytes))),
            Blob::Disk(path) => Ok(match tree::read_file(path, MAX_FILE_BYTES)? {
                tree::DiskFile::Bytes(bytes) => Ok(look(&bytes)),
                tree::DiskFile::TooLarge(bytes) => Err(bytes),
            }),
            Blob::Git(id) => {
                let repo = self.git.as_ref().expect("a git blob comes with its repository");
                let located = |error: ChangeError| ChangeError { message: format!("{}: {}", entry.path, error.message), ..error };
                repo.with_blob(id, MAX_FILE_BYTES, look).map_err(located)
            }
        }
    }

    /// A snapshot without entries over the same store, for another thread: `git_dir` is that of `self.git`.
    pub fn over(git_dir: Option<&std::path::Path>) -> Result<Snapshot, ChangeError> {
        let git = git_dir.map(git::reopen).transpose()?;
        Ok(Snapshot { entries: Vec::new(), git: git.map(Rc::new) })
    }

    /// The text at `path`, or `None` when there is no such file.
    pub fn read_path(&self, path: &str) -> Result<Option<Text>, ChangeError> {
        self.entry(path).map(|entry| self.read(entry)).transpose()
    }
}

fn below(path: &str, directory: &str) -> bool {
    directory.is_empty() || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

fn decode(bytes: &[u8]) -> Text {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Text::Utf8(text.into()),
        Err(error) if !bytes.contains(&0) => Text::InvalidUtf8 { valid_up_to: error.valid_up_to() },
        _ => Text::Binary,
    }
}

/// The files that differ between two snapshots that have no git history in common. Renames are not guessed.
pub fn compare(base: &Snapshot, head: &Snapshot) -> Vec<ChangedFile> {
    let mut files = Vec::new();
    for entry in &head.entries {
        let status = match base.entry(&entry.path) {
            None => FileStatus::Added,
            Some(old) if old.blob != entry.blob || old.kind != entry.kind => FileStatus::Modified,
            Some(_) => continue,
        };
        files.push(ChangedFile { path: entry.path.clone(), old_path: None, status });
    }
    for entry in base.entries.iter().filter(|entry| !head.contains(&entry.path)) {
        files.push(ChangedFile { path: entry.path.clone(), old_path: None, status: FileStatus::Deleted });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn under_lists_a_directory_and_not_its_namesakes() {
        let tree = Snapshot::from_memory([("db/a.sql", "1"), ("db-old/a.sql", "2"), ("db.sql", "3"), ("db/m/b.sql", "4"), ("x", "")]);
        let paths: Vec<&str> = tree.under("db").map(|e| e.path.as_str()).collect();
        assert_eq!(paths, ["db/a.sql", "db/m/b.sql"]);
        assert_eq!(tree.under("").count(), 5);
    }

    #[test]
    fn bytes_that_are_not_text_are_told_apart() {
        assert_eq!(decode(b"a\0b"), Text::Binary);
        assert_eq!(decode(b"ab\xff"), Text::InvalidUtf8 { valid_up_to: 2 });
    }
}
