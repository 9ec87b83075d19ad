//! Base and head from flags, CI variables, a hook's input or the repository itself: words in, two revisions and the reason out.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::git::{Repo, Unresolved};
use crate::error::ChangeError;

/// What the user, the CI system or the hook asks for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub path: PathBuf,
    pub base: Option<String>,
    pub head: Option<String>,
    /// The revision that runs in production: base is exactly this commit.
    pub deployed: Option<String>,
    /// The process environment.
    pub env: BTreeMap<String, String>,
    /// The check before a rollout: the last commit must not pass for all that goes out.
    pub whole_rollout: bool,
}

impl Request {
    fn var(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// A range as words: still to be resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// `None`: nothing is deployed yet, everything at head is new.
    pub base: Option<String>,
    /// `None`: HEAD, with the uncommitted work on top if there is any.
    pub head: Option<String>,
    /// Compare with the common ancestor of base and head, not with base itself.
    pub merge_base: bool,
    /// How it was chosen, for the report.
    pub origin: String,
}

/// Branches that may be the default one, best first.
const DEFAULT_BRANCHES: [&str; 5] =
    ["refs/remotes/origin/HEAD", "refs/remotes/origin/main", "refs/remotes/origin/master", "refs/heads/main", "refs/heads/master"];

/// Chooses the range: flags before CI variables before what the repository says.
pub fn choose(request: &Request, repo: &Repo) -> Result<Range, ChangeError> {
    let head = request.head.clone();
    if let Some(deployed) = &request.deployed {
        return Ok(Range {
            base: Some(deployed.clone()),
            head,
            merge_base: false,
            origin: format!("everything since {deployed}, which is deployed"),
        });
    }
    if let Some(base) = &request.base {
        let origin = format!("since the merge base with {base}");
        return Ok(Range { base: Some(base.clone()), head, merge_base: true, origin });
    }
    if head.is_none()
        && let Some(range) = from_ci(request, repo)?
    {
        return Ok(range);
    }
    from_repository(repo, head, request.whole_rollout)
}

fn from_ci(request: &Request, repo: &Repo) -> Result<Option<Range>, ChangeError> {
    if request.var("GITHUB_ACTIONS").is_some() {
        return from_github(request, repo);
    }
    if request.var("GITLAB_CI").is_some() {
        return from_gitlab(request, repo);
    }
    if let (Some(from), Some(to)) = (request.var("PRE_COMMIT_FROM_REF"), request.var("PRE_COMMIT_TO_REF")) {
        let origin = "the refs pre-commit was given".to_owned();
        return Ok(Some(Range { base: some_oid(from), head: Some(to.to_owned()), merge_base: true, origin }));
    }
    // Drone and Travis name the pushed branch itself when there is no pull request.
    let pulled = |name: &str| request.var(name).is_some_and(|value| value != "false");
    let target = [
        ("BITBUCKET_PR_DESTINATION_BRANCH", true),
        ("SYSTEM_PULLREQUEST_TARGETBRANCH", true),
        ("CHANGE_TARGET", true),
        ("BUILDKITE_PULL_REQUEST_BASE_BRANCH", true),
        ("CI_COMMIT_TARGET_BRANCH", true),
        ("DRONE_TARGET_BRANCH", pulled("DRONE_PULL_REQUEST")),
        ("TRAVIS_BRANCH", pulled("TRAVIS_PULL_REQUEST")),
    ];
    let named = target.iter().filter(|(_, counts)| *counts).find_map(|(name, _)| Some((name, request.var(name)?)));
    let Some((name, branch)) = named else { return Ok(None) };
    let branch = branch.strip_prefix("refs/heads/").unwrap_or(branch);
    let base = remote_branch(repo, branch);
    Ok(Some(Range {
        base: Some(base),
        head: Some("HEAD".to_owned()),
        merge_base: true,
        origin: format!("target branch {branch} ({name})"),
    }))
}

/// A branch as the CI checkout has it.
fn remote_branch(repo: &Repo, branch: &str) -> String {
    let remote = format!("refs/remotes/origin/{branch}");
    if repo.resolve(&remote).is_ok() { remote } else { branch.to_owned() }
}

/// Zeros stand for "no commit": 40 of them, or 64 in a SHA-256 repository.
fn some_oid(oid: &str) -> Option<String> {
    (!oid.is_empty() && !oid.bytes().all(|byte| byte == b'0')).then(|| oid.to_owned())
}

/// GitHub: the event's payload says what happened; a pull request's merge commit has the target as its first parent.
fn from_github(request: &Request, repo: &Repo) -> Result<Option<Range>, ChangeError> {
    let event = request.var("GITHUB_EVENT_NAME").unwrap_or_default();
    let payload: Value = match request.var("GITHUB_EVENT_PATH").map(std::fs::read_to_string) {
        Some(Ok(text)) => serde_json::from_str(&text).unwrap_or(Value::Null),
        _ => Value::Null,
    };
    let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str);
    let range = |base: Option<String>, head: &str, merge_base, origin: &str| {
        Ok(Some(Range { base, head: Some(head.to_owned()), merge_base, origin: origin.to_owned() }))
    };
    match event {
        "pull_request" | "pull_request_target" => {
            let parents = repo.parents("HEAD");
            let merge_ref = request.var("GITHUB_REF").is_some_and(|name| name.starts_with("refs/pull/") && name.ends_with("/merge"));
            // A branch may end in a merge of its own. HEAD is the merge GitHub made only when its second parent is the
            // branch, or, without a payload, when it is the commit the run is for.
            let merged = match (text("/pull_request/head/sha"), request.var("GITHUB_SHA")) {
                (Some(branch), _) => parents.get(1).is_some_and(|parent| parent == branch),
                (None, Some(run)) => repo.resolve("HEAD").is_ok_and(|head| head.id == run),
                (None, None) => true,
            };
            if event == "pull_request" && merge_ref && merged && parents.len() == 2 {
                return range(Some(parents[0].clone()), "HEAD", false, "GitHub pull request, merged into its target");
            }
            let branch = request.var("GITHUB_BASE_REF").map(|branch| remote_branch(repo, branch));
            let base = text("/pull_request/base/sha").filter(|sha| repo.resolve(sha).is_ok()).map(str::to_owned).or(branch);
            // The checkout may be of the target; only the payload says what the pull request is.
            let head = text("/pull_request/head/sha").unwrap_or("HEAD").to_owned();
            range(base, &head, true, "GitHub pull request")
        }
        "merge_group" => range(text("/merge_group/base_sha").and_then(some_oid), "HEAD", true, "GitHub merge queue"),
        "push" => {
            let branch = request.var("GITHUB_REF").and_then(|name| name.strip_prefix("refs/heads/"));
            of_branch(repo, branch, text("/repository/default_branch"), text("/before").and_then(some_oid), "GitHub push")
        }
        _ => Ok(None),
    }
}

