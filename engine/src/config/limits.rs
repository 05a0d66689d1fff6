//! What one request may ask for: variables over `exo.toml` over defaults.

use std::time::Duration;

use super::settings::Reader;
use super::{Environment, LimitsConfig};

/// Limits of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Deepest selection of data (`EXO_MAX_SELECTION_DEPTH`).
    pub depth: usize,
    /// Largest body in bytes (`EXO_MAX_BODY_BYTES`).
    pub body_bytes: usize,
    /// Most root fields (`EXO_MAX_ROOT_FIELDS`).
    pub root_fields: usize,
    /// Most aliases (`EXO_MAX_ALIASES`).
    pub aliases: usize,
    /// Longest SQL statement (`EXO_STATEMENT_TIMEOUT_MS`).
    pub statement_timeout: Duration,
    /// Most rows of one list (`EXO_MAX_ROWS`); `None` for any number.
    pub rows: Option<u32>,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            depth: 5,
            body_bytes: 8 * 1024 * 1024,
            root_fields: 1000,
            aliases: 1000,
            statement_timeout: Duration::from_secs(60),
            rows: None,
        }
    }
}

const DEPTH: &str = "EXO_MAX_SELECTION_DEPTH";
const BODY: &str = "EXO_MAX_BODY_BYTES";
const ROOT_FIELDS: &str = "EXO_MAX_ROOT_FIELDS";
const ALIASES: &str = "EXO_MAX_ALIASES";
const STATEMENT: &str = "EXO_STATEMENT_TIMEOUT_MS";
const ROWS: &str = "EXO_MAX_ROWS";

impl RequestLimits {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let it = Self::default();
        let mut number = |name, default: usize, max| reader.number(name, default as u64, 1, max);
        let milliseconds = number(STATEMENT, 60_000, 86_400_000);
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        Self {
            depth: count(number(DEPTH, it.depth, 1000)),
            body_bytes: count(number(BODY, it.body_bytes, 1 << 30)),
            root_fields: count(number(ROOT_FIELDS, it.root_fields, 100_000)),
            aliases: count(number(ALIASES, it.aliases, 100_000)),
            statement_timeout: Duration::from_millis(milliseconds),
            rows: u32::try_from(reader.number(ROWS, 0, 0, 1 << 31)).ok().filter(|rows| *rows > 0),
        }
    }

    /// Takes what `exo.toml` says, where no variable says something else.
    pub fn configure(&mut self, given: &LimitsConfig, environment: &Environment) {
        let take = |name: &str, value: Option<u32>| value.filter(|_| environment.get(name).is_none());
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX).max(1);
        if let Some(depth) = take(DEPTH, given.depth) {
            self.depth = count(depth);
        }
        if let Some(bytes) = take(BODY, given.body_bytes) {
            self.body_bytes = count(bytes);
        }
        if let Some(fields) = take(ROOT_FIELDS, given.root_fields) {
            self.root_fields = count(fields);
        }
        if let Some(aliases) = take(ALIASES, given.aliases) {
            self.aliases = count(aliases);
        }
        if let Some(limit) = take(STATEMENT, given.statement_timeout_ms) {
            self.statement_timeout = Duration::from_millis(u64::from(limit.max(1)));
        }
        if let Some(rows) = take(ROWS, given.rows) {
            self.rows = Some(rows).filter(|rows| *rows > 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Mode, Settings};

    #[test]
    fn variables_win_over_the_file_and_the_file_over_defaults() {
        let pairs = [("EXO_MAX_ROWS", "7"), ("EXO_STATEMENT_TIMEOUT_MS", "250")];
        let map = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = Environment::from_map(map.into_iter().collect());
        let mut limits = Settings::from_environment(&environment, Mode::Production).unwrap().limits;
        let file = LimitsConfig { rows: Some(9), aliases: Some(3), ..LimitsConfig::default() };
        limits.configure(&file, &environment);
        let expected = RequestLimits {
            rows: Some(7),
            aliases: 3,
            statement_timeout: Duration::from_millis(250),
            ..RequestLimits::default()
        };
        assert_eq!(limits, expected);
    }

    #[test]
    fn wrong_numbers_are_refused_by_name() {
        let map = [("EXO_MAX_ALIASES".to_owned(), "0".to_owned())];
        let environment = Environment::from_map(map.into_iter().collect());
        let problems = Settings::from_environment(&environment, Mode::Production).unwrap_err();
        assert_eq!(problems[0].place, "EXO_MAX_ALIASES");
    }
}
