//! Tests in the studio: listed, run, run again on save, with their requests.

use studio_events::{Command, Revision, StudioState, TestCase, TestVerdict};

use crate::started::Started;

const MODEL: &str = "context AuthContext { @jwt role: String }
@postgres module Notes {
  @access(query = true, mutation = AuthContext.role == \"writer\")
  type Note { @pk id: Int = autoIncrement() body: String }
}";
const GOOD: &str = "stages:
  - operation: |
      mutation { createNote(data: { body: \"one\" }) { id @bind(name: \"id\") } }
    auth: |
      { \"role\": \"writer\" }
  - operation: |
      query ($id: Int!) { note(id: $id) { body } }
    variable: |
      { id: $.id }
    response: |
      { data: { note: { body: \"one\" } } }
";
const BAD: &str =
    "operation: |\n  { notes { body } }\nresponse: |\n  { data: { notes: [{ body: \"x\" }] } }\n";

fn case<'a>(state: &'a StudioState, name: &str) -> &'a TestCase {
    state.tests.cases.iter().find(|case| case.name == name).unwrap()
}

pub(crate) async fn tests_follow_saves_and_keep_their_requests() {
    let mut it = Started::with(&[
        ("src/index.exo", MODEL),
        ("tests/good.exotest", GOOD),
        ("tests/deep/bad.exotest", BAD),
    ]);

    let state = it.until(|state| state.tests.cases.len() == 2).await;
    assert_eq!(case(&state, "deep/bad").file, "tests/deep/bad.exotest");
    assert_eq!(case(&state, "good").verdict, None, "listed, not run");
    it.until(|state| state.serving.revision == Some(Revision(1))).await;

    it.studio.commands().send(Command::WatchTests(true)).unwrap();
    let state = it.until(|state| state.tests.summary.is_some()).await;
    assert!(state.tests.watching);
    let good = case(&state, "good");
    assert_eq!((good.verdict, good.outcome.requests.len()), (Some(TestVerdict::Passed), 2));
    let traces: Vec<_> =
        good.outcome.requests.iter().map(|request| request.trace.as_ref().unwrap()).collect();
    assert!(traces.iter().all(|trace| !trace.statements.is_empty() && !trace.access.is_empty()));
    assert_eq!(good.outcome.requests[1].line, 6);
    let bad = case(&state, "deep/bad");
    assert_eq!((bad.verdict, bad.outcome.line), (Some(TestVerdict::Failed), 4));
    assert_eq!(bad.outcome.differences[0].path, "data.notes");
    assert_eq!(state.tests.failed(), ["deep/bad"]);
    let coverage = state.tests.coverage.as_ref().unwrap();
    let create = coverage.rules.iter().find(|rule| rule.operation == "create").unwrap();
    assert_eq!((create.conditions[0].seen_true, create.conditions[0].missing()), (1, &["false"][..]));

    it.write("tests/deep/bad.exotest", &BAD.replace("[{ body: \"x\" }]", "[]"));
    let state = it.until(|state| state.tests.failed().is_empty() && !state.tests.running).await;
    assert_eq!(state.tests.summary.map(|(passed, total, _)| (passed, total)), Some((1, 1)), "it ran alone");

    it.write("src/index.exo", &MODEL.replace("body: String", "body: String text: String?"));
    let whole =
        |state: &StudioState| state.tests.summary.is_some_and(|(passed, total, _)| (passed, total) == (2, 2));
    it.until(whole).await;

    it.studio.commands().send(Command::RunTestsNamed(vec!["good".to_owned()])).unwrap();
    let alone = |state: &StudioState| state.tests.summary.is_some_and(|(_, total, _)| total == 1);
    it.until(alone).await;
    it.studio.stop().await.unwrap();
}
