//! One HTTP request as its hooks see it, shared by all of them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::host::HookHost;

/// Most bytes that hooks may keep in context values of one request.
const MAX_CONTEXT: usize = 1 << 20;
/// Most headers that hooks may add.
const MAX_HEADERS: usize = 256;

/// A header of a reply: its name and a value.
pub type ReplyHeader = (Cow<'static, str>, Cow<'static, str>);

/// What is known of a request when it arrives.
#[derive(Debug, Clone, Default)]
pub struct RequestParts {
    /// Method in upper case.
    pub method: Cow<'static, str>,
    /// Path and query string as received.
    pub target: String,
    /// The caller's address.
    pub peer: Option<IpAddr>,
    /// Headers in order.
    pub headers: Arc<Vec<(String, String)>>,
}

/// Why a header was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderRefusal {
    /// Not a header name.
    BadName,
    /// Not a header value.
    BadValue,
    /// The transport decides this one.
    Protected,
    /// Not at this point.
    ReadOnly,
}

/// The request, its context values and the reply in the making.
pub struct Exchange {
    /// Method in upper case.
    pub method: Cow<'static, str>,
    /// Path and query string as received.
    pub target: String,
    /// The caller's address.
    pub peer: Option<IpAddr>,
    /// The engine's side.
    pub host: Arc<dyn HookHost>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    headers: Arc<Vec<(String, String)>>,
    changed: bool,
    values: BTreeMap<String, String>,
    values_size: usize,
    status: Option<u16>,
    response: Vec<ReplyHeader>,
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Headers hold secrets.
        f.debug_struct("Exchange").field("trace_id", &self.trace_id()).finish_non_exhaustive()
    }
}

impl Exchange {
    /// An exchange that begins.
    pub fn new(parts: RequestParts, host: Arc<dyn HookHost>) -> Self {
        let RequestParts { method, target, peer, headers } = parts;
        let state = Mutex::new(State { headers, ..State::default() });
        Self { method, target, peer, host, state }
    }

