//! Which projects and tests there are below a directory (section 2.1).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Nesting of directories the search follows.
const MAX_DEPTH: usize = 64;

/// Whether a directory holds many files but no tests: hidden ones, packages of node, and build products, which lie
/// beside what they were built from.
fn is_skipped(name: &str, parent: &Path) -> bool {
    let built_here = || parent.join("src").is_dir() || parent.join("Cargo.toml").is_file();
    name.starts_with('.') || name == "node_modules" || (name == "target" && built_here())
}

/// A directory with `src/index.exo` and what is to be tested in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The directory.
    pub path: PathBuf,
    /// Its path from the root of the run with `/`; empty for the root itself.
    pub name: String,
    /// Its tests, by name.
    pub tests: Vec<DiscoveredTest>,
    /// `tests/build*.sh`, in the order they are run before the project is built.
    pub build_scripts: Vec<PathBuf>,
}

/// What a save asks to be run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concerned {
    /// Nothing: files that no test reads, or tests that are gone.
    Nothing,
    /// Only these tests, by name: nothing but their own files was saved.
    Tests(BTreeSet<String>),
    /// Every test: the model, settings, seeds or other files that tests read were saved.
    All,
}

impl Project {
    /// What saved files ask for. Paths are given from the project's directory.
    pub fn concerned<'a>(&self, saved: impl IntoIterator<Item = &'a Path>) -> Concerned {
        let mut names = BTreeSet::new();
        for path in saved {
            let extension = path.extension().unwrap_or_default().to_string_lossy();
            match extension.as_ref() {
                "exotest" => {
                    let of = self.tests.iter().find(|test| test.path.strip_prefix(&self.path) == Ok(path));
                    names.extend(of.map(|test| test.name.clone()));
                }
                // Beside the tests editors leave backups and other things that nobody reads.
                "gql" | "sql" | "sh" => return Concerned::All,
                _ if path.starts_with("tests") && !self.path.join(path).is_dir() => {}
                _ => return Concerned::All,
            }
        }
        if names.is_empty() { Concerned::Nothing } else { Concerned::Tests(names) }
    }
}

/// One test file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveredTest {
    /// Path from the root, minus the project's own `tests/`, minus the extension.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// `init*.gql` and `init*.sql`: ancestors first, within a directory by path.
    pub seeds: Vec<PathBuf>,
}

/// Why nothing can be tested.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// The directory cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No project at or below the directory.
    #[error("no project in {}: there is no `src/index.exo` in it or below it; `exo-studio new` makes one", .0.display())]
    NoProject(PathBuf),
}

/// The projects at or below `root`, by name, with their tests.
///
/// A root without `tests` directory that is a model still counts when nothing below it does, so that
/// `*.exotest` files elsewhere in it are not forgotten.
pub fn discover(root: &Path) -> Result<Vec<Project>, DiscoveryError> {
    let mut found = Vec::new();
    if is_project(root) {
        found.push(root.to_owned());
    } else {
        search(root, &mut vec![canonical(root)], &mut found)?;
        if found.is_empty() && root.join("src/index.exo").is_file() {
            found.push(root.to_owned());
        }
    }
    if found.is_empty() {
        return Err(DiscoveryError::NoProject(root.to_owned()));
    }
    let mut projects = Vec::new();
    for path in found {
        projects.push(project(root, path)?);
    }
    projects.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(projects)
}

fn is_project(path: &Path) -> bool {
    path.join("src/index.exo").is_file() && path.join("tests").is_dir()
}

fn canonical(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn unreadable(path: &Path, error: &std::io::Error) -> DiscoveryError {
    DiscoveryError::Unreadable { path: path.to_owned(), reason: error.to_string() }
}

/// Sorted directories and files of a directory, links followed; broken links are left out.
fn entries(path: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), DiscoveryError> {
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    let parent = path;
    for entry in fs::read_dir(parent).map_err(|error| unreadable(parent, &error))? {
        let path = entry.map_err(|error| unreadable(parent, &error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match fs::metadata(&path) {
            Ok(data) if data.is_dir() => {
                if !is_skipped(&name, parent) {
                    folders.push(path);
                }
            }
            Ok(_) => files.push(path),
            Err(_) => {}
        }
    }
    folders.sort();
    files.sort();
    Ok((folders, files))
}

/// `open` holds the real paths of the directories above, so that a circle of links ends.
fn search(path: &Path, open: &mut Vec<PathBuf>, found: &mut Vec<PathBuf>) -> Result<(), DiscoveryError> {
    let (folders, _) = entries(path)?;
    for folder in folders {
        let real = canonical(&folder);
        if open.len() > MAX_DEPTH || open.contains(&real) {
            continue;
        }
        if is_project(&folder) {
            found.push(folder);
        } else {
            open.push(real);
            search(&folder, open, found)?;
            open.pop();
        }
    }
    Ok(())
}

fn slashed(path: &Path) -> String {
    let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

fn project(root: &Path, path: PathBuf) -> Result<Project, DiscoveryError> {
    let name = slashed(path.strip_prefix(root).unwrap_or(&path));
    let mut project = Project { path: path.clone(), name, tests: Vec::new(), build_scripts: Vec::new() };
    collect(&path, &mut vec![canonical(&path)], &[], &mut project)?;
    project.tests.sort_by(|left, right| (&left.name, &left.path).cmp(&(&right.name, &right.path)));
    let tests = path.join("tests");
    if tests.is_dir() {
        let (_, files) = entries(&tests)?;
        project.build_scripts = files
            .into_iter()
            .filter(|file| {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with("build") && name.ends_with(".sh")
            })
            .collect();
    }
    Ok(project)
}

fn collect(
    path: &Path,
    open: &mut Vec<PathBuf>,
    seeds_above: &[PathBuf],
    project: &mut Project,
) -> Result<(), DiscoveryError> {
    let (folders, files) = entries(path)?;
    let extension = |file: &Path| file.extension().unwrap_or_default().to_string_lossy().into_owned();
    let mut seeds = seeds_above.to_vec();
    seeds.extend(
        files
            .iter()
            .filter(|file| {
                file.file_name().unwrap_or_default().to_string_lossy().starts_with("init")
                    && matches!(extension(file).as_str(), "gql" | "sql")
            })
            .cloned(),
    );
    for file in files.iter().filter(|file| extension(file) == "exotest") {
        let inside = file.strip_prefix(&project.path).unwrap_or(file).with_extension("");
        let inside = slashed(inside.strip_prefix("tests").unwrap_or(&inside));
        let name = if project.name.is_empty() { inside } else { format!("{}/{inside}", project.name) };
        project.tests.push(DiscoveredTest { name, path: file.clone(), seeds: seeds.clone() });
    }
    for folder in folders {
        let real = canonical(&folder);
        if open.len() > MAX_DEPTH || open.contains(&real) {
            continue;
        }
        open.push(real);
        collect(&folder, open, &seeds, project)?;
        open.pop();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
