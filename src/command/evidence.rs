//! `holdshort evidence collect`: a commit in, a snapshot of what CI says of it as a file out.

use std::path::Path;

use super::print;
use crate::change::git;
use crate::cli::{CollectArgs, EvidenceCommand, Provider};
use crate::collect::{self, Request, Service};
use crate::error::{Error, ExitCode, ReportError, UsageError};

pub fn run(command: &EvidenceCommand) -> Result<ExitCode, Error> {
    let EvidenceCommand::Collect(args) = command;
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (service, request) = request(args, &variable)?;
    if request.token.is_none() {
        eprintln!("note: no token in {}: only what everybody may see is collected", token_names(args.provider));
    }
    let text = format!("{:#}\n", collect::collect(service, &request)?.to_json());
    match &args.output {
        Some(path) => std::fs::write(path, text).map_err(|source| ReportError::Write { path: path.clone(), source })?,
        None => print(|out| out.write_all(text.as_bytes()))?,
    }
    Ok(ExitCode::Cleared)
}

fn token_names(provider: Provider) -> &'static str {
    match provider {
        Provider::Github => "GH_TOKEN or GITHUB_TOKEN",
        Provider::Gitlab => "GITLAB_TOKEN or CI_JOB_TOKEN",
    }
}

/// Flags first, then the variables of the CI system, then the repository at hand.
fn request(args: &CollectArgs, variable: &dyn Fn(&str) -> Option<String>) -> Result<(Service, Request), Error> {
    let repo = git::open(Path::new("."), None)?;
    let (commit, tree) = commit(args, repo.as_ref())?;
    let (service, api, repository, token) = match args.provider {
        Provider::Github => {
            let token = variable("GH_TOKEN").or_else(|| variable("GITHUB_TOKEN"));
            let api = variable("GITHUB_API_URL").unwrap_or_else(|| "https://api.github.com".to_owned());
            (Service::Github, api, variable("GITHUB_REPOSITORY"), token.map(|token| ("Authorization", format!("Bearer {token}"))))
        }
        Provider::Gitlab => {
            let token = variable("GITLAB_TOKEN").map(|token| ("PRIVATE-TOKEN", token));
            let token = token.or_else(|| Some(("JOB-TOKEN", variable("CI_JOB_TOKEN")?)));
            let api = variable("CI_API_V4_URL").unwrap_or_else(|| "https://gitlab.com/api/v4".to_owned());
            (Service::Gitlab, api, variable("CI_PROJECT_ID"), token)
        }
    };
    let remote = || repo.as_ref().and_then(|repo| repo.config("remote.origin.url")).and_then(|url| path_of(&url));
    let repository = args.repository.clone().or(repository).or_else(remote).ok_or_else(|| UsageError {
        message: "which repository is not known".to_owned(),
        help: Some("name it with --repository owner/name".to_owned()),
    })?;
    let api = args.api_url.clone().unwrap_or(api);
    Ok((service, Request { api, repository, commit, tree, token, now: jiff::Timestamp::now().to_string() }))
}

/// The full id of the commit, and its tree when the repository here has it.
fn commit(args: &CollectArgs, repo: Option<&git::Repo>) -> Result<(String, Option<String>), Error> {
    let name = args.commit.as_deref().unwrap_or("HEAD");
    if let Some(found) = repo.and_then(|repo| repo.resolve(name).ok()) {
        return Ok((found.id, Some(found.tree)));
    }
    if matches!(name.len(), 40 | 64) && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok((name.to_ascii_lowercase(), None));
    }
    let help = "give the commit's full id with --commit, or run it inside the repository";
    Err(UsageError { message: format!("`{name}` is no commit here"), help: Some(help.to_owned()) }.into())
}

/// `git@github.com:owner/name.git` and `https://github.com/owner/name` → `owner/name`.
fn path_of(url: &str) -> Option<String> {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?.1,
        None => url.split_once(':')?.1,
    };
    let path = path.trim_matches('/').trim_end_matches(".git");
    (!path.is_empty()).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_name_the_repository() {
        assert_eq!(path_of("git@github.com:a/b.git").as_deref(), Some("a/b"));
        assert_eq!(path_of("https://gitlab.com/group/sub/project").as_deref(), Some("group/sub/project"));
        assert_eq!(path_of("ssh://git@host:22/a/b.git").as_deref(), Some("a/b"));
        assert_eq!(path_of("/srv/git/b"), None);
    }
}
