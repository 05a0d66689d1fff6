//! Outgoing HTTP of guests, `outbound` and `wasi:http`, against servers of this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use studio_hooks::{ComponentConfig, Failure, HookComponent, HookErrorKind, NoCalls, OperationKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::guest::{WIT, component, config, load, session, with_strings};

/// A web server for one test.
struct Web {
    authority: String,
    requests: Arc<AtomicUsize>,
}

impl Web {
    async fn start(address: &str) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(answer(stream));
            }
        });
        Self { authority, requests }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority)
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn answer(mut stream: TcpStream) -> Option<()> {
    let mut request = Vec::new();
    let (head, mut body) = loop {
        let mut chunk = [0; 1024];
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            break (head.to_ascii_lowercase(), body.to_owned());
        }
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    while body.len() < length.unwrap_or_default() {
        let mut chunk = [0; 1024];
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        body.push_str(&String::from_utf8_lossy(&chunk[..read]));
    }
    let mut words = head.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let reply = |status: &str, headers: &str, body: &str| {
        format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let text = match target.split_once("?to=") {
        Some((_, to)) => reply("302 Found", &format!("location: {to}\r\n"), ""),
        None => match target {
            // Never answered; the connection stays open until the client is gone.
            "/slow" => {
                let _ = stream.read(&mut [0; 1]).await;
                return None;
            }
            "/circle" => reply("302 Found", "location: /circle\r\n", ""),
            "/large" => reply("200 OK", "", &" ".repeat(5 << 20)),
            "/teapot" => reply("418 I'm a teapot", "", "[]"),
            _ => {
                let named = head.lines().find_map(|line| line.strip_prefix("x-a: ")).unwrap_or("none");
                reply("200 OK", "", &format!("{{\"said\":\"{method} {named} {body}\"}}"))
            }
        },
    };
    stream.write_all(text.as_bytes()).await.ok()
}

/// A module whose query asks `outbound` for the URL in its arguments. The first letter of the query's name says how:
/// `p`osts a header and a body, `t`akes 50 ms at most, asks for two things at once (`a`), or plainly gets.
const OUTBOUND: &str = r#"(module
  (import "exo:hooks/outbound@0.1.0" "send"
    (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "exo:hooks/outbound@0.1.0" "send-all" (func $send-all (param i32 i32 i32)))
  (memory (export "memory") 200)
  (global $bump (mut i32) (i32.const 8192))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $bump) (i32.const 7)) (i32.const -8)))
    (global.set $bump (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func $put (param $at i32) (param $text i32) (param $length i32)
    (i32.store (local.get $at) (local.get $text))
    (i32.store offset=4 (local.get $at) (local.get $length)))
  ;; A failure: kind of error as code, its text as message.
  (func $failed (param $result i32) (result i32)
    (local $kind i32)
    (i64.store (i32.const 3072) (i64.const 0))
    (i64.store (i32.const 3080) (i64.const 0))
    (i64.store (i32.const 3088) (i64.const 0))
    (i64.store (i32.const 3096) (i64.const 0))
    (i32.store8 (i32.const 3072) (i32.const 1))
    (local.set $kind (i32.load8_u offset=4 (local.get $result)))
    (i32.store8 (i32.const 3084) (i32.const 1))
    (if (i32.eq (local.get $kind) (i32.const 0)) (then (call $put (i32.const 3088) @"FORBIDDEN")))
    (if (i32.eq (local.get $kind) (i32.const 1)) (then (call $put (i32.const 3088) @"TIMEOUT")))
    (if (i32.eq (local.get $kind) (i32.const 2)) (then (call $put (i32.const 3088) @"TOO_LARGE")))
    (if (i32.eq (local.get $kind) (i32.const 3)) (then (call $put (i32.const 3088) @"TRANSPORT")))
    (if (i32.or (i32.eqz (local.get $kind)) (i32.eq (local.get $kind) (i32.const 3))) (then
      (call $put (i32.const 3076)
        (i32.load offset=8 (local.get $result)) (i32.load offset=12 (local.get $result)))))
    (i32.const 3072))
  (func (export "exo:hooks/module@0.1.0#query") (param $name i32) (param i32) (param $url i32) (param $length i32)
    (result i32)
    (local $first i32)
    (local.set $first (i32.load8_u (local.get $name)))
    (if (i32.eq (local.get $first) (i32.const 97)) (then
      ;; Twice the same, the second time with a method that is none.
      (memory.fill (i32.const 4000) (i32.const 0) (i32.const 80))
      (call $put (i32.const 4000) @"GET")
      (call $put (i32.const 4008) (local.get $url) (local.get $length))
      (call $put (i32.const 4040) @"no method")
      (call $put (i32.const 4048) (local.get $url) (local.get $length))
      (call $send-all (i32.const 4000) (i32.const 2) (i32.const 2048))
      (i32.store8 (i32.const 4100) (i32.const 91))
      (i32.store8 (i32.const 4101) (i32.add (i32.const 48) (i32.load8_u (i32.load (i32.const 2048)))))
      (i32.store8 (i32.const 4102) (i32.const 44))
      (i32.store8 (i32.const 4103) (i32.add (i32.const 48) (i32.load8_u offset=24 (i32.load (i32.const 2048)))))
      (i32.store8 (i32.const 4104) (i32.const 93))
      (i32.store8 (i32.const 3072) (i32.const 0))
      (call $put (i32.const 3076) (i32.const 4100) (i32.const 5))
      (return (i32.const 3072))))
    (if (i32.eq (local.get $first) (i32.const 112)) (then
      (call $put (i32.const 4000) @"x-a")
      (call $put (i32.const 4008) @"b")
      (call $send @"POST" (local.get $url) (local.get $length) (i32.const 4000) (i32.const 1) @"hi"
        (i32.const 0) (i32.const 0) (i32.const 2048)))
    (else (call $send @"GET" (local.get $url) (local.get $length) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.eq (local.get $first) (i32.const 116)) (i32.const 50) (i32.const 2048))))
    (if (i32.load8_u (i32.const 2048)) (then (return (call $failed (i32.const 2048)))))
    (i32.store8 (i32.const 3072) (i32.const 0))
    (call $put (i32.const 3076) (i32.load (i32.const 2064)) (i32.load (i32.const 2068)))
    (i32.const 3072))
  (func (export "exo:hooks/module@0.1.0#mutation") (param i32 i32 i32 i32) (result i32) unreachable)
)"#;