/// GitLab: the merge request's diff base, when it is there.
fn from_gitlab(request: &Request, repo: &Repo) -> Result<Option<Range>, ChangeError> {
    let range = |base: &str, merge_base, origin: &str| {
        Ok(Some(Range { base: Some(base.to_owned()), head: Some("HEAD".to_owned()), merge_base, origin: origin.to_owned() }))
    };
    if let Some(base) = request.var("CI_MERGE_REQUEST_DIFF_BASE_SHA") {
        // It goes stale when the merge request gets another target, so the common ancestor is taken.
        return range(base, true, "GitLab merge request");
    }
    if let Some(base) = request.var("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA") {
        return range(base, true, "GitLab external pull request");
    }
    let before = request.var("CI_COMMIT_BEFORE_SHA").and_then(some_oid);
    of_branch(repo, request.var("CI_COMMIT_BRANCH"), request.var("CI_DEFAULT_BRANCH"), before, "GitLab branch pipeline")
}

/// The pipeline of a branch. One that is not the default branch is compared with it as a whole, because what its tip says
/// decides whether all of it is merged; the default branch with what it was before the push. What is not in the clone for
/// that is an error: the last commit must not pass for all of them.
fn of_branch(
    repo: &Repo,
    branch: Option<&str>,
    default: Option<&str>,
    before: Option<String>,
    origin: &str,
) -> Result<Option<Range>, ChangeError> {
    let range = |base, origin: String| Ok(Some(Range { base: Some(base), head: Some("HEAD".to_owned()), merge_base: true, origin }));
    if let (Some(branch), Some(default)) = (branch, default)
        && branch != default
    {
        let base = format!("refs/remotes/origin/{default}");
        if repo.resolve(&base).is_err() {
            return Err(ChangeError::new(
                format!("{default}, which branch {branch} left, is not in this clone"),
                format!(
                    "run `git fetch --unshallow origin {default}:{base}` first; in GitHub Actions `fetch-depth: 0` on actions/checkout does it"
                ),
            ));
        }
        return range(base, format!("{origin}, all of {branch} since it left {default}"));
    }
    match before {
        Some(before) if repo.resolve(&before).is_ok() => range(before, origin.to_owned()),
        Some(before) if repo.is_shallow() => Err(shallow(&format!("{before}, which the branch was before the push"), None)),
        // A first push, or a force push whose old tip is gone.
        _ => Ok(None),
    }
}

