//! Changed texts onto the disk: each file whole or not at all, none outside of the root, none through a link, none that is not
//! what was checked.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Component, Path};

use super::settle::Changed;
use crate::change::tree::{DiskFile, passes_a_link, read_file};
use crate::error::ChangeError;

/// Checks every file before the first is written.
pub fn write(root: &Path, files: &BTreeMap<String, Changed>) -> Result<(), ChangeError> {
    for (path, changed) in files {
        check(root, path, changed)?;
    }
    files.iter().try_for_each(|(path, changed)| atomically(&root.join(path), changed.after.as_bytes()))
}

fn check(root: &Path, path: &str, changed: &Changed) -> Result<(), ChangeError> {
    let refuse = |problem: &str| Err(ChangeError::new(format!("{path} {problem}, so nothing was written"), "run the check again"));
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(name) if !name.eq_ignore_ascii_case(".git")));
    if !inside || path.is_empty() {
        return refuse("is not a file of the repository");
    }
    if passes_a_link(root, path) {
        return refuse("is or lies behind a symbolic link");
    }
    let full = root.join(path);
    let there = std::fs::symlink_metadata(&full).is_ok();
    match &changed.before {
        None if there => refuse("is there already"),
        None => Ok(()),
        Some(before) => match read_file(&full, crate::change::MAX_FILE_BYTES)? {
            DiskFile::Bytes(bytes) if bytes == before.as_bytes() => Ok(()),
            _ => refuse("on disk is not what was checked"),
        },
    }
}

/// Writes a file beside the old one and puts it in its place, with the old one's mode.
pub fn atomically(path: &Path, bytes: &[u8]) -> Result<(), ChangeError> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let attempt = || -> std::io::Result<()> {
        std::fs::create_dir_all(directory)?;
        let mut file = tempfile::Builder::new().prefix(".holdshort-").tempfile_in(directory)?;
        file.write_all(bytes)?;
        let mode = match std::fs::metadata(path) {
            Ok(meta) => meta.permissions(),
            Err(_) => new_file_mode(),
        };
        file.as_file().set_permissions(mode)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    attempt().map_err(|error| ChangeError::new(format!("cannot write {}: {error}", path.display()), "check that you may write there"))
}

#[cfg(unix)]
fn new_file_mode() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    std::fs::Permissions::from_mode(0o644)
}
