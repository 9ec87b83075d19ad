//! One file of the searched tree: an entry in, its references out, and in `Searched` whether it was read, left out, or could not be read.

use std::borrow::Cow;

use super::language::{self, LANGUAGES};
use super::place::{self, FileClass};
use super::plan::Plan;
use super::{Options, Reference, Searched, Target, Unread, grade};
use crate::change::{Entry, EntryKind, MAX_FILE_BYTES, Snapshot};

/// What is searched for, and where it is not.
pub struct Search<'a> {
    pub plan: &'a Plan,
    pub targets: &'a [Target],
    pub options: &'a Options,
}

pub fn search(store: &Snapshot, entry: &Entry, search: &Search, searched: &mut Searched) -> Vec<Reference> {
    let class = match place::class_of_path(&entry.path, &search.options.migration_roots) {
        _ if search.options.exclude.is_match(&entry.path) => FileClass::NotRunning("excluded by the policy"),
        class => class,
    };
    let by_name = language::language_of(&entry.path);
    let could_be_script = by_name.is_none() && !entry.path.rsplit('/').next().unwrap_or("").contains('.');
    match (class, entry.kind) {
        (FileClass::NotRunning(reason), _) if by_name.is_some() || entry.kind == EntryKind::Submodule => return skip(searched, reason),
        // What a link points at is searched where it is.
        (_, EntryKind::Symlink) => return skip(searched, "symbolic links"),
        (_, EntryKind::Submodule) => return unread(searched, entry, "a submodule: its files are in another repository".to_owned()),
        _ if by_name.is_none() && !could_be_script => return skip(searched, "not code"),
        _ => {}
    }
    let looked = store.with_bytes(entry, |bytes| match by_name.or_else(|| language::language_of_script(bytes)) {
        Some(language) => look(entry, bytes, language, class, search, searched),
        None => skip(searched, "not code"),
    });
    match looked {
        Ok(Ok(found)) => found,
        Ok(Err(size)) if by_name.is_some() => {
            unread(searched, entry, format!("it has {size} bytes, more than {MAX_FILE_BYTES} are not read"))
        }
        Ok(Err(_)) => skip(searched, "not code"),
        Err(error) => unread(searched, entry, error.message),
    }
}

fn skip(searched: &mut Searched, reason: &'static str) -> Vec<Reference> {
    *searched.skipped.entry(reason).or_insert(0) += 1;
    Vec::new()
}

fn unread(searched: &mut Searched, entry: &Entry, reason: String) -> Vec<Reference> {
    searched.unread.push(Unread { path: entry.path.clone(), reason });
    Vec::new()
}

fn look(entry: &Entry, bytes: &[u8], language: usize, class: FileClass, search: &Search, searched: &mut Searched) -> Vec<Reference> {
    let class = if class == FileClass::Code { place::class_of_head(&entry.path, bytes) } else { class };
    if let FileClass::NotRunning(reason) = class {
        return skip(searched, reason);
    }
    if bytes.starts_with(b"version https://git-lfs.github.com/spec/") {
        return unread(searched, entry, "it is kept in Git LFS".to_owned());
    }
    let bytes = as_ascii_superset(bytes);
    searched.files += 1;
    searched.bytes += bytes.len() as u64;
    *searched.languages.entry(LANGUAGES[language].name).or_insert(0) += 1;
    if !search.plan.matcher.is_match(bytes.as_ref()) {
        return Vec::new();
    }
    // Bytes that are not UTF-8 stand in comments and texts of older code; names of the database are ASCII.
    let text = String::from_utf8_lossy(&bytes);
    let class = place::class_of_text(&entry.path, &text, class);
    grade::references(search.plan, search.targets, &entry.path, &text, language, class)
}

/// Text in an encoding that has ASCII in it. UTF-16 is turned into UTF-8, by its mark or, without one, by leaving out the NUL bytes:
/// so even in a binary file a name that is there is found.
fn as_ascii_superset(bytes: &[u8]) -> Cow<'_, [u8]> {
    let utf16 = |read: fn([u8; 2]) -> u16| {
        let units = bytes[2..].chunks_exact(2).map(|pair| read([pair[0], pair[1]]));
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>()
    };
    match bytes {
        [0xFF, 0xFE, ..] => Cow::Owned(utf16(u16::from_le_bytes).into_bytes()),
        [0xFE, 0xFF, ..] => Cow::Owned(utf16(u16::from_be_bytes).into_bytes()),
        _ if bytes.contains(&0) => Cow::Owned(bytes.iter().copied().filter(|byte| *byte != 0).collect()),
        _ => Cow::Borrowed(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_told_apart() {
        assert_eq!(*as_ascii_superset(b"\xFF\xFEa\0b\0"), *b"ab");
        assert_eq!(*as_ascii_superset(b"\xFE\xFF\0a\0b"), *b"ab");
        assert_eq!(*as_ascii_superset(b"caf\xE9"), *b"caf\xE9");
        assert_eq!(*as_ascii_superset(b"a\0b\0"), *b"ab");
    }
}
