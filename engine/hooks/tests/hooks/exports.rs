//! Every export and what imports show to it.

use std::sync::Arc;

use studio_hooks::{
    ActingAs, Decision, Failure, FinishedRequest, NoCalls, OperationFacts, OperationKind, Site, Verdict,
};

use crate::guest::{Calls, Ears, Operation, all, config, session, session_of};

fn operation() -> Arc<dyn OperationFacts> {
    Arc::new(Operation)
}

fn refused(message: &str) -> Failure {
    Failure {
        message: message.to_owned(),
        code: Some("NO".to_owned()),
        extensions: Some("{\"why\":\"test\"}".to_owned()),
    }
}

#[tokio::test]
async fn a_gateway_hook_changes_headers_and_leaves_values() {
    let guest = all(config()).await;
    let (session, ears) = session(&[("a", "b")]);
    assert_eq!(session.on_request(&guest, &mut NoCalls).await.unwrap(), Ok(()));
    let exchange = session.exchange();
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(*exchange.changed_headers().unwrap(), [header("a", "b"), header("x-from-hook", "1")]);
    assert_eq!(exchange.value("tenant").as_deref(), Some("{\"id\":7}"));
    assert_eq!(exchange.response_headers(), [header("x-count", "1")]);
    let line = ears.lines.lock().unwrap()[0].clone();
    assert_eq!(
        (line.component.as_str(), line.trace_id.as_str(), line.message.as_str()),
        ("guest", "abc123", "seen")
    );
    let report = &session.take_reports()[0];
    assert_eq!((&*report.component, report.export, report.error), ("guest", "gateway.on-request", None));
}

#[tokio::test]
async fn a_rejection_has_status_errors_and_headers() {
    let guest = all(config()).await;
    let (session, _) = session(&[("x-block", "1")]);
    let rejection = session.on_request(&guest, &mut NoCalls).await.unwrap().unwrap_err();
    assert_eq!((rejection.status, &rejection.errors), (403, &vec![refused("blocked")]));
    assert_eq!(rejection.headers, [("retry-after".to_owned(), "5".to_owned())]);
    assert_eq!(
        rejection.body(),
        r#"{"errors":[{"message":"blocked","extensions":{"why":"test","code":"NO"}}]}"#
    );
}

#[tokio::test]
async fn a_status_that_is_none_is_answered_as_500() {
    let guest = all(config()).await;
    let (session, _) = session(&[("x-odd", "1")]);
    assert_eq!(session.on_request(&guest, &mut NoCalls).await.unwrap().unwrap_err().status, 500);
}

#[tokio::test]
async fn on_response_may_change_the_status_and_write_the_access_log() {
    let guest = all(config()).await;
    let (session, ears) = session(&[("x-teapot", "1")]);
    session.exchange().set_reply(200, vec![("content-type".into(), "application/json".into())]);
    session.on_response(&guest, &mut NoCalls).await.unwrap();
    assert_eq!(session.exchange().status(), Some(418));
    assert!(session.exchange().response_headers().contains(&("x-bye".into(), "1".into())));
    assert_eq!(*ears.records.lock().unwrap(), ["one request"]);
}

#[tokio::test]
async fn an_identity_hook_gives_claims_nobody_or_a_rejection() {
    let guest = all(config()).await;
    let (known, _) = session(&[("x-user", "{\"sub\":\"anna\"}")]);
    let claims = known.authenticate(&guest, &mut NoCalls).await.unwrap().unwrap().unwrap();
    assert_eq!(claims["sub"], "anna");
    let (anonymous, _) = session(&[]);
    assert_eq!(anonymous.authenticate(&guest, &mut NoCalls).await.unwrap(), Ok(None));
    let (unknown, _) = session(&[("x-unknown", "1")]);
    assert_eq!(unknown.authenticate(&guest, &mut NoCalls).await.unwrap().unwrap_err().status, 401);
    let (wrong, _) = session(&[("x-user", "[1]")]);
    let error = wrong.authenticate(&guest, &mut NoCalls).await.unwrap_err();
    assert_eq!(error.kind.code(), "HOOK_CONTRACT");
}

#[tokio::test]
async fn before_keeps_replaces_or_refuses_arguments() {
    let guest = all(config()).await;
    let (plain, _) = session(&[]);
    assert_eq!(plain.before(&guest, "check", operation(), &mut NoCalls).await.unwrap(), Ok(None));
    let (other, _) = session(&[("x-arguments", "{\"title\":\"c\"}")]);
    let answer = other.before(&guest, "check", operation(), &mut NoCalls).await.unwrap();
    assert_eq!(answer, Ok(Some("{\"title\":\"c\"}".to_owned())));
    let (no, _) = session(&[("x-refuse", "1")]);
    assert_eq!(no.before(&guest, "check", operation(), &mut NoCalls).await.unwrap(), Err(refused("refused")));
}

#[tokio::test]
async fn after_sees_the_outcome_and_the_selection() {
    let guest = all(config()).await;
    let (session, _) = session(&[]);
    let outcome = Ok("{\"id\":1}".to_owned());
    let answer = session.after(&guest, "out", operation(), outcome.clone(), &mut NoCalls).await.unwrap();
    assert_eq!(answer, Ok(Some("{\"id\":1}".to_owned())));
    let answer = session.after(&guest, "selection", operation(), outcome, &mut NoCalls).await.unwrap();
    assert_eq!(answer, Ok(Some(Operation.selection())));
}

