//! Requests of the moment with what traces must not hold (headers with tokens), so that the studio can judge
//! them again. In memory only, never in an event.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use studio_events::TraceId;

use super::caller::RequestHead;

/// How many requests are remembered.
const KEPT: usize = 256;

/// The newest requests by trace.
#[derive(Default)]
pub struct SentRequests(Mutex<VecDeque<(TraceId, Arc<SentRequest>)>>);

/// What a trace lacks.
#[derive(Default)]
pub struct SentRequest {
    /// Headers and address.
    pub head: RequestHead,
    /// Which operation of the document was asked for.
    pub operation_name: Option<String>,
}

impl std::fmt::Debug for SentRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SentRequest(…)")
    }
}

impl std::fmt::Debug for SentRequests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SentRequests(…)")
    }
}

impl SentRequests {
    /// Remembers a request; the oldest one goes.
    pub(super) fn keep(&self, trace: TraceId, request: SentRequest) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((trace, Arc::new(request)));
    }

    /// The request of a trace, if it is remembered.
    pub(super) fn find(&self, trace: TraceId) -> Option<Arc<SentRequest>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().rev().find(|(known, _)| *known == trace).map(|(_, request)| Arc::clone(request))
    }
}
