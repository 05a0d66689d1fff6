//! Server settings from variables (developer-experience 1.9), with defaults per mode.

use std::net::IpAddr;

use super::{ConfigProblem, Environment, RequestLimits};

/// How the server is run; decides defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The interactive studio on one's own machine.
    Studio,
    /// `serve`: production defaults.
    Production,
    /// The test runner: an in-process router that sees no process environment.
    Test,
}

/// Who may introspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Introspection {
    /// Off.
    Disabled,
    /// On.
    Enabled,
    /// Only introspection, no data.
    Only,
}

/// How tokens are verified.
#[derive(Clone, PartialEq, Eq)]
pub enum Authentication {
    /// No tokens: every claim is null.
    None,
    /// HS256 with this secret.
    Secret(String),
    /// Keys of an OpenID Connect issuer.
    Oidc(String),
}

impl std::fmt::Debug for Authentication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Secret(_) => f.write_str("Secret(…)"),
            Self::Oidc(url) => write!(f, "Oidc({url})"),
        }
    }
}

/// Where the token stands in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// A header whose value starts with `Bearer `.
    Header(String),
    /// A cookie holding the raw token.
    Cookie(String),
}

/// Allowed origins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsDomains {
    /// None: same-origin and non-browser clients only.
    None,
    /// All.
    Any,
    /// These.
    List(Vec<String>),
}

impl CorsDomains {
    /// Whether a browser on this origin may use the API.
    pub fn allows(&self, origin: &str) -> bool {
        match self {
            Self::None => false,
            Self::Any => true,
            Self::List(origins) => origins.iter().any(|allowed| allowed == origin),
        }
    }
}

/// Everything the server reads from variables.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// External database; `None` in the studio means the bundled one.
    pub database_url: Option<String>,
    /// Sessions may write.
    pub read_write: bool,
    /// Pool maximum.
    pub pool_size: usize,
    /// Connect once at start.
    pub check_connection: bool,
    /// Host to bind.
    pub host: String,
    /// Port to bind.
    pub port: u16,
    /// Whether the port was given rather than defaulted.
    pub port_is_explicit: bool,
    /// Token verification.
    pub authentication: Authentication,
    /// Where the token stands.
    pub token_source: TokenSource,
    /// Introspection switch.
    pub introspection: Introspection,
    /// Queries may be live (`[extensions]` of `exo.toml`).
    pub live_queries: bool,
    /// What one request may ask for.
    pub limits: RequestLimits,
    /// Allowed origins.
    pub cors: CorsDomains,
    /// GraphQL path, without a trailing slash.
    pub graphql_path: String,
    /// Playground path, without a trailing slash.
    pub playground_path: String,
    /// JSON-RPC path, without a trailing slash; `None` switches the surface off.
    pub rpc_path: Option<String>,
    /// Whether mutations exist.
    pub allow_mutations: bool,
    /// The header `_exo_playground` may bypass trusted documents.
    pub playground_bypass: bool,
    /// Documents that are not listed are refused where a project has trusted documents. Only the studio can be told
    /// otherwise.
    pub enforce_trusted_documents: bool,
    /// A transaction-mode pooler stands between us and Postgres: no prepared statements.
    pub pooler: bool,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("authentication", &self.authentication)
            .field("introspection", &self.introspection)
            .field("read_write", &self.read_write)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Reads all variables; reports every wrong one at once.
    pub fn from_environment(environment: &Environment, mode: Mode) -> Result<Self, Vec<ConfigProblem>> {
        let mut reader = Reader { environment, problems: Vec::new() };
        let production = mode == Mode::Production;
        let database_url = environment
            .get("EXO_POSTGRES_URL")
            .or_else(|| environment.get("DATABASE_URL"))
            .map(str::to_owned);
        let port = reader.number("EXO_SERVER_PORT", 9876, 0, u64::from(u16::MAX));
        let settings = Self {
            read_write: reader.boolean("EXO_POSTGRES_READ_WRITE", mode == Mode::Test),
            pool_size: reader.number("EXO_CONNECTION_POOL_SIZE", 10, 1, 10_000) as usize,
            check_connection: reader.boolean("EXO_CHECK_CONNECTION_ON_STARTUP", true),
            host: reader.host(if production { "0.0.0.0" } else { "localhost" }),
            port: u16::try_from(port).unwrap_or(9876),
            port_is_explicit: environment.get("EXO_SERVER_PORT").is_some(),
            authentication: reader.authentication(),
            token_source: reader.token_source(),
            introspection: reader.introspection(mode),
            live_queries: false,
            limits: RequestLimits::read(&mut reader),
            cors: reader.cors(mode),
            graphql_path: reader.path("EXO_GRAPHQL_HTTP_PATH", "/graphql"),
            playground_path: reader.path("EXO_PLAYGROUND_HTTP_PATH", "/playground"),
            rpc_path: reader.rpc_path(),
            allow_mutations: reader.boolean("EXO_GRAPHQL_ALLOW_MUTATIONS", true),
            enforce_trusted_documents: true,
            playground_bypass: environment.get("EXO_ENV") != Some("production") && !production,
            pooler: reader.boolean("EXO_POSTGRES_POOLER", false),
            database_url,
        };
        if settings.graphql_path == settings.playground_path {
            reader.problem(
                "EXO_PLAYGROUND_HTTP_PATH",
                "the playground and the API have the same path".to_owned(),
                "give them different paths",
            );
        }
        if [&settings.graphql_path, &settings.playground_path].map(Some).contains(&settings.rpc_path.as_ref())
        {
            reader.problem(
                "EXO_RPC_HTTP_PATH",
                "another surface has the same path".to_owned(),
                "give them different paths",
            );
        }
        if reader.problems.is_empty() { Ok(settings) } else { Err(reader.problems) }
    }

    /// Whether only this machine can reach the server.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

