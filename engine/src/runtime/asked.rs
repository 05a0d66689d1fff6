//! An operation that a client asked for and that code is woven around. It is prepared when somebody has to look at it:
//! behind a known plan nobody may have to.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value as Json};
use studio_model::graphql::Schema;
use studio_model::ir::Ir;
use studio_postgres::Pace;
use studio_query::error::RequestError;
use studio_query::operation::{Operation, OperationKind, RootCall, RootField};
use studio_query::plan::{PlanOptions, Template, plan_recorded};
use studio_query::{Limits, Prepared, field_tree, prepare_observed};

use super::caller::Caller;
use super::modules::Modules;
use super::serving::{Known, Learned, Serving};

/// An operation of a client, and what is known of its shape.
#[derive(Debug)]
pub struct Asked {
    known: Arc<Known>,
    /// The operation of the document that was asked for.
    name: Option<String>,
    variables: Option<Map<String, Json>>,
    schema: Arc<Schema>,
    ir: Arc<Ir>,
    limits: Limits,
    /// A plan of an earlier request of the same shape, with the values of holes that variables fill.
    learned: Option<(Arc<Learned>, Vec<String>)>,
    prepared: OnceLock<Result<Prepared, RequestError>>,
    /// Plans of other requests may be used, and the plan be kept for others.
    shares: bool,
}

impl Asked {
    /// What a request asks for.
    pub(super) fn new(
        serving: &Serving,
        known: &Arc<Known>,
        name: Option<String>,
        variables: Option<Map<String, Json>>,
        limits: Limits,
    ) -> Self {
        Self {
            known: Arc::clone(known),
            name,
            variables,
            schema: Arc::clone(&serving.schema),
            ir: Arc::clone(&serving.ir),
            limits,
            learned: None,
            prepared: OnceLock::new(),
            shares: false,
        }
    }

    /// The same for a request of a known shape.
    pub(super) fn of_shape(self, learned: Arc<Learned>, holes: Vec<String>) -> Self {
        Self { learned: Some((learned, holes)), shares: true, ..self }
    }

    /// The same for an operation that was prepared. With `shares` its plan is kept for requests of its shape.
    pub(super) fn prepared_as(self, prepared: Prepared, shares: bool) -> Self {
        Self { prepared: OnceLock::from(Ok(prepared)), shares, ..self }
    }

    /// The shape, if it is known.
    pub(super) fn learned(&self) -> Option<&Arc<Learned>> {
        self.learned.as_ref().map(|(learned, _)| learned)
    }

    /// The operation, if somebody had to look at it.
    pub(super) fn seen(&self) -> Option<&Operation> {
        Some(&self.prepared.get()?.as_ref().ok()?.operation)
    }

    fn prepared(&self) -> Result<&Prepared, RequestError> {
        let prepared = self.prepared.get_or_init(|| {
            let (document, limits) = (&self.known.document, &self.limits);
            let variables = self.variables.as_ref();
            prepare_observed(document, self.name.as_deref(), variables, &self.schema, limits, &mut |_| {})
        });
        prepared.as_ref().map_err(Clone::clone)
    }

    /// The operation.
    pub(super) fn operation(&self) -> Result<&Operation, RequestError> {
        Ok(&self.prepared()?.operation)
    }

    /// One of its root fields.
    pub(super) fn root(&self, index: usize) -> Result<&RootField, RequestError> {
        let root = self.operation()?.roots.get(index);
        root.ok_or_else(|| RequestError::internal("a root field that the operation does not have"))
    }

    /// Arguments of a root field as JSON text.
    pub(crate) fn arguments(&self, index: usize) -> Result<String, RequestError> {
        let written = self.learned().and_then(|it| it.template.arguments(index, self.variables.as_ref()));
        match written {
            Some(text) => Ok(text),
            None => Ok(self.tree(index)?["arguments"].to_string()),
        }
    }

    /// Response key of a root field.
    pub(crate) fn key(&self, index: usize) -> Result<String, RequestError> {
        match self.learned().and_then(|learned| learned.template.plan.fields.get(index)) {
            Some(field) => Ok(field.key.clone()),
            None => Ok(self.root(index)?.key.clone()),
        }
    }

    /// A root field as interceptors see it.
    pub(crate) fn tree(&self, index: usize) -> Result<Json, RequestError> {
        Ok(field_tree(self.root(index)?, &self.ir))
    }

    /// How fast statements of the document are answered.
    pub(super) fn pace(&self) -> &Pace {
        &self.known.pace
    }

    /// A plan that fits the request and its caller, with the values of its holes.
    pub(super) fn plan<'c>(
        &self,
        caller: impl FnOnce() -> Caller<'c>,
    ) -> Option<(Arc<Learned>, Cow<'_, [String]>)> {
        let (learned, holes) = self.learned.as_ref()?;
        if !learned.template.needs_caller() {
            return Some((Arc::clone(learned), Cow::Borrowed(holes)));
        }
        let (caller, name, variables) = (caller(), self.name.as_deref(), self.variables.as_ref());
        let (found, holes) =
            self.known.find(|learned| learned.template.fill(name, variables, &caller, &self.ir))?;
        Some((found, Cow::Owned(holes)))
    }

    /// Keeps the plan of the whole operation for later requests.
    pub(super) fn learn<'c>(&self, modules: &Modules, caller: impl FnOnce() -> Caller<'c>) {
        if !self.shares {
            return;
        }
        let Ok(Prepared { operation, uses }) = self.prepared() else { return };
        if !operation.roots.iter().all(|root| matches!(root.call, RootCall::Entity(_))) {
            return;
        }
        self.known.learn(|| {
            let (caller, mut uses) = (caller(), uses.clone());
            let options = PlanOptions::default();
            let log = &mut studio_query::access::NoLog;
            let planned = plan_recorded(operation, &self.ir, &caller, log, options, &mut uses);
            // What a query or a component says is asked anew for each request.
            let (plan, contexts) = planned.ok()?;
            let (name, variables) = (self.name.as_deref(), self.variables.as_ref());
            let template = Template::new(&plan, operation, name, &uses, variables, contexts?, &self.ir)?;
            let chains = operation.roots.iter().map(|root| modules.chain(operation.kind, &root.name));
            Some(Learned { template, chains: Some(chains.collect()) })
        });
    }

    /// Query or mutation.
    pub(super) fn kind(&self) -> Result<OperationKind, RequestError> {
        match self.learned() {
            Some(learned) => Ok(learned.template.kind),
            None => Ok(self.operation()?.kind),
        }
    }
}
