//! A running server of our own, seen from the studio: start with progress, stop, notice of an unexpected
//! end. The work is done by the [supervisor](crate::supervisor) process.

mod config;
mod error;
mod find;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;

use crate::databases::Databases;
use crate::process;
use crate::protocol::{FailureKind, Report, Running};
use crate::target::Target;

pub use self::config::{ClusterConfig, ClusterKind};
pub use self::error::ClusterError;
pub use self::find::find_server;

/// Longest silence of a supervisor that is starting; its own limits are shorter.
const START_LIMIT: Duration = Duration::from_secs(300);
/// File in the socket folder that holds the URL of the studio's API.
const API: &str = "studio.url";
/// Longest time a stop may take; the supervisor's own limits add up to less.
const STOP_LIMIT: Duration = Duration::from_secs(6);

/// Progress of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterEvent {
    /// Unpacking the bundled server: once per user and version.
    Unpacking,
    /// Making an empty cluster: once per project.
    CreatingCluster,
    /// The server process starts, with crash recovery if it was killed.
    Starting,
    /// Connections are accepted.
    Ready {
        /// Time since the call of [`Cluster::start`].
        after: Duration,
    },
}

/// The end of a server that nobody stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterExit {
    /// Exit status in words.
    pub status: String,
    /// Last lines of its log.
    pub log: Vec<String>,
}

/// A running server. Dropping it stops the server too, without waiting.
#[derive(Debug)]
pub struct Cluster {
    running: Running,
    durable: bool,
    child: Child,
    input: Option<ChildStdin>,
    exit: watch::Receiver<Option<ClusterExit>>,
    /// The end is wanted.
    stopping: Arc<AtomicBool>,
}

impl Cluster {
    /// Starts a server and waits until it takes connections.
    ///
    /// # Errors
    /// See [`ClusterError`]; nothing is left running then. Dropping the future stops the start.
    pub async fn start(config: ClusterConfig, on_event: impl Fn(ClusterEvent)) -> Result<Self, ClusterError> {
        let begin = Instant::now();
        let mut config = config;
        if let ClusterKind::Project { dir, .. } = &mut config.kind {
            // One project, one lock and one socket, whatever way leads to it.
            *dir = fs::canonicalize(&*dir)
                .map_err(|e| ClusterError::Unusable { dir: dir.clone(), message: e.to_string() })?;
            make_exo_folder(dir)
                .map_err(|e| ClusterError::Unusable { dir: dir.join(".exo"), message: e.to_string() })?;
        }
        let (mut child, mut lines) = spawn(&config)?;
        let input = child.stdin.take();
        let running = loop {
            let line = tokio::time::timeout(START_LIMIT, lines.next_line()).await;
            let line = line.map_err(|_| ClusterError::Supervisor("it does not answer".to_owned()))?;
            let Some(line) = line.map_err(|e| ClusterError::Supervisor(e.to_string()))? else {
                let status = child.wait().await.map_or_else(|e| e.to_string(), |it| it.to_string());
                let said = last_words(&mut child).await;
                return Err(ClusterError::Supervisor(format!("it ended with {status}{said}")));
            };
            let Ok(report) = serde_json::from_str::<Report>(&line) else {
                return Err(ClusterError::Supervisor(format!("it said `{line}`")));
            };
            match report {
                Report::Unpacking => on_event(ClusterEvent::Unpacking),
                Report::CreatingCluster => on_event(ClusterEvent::CreatingCluster),
                Report::Starting => on_event(ClusterEvent::Starting),
                Report::Ready(running) => break running,
                other => {
                    let _ = child.wait().await;
                    return Err(failure(other));
                }
            }
        };
        if let ClusterKind::Project { dir, .. } = &config.kind {
            note_where(dir, &running.state_dir);
        }
        on_event(ClusterEvent::Ready { after: begin.elapsed() });
        let (sender, exit) = watch::channel(None);
        tokio::spawn(follow(lines, sender));
        if let Some(mut stderr) = child.stderr.take() {
            tokio::spawn(async move { tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await });
        }
        let durable = matches!(config.kind, ClusterKind::Project { durable: true, .. });
        Ok(Self { running, durable, child, input, exit, stopping: Arc::default() })
    }

    /// How to connect to one of the server's databases.
    pub fn connect_config(&self, database: &str) -> tokio_postgres::Config {
        connect_config(&self.running, database)
    }