pub(super) struct Reader<'a> {
    environment: &'a Environment,
    problems: Vec<ConfigProblem>,
}

impl Reader<'_> {
    fn problem(&mut self, name: &str, message: String, help: &str) {
        self.problems.push(ConfigProblem::new("C0010", name, message, help));
    }

    fn boolean(&mut self, name: &str, default: bool) -> bool {
        let Some(value) = self.environment.get(name) else { return default };
        match value.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" | "enabled" | "enable" => true,
            "false" | "0" | "no" | "off" | "disabled" | "disable" => false,
            _ => {
                self.problem(
                    name,
                    format!("`{value}` is neither true nor false"),
                    "use true, 1, yes, on, enabled or false, 0, no, off, disabled",
                );
                default
            }
        }
    }

    pub(super) fn number(&mut self, name: &str, default: u64, min: u64, max: u64) -> u64 {
        let Some(value) = self.environment.get(name) else { return default };
        match value.trim().parse::<u64>() {
            Ok(number) if (min..=max).contains(&number) => number,
            _ => {
                self.problem(
                    name,
                    format!("`{value}` is not a whole number from {min} to {max}"),
                    "correct the number, or unset the variable to get the default",
                );
                default
            }
        }
    }

    fn host(&mut self, default: &str) -> String {
        let value = self.environment.get("EXO_SERVER_HOST").unwrap_or(default).to_owned();
        if value.contains([' ', '/']) {
            self.problem(
                "EXO_SERVER_HOST",
                format!("`{value}` is not a host name or address"),
                "use localhost, 0.0.0.0 or an address of this machine",
            );
        }
        value
    }

    fn authentication(&mut self) -> Authentication {
        match (self.environment.get("EXO_JWT_SECRET"), self.environment.get("EXO_OIDC_URL")) {
            (Some(_), Some(_)) => {
                self.problem(
                    "EXO_OIDC_URL",
                    "EXO_JWT_SECRET is set as well".to_owned(),
                    "set only one of the two: tokens are verified by a secret or by an issuer",
                );
                Authentication::None
            }
            (Some(secret), None) => Authentication::Secret(secret.to_owned()),
            (None, Some(url)) => Authentication::Oidc(url.to_owned()),
            (None, None) => Authentication::None,
        }
    }

    fn token_source(&mut self) -> TokenSource {
        let header = self.environment.get("EXO_JWT_SOURCE_HEADER").map(str::to_owned);
        let cookie = self.environment.get("EXO_JWT_SOURCE_COOKIE").map(str::to_owned);
        match (header, cookie) {
            (Some(_), Some(cookie)) => {
                self.problem(
                    "EXO_JWT_SOURCE_COOKIE",
                    "EXO_JWT_SOURCE_HEADER is set as well".to_owned(),
                    "set only one of the two: the token stands in a header or in a cookie",
                );
                TokenSource::Cookie(cookie)
            }
            (None, Some(cookie)) => TokenSource::Cookie(cookie),
            (header, None) => TokenSource::Header(header.unwrap_or_else(|| "Authorization".to_owned())),
        }
    }

    fn introspection(&mut self, mode: Mode) -> Introspection {
        let forced = mode == Mode::Studio;
        match self.environment.get("EXO_INTROSPECTION").map(str::to_ascii_lowercase).as_deref() {
            None if mode == Mode::Production => Introspection::Disabled,
            None => Introspection::Enabled,
            Some("false" | "disabled" | "0") if !forced => Introspection::Disabled,
            Some("true" | "enabled" | "1") => Introspection::Enabled,
            Some("only") if !forced => Introspection::Only,
            // The studio needs introspection whatever the variable says (graphql-and-sql 1.16).
            Some("false" | "disabled" | "0" | "only") => Introspection::Enabled,
            Some(other) => {
                let message = format!("`{other}` is not a choice");
                self.problem("EXO_INTROSPECTION", message, "use true, false or only");
                Introspection::Disabled
            }
        }
    }

    fn cors(&mut self, mode: Mode) -> CorsDomains {
        match self.environment.get("EXO_CORS_DOMAINS") {
            None if mode == Mode::Studio => CorsDomains::Any,
            None => CorsDomains::None,
            Some(value) if value.trim() == "*" => CorsDomains::Any,
            Some(value) => CorsDomains::List(
                value.split(',').map(|origin| origin.trim().trim_end_matches('/').to_owned()).collect(),
            ),
        }
    }

    fn rpc_path(&mut self) -> Option<String> {
        let path = self.path("EXO_RPC_HTTP_PATH", "/rpc");
        self.boolean("EXO_UNSTABLE_ENABLE_RPC_API", false).then_some(path)
    }

    fn path(&mut self, name: &str, default: &str) -> String {
        let value = self.environment.get(name).unwrap_or(default).to_owned();
        let trimmed = value.trim_end_matches('/').to_owned();
        let sound = trimmed.len() > 1
            && trimmed.starts_with('/')
            && trimmed.chars().all(|c| c.is_ascii_alphanumeric() || "/-_.~".contains(c));
        if sound {
            trimmed
        } else {
            self.problem(
                name,
                format!("`{value}` is not a path"),
                "start it with / and use letters, digits, - _ . ~ and /",
            );
            default.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)], mode: Mode) -> Result<Settings, Vec<ConfigProblem>> {
        let map = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Settings::from_environment(&Environment::from_map(map), mode)
    }

    #[test]
    fn production_is_closed_by_default() {
        let it = settings(&[], Mode::Production).unwrap();
        assert_eq!(it.introspection, Introspection::Disabled);
        assert_eq!(it.cors, CorsDomains::None);
        assert!(!it.read_write && !it.playground_bypass);
        assert_eq!((it.host.as_str(), it.port, it.limits.depth, it.pool_size), ("0.0.0.0", 9876, 5, 10));
    }

    #[test]
    fn the_studio_stays_on_this_machine() {
        let it = settings(&[("EXO_INTROSPECTION", "false")], Mode::Studio).unwrap();
        assert!(it.is_loopback());
        assert_eq!(it.introspection, Introspection::Enabled);
    }

    #[test]
    fn a_test_may_close_introspection_and_writes() {
        let it = settings(&[], Mode::Test).unwrap();
        assert_eq!((it.introspection, it.read_write), (Introspection::Enabled, true));
        let closed = [("EXO_INTROSPECTION", "false"), ("EXO_POSTGRES_READ_WRITE", "false")];
        let it = settings(&closed, Mode::Test).unwrap();
        assert_eq!((it.introspection, it.read_write), (Introspection::Disabled, false));
        assert_eq!(
            settings(&[("EXO_INTROSPECTION", "only")], Mode::Test).unwrap().introspection,
            Introspection::Only
        );
    }

    #[test]
    fn every_wrong_variable_is_reported_with_its_name() {
        let problems = settings(
            &[
                ("EXO_SERVER_PORT", "http"),
                ("EXO_POSTGRES_READ_WRITE", "perhaps"),
                ("EXO_INTROSPECTION", "maybe"),
                ("EXO_JWT_SECRET", "a"),
                ("EXO_OIDC_URL", "b"),
                ("EXO_GRAPHQL_HTTP_PATH", "graphql"),
            ],
            Mode::Production,
        )
        .unwrap_err();
        let mut places: Vec<_> = problems.iter().map(|problem| problem.place.as_str()).collect();
        places.sort_unstable();
        assert_eq!(
            places,
            [
                "EXO_GRAPHQL_HTTP_PATH",
                "EXO_INTROSPECTION",
                "EXO_OIDC_URL",
                "EXO_POSTGRES_READ_WRITE",
                "EXO_SERVER_PORT"
            ]
        );
    }

    #[test]
    fn secrets_are_not_printed() {
        let it = settings(&[("EXO_JWT_SECRET", "hunter2")], Mode::Production).unwrap();
        assert!(!format!("{it:?}").contains("hunter2"));
    }
}
