//! Whole runs: verdicts, reports, exit codes, parallelism, cancellation.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use studio_events::{TestEvent, TestVerdict};
use studio_testing::report::text::TextStyle;
use studio_testing::report::{github, json, junit, text};
use studio_testing::{Cancellation, Report, RunOptions, Snapshots, exit};

use crate::fake::FakeLaboratory;

fn fixtures(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn options() -> RunOptions {
    let mut options =
        RunOptions { jobs: Some(8), retry_pause: Duration::from_millis(1), ..RunOptions::default() };
    options.stages.request_timeout = Duration::from_secs(5);
    options.stages.script.memory = 16 << 20;
    options
}

struct Ran {
    report: Report,
    laboratory: FakeLaboratory,
    events: Vec<TestEvent>,
}

async fn run_with(root: &Path, options: RunOptions, cancel: Cancellation) -> Ran {
    run_in(FakeLaboratory::default(), root, options, cancel).await
}

async fn run_in(laboratory: FakeLaboratory, root: &Path, options: RunOptions, cancel: Cancellation) -> Ran {
    let events = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&events);
    let progress = Arc::new(move |event| sink.lock().expect("lock").push(event));
    let report = studio_testing::run(Arc::new(laboratory.clone()), root, options, progress, cancel)
        .await
        .expect("projects");
    assert_eq!(laboratory.0.open.load(Ordering::SeqCst), 0, "every instance was closed");
    assert!(laboratory.0.templates.lock().expect("lock").is_empty(), "every template was dropped");
    let events = std::mem::take(&mut *events.lock().expect("lock"));
    Ran { report, laboratory, events }
}

async fn run(root: &Path, options: RunOptions) -> Ran {
    run_with(root, options, Cancellation::default()).await
}

/// Replaces what differs from run to run: times.
fn steady(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut line = line.replace(env!("CARGO_MANIFEST_DIR"), "");
        for (unit, length) in [(" ms", 3), (" s,", 3)] {
            while let Some(end) = line.find(unit) {
                let start = line[..end]
                    .rfind(|c: char| !c.is_ascii_digit() && c != '.')
                    .map_or(0, |at| at + line[at..].chars().next().map_or(1, char::len_utf8));
                if start == end
                    || line[..start].ends_with("within ")
                    || line[..start].ends_with("allowed are ")
                {
                    let kept = line[..end + length].replace(unit, &unit.replace(' ', "\u{a0}"));
                    line = kept + &line[end + length..];
                    continue;
                }
                line.replace_range(start..end, "N");
                let at = start + 1;
                line.replace_range(at..at + 1, "\u{a0}");
            }
        }
        let line = line.replace('\u{a0}', " ");
        out.push_str(&line);
        out.push('\n');
    }
    out
}

