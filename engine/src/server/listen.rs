//! The socket: binding, reading requests with limits, the event stream of the page.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use bytes::Bytes;
use serde_json::json;
use studio_events::{BuildEvent, BuildOutcome, EventKind, ServingEvent, StudioEvent};
use studio_query::{Payload, trusted_text};
use tokio::net::TcpListener;
use tokio::sync::broadcast::error::RecvError;

use super::dispatch::Server;
use super::http::{HttpReply, HttpRequest};
use super::playground::STUDIO_PATH;
use super::studio_api;
use crate::runtime::caller::RequestHead;
use crate::runtime::live::Live;

/// Longest time to read one.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Requests under way may take this long after a stop was asked for.
const DRAIN: Duration = Duration::from_secs(3);

/// Why no socket could be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody has the port.
    #[error("port {port} is in use")]
    Taken {
        /// The port.
        port: u16,
        /// The next free one.
        next_free: Option<u16>,
    },
    /// Anything else.
    #[error("{host}:{port}: {source}")]
    Other {
        /// Host asked for.
        host: String,
        /// Port asked for.
        port: u16,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<TcpListener>,
    /// The port in fact bound.
    pub port: u16,
}

/// Binds the host and port. `localhost` binds both loopback addresses where the machine has them.
pub async fn bind(host: &str, port: u16) -> Result<Listener, BindError> {
    let error = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AddrInUse => BindError::Taken { port, next_free: next_free_port(port) },
        _ => BindError::Other { host: host.to_owned(), port, source },
    };
    if host != "localhost" {
        let socket = TcpListener::bind((host, port)).await.map_err(error)?;
        let port = socket.local_addr().map_err(error)?.port();
        return Ok(Listener { sockets: vec![socket], port });
    }
    let first = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(error)?;
    let port = first.local_addr().map_err(error)?.port();
    let mut sockets = vec![first];
    match TcpListener::bind((std::net::Ipv6Addr::LOCALHOST, port)).await {
        Ok(second) => sockets.push(second),
        // A browser may try ::1 first and would reach the stranger who sits there.
        Err(source) if source.kind() == std::io::ErrorKind::AddrInUse => return Err(error(source)),
        // No IPv6 on this machine.
        Err(_) => {}
    }
    Ok(Listener { sockets, port })
}

/// The next port after this one that nobody has.
pub fn next_free_port(port: u16) -> Option<u16> {
    (port.saturating_add(1)..=port.saturating_add(100))
        .find(|port| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
}

impl Listener {
    /// Serves until `stop` resolves, then lets requests under way finish for a moment.
    pub async fn serve(self, server: Arc<Server>, stop: tokio::sync::watch::Receiver<bool>) {
        let app = Router::new().fallback(handle).with_state(server);
        let mut tasks = tokio::task::JoinSet::new();
        for socket in self.sockets {
            let app = app.clone().into_make_service_with_connect_info::<SocketAddr>();
            let socket = socket.tap_io(|stream| {
                // Replies are written whole; waiting for more would only delay them.
                let _ = stream.set_nodelay(true);
            });
            let mut stop = stop.clone();
            tasks.spawn(async move {
                let stopped = async move {
                    // The sender lives as long as the studio; its end is a stop as well.
                    let _ = stop.wait_for(|stop| *stop).await;
                };
                let _ = axum::serve(socket, app).with_graceful_shutdown(stopped).await;
            });
        }
        let mut stop = stop;
        let _ = stop.wait_for(|stop| *stop).await;
        let _ = tokio::time::timeout(DRAIN, async { while tasks.join_next().await.is_some() {} }).await;
    }
}

async fn handle(
    State(server): State<Arc<Server>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let received = Instant::now();
    let (parts, body) = request.into_parts();
    let mut headers: Vec<(String, String)> = Vec::with_capacity(parts.headers.len() + 1);
    for (name, value) in &parts.headers {
        headers.push((name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    }
    let head = RequestHead { headers: headers.into(), client_ip: Some(peer.ip().to_canonical()) };
    let mut request = HttpRequest {
        method: method_name(&parts.method),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        head,
        received: Some(received),
        ..HttpRequest::default()
    };
    if request.method == "GET" && request.path == format!("{STUDIO_PATH}/events") {
        return events(&server, &request);
    }
    let limit = server.settings.limits.body_bytes;
    request.body = match tokio::time::timeout(READ_TIMEOUT, to_bytes(body, limit)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return response(HttpReply::too_large(limit)),
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    if wants_events(&server, &request) {
        return Box::pin(live(server, request)).await;
    }
    // When the client hangs up, this future is dropped: the connection's guards roll an open transaction back.
    // Boxed, so that the layers above move a pointer and not the whole state of the request.
    response(Box::pin(server.dispatch(&request)).await)
}

/// Whether a request asks for a live query.
fn wants_events(server: &Server, request: &HttpRequest) -> bool {
    let accepts = |accept: &str| {
        accept
            .split(',')
            .any(|kind| kind.split(';').next().is_some_and(|it| it.trim() == "text/event-stream"))
    };
    server.settings.live_queries
        && request.method == "POST"
        && request.path.trim_end_matches('/') == server.settings.graphql_path
        && request.head.header("accept").is_some_and(accepts)
}

/// A live query: an event per answer, the first one at once.
async fn live(server: Arc<Server>, request: HttpRequest) -> Response {
    let refuse = |status, message: &str| {
        let body = json!({ "errors": [{ "message": message }] }).to_string();
        response(HttpReply::json(status, body))
    };
    if server.settings.pooler {
        return refuse(501, "Live queries need sessions, which a pooler in transaction mode does not have");
    }
    if is_mutation(&server, &request.body) {
        return refuse(400, "A mutation cannot be live");
    }
    let Some(mut seat) = Live::seat(&server) else {
        return refuse(503, "Too many live queries");
    };
    seat.look();
    let first = server.dispatch(&request).await;
    if first.status != 200 {
        return response(first);
    }
    // Permissions for other origins.
    let headers: Vec<_> = first.headers.iter().filter(|(name, _)| *name != "content-type").cloned().collect();
    let state = (server, request, seat, Some(first.body), Bytes::new());
    let stream =
        futures_util::stream::unfold(state, |(server, request, mut seat, mut fresh, last)| async move {
            loop {
                if let Some(body) = fresh.take().filter(|body| *body != last) {
                    // One line per event: Postgres breaks lines between objects, and within texts JSON has none.
                    let line = String::from_utf8_lossy(&body).replace('\n', " ");
                    let event = Event::default().event("next").data(line);
                    return Some((Ok::<_, Infallible>(event), (server, request, seat, None, body)));
                }
                if !seat.changed().await {
                    return None;
                }
                let reply = server.dispatch(&request).await;
                if reply.status != 200 {
                    return None;
                }
                fresh = Some(reply.body);
            }
        });
    let mut reply = Sse::new(stream).keep_alive(KeepAlive::default()).into_response();
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            reply.headers_mut().append(name, value);
        }
    }
    reply
}

/// Whether the operation that would run is a mutation; what cannot be read is refused later, with its reason.
fn is_mutation(server: &Server, body: &[u8]) -> bool {
    let Ok(payload) = Payload::from_slice(body) else { return false };
    let Some(serving) = server.serving() else { return false };
    let trusted = serving.ir.trusted_documents.as_ref();
    trusted_text(&payload, trusted, false)
        .and_then(|text| serving.document(&text))
        .is_ok_and(|(document, _)| document.is_mutation(payload.operation_name.as_deref()) == Some(true))
}

fn method_name(method: &Method) -> Cow<'static, str> {
    const KNOWN: [&str; 7] = ["POST", "GET", "OPTIONS", "HEAD", "PUT", "DELETE", "PATCH"];
    match KNOWN.into_iter().find(|known| *known == method.as_str()) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(method.as_str().to_owned()),
    }
}

