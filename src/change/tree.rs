//! Directories without git: a path in, a `Snapshot` of it out. Symbolic links are listed, never followed.

use std::fs::{self, Metadata};
use std::io::Read;
use std::path::Path;

use walkdir::WalkDir;

use super::{Blob, ChangedFile, Entry, EntryKind, Snapshot};
use crate::error::ChangeError;

/// Directories nested deeper than this are refused.
pub const MAX_DEPTH: usize = 256;

pub enum DiskFile {
    Bytes(Vec<u8>),
    TooLarge(u64),
}

/// Reads a regular file. Anything else (a link, a pipe, a device) is an error: it may block or lead out of the tree.
pub fn read_file(path: &Path, limit: u64) -> Result<DiskFile, ChangeError> {
    let unreadable = |error: std::io::Error| {
        ChangeError::new(format!("cannot read {}: {error}", path.display()), "check that the file exists and that you may read it")
    };
    let meta = fs::symlink_metadata(path).map_err(unreadable)?;
    if !meta.is_file() {
        return Err(ChangeError::new(format!("{} is not a regular file", path.display()), "links, pipes and devices are not followed"));
    }
    if meta.len() > limit {
        return Ok(DiskFile::TooLarge(meta.len()));
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    // The file may grow while it is read.
    file.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Ok(DiskFile::TooLarge(bytes.len() as u64));
    }
    Ok(DiskFile::Bytes(bytes))
}

/// Every file below a directory, `.git` left out.
pub fn read_directory(root: &Path) -> Result<Snapshot, ChangeError> {
    let mut entries = Vec::new();
    let walk = WalkDir::new(root).follow_links(false).max_depth(MAX_DEPTH).into_iter();
    for found in walk.filter_entry(|entry| entry.file_name() != ".git") {
        let found = found.map_err(|error| {
            ChangeError::new(format!("cannot list {}: {error}", root.display()), "check that the directory exists and that you may read it")
        })?;
        if found.file_type().is_dir() {
            continue;
        }
        let meta = found.metadata().map_err(|error| ChangeError::new(error.to_string(), "check that you may read the file"))?;
        let relative = found.path().strip_prefix(root).unwrap_or(found.path());
        let path = printable(relative.as_os_str().as_encoded_bytes());
        entries.push(Entry { path, kind: entry_kind(&meta), blob: Blob::Disk(found.path().to_owned()) });
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Snapshot { entries, git: None })
}

/// The kind of a file on disk. What is neither file nor link (a pipe, a socket) counts as a link: it is not opened.
pub fn entry_kind(meta: &Metadata) -> EntryKind {
    if !meta.is_file() {
        return EntryKind::Symlink;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if meta.permissions().mode() & 0o111 != 0 {
            return EntryKind::Executable;
        }
    }
    EntryKind::File
}

/// A path's bytes as text; bytes that are not UTF-8 are written `\xNN`.
pub fn printable(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02X}"));
        }
    }
    out
}

/// A directory on the way from the root to the file is a symbolic link: the file may lie outside the tree.
pub fn passes_a_link(root: &Path, relative: &str) -> bool {
    let mut at = root.to_owned();
    relative.split('/').any(|part| {
        at.push(part);
        fs::symlink_metadata(&at).is_ok_and(|meta| meta.file_type().is_symlink())
    })
}

/// The files that differ between two directories, by their bytes.
pub fn compare_texts(base: &Snapshot, head: &Snapshot) -> Result<Vec<ChangedFile>, ChangeError> {
    let mut files = super::compare(base, head);
    let mut kept = Vec::new();
    for file in files.drain(..) {
        let same = match (base.entry(&file.path), head.entry(&file.path)) {
            (Some(old), Some(new)) => old.kind == new.kind && base.read(old)? == head.read(new)? && new.kind != EntryKind::Symlink,
            _ => false,
        };
        if !same {
            kept.push(file);
        }
    }
    Ok(kept)
}
