//! One `deno` process: how it is started, what is said to it, when it is killed.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::time::Instant;
use url::Url;

use super::usage::Usage;
use super::{Answers, DenoSettings};
use crate::run::{
    BRIDGE, Call, ConsoleLevel, Event, Failure, FailureKind, HostRequest, MAX_LINES, arguments,
};

const WORKER: &str = include_str!("worker.js");
/// How often the use of a running process is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// What the engine needs for itself, beside the script.
const ENGINE_MEMORY: usize = 192 * 1024 * 1024;
/// Longest message of a process.
const MAX_MESSAGE: usize = 64 * 1024 * 1024;
/// How much of what a process says on standard error is kept.
const TAIL: usize = 4096;
/// Variables of ours that `deno` itself needs to find its cache and the registries.
const OWN_VARIABLES: [&str; 13] = [
    "HOME",
    "PATH",
    "DENO_DIR",
    "DENO_CERT",
    "XDG_CACHE_HOME",
    "NPM_CONFIG_REGISTRY",
    "JSR_URL",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    input: ChildStdin,
    output: Messages,
    tail: Arc<Mutex<Vec<u8>>>,
    pub(super) environment: Arc<BTreeMap<String, String>>,
}

/// What a process says.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Message {
    Proceed { ask: u32, proceed: bool },
    Query { ask: u32, query: String, variables: String, contexts: Option<String> },
    Header { header: String, value: String },
    Print { print: u32, text: String },
    Done { done: String },
    Fail { fail: u32, message: String, stack: String },
}

