//! `graphql`: operations on the same engine.

use tokio::sync::oneshot;

use crate::bindings::exo::hooks::graphql::{ActingAs as WitActingAs, Host, Reply};
use crate::failure::Failure;
use crate::host::ActingAs;
use crate::orders::Order;
use crate::store::StoreData;

impl StoreData {
    /// Acting as somebody else is a privilege of the configuration.
    fn role(&self, acting_as: WitActingAs) -> Result<ActingAs, Failure> {
        let refuse =
            |message: String, code: &str| Failure { message, code: Some(code.to_owned()), extensions: None };
        let privileged = self.shared.config.privileged;
        match acting_as {
            WitActingAs::Caller => Ok(ActingAs::Caller),
            WitActingAs::System | WitActingAs::Claims(_) if !privileged => Err(refuse(
                format!("the hook `{}` is not privileged", self.shared.config.name),
                "HOOK_NOT_PRIVILEGED",
            )),
            WitActingAs::System => Ok(ActingAs::System),
            WitActingAs::Claims(text) => serde_json::from_str(&text)
                .map(ActingAs::Claims)
                .map_err(|error| refuse(format!("claims must be a JSON object: {error}"), "HOOK_CONTRACT")),
        }
    }
}

impl Host for StoreData {
    async fn execute(
        &mut self,
        document: String,
        variables: Option<String>,
        acting_as: WitActingAs,
    ) -> Reply {
        let failed = |failure: Failure| Reply { data: None, errors: vec![failure.into()] };
        let acting_as = match self.role(acting_as) {
            Ok(acting_as) => acting_as,
            Err(failure) => return failed(failure),
        };
        if self.call().is_none() {
            return failed(Failure::message("there is no call"));
        }
        let (reply, answer) = oneshot::channel();
        self.orders.place(Order::Execute { document, variables, acting_as, reply });
        match answer.await {
            Ok(reply) => {
                Reply { data: reply.data, errors: reply.errors.into_iter().map(Into::into).collect() }
            }
            Err(_) => failed(Failure::message("the call has ended")),
        }
    }
}
