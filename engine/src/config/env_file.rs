//! The environment a project sees: process variables over `.env` files (developer-experience 1.8).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::ConfigProblem;

/// Variables by name, and the files they were read from.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: Arc<BTreeMap<String, String>>,
    /// Files found, highest precedence first, relative to the project.
    pub files: Vec<String>,
}

impl Environment {
    /// An environment with exactly these variables.
    pub fn from_map(variables: BTreeMap<String, String>) -> Self {
        Self { variables: Arc::new(variables), files: Vec::new() }
    }

    /// The value of a variable; empty values count as unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Every variable.
    pub fn variables(&self) -> &Arc<BTreeMap<String, String>> {
        &self.variables
    }

    /// Sets a variable unless it is set already.
    pub fn set_default(&mut self, name: &str, value: impl Into<String>) {
        Arc::make_mut(&mut self.variables).entry(name.to_owned()).or_insert_with(|| value.into());
    }
}

/// Reads `.env.<mode>.local`, `.env.local`, `.env.<mode>`, `.env` below the process environment.
pub fn load_environment(root: &Path, mode: Option<&str>) -> Result<Environment, ConfigProblem> {
    let mut environment = Environment::from_map(std::env::vars().collect());
    let mut names = Vec::new();
    if let Some(mode) = mode {
        names.push(format!(".env.{mode}.local"));
    }
    names.push(".env.local".to_owned());
    if let Some(mode) = mode {
        names.push(format!(".env.{mode}"));
    }
    names.push(".env".to_owned());
    for name in names {
        let path = root.join(&name);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                return Err(ConfigProblem::new(
                    "C0001",
                    name,
                    format!("the file cannot be read: {error}"),
                    "check its permissions, or remove it",
                ));
            }
        };
        for (key, value) in parse(&name, &text)? {
            environment.set_default(&key, value);
        }
        environment.files.push(name);
    }
    Ok(environment)
}

fn parse(file: &str, text: &str) -> Result<Vec<(String, String)>, ConfigProblem> {
    let mut pairs = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((key, value)) = line.split_once('=') else {
            return Err(ConfigProblem::new(
                "C0002",
                format!("{file}:{}", index + 1),
                "a line is not of the form NAME=value",
                "write NAME=value, or start the line with # to make it a comment",
            ));
        };
        pairs.push((key.trim().to_owned(), unquote(value.trim())));
    }
    Ok(pairs)
}

/// Quoted values are taken whole (double quotes know `\n`, `\"`, `\\`); bare ones end at ` #`.
fn unquote(value: &str) -> String {
    if let Some(inner) = value.strip_prefix('\'').and_then(|rest| rest.split('\'').next()) {
        return inner.to_owned();
    }
    if let Some(rest) = value.strip_prefix('"') {
        let mut out = String::new();
        let mut chars = rest.chars();
        while let Some(c) = chars.next() {
            match c {
                '"' => break,
                '\\' => match chars.next() {
                    Some('n') => out.push('\n'),
                    Some(other) => out.push(other),
                    None => out.push('\\'),
                },
                other => out.push(other),
            }
        }
        return out;
    }
    value.split(" #").next().unwrap_or(value).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_quotes_comments_and_values_with_equal_signs() {
        let text = "# c\nA=1\nexport B = \"x y\\n\\\"z\\\"\"\nC='it # is'\nD=a=b # note\n\nE=\n";
        let pairs = parse(".env", text).unwrap();
        let expected = [("A", "1"), ("B", "x y\n\"z\""), ("C", "it # is"), ("D", "a=b"), ("E", "")];
        assert_eq!(pairs, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn names_file_and_line_of_a_malformed_line() {
        let problem = parse(".env", "A=1\nnonsense\n").unwrap_err();
        assert_eq!(problem.place, ".env:2");
    }

    #[test]
    fn nearer_files_win() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(".env"), "EXO_T_A=base\nEXO_T_B=base\nEXO_T_C=base\n").unwrap();
        std::fs::write(dir.path().join(".env.dev"), "EXO_T_B=dev\nEXO_T_C=dev\n").unwrap();
        std::fs::write(dir.path().join(".env.dev.local"), "EXO_T_C=local\n").unwrap();
        let environment = load_environment(dir.path(), Some("dev")).unwrap();
        let get = |name| environment.get(name).unwrap().to_owned();
        assert_eq!([get("EXO_T_A"), get("EXO_T_B"), get("EXO_T_C")], ["base", "dev", "local"]);
        assert_eq!(environment.files, [".env.dev.local", ".env.dev", ".env"]);
    }
}