impl Process {
    pub(super) fn start(
        settings: &DenoSettings,
        environment: &Arc<BTreeMap<String, String>>,
    ) -> Result<Self, Failure> {
        let program = format!("await ({WORKER})({BRIDGE});");
        let main = format!("data:text/javascript;base64,{}", STANDARD.encode(program));
        let mut command = Command::new(&settings.program);
        command.args(["run", "--quiet", "--no-prompt", "--allow-env"]);
        command.arg(format!("--allow-read={}", settings.root.display()));
        if !settings.allow_http.is_empty() {
            command.arg(format!("--allow-net={}", allowed(&settings.allow_http).join(",")));
        }
        let heap = settings.limits.memory / (1024 * 1024);
        command.arg(format!("--v8-flags=--max-old-space-size={heap}")).arg(main);
        let own = OWN_VARIABLES.iter().filter_map(|name| Some((*name, std::env::var(name).ok()?)));
        command.env_clear().envs(own).envs([("NO_COLOR", "1"), ("DENO_NO_UPDATE_CHECK", "1")]);
        command.envs(environment.iter());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let spawned = command.current_dir(&settings.root).kill_on_drop(true).spawn();
        let mut child = spawned.map_err(|error| {
            let program = settings.program.display();
            Failure::new(FailureKind::Stuck, format!("`{program}` cannot be started: {error}"))
        })?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Failure::new(FailureKind::Stuck, "`deno` has no standard input or output"));
        };
        let tail = Arc::default();
        tokio::spawn(keep_tail(errors, Arc::clone(&tail)));
        let output = Messages { reader: BufReader::new(output), pending: Vec::new() };
        Ok(Self { child, input, output, tail, environment: Arc::clone(environment) })
    }

    /// Evaluates the script. What that takes is not the call's computing: packages may be fetched.
    pub(super) async fn load(
        &mut self,
        settings: &DenoSettings,
        script: &str,
        events: &mpsc::UnboundedSender<Event>,
        answers: &mut Answers,
        until: Instant,
    ) -> Result<(), Failure> {
        let path = settings.root.join(script);
        if !path.is_file() {
            let message =
                format!("there is no file `{script}`: with `runtime = \"deno\"` it has to be in the project");
            return Err(Failure::new(FailureKind::Missing, message));
        }
        let url = Url::from_file_path(&path).map(String::from).unwrap_or_default();
        self.say(&json!({ "load": url })).await?;
        let watch = Watch { settings, until, computing: None, lines: 0 };
        self.drive(watch, events, answers).await.map(drop)
    }

    pub(super) async fn call(
        &mut self,
        settings: &DenoSettings,
        call: &Call,
        events: &mpsc::UnboundedSender<Event>,
        answers: &mut Answers,
        until: Instant,
    ) -> Result<String, Failure> {
        let open = settings.limits.open_requests;
        self.say(&json!({ "call": call.function, "given": arguments(call), "open": open })).await?;
        let used = self.usage().map(|usage| usage.computing);
        let watch = Watch { settings, until, computing: used, lines: 0 };
        self.drive(watch, events, answers).await
    }

    fn usage(&self) -> Option<Usage> {
        Usage::of(self.child.id()?)
    }

    async fn say(&mut self, message: &Value) -> Result<(), Failure> {
        let mut text = message.to_string();
        text.push('\n');
        let written = async {
            self.input.write_all(text.as_bytes()).await?;
            self.input.flush().await
        };
        match written.await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.ended().await),
        }
    }

    /// Listens until what was asked for is done.
    async fn drive(
        &mut self,
        mut watch: Watch<'_>,
        events: &mpsc::UnboundedSender<Event>,
        answers: &mut Answers,
    ) -> Result<String, Failure> {
        loop {
            let next_look = watch.until.min(Instant::now() + LOOK);
            tokio::select! {
                biased;
                answer = answers.recv() => {
                    let Some((id, answer)) = answer else {
                        return Err(Failure::new(FailureKind::Stuck, "the caller went away"));
                    };
                    let (outcome, text) = match answer {
                        Ok(json) => (0, json),
                        Err(error) => (if error.public { 1 } else { 2 }, error.message),
                    };
                    self.say(&json!({ "answer": id, "outcome": outcome, "text": text })).await?;
                }
                line = self.output.next() => {
                    let line = match line {
                        Ok(Some(line)) => line,
                        Ok(None) | Err(_) => return Err(self.ended().await),
                    };
                    if let Some(result) = watch.hear(&line, events) {
                        return result;
                    }
                }
                () = tokio::time::sleep_until(next_look) => watch.check(self.usage())?,
            }
        }
    }

    /// The failure behind a process that is no more.
    async fn ended(&mut self) -> Failure {
        // It is gone or about to be; a moment more gives the reason.
        let status = tokio::time::timeout(Duration::from_secs(1), self.child.wait()).await;
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let said = String::from_utf8_lossy(&tail).trim().to_owned();
        if said.contains("out of memory") {
            return Failure::new(FailureKind::Memory, "the script needed more memory than it may use");
        }
        let status =
            status.ok().and_then(Result::ok).map_or_else(|| "closed".to_owned(), |it| it.to_string());
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        Failure::new(FailureKind::Stuck, format!("`deno` ended ({status}){said}"))
    }
}

/// What one conversation may take, and what was said in it.
struct Watch<'s> {
    settings: &'s DenoSettings,
    until: Instant,
    /// Computing time used before it; `None` where that is not counted.
    computing: Option<Duration>,
    /// Console lines.
    lines: u32,
}