async fn outbound(allowed: &[&str], private: bool) -> Arc<HookComponent> {
    let settings = ComponentConfig {
        allow_http: allowed.iter().map(|it| (*it).to_owned()).collect(),
        allow_private: private,
        ..config()
    };
    load(component("module-hooks", OUTBOUND), settings).await.unwrap()
}

async fn get(guest: &Arc<HookComponent>, how: &str, url: &str) -> Result<String, Failure> {
    let (session, _) = session(&[]);
    session.module(guest, OperationKind::Query, how, url, None, &mut NoCalls).await.unwrap()
}

/// The kind of a refusal and its text.
async fn refused(guest: &Arc<HookComponent>, url: &str) -> (String, String) {
    let failure = get(guest, "get", url).await.unwrap_err();
    (failure.code.unwrap_or_default(), failure.message)
}

#[tokio::test]
async fn a_listed_host_is_asked_and_its_answer_comes_back() {
    let web = Web::start("127.0.0.1").await;
    let guest = outbound(&[&web.authority], false).await;
    assert_eq!(get(&guest, "get", &web.url("/json")).await.unwrap(), "{\"said\":\"get none \"}");
    assert_eq!(get(&guest, "post", &web.url("/json")).await.unwrap(), "{\"said\":\"post b hi\"}");
    // Several at once, answers in the order asked.
    assert_eq!(get(&guest, "all", &web.url("/json")).await.unwrap(), "[0,1]");
}

#[tokio::test]
async fn what_is_not_listed_is_refused_before_anything_is_sent() {
    let web = Web::start("127.0.0.1").await;
    let port = web.authority.rsplit_once(':').unwrap().1.to_owned();
    for (allowed, url) in [
        (&[][..], web.url("/json")),
        (&["example.com"][..], web.url("/json")),
        (&["127.0.0.1"][..], web.url("/json")),
        (&["127.0.0.1:1"][..], web.url("/json")),
        (&["127.0.0.2:1"][..], format!("http://2130706433:{port}/json")),
    ] {
        let guest = outbound(allowed, true).await;
        let (code, why) = refused(&guest, &url).await;
        assert_eq!(code, "FORBIDDEN", "{allowed:?} {url}");
        assert_eq!(why, format!("`127.0.0.1:{port}` is not in allow_http"));
    }
    let guest = outbound(&[&web.authority], false).await;
    assert_eq!(refused(&guest, "ftp://127.0.0.1/json").await.0, "FORBIDDEN");
    assert_eq!(refused(&guest, "no url").await.0, "TRANSPORT");
    assert_eq!(web.requests(), 0);
}

