//! Replacing a component while clients send requests: none of them fails.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use studio_events::{ProblemSource, ServiceStatus, StudioState};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::guest::component;
use crate::started::{Folder, NOTES, Started};
use crate::studio::{ask, hook_problems, wait};

const TOML: &str = "[hooks.version]\npath = \"version.wasm\"\ntimeout_ms = 20000\n";

/// Requests in all, and the connections they come over.
const REQUESTS: u32 = 10_000;
const CLIENTS: u32 = 8;
/// Every so many requests one reads rows; the others ask for nothing that Postgres has.
const READS: u32 = 20;

/// A guest that says its version in a header of the reply.
fn version(name: char) -> Vec<u8> {
    let wat = format!(
        r#"(module
            (import "exo:hooks/response@0.1.0" "set-header" (func $set (param i32 i32 i32 i32 i32)))
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
            (func (export "exo:hooks/gateway@0.1.0#on-request") (result i32)
                (i32.store8 (i32.const 3072) (i32.const 0))
                (i32.const 3072))
            (func (export "exo:hooks/gateway@0.1.0#on-response")
                (call $set @"x-version" @"{name}" (i32.const 2048))))"#
    );
    component("gateway-hooks", &wat)
}

fn replace(root: &Path, bytes: &[u8]) {
    fs::write(root.join("version.tmp"), bytes).unwrap();
    fs::rename(root.join("version.tmp"), root.join("version.wasm")).unwrap();
}

/// What the clients have seen.
#[derive(Default)]
struct Seen {
    sent: AtomicU32,
    /// A bit for each version, `a` is the first.
    versions: AtomicU32,
    enough: AtomicBool,
}

/// Sends requests over one connection until there were enough of them and everything has been replaced.
async fn client(authority: String, seen: Arc<Seen>) {
    let stream = TcpStream::connect(&authority).await.unwrap();
    let mut stream = BufReader::new(stream);
    loop {
        let number = seen.sent.fetch_add(1, Ordering::SeqCst);
        if number >= REQUESTS && seen.enough.load(Ordering::SeqCst) {
            return;
        }
        let read = number.is_multiple_of(READS);
        let body = if read { "{\"query\":\"{ notes { text } }\"}" } else { "{\"query\":\"{ __typename }\"}" };
        let request = format!(
            "POST /graphql HTTP/1.1\r\nhost: {authority}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.get_mut().write_all(request.as_bytes()).await.unwrap();
        let (mut head, mut length) = (Vec::new(), 0);
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
            head.push(line);
        }
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let expected =
            if read { "{\"data\":{\"notes\":[]}}" } else { "{\"data\":{\"__typename\":\"Query\"}}" };
        assert_eq!((head[0].as_str(), answer.as_str()), ("http/1.1 200 ok", expected), "request {number}");
        let version = head.iter().find_map(|line| line.strip_prefix("x-version: ")).unwrap();
        let bit = 1 << (version.as_bytes()[0] - b'a');
        seen.versions.fetch_or(bit, Ordering::SeqCst);
    }
}

/// Its start never ends, so that loading it takes as long as that may take: ten seconds.
const SLOW: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func (export "exo:hooks/lifecycle@0.1.0#start") (result i32) (loop $again (br $again)) (i32.const 0))
    (func (export "exo:hooks/gateway@0.1.0#on-request") (result i32) (i32.const 3072))
    (func (export "exo:hooks/gateway@0.1.0#on-response")))"#;

/// A save is checked, and requests are answered, while a component is being loaded.
pub(crate) async fn nothing_waits_for_a_component_that_loads_slowly() {
    let folder = Folder::new(NOTES, TOML);
    let root = &folder.root;
    replace(root, &version('a'));
    let Started { studio, mut states, authority, .. } = Started::on(&folder).await;
    // A section that means nothing makes it so large that the log says when its load begins.
    let mut slow = wat::parse_str(SLOW).unwrap();
    slow.extend([0, 0x84, 0x80, 0x80, 0x81, 0, 3]);
    slow.extend(b"pad");
    slow.extend(vec![0; 2 << 20]);
    replace(root, &slow);
    wait(&mut states, |state| state.logs.iter().any(|(_, line)| line.text.contains("is being compiled")))
        .await;
    // A save is seen before that ends.
    let broken = |state: &StudioState| {
        let of_model = state.problems.iter().filter(|(source, _)| *source == ProblemSource::Model);
        of_model.map(|(_, problems)| problems.len()).sum::<usize>() > 0
    };
    fs::write(root.join("src/index.exo"), NOTES.replace("String", "Strin")).unwrap();
    let state = wait(&mut states, |state| broken(state) || !hook_problems(state).is_empty()).await;
    assert!(broken(&state) && hook_problems(&state).is_empty());
    fs::write(root.join("src/index.exo"), NOTES).unwrap();
    let state = wait(&mut states, |state| !broken(state) || !hook_problems(state).is_empty()).await;
    assert!(!broken(&state) && hook_problems(&state).is_empty());
    let (status, _, head) = ask(&authority, "{ __typename }", &[]).await;
    assert!(status == 200 && head.contains("x-version: a"), "{head}");
    let state = wait(&mut states, |state| !hook_problems(state).is_empty()).await;
    assert!(hook_problems(&state)[0].contains("cannot be started"), "{:?}", hook_problems(&state));
    studio.stop().await.unwrap();
}

pub(crate) async fn no_request_fails_while_a_component_is_replaced() {
    let folder = Folder::new(NOTES, TOML);
    let root = &folder.root;
    replace(root, &version('a'));
    let Started { studio, mut states, authority, .. } = Started::on(&folder).await;
    let seen = Arc::new(Seen::default());
    let clients: Vec<_> =
        (0..CLIENTS).map(|_| tokio::spawn(client(authority.clone(), Arc::clone(&seen)))).collect();
    let answered_by = async |version: u8| {
        while seen.versions.load(Ordering::SeqCst) & (1 << (version - b'a')) == 0 {
            assert!(!clients.iter().all(tokio::task::JoinHandle::is_finished), "all clients have failed");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    answered_by(b'a').await;
    for name in ['b', 'c', 'd'] {
        replace(root, &version(name));
        answered_by(name as u8).await;
    }
    // A file that does not load leaves the old one serving, and says so.
    replace(root, b"\0asm broken");
    let state = wait(&mut states, |state| !hook_problems(state).is_empty()).await;
    let problem = hook_problems(&state);
    assert!(problem[0].contains("`version`"), "{problem:?}");
    wait(&mut states, degraded).await;
    seen.versions.store(0, Ordering::SeqCst);
    answered_by(b'd').await;
    for name in ['e', 'f'] {
        replace(root, &version(name));
        answered_by(name as u8).await;
    }
    wait(&mut states, |state| hook_problems(state).is_empty() && !degraded(state)).await;
    seen.enough.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.unwrap();
    }
    assert!(seen.sent.load(Ordering::SeqCst) >= REQUESTS);
    studio.stop().await.unwrap();
}

fn degraded(state: &StudioState) -> bool {
    state
        .services
        .iter()
        .any(|service| service.name == "hook version" && service.status == ServiceStatus::Degraded)
}
