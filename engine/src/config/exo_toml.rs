//! `exo.toml` (developer-experience 1.7 and 3.3). Unknown keys are errors.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use studio_events::Budget;
use studio_model::graphql::Extensions;

use super::hooks::HookConfig;
use super::{ConfigProblem, ScriptsConfig};

/// The file as read. All sections are optional.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExoToml {
    /// Version requirement.
    #[serde(default)]
    pub exograph: ExographConfig,
    /// Commands after builds.
    #[serde(default)]
    pub build: HookCommands,
    /// Commands in `dev`; the studio runs them after a model change is live.
    #[serde(default)]
    pub dev: HookCommands,
    /// Commands in `yolo`; accepted for compatibility, the studio has one interactive mode.
    #[serde(default)]
    pub yolo: HookCommands,
    /// MCP profiles; read by a later part.
    #[serde(default)]
    pub mcp: Option<toml::Value>,
    /// Named claim sets.
    #[serde(default)]
    pub personas: BTreeMap<String, PersonaConfig>,
    /// Settings of the bundled database.
    #[serde(default)]
    pub postgres: PostgresConfig,
    /// Limits and permissions of scripts.
    #[serde(default)]
    pub scripts: ScriptsConfig,
    /// Latency limits by operation, such as `Board = "p95 < 10 ms"`; several stand in a list.
    #[serde(default, deserialize_with = "budgets")]
    pub budgets: Vec<Budget>,
    /// Parts of the API beyond the contract.
    #[serde(default)]
    pub extensions: ExtensionsConfig,
    /// What one request may ask for. Variables win over it.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// Hook components by name.
    #[serde(default)]
    pub hooks: BTreeMap<String, toml::Spanned<HookConfig>>,
}

/// `[extensions]`: everything is off unless it is switched on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExtensionsConfig {
    /// `in` and `nin` in filters.
    #[serde(default)]
    pub in_filters: bool,
    /// `after` on lists.
    #[serde(default)]
    pub cursors: bool,
    /// `upsert` mutations.
    #[serde(default)]
    pub upsert: bool,
    /// Queries that are answered again when data changed, as server-sent events.
    #[serde(default)]
    pub live_queries: bool,
}

impl ExtensionsConfig {
    /// Those that change the schema.
    pub fn schema(self) -> Extensions {
        Extensions { in_filters: self.in_filters, cursors: self.cursors, upsert: self.upsert }
    }
}

/// `[limits]`. What is not given keeps its default; see [`super::RequestLimits`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LimitsConfig {
    /// Deepest selection.
    pub depth: Option<u32>,
    /// Largest request body in bytes.
    pub body_bytes: Option<u32>,
    /// Most root fields.
    pub root_fields: Option<u32>,
    /// Most aliases.
    pub aliases: Option<u32>,
    /// Longest SQL statement in milliseconds.
    pub statement_timeout_ms: Option<u32>,
    /// Most rows of one list; each list then needs a `limit`.
    pub rows: Option<u32>,
}

/// One limit, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Limits {
    One(String),
    Several(Vec<String>),
}

fn budgets<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Budget>, D::Error> {
    let table = BTreeMap::<String, Limits>::deserialize(deserializer)?;
    let mut found = Vec::new();
    for (operation, limits) in table {
        let texts = match limits {
            Limits::One(text) => vec![text],
            Limits::Several(texts) => texts,
        };
        for text in texts {
            let budget = Budget::parse(&operation, &text)
                .map_err(|wrong| serde::de::Error::custom(format!("the budget of `{operation}`: {wrong}")))?;
            found.push(budget);
        }
    }
    Ok(found)
}

/// `[exograph]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExographConfig {
    /// Semver requirement of the peer's version; kept, not enforced: we are another program.
    pub version: Option<String>,
}

/// Shell commands after a model change.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HookCommands {
    /// Run in order.
    #[serde(default)]
    pub after_model_change: Vec<String>,
}

/// `[personas.<name>]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonaConfig {
    /// Claims signed into the token.
    #[serde(default)]
    pub claims: BTreeMap<String, serde_json::Value>,
}

