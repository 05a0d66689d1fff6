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
pub struct Sent {
    /// Status.
    pub status: u16,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
    /// Where it came from, after redirects.
    pub url: String,
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendError {
    /// The rules forbid it; the reason.
    Forbidden(String),
    /// It took too long.
    Timeout,
    /// The request or the answer is too large.
    TooLarge,
    /// It could not be sent; the reason.
    Transport(String),
}

/// How a request is sent.
#[derive(Debug, Clone, Copy)]
pub struct SendOptions {
    /// Longest time of the whole exchange.
    pub limit: Duration,
    /// Largest body, both ways.
    pub max_body: usize,
    /// Whether redirects are followed; each hop is checked.
    pub follow: bool,
}

/// Outgoing HTTP of one component or of the scripts: an allow-list, and a client that resolves names under these rules.
#[derive(Debug)]
pub struct Outbound {
    rules: Arc<Rules>,
    /// Without and with following redirects; made when first needed.
    clients: [OnceLock<Result<Client, String>>; 2],
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

    /// What of the addresses of a name may be connected to.
    fn permitted(&self, host: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
        let total = found.len();
        let allowed: Vec<SocketAddr> = found
            .into_iter()
            .filter(|address| self.may_be_private(host) || !is_private(address.ip()))
            .collect();
        if allowed.is_empty() && total > 0 {
            let why = format!("`{host}` leads to a private address; allow_private = true permits that");
            return Err(Refused(why));
        }
        Ok(allowed)
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
            Ok(Box::new(rules.permitted(&host, found)?.into_iter()) as Addrs)
        })
    }
}

impl Outbound {
    /// Entries of `allow` are such as `api.example.com:443`, `*.example.com`; `private`: listed names may lead to private
    /// addresses.
    pub fn new(allow: &[String], private: bool) -> Self {
        let rules = Arc::new(Rules { allow: AllowList::new(allow), private });
        Self { rules, clients: Default::default() }
    }

    fn client(&self, follow: bool) -> Result<&Client, SendError> {
        let made = self.clients[usize::from(follow)].get_or_init(|| {
            // Fails only when a provider is set already, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let rules = Arc::clone(&self.rules);
            let redirects = Policy::custom(move |attempt| {
                if !follow {
                    return attempt.stop();
                }
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
        let options = SendOptions { limit, max_body: MAX_BODY, follow: true };
        self.send_with(method, url, headers, body, options).await
    }

    /// The same with other limits.
    ///
    /// # Errors
    /// When the rules forbid it, or there is no complete answer in time.
    pub async fn send_with(
        &self,
        method: &str,
        url: &str,
        headers: Vec<(String, String)>,
        body: Bytes,
        options: SendOptions,
    ) -> Result<Sent, SendError> {
        let transport = |what: &dyn std::fmt::Display| SendError::Transport(what.to_string());
        let url = Url::parse(url).map_err(|error| SendError::Transport(format!("the URL: {error}")))?;
        self.rules.check(&url).map_err(SendError::Forbidden)?;
        if body.len() > options.max_body {
            return Err(SendError::TooLarge);
        }
        let method = Method::from_bytes(method.as_bytes()).map_err(|error| transport(&error))?;
        let mut request = self.client(options.follow)?.request(method, url).body(body);
        for (name, value) in headers {
            // The client frames the message itself.
            if !["host", "content-length", "transfer-encoding", "connection"]
                .iter()
                .any(|own| own.eq_ignore_ascii_case(&name))
            {
                request = request.header(name, value);
            }
        }
        match tokio::time::timeout(options.limit, exchange(request, options.max_body)).await {
            Ok(result) => result,
            Err(_) => Err(SendError::Timeout),
        }
    }
}

async fn exchange(request: reqwest::RequestBuilder, max_body: usize) -> Result<Sent, SendError> {
    let mut response = request.send().await.map_err(|error| classify(&error))?;
    let headers = response.headers().iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let headers = headers.collect();
    let status = response.status().as_u16();
    let url = response.url().to_string();
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error))? {
        if body.len() + chunk.len() > max_body {
            return Err(SendError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Sent { status, headers, body: body.freeze(), url })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_name_must_not_lead_to_private_addresses() {
        let rules = |private| Rules { allow: AllowList::new(&["api.example.com".to_owned()]), private };
        let found = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
        };
        let (public, inside) = (found(&["93.184.216.34"]), found(&["10.0.0.1", "::ffff:169.254.169.254"]));
        assert_eq!(rules(false).permitted("api.example.com", public.clone()).unwrap(), public);
        let refused = rules(false).permitted("api.example.com", inside.clone()).unwrap_err();
        assert!(refused.0.contains("leads to a private address"), "{refused}");
        // Of several only the public ones are left.
        let both = [public.clone(), inside.clone()].concat();
        assert_eq!(rules(false).permitted("api.example.com", both).unwrap(), public);
        assert_eq!(rules(true).permitted("api.example.com", inside.clone()).unwrap(), inside);
    }
}
