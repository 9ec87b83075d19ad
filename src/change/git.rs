//! The only user of git2: repositories, trees, blobs and diffs in, plain data out. Nothing of the repository is executed:
//! no hook, no filter driver, no configured command.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Once;

use git2::{Delta, DiffFindOptions, DiffOptions, ErrorCode, ObjectType, Repository, RepositoryOpenFlags, Status, StatusOptions};

use super::{Blob, ChangedFile, Commit, Entry, EntryKind, FileStatus};
use crate::error::ChangeError;

/// Most commits of a range that are looked at.
const MAX_COMMITS: usize = 1_000;

/// Object id of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlobId(git2::Oid);

impl std::fmt::Display for BlobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// An opened repository.
pub struct Repo {
    repo: Repository,
}

impl std::fmt::Debug for Repo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Repo").field(&self.repo.path()).finish()
    }
}

/// A commit a revision resolved to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    pub id: String,
    pub tree: String,
    /// Seconds since 1970 of the committer's clock.
    pub committed: i64,
}

/// Why a revision did not resolve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unresolved {
    /// No such name or object here.
    NotFound,
    /// The commit is known by its child, but a shallow clone left it out: its full id.
    CutOff(String),
    /// It is no commit, or ambiguous; git's own words.
    Other(String),
}

/// Opens the repository that holds `path`; `None` when there is none.
pub fn open(path: &Path, git_dir: Option<&str>) -> Result<Option<Repo>, ChangeError> {
    prepare();
    let opened = match git_dir {
        Some(git_dir) => Repository::open_ext(git_dir, RepositoryOpenFlags::NO_SEARCH, &[] as &[&Path]),
        None => Repository::discover(path),
    };
    match opened {
        Ok(repo) => Ok(Some(Repo { repo })),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(ChangeError::new(
            format!("cannot open the git repository at {}: {}", path.display(), error.message()),
            "if it uses a format this build cannot read (reftable, an unknown extension), clone it again with plain `git clone`",
        )),
    }
}

/// Opens a repository that is known by its git directory, once more for another thread.
pub fn reopen(git_dir: &Path) -> Result<Repo, ChangeError> {
    let opened = Repository::open_ext(git_dir, RepositoryOpenFlags::NO_SEARCH, &[] as &[&Path]);
    opened.map(|repo| Repo { repo }).map_err(failed("open the repository again"))
}

/// Settings of the library, made once, before any repository is opened.
fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: these set process-wide options of libgit2 and must not run beside other calls of it; `Once` is passed
        // before the first repository is opened, and nothing else in this crate calls libgit2.
        // The owner check guards against configuration that runs commands; nothing of the repository is run here, so a
        // checkout that belongs to another user (a CI container's) is read like any other.
        unsafe {
            let _ = git2::opts::set_verify_owner_validation(false);
            // Objects were verified when they were fetched; git itself does not hash each one again to read it.
            git2::opts::strict_hash_verification(false);
            let _ = git2::opts::set_extensions(&[
                "partialclone",
                "compatobjectformat",
                "worktreeconfig",
                "preciousobjects",
                "relativeworktrees",
            ]);
        }
    });
}

fn failed(what: &str) -> impl FnOnce(git2::Error) -> ChangeError + '_ {
    move |error| {
        let help = "the clone may leave objects out (shallow or partial); run `git fetch --unshallow` or `git fetch --refetch --filter=blob:limit=1g`";
        ChangeError::new(format!("cannot {what}: {}", error.message()), help)
    }
}

impl Repo {
    /// The git directory; a linked worktree's own.
    pub fn git_dir(&self) -> PathBuf {
        self.repo.path().to_owned()
    }

    /// The git directory that all worktrees share.
    pub fn common_dir(&self) -> PathBuf {
        self.repo.commondir().to_owned()
    }

    pub fn workdir(&self) -> Option<&Path> {
        self.repo.workdir()
    }

    pub fn is_shallow(&self) -> bool {
        self.repo.is_shallow()
    }

