//! Runs the binary and talks to it. Everything it makes lies in a temporary folder and ends with the test.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest wait for anything; a busy machine is slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The binary under test.
pub(crate) fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_exo-studio"))
}

/// A command without the developer's own settings.
pub(crate) fn command() -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars() {
        if name.starts_with("EXO_") && !name.starts_with("EXO_STUDIO_") && !name.starts_with("EXO_REQUIRE_") {
            command.env_remove(name);
        }
    }
    command.env_remove("DATABASE_URL").stdin(Stdio::null());
    command
}

/// A temporary folder that the server's own user may enter, too.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("exo-it-").tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// A project made from a template.
pub(crate) fn project(folder: &Path, template: &str) -> PathBuf {
    let path = folder.join(template);
    let output = command().arg("new").arg(&path).args(["--template", template]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    path
}

/// Both outputs of a command, for messages.
pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Waits until `found` gives something.
pub(crate) fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(it) = found() {
            return it;
        }
        assert!(Instant::now() < end, "no {what} within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A studio without a terminal, with its events.
#[derive(Debug)]
pub(crate) struct Studio {
    pub(crate) child: Child,
    record: PathBuf,
    log: PathBuf,
}

impl Studio {
    /// Starts it on a project, on a free port.
    pub(crate) fn start(project: &Path) -> Self {
        Self::start_with(project, &[])
    }

    /// Starts it with further arguments. It takes orders from [`Studio::order`].
    pub(crate) fn start_with(project: &Path, args: &[&str]) -> Self {
        let number = fs::read_dir(project.parent().unwrap()).unwrap().count();
        let record = project.parent().unwrap().join(format!("events-{number}.jsonl"));
        let log = project.parent().unwrap().join(format!("output-{number}.txt"));
        let child = command()
            .arg(project)
            .args(["--plain", "--port", "0", "--record"])
            .arg(&record)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(fs::File::create(&log).unwrap())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        Self { child, record, log }
    }

    /// All events so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.record).unwrap_or_default();
        // The last line may be half written.
        text.lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .map(|it| it["kind"].clone())
            .collect()
    }

    /// What it printed.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits for an event at this JSON pointer.
    pub(crate) fn event(&self, pointer: &str) -> Value {
        wait_for(&format!("event {pointer} in\n{}", self.output()), || {
            self.events().iter().rev().find_map(|event| event.pointer(pointer).cloned())
        })
    }

    /// Waits until this revision answers requests.
    pub(crate) fn serves(&self, revision: u64) {
        wait_for(&format!("revision {revision} in\n{}", self.output()), || {
            self.events()
                .iter()
                .find(|event| event.pointer("/Serving/Swapped/to") == Some(&revision.into()))
                .map(|_| ())
        });
    }

    /// The base URL.
    pub(crate) fn url(&self) -> String {
        self.event("/Serving/Bound/url").as_str().unwrap().to_owned()
    }

    /// Sends a GraphQL document.
    pub(crate) fn ask(&self, query: &str) -> Value {
        ask(&self.url(), query)
    }

    /// Writes a line to its standard input.
    pub(crate) fn order(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
        input.flush().unwrap();
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: &str) {
        kill(signal, self.child.id());
    }

    /// Asks it to stop and waits for its end.
    pub(crate) fn stop(mut self) -> i32 {
        self.signal("INT");
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.signal("INT");
            let _ = self.child.wait();
        }
    }
}

/// Sends a signal to a process.
pub(crate) fn kill(signal: &str, pid: u32) {
    let status = Command::new("kill").arg(format!("-{signal}")).arg(pid.to_string()).status().unwrap();
    assert!(status.success());
}

/// Whether a process runs (a zombie does not).
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// A reply: status, head, body.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A request over a fresh connection.
pub(crate) fn http(url: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let authority = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let reply = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap_or((&reply, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Reply { status, head: head.to_owned(), body: body.to_owned() }
}

/// Sends a GraphQL document and reads the answer.
pub(crate) fn ask(url: &str, query: &str) -> Value {
    let body = serde_json::json!({ "query": query }).to_string();
    let reply = http(url, "POST", "/graphql", &[("content-type", "application/json")], &body);
    serde_json::from_str(&reply.body).unwrap_or_else(|_| panic!("{} {}", reply.status, reply.body))
}

/// Replaces text in a file.
pub(crate) fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} is not in {}", path.display());
    fs::write(path, text.replace(from, to)).unwrap();
}
