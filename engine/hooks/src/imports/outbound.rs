//! `outbound`: outgoing HTTP in one call.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use crate::bindings::exo::hooks::outbound::{Answer, Call, Host, OutboundError};
use crate::outbound::{Outbound, SendError, Sent};
use crate::store::StoreData;

/// Most calls at once.
const MAX_CALLS: usize = 32;

fn answer_of(result: Result<Sent, SendError>) -> Result<Answer, OutboundError> {
    match result {
        Ok(sent) => Ok(Answer { status: sent.status, headers: sent.headers, body: sent.body.to_vec() }),
        Err(SendError::Forbidden(why)) => Err(OutboundError::Forbidden(why)),
        Err(SendError::Timeout) => Err(OutboundError::Timeout),
        Err(SendError::TooLarge) => Err(OutboundError::TooLarge),
        Err(SendError::Transport(why)) => Err(OutboundError::Transport(why)),
    }
}

async fn send_one(outbound: &Outbound, left: Duration, call: Call) -> Result<Answer, OutboundError> {
    let limit = match call.timeout_ms {
        Some(ms) => left.min(Duration::from_millis(ms.into())),
        None => left,
    };
    answer_of(outbound.send(&call.method, &call.url, call.headers, call.body.into(), limit).await)
}

impl StoreData {
    fn sender(&self) -> (Arc<Outbound>, Duration) {
        let left = self.call().map(|_| self.clock.remaining()).unwrap_or_default();
        (Arc::clone(&self.shared.outbound), left)
    }
}

impl Host for StoreData {
    async fn send(&mut self, call: Call) -> Result<Answer, OutboundError> {
        let (outbound, left) = self.sender();
        send_one(&outbound, left, call).await
    }

    async fn send_all(&mut self, calls: Vec<Call>) -> Vec<Result<Answer, OutboundError>> {
        let (outbound, left) = self.sender();
        let outbound = &*outbound;
        join_all(calls.into_iter().enumerate().map(|(index, call)| async move {
            if index >= MAX_CALLS {
                return Err(OutboundError::Forbidden(format!("more than {MAX_CALLS} calls at once")));
            }
            send_one(outbound, left, call).await
        }))
        .await
    }
}