/// `[postgres]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresConfig {
    /// Survive power loss, not only killed processes: fsync and full page writes on.
    #[serde(default)]
    pub durable: bool,
}

impl ExoToml {
    /// Reads `<root>/exo.toml`; a missing file is an empty one.
    pub fn read(root: &Path) -> Result<Self, ConfigProblem> {
        let toml = match std::fs::read_to_string(root.join("exo.toml")) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(ConfigProblem::new(
                "C0003",
                "exo.toml",
                format!("the file cannot be read: {error}"),
                "check its permissions",
            )),
        };
        toml.map(|mut toml| {
            toml.scripts.root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
            toml
        })
    }

    fn parse(text: &str) -> Result<Self, ConfigProblem> {
        let line_of = |start: usize| text.get(..start).unwrap_or(text).matches('\n').count() + 1;
        let toml: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(span.start));
            let place = format!("exo.toml:{line}");
            // The names that were expected are in the advice.
            let message = match error.message().split_once(", expected ") {
                Some((message, _)) if message.starts_with("unknown field") => message,
                _ => error.message(),
            };
            ConfigProblem::new("C0004", place, message.to_owned(), advice(&error))
        })?;
        let section = text.find("[scripts]").map_or(1, line_of);
        toml.scripts.check(&format!("exo.toml:{section}"))?;
        for (name, hook) in &toml.hooks {
            let line = line_of(hook.span().start);
            hook.get_ref().check(name, &format!("exo.toml:{line}"))?;
        }
        Ok(toml)
    }
}

/// What to write instead: the known name that is nearest, or all of them.
fn advice(error: &toml::de::Error) -> String {
    let mut names = error.message().split('`').skip(1).step_by(2);
    if let Some(unknown) = names.next().filter(|_| error.message().starts_with("unknown field")) {
        let known: Vec<&str> = names.collect();
        if let Some(near) = studio_testing::nearest(unknown, known.iter().copied()) {
            return format!("did you mean `{near}`?");
        }
        if !known.is_empty() {
            return format!("known here: {}", known.join(", "));
        }
    }
    "the sections and their keys are listed in the README".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_personas_with_claims_of_any_type() {
        let it =
            ExoToml::parse("[personas.anna]\nclaims = { sub = \"1\", roles = [\"a\"], age = 3 }\n").unwrap();
        assert_eq!(it.personas["anna"].claims["age"], 3);
    }

    #[test]
    fn budgets_are_one_or_several_limits_and_mistakes_have_a_place() {
        let it = ExoToml::parse("[budgets]\nBoard = \"p95 < 10 ms\"\nMe = [\"p50 < 1 ms\", \"max < 1 s\"]\n")
            .unwrap();
        let texts: Vec<_> = it.budgets.iter().map(|it| format!("{} {it}", it.operation)).collect();
        assert_eq!(texts, ["Board p95 < 10 ms", "Me p50 < 1 ms", "Me max < 1000 ms"]);
        let problem = ExoToml::parse("[budgets]\nBoard = \"p95 < soon\"\n").unwrap_err();
        assert!(problem.message.contains("the budget of `Board`"), "{}", problem.message);
        assert!(problem.place.starts_with("exo.toml:"), "{}", problem.place);
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_line() {
        let problem = ExoToml::parse("[postgres]\ndurable = true\ndurible = true\n").unwrap_err();
        assert_eq!(problem.place, "exo.toml:3");
        assert!(problem.message.contains("durible"), "{}", problem.message);
        assert_eq!(problem.help, "did you mean `durable`?");
        let problem = ExoToml::parse("[limit]\nrows = 3\n").unwrap_err();
        assert_eq!((problem.place.as_str(), problem.help.as_str()), ("exo.toml:1", "did you mean `limits`?"));
        assert!(ExoToml::parse("[limits]\nrows = -3\n").is_err());
        let problem = ExoToml::parse("\n[scripts]\nallow_http = [\"http://a/\"]\n").unwrap_err();
        assert_eq!(problem.place, "exo.toml:2");
    }
}
