//! GraphQL that hooks run when no operation is under way.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json};
use studio_hooks::{ActingAs, Failure, GraphqlReply, HostCalls};
use studio_query::error::{ErrorClass, RequestError};

use crate::runtime::answer::{AnswerContext, Identity, object, run_inner};
use crate::runtime::caller::RequestHead;
use crate::runtime::serving::Serving;

/// Runs operations on the served model, each in a transaction of its own.
pub(crate) struct ServerCalls<'a> {
    context: &'a AnswerContext<'a>,
    serving: &'a Serving,
    head: &'a RequestHead,
}

impl<'a> ServerCalls<'a> {
    pub(crate) fn new(context: &'a AnswerContext<'a>, serving: &'a Serving, head: &'a RequestHead) -> Self {
        Self { context, serving, head }
    }
}

/// An error of the engine as a hook reads it.
pub(crate) fn failure_of(error: &RequestError) -> Failure {
    let code = match error.class {
        ErrorClass::NotAuthorized => Some("NOT_AUTHORIZED"),
        ErrorClass::Expired => Some("EXPIRED"),
        ErrorClass::Syntax | ErrorClass::Invalid => Some("INVALID"),
        ErrorClass::Conversion
        | ErrorClass::Database
        | ErrorClass::Code
        | ErrorClass::NotAllowed
        | ErrorClass::Internal => None,
    };
    Failure { message: error.message.clone(), code: code.map(str::to_owned), extensions: None }
}

/// Variables as text; an error says what is wrong with them.
pub(crate) fn variables_of(text: Option<&str>) -> Result<Option<Map<String, Json>>, Failure> {
    let Some(text) = text else { return Ok(None) };
    serde_json::from_str(text).map_err(|error| Failure {
        message: format!("variables must be a JSON object: {error}"),
        code: Some("INVALID".to_owned()),
        extensions: None,
    })
}

impl HostCalls for ServerCalls<'_> {
    fn execute<'a>(
        &'a mut self,
        document: String,
        variables: Option<String>,
        acting_as: ActingAs,
    ) -> BoxFuture<'a, GraphqlReply> {
        async move {
            let failed = |failure| GraphqlReply { data: None, errors: vec![failure] };
            let variables = match variables_of(variables.as_deref()) {
                Ok(variables) => variables,
                Err(failure) => return failed(failure),
            };
            let identity = match &acting_as {
                ActingAs::Caller => self.context.identity,
                ActingAs::System => Identity::System,
                ActingAs::Claims(claims) => Identity::Claims(claims),
            };
            let context = AnswerContext { identity, ..self.context.clone() };
            let result = run_inner(&context, self.serving, self.head, &document, variables.as_ref()).await;
            match result {
                Ok(fields) => GraphqlReply { data: Some(object(&fields)), errors: Vec::new() },
                Err(error) => failed(failure_of(&error)),
            }
        }
        .boxed()
    }

    fn proceed<'a>(&'a mut self, _arguments: Option<String>) -> BoxFuture<'a, Result<String, Failure>> {
        async { Err(Failure::message("there is nothing to proceed with")) }.boxed()
    }
}
