//! `exo-studio new`: an embedded template becomes a project. Staged in a temporary folder and renamed, so a
//! half-made project never exists.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use include_dir::{Dir, DirEntry, include_dir};

use crate::failure::Failure;

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../templates");

/// A project that was made.
#[derive(Debug)]
pub(crate) struct Created {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its files, relative, with a word on each.
    pub(crate) files: Vec<String>,
    /// Whether a git repository was made.
    pub(crate) git: GitOutcome,
}

/// What became of `git init`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum GitOutcome {
    /// A repository was made.
    Initialised,
    /// The folder lies in a repository already.
    Inside,
    /// git is not there, or failed.
    Absent,
}

/// Names of all templates.
pub(crate) fn template_names() -> Vec<&'static str> {
    let mut names: Vec<_> = TEMPLATES.dirs().filter_map(|dir| dir.path().to_str()).collect();
    names.sort_unstable();
    names
}

/// Makes a project at `path` from a template.
pub(crate) fn create(path: &Path, template: &str) -> Result<Created, Failure> {
    let source = TEMPLATES.get_dir(template).ok_or_else(|| {
        Failure::usage(
            format!("there is no template `{template}`"),
            format!("choose one of: {}", template_names().join(", ")),
        )
    })?;
    make(path, |staging, name, files| write_dir(source, source.path(), staging, name, files))
}

/// Makes a project at `path` whose model was imported.
pub(crate) fn create_with_model(path: &Path, model: &str) -> Result<Created, Failure> {
    make(path, |staging, name, files| {
        std::fs::create_dir_all(staging.join("src"))?;
        let ignore = TEMPLATES.get_file("todo/gitignore").and_then(include_dir::File::contents_utf8);
        let ignore = ignore.unwrap_or("/target/\n/.exo/\n");
        let readme = format!(
            "# {name}\n\n`src/index.exo` was written from an existing database. `exo-studio schema verify --database URL` \
             compares them,\n`exo-studio --database-url URL` opens the studio on that database (read-only without \
             `--read-write`),\n`exo-studio` alone on a new one of its own.\n"
        );
        let texts = [("src/index.exo", model), (".gitignore", ignore), ("README.md", readme.as_str())];
        for (file, text) in texts {
            std::fs::write(staging.join(file), text)?;
            files.push(file.to_owned());
        }
        Ok(())
    })
}

fn make(
    path: &Path,
    write: impl FnOnce(&Path, &str, &mut Vec<String>) -> std::io::Result<()>,
) -> Result<Created, Failure> {
    if path.symlink_metadata().is_ok() {
        return Err(Failure::usage(
            format!("`{}` exists already; nothing was changed", path.display()),
            "choose another name, or open it with `exo-studio <folder>`".to_owned(),
        ));
    }
    let name = project_name(path)?;
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !parent.is_dir() {
        return Err(Failure::usage(
            format!("the folder `{}` does not exist", parent.display()),
            "make it first, or choose a path in an existing folder".to_owned(),
        ));
    }
    let io = |what: &'static str| move |error: std::io::Error| Failure::environment(what, &error);
    // Beside the target, so that the rename stays on one file system.
    let staging = tempfile::Builder::new()
        .prefix(".exo-studio-new-")
        .tempdir_in(parent)
        .map_err(io("make a folder here"))?;
    let mut files = Vec::new();
    write(staging.path(), &name, &mut files).map_err(io("write the project"))?;
    files.sort();
    let staged = staging.keep();
    set_folder_mode(&staged).map_err(io("set the permissions of the new folder"))?;
    if let Err(error) = std::fs::rename(&staged, path) {
        let _ = std::fs::remove_dir_all(&staged);
        return Err(Failure::environment("move the new project into place", &error));
    }
    Ok(Created { path: path.to_owned(), files, git: init_git(path) })
}

fn project_name(path: &Path) -> Result<String, Failure> {
    path.file_name().and_then(|name| name.to_str()).map(str::to_owned).ok_or_else(|| {
        Failure::usage(
            format!("`{}` is not a name for a project", path.display()),
            "give the folder to make, for example `exo-studio new todo`".to_owned(),
        )
    })
}

fn write_dir(
    dir: &Dir<'_>,
    root: &Path,
    target: &Path,
    name: &str,
    files: &mut Vec<String>,
) -> std::io::Result<()> {
    for entry in dir.entries() {
        let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
        match entry {
            DirEntry::Dir(dir) => {
                std::fs::create_dir_all(target.join(relative))?;
                write_dir(dir, root, target, name, files)?;
            }
            DirEntry::File(file) => {
                // A real .gitignore inside our own repository would hide files of the template.
                let relative =
                    if relative == Path::new("gitignore") { Path::new(".gitignore") } else { relative };
                let path = target.join(relative);
                match file.contents_utf8() {
                    Some(text) => std::fs::write(&path, text.replace("{{name}}", name))?,
                    None => std::fs::write(&path, file.contents())?,
                }
                files.push(relative.display().to_string());
            }
        }
    }
    Ok(())
}

#[cfg(unix)]
fn set_folder_mode(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    // Temporary folders are private; a project is an ordinary folder.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn set_folder_mode(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

fn init_git(path: &Path) -> GitOutcome {
    let git = |args: &[&str]| {
        Command::new("git")
            .args(args)
            .current_dir(path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    if git(&["rev-parse", "--is-inside-work-tree"]) {
        GitOutcome::Inside
    } else if git(&["init", "--quiet"]) {
        GitOutcome::Initialised
    } else {
        GitOutcome::Absent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_becomes_a_complete_project() {
        for template in template_names() {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("my project");
            let created = create(&path, template).unwrap();
            for file in ["src/index.exo", "tests/init.gql", ".gitignore", "README.md"] {
                assert!(path.join(file).is_file(), "{template}: {file}");
            }
            let tests = created.files.iter().filter(|file| file.ends_with(".exotest")).count();
            assert!(tests >= 3, "{template} has {tests} tests");
            let readme = std::fs::read_to_string(path.join("README.md")).unwrap();
            assert!(readme.contains("my project") && !readme.contains("{{name}}"));
            let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
            assert_eq!(left.len(), 1, "only the project is left behind");
        }
    }

    #[test]
    fn an_existing_path_is_refused_and_untouched() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("todo");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("mine"), "x").unwrap();
        let failure = create(&path, "todo").unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 1);
    }

    #[test]
    fn an_unknown_template_names_the_known_ones() {
        let dir = tempfile::tempdir().unwrap();
        let failure = create(&dir.path().join("x"), "tudu").unwrap_err();
        assert!(failure.to_string().contains("todo"), "{failure}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
