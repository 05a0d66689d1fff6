//! Which database to talk to, and how safely: a URL as users write it, or a server of our own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use crate::tls::{Tls, Verification};

/// Longest wait for one TCP connection when the URL names none.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// A database, with everything needed to connect to it.
#[derive(Debug, Clone)]
pub struct Target {
    pub(crate) config: Config,
    pub(crate) tls: Arc<Tls>,
}

/// What is wrong with a database URL. Never contains the URL, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not a URL, or a part of it is not understood.
    #[error("the database URL is not valid: {0}")]
    Url(String),
    /// A value of `sslmode`, `ssl` or `sslrootcert` is not usable.
    #[error("the database URL is not valid: {parameter}: {message}")]
    Tls {
        /// Name of the query parameter.
        parameter: &'static str,
        /// What is wrong.
        message: String,
    },
}

impl Target {
    /// Reads a `postgres://` or `postgresql://` URL (developer-experience 1.9). `sslmode` has the meaning
    /// that libpq gives it: `disable`, `allow` and `prefer` (encrypt if the server can), `require` (always;
    /// certificate checked only when `sslrootcert` is given), `verify-ca`, `verify-full`. `sslrootcert` is a
    /// PEM file or `system`. `ssl=true` is `sslmode=require`.
    ///
    /// # Errors
    /// When the URL or one of its TLS parameters cannot be used; the certificate file is read here.
    pub fn from_url(url: &str) -> Result<Self, TargetError> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(TargetError::Url("it must begin with `postgres://` or `postgresql://`".to_owned()));
        }
        let (plain, parameters) = take_tls_parameters(url)?;
        let mut config: Config = plain.parse().map_err(|e| TargetError::Url(describe(&e)))?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_LIMIT);
        }
        if config.get_hosts().is_empty() {
            config.host("localhost");
        }
        if config.get_application_name().is_none() {
            config.application_name("exo-studio");
        }
        let (mode, verification) = parameters.resolve()?;
        config.ssl_mode(mode);
        let tls = Tls::new(&verification)
            .map_err(|message| TargetError::Tls { parameter: "sslrootcert", message })?;
        Ok(Self { config, tls: Arc::new(tls) })
    }

    /// A target that is never reached over TLS, such as a Unix socket.
    pub fn without_tls(mut config: Config) -> Self {
        config.ssl_mode(SslMode::Disable);
        Self { config, tls: Arc::new(Tls::unused()) }
    }

    /// Another database of the same server.
    #[must_use]
    pub fn with_database(&self, database: &str) -> Self {
        let mut config = self.config.clone();
        config.dbname(database);
        Self { config, tls: Arc::clone(&self.tls) }
    }

    /// Name of the database; Postgres takes the user's name when there is none.
    pub fn database(&self) -> Option<&str> {
        self.config.get_dbname().or_else(|| self.config.get_user())
    }

    /// Host and port for display, without user and password.
    pub fn display(&self) -> String {
        use tokio_postgres::config::Host;
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => format!("{host}:{port}"),
            Some(Host::Unix(dir)) => dir.display().to_string(),
            None => format!("localhost:{port}"),
        };
        format!("{host}/{}", self.database().unwrap_or_default())
    }
}

/// The TLS parameters of a URL, as written.
#[derive(Debug, Default, PartialEq, Eq)]
struct TlsParameters {
    mode: Option<String>,
    root: Option<String>,
    ssl: Option<String>,
}

impl TlsParameters {
    fn resolve(self) -> Result<(SslMode, Verification), TargetError> {
        let ssl = match self.ssl.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None => None,
            Some("true" | "1" | "yes" | "on" | "enabled" | "enable" | "require") => Some("require"),
            Some("false" | "0" | "no" | "off" | "disabled" | "disable") => Some("disable"),
            Some(other) => {
                let message = format!("`{other}` is neither `true` nor `false`");
                return Err(TargetError::Tls { parameter: "ssl", message });
            }
        };
        let mode = self.mode.as_deref().or(ssl);
        let root = self.root.map(|it| if it == "system" { None } else { Some(PathBuf::from(it)) });
        let found = match (mode, root) {
            (Some("disable"), _) => (SslMode::Disable, Verification::None),
            (Some("allow" | "prefer"), None) | (None, None) => (SslMode::Prefer, Verification::None),
            (Some("allow" | "prefer"), Some(root)) => (SslMode::Prefer, Verification::Chain(root)),
            (Some("require"), None) => (SslMode::Require, Verification::None),
            // As libpq does, for the sake of old URLs: a given root is checked against.
            (Some("require") | None, Some(Some(file))) => (SslMode::Require, Verification::Chain(Some(file))),
            (Some("verify-ca"), root) => (SslMode::Require, Verification::Chain(root.flatten())),
            (Some("verify-full"), root) => (SslMode::Require, Verification::ChainAndName(root.flatten())),
            // Public authorities sign certificates for everybody: without the name they prove nothing.
            (Some("require") | None, Some(None)) => (SslMode::Require, Verification::ChainAndName(None)),
            (Some(other), _) => {
                let message = format!(
                    "`{other}` is not one of disable, allow, prefer, require, verify-ca, verify-full"
                );
                return Err(TargetError::Tls { parameter: "sslmode", message });
            }
        };
        Ok(found)
    }
}

