//! Reads `MANIFEST.toml`: what is fetched, and the hashes it must have.

use std::collections::BTreeMap;
use std::path::Path;

/// The whole file.
pub(crate) struct Pins {
    pub(crate) postgres: Postgres,
    pub(crate) vector: Vector,
}

/// The server package.
pub(crate) struct Postgres {
    pub(crate) version: String,
    pub(crate) package_version: String,
    /// Platform to package name and integrity value.
    pub(crate) platforms: BTreeMap<String, (String, String)>,
}

/// The wheel that holds the `vector` extension.
pub(crate) struct Vector {
    pub(crate) version: String,
    pub(crate) package: String,
    pub(crate) package_version: String,
    pub(crate) python: String,
    /// Folder inside the wheel that holds `lib` and `share`.
    pub(crate) folder: String,
    /// Platform to wheel tag and SHA-256.
    pub(crate) platforms: BTreeMap<String, (String, String)>,
}

impl Pins {
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text =
            std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
        let table: toml::Table = text.parse().map_err(|e| format!("{}: {e}", path.display()))?;
        let postgres = section(&table, "postgres")?;
        let vector = section(&table, "vector")?;
        Ok(Self {
            postgres: Postgres {
                version: string(postgres, "version")?,
                package_version: string(postgres, "package-version")?,
                platforms: platforms(postgres, "package", "integrity")?,
            },
            vector: Vector {
                version: string(vector, "version")?,
                package: string(vector, "package")?,
                package_version: string(vector, "package-version")?,
                python: string(vector, "python")?,
                folder: string(vector, "folder")?,
                platforms: platforms(vector, "tag", "sha256")?,
            },
        })
    }
}

/// The name the server packages use for a platform.
pub(crate) fn platform(os: &str, arch: &str) -> Option<&'static str> {
    match (os, arch) {
        ("linux", "x86_64") => Some("linux-x64"),
        ("linux", "aarch64") => Some("linux-arm64"),
        ("macos", "x86_64") => Some("darwin-x64"),
        ("macos", "aarch64") => Some("darwin-arm64"),
        (_, _) => None,
    }
}

fn section<'a>(table: &'a toml::Table, key: &str) -> Result<&'a toml::Table, String> {
    table.get(key).and_then(toml::Value::as_table).ok_or_else(|| format!("MANIFEST.toml: [{key}] is missing"))
}

fn string(table: &toml::Table, key: &str) -> Result<String, String> {
    let value = table.get(key).and_then(toml::Value::as_str);
    value.map(str::to_owned).ok_or_else(|| format!("MANIFEST.toml: `{key}` is missing"))
}

fn platforms(
    table: &toml::Table,
    name: &str,
    hash: &str,
) -> Result<BTreeMap<String, (String, String)>, String> {
    section(table, "platform")?
        .iter()
        .map(|(platform, entry)| {
            let entry =
                entry.as_table().ok_or_else(|| format!("MANIFEST.toml: `{platform}` is not a table"))?;
            Ok((platform.clone(), (string(entry, name)?, string(entry, hash)?)))
        })
        .collect()
}