impl Watch<'_> {
    fn check(&self, usage: Option<Usage>) -> Result<(), Failure> {
        let limits = &self.settings.limits;
        let too_long = |limit: Duration| {
            let message = format!("the script was stopped after {} s", limit.as_secs_f64());
            Err(Failure::new(FailureKind::Timeout, message))
        };
        if Instant::now() >= self.until {
            return too_long(limits.total);
        }
        let Some(usage) = usage else { return Ok(()) };
        if self.computing.is_some_and(|before| usage.computing.saturating_sub(before) > limits.computing) {
            return too_long(limits.computing);
        }
        if usage.memory > limits.memory + ENGINE_MEMORY {
            let limit = limits.memory / (1024 * 1024);
            let message = format!("the script needed more than {limit} MiB of memory");
            return Err(Failure::new(FailureKind::Memory, message));
        }
        Ok(())
    }

    /// Takes a message; gives the result when it is the last one.
    fn hear(&mut self, line: &str, events: &mpsc::UnboundedSender<Event>) -> Option<Result<String, Failure>> {
        // A caller that went away shows at the next answer or look.
        let send = |event| drop(events.send(event));
        let Ok(message) = serde_json::from_str(line) else {
            // Something wrote to standard output directly.
            self.print(1, line.to_owned(), events);
            return None;
        };
        match message {
            Message::Query { ask, query, variables, contexts } => {
                let variables = serde_json::from_str(&variables).unwrap_or_default();
                let contexts = contexts.and_then(|text| serde_json::from_str(&text).ok());
                send(Event::Ask { id: ask, request: HostRequest::Query { query, variables, contexts } });
            }
            Message::Proceed { ask, proceed } => {
                debug_assert!(proceed);
                send(Event::Ask { id: ask, request: HostRequest::Proceed });
            }
            Message::Header { header, value } => send(Event::Header { name: header, value }),
            Message::Print { print, text } => self.print(print, text, events),
            Message::Done { done } => return Some(Ok(done)),
            Message::Fail { fail, message, stack } => {
                let kind = FailureKind::reported(fail);
                return Some(Err(Failure { kind, message, stack: self.relative(&stack) }));
            }
        }
        None
    }

    fn print(&mut self, level: u32, text: String, events: &mpsc::UnboundedSender<Event>) {
        self.lines += 1;
        let event = match self.lines.cmp(&MAX_LINES) {
            std::cmp::Ordering::Less => Event::Console { level: ConsoleLevel::reported(level), text },
            std::cmp::Ordering::Equal => Event::Console {
                level: ConsoleLevel::Warn,
                text: format!("(more than {MAX_LINES} lines of one call are left out)"),
            },
            std::cmp::Ordering::Greater => return,
        };
        // A caller that went away reads no console.
        let _ = events.send(event);
    }

    /// A stack with places in the project, without our own code.
    fn relative(&self, stack: &str) -> String {
        let root = Url::from_directory_path(&self.settings.root).map(String::from).unwrap_or_default();
        let lines = stack.lines().filter(|line| !line.contains("data:text/javascript"));
        let lines = lines.filter(|line| line.trim_start().starts_with("at "));
        lines.map(|line| line.replace(&root, "")).collect::<Vec<_>>().join("\n")
    }
}

/// Lines of standard output. What has arrived of a line stays when nobody waits for the rest.
#[derive(Debug)]
struct Messages {
    reader: BufReader<ChildStdout>,
    pending: Vec<u8>,
}

impl Messages {
    async fn next(&mut self) -> std::io::Result<Option<String>> {
        loop {
            let arrived = self.reader.fill_buf().await?;
            if arrived.is_empty() {
                return Ok(None);
            }
            let end = arrived.iter().position(|byte| *byte == b'\n');
            let taken = end.unwrap_or(arrived.len());
            self.pending.extend_from_slice(&arrived[..taken]);
            self.reader.consume(end.map_or(taken, |end| end + 1));
            if self.pending.len() > MAX_MESSAGE {
                return Err(std::io::ErrorKind::InvalidData.into());
            }
            if end.is_some() {
                let line = String::from_utf8_lossy(&self.pending).into_owned();
                self.pending.clear();
                return Ok(Some(line));
            }
        }
    }
}

/// Keeps the end of what a process says, so that it never waits for a reader.
async fn keep_tail(mut errors: ChildStderr, tail: Arc<Mutex<Vec<u8>>>) {
    let mut bytes = [0; 1024];
    while let Ok(read @ 1..) = errors.read(&mut bytes).await {
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend_from_slice(&bytes[..read]);
        let surplus = tail.len().saturating_sub(TAIL);
        tail.drain(..surplus);
    }
}

/// Entries of the allow-list as `deno` has them: without a port it would allow all of them.
fn allowed(entries: &[String]) -> Vec<String> {
    let mut hosts = Vec::new();
    for entry in entries {
        let port = entry.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
        match port {
            Some(_) => hosts.push(entry.clone()),
            None => hosts.extend(["80", "443"].map(|port| format!("{entry}:{port}"))),
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_without_a_port_open_two() {
        let entries = ["api.example.org", "localhost:9000", "[::1]:80"].map(str::to_owned);
        assert_eq!(
            allowed(&entries),
            ["api.example.org:80", "api.example.org:443", "localhost:9000", "[::1]:80"]
        );
    }
}