    /// The same as a pool target.
    pub fn target(&self, database: &str) -> Target {
        Target::without_tls(self.connect_config(database))
    }

    /// URL of a database, for other programs.
    pub fn url(&self, database: &str) -> String {
        url(&self.running, database)
    }

    /// Creating, cloning and dropping databases.
    pub fn databases(&self) -> Databases {
        Databases::new(self.target("postgres")).copying_files(!self.durable)
    }

    /// Process id of the server.
    pub fn process_id(&self) -> u32 {
        self.running.postgres_pid
    }

    /// Process id of the supervisor.
    pub fn supervisor_id(&self) -> u32 {
        self.running.supervisor_pid
    }

    /// Folder of data, log and lock.
    pub fn state_dir(&self) -> &Path {
        &self.running.state_dir
    }

    /// Folder of the server's socket, closed to other users. It goes away with the server.
    pub fn socket_dir(&self) -> &Path {
        &self.running.socket_dir
    }

    /// The server's log file.
    pub fn log_file(&self) -> PathBuf {
        self.running.state_dir.join("postgres.log")
    }

    /// Says where the studio's API is, so that a second studio on the project can name it.
    pub fn announce(&self, url: &str) {
        // Without it the second one names the process only.
        let _ = fs::write(self.running.socket_dir.join(API), url);
    }

    /// Folder of the server programs.
    pub fn install_dir(&self) -> &Path {
        &self.running.install_dir
    }

    /// Resolves when the server ends although nobody stopped it, and never otherwise. The caller may then
    /// start a new one. The future is independent of `self`; any number of them may wait.
    pub fn exited(&self) -> impl Future<Output = ClusterExit> + Send + use<> {
        let mut exit = self.exit.clone();
        let stopping = Arc::clone(&self.stopping);
        async move {
            let found = exit.wait_for(Option::is_some).await.map_or(None, |found| found.clone());
            match found {
                Some(exit) => exit,
                None if stopping.load(Ordering::SeqCst) => std::future::pending().await,
                None => ClusterExit {
                    status: "the process that looks after it ended".to_owned(),
                    log: Vec::new(),
                },
            }
        }
    }

    /// Stops the server and waits until it is gone; a throw-away one leaves nothing behind.
    pub async fn stop(mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        drop(self.input.take());
        if tokio::time::timeout(STOP_LIMIT, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
    }
}

/// The server of a project that another studio runs at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningServer {
    running: Running,
}

impl RunningServer {
    /// Looks for it. `None` when nobody runs the project, or whoever does is only starting or stopping.
    pub fn find(project: &Path) -> Option<Self> {
        let exo = fs::canonicalize(project).ok()?.join(".exo");
        let elsewhere = fs::read_to_string(exo.join("where")).ok().map(|text| PathBuf::from(text.trim()));
        let state_dir = elsewhere.unwrap_or_else(|| exo.join("postgres"));
        let running = crate::supervisor::running(&state_dir)?;
        Some(Self { running })
    }

    /// How to connect to one of its databases.
    pub fn target(&self, database: &str) -> Target {
        Target::without_tls(connect_config(&self.running, database))
    }

    /// URL of a database, for other programs.
    pub fn url(&self, database: &str) -> String {
        url(&self.running, database)
    }

    /// Folder of the server's socket.
    pub fn socket_dir(&self) -> &Path {
        &self.running.socket_dir
    }

    /// Process id of its supervisor.
    pub fn supervisor_id(&self) -> u32 {
        self.running.supervisor_pid
    }
}

fn connect_config(running: &Running, database: &str) -> tokio_postgres::Config {
    let mut config = tokio_postgres::Config::new();
    config
        .host_path(&running.socket_dir)
        .port(running.port)
        .user(&running.user)
        .dbname(database)
        .application_name("exo-studio");
    config
}

fn spawn(config: &ClusterConfig) -> Result<(Child, Lines<BufReader<ChildStdout>>), ClusterError> {
    let Some((program, before)) = config.supervisor.split_first() else {
        return Err(ClusterError::Supervisor("no program is configured".to_owned()));
    };
    let spawned = Command::new(program)
        .args(before)
        .args(config.options().to_args())
        // Nothing of the studio's environment may reach the server; `initdb` reads its locale from here.
        .env_clear()
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .env("PATH", "/usr/bin:/bin")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = spawned
        .map_err(|e| ClusterError::Supervisor(format!("{} cannot be run: {e}", program.to_string_lossy())))?;
    let out = child.stdout.take().ok_or_else(|| ClusterError::Supervisor("it has no output".to_owned()))?;
    Ok((child, BufReader::new(out).lines()))
}

