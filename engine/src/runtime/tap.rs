//! Somebody who watches the requests of a server next to the bus: the test runner.

use std::sync::Arc;

use studio_events::Trace;
use studio_query::access::RuleEvaluation;

/// Is told of each answered request, before its reply is given back.
pub trait Tap: std::fmt::Debug + Send + Sync {
    /// A request: its record, and the access rules that were asked, in order.
    fn request(&self, trace: &Arc<Trace>, evaluations: &[RuleEvaluation]);
}
