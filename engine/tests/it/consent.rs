//! A change that could lose data, from the first question to the answer.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use studio_engine::project::Project;
use studio_engine::studio::{Studio, StudioConfig};
use studio_events::{
    Choice, Command, DatabaseState, DecisionKind, HttpState, LogLevel, Revision, StudioState,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const BEFORE: &str =
    "@postgres module Notes { @access(true) type Note { @pk id: Int = autoIncrement() body: String } }";
const SEED: &str =
    "operation: |\n  mutation { createNotes(data: [{body: \"one\"}, {body: \"two\"}]) { id } }\n";

pub(crate) async fn what_could_lose_data_is_asked_first_and_can_be_undone() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let root = folder.path().join("notes");
    fs::create_dir_all(root.join("src")).unwrap();
    fs::create_dir_all(root.join("tests")).unwrap();
    fs::write(root.join("src/index.exo"), BEFORE).unwrap();
    fs::write(root.join("tests/init.gql"), SEED).unwrap();
    let project = Project::open(&root).unwrap();
    let executable = std::env::current_exe().unwrap();
    let config = StudioConfig { port: Some(0), interactive: true, ..StudioConfig::new(project, executable) };
    let studio = Studio::prepare(config).unwrap().start();
    let mut states = studio.states();

    let state = wait(&mut states, |state| state.serving.revision == Some(Revision(1))).await;
    let HttpState::Listening { url, .. } = &state.http else {
        panic!("the server is not bound: {:?}", state.http)
    };
    let authority = url.trim_start_matches("http://").to_owned();
    let both = "[{\"b\":\"one\"},{\"b\":\"two\"}]";
    assert!(ask(&authority, "{ notes { b: body } }").await.contains(both));

    fs::write(root.join("src/index.exo"), BEFORE.replace("body", "text")).unwrap();
    let state = wait(&mut states, |state| state.migration.is_some()).await;
    let step = &state.migration.as_ref().unwrap().steps[0];
    assert!(step.title.starts_with("rename column notes.body to text"), "{}", step.title);
    assert_eq!(step.rows, Some(2), "values at stake are counted");
    assert_eq!(state.serving.revision, Some(Revision(1)), "the old revision goes on");

    assert_eq!(state.decisions[0].options, ["rename", "drop and add"], "renaming is the default");
    assert_eq!(state.migration.as_ref().unwrap().word, None, "nothing is lost");

    let send = |command| studio.commands().send(command).unwrap();
    let answer = |state: &StudioState, choice| Command::Answer(state.decisions[0].id, choice);
    let migrate = |word: &str| Command::Migrate { consent: word.to_owned(), plan: None };
    let serves = |revision| move |state: &StudioState| state.serving.revision == Some(Revision(revision));
    let write = |text: &str| fs::write(root.join("src/index.exo"), text).unwrap();

    send(migrate(""));
    let state = wait(&mut states, serves(2)).await;
    assert!(ask(&authority, "{ notes { b: text } }").await.contains(both), "the values are kept");
    assert!(state.migration.is_none() && state.decisions.is_empty());
    assert!(state.copies.iter().any(|copy| copy.name == "r1" && copy.undo), "{:?}", state.copies);

    // A required column wants a value, and of its type.
    let renamed = BEFORE.replace("body", "text");
    let ranked = renamed.replace("text: String", "text: String rank: Int");
    write(&ranked);
    let state = wait(&mut states, |state| state.decisions.len() == 1).await;
    let asked = state.decisions[0].step.as_ref().unwrap();
    assert_eq!((asked.kind, asked.object.as_str()), (DecisionKind::Value, "notes.rank"));
    assert_eq!((asked.value_type.as_deref(), asked.rows), (Some("INT"), Some(2)));
    send(migrate(""));
    wait(&mut states, said("nothing is chosen")).await;
    send(answer(&state, Choice::Value("high".to_owned())));
    let refused = |state: &StudioState| state.decisions.first().is_some_and(|it| it.refused.is_some());
    let state = wait(&mut states, refused).await;
    assert!(state.decisions[0].refused.as_ref().unwrap().contains("invalid input syntax"));
    send(answer(&state, Choice::Expression("length(text)".to_owned())));
    wait(&mut states, |state| state.decisions.first().is_some_and(|it| it.answer.is_some())).await;
    send(migrate(""));
    wait(&mut states, serves(3)).await;
    assert!(ask(&authority, "{ notes { rank } }").await.contains("[{\"rank\":3},{\"rank\":3}]"));

    // A type that holds less: cast by default where all values fit, dropped by consent only where one does not.
    write(&ranked.replace("rank: Int", "@bits16 rank: Int"));
    let state = wait(&mut states, |state| state.decisions.len() == 1).await;
    assert_eq!(state.decisions[0].step.as_ref().unwrap().kind, DecisionKind::Convert);
    assert_eq!(state.decisions[0].question, "notes.rank: INT becomes SMALLINT, all 2 values fit");
    assert_eq!(state.decisions[0].options, ["convert", "keep for now", "drop and add"]);
    assert_eq!(state.migration.as_ref().unwrap().word, None, "nothing is lost");
    send(answer(&state, Choice::Option(2)));
    let word = |state: &StudioState| state.migration.as_ref().is_some_and(|plan| plan.word.is_some());
    wait(&mut states, word).await;
    send(answer(&state, Choice::Option(0)));
    wait(&mut states, |state| !word(state)).await;
    assert!(
        ask(&authority, "mutation { updateNote(id: 2, data: {rank: 70000}) { id } }")
            .await
            .contains("\"id\" : 2")
    );
    send(Command::ForgetAnswers);
    let state = wait(&mut states, |state| {
        state.decisions.first().is_some_and(|it| it.step.as_ref().unwrap().kind == DecisionKind::Destructive)
    })
    .await;
    assert!(
        state.decisions[0].question.ends_with("2 values lost, as 1 does not fit"),
        "{:?}",
        state.decisions[0]
    );
    assert_eq!(state.decisions[0].step.as_ref().unwrap().samples, ["70000"]);
    assert_eq!(state.decisions[0].chosen(), Some(1));
    assert!(
        ask(&authority, "mutation { updateNote(id: 2, data: {rank: 3}) { id } }")
            .await
            .contains("\"id\" : 2")
    );
    send(Command::ForgetAnswers);
    wait(&mut states, |state| {
        state.decisions.first().is_some_and(|it| it.step.as_ref().unwrap().kind == DecisionKind::Convert)
    })
    .await;
    send(migrate(""));
    wait(&mut states, serves(4)).await;
    assert!(ask(&authority, "{ notes { rank } }").await.contains("[{\"rank\":3},{\"rank\":3}]"));
    let ranked = ranked.replace("rank: Int", "@bits16 rank: Int");

    // What is lost is kept unless it is chosen and the word is typed.
    write(&ranked.replace("text: String ", ""));
    let state = wait(&mut states, |state| state.decisions.len() == 1).await;
    assert_eq!(state.decisions[0].options, ["do it", "keep for now", "keep, allow NULL"]);
    assert_eq!(state.decisions[0].chosen(), Some(1));
    send(answer(&state, Choice::Option(0)));
    let state = wait(&mut states, word).await;
    assert_eq!(state.migration.as_ref().unwrap().word.as_deref(), Some("notes/r5"));
    send(migrate("yes"));
    wait(&mut states, said("the word is notes/r5")).await;
    assert!(ask(&authority, "{ notes { b: text } }").await.contains(both), "nothing was applied");
    send(migrate("notes/r5"));
    wait(&mut states, serves(5)).await;

    // The undo brings the values and the old revision back, and the new one waits.
    send(Command::UndoMigration);
    let state = wait(&mut states, |state| state.migration.as_ref().is_some_and(|plan| plan.held)).await;
    assert_eq!(state.serving.revision, Some(Revision(4)));
    assert!(ask(&authority, "{ notes { b: text } }").await.contains(both), "the values are back");
    assert!(state.copies.iter().any(|copy| copy.reason == "before undo"), "{:?}", state.copies);
    write(&ranked);
    wait(&mut states, |state| state.migration.is_none() && serves(6)(state)).await;
    assert!(ask(&authority, "{ notes { b: text } }").await.contains(both));

    let errors: Vec<_> = state.logs.iter().filter(|(_, line)| line.level == LogLevel::Error).collect();
    assert_eq!(errors.len(), 2, "only what this test provoked: {errors:?}");
    assert!(matches!(*state.database, DatabaseState::Ready { .. }));
    studio.stop().await.unwrap();
}