    /// Nothing was committed yet.
    pub fn is_unborn(&self) -> bool {
        matches!(self.repo.head(), Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound))
    }

    pub fn resolve(&self, revision: &str) -> Result<Resolved, Unresolved> {
        let object = self.repo.revparse_single(revision).map_err(|error| self.unresolved(revision, &error))?;
        let commit = object.peel_to_commit().map_err(|_| Unresolved::Other(format!("`{revision}` is not a commit")))?;
        Ok(Resolved { id: commit.id().to_string(), tree: commit.tree_id().to_string(), committed: commit.time().seconds() })
    }

    fn unresolved(&self, revision: &str, error: &git2::Error) -> Unresolved {
        if let Some(child) = revision.strip_suffix("^1").or_else(|| revision.strip_suffix('^'))
            && let Some(parent) = self.parents(child).first()
        {
            return Unresolved::CutOff(parent.clone());
        }
        match error.code() {
            ErrorCode::NotFound => Unresolved::NotFound,
            _ => Unresolved::Other(error.message().to_owned()),
        }
    }

    /// Ids of a commit's parents as its header names them, also when a shallow clone left them out.
    pub fn parents(&self, revision: &str) -> Vec<String> {
        let Ok(commit) = self.repo.revparse_single(revision).and_then(|object| object.peel_to_commit()) else { return Vec::new() };
        let header = commit.raw_header().unwrap_or_default().to_owned();
        header.lines().filter_map(|line| line.strip_prefix("parent ")).map(|id| id.trim().to_owned()).collect()
    }

    fn oid(&self, id: &str) -> Result<git2::Oid, ChangeError> {
        self.repo.revparse_single(id).map(|object| object.id()).map_err(failed("find an object"))
    }

    /// The best common ancestor; `None` when there is none (or a shallow clone hides it).
    pub fn merge_base(&self, one: &str, two: &str) -> Option<String> {
        let (one, two) = (self.oid(one).ok()?, self.oid(two).ok()?);
        self.repo.merge_base(one, two).ok().map(|id| id.to_string())
    }

    /// The first of these references that exists and names a commit.
    pub fn first_existing<'a>(&self, names: &[&'a str]) -> Option<&'a str> {
        names.iter().copied().find(|name| self.resolve(name).is_ok())
    }

    /// The remote branch that the current branch follows, `refs/remotes/origin/topic`.
    pub fn config(&self, key: &str) -> Option<String> {
        self.repo.config().and_then(|mut config| config.snapshot()).and_then(|config| config.get_string(key)).ok()
    }

    /// The same for a path: `~` is the home directory.
    pub fn config_path(&self, key: &str) -> Option<PathBuf> {
        self.repo.config().and_then(|mut config| config.snapshot()).and_then(|config| config.get_path(key)).ok()
    }

    /// The configured name of a remote that is given by its name or its URL.
    pub fn remote_name(&self, remote: &str) -> Option<String> {
        let remotes = self.repo.remotes().ok()?;
        let names: Vec<String> = remotes.iter().flatten().flatten().map(str::to_owned).collect();
        let has_url = |name: &str| {
            self.repo
                .find_remote(name)
                .is_ok_and(|found| found.url().is_ok_and(|url| url == remote) || found.pushurl().is_ok_and(|url| url == Some(remote)))
        };
        names.iter().find(|name| *name == remote).or_else(|| names.iter().find(|name| has_url(name))).cloned()
    }

    /// Where `head` leaves what the remote's branches reach: the first parent of its oldest commit that none of them has, or
    /// head itself when all of it is there. `None` when nothing of it is.
    pub fn known_part(&self, remote: Option<&str>, head: &str) -> Option<String> {
        let glob = remote.map_or("refs/remotes/*".to_owned(), |remote| format!("refs/remotes/{remote}/*"));
        self.repo.references_glob(&glob).ok()?.next()?.ok()?;
        let mut walk = self.repo.revwalk().ok()?;
        walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::REVERSE).ok()?;
        walk.push(self.oid(head).ok()?).ok()?;
        walk.hide_glob(&glob).ok()?;
        match walk.next() {
            None => Some(head.to_owned()),
            Some(oldest) => self.parents(&oldest.ok()?.to_string()).into_iter().next(),
        }
    }

    /// Names of branches and tags, for a did-you-mean.
    pub fn reference_names(&self) -> Vec<String> {
        let Ok(references) = self.repo.references() else { return Vec::new() };
        references.flatten().filter_map(|reference| reference.shorthand().ok().map(str::to_owned)).collect()
    }

    /// Commits of `base..head`, newest first. Without a base, all of head's.
    pub fn commits(&self, base: Option<&str>, head: &str) -> Vec<Commit> {
        let walk = || -> Result<Vec<Commit>, git2::Error> {
            let mut walk = self.repo.revwalk()?;
            walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::TIME)?;
            walk.push(self.repo.revparse_single(head)?.id())?;
            if let Some(base) = base {
                walk.hide(self.repo.revparse_single(base)?.id())?;
            }
            // A shallow clone ends the walk early; what was reached is what there is to show.
            let ids = walk.map_while(Result::ok).take(MAX_COMMITS);
            ids.map(|id| self.repo.find_commit(id).map(|commit| plain(&commit))).collect()
        };
        walk().unwrap_or_default()
    }

    /// Every file of a tree, sorted by path.
    pub fn entries(&self, tree: &str) -> Result<Vec<Entry>, ChangeError> {
        let tree = self.repo.find_tree(self.oid(tree)?).map_err(failed("read a tree"))?;
        let mut entries = Vec::new();
        self.collect(&tree, "", &mut entries, 0)?;
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        // `\xFF` may be a byte that is no text, or those four characters.
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].path == pair[1].path) {
            return Err(ChangeError::new(
                format!("two files are both called {} when their names are printed", crate::report::escape::one_line(&pair[0].path)),
                "rename one of them: a name has to tell which file is meant",
            ));
        }
        Ok(entries)
    }

    fn collect(&self, tree: &git2::Tree<'_>, prefix: &str, entries: &mut Vec<Entry>, depth: usize) -> Result<(), ChangeError> {
        if depth > super::tree::MAX_DEPTH {
            return Err(ChangeError::new(
                format!(
                    "directories are nested more than {} deep below {}",
                    super::tree::MAX_DEPTH,
                    crate::report::escape::one_line(prefix)
                ),
                "no such tree is read; flatten it",
            ));
        }
        for entry in tree {
            let name = super::tree::printable(entry.name_bytes());
            let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            let kind = match (entry.kind(), entry.filemode()) {
                (Some(ObjectType::Tree), _) => {
                    let below = self.repo.find_tree(entry.id()).map_err(failed("read a tree"))?;
                    self.collect(&below, &path, entries, depth + 1)?;
                    continue;
                }
                (Some(ObjectType::Commit), _) => EntryKind::Submodule,
                (_, 0o120_000) => EntryKind::Symlink,
                (_, 0o100_755) => EntryKind::Executable,
                _ => EntryKind::File,
            };
            entries.push(Entry { path, kind, blob: Blob::Git(BlobId(entry.id())) });
        }
        Ok(())
    }

    /// Lends a blob's bytes without a copy; the inner error is the size of one that is over the limit.
    pub fn with_blob<T>(&self, id: &BlobId, limit: u64, look: impl FnOnce(&[u8]) -> T) -> Result<Result<T, u64>, ChangeError> {
        let blob = self.repo.find_blob(id.0).map_err(|error| {
            ChangeError::new(
                format!("cannot read the contents of blob {}: {}", id.0, error.message()),
                "the clone leaves file contents out (a partial clone); run `git fetch --refetch --no-filter`",
            )
        })?;
        let size = blob.size() as u64;
        Ok(if size > limit { Err(size) } else { Ok(look(blob.content())) })
    }

    /// Files that differ between two trees; the base may be nothing. Renames are kept.
    pub fn diff(&self, base: Option<&str>, head: &str) -> Result<Vec<ChangedFile>, ChangeError> {
        let tree = |id: &str| self.oid(id).and_then(|id| self.repo.find_tree(id).map_err(failed("read a tree")));
        let base = base.map(tree).transpose()?;
        let head = tree(head)?;
        let mut diff = self.repo.diff_tree_to_tree(base.as_ref(), Some(&head), None).map_err(failed("compare two trees"))?;
        find_renames(&mut diff, DiffFindOptions::new().renames(true));
        Ok(changed_files(&diff))
    }

    /// Files that differ between a tree and the working tree, untracked ones included, ignored ones not.
    pub fn diff_worktree(&self, base: Option<&str>) -> Result<Vec<ChangedFile>, ChangeError> {
        let tree = |id: &str| self.oid(id).and_then(|id| self.repo.find_tree(id).map_err(failed("read a tree")));
        let base = base.map(tree).transpose()?;
        let mut options = DiffOptions::new();
        options.include_untracked(true).recurse_untracked_dirs(true).include_typechange(true).ignore_submodules(true);
        let mut diff = self
            .repo
            .diff_tree_to_workdir_with_index(base.as_ref(), Some(&mut options))
            .map_err(failed("compare with the working tree"))?;
        find_renames(&mut diff, DiffFindOptions::new().renames(true).for_untracked(true));
        Ok(changed_files(&diff))
    }

    /// The file differs from HEAD on disk or in the index, or is not in HEAD.
    pub fn is_uncommitted(&self, path: &str) -> bool {
        self.repo.status_file(Path::new(path)).is_ok_and(|status| !status.is_empty())
    }

    /// There is uncommitted work: staged, unstaged or untracked.
    pub fn is_dirty(&self) -> Result<bool, ChangeError> {
        if self.repo.is_bare() {
            return Ok(false);
        }
        let mut options = StatusOptions::new();
        options.include_untracked(true).include_ignored(false).exclude_submodules(true);
        let statuses = self.repo.statuses(Some(&mut options)).map_err(failed("read the state of the working tree"))?;
        Ok(statuses.iter().any(|entry| !entry.status().is_empty() && entry.status() != Status::IGNORED))
    }
}