/// What a supervisor that broke down wrote; a sound one writes nothing.
async fn last_words(child: &mut Child) -> String {
    let mut text = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        let _ = stderr.take(4096).read_to_end(&mut text).await;
    }
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    if text.is_empty() { text } else { format!(": {text}") }
}

/// Reads on after the start. The channel closes with the supervisor.
async fn follow(mut lines: Lines<BufReader<ChildStdout>>, exit: watch::Sender<Option<ClusterExit>>) {
    while let Ok(Some(line)) = lines.next_line().await {
        if let Ok(Report::Exited { status, log }) = serde_json::from_str(&line) {
            exit.send_replace(Some(ClusterExit { status, log }));
        }
    }
}

fn failure(report: Report) -> ClusterError {
    match report {
        Report::Busy { running, state_dir } => ClusterError::Busy {
            pid: running.as_ref().map(|it| it.supervisor_pid),
            url: running.as_ref().map(|it| url(it, "postgres")),
            api: running.as_ref().and_then(|it| fs::read_to_string(it.socket_dir.join(API)).ok()),
            state_dir,
        },
        Report::WrongVersion { found, ours, data_dir } => {
            ClusterError::WrongVersion { found, ours, data_dir }
        }
        Report::Failed { kind, message, dir, log } => {
            let dir = dir.unwrap_or_default();
            match kind {
                FailureKind::NoServer => ClusterError::NoServer { message },
                FailureKind::Unusable => ClusterError::Unusable { dir, message },
                FailureKind::DiskFull => ClusterError::DiskFull { dir },
                FailureKind::Server => ClusterError::Failed { message, log },
            }
        }
        Report::Exited { status, log } => {
            ClusterError::Failed { message: format!("it ended with {status}"), log }
        }
        Report::Unpacking | Report::CreatingCluster | Report::Starting | Report::Ready(_) => {
            ClusterError::Supervisor("it reported progress twice".to_owned())
        }
    }
}

fn url(running: &Running, database: &str) -> String {
    let port = if running.port == 5432 { String::new() } else { format!(":{}", running.port) };
    format!(
        "postgres://{}@{}{port}/{}",
        running.user,
        percent_encoded(&running.socket_dir.to_string_lossy()),
        percent_encoded(database)
    )
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// `.exo` belongs to the user, even when root starts the studio for them; nothing in it is for version control.
fn make_exo_folder(project: &Path) -> std::io::Result<()> {
    let dir = project.join(".exo");
    let new = !dir.exists();
    fs::create_dir_all(&dir)?;
    let ignore = dir.join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "*\n")?;
    }
    if new && process::is_root() {
        let owner = fs::metadata(project)?;
        for path in [&dir, &ignore] {
            std::os::unix::fs::lchown(path, Some(owner.uid()), Some(owner.gid()))?;
        }
    }
    Ok(())
}

/// Says where the data is when it could not be in the project.
fn note_where(project: &Path, state_dir: &Path) {
    let note = project.join(".exo").join("where");
    if state_dir.starts_with(project) {
        let _ = fs::remove_file(note);
    } else if let Err(error) = fs::write(&note, format!("{}\n", state_dir.display())) {
        tracing::warn!(%error, "cannot write {}", note.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_carry_the_socket_folder() {
        let running = Running {
            supervisor_pid: 1,
            postgres_pid: 2,
            socket_dir: "/tmp/exo studio".into(),
            port: 5432,
            user: "postgres".to_owned(),
            state_dir: PathBuf::new(),
            install_dir: PathBuf::new(),
        };
        let text = url(&running, "a b/c");
        assert_eq!(text, "postgres://postgres@%2Ftmp%2Fexo%20studio/a%20b%2Fc");
        let parsed: tokio_postgres::Config = text.parse().expect("a valid URL");
        assert_eq!(parsed.get_hosts(), &[tokio_postgres::config::Host::Unix("/tmp/exo studio".into())]);
        assert_eq!(parsed.get_dbname(), Some("a b/c"));
    }
}
