//! One API over HTTP: paths in, JSON out. Bounded in time, size and pages; the token goes to the API's own host only.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;

use super::{CollectError, Request};

/// Longest time of one request.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Largest answer that is read.
const MAX_BYTES: u64 = 20 * 1024 * 1024;
/// Most pages of one list: ten thousand checks.
const MAX_PAGES: u32 = 100;
/// Items of one page: what both APIs allow at most.
pub const PER_PAGE: usize = 100;

pub struct Client {
    agent: Agent,
    api: String,
    token: Option<(&'static str, String)>,
}

impl Client {
    pub fn new(request: &Request) -> Result<Client, CollectError> {
        let api = request.api.trim_end_matches('/').to_owned();
        let secure = api.starts_with("https://");
        if !secure && !api.starts_with("http://") {
            return Err(CollectError::new(format!("`{api}` is not a URL"), "write it as https://api.github.com"));
        }
        if !secure && request.token.is_some() && !is_loopback(&api) {
            return Err(CollectError::new(format!("{api} would get the token unencrypted"), "use https, or unset the token"));
        }
        let agent = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            // A redirect could lead the token elsewhere.
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent(concat!("holdshort/", env!("CARGO_PKG_VERSION")))
            .tls_config(ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build());
        let agent = if is_loopback(&api) { agent.proxy(None) } else { agent };
        Ok(Client { agent: agent.build().new_agent(), api, token: request.token.clone() })
    }

    /// One document.
    pub fn get(&self, path: &str) -> Result<Value, CollectError> {
        let url = format!("{}{path}", self.api);
        let failed = |why: String| CollectError::new(format!("cannot ask {url}: {why}"), "check --api-url and the network");
        let mut call = self.agent.get(&url).header("Accept", "application/json");
        if let Some((name, value)) = &self.token {
            call = call.header(*name, value);
        }
        let mut answer = call.call().map_err(|error| failed(error.to_string()))?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MAX_BYTES).read_to_string().map_err(|error| failed(error.to_string()))?;
        if status != 200 {
            return Err(refused(&url, status));
        }
        serde_json::from_str(&body).map_err(|error| failed(format!("the answer is no JSON: {error}")))
    }

    /// Every page of a list. `items` is how many a page holds, `total` how many there are, if the API says so.
    pub fn pages(
        &self,
        path: &str,
        items: fn(&Value) -> Option<usize>,
        total: fn(&Value) -> Option<u64>,
    ) -> Result<Vec<Value>, CollectError> {
        let join = if path.contains('?') { '&' } else { '?' };
        let mut pages = Vec::new();
        let mut seen = 0;
        for number in 1..=MAX_PAGES {
            let page = self.get(&format!("{path}{join}per_page={PER_PAGE}&page={number}"))?;
            let here = items(&page).ok_or_else(|| CollectError::new(format!("{path}: the answer is no list"), "check --api-url"))?;
            seen += here;
            let done = match total(&page) {
                Some(total) => here == 0 || seen as u64 >= total,
                None => here < PER_PAGE,
            };
            pages.push(page);
            if done {
                return Ok(pages);
            }
        }
        Err(CollectError::new(format!("{path} has more than {MAX_PAGES} pages"), "so many results of one commit are not read"))
    }
}

fn is_loopback(api: &str) -> bool {
    let host = api.split_once("://").map_or(api, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or(host);
    ["127.0.0.1", "localhost", "[::1]"]
        .iter()
        .any(|known| host == *known || host.strip_prefix(known).is_some_and(|port| port.starts_with(':')))
}

fn refused(url: &str, status: u16) -> CollectError {
    let help = match status {
        401 => "the token is wrong or has run out",
        403 | 429 => "the token lacks a right (GitHub: checks, actions, statuses and contents, all read), or the rate limit is reached",
        404 => "no such repository or commit, or the token may not see it",
        301..=308 => "the API moved, and a token is not sent after it: give the new address with --api-url",
        _ => "try again; the service's status page may say more",
    };
    CollectError::new(format!("{url} answered {status}"), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_may_be_asked_unencrypted_with_a_token() {
        for (api, allowed) in [
            ("https://api.github.com", true),
            ("http://127.0.0.1:8080/api/v4", true),
            ("http://localhost", true),
            ("http://127.0.0.1.example.com", false),
            ("http://localhost.example.com:80", false),
            ("http://git.example.com", false),
            ("ftp://127.0.0.1", false),
        ] {
            let token = Some(("Authorization", "Bearer x".to_owned()));
            let request =
                Request { api: api.to_owned(), repository: String::new(), commit: String::new(), tree: None, token, now: String::new() };
            assert_eq!(Client::new(&request).is_ok(), allowed, "{api}");
        }
    }
}