#[tokio::test]
async fn redirects_are_checked_like_the_first_request() {
    let web = Web::start("127.0.0.1").await;
    let other = Web::start("127.0.0.2").await;
    let guest = outbound(&[&web.authority], false).await;
    let within = web.url(&format!("/go?to={}", web.url("/json")));
    assert_eq!(get(&guest, "get", &within).await.unwrap(), "{\"said\":\"get none \"}");
    for target in [other.url("/json"), "http://169.254.169.254/latest".to_owned()] {
        let (code, _) = refused(&guest, &web.url(&format!("/go?to={target}"))).await;
        assert_eq!(code, "FORBIDDEN", "{target}");
    }
    assert_eq!(other.requests(), 0);
    let around = web.url(&format!("/go?to={}", web.url("/go?to=/go?to=/json")));
    assert!(get(&guest, "get", &around).await.is_ok());
    // In circles.
    let (code, why) = refused(&guest, &web.url("/circle")).await;
    assert_eq!((code.as_str(), why.as_str()), ("FORBIDDEN", "too many redirects"));
}

#[tokio::test]
async fn private_addresses_have_to_be_named_or_permitted() {
    let web = Web::start("127.0.0.1").await;
    let port = web.authority.rsplit_once(':').unwrap().1.to_owned();
    // A pattern names no address.
    let pattern = format!("*.0.0.1:{port}");
    let guest = outbound(&[&pattern], false).await;
    let (code, why) = refused(&guest, &web.url("/json")).await;
    assert_eq!((code.as_str(), why.as_str()), ("FORBIDDEN", "`127.0.0.1` is a private address"));
    assert_eq!(web.requests(), 0);
    let permitted = outbound(&[&pattern], true).await;
    assert!(get(&permitted, "get", &web.url("/json")).await.is_ok());
    // `localhost` says what it means.
    let named = outbound(&[&format!("localhost:{port}")], false).await;
    assert!(get(&named, "get", &format!("http://localhost:{port}/json")).await.is_ok());
}

#[tokio::test]
async fn answers_have_a_size_and_a_time() {
    let web = Web::start("127.0.0.1").await;
    let guest = outbound(&[&web.authority], false).await;
    assert_eq!(refused(&guest, &web.url("/large")).await.0, "TOO_LARGE");
    let late = get(&guest, "time", &web.url("/slow")).await.unwrap_err();
    assert_eq!(late.code.as_deref(), Some("TIMEOUT"));
}

/// What the guest needs of `wasi:http`, in our own words; names and shapes are the standard's.
const WASI: &str = r#"package test:http;
world w {
  import wasi:http/outgoing-handler@0.2.0;
  export exo:hooks/module@0.1.0;
}
package wasi:io@0.2.0 {
  interface poll {
    resource pollable { block: func(); }
  }
}
package wasi:http@0.2.0 {
  interface types {
    use wasi:io/poll@0.2.0.{pollable};
    variant scheme { HTTP, HTTPS, other(string) }
    record DNS-error-payload { rcode: option<string>, info-code: option<u16> }
    record TLS-alert-received-payload { alert-id: option<u8>, alert-message: option<string> }
    record field-size-payload { field-name: option<string>, field-size: option<u32> }
    variant error-code {
      DNS-timeout, DNS-error(DNS-error-payload), destination-not-found, destination-unavailable,
      destination-IP-prohibited, destination-IP-unroutable, connection-refused, connection-terminated,
      connection-timeout, connection-read-timeout, connection-write-timeout, connection-limit-reached,
      TLS-protocol-error, TLS-certificate-error, TLS-alert-received(TLS-alert-received-payload),
      HTTP-request-denied, HTTP-request-length-required, HTTP-request-body-size(option<u64>),
      HTTP-request-method-invalid, HTTP-request-URI-invalid, HTTP-request-URI-too-long,
      HTTP-request-header-section-size(option<u32>), HTTP-request-header-size(option<field-size-payload>),
      HTTP-request-trailer-section-size(option<u32>), HTTP-request-trailer-size(field-size-payload),
      HTTP-response-incomplete, HTTP-response-header-section-size(option<u32>),
      HTTP-response-header-size(field-size-payload), HTTP-response-body-size(option<u64>),
      HTTP-response-trailer-section-size(option<u32>), HTTP-response-trailer-size(field-size-payload),
      HTTP-response-transfer-coding(option<string>), HTTP-response-content-coding(option<string>),
      HTTP-response-timeout, HTTP-upgrade-failed, HTTP-protocol-error, loop-detected, configuration-error,
      internal-error(option<string>),
    }
    resource fields { constructor(); }
    resource outgoing-request {
      constructor(headers: fields);
      set-path-with-query: func(path-with-query: option<string>) -> result;
      set-scheme: func(scheme: option<scheme>) -> result;
      set-authority: func(authority: option<string>) -> result;
    }
    resource request-options { constructor(); }
    resource incoming-response { status: func() -> u16; }
    resource future-incoming-response {
      subscribe: func() -> pollable;
      get: func() -> option<result<result<incoming-response, error-code>>>;
    }
  }
  interface outgoing-handler {
    use types.{outgoing-request, request-options, future-incoming-response, error-code};
    handle: func(request: outgoing-request, options: option<request-options>)
      -> result<future-incoming-response, error-code>;
  }
}
"#;

