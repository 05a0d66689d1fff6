//! `fetch` of scripts: to the hosts that the project allows and to nothing else.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Url};
use serde_json::{Value as Json, json};
use tokio::sync::OnceCell;

/// Longest time of one request.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Largest body of a reply.
const MAX_BODY: usize = 16 * 1024 * 1024;
/// Redirects that are followed.
const MAX_REDIRECTS: usize = 10;

/// The network as scripts see it.
#[derive(Debug)]
pub(super) struct Fetcher {
    allowed: Vec<String>,
    /// With and without following redirects; made when first needed.
    clients: [OnceCell<Client>; 2],
}

impl Fetcher {
    /// Entries are `host` or `host:port`.
    pub(super) fn new(allowed: &[String]) -> Self {
        Self { allowed: allowed.to_vec(), clients: Default::default() }
    }

    /// Runs a request of the form `{url, method, headers: [[name, value]], body: base64, redirect}`; gives
    /// `{status, statusText, url, headers, body}`.
    pub(super) async fn fetch(&self, request: &Json) -> Result<String, String> {
        let text = |name: &str| request.get(name).and_then(Json::as_str).unwrap_or_default();
        let url = Url::parse(text("url")).map_err(|error| format!("fetch: {error}"))?;
        if !is_allowed(&self.allowed, &url) {
            return Err(refusal(&url));
        }
        let follow = text("redirect") == "follow";
        let client = self.client(follow).await?;
        let method = Method::from_bytes(text("method").as_bytes()).map_err(|error| error.to_string())?;
        let mut builder = client.request(method, url);
        for pair in request.get("headers").and_then(Json::as_array).into_iter().flatten() {
            let part = |index: usize| pair.get(index).and_then(Json::as_str).unwrap_or_default();
            builder = builder.header(part(0), part(1));
        }
        let body = STANDARD.decode(text("body")).map_err(|error| error.to_string())?;
        if !body.is_empty() {
            builder = builder.body(body);
        }
        let mut reply = builder.send().await.map_err(|error| described(&error))?;
        if text("redirect") == "error" && reply.status().is_redirection() {
            return Err("fetch: the server redirected".to_owned());
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = reply.chunk().await.map_err(|error| described(&error))? {
            if bytes.len() + chunk.len() > MAX_BODY {
                return Err(format!("fetch: the reply is larger than {} MiB", MAX_BODY / 1024 / 1024));
            }
            bytes.extend_from_slice(&chunk);
        }
        let headers: Vec<Json> = reply
            .headers()
            .iter()
            .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
            .collect();
        let status = reply.status();
        Ok(json!({
            "status": status.as_u16(),
            "statusText": status.canonical_reason().unwrap_or_default(),
            "url": reply.url().as_str(),
            "headers": headers,
            "body": STANDARD.encode(bytes),
        })
        .to_string())
    }

    async fn client(&self, follow: bool) -> Result<&Client, String> {
        let make = async || {
            let allowed = self.allowed.clone();
            let policy = if follow {
                // Every hop has to be allowed, not only the first.
                Policy::custom(move |attempt| {
                    if attempt.previous().len() > MAX_REDIRECTS {
                        attempt.error("too many redirects")
                    } else if is_allowed(&allowed, attempt.url()) {
                        attempt.follow()
                    } else {
                        let refused = refusal(attempt.url());
                        attempt.error(refused)
                    }
                })
            } else {
                Policy::none()
            };
            Client::builder().timeout(TIMEOUT).redirect(policy).build().map_err(|error| described(&error))
        };
        self.clients[usize::from(follow)].get_or_try_init(make).await
    }
}

/// The error with its causes: the outermost text alone says little.
fn described(error: &reqwest::Error) -> String {
    let mut text = format!("fetch: {error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

fn refusal(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    format!(
        "fetch: {host}:{port} is not allowed; add \"{host}:{port}\" to allow_http under [scripts] in exo.toml"
    )
}

/// Whether a URL goes to an allowed host and port.
fn is_allowed(allowed: &[String], url: &Url) -> bool {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
    if !matches!(url.scheme(), "http" | "https") {
        return false;
    }
    allowed.iter().any(|entry| match entry.rsplit_once(':') {
        Some((known, number)) if number.bytes().all(|b| b.is_ascii_digit()) => {
            known.eq_ignore_ascii_case(host) && number.parse() == Ok(port)
        }
        // Without a port: the usual one of the scheme.
        _ => entry.eq_ignore_ascii_case(host) && url.port().is_none(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_hosts_and_ports_are_reached() {
        let allowed: Vec<String> = ["api.example.org", "localhost:9000"].map(str::to_owned).to_vec();
        for (url, expected) in [
            ("https://api.example.org/x", true),
            ("http://API.example.org/x", true),
            ("https://api.example.org:8443/x", false),
            ("https://example.org/", false),
            ("https://api.example.org.evil.com/", false),
            ("https://api.example.org@evil.com/", false),
            ("http://localhost:9000/", true),
            ("http://localhost/", false),
            ("ftp://api.example.org/", false),
        ] {
            assert_eq!(is_allowed(&allowed, &Url::parse(url).unwrap()), expected, "{url}");
        }
    }

    #[tokio::test]
    async fn a_refusal_says_what_to_write_where() {
        let request = json!({ "url": "https://api.example.org/x", "method": "GET" });
        let error = Fetcher::new(&[]).fetch(&request).await.unwrap_err();
        assert!(error.contains("add \"api.example.org:443\" to allow_http under [scripts] in exo.toml"));
    }
}
