//! `operation`: the GraphQL root field around which a hook runs.

use tokio::sync::oneshot;

use crate::bindings::exo::hooks::operation::{Host, Kind};
use crate::bindings::exo::hooks::types::Failure as WitFailure;
use crate::call::OperationKind;
use crate::failure::Failure;
use crate::host::OperationFacts;
use crate::orders::Order;
use crate::store::StoreData;

impl StoreData {
    fn operation(&self) -> Option<&dyn OperationFacts> {
        self.call().and_then(|call| call.operation.as_deref())
    }

    async fn run_rest(&mut self, arguments: Option<String>) -> Result<(), WitFailure> {
        let refused = |message: &str| {
            Err(WitFailure::from(Failure {
                message: message.to_owned(),
                code: Some("HOOK_NOT_HERE".to_owned()),
                extensions: None,
            }))
        };
        let Some(call) = self.call() else { return refused("there is no call") };
        if !call.stage.may_proceed {
            return refused("only an `around` interceptor can proceed");
        }
        let (reply, answer) = oneshot::channel();
        self.orders.place(Order::Proceed { arguments, reply });
        let Ok(result) = answer.await else { return refused("the call has ended") };
        let failed = result.as_ref().err().cloned();
        if let Some(call) = self.call_mut() {
            call.stage.outcome = Some(result);
        }
        failed.map_or(Ok(()), |failure| Err(failure.into()))
    }
}

impl Host for StoreData {
    fn kind_of(&mut self) -> Kind {
        match self.operation().map(OperationFacts::kind) {
            Some(OperationKind::Mutation) => Kind::Mutation,
            Some(OperationKind::Query) | None => Kind::Query,
        }
    }

    fn field(&mut self) -> String {
        self.operation().map(OperationFacts::field).unwrap_or_default()
    }

    fn response_key(&mut self) -> String {
        self.operation().map(OperationFacts::response_key).unwrap_or_default()
    }

    fn operation_name(&mut self) -> Option<String> {
        self.operation().and_then(OperationFacts::operation_name)
    }

    fn arguments(&mut self) -> String {
        self.operation().map_or_else(|| "{}".to_owned(), OperationFacts::arguments)
    }

    fn selection(&mut self) -> String {
        self.operation().map_or_else(|| "[]".to_owned(), OperationFacts::selection)
    }

    async fn proceed(&mut self) -> Result<(), WitFailure> {
        self.run_rest(None).await
    }

    async fn proceed_with(&mut self, arguments: String) -> Result<(), WitFailure> {
        self.run_rest(Some(arguments)).await
    }

    fn outcome(&mut self) -> Option<Result<String, WitFailure>> {
        let outcome = self.call().and_then(|call| call.stage.outcome.clone());
        outcome.map(|result| result.map_err(WitFailure::from))
    }
}
