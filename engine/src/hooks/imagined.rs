//! A request that nobody sent, or that no hook stands around: would it pass?

use serde_json::{Map, Value as Json};
use studio_events::TraceId;
use studio_hooks::{HookHost, HookLevel, HookLine};

use super::host::claims_of_token;
use super::modules::Quiet;
use crate::runtime::answer::{AnswerContext, Identity};
use crate::runtime::caller::{Caller, QueryResults, RequestHead};
use crate::runtime::contexts;
use crate::runtime::serving::Serving;

/// What components may know of its caller. Contexts whose values come from queries are not among it.
pub(super) struct Imagined {
    id: TraceId,
    claims: Option<String>,
    models: Map<String, Json>,
}

impl Imagined {
    pub(super) fn new(context: &AnswerContext<'_>, serving: &Serving, head: &RequestHead) -> Self {
        let (source, verifier) = (&context.settings.token_source, context.verifier);
        let claims = match context.identity {
            Identity::System => None,
            Identity::Claims(claims) => serde_json::to_string(claims).ok(),
            Identity::Token => claims_of_token(head, source, verifier),
        };
        let queries = QueryResults::default();
        let caller =
            Caller::new(head, verifier, source, context.environment, &queries).acting(context.identity, None);
        Self { id: context.trace_id(), claims, models: contexts::known(&serving.ir, &caller) }
    }
}

impl HookHost for Imagined {
    fn trace_id(&self) -> String {
        self.id.to_string()
    }
    fn wants_reports(&self) -> bool {
        false
    }
    fn log_enabled(&self, level: HookLevel) -> bool {
        Quiet.log_enabled(level)
    }
    fn log(&self, line: HookLine) {
        Quiet.log(line);
    }
    fn access(&self, _component: &str, _record: Vec<u8>) -> bool {
        false
    }
    fn claims(&self) -> Option<String> {
        self.claims.clone()
    }
    fn model(&self, name: &str) -> Option<String> {
        self.models.get(name).map(Json::to_string)
    }
}
