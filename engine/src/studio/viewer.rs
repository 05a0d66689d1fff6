//! A second pair of eyes on a studio that runs in another process: its states and facts over the control socket,
//! read-only.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use studio_events::{Command, StudioEvent, StudioState};
use studio_postgres::RunningServer;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;

use super::control::{self, Told};

/// Facts that a slow reader may lag behind.
const QUEUE: usize = 4096;
/// How long a studio may take to stop.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// A studio of another process.
#[derive(Debug)]
pub struct Other {
    root: PathBuf,
    socket: PathBuf,
    process: u32,
}

impl Other {
    /// The one that runs the project at `root`; `None` when there is none that can be talked to.
    pub fn of(root: &Path) -> Option<Self> {
        let running = RunningServer::find(root)?;
        let socket = control::socket(running.socket_dir());
        let found = std::os::unix::net::UnixStream::connect(&socket).is_ok();
        found.then(|| Self { root: root.to_owned(), socket, process: running.supervisor_id() })
    }

    /// Process id of its database supervisor, which is what the lock names.
    pub fn process(&self) -> u32 {
        self.process
    }

    /// Stops it in order and waits until the project is free.
    ///
    /// # Errors
    /// When it does not stop in time or cannot be reached.
    pub async fn stop(&self) -> Result<(), String> {
        let (mut lines, _write) = ask(&self.socket, r#"{"do":"quit"}"#).await?;
        let ended = async {
            // It ends with its process.
            while let Ok(Some(_)) = lines.next_line().await {}
            while RunningServer::find(&self.root).is_some() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let late = format!("it did not stop within {} s", STOP_LIMIT.as_secs());
        tokio::time::timeout(STOP_LIMIT, ended).await.map_err(|_| late)
    }

    /// Attaches to it.
    ///
    /// # Errors
    /// When it cannot be reached, or is of a version that does not show itself.
    pub async fn look(&self) -> Result<Viewer, String> {
        let (mut lines, write) = ask(&self.socket, control::WATCH).await?;
        let first = lines.next_line().await.map_err(|error| error.to_string())?;
        let first = first.ok_or("it has stopped meanwhile")?;
        let state = match serde_json::from_str(&first) {
            Ok(Told::State(state)) => Arc::unwrap_or_clone(state),
            Ok(Told::Error(error)) => return Err(error),
            Ok(Told::Event(_)) | Err(_) => return Err("it is of another version".to_owned()),
        };
        let (publish, states) = watch::channel(Arc::new(state.clone()));
        let (stream, _) = broadcast::channel(QUEUE);
        let (commands, orders) = mpsc::unbounded_channel();
        let task = tokio::spawn(follow(lines, write, state, publish, stream.clone(), orders));
        Ok(Viewer { states, stream, commands, task })
    }
}

async fn ask(socket: &Path, line: &str) -> Result<(Lines<BufReader<OwnedReadHalf>>, OwnedWriteHalf), String> {
    let lost = |error: std::io::Error| format!("it cannot be reached: {error}");
    let stream = UnixStream::connect(socket).await.map_err(lost)?;
    let (read, mut write) = stream.into_split();
    write.write_all(format!("{line}\n").as_bytes()).await.map_err(lost)?;
    Ok((BufReader::new(read).lines(), write))
}

/// What is seen of the other studio. It ends with that one.
#[derive(Debug)]
pub struct Viewer {
    states: watch::Receiver<Arc<StudioState>>,
    stream: broadcast::Sender<Arc<StudioEvent>>,
    commands: mpsc::UnboundedSender<Command>,
    task: JoinHandle<()>,
}

impl Viewer {
    /// Whole states; a slow reader skips.
    pub fn states(&self) -> watch::Receiver<Arc<StudioState>> {
        self.states.clone()
    }

    /// The raw stream from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<StudioEvent>> {
        self.stream.subscribe()
    }

    /// Where to send commands; those that do more than look are refused by the other side.
    pub fn commands(&self) -> mpsc::UnboundedSender<Command> {
        self.commands.clone()
    }

    /// Waits until the other studio has stopped.
    pub async fn ended(&mut self) {
        // A panic of the task is an end as well.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(
    mut lines: Lines<BufReader<OwnedReadHalf>>,
    mut write: OwnedWriteHalf,
    mut state: StudioState,
    publish: watch::Sender<Arc<StudioState>>,
    stream: broadcast::Sender<Arc<StudioEvent>>,
    mut orders: mpsc::UnboundedReceiver<Command>,
) {
    loop {
        tokio::select! {
            line = lines.next_line() => {
                let Ok(Some(line)) = line else { return };
                match serde_json::from_str(&line) {
                    Ok(Told::State(newest)) => state = Arc::unwrap_or_clone(newest),
                    Ok(Told::Event(event)) if event.seq > state.seq => {
                        state.apply(&event);
                        // Nobody may be listening.
                        let _ = stream.send(event);
                    }
                    // What is in the state already, or of a newer version.
                    Ok(Told::Event(_) | Told::Error(_)) | Err(_) => continue,
                }
                publish.send_replace(Arc::new(state.clone()));
            }
            Some(order) = orders.recv() => {
                let mut line = serde_json::to_vec(&order).unwrap_or_default();
                line.push(b'\n');
                if write.write_all(&line).await.is_err() {
                    return;
                }
            }
        }
    }
}
