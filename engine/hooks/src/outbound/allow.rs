//! The allow-list of outgoing HTTP.

use std::net::IpAddr;

/// Entries such as `api.example.com:443`, `*.example.com:443`, `127.0.0.1:8080`; without a port both 80 and 443.
#[derive(Debug, Clone, Default)]
pub(crate) struct AllowList {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    host: Host,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Exact(String),
    /// Any name that ends with this; it begins with a dot.
    Below(String),
}

impl AllowList {
    pub(crate) fn new(entries: &[String]) -> Self {
        Self { entries: entries.iter().map(|entry| Entry::parse(entry)).collect() }
    }

    /// Whether a host (without brackets) and port are listed.
    pub(crate) fn allows(&self, host: &str, port: u16) -> bool {
        self.entries.iter().any(|entry| {
            let port_fits = entry.port.map_or(port == 80 || port == 443, |allowed| allowed == port);
            port_fits && entry.host.fits(host)
        })
    }

    /// Whether the host itself is named on the list, so that its private address is meant: an address, or `localhost`.
    pub(crate) fn means_private(&self, host: &str) -> bool {
        let literal = host.parse::<IpAddr>().is_ok() || host.eq_ignore_ascii_case("localhost");
        literal
            && self.entries.iter().any(|entry| matches!(&entry.host, Host::Exact(_)) && entry.host.fits(host))
    }
}

impl Entry {
    fn parse(text: &str) -> Self {
        // An IPv6 address stands in brackets when a port follows.
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None if text.matches(':').count() > 1 => (text, None),
            None => match text.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let host = host.trim().to_ascii_lowercase();
        let host = match host.strip_prefix('*') {
            Some(below) if below.starts_with('.') => Host::Below(below.to_owned()),
            Some(_) | None => Host::Exact(host),
        };
        // A port that is none matches nothing; the configuration has refused it before.
        Self { host, port: port.map(|port| port.trim().parse().unwrap_or(0)) }
    }
}

impl Host {
    fn fits(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        match self {
            Self::Exact(name) => *name == host,
            Self::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> AllowList {
        AllowList::new(&entries.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn an_empty_list_allows_nothing() {
        assert!(!list(&[]).allows("example.com", 443));
    }

    #[test]
    fn host_and_port_must_both_fit() {
        let it = list(&["api.example.com:8443", "*.cdn.example.com", "[::1]:80", "127.0.0.1:9000"]);
        assert!(it.allows("API.example.com.", 8443));
        assert!(!it.allows("api.example.com", 443));
        assert!(it.allows("a.cdn.example.com", 443) && !it.allows("cdn.example.com", 443));
        assert!(!it.allows("evilcdn.example.com", 443));
        assert!(it.allows("::1", 80) && !it.allows("::1", 81));
        assert!(it.means_private("127.0.0.1") && !it.means_private("a.cdn.example.com"));
    }
}
