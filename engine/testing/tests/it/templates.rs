//! The test files of the project templates are written in this format, so they must be readable.

use std::path::Path;

use studio_testing::{discovery, expression, file};

#[test]
fn test_files_of_the_templates_are_readable_without_javascript() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates");
    let projects = discovery::discover(&root).expect("templates");
    let mut tests = 0;
    for test in projects.iter().flat_map(|project| &project.tests) {
        tests += 1;
        let seeds =
            test.seeds.iter().filter(|seed| seed.extension().is_some_and(|extension| extension == "gql"));
        for path in seeds.chain([&test.path]) {
            let file = file::read_file(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(file.warnings.is_empty(), "{}: {:?}", path.display(), file.warnings);
            for stage in &file.stages {
                for text in
                    [&stage.variable, &stage.auth, &stage.headers, &stage.response].into_iter().flatten()
                {
                    let read = expression::read(&text.text);
                    assert!(read.is_ok(), "{}:{}: {read:?}", path.display(), text.first_line);
                }
            }
        }
    }
    assert!(tests >= 9, "at least three tests in each of three templates, found {tests}");
}
