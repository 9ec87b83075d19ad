//! Directories without git: a path in, a `Snapshot` of it out. Symbolic links are listed, never followed.

use std::path::Path;

use crate::error::ChangeError;

pub enum DiskFile {
    Bytes(Vec<u8>),
    TooLarge(u64),
}

/// Reads a regular file; anything else is an error.
pub fn read_file(path: &Path, limit: u64) -> Result<DiskFile, ChangeError> {
    let unreadable = |error: std::io::Error| {
        ChangeError::new(format!("cannot read {}: {error}", path.display()), "check that the file exists and that you may read it")
    };
    let meta = std::fs::symlink_metadata(path).map_err(unreadable)?;
    if meta.len() > limit {
        return Ok(DiskFile::TooLarge(meta.len()));
    }
    std::fs::read(path).map(DiskFile::Bytes).map_err(unreadable)
}
