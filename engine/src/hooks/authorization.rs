//! Rules of the model that components decide, before anything is fetched and on what was fetched.

use std::sync::Arc;

use serde_json::Value as Json;
use studio_hooks::{
    Decision, Exchange, Failure, HookComponent, HookError, HostCalls, Interface, Loaded, RequestParts,
    Session, Site, Verdict,
};
use studio_query::access::{HookDecision, HookQuestion, Restriction};
use studio_query::error::{ErrorClass, RequestError};

use super::imagined::Imagined;
use super::modules::refused;
use crate::runtime::answer::AnswerContext;
use crate::runtime::caller::RequestHead;
use crate::runtime::serving::Serving;

/// Asks the component of a rule, before anything is fetched.
///
/// # Errors
/// When no component can be asked, when it fails, and when its answer cannot be used: the request is refused then.
pub(crate) async fn decide(
    context: &AnswerContext<'_>,
    serving: &Serving,
    head: &RequestHead,
    question: &HookQuestion,
    calls: &mut dyn HostCalls,
) -> Result<HookDecision, RequestError> {
    let asked = Asked::new(context, serving, head, question)?;
    let site = site(question);
    let decided = asked.session().decide(&asked.component, asked.rule, &site, &question.details, calls).await;
    Ok(match decided.map_err(|error| failed(&error))? {
        Decision::Allow => HookDecision::Allow,
        Decision::Deny(failure) => HookDecision::Deny(denied(question, &failure)),
        Decision::Restrict(filter) => {
            let Some(entity) = question.entity else {
                return Err(unusable(question, "there are no rows that the call could be restricted to"));
            };
            let restriction =
                Restriction::new(&serving.ir, &serving.schema, entity, &filter).map_err(|reason| {
                    unusable(question, &format!("the filter {filter} does not fit: {reason}"))
                })?;
            HookDecision::Restrict(Box::new(restriction))
        }
    })
}

/// Shows fetched items to the component of a rule.
///
/// # Errors
/// When the component cannot be asked or fails.
pub(crate) async fn review(
    context: &AnswerContext<'_>,
    (serving, head): (&Serving, &RequestHead),
    question: &HookQuestion,
    items: Vec<String>,
    calls: &mut dyn HostCalls,
) -> Result<Verdict, RequestError> {
    let asked = Asked::new(context, serving, head, question)?;
    let site = site(question);
    let verdict =
        asked.session().review(&asked.component, asked.rule, &site, &question.details, items, calls).await;
    verdict.map_err(|error| failed(&error))
}

/// The refusal of a component, in its own words.
pub(crate) fn denied(question: &HookQuestion, failure: &Failure) -> RequestError {
    let HookQuestion { rule, type_name, .. } = question;
    let cause = format!("the rule `{rule}` of `{type_name}` denies: {}", failure.message);
    RequestError { class: ErrorClass::NotAuthorized, ..refused(failure, Some(cause)) }
}

/// An answer that breaks the contract.
pub(crate) fn unusable(question: &HookQuestion, reason: &str) -> RequestError {
    let failure = Failure {
        message: "The hook gave an answer that cannot be used".to_owned(),
        code: Some("HOOK_CONTRACT".to_owned()),
        extensions: None,
    };
    refused(&failure, Some(format!("the rule `{}` of `{}`: {reason}", question.rule, question.type_name)))
}

fn failed(error: &HookError) -> RequestError {
    refused(&error.to_failure(), Some(error.to_string()))
}

fn site(question: &HookQuestion) -> Site {
    Site { type_name: question.type_name.clone(), field: question.field.clone() }
}

/// The component that answers for a rule, and where its calls belong.
struct Asked<'a> {
    session: Result<&'a Session, Box<Session>>,
    component: Arc<HookComponent>,
    /// Its name for the rule.
    rule: &'a str,
}

impl<'a> Asked<'a> {
    fn new(
        context: &AnswerContext<'a>,
        serving: &Serving,
        head: &RequestHead,
        question: &'a HookQuestion,
    ) -> Result<Self, RequestError> {
        let loaded = match context.hooks {
            Some(hooks) => Arc::clone(&hooks.loaded),
            None => context.components.loaded(),
        };
        let (component, rule) =
            responsible(&loaded, &question.rule).map_err(|reason| unavailable(question, &reason))?;
        let session = match context.hooks {
            Some(hooks) => Ok(&hooks.session),
            None => {
                let parts = RequestParts {
                    method: "POST".into(),
                    target: context.settings.graphql_path.clone(),
                    peer: head.client_ip,
                    headers: Arc::clone(&head.headers),
                };
                let host = Arc::new(Imagined::new(context, serving, head));
                Err(Box::new(Session::new(Arc::new(Exchange::new(parts, host)))))
            }
        };
        Ok(Self { session, component, rule })
    }

    fn session(&self) -> &Session {
        match &self.session {
            Ok(session) => session,
            Err(own) => own,
        }
    }
}

/// The component before the colon, or the only one there is.
pub(super) fn responsible<'r>(
    loaded: &Loaded,
    rule: &'r str,
) -> Result<(Arc<HookComponent>, &'r str), String> {
    let mut all = loaded.with(Interface::Authorization);
    if let Some((name, rule)) = rule.split_once(':') {
        let found = all.find(|component| component.name() == name);
        let missing = || format!("no hook component named `{name}` exports `authorization`");
        return found.map(|component| (Arc::clone(component), rule)).ok_or_else(missing);
    }
    match (all.next(), all.next()) {
        (Some(component), None) => Ok((Arc::clone(component), rule)),
        (None, _) => {
            Err("no hook component exports `authorization`; add one under [hooks] in exo.toml".to_owned())
        }
        (Some(first), Some(second)) => Err(format!(
            "both `{}` and `{}` export `authorization`; name the one that is meant: hook(\"{}:{rule}\", …)",
            first.name(),
            second.name(),
            first.name()
        )),
    }
}

fn unavailable(question: &HookQuestion, reason: &str) -> RequestError {
    let extensions = Json::from_iter([("code", Json::from("HOOK_UNAVAILABLE"))]).to_string();
    let message = format!("The rule '{}' cannot be decided", question.rule);
    RequestError {
        extensions: Some(extensions),
        ..RequestError::plain(message, ErrorClass::Code, Some(reason.to_owned()))
    }
}