/// A module whose query gets the path in its name from the host in its arguments: the status, or 1000 and the number of
/// the error.
const WASI_HTTP: &str = r#"(module
  (import "wasi:http/types@0.2.0" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.0" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-path-with-query"
    (func $set-path (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-scheme"
    (func $set-scheme (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-request.set-authority"
    (func $set-authority (param i32 i32 i32 i32) (result i32)))
  (import "wasi:http/outgoing-handler@0.2.0" "handle" (func $handle (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]future-incoming-response.subscribe" (func $subscribe (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]future-incoming-response.get" (func $get (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]incoming-response.status" (func $status (param i32) (result i32)))
  (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
  (memory (export "memory") 2)
  (global $bump (mut i32) (i32.const 8192))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $bump) (i32.const 7)) (i32.const -8)))
    (global.set $bump (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func $number (param $value i32) (result i32)
    (local $at i32)
    (local.set $at (i32.const 3600))
    (i32.store (i32.const 3080) (i32.const 0))
    (loop $digits
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $value) (i32.const 10))))
      (local.set $value (i32.div_u (local.get $value) (i32.const 10)))
      (br_if $digits (local.get $value)))
    (i32.store8 (i32.const 3072) (i32.const 0))
    (i32.store (i32.const 3076) (local.get $at))
    (i32.store (i32.const 3080) (i32.sub (i32.const 3600) (local.get $at)))
    (i32.const 3072))
  (func (export "exo:hooks/module@0.1.0#query") (param $path i32) (param $p i32) (param $host i32) (param $h i32)
    (result i32)
    (local $request i32) (local $future i32)
    ;; `more` and more of what the host has to keep.
    (if (i32.eq (i32.load8_u (local.get $path)) (i32.const 109)) (then
      (loop $again (drop (call $fields)) (br $again))))
    (local.set $request (call $request (call $fields)))
    (drop (call $set-path (local.get $request) (i32.const 1) (local.get $path) (local.get $p)))
    (drop (call $set-scheme (local.get $request) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
    (drop (call $set-authority (local.get $request) (i32.const 1) (local.get $host) (local.get $h)))
    (call $handle (local.get $request) (i32.const 0) (i32.const 0) (i32.const 2048))
    (if (i32.load8_u (i32.const 2048)) (then
      (return (call $number (i32.add (i32.const 1000) (i32.load8_u (i32.const 2056)))))))
    (local.set $future (i32.load (i32.const 2056)))
    (call $block (call $subscribe (local.get $future)))
    (call $get (local.get $future) (i32.const 2048))
    (if (i32.load8_u (i32.const 2064)) (then
      (return (call $number (i32.add (i32.const 1000) (i32.load8_u (i32.const 2072)))))))
    (call $number (call $status (i32.load (i32.const 2072)))))
  (func (export "exo:hooks/module@0.1.0#mutation") (param i32 i32 i32 i32) (result i32) unreachable)
)"#;

/// Position of `HTTP-request-denied` in the standard's errors, as the guest reports it.
const DENIED: &str = "1015";

fn wasi_guest() -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve.push_str("exo-hooks.wit", WIT).unwrap();
    let package = resolve.push_str("test.wit", WASI).unwrap();
    let world = resolve.select_world(&[package], Some("w")).unwrap();
    let mut module = wat::parse_str(with_strings(WASI_HTTP)).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}

#[tokio::test]
async fn the_standard_interface_is_under_the_same_list() {
    let web = Web::start("127.0.0.1").await;
    let other = Web::start("127.0.0.2").await;
    let ask = async |allowed: &str, authority: &str, path: &str| {
        let settings = ComponentConfig { allow_http: vec![allowed.to_owned()], ..config() };
        let guest = load(wasi_guest(), settings).await.unwrap();
        get(&guest, path, authority).await.unwrap()
    };
    assert_eq!(ask(&web.authority, &web.authority, "/json").await, "200");
    assert_eq!(ask(&web.authority, &web.authority, "/teapot").await, "418");
    assert_eq!(ask("example.com", &other.authority, "/json").await, DENIED);
    let elsewhere = format!("/go?to={}", other.url("/json"));
    assert_eq!(ask(&web.authority, &web.authority, &elsewhere).await, DENIED);
    assert_eq!(other.requests(), 0);
}

#[tokio::test]
async fn a_guest_that_collects_resources_is_stopped() {
    let guest = load(wasi_guest(), config()).await.unwrap();
    let (session, _) = session(&[]);
    let kind = OperationKind::Query;
    let error = session.module(&guest, kind, "more", "", None, &mut NoCalls).await.unwrap_err();
    assert_eq!(error.kind, HookErrorKind::Crashed, "{error}");
    assert_eq!(guest.metrics().in_use, 0);
}
