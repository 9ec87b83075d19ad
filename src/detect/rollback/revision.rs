//! Revisions that rollback commands name: a git command in, what is wrong with its revisions out.

use crate::change::git::{Repo, Unresolved};
use crate::change::{ChangeSet, Snapshot};

/// What is wrong with the revisions of one git command, as a sentence. Without a repository, or in a shallow one, nothing can be
/// told of a revision that is not there.
pub fn problem(change: &ChangeSet, words: &[&str]) -> Option<String> {
    let repo = change.head_tree.git.as_ref()?;
    let (verb, rest) = words.split_first()?;
    named(&change.head_tree, verb, rest).into_iter().find_map(|revision| judge(repo, change, verb, revision))
}

/// A revision on its own that does not exist, as a sentence.
pub fn missing(change: &ChangeSet, revision: &str) -> Option<String> {
    let repo = change.head_tree.git.as_ref()?;
    if is_plain(revision) { resolve(repo, revision)?.err() } else { None }
}

/// The words of a command that are revisions.
fn named<'a>(tree: &Snapshot, verb: &str, rest: &[&'a str]) -> Vec<&'a str> {
    let makes_a_branch = rest.iter().any(|word| matches!(*word, "-b" | "-B" | "-c" | "-C" | "--orphan"));
    let end = rest.iter().position(|word| *word == "--").unwrap_or(rest.len());
    let rest = &rest[..end];
    let mut found = Vec::new();
    let mut skip = false;
    for word in rest {
        let value = std::mem::replace(&mut skip, matches!(*word, "-m" | "--mainline" | "-X" | "-s"));
        if value || word.starts_with('-') || !is_plain(word) {
            continue;
        }
        found.push(*word);
    }
    match verb {
        "revert" | "cherry-pick" => found,
        "checkout" | "switch" if !makes_a_branch => found.into_iter().take(1).filter(|word| !is_path(tree, word)).collect(),
        "reset" => found.into_iter().take(1).filter(|word| !is_path(tree, word)).collect(),
        _ => Vec::new(),
    }
}

fn is_path(tree: &Snapshot, word: &str) -> bool {
    let word = word.trim_start_matches("./").trim_end_matches('/');
    word == "." || tree.contains(word) || tree.under(word).next().is_some()
}

/// No variable, pattern or placeholder.
fn is_plain(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./^~@".contains(&b))
}

fn judge(repo: &Repo, change: &ChangeSet, verb: &str, word: &str) -> Option<String> {
    if let Some((from, to)) = word.split_once("..").filter(|(_, to)| !to.starts_with('.')) {
        let (from, to) = (if from.is_empty() { "HEAD" } else { from }, if to.is_empty() { "HEAD" } else { to });
        let start = resolve(repo, from)?;
        let end = resolve(repo, to)?;
        return match (start, end) {
            (Ok(start), Ok(end)) if start != end && repo.merge_base(&start, &end).as_deref() == Some(&end) => {
                Some(format!("The range {word} is empty: {to} comes before {from}, so write {to}..{from}."))
            }
            (Ok(_), Ok(_)) => None,
            (Err(missing), _) | (_, Err(missing)) => Some(missing),
        };
    }
    let id = match resolve(repo, word)? {
        Ok(id) => id,
        Err(missing) => return Some(missing),
    };
    let head = change.head.commit()?;
    let in_history = id == head || repo.merge_base(&id, head).is_none_or(|ancestor| ancestor == id) || repo.is_shallow();
    (verb == "revert" && !in_history).then(|| format!("{word} is not in the history of this revision, so reverting it cannot work."))
}

/// The commit's id, or that there is none; `None` where that cannot be told.
fn resolve(repo: &Repo, word: &str) -> Option<Result<String, String>> {
    let remote = format!("origin/{word}");
    match repo.resolve(word).or_else(|error| repo.resolve(&remote).map_err(|_| error)) {
        Ok(found) => Some(Ok(found.id)),
        Err(Unresolved::NotFound) if !repo.is_shallow() => Some(Err(format!("There is no revision {word} in this repository."))),
        Err(_) => None,
    }
}
