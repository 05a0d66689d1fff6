//! `--record FILE` and `replay FILE`: a session as JSON lines, and played again without an engine.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use studio_events::{EventKind, LogLevel, LogLine, StudioEvent, StudioState, Timestamp};
use studio_tui::recording::{self, Recorded};
use studio_tui::{TuiConfig, TuiError};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, watch};

use crate::cli::ReplayArgs;
use crate::failure::Failure;
use crate::output;

/// Lines that may wait for the disk; more are counted and the loss is written.
const WAITING: usize = 65_536;
/// Longest pause of the recorded session that is played.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Writes what it is given, in order, on a thread of its own.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    lines: SyncSender<Recorded>,
    lost: Arc<AtomicU64>,
}

impl Recorder {
    /// Starts a recording of everything the studio publishes from now on.
    pub(crate) fn start(
        path: &Path,
        mut events: broadcast::Receiver<Arc<StudioEvent>>,
    ) -> Result<Self, Failure> {
        let file = std::fs::File::create(path)
            .map_err(|error| Failure::environment("write the recording", &error))?;
        let (sender, lines) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let of_writer = Arc::clone(&lost);
        std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || write(file, &lines, &of_writer))
            .map_err(|error| Failure::environment("start the recorder", &error))?;
        let recorder = Self { lines: sender, lost };
        let of_events = recorder.clone();
        tokio::spawn(async move {
            loop {
                match events.recv().await {
                    Ok(event) => of_events.keep(Recorded::Event(event)),
                    Err(RecvError::Lagged(count)) => {
                        of_events.lost.fetch_add(count, Ordering::Relaxed);
                    }
                    Err(RecvError::Closed) => return,
                }
            }
        });
        Ok(recorder)
    }

    /// Keeps a line; never waits.
    pub(crate) fn keep(&self, line: Recorded) {
        if let Err(TrySendError::Full(_)) = self.lines.try_send(line) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn write(file: std::fs::File, lines: &Receiver<Recorded>, lost: &AtomicU64) {
    let mut file = std::io::BufWriter::new(file);
    while let Ok(first) = lines.recv() {
        let mut next = Some(first);
        while let Some(line) = next {
            let missing = lost.swap(0, Ordering::Relaxed);
            let written = if missing > 0 { put(&mut file, &missed(&line, missing)) } else { Ok(()) };
            if written.and_then(|()| put(&mut file, &line)).is_err() {
                // A full disk ends the recording, not the studio; what is there can be played.
                return;
            }
            next = lines.try_recv().ok();
        }
        if file.flush().is_err() {
            return;
        }
    }
}

fn put(file: &mut impl Write, line: &Recorded) -> std::io::Result<()> {
    let text = serde_json::to_string(line)?;
    writeln!(file, "{text}")
}

/// The line that says that lines are missing.
fn missed(before: &Recorded, count: u64) -> Recorded {
    let seq = match before {
        Recorded::Event(event) => event.seq,
        Recorded::Input { .. } => 0,
    };
    let text = format!("{count} facts came too fast to be recorded");
    let kind =
        EventKind::Log(LogLine { level: LogLevel::Warn, source: "recorder".to_owned(), text, trace: None });
    Recorded::Event(Arc::new(StudioEvent { seq, at: before.at(), kind }))
}

/// `exo-studio replay FILE`.
pub(crate) async fn replay(args: &ReplayArgs) -> Result<ExitCode, Failure> {
    let text = std::fs::read_to_string(&args.file)
        .map_err(|error| Failure::environment("read the recording", &error))?;
    let lines = recording::read(&text)
        .map_err(|error| Failure::usage(error.to_string(), "record one with --record FILE".to_owned()))?;
    let mut config = TuiConfig { explain: Some(crate::studio::explain), ..TuiConfig::default() };
    if args.frames {
        let first = lines.first().map(Recorded::at).unwrap_or_default();
        for frame in recording::frames(&lines, &config, args.size) {
            let after = Duration::from_micros(frame.at.0.saturating_sub(first.0));
            output::line(&format!("--- {:.3} s ---\n{}", after.as_secs_f64(), frame.text));
        }
        return Ok(ExitCode::SUCCESS);
    }
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            "there is no terminal to play it on".to_owned(),
            "add --frames to print every frame as text".to_owned(),
        ));
    }
    config = TuiConfig { explain: config.explain, ..TuiConfig::from_env() };
    play(lines, config, args.speed).await.map_err(|error| Failure::environment("run the panes", &error))?;
    Ok(ExitCode::SUCCESS)
}

/// Plays the facts at their pace; keys are those of whoever watches.
async fn play(lines: Vec<Recorded>, config: TuiConfig, speed: f64) -> Result<(), TuiError> {
    let (publish, states) = watch::channel(Arc::new(StudioState::default()));
    let (stream, events) = broadcast::channel(4096);
    let (commands, mut orders) = mpsc::unbounded_channel();
    let player = tokio::spawn(async move {
        let mut state = StudioState::default();
        let mut last: Option<Timestamp> = None;
        for line in lines {
            let Recorded::Event(event) = line else { continue };
            let pause = Duration::from_micros(event.at.0.saturating_sub(last.unwrap_or(event.at).0));
            last = Some(event.at);
            tokio::time::sleep(pause.div_f64(speed).min(LONGEST_PAUSE)).await;
            state.apply(&event);
            publish.send_replace(Arc::new(state.clone()));
            // Nobody listens any more when the panes are closed.
            let _ = stream.send(event);
        }
        // Orders go nowhere, but the channels stay open until the panes are closed.
        while orders.recv().await.is_some() {}
    });
    let result = studio_tui::run(states, events, commands, config).await;
    player.abort();
    result.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_recording_holds_every_fact_in_order_and_can_be_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("session.jsonl");
        let (stream, events) = broadcast::channel(16);
        let recorder = Recorder::start(&path, events).unwrap();
        for seq in 1..=5 {
            let event = StudioEvent { seq, at: Timestamp(seq), kind: EventKind::Idle };
            stream.send(Arc::new(event)).unwrap();
            tokio::task::yield_now().await;
        }
        let input = recording::RecordedInput::Key("q".to_owned());
        recorder.keep(Recorded::Input { at: Timestamp(6), input });
        let read = || recording::read(&std::fs::read_to_string(&path).unwrap()).unwrap();
        while read().len() < 6 {
            tokio::task::yield_now().await;
        }
        let times: Vec<_> = read().iter().map(|line| line.at().0).collect();
        assert_eq!(times.iter().filter(|at| **at < 6).copied().collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    }
}
