//! Orderly cancellation: everything waits for it at the same places, and databases are still dropped.

use std::sync::Arc;

use tokio::sync::watch;

/// A switch that can be turned once; clones share it.
#[derive(Debug, Clone)]
pub struct Cancellation {
    sender: Arc<watch::Sender<bool>>,
}

impl Default for Cancellation {
    fn default() -> Self {
        Cancellation { sender: Arc::new(watch::Sender::new(false)) }
    }
}

impl Cancellation {
    /// Stops the run: running tests end at their next wait, no further test starts.
    pub fn cancel(&self) {
        self.sender.send_replace(true);
    }

    /// Whether it was turned.
    pub fn is_cancelled(&self) -> bool {
        *self.sender.borrow()
    }

    /// Waits until it is turned.
    pub async fn cancelled(&self) {
        let mut receiver = self.sender.subscribe();
        // The sender lives in `self`, so this cannot end for another reason.
        let _ = receiver.wait_for(|cancelled| *cancelled).await;
    }
}