fn response(reply: HttpReply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        let value = match value {
            Cow::Borrowed(value) => Ok(HeaderValue::from_static(value)),
            Cow::Owned(value) => HeaderValue::try_from(value),
        };
        if let Ok(value) = value {
            response.headers_mut().append(name, value);
        }
    }
    for (name, value) in reply.added {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value))
        {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// The event stream of the playground page: revisions, staleness, personas, traces.
fn events(server: &Server, request: &HttpRequest) -> Response {
    let Some(bus) = server.bus.as_ref().filter(|_| server.personas.is_some()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if !studio_api::is_trusted(request) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let events = bus.subscribe();
    let state = bus.states().borrow().clone();
    let mut first = Vec::new();
    if let Some(revision) = state.serving.revision {
        first.push(json!({ "kind": "swapped", "revision": revision.0 }));
    }
    if state.is_stale() {
        let problems = state.problem_counts().0;
        first.push(json!({ "kind": "stale", "revision": state.build.revision.0, "problems": problems }));
    }
    first.push(json!({ "kind": "persona", "name": state.persona }));
    let stream = futures_util::stream::unfold((first.into_iter(), events), |(mut first, mut events)| async {
        if let Some(value) = first.next() {
            return Some((value, (first, events)));
        }
        loop {
            match events.recv().await {
                Ok(event) => {
                    if let Some(value) = page_event(&event) {
                        return Some((value, (first, events)));
                    }
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    let stream = futures_util::StreamExt::map(stream, |value| {
        Ok::<_, Infallible>(Event::default().data(value.to_string()))
    });
    Sse::new(stream).keep_alive(KeepAlive::default()).into_response()
}

/// The page's form of an event; `None` for what it does not show.
fn page_event(event: &StudioEvent) -> Option<serde_json::Value> {
    match &event.kind {
        EventKind::Serving(ServingEvent::Swapped { to, .. }) => {
            Some(json!({ "kind": "swapped", "revision": to.0 }))
        }
        EventKind::Build(BuildEvent::Finished { revision, outcome, .. }) => match outcome {
            BuildOutcome::Broken { errors, .. } => {
                Some(json!({ "kind": "stale", "revision": revision.0, "problems": errors }))
            }
            BuildOutcome::Unchanged { .. } => Some(json!({ "kind": "unchanged", "revision": revision.0 })),
            BuildOutcome::Clean { .. } => None,
        },
        EventKind::Personas { active, .. } => Some(json!({ "kind": "persona", "name": active })),
        EventKind::Request(trace) => Some(json!({ "kind": "trace", "trace": trace })),
        _ => None,
    }
}