/// Removes the parameters that tokio-postgres does not know from the URL.
fn take_tls_parameters(url: &str) -> Result<(String, TlsParameters), TargetError> {
    let mut parameters = TlsParameters::default();
    let Some((base, query)) = url.split_once('?') else { return Ok((url.to_owned(), parameters)) };
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|it| !it.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let slot = match key {
            "sslmode" => &mut parameters.mode,
            "sslrootcert" => &mut parameters.root,
            "ssl" => &mut parameters.ssl,
            _ => {
                kept.push(pair);
                continue;
            }
        };
        *slot = Some(percent_decoded(value)?);
    }
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    Ok((format!("{base}{query}"), parameters))
}

fn percent_decoded(text: &str) -> Result<String, TargetError> {
    let wrong = || TargetError::Url(format!("`{text}` has a wrong percent escape"));
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|it| char::from(it).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(wrong()) };
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| wrong())?);
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

/// The error with its causes: the top text alone says only "invalid configuration".
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(query: &str) -> Result<(SslMode, Verification), TargetError> {
        take_tls_parameters(&format!("postgres://h/d?{query}"))?.1.resolve()
    }

    #[test]
    fn tls_parameters_mean_what_libpq_says() {
        let file = || Some(PathBuf::from("/a b.pem"));
        let cases = [
            ("", (SslMode::Prefer, Verification::None)),
            ("sslmode=disable", (SslMode::Disable, Verification::None)),
            ("ssl=false", (SslMode::Disable, Verification::None)),
            ("sslmode=allow", (SslMode::Prefer, Verification::None)),
            ("sslmode=require", (SslMode::Require, Verification::None)),
            ("ssl=true", (SslMode::Require, Verification::None)),
            ("sslmode=require&sslrootcert=/a%20b.pem", (SslMode::Require, Verification::Chain(file()))),
            ("sslrootcert=/a%20b.pem", (SslMode::Require, Verification::Chain(file()))),
            ("sslmode=verify-ca&sslrootcert=/a%20b.pem", (SslMode::Require, Verification::Chain(file()))),
            (
                "sslmode=verify-full&sslrootcert=/a%20b.pem",
                (SslMode::Require, Verification::ChainAndName(file())),
            ),
            ("sslmode=verify-full", (SslMode::Require, Verification::ChainAndName(None))),
            ("sslrootcert=system", (SslMode::Require, Verification::ChainAndName(None))),
            ("sslmode=disable&ssl=true", (SslMode::Disable, Verification::None)),
        ];
        for (query, expected) in cases {
            assert_eq!(resolve(query), Ok(expected), "{query}");
        }
    }

    #[test]
    fn wrong_urls_are_refused_without_showing_the_password() {
        let error = |url: &str| Target::from_url(url).expect_err("a wrong URL").to_string();
        assert_eq!(
            error("mysql://u:secret@h/d"),
            "the database URL is not valid: it must begin with `postgres://` or `postgresql://`"
        );
        assert!(error("postgres://u:secret@h/d?sslmode=maybe").contains("sslmode: `maybe` is not one of"));
        assert!(error("postgres://u:secret@h/d?ssl=maybe").contains("neither `true` nor `false`"));
        assert!(error("postgres://u:secret@h/d?unknown=1").contains("unknown"));
        assert!(
            error("postgres://u:secret@h/d?sslmode=verify-ca&sslrootcert=/nowhere.pem")
                .contains("/nowhere.pem")
        );
        for url in ["postgres://u:secret@h:x/d", "postgres://u:secret@h/d?sslmode=%zz"] {
            assert!(!error(url).contains("secret"), "{}", error(url));
        }
    }

    #[test]
    fn other_parameters_reach_the_driver() {
        let target = Target::from_url(
            "postgresql://u@h:6000/d?options=-c%20geqo%3Doff&sslmode=require&connect_timeout=3",
        )
        .expect("a valid URL");
        assert_eq!(target.config.get_options(), Some("-c geqo=off"));
        assert_eq!(target.config.get_ssl_mode(), SslMode::Require);
        assert_eq!(target.config.get_connect_timeout(), Some(&Duration::from_secs(3)));
        assert_eq!(target.display(), "h:6000/d");
        assert_eq!(target.with_database("e").database(), Some("e"));
    }
}
