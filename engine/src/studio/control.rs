//! The socket beside the project's database, through which other processes of the same user give orders to the running
//! studio and hear what comes of them: one JSON line for an order, one for every event since.
//!
//! It lies in the folder of the server's own socket, which nobody else may enter.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use studio_events::{Command, StudioEvent, StudioState};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::io::{Lines, Take};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::orders;
use crate::bus::Bus;

/// Longest order.
const LONGEST_LINE: u64 = 64 * 1024;

/// The line of a second viewer.
pub(super) const WATCH: &str = r#"{"do":"watch"}"#;
/// Rest before a viewer that could not follow gets the whole state again.
const REST: Duration = Duration::from_millis(500);

/// What a viewer hears.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Told {
    /// Everything so far.
    State(Arc<StudioState>),
    /// A fact since then.
    Event(Arc<StudioEvent>),
    /// The line was not understood.
    Error(String),
}

/// Where the socket of a server in this folder is.
pub fn socket(folder: &Path) -> PathBuf {
    folder.join("studio.sock")
}

/// Listens until the task is aborted.
///
/// # Errors
/// When the socket cannot be made.
pub(super) fn listen(
    folder: &Path,
    commands: mpsc::WeakUnboundedSender<Command>,
    bus: Bus,
) -> std::io::Result<JoinHandle<()>> {
    let path = socket(folder);
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path)?;
    Ok(tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (commands, bus) = (commands.clone(), bus.clone());
            // A client that goes away in the middle is its own business.
            tokio::spawn(async move { drop(talk(stream, commands, bus).await) });
        }
    }))
}

async fn talk(
    stream: UnixStream,
    commands: mpsc::WeakUnboundedSender<Command>,
    bus: Bus,
) -> std::io::Result<()> {
    use tokio::io::AsyncReadExt;
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read.take(LONGEST_LINE)).lines();
    let Some(line) = lines.next_line().await? else { return Ok(()) };
    if line.trim() == WATCH {
        return show(lines, write, commands, bus).await;
    }
    let mut events = bus.subscribe();
    let order = orders::parse(&line, &bus.states().borrow());
    let sent = order.and_then(|command| {
        let commands = commands.upgrade().ok_or("the studio is stopping")?;
        commands.send(command).map_err(|_| "the studio is stopping".to_owned())
    });
    if let Err(error) = sent {
        let reply = serde_json::json!({ "error": error });
        return write.write_all(format!("{reply}\n").as_bytes()).await;
    }
    loop {
        let event = match events.recv().await {
            Ok(event) => event,
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return Ok(()),
        };
        let mut line = serde_json::to_vec(&*event).unwrap_or_default();
        line.push(b'\n');
        write.write_all(&line).await?;
    }
}

/// Tells a viewer everything, and takes orders from it that change nothing.
async fn show(
    mut lines: Lines<BufReader<Take<OwnedReadHalf>>>,
    mut write: OwnedWriteHalf,
    commands: mpsc::WeakUnboundedSender<Command>,
    bus: Bus,
) -> std::io::Result<()> {
    let mut events = bus.subscribe();
    let mut told = Told::State(Arc::clone(&bus.states().borrow()));
    loop {
        let mut line = serde_json::to_vec(&told).unwrap_or_default();
        line.push(b'\n');
        write.write_all(&line).await?;
        lines.get_mut().get_mut().set_limit(LONGEST_LINE);
        told = loop {
            tokio::select! {
                event = events.recv() => match event {
                    Ok(event) => break Told::Event(event),
                    Err(RecvError::Lagged(_)) => {
                        tokio::time::sleep(REST).await;
                        // What happens from here on follows the state; what is in both counts once.
                        events = bus.subscribe();
                        break Told::State(Arc::clone(&bus.states().borrow()));
                    }
                    Err(RecvError::Closed) => return Ok(()),
                },
                line = lines.next_line() => {
                    let Some(line) = line? else { return Ok(()) };
                    match serde_json::from_str::<Command>(&line) {
                        Ok(command) if command.only_looks() => {
                            let Some(commands) = commands.upgrade() else { return Ok(()) };
                            if commands.send(command).is_err() {
                                return Ok(());
                            }
                        }
                        Ok(_) | Err(_) => break Told::Error("a viewer changes nothing".to_owned()),
                    }
                }
            }
        };
    }
}