fn golden(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../snapshots/testing"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[cfg(feature = "script")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_fixture_has_the_verdict_of_its_folder() {
    let ran = run(&fixtures("library"), options()).await;
    let mut wrong = Vec::new();
    for test in &ran.report.tests {
        let expected = match test.name.split('/').next() {
            Some("pass") => TestVerdict::Passed,
            Some("fail") => TestVerdict::Failed,
            Some("setup") => TestVerdict::SetupFailed,
            Some("error") => TestVerdict::Error,
            Some("unsupported") => TestVerdict::Unsupported,
            other => panic!("{other:?}"),
        };
        if test.verdict != expected {
            wrong.push(format!(
                "{}: {:?}\n{}",
                test.name,
                test.verdict,
                text::detail(test, &ran.report.root)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(ran.report.exit_code(), exit::FAILED);
    golden("library-report", &steady(&text::render(&ran.report, TextStyle::default())));
    golden("library-annotations", &steady(&github::render(&ran.report, Some(&ran.report.root))));

    let attempts =
        |name: &str| ran.report.tests.iter().find(|test| test.name == name).map(|test| test.attempts);
    assert_eq!(attempts("pass/retries"), Some(3));
    assert_eq!(attempts("fail/retries-used-up"), Some(2));
    assert_eq!(attempts("error/panic"), Some(1), "a panic is not repeated");

    assert_events(&ran);
}

fn assert_events(ran: &Ran) {
    let Some(TestEvent::Discovered { names, whole: true }) = ran.events.first() else {
        panic!("discovered first")
    };
    assert_eq!(names.len(), ran.report.tests.len());
    let Some(TestEvent::Summary { passed, total, .. }) = ran.events.last() else { panic!("a summary last") };
    assert_eq!(*passed as usize, ran.report.count(TestVerdict::Passed));
    assert_eq!(*total as usize, names.len());
    for name in names {
        let of_test: Vec<&TestEvent> = ran
            .events
            .iter()
            .filter(|event| match event {
                TestEvent::Started { name: started } => started == name,
                TestEvent::Finished { name: finished, .. } => finished == name,
                _ => false,
            })
            .collect();
        let [TestEvent::Started { .. }, TestEvent::Finished { verdict, detail, .. }] = of_test.as_slice()
        else {
            panic!("{name}: {of_test:?}");
        };
        if *verdict == TestVerdict::Passed {
            assert!(detail.is_empty() || detail.starts_with("warning"), "{name}: {detail}");
        } else {
            assert!(!detail.is_empty(), "{name}");
        }
    }
}

#[cfg(not(feature = "script"))]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_an_engine_class_d_is_unsupported_and_never_passed() {
    let ran = run(&fixtures("library"), options()).await;
    let verdict =
        |name: &str| ran.report.tests.iter().find(|test| test.name == name).map(|test| test.verdict);
    assert_eq!(verdict("pass/single-stage"), Some(TestVerdict::Passed));
    assert_eq!(verdict("pass/relaxed-json"), Some(TestVerdict::Passed));
    assert_eq!(verdict("pass/unordered"), Some(TestVerdict::Passed));
    for name in ["pass/prelude", "pass/async-matcher", "fail/matcher-rejects", "setup/syntax-error"] {
        assert_eq!(verdict(name), Some(TestVerdict::Unsupported), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn machine_reports() {
    let mut options = options();
    options.filter = Some("fail/[vs]*".replace("[vs]", "?a"));
    let mut ran = run(&fixtures("library"), options).await;
    assert_eq!(
        ran.report.tests.iter().map(|test| test.name.as_str()).collect::<Vec<_>>(),
        [
            "fail/bag-root-cause",
            "fail/bag-without-partner",
            "fail/matcher-rejects",
            "fail/matcher-throws",
            "fail/matcher-wants-a-value",
            "fail/max-ms",
            "fail/value",
        ]
    );
    ran.report.tests.retain(|test| test.name == "fail/value" || test.name.starts_with("fail/bag"));
    ran.report.root = fixtures("library");
    ran.report.micros = 0;
    for test in &mut ran.report.tests {
        test.micros = 1500;
        test.requests.iter_mut().for_each(|request| request.micros = 0);
    }
    let mut document = json::render(&ran.report, true);
    document["root"] = "library".into();
    golden("json-report", &serde_json::to_string_pretty(&document).expect("JSON"));
    golden("junit-report", &junit::render(&ran.report));
    assert_eq!(document["exitCode"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn null_compatibility_is_a_switch() {
    let mut options = options();
    options.filter = Some("fail/null-is-strict".into());
    options.stages.compat_null = true;
    assert!(run(&fixtures("library"), options).await.report.passed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn filters_and_exit_codes() {
    let with = |filter: &str| RunOptions { filter: Some(filter.to_owned()), ..options() };
    let ran = run(&fixtures("library"), with("pass/single-stage")).await;
    assert_eq!((ran.report.exit_code(), ran.report.tests.len()), (exit::PASSED, 1));
    let ran = run(&fixtures("library"), with("pass/deep*")).await;
    assert_eq!(ran.report.exit_code(), exit::PASSED);
    assert_eq!(ran.laboratory.0.frozen.load(Ordering::SeqCst), 0, "one test needs no template");
    let ran = run(&fixtures("library"), with("single")).await;
    assert_eq!(
        (ran.report.exit_code(), ran.report.near.as_slice()),
        (exit::NO_MATCH, ["pass/single-stage".to_owned()].as_slice())
    );
    let text = text::render(&ran.report, TextStyle::default());
    assert_eq!(text, "no test matches `single`\n    did you mean `pass/single-stage`?\n");
    let ran = run(&fixtures("library"), with("unsupported/url*")).await;
    assert_eq!(ran.report.exit_code(), exit::FAILED, "unsupported is not passed");
    assert_eq!(ran.report.count(TestVerdict::Passed), 0);

    let only = RunOptions { only: Some(BTreeSet::from(["fail/value".to_owned()])), ..options() };
    let ran = run(&fixtures("library"), only).await;
    assert_eq!((ran.report.tests.len(), ran.report.exit_code()), (1, exit::FAILED));

    let gone = RunOptions { only: Some(BTreeSet::from(["fail/gone".to_owned()])), ..options() };
    let ran = run(&fixtures("library"), gone).await;
    assert_eq!(ran.report.exit_code(), exit::NO_MATCH);

    let ran = run(&fixtures("many"), with("good/*")).await;
    assert_eq!(ran.report.exit_code(), exit::PASSED);
    let ran = run(&fixtures("many"), with("broken/*")).await;
    assert_eq!(ran.report.exit_code(), exit::MODEL);
    let ran = run(&fixtures("many"), with("prerequisite/*")).await;
    assert_eq!(ran.report.exit_code(), exit::FAILED);
    let ran = run(&fixtures("many"), options()).await;
    assert_eq!(ran.report.exit_code(), exit::ENVIRONMENT);
    golden("many-report", &steady(&text::render(&ran.report, TextStyle::default())));
    golden("many-junit", &junit_steady(&ran.report));
}

fn junit_steady(report: &Report) -> String {
    let mut report = report.clone();
    report.micros = 0;
    report.tests.iter_mut().for_each(|test| test.micros = 0);
    steady(&junit::render(&report))
}

/// A project of `count` generated tests that share one seed set.
fn generated(count: usize, body: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        std::fs::write(path, text).expect("file");
    };
    write("src/index.exo", "");
    write(
        "tests/init.gql",
        "operation: |\n  mutation { a { id @bind(name: \"id\") } } #insert seed\n  #answer {\"data\": {\"a\": {\"id\": 3}}}\n",
    );
    for index in 0..count {
        write(&format!("tests/t{index:03}.exotest"), body);
    }
    folder
}

const ISOLATED: &str = "stages:\n  - operation: |\n      mutation { a } #insert mine\n      #answer {\"data\": {}}\n  \
    - operation: |\n      { rows } #rows\n    response: |\n      { data: { rows: [\"seed\", \"mine\"] } }\n  \
    - operation: |\n      query ($id: Int) { a } #answer {\"data\": {\"id\": 3}}\n    variable: |\n      { id: $.id }\n    response: |\n      { data: { id: $.id } }\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn five_hundred_tests_in_parallel_ten_times() {
    let folder = generated(500, ISOLATED);
    for _ in 0..10 {
        let ran = run(folder.path(), options()).await;
        assert_eq!(
            ran.report.exit_code(),
            exit::PASSED,
            "{}",
            text::render(&ran.report, TextStyle { quiet: true, ..TextStyle::default() })
        );
        assert_eq!(ran.report.tests.len(), 500);
        let world = &ran.laboratory.0;
        assert_eq!(world.frozen.load(Ordering::SeqCst), 1, "one template for one seed set");
        assert_eq!(world.instances.load(Ordering::SeqCst), 501);
        assert!(world.most_open.load(Ordering::SeqCst) <= 8, "no more than the permitted number at a time");
        assert!(ran.report.tests.is_sorted_by(|left, right| left.name < right.name));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cancelling_ends_quickly_and_leaves_nothing_behind() {
    let folder = generated(40, "operation: |\n  { a } #sleep 1000000\n");
    let cancel = Cancellation::default();
    let switch = cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        switch.cancel();
    });
    let mut options = options();
    options.stages.request_timeout = Duration::from_secs(600);
    let started = Instant::now();
    let ran = run_with(folder.path(), options, cancel).await;
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!((ran.report.exit_code(), ran.report.not_run.len()), (exit::INTERRUPTED, 40));
    assert_eq!(ran.laboratory.0.closed_projects.load(Ordering::SeqCst), 1);
    assert!(
        text::render(&ran.report, TextStyle::default())
            .contains("interrupted: 0 passed, 40 not run of 40 tests")
    );
}

#[tokio::test]
async fn a_broken_project_without_tests_is_noticed() {
    let folder = tempfile::tempdir().expect("temporary folder");
    std::fs::create_dir_all(folder.path().join("src")).expect("folder");
    std::fs::create_dir_all(folder.path().join("tests")).expect("folder");
    std::fs::write(folder.path().join("src/index.exo"), "// does not build").expect("file");
    let ran = run(folder.path(), options()).await;
    assert_eq!(ran.report.exit_code(), exit::MODEL);
    let xml = junit::render(&ran.report);
    assert!(xml.contains("<testsuites tests=\"1\" failures=\"0\" errors=\"1\""), "{xml}");
    assert!(xml.contains("unknown type `Shelff`"), "{xml}");
    std::fs::write(folder.path().join("src/index.exo"), "").expect("file");
    let ran = run(folder.path(), options()).await;
    assert_eq!(ran.report.exit_code(), exit::PASSED);
    assert!(text::render(&ran.report, TextStyle::default()).starts_with("passed: 0 passed of 0 tests"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn untouched_instances_serve_several_tests() {
    let folder =
        generated(60, "operation: |\n  { rows } #rows\nresponse: |\n  { data: { rows: [\"seed\"] } }\n");
    for index in 0..20 {
        std::fs::write(folder.path().join(format!("tests/w{index:03}.exotest")), ISOLATED).expect("file");
    }
    let laboratory = FakeLaboratory::default();
    laboratory.0.reuse.store(true, Ordering::SeqCst);
    let ran = run_in(laboratory, folder.path(), options(), Cancellation::default()).await;
    assert_eq!(ran.report.exit_code(), exit::PASSED);
    let instances = ran.laboratory.0.instances.load(Ordering::SeqCst);
    assert!((21..=20 + 8 + 1 + 8).contains(&instances), "{instances} instances");
}

#[tokio::test]
async fn schemas_are_compared_with_their_kept_copy() {
    let folder = generated(1, "operation: |\n  { a } #answer {\"data\": {}}\n");
    let kept = folder.path().join("schema-tests/introspection.expected.graphql");
    let actual = folder.path().join("schema-tests/introspection.actual.graphql");
    let run = async |sdl: &str, mode: Snapshots| {
        let laboratory = FakeLaboratory::default();
        *laboratory.0.sdl.lock().expect("lock") = sdl.to_owned();
        let options = RunOptions { snapshots: Some(mode), ..options() };
        let ran = run_in(laboratory, folder.path(), options, Cancellation::default()).await;
        assert_eq!(ran.report.tests.len(), 2);
        assert_events(&ran);
        ran.report
    };
    let one = "type Query {\n  a: Int\n}\n";
    let report = run(one, Snapshots::Check).await;
    assert_eq!(report.exit_code(), exit::PASSED, "a missing copy is written");
    assert_eq!(std::fs::read_to_string(&kept).expect("copy"), one);
    assert_eq!(report.tests[0].warnings, ["the kept schema was written; look at it and commit it"]);
    assert_eq!(report.tests[0].name, "schema-tests/introspection");
    let report = run("\ntype Query {\n    a: Int\n}", Snapshots::Check).await;
    assert_eq!(report.exit_code(), exit::PASSED, "lines are trimmed");
    let two = "type Query {\n  a: Int!\n  b: Int\n}\n";
    let report = run(two, Snapshots::Check).await;
    assert_eq!(report.exit_code(), exit::FAILED);
    let failure = report.tests[0].failure.as_ref().expect("a failure");
    assert_eq!(failure.next_step.as_deref(), Some("when the new schema is meant, run again with `--update`"));
    assert_eq!(
        failure.message,
        "the schema is not the kept one\n--- introspection.expected.graphql\n+++ introspection.actual.graphql\n\
         @@ -1,3 +1,4 @@\n type Query {\n-  a: Int\n+  a: Int!\n+  b: Int\n }"
    );
    assert_eq!(std::fs::read_to_string(&actual).expect("actual"), two);
    assert_eq!(run(two, Snapshots::Update).await.exit_code(), exit::PASSED);
    assert_eq!(std::fs::read_to_string(&kept).expect("copy"), two);
    assert!(!actual.exists());
    let rpc = folder.path().join("schema-tests/rpc-introspection.expected.json");
    for (kept, problem) in [
        (r##"{"methods": [{"name": "rows"}, {"name": "echo"}, {"name": "rpc.discover"}]}"##, None),
        (
            r##"{"methods": [{"name": "rows"}, {"name": "sing"}]}"##,
            Some("the methods are not the kept ones; missing: sing; new: echo"),
        ),
        (
            r##"{"methods": [{"name": "rows", "result": {"$ref": "#/gone"}}]}"##,
            Some("the kept description refers to `#/gone`, which it does not hold"),
        ),
    ] {
        std::fs::write(&rpc, kept).expect("file");
        let report = run(two, Snapshots::Check).await;
        let test = &report.tests[0];
        assert_eq!(test.failure.as_ref().map(|failure| failure.message.as_str()), problem, "{kept}");
    }
}

#[tokio::test]
async fn introspection_must_describe_a_whole_schema() {
    let folder = generated(0, "");
    let unknown = serde_json::json!({"data": {"__schema": {"types": [
        {"name": "Query", "fields": [{"name": "a", "type": {"kind": "OBJECT", "name": "Gone", "ofType": null}}]}
    ]}}});
    for (answer, message) in [
        (
            serde_json::json!({"errors": [{"message": "no"}]}),
            "the introspection query does not describe a schema",
        ),
        (unknown, "the introspection result refers to type `Gone`, which it does not describe"),
    ] {
        let laboratory = FakeLaboratory::default();
        *laboratory.0.introspection.lock().expect("lock") = Some(answer);
        let options = RunOptions { snapshots: Some(Snapshots::Check), ..options() };
        let ran = run_in(laboratory, folder.path(), options, Cancellation::default()).await;
        assert_eq!(ran.report.exit_code(), exit::FAILED);
        assert_eq!(ran.report.tests[0].failure.as_ref().expect("a failure").message, message);
    }
}

#[tokio::test]
async fn what_a_test_cannot_be_run_without_is_named() {
    let folder = generated(2, "operation: |\n  { a } #answer {\"data\": {}}\n");
    std::fs::write(folder.path().join("tests/init-1.sql"), [0xff, 0xfe]).expect("file");
    let ran = run(folder.path(), options()).await;
    assert_eq!(ran.report.exit_code(), exit::FAILED);
    for test in &ran.report.tests {
        let message = &test.failure.as_ref().expect("a failure").message;
        assert!(message.starts_with("the seed cannot be read: "), "{message}");
    }
    let gone = RunOptions { only: Some(BTreeSet::from(["gone".to_owned()])), ..options() };
    let ran = run(folder.path(), gone).await;
    assert_eq!(text::render(&ran.report, TextStyle::default()), "none of the named tests exists any more\n");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn prerequisites_run_in_order_in_the_project_directory() {
    let folder = generated(1, "operation: |\n  { a } #answer {\"data\": {}}\n");
    let write =
        |name: &str, text: &str| std::fs::write(folder.path().join("tests").join(name), text).expect("file");
    write("build-2.sh", "echo two >> log\n");
    write("build-1.sh", "echo one >> log\n");
    let ran = run(folder.path(), options()).await;
    assert_eq!(ran.report.exit_code(), exit::PASSED);
    assert_eq!(std::fs::read_to_string(folder.path().join("log")).expect("log"), "one\ntwo\n");

    write("build-3.sh", "sleep 600 & echo $! > pid; wait\n");
    let ran =
        run(folder.path(), RunOptions { build_script_timeout: Duration::from_secs(1), ..options() }).await;
    assert_eq!(ran.report.exit_code(), exit::FAILED);
    let message = &ran.report.projects[0].failure.message;
    assert_eq!(message, "the prerequisite did not end within 1 s");
    let pid = std::fs::read_to_string(folder.path().join("pid")).expect("pid");
    let gone = || {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        !state.is_ok_and(|state| !state.contains(") Z"))
    };
    for _ in 0..100 {
        if gone() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(gone(), "what the script started is killed too");

    let cancel = Cancellation::default();
    cancel.cancel();
    let ran = run_with(folder.path(), options(), cancel).await;
    assert_eq!((ran.report.exit_code(), ran.report.not_run.len()), (exit::INTERRUPTED, 1));
}

#[tokio::test]
async fn colors_are_optional() {
    let ran =
        run(&fixtures("library"), RunOptions { filter: Some("pass/single-stage".into()), ..options() }).await;
    assert!(
        text::render(&ran.report, TextStyle { color: true, ..TextStyle::default() })
            .contains("\u{1b}[32m✓ pass\u{1b}[0m")
    );
    assert!(!text::render(&ran.report, TextStyle::default()).contains('\u{1b}'));
}