    /// Identity of the request's trace.
    pub fn trace_id(&self) -> String {
        self.host.trace_id()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All values of a request header.
    pub fn header_values(&self, name: &str) -> Vec<String> {
        values(&self.state().headers, name)
    }

    /// The first value of a request header.
    pub fn header_value(&self, name: &str) -> Option<String> {
        let state = self.state();
        let found = state.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    }

    /// The request's headers in order.
    pub fn headers(&self) -> Arc<Vec<(String, String)>> {
        Arc::clone(&self.state().headers)
    }

    /// The request's headers if a hook changed them.
    pub fn changed_headers(&self) -> Option<Arc<Vec<(String, String)>>> {
        let state = self.state();
        state.changed.then(|| Arc::clone(&state.headers))
    }

    /// Changes a header of the request: `None` removes, `append` keeps what is there.
    pub(crate) fn change_header(
        &self,
        name: String,
        value: Option<String>,
        append: bool,
    ) -> Result<(), HeaderRefusal> {
        let mut state = self.state();
        change(Arc::make_mut(&mut state.headers), name, value, append)?;
        state.changed = true;
        Ok(())
    }

    /// A context value, JSON text.
    pub fn value(&self, key: &str) -> Option<String> {
        self.state().values.get(key).cloned()
    }

    /// Sets or removes a context value; `false` when the limit of the request is reached.
    pub fn set_value(&self, key: &str, value: Option<String>) -> bool {
        let mut state = self.state();
        let old = state.values.get(key).map_or(0, |value| key.len() + value.len());
        let new = value.as_ref().map_or(0, |value| key.len() + value.len());
        let size = state.values_size - old + new;
        if size > MAX_CONTEXT {
            return false;
        }
        state.values_size = size;
        match value {
            Some(value) => state.values.insert(key.to_owned(), value),
            None => state.values.remove(key),
        };
        true
    }

    /// Gives `on-response` the finished reply.
    pub fn set_reply(&self, status: u16, headers: Vec<ReplyHeader>) {
        let mut state = self.state();
        state.status = Some(status);
        // What hooks added earlier comes after the engine's own headers.
        let added = std::mem::replace(&mut state.response, headers);
        for (name, value) in added {
            remove(&mut state.response, &name);
            state.response.push((name, value));
        }
    }

    /// Status of the reply, once it is complete.
    pub fn status(&self) -> Option<u16> {
        self.state().status
    }

    pub(crate) fn set_status(&self, status: u16) {
        self.state().status = Some(status);
    }

    /// Headers of the reply: those that hooks added, and all once it is complete.
    pub fn response_headers(&self) -> Vec<(String, String)> {
        let state = self.state();
        state.response.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    /// The same, for the last one who wants them.
    pub fn take_response_headers(&self) -> Vec<ReplyHeader> {
        std::mem::take(&mut self.state().response)
    }

    /// Changes a header of the reply.
    pub fn change_response_header(
        &self,
        name: String,
        value: Option<String>,
        append: bool,
    ) -> Result<(), HeaderRefusal> {
        change(&mut self.state().response, name, value, append)
    }
}

fn values(headers: &[(String, String)], name: &str) -> Vec<String> {
    let found = headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.clone()).collect()
}

fn remove<T: AsRef<str>>(headers: &mut Vec<(T, T)>, name: &str) {
    headers.retain(|(known, _)| !known.as_ref().eq_ignore_ascii_case(name));
}

fn change<T: From<String> + AsRef<str>>(
    headers: &mut Vec<(T, T)>,
    mut name: String,
    value: Option<String>,
    append: bool,
) -> Result<(), HeaderRefusal> {
    check_name(&name)?;
    if let Some(value) = &value {
        let sound = value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
        if !sound {
            return Err(HeaderRefusal::BadValue);
        }
    }
    if !append {
        remove(headers, &name);
    }
    if let Some(value) = value {
        if headers.len() >= MAX_HEADERS {
            return Err(HeaderRefusal::Protected);
        }
        name.make_ascii_lowercase();
        headers.push((name.into(), value.into()));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), HeaderRefusal> {
    /// What frames the message belongs to the transport.
    const PROTECTED: [&str; 8] = [
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > 256 || !name.bytes().all(token) {
        return Err(HeaderRefusal::BadName);
    }
    if PROTECTED.iter().any(|protected| protected.eq_ignore_ascii_case(name)) {
        return Err(HeaderRefusal::Protected);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::SilentHost;

    fn exchange(headers: &[(&str, &str)]) -> Exchange {
        let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Exchange::new(
            RequestParts { headers: headers.into(), ..RequestParts::default() },
            Arc::new(SilentHost),
        )
    }

    #[test]
    fn header_names_ignore_case_and_values_keep_their_order() {
        let it = exchange(&[("X-A", "1"), ("x-a", "2")]);
        assert_eq!(it.header_values("x-A"), ["1", "2"]);
        assert_eq!(it.changed_headers(), None);
        it.change_header("X-a".into(), Some("3".into()), true).unwrap();
        assert_eq!(it.header_values("x-a"), ["1", "2", "3"]);
        it.change_header("X-a".into(), Some("4".into()), false).unwrap();
        assert_eq!(*it.changed_headers().unwrap(), [("x-a".to_owned(), "4".to_owned())]);
    }

    #[test]
    fn a_hook_cannot_break_the_framing_or_inject_lines() {
        let it = exchange(&[]);
        assert_eq!(it.change_header("a b".into(), Some("1".into()), false), Err(HeaderRefusal::BadName));
        assert_eq!(
            it.change_header("a".into(), Some("1\r\nx: y".into()), false),
            Err(HeaderRefusal::BadValue)
        );
        assert_eq!(
            it.change_header("Content-Length".into(), Some("1".into()), false),
            Err(HeaderRefusal::Protected)
        );
    }

    #[test]
    fn context_values_have_a_limit() {
        let it = exchange(&[]);
        assert!(it.set_value("a", Some("1".to_owned())));
        assert!(!it.set_value("b", Some("x".repeat(MAX_CONTEXT))));
        assert_eq!(it.value("a").as_deref(), Some("1"));
        assert!(it.set_value("a", None));
        assert_eq!(it.value("a"), None);
    }

    #[test]
    fn what_a_hook_set_earlier_wins_over_the_reply() {
        let it = exchange(&[]);
        it.change_response_header("X-Hook".into(), Some("1".into()), false).unwrap();
        it.set_reply(200, vec![("x-hook".into(), "0".into()), ("a".into(), "b".into())]);
        assert_eq!(
            it.response_headers(),
            [("a".to_owned(), "b".to_owned()), ("x-hook".to_owned(), "1".to_owned())]
        );
    }
}