fn said(text: &str) -> impl Fn(&StudioState) -> bool {
    move |state: &StudioState| state.logs.iter().any(|(_, line)| line.text.contains(text))
}

pub(crate) async fn wait(
    states: &mut tokio::sync::watch::Receiver<Arc<StudioState>>,
    condition: impl Fn(&StudioState) -> bool,
) -> Arc<StudioState> {
    let limit = std::time::Duration::from_secs(120);
    // Nothing of the wait is kept, since it borrows the states.
    if let Ok(state) = tokio::time::timeout(limit, states.wait_for(|state| condition(state))).await {
        return state.unwrap().clone();
    }
    let state = states.borrow();
    let problems: Vec<_> = state.all_problems().map(|problem| &problem.rendered).collect();
    let (build, serving, database) = (&state.build, &state.serving, &state.database);
    let logs: Vec<_> = state.logs.iter().map(|(_, line)| &line.text).collect();
    panic!(
        "still waiting; build {build:?}; serving {serving:?}; database {database:?}; problems {problems:?}; log {logs:?}"
    )
}

pub(crate) async fn ask(authority: &str, query: &str) -> String {
    let body = serde_json::json!({ "query": query }).to_string();
    let head = format!("POST /graphql HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n");
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    let mut stream = tokio::net::TcpStream::connect(authority).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    // Postgres breaks lines between objects.
    reply.replace(", \n ", ",")
}
