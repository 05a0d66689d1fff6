//! Work for the engine that a guest asks for while it runs.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Notify, oneshot};

use crate::failure::Failure;
use crate::host::{ActingAs, GraphqlReply};

/// Work for the engine, asked for by a host import.
pub(crate) enum Order {
    Execute {
        document: String,
        variables: Option<String>,
        acting_as: ActingAs,
        reply: oneshot::Sender<GraphqlReply>,
    },
    Proceed {
        arguments: Option<String>,
        reply: oneshot::Sender<Result<String, Failure>>,
    },
}

/// Where host imports leave orders for whoever drives the call. It costs nothing until a guest asks for something.
#[derive(Default)]
pub(crate) struct Orders {
    waiting: Mutex<VecDeque<Order>>,
    placed: Notify,
}

impl Orders {
    /// Leaves an order.
    pub(crate) fn place(&self, order: Order) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(order);
        self.placed.notify_one();
    }

    /// The next order.
    pub(crate) async fn next(&self) -> Order {
        loop {
            let order = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match order {
                Some(order) => return order,
                None => self.placed.notified().await,
            }
        }
    }
}
