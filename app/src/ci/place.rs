//! What `--ci DIR` names: a folder with projects, or one test file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use studio_testing::discovery;

use crate::failure::Failure;

/// Where to run, and which tests only.
pub(super) struct Place {
    /// A project, or a folder that contains projects.
    pub(super) root: PathBuf,
    /// The test whose file was given.
    pub(super) only: Option<BTreeSet<String>>,
}

/// Finds what an argument names.
pub(super) fn find(given: &Path) -> Result<Place, Failure> {
    if given.is_dir() {
        return Ok(Place { root: given.to_owned(), only: None });
    }
    let refused = |message: &str| {
        Failure::environment("find the tests", &format!("`{}` {message}", given.display()))
            .help("give a project, a folder that contains projects, or an .exotest file of a project")
    };
    if !given.is_file() || given.extension().is_none_or(|extension| extension != "exotest") {
        return Err(refused("is not a folder"));
    }
    let root = project_above(given).ok_or_else(|| refused("belongs to no project"))?;
    let projects = discovery::discover(&root).map_err(|error| refused(&error.to_string()))?;
    let file = given.canonicalize().ok();
    let tests = projects.iter().flat_map(|project| &project.tests);
    let found = tests.into_iter().find(|test| test.path.canonicalize().ok() == file);
    let name = found.map(|test| test.name.clone()).ok_or_else(|| refused("is no test of its project"))?;
    Ok(Place { root, only: Some(BTreeSet::from([name])) })
}

/// The nearest project around a path.
pub(super) fn project_above(path: &Path) -> Option<PathBuf> {
    let whole = path.canonicalize().ok()?;
    whole.ancestors().skip(1).find(|folder| folder.join("src/index.exo").is_file()).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_a_test_file_and_what_is_neither() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for file in ["shop/src/index.exo", "shop/tests/deep/a.exotest", "shop/tests/init.gql", "lost.exotest"]
        {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let place = find(&root).unwrap();
        assert_eq!((place.root, place.only), (root.clone(), None));
        let place = find(&root.join("shop/tests/deep/a.exotest")).unwrap();
        assert_eq!(
            (place.root, place.only),
            (root.join("shop"), Some(BTreeSet::from(["deep/a".to_owned()])))
        );
        for wrong in ["gone", "shop/tests/init.gql", "lost.exotest"] {
            assert!(find(&root.join(wrong)).is_err(), "{wrong}");
        }
        assert_eq!(project_above(&root.join("shop/tests")), Some(root.join("shop")));
        assert_eq!(project_above(&root.join("shop")), None);
    }
}