/// No flag, no CI: the merge base with the default branch; on that branch itself, the last commit.
fn from_repository(repo: &Repo, head: Option<String>, whole_rollout: bool) -> Result<Range, ChangeError> {
    let tip = head.as_deref().unwrap_or("HEAD");
    let Ok(at) = repo.resolve(tip) else {
        return Ok(Range { base: None, head, merge_base: false, origin: "nothing was committed yet: every file is new".to_owned() });
    };
    let configured = repo.config("init.defaultbranch").map(|branch| format!("refs/heads/{branch}"));
    let mut names: Vec<&str> = DEFAULT_BRANCHES.to_vec();
    names.extend(configured.as_deref());
    if let Some(branch) = repo.first_existing(&names) {
        let short = branch.trim_start_matches("refs/remotes/").trim_start_matches("refs/heads/");
        match repo.merge_base(branch, tip) {
            Some(ancestor) if ancestor != at.id => {
                return Ok(Range { base: Some(ancestor), head, merge_base: false, origin: format!("since the merge base with {short}") });
            }
            None if repo.is_shallow() => return Err(shallow(&format!("the merge base of {tip} and {short}"), None)),
            _ => {}
        }
    }
    if head.is_none() && repo.is_dirty()? {
        return Ok(Range { base: Some("HEAD".to_owned()), head, merge_base: false, origin: "the uncommitted work".to_owned() });
    }
    match repo.parents(tip).first() {
        Some(_) if whole_rollout => Err(ChangeError::new(
            "nothing says what runs in production, and the last commit may not be all that goes out",
            "name what runs now: `--deployed REV`, or `--base REV` for the commits since then",
        )),
        Some(parent) => Ok(Range { base: Some(parent.clone()), head, merge_base: false, origin: "the last commit".to_owned() }),
        None => Ok(Range { base: None, head, merge_base: false, origin: "the first commit: every file is new".to_owned() }),
    }
}

/// The error for a revision that does not resolve, with the command that repairs it.
pub fn unresolved(repo: &Repo, revision: &str, why: Unresolved) -> ChangeError {
    let full_id = (revision.len() == 40 || revision.len() == 64) && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
    match why {
        Unresolved::CutOff(id) => shallow(&format!("commit {id}"), Some(&id)),
        Unresolved::NotFound if full_id => match repo.is_shallow() {
            true => shallow(&format!("commit {revision}"), Some(revision)),
            false => ChangeError::new(format!("commit {revision} is not in this clone"), format!("run `git fetch origin {revision}`")),
        },
        Unresolved::NotFound => {
            let names = repo.reference_names();
            let close = crate::rule::load::suggest(revision, names.iter().map(String::as_str));
            let help = match close {
                Some(close) => format!("did you mean `{close}`?"),
                None if repo.is_shallow() => "the clone is shallow; run `git fetch --unshallow --tags`".to_owned(),
                None => format!("run `git fetch origin {revision}`, or name a branch, tag or commit that is here"),
            };
            ChangeError::new(format!("there is no revision `{revision}` here"), help)
        }
        Unresolved::Other(message) => {
            ChangeError::new(format!("`{revision}` does not name a commit: {message}"), "name a branch, tag or commit")
        }
    }
}

