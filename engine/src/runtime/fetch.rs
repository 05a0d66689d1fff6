//! `fetch` of scripts, under the rules of the outgoing HTTP of hooks: listed hosts, and no private addresses behind them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use studio_hooks::{Outbound, SendError, SendOptions};

/// Longest time of one request.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Largest body of a request or reply.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// The network as scripts see it.
#[derive(Debug)]
pub(super) struct Fetcher(Outbound);

impl Fetcher {
    /// Entries of `allowed` are as for hooks; `private`: these names may lead to private addresses.
    pub(super) fn new(allowed: &[String], private: bool) -> Self {
        Self(Outbound::new(allowed, private))
    }

    /// Runs a request of the form `{url, method, headers: [[name, value]], body: base64, redirect}`; gives
    /// `{status, statusText, url, headers, body}`.
    pub(super) async fn fetch(&self, request: &Json) -> Result<String, String> {
        let text = |name: &str| request.get(name).and_then(Json::as_str).unwrap_or_default();
        let headers = request.get("headers").and_then(Json::as_array).into_iter().flatten().map(|pair| {
            let part = |index: usize| pair.get(index).and_then(Json::as_str).unwrap_or_default().to_owned();
            (part(0), part(1))
        });
        let body = STANDARD.decode(text("body")).map_err(|error| format!("fetch: {error}"))?;
        let redirect = text("redirect");
        let options = SendOptions {
            limit: TIMEOUT,
            max_body: MAX_BODY,
            follow: !matches!(redirect, "manual" | "error"),
        };
        let sent =
            self.0.send_with(text("method"), text("url"), headers.collect(), body.into(), options).await;
        let reply = sent.map_err(|error| described(&error, text("url")))?;
        if redirect == "error" && (300..400).contains(&reply.status) {
            return Err("fetch: the server redirected".to_owned());
        }
        let reason = reqwest::StatusCode::from_u16(reply.status).ok().and_then(|it| it.canonical_reason());
        Ok(json!({
            "status": reply.status,
            "statusText": reason.unwrap_or_default(),
            "url": reply.url,
            "headers": reply.headers,
            "body": STANDARD.encode(reply.body),
        })
        .to_string())
    }
}

/// The error with what can be done about it.
fn described(error: &SendError, url: &str) -> String {
    match error {
        SendError::Forbidden(why) if why.contains("allow_http") => {
            // The reason names host and port, which may be those of a redirect.
            let place = why.split('`').nth(1).unwrap_or(url);
            format!("fetch: {why}; add \"{place}\" to allow_http under [scripts] in exo.toml")
        }
        SendError::Forbidden(why) => format!("fetch: {why}"),
        SendError::Timeout => format!("fetch: no answer within {} s", TIMEOUT.as_secs()),
        SendError::TooLarge => format!("fetch: a body is larger than {} MiB", MAX_BODY / 1024 / 1024),
        SendError::Transport(why) => format!("fetch: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn get(allowed: &[&str], private: bool, url: &str, redirect: &str) -> Result<Json, String> {
        let allowed: Vec<String> = allowed.iter().map(|entry| (*entry).to_owned()).collect();
        let request = json!({ "url": url, "method": "GET", "redirect": redirect });
        let reply = Fetcher::new(&allowed, private).fetch(&request).await?;
        Ok(serde_json::from_str(&reply).unwrap())
    }

    /// Sends everybody who asks to `target`; the number of its port.
    async fn redirecting(target: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut asked = [0; 1024];
                let _ = stream.read(&mut asked).await;
                let reply = format!(
                    "HTTP/1.1 302 Found\r\nlocation: {target}\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno"
                );
                let _ = stream.write_all(reply.as_bytes()).await;
            }
        });
        port
    }

    #[tokio::test]
    async fn a_refusal_says_what_to_write_where() {
        let error = get(&[], false, "https://api.example.org/x", "follow").await.unwrap_err();
        assert!(error.contains("add \"api.example.org:443\" to allow_http under [scripts]"), "{error}");
        let error = get(&["api.example.org"], false, "ftp://api.example.org/", "follow").await.unwrap_err();
        assert!(error.contains("not http or https"), "{error}");
    }

    #[tokio::test]
    async fn names_and_wildcards_do_not_open_private_addresses() {
        for (entry, url) in [("*.localhost:9", "http://a.localhost:9/"), ("*.0.0.1:9", "http://127.0.0.1:9/")]
        {
            let error = get(&[entry], false, url, "follow").await.unwrap_err();
            assert!(error.contains("private address") || error.contains("lookup"), "{url}: {error}");
        }
        // What the list names itself is meant.
        let error = get(&["127.0.0.1:9"], false, "http://127.0.0.1:9/", "follow").await.unwrap_err();
        assert!(!error.contains("private address"), "{error}");
    }

    #[tokio::test]
    async fn every_hop_is_checked_and_scripts_may_stop_at_the_first() {
        let port = redirecting("http://169.254.169.254/secrets").await;
        let (entry, url) = (format!("127.0.0.1:{port}"), format!("http://127.0.0.1:{port}/"));
        let error = get(&[&entry], false, &url, "follow").await.unwrap_err();
        assert!(error.contains("169.254.169.254:80") && error.contains("allow_http"), "{error}");
        let listed = [entry.as_str(), "*.169.254:80"];
        let error = get(&listed, false, &url, "follow").await.unwrap_err();
        assert!(error.contains("169.254.169.254"), "{error}");
        let reply = get(&[&entry], false, &url, "manual").await.unwrap();
        assert_eq!((&reply["status"], &reply["statusText"]), (&302.into(), &"Found".into()));
        assert_eq!(STANDARD.decode(reply["body"].as_str().unwrap()).unwrap(), b"no");
        assert!(get(&[&entry], false, &url, "error").await.unwrap_err().contains("redirected"));
    }
}