#[tokio::test]
async fn around_proceeds_or_answers_itself() {
    let guest = all(config()).await;
    let (session, _) = session(&[]);
    let mut calls = Calls::default();
    let proceeded = session.around(&guest, "plain", operation(), &mut calls).await.unwrap();
    assert_eq!(proceeded, Ok("[1,2]".to_owned()));
    let other = session.around(&guest, "with", operation(), &mut calls).await.unwrap();
    assert_eq!(other, Ok("[1,2]".to_owned()));
    assert_eq!(calls.proceeded, [None, Some("{\"title\":\"b\"}".to_owned())]);
    let own = session.around(&guest, "own", operation(), &mut calls).await.unwrap();
    assert_eq!((own, calls.proceeded.len()), (Ok("{\"own\":true}".to_owned()), 2));
}

#[tokio::test]
async fn a_failure_of_the_rest_passes_through_around() {
    let guest = all(config()).await;
    let (session, _) = session(&[]);
    let mut calls = Calls { result: Some(Err(Failure::message("no row"))), ..Calls::default() };
    let answer = session.around(&guest, "plain", operation(), &mut calls).await.unwrap();
    assert_eq!(answer, Err(Failure::message("no row")));
}

#[tokio::test]
async fn around_without_a_result_or_with_broken_json_violates_the_contract() {
    let guest = all(config()).await;
    let (session, _) = session(&[]);
    for hook in ["lost", "broken"] {
        let error = session.around(&guest, hook, operation(), &mut Calls::default()).await.unwrap_err();
        assert_eq!(error.kind.code(), "HOOK_CONTRACT", "{hook}: {error}");
    }
}

#[tokio::test]
async fn a_rule_allows_restricts_or_denies() {
    let guest = all(config()).await;
    let (session, _) = session(&[]);
    let site = Site { type_name: "Todo".to_owned(), field: None };
    let filter = "{\"owner\":{\"id\":{\"eq\":7}}}";
    let decide = async |rule: &str| session.decide(&guest, rule, &site, filter, &mut NoCalls).await.unwrap();
    assert_eq!(decide("allow").await, Decision::Allow);
    assert_eq!(decide("restrict").await, Decision::Restrict(filter.to_owned()));
    assert_eq!(decide("deny").await, Decision::Deny(refused("denied")));
}

#[tokio::test]
async fn a_review_withholds_single_items() {
    let guest = all(config()).await;
    let (session, _) = session(&[]);
    let site = Site { type_name: "Todo".to_owned(), field: Some("title".to_owned()) };
    let items = vec!["{\"id\":1}".to_owned(), "{\"id\":2}".to_owned()];
    let verdict = session.review(&guest, "r", &site, "{}", items, &mut NoCalls).await.unwrap();
    assert_eq!(verdict, Verdict::DropSome(vec![(1, refused("secret"))]));
    let verdict = session.review(&guest, "r", &site, "{}", Vec::new(), &mut NoCalls).await.unwrap();
    assert_eq!(verdict, Verdict::KeepAll);
}

#[tokio::test]
async fn a_module_answers_queries_and_sees_what_the_host_shows() {
    let mut settings = config();
    settings.settings.insert("limit".to_owned(), 5.into());
    let guest = all(settings).await;
    let ears = Arc::new(Ears { claims: Some("{\"sub\":\"1\"}".to_owned()), ..Ears::default() });
    let session = session_of(&[], &ears);
    let query = async |name: &str| {
        let kind = OperationKind::Query;
        session.module(&guest, kind, name, "{\"a\":1}", None, &mut NoCalls).await.unwrap().unwrap()
    };
    assert_eq!(query("echo").await, "{\"a\":1}");
    assert_eq!(query("claims").await, "{\"sub\":\"1\"}");
    assert_eq!(query("model").await, "{\"id\":7}");
    assert_eq!(query("t").await, "5");
    assert_eq!(query("kept").await, "\"new\"");
    assert_eq!(query("kept").await, "\"kept\"");
    let kind = OperationKind::Mutation;
    let failed = session.module(&guest, kind, "m", "{}", None, &mut NoCalls).await.unwrap();
    assert_eq!(failed, Err(refused("not that")));
}

#[tokio::test]
async fn graphql_runs_as_the_caller_and_as_somebody_else_only_with_the_privilege() {
    let (session, _) = session(&[]);
    let plain = all(config()).await;
    let mut calls = Calls::default();
    let kind = OperationKind::Query;
    let answer = session.module(&plain, kind, "g", "{}", None, &mut calls).await.unwrap();
    assert_eq!(answer, Ok("{\"n\":1}".to_owned()));
    for name in ["system", "user"] {
        let failure = session.module(&plain, kind, name, "{}", None, &mut calls).await.unwrap().unwrap_err();
        assert_eq!(failure.code.as_deref(), Some("HOOK_NOT_PRIVILEGED"), "{name}");
    }
    assert_eq!(calls.executed, [("{ n }".to_owned(), Some("{\"a\":1}".to_owned()), ActingAs::Caller)]);

    let privileged = all(studio_hooks::ComponentConfig { privileged: true, ..config() }).await;
    let mut calls = Calls::default();
    for name in ["system", "user"] {
        let answer = session.module(&privileged, kind, name, "{}", None, &mut calls).await.unwrap();
        assert!(answer.is_ok(), "{name}");
    }
    let roles: Vec<_> = calls.executed.into_iter().map(|(_, _, role)| role).collect();
    assert_eq!(
        roles,
        [ActingAs::System, ActingAs::Claims(serde_json::Map::from_iter([("sub".to_owned(), "9".into())]))]
    );
}

#[tokio::test]
async fn an_observer_hears_of_finished_requests() {
    let guest = all(config()).await;
    let (session, ears) = session(&[]);
    let request = FinishedRequest {
        method: "POST".to_owned(),
        target: "/graphql".to_owned(),
        status: 200,
        total_us: 5,
        operations: Vec::new(),
    };
    session.on_finished(&guest, &request).await.unwrap();
    assert_eq!(*ears.records.lock().unwrap(), ["/graphql"]);
}
