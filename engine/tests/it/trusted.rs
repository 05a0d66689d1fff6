//! Reading trusted documents from a project's folder (graphql-and-sql 2.8, developer-experience 6.4).

use std::fs;

use studio_engine::project::{Build, Project};

const MODEL: &str = "@postgres module M { @access(true) type Note { @pk id: Int = autoIncrement() } }";

fn build(files: &[(&str, &str)]) -> Build {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/index.exo"), MODEL).unwrap();
    for (path, text) in files {
        let path = folder.path().join("trusted-documents").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    Project::open(folder.path()).unwrap().build().unwrap()
}

fn codes(build: &Build) -> Vec<&str> {
    build.problems.iter().map(|problem| problem.code.as_str()).collect()
}

pub(crate) fn folders_are_read() {
    let none = build(&[]);
    assert!(none.ir.unwrap().trusted_documents.is_none(), "without the folder everything is allowed");

    let both = build(&[
        ("web.json", r#"{"a1": "{ notes { id } }"}"#),
        ("deep/er/app.json", r#"{"version": 1, "operations": [{"id": "b2", "body": "{ x }", "name": "X"}]}"#),
    ]);
    assert!(codes(&both).is_empty());
    let documents = both.ir.unwrap().trusted_documents.clone().unwrap();
    assert_eq!(documents.keys().map(String::as_str).collect::<Vec<_>>(), ["a1", "b2"]);
    assert_eq!(documents["b2"], "{ x }");

    let skipped = build(&[("web.json", r#"{"a1": "{ notes { id } }"}"#), ("notes.txt", "not read")]);
    assert_eq!(codes(&skipped), ["C0021"]);
    assert_eq!(skipped.ir.unwrap().trusted_documents.clone().unwrap().len(), 1);

    // Even an empty folder: only introspection is left.
    let empty = build(&[("only.txt", "")]);
    assert_eq!(codes(&empty), ["C0021", "C0022"]);
    assert_eq!(empty.ir.unwrap().trusted_documents.clone().unwrap().len(), 0);

    for broken in ["[]", "{\"a1\": 1}", "{ nonsense", "\"text\""] {
        let build = build(&[("web.json", broken), ("good.json", r#"{"a1": "{ x }"}"#)]);
        assert_eq!(codes(&build), ["C0020"], "{broken}");
        assert!(build.ir.is_none(), "a format error stops the build");
    }
}