/// Joins deletions and additions of like content. A partial clone may lack the contents to compare; the two halves then stay
/// apart, and whoever needs the text is told that it is missing.
fn find_renames(diff: &mut git2::Diff<'_>, options: &mut DiffFindOptions) {
    let _ = diff.find_similar(Some(options));
}

fn plain(commit: &git2::Commit<'_>) -> Commit {
    Commit {
        id: commit.id().to_string(),
        message: String::from_utf8_lossy(commit.message_bytes()).into_owned(),
        committed: commit.time().seconds(),
    }
}

fn changed_files(diff: &git2::Diff<'_>) -> Vec<ChangedFile> {
    let name = |file: git2::DiffFile<'_>| file.path_bytes().map(super::tree::printable);
    let mut files = Vec::new();
    for delta in diff.deltas() {
        let (old, new) = (name(delta.old_file()), name(delta.new_file()));
        let status = match delta.status() {
            Delta::Added | Delta::Untracked | Delta::Copied => FileStatus::Added,
            Delta::Deleted => FileStatus::Deleted,
            Delta::Renamed => FileStatus::Renamed,
            Delta::Modified | Delta::Typechange | Delta::Conflicted | Delta::Unreadable => FileStatus::Modified,
            Delta::Unmodified | Delta::Ignored => continue,
        };
        let Some(path) = (if status == FileStatus::Deleted { old.clone() } else { new }) else { continue };
        let old_path = old.filter(|old| status == FileStatus::Renamed && *old != path);
        files.push(ChangedFile { path, old_path, status });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Makes a repository of two commits out of two trees, for the demo. Returns the ids of the commits.
pub fn write_example(directory: &Path, base: &BTreeMap<&str, &str>, head: &BTreeMap<&str, &str>) -> Result<(String, String), ChangeError> {
    let write = || -> Result<(String, String), git2::Error> {
        let mut options = git2::RepositoryInitOptions::new();
        options.initial_head("main").external_template(false);
        let repo = Repository::init_opts(directory, &options)?;
        let when = git2::Time::new(1_767_225_600, 0);
        let author = git2::Signature::new("shop", "shop@example.com", &when)?;
        let mut parent: Option<git2::Oid> = None;
        let mut ids = Vec::new();
        for (message, files) in [("Release 1.41", base), ("Multi-currency orders", head)] {
            let mut index = git2::Index::new()?;
            for (path, text) in files {
                let id = repo.blob(text.as_bytes())?;
                index.add(&index_entry(path, id))?;
            }
            let tree = repo.find_tree(index.write_tree_to(&repo)?)?;
            let parents = parent.map(|id| repo.find_commit(id)).transpose()?;
            let parents: Vec<&git2::Commit<'_>> = parents.iter().collect();
            let id = repo.commit(Some("HEAD"), &author, &author, message, &tree, &parents)?;
            parent = Some(id);
            ids.push(id.to_string());
        }
        Ok((ids.remove(0), ids.remove(0)))
    };
    prepare();
    write().map_err(|error| {
        ChangeError::new(format!("cannot unpack the example: {}", error.message()), "set TMPDIR to a directory you may write to")
    })
}

fn index_entry(path: &str, id: git2::Oid) -> git2::IndexEntry {
    git2::IndexEntry {
        ctime: git2::IndexTime::new(0, 0),
        mtime: git2::IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode: 0o100_644,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}
