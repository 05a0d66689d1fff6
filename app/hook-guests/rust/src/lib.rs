//! {{name}}: a gateway hook. It runs before authentication and may refuse the request.

wit_bindgen::generate!({ world: "app", path: "wit", generate_all });

use exo::hooks::types::{Failure, Rejection};
use exo::hooks::{log, request, response};
use exports::exo::hooks::gateway::Guest;

struct Hook;

impl Guest for Hook {
    fn on_request() -> Result<(), Rejection> {
        if request::header("x-blocked").is_none() {
            return Ok(());
        }
        log::write(log::Level::Info, "a blocked request", &[]);
        let failure = Failure {
            message: "This request is blocked".into(),
            code: Some("BLOCKED".into()),
            extensions: None,
        };
        Err(Rejection { status: 403, errors: vec![failure], headers: vec![] })
    }

    fn on_response() {
        // A header that cannot be set is no reason to fail the reply.
        let _ = response::set_header("x-hook", "{{name}}");
    }
}

export!(Hook);
