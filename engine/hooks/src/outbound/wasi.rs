//! `wasi:http` under the same rules.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use wasmtime_wasi_http::{Error, RequestOptions, Result, WasiBody, WasiHttpHooks};

use super::client::{Outbound, SendError};

/// Largest request body.
const MAX_BODY: usize = 4 << 20;
/// Longest request when the guest names no limit; its call ends sooner anyway.
const LIMIT: Duration = Duration::from_secs(30);

/// Sends what a guest asks `wasi:http` for.
pub(crate) struct WasiGate {
    outbound: Arc<Outbound>,
}

impl WasiGate {
    pub(crate) fn new(outbound: Arc<Outbound>) -> Self {
        Self { outbound }
    }
}

type Worker = Box<dyn Future<Output = std::result::Result<(), Error>> + Send>;

impl WasiHttpHooks for WasiGate {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _body_sent: Worker,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, Worker)>> + Send> {
        let outbound = Arc::clone(&self.outbound);
        Box::new(async move {
            let response = send(&outbound, request, options).await?;
            Ok((response, Box::new(async { Ok(()) }) as Worker))
        })
    }
}

async fn send(
    outbound: &Outbound,
    request: http::Request<WasiBody>,
    options: Option<RequestOptions>,
) -> Result<http::Response<WasiBody>> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY)
        .collect()
        .await
        .map_err(|_| Error::HttpRequestBodySize(Some(MAX_BODY as u64)))?
        .to_bytes();
    let headers = parts.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let limit = options.and_then(|it| it.first_byte_timeout).unwrap_or(LIMIT).min(LIMIT);
    let url = parts.uri.to_string();
    let sent = outbound.send(parts.method.as_str(), &url, headers.collect(), body, limit).await.map_err(
        |error| match error {
            SendError::Forbidden(_) => Error::HttpRequestDenied,
            SendError::Timeout => Error::ConnectionTimeout,
            SendError::TooLarge => Error::HttpResponseBodySize(Some(MAX_BODY as u64)),
            SendError::Transport(why) => Error::InternalError(Some(why)),
        },
    )?;
    let mut response = http::Response::builder().status(sent.status);
    for (name, value) in sent.headers {
        response = response.header(name, value);
    }
    response
        .body(Full::new(sent.body).map_err(|never| match never {}).boxed_unsync())
        .map_err(|error| Error::InternalError(Some(error.to_string())))
}
