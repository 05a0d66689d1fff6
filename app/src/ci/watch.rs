//! `--ci --watch`: run, then run again what a save may have changed.

use std::collections::BTreeSet;
use std::path::Path;

use studio_engine::studio::watch::{Changes, Watch};
use studio_testing::discovery::{self, Project};
use studio_testing::{RunOptions, exit, pattern};
use tokio::task::JoinSet;

use super::{Bench, STOPPED};
use crate::failure::Failure;
use crate::output;

/// Runs until it is interrupted.
pub(super) async fn run(bench: &Bench<'_>, options: RunOptions) -> Result<u8, Failure> {
    let mut next = options.clone();
    loop {
        let report = bench.run(next).await?;
        let code = bench.print(&report)?;
        if code == exit::INTERRUPTED {
            return Ok(code);
        }
        output::note("watching; Ctrl-C stops");
        let changed = tokio::select! {
            () = bench.cancel.cancelled() => return Ok(STOPPED),
            changed = changed(&bench.args.dir, options.filter.as_deref()) => changed?,
        };
        next = RunOptions { only: Some(changed), filter: options.filter.clone(), ..options.clone() };
        // A part of the tests says nothing about coverage.
        next.min_access_coverage = None;
    }
}

/// Waits for a save in any project and names the tests it concerns that match the wildcard.
async fn changed(root: &Path, filter: Option<&str>) -> Result<BTreeSet<String>, Failure> {
    loop {
        let projects =
            discovery::discover(root).map_err(|error| Failure::environment("find the tests", &error))?;
        let (project, changes) = first_change(projects).await?;
        // Files may have come or gone with the save.
        let projects =
            discovery::discover(root).map_err(|error| Failure::environment("find the tests", &error))?;
        let Some(project) = projects.into_iter().find(|known| known.path == project.path) else { continue };
        let mut names = concerned(&project, &changes);
        names.retain(|name| filter.is_none_or(|filter| pattern::matches(filter, name)));
        if !names.is_empty() {
            return Ok(names);
        }
    }
}

async fn first_change(projects: Vec<Project>) -> Result<(Project, Changes), Failure> {
    let mut tasks = JoinSet::new();
    for project in projects {
        let folder =
            project.path.canonicalize().map_err(|error| Failure::environment("watch the project", &error))?;
        let mut watch =
            Watch::start(&folder).map_err(|error| Failure::environment("watch the project", &error))?;
        tasks.spawn(async move { watch.next().await.map(|changes| (project, changes)) });
    }
    while let Some(finished) = tasks.join_next().await {
        if let Ok(Some(change)) = finished {
            return Ok(change);
        }
    }
    Err(Failure::environment("watch the projects", &"every watch ended"))
}

/// The tests of a project that a save concerns: those whose files were saved, or all of them.
fn concerned(project: &Project, changes: &Changes) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for path in &changes.paths {
        match project.tests.iter().find(|test| test.path.strip_prefix(&project.path) == Ok(path)) {
            Some(test) => {
                names.insert(test.name.clone());
            }
            None => return project.tests.iter().map(|test| test.name.clone()).collect(),
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use studio_testing::discovery::DiscoveredTest;

    use super::*;

    #[test]
    fn a_saved_test_concerns_itself_and_anything_else_all() {
        let test = |name: &str| DiscoveredTest {
            name: format!("shop/{name}"),
            path: PathBuf::from(format!("root/shop/tests/{name}.exotest")),
            seeds: Vec::new(),
        };
        let project = Project {
            path: PathBuf::from("root/shop"),
            name: "shop".to_owned(),
            tests: vec![test("a"), test("b")],
            build_scripts: Vec::new(),
        };
        let concerned = |paths: &[&str]| {
            let changes = Changes { paths: paths.iter().map(PathBuf::from).collect() };
            concerned(&project, &changes).into_iter().collect::<Vec<_>>()
        };
        assert_eq!(concerned(&["tests/b.exotest"]), ["shop/b"]);
        assert_eq!(concerned(&["tests/b.exotest", "src/index.exo"]), ["shop/a", "shop/b"]);
        assert_eq!(concerned(&["tests/init.gql"]), ["shop/a", "shop/b"]);
    }
}