/// The history that is needed was cut off by a shallow clone.
pub fn shallow(what: &str, id: Option<&str>) -> ChangeError {
    let fetch = id.map_or_else(|| "git fetch --unshallow origin".to_owned(), |id| format!("git fetch --depth=1 origin {id}"));
    ChangeError::new(
        format!("this clone is shallow and does not have {what}"),
        format!(
            "run `{fetch}`; in GitHub Actions set `fetch-depth: 0` on actions/checkout (2 is enough for pull requests), in GitLab `GIT_DEPTH: \"0\"`"
        ),
    )
}

/// One line of a pre-push hook's standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedRef {
    pub local: String,
    pub local_oid: String,
    pub remote: String,
    /// `None` when the remote does not have the branch yet.
    pub remote_oid: Option<String>,
}

/// Reads what git writes to a pre-push hook: `<local ref> <local oid> <remote ref> <remote oid>`, deletions left out.
/// The first field is what the user typed and may hold blanks. Notes are no code. Source: githooks(5).
pub fn pushed_refs(stdin: &str) -> Result<Vec<PushedRef>, ChangeError> {
    let mut refs = Vec::new();
    for line in stdin.lines().filter(|line| !line.trim().is_empty()) {
        let mut fields = line.rsplitn(4, ' ');
        let (Some(remote_oid), Some(remote), Some(local_oid), Some(local)) = (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(ChangeError::new(
                format!("a line of the pre-push hook's input cannot be read: `{line}`"),
                "run this from a git pre-push hook; it passes `<local ref> <local oid> <remote ref> <remote oid>`",
            ));
        };
        let Some(local_oid) = some_oid(local_oid).filter(|_| !remote.starts_with("refs/notes/")) else { continue };
        refs.push(PushedRef { local: local.to_owned(), local_oid, remote: remote.to_owned(), remote_oid: some_oid(remote_oid) });
    }
    Ok(refs)
}

/// The range of one pushed ref: what the remote has not seen yet. What the remote has may be unknown here, because somebody
/// else pushed it; then, as for a new branch, the remote's default branch is compared with, else all its branches.
pub fn of_push(repo: &Repo, remote: Option<&str>, pushed: &PushedRef) -> Result<Range, ChangeError> {
    // An annotated tag is pushed as an object of its own.
    let head = &repo.resolve(&pushed.local_oid).map_err(|why| unresolved(repo, &pushed.local_oid, why))?.id;
    let range = |base, origin| Ok(Range { base, head: Some(head.clone()), merge_base: false, origin });
    if let Some(old) = pushed.remote_oid.as_ref().filter(|old| repo.resolve(old).is_ok()) {
        return range(common(repo, old, head)?, format!("push of {} to {}", pushed.local, pushed.remote));
    }
    let remote = remote.and_then(|remote| repo.remote_name(remote));
    let name = remote.as_deref().unwrap_or("origin");
    let configured = repo.config("init.defaultbranch").unwrap_or_else(|| "main".to_owned());
    let names = ["HEAD", &configured, "main", "master"].map(|branch| format!("refs/remotes/{name}/{branch}"));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let base = match repo.first_existing(&names) {
        Some(branch) => common(repo, branch, head)?,
        None => repo.known_part(remote.as_deref(), head),
    };
    let origin = if base.is_some() { "push of new branch" } else { "every file is new in the first push of" };
    range(base, format!("{origin} {}", pushed.remote))
}

/// The best common ancestor; `None` when the histories have nothing in common.
fn common(repo: &Repo, base: &str, head: &str) -> Result<Option<String>, ChangeError> {
    match repo.merge_base(base, head) {
        None if repo.is_shallow() => Err(shallow(&format!("the merge base of {base} and {head}"), None)),
        base => Ok(base),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn push_lines_are_split_from_the_right_and_deletions_skipped() {
        let zero = "0".repeat(64);
        let one = "1".repeat(40);
        let lines = format!("HEAD@{{0 minutes ago}} {one} refs/heads/a {zero}\n(delete) {zero} refs/heads/b {one}\n");
        let refs = pushed_refs(&lines).unwrap();
        assert_eq!(refs.len(), 1);
        assert_eq!(refs[0].local, "HEAD@{0 minutes ago}");
        assert_eq!(refs[0].remote_oid, None);
        assert!(pushed_refs("nonsense\n").is_err());
    }
}
