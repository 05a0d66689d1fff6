use super::*;

fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        fs::write(path, "").expect("file");
    }
    folder
}

fn names(root: &Path) -> Vec<String> {
    let projects = discover(root).expect("projects");
    projects.into_iter().flat_map(|project| project.tests).map(|test| test.name).collect()
}

#[test]
fn the_root_is_a_project() {
    let folder = folder(&[
        "src/index.exo",
        "tests/b.exotest",
        "tests/access/a.exotest",
        "tests/init.gql",
        "tests/init-2.sql",
        "tests/inits.txt",
        "tests/other.gql",
        "tests/access/init.gql",
        "src/odd.exotest",
        "tests/build2.sh",
        "tests/build1.sh",
        "node_modules/x/c.exotest",
        "tests/.hidden/d.exotest",
        "target/e.exotest",
        "tests/target/f.exotest",
    ]);
    let root = folder.path();
    let projects = discover(root).expect("projects");
    assert_eq!(projects.len(), 1);
    assert_eq!(names(root), ["access/a", "b", "src/odd", "target/f"]);
    let seeds = |index: usize| -> Vec<String> {
        projects[0].tests[index]
            .seeds
            .iter()
            .map(|seed| slashed(seed.strip_prefix(root).expect("inside")))
            .collect()
    };
    assert_eq!(seeds(0), ["tests/init-2.sql", "tests/init.gql", "tests/access/init.gql"]);
    assert_eq!(seeds(1), ["tests/init-2.sql", "tests/init.gql"]);
    assert!(seeds(2).is_empty());
    let scripts: Vec<_> = projects[0].build_scripts.iter().map(|script| script.file_name()).collect();
    assert_eq!(scripts, [Some("build1.sh".as_ref()), Some("build2.sh".as_ref())]);
}

#[test]
fn projects_below_the_root() {
    let folder = folder(&[
        "init.gql",
        "shop/src/index.exo",
        "shop/tests/a.exotest",
        "shop/inner/src/index.exo",
        "shop/inner/tests/x.exotest",
        "group/blog/src/index.exo",
        "group/blog/tests/deep/b.exotest",
        "notests/src/index.exo",
        "notests/lost.exotest",
    ]);
    assert_eq!(names(folder.path()), ["group/blog/deep/b", "shop/a", "shop/inner/tests/x"]);
    let projects = discover(folder.path()).expect("projects");
    assert_eq!(
        projects.iter().map(|project| project.name.as_str()).collect::<Vec<_>>(),
        ["group/blog", "shop"]
    );
    assert!(projects.iter().all(|project| project.tests.iter().all(|test| test.seeds.is_empty())));
}

#[cfg(unix)]
#[test]
fn linked_tests_serve_several_models_and_circles_end() {
    let folder = folder(&["a/src/index.exo", "b/src/index.exo", "shared/x.exotest", "shared/init.gql"]);
    for project in ["a", "b"] {
        std::os::unix::fs::symlink(folder.path().join("shared"), folder.path().join(project).join("tests"))
            .expect("link");
    }
    std::os::unix::fs::symlink(folder.path().join("shared"), folder.path().join("shared/loop"))
        .expect("link");
    assert_eq!(names(folder.path()), ["a/x", "b/x"]);
    let projects = discover(folder.path()).expect("projects");
    assert_eq!(projects[1].tests[0].seeds, [folder.path().join("b/tests/init.gql")]);
}

#[test]
fn a_model_without_tests_folder() {
    let with = folder(&["src/index.exo", "checks/a.exotest"]);
    assert_eq!(names(with.path()), ["checks/a"]);
    let without = folder(&["readme"]);
    assert_eq!(discover(without.path()), Err(DiscoveryError::NoProject(without.path().to_owned())));
    let missing = without.path().join("gone");
    assert!(matches!(discover(&missing), Err(DiscoveryError::Unreadable { .. })));
}

#[test]
fn what_a_save_concerns() {
    let folder = folder(&["src/index.exo", "tests/a.exotest", "tests/deep/b.exotest", "tests/init.gql"]);
    let project = discover(folder.path()).expect("a project").remove(0);
    let concerned = |paths: &[&str]| project.concerned(paths.iter().map(Path::new));
    let only = |name: &str| Concerned::Tests([name.to_owned()].into());
    assert_eq!(concerned(&["tests/deep/b.exotest", "tests/deep/b.exotest~", "tests/sedX1"]), only("deep/b"));
    assert_eq!(concerned(&["tests/gone.exotest", "tests/.a.exotest.swp"]), Concerned::Nothing);
    for shared in ["tests/init.gql", "tests/count.gql", "tests/deep", "src/index.exo", "exo.toml"] {
        assert_eq!(concerned(&["tests/a.exotest", shared]), Concerned::All, "{shared}");
    }
}
