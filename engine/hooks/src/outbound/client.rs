//! The one client behind `outbound` and `wasi:http`.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Url};

use super::address::is_private;
use super::allow::AllowList;

/// Largest answer and largest request.
const MAX_BODY: usize = 4 << 20;
/// Longest chain of redirects.
const MAX_REDIRECTS: usize = 5;

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SendError {
    Forbidden(String),
    Timeout,
    TooLarge,
    Transport(String),
}

/// The rules of one component, and its client.
#[derive(Debug)]
pub(crate) struct Outbound {
    rules: Arc<Rules>,
    client: OnceLock<Result<Client, String>>,
}

#[derive(Debug)]
struct Rules {
    allow: AllowList,
    private: bool,
}

/// A refusal on its way through the client's own errors.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

impl Rules {
    /// Checks a URL; what a name resolves to is checked when it is.
    fn check(&self, url: &Url) -> Result<(), String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("the scheme `{}` is not http or https", url.scheme()));
        }
        let host = url.host_str().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = url.port_or_known_default().unwrap_or(0);
        if !self.allow.allows(host, port) {
            return Err(format!("`{host}:{port}` is not in allow_http"));
        }
        // An address needs no resolving: the entry that names it is the permission.
        match host.parse::<IpAddr>() {
            Ok(address) if is_private(address) && !self.may_be_private(host) => {
                Err(format!("`{address}` is a private address"))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn may_be_private(&self, host: &str) -> bool {
        self.private || self.allow.means_private(host)
    }
}

/// Resolves names with the system's resolver and drops private addresses, at every connection.
struct Guard(Arc<Rules>);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = Arc::clone(&self.0);
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let total = found.len();
            let allowed: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| rules.may_be_private(&host) || !is_private(address.ip()))
                .collect();
            if allowed.is_empty() && total > 0 {
                let why = format!("`{host}` leads to a private address; allow_private = true permits that");
                return Err(Refused(why).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

impl Outbound {
    pub(crate) fn new(allow: &[String], private: bool) -> Self {
        let rules = Arc::new(Rules { allow: AllowList::new(allow), private });
        Self { rules, client: OnceLock::new() }
    }

    fn client(&self) -> Result<&Client, SendError> {
        let made = self.client.get_or_init(|| {
            // Fails only when a provider is set already, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let rules = Arc::clone(&self.rules);
            let redirects = Policy::custom(move |attempt| {
                if attempt.previous().len() > MAX_REDIRECTS {
                    return attempt.error(Refused("too many redirects".to_owned()));
                }
                match rules.check(attempt.url()) {
                    Ok(()) => attempt.follow(),
                    Err(why) => attempt.error(Refused(why)),
                }
            });
            Client::builder()
                // A proxy would resolve names out of our sight.
                .no_proxy()
                .redirect(redirects)
                .dns_resolver(Arc::new(Guard(Arc::clone(&self.rules))))
                .build()
                .map_err(|error| error.to_string())
        });
        made.as_ref().map_err(|error| SendError::Transport(error.clone()))
    }

    /// Sends one request and reads the whole answer.
    pub(crate) async fn send(
        &self,
        method: &str,
        url: &str,
        headers: Vec<(String, String)>,
        body: Bytes,
        limit: Duration,
    ) -> Result<Sent, SendError> {
        let transport = |what: &dyn std::fmt::Display| SendError::Transport(what.to_string());
        let url = Url::parse(url).map_err(|error| SendError::Transport(format!("the URL: {error}")))?;
        self.rules.check(&url).map_err(SendError::Forbidden)?;
        if body.len() > MAX_BODY {
            return Err(SendError::TooLarge);
        }
        let method = Method::from_bytes(method.as_bytes()).map_err(|error| transport(&error))?;
        let mut request = self.client()?.request(method, url).body(body);
        for (name, value) in headers {
            // The client frames the message itself.
            if !["host", "content-length", "transfer-encoding", "connection"]
                .iter()
                .any(|own| own.eq_ignore_ascii_case(&name))
            {
                request = request.header(name, value);
            }
        }
        match tokio::time::timeout(limit, exchange(request)).await {
            Ok(result) => result,
            Err(_) => Err(SendError::Timeout),
        }
    }
}

async fn exchange(request: reqwest::RequestBuilder) -> Result<Sent, SendError> {
    let mut response = request.send().await.map_err(|error| classify(&error))?;
    let headers = response.headers().iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let headers = headers.collect();
    let status = response.status().as_u16();
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error))? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(SendError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Sent { status, headers, body: body.freeze() })
}

fn classify(error: &reqwest::Error) -> SendError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut last = error.to_string();
    while let Some(current) = cause {
        if let Some(Refused(why)) = current.downcast_ref() {
            return SendError::Forbidden(why.clone());
        }
        last = current.to_string();
        cause = current.source();
    }
    if error.is_timeout() { SendError::Timeout } else { SendError::Transport(last) }
}
