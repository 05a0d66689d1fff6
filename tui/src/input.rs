//! Reads keys on a thread of its own, which can be paused while an editor has the terminal.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crossterm::event::{self, Event};
use tokio::sync::mpsc;

const RUNNING: u8 = 0;
const PAUSE_WANTED: u8 = 1;
const PAUSED: u8 = 2;
const STOP: u8 = 3;

/// How long one wait for a key takes; also the longest a pause takes to begin. The library asks again and again in the
/// last millisecond of each wait, so an idle studio had better not wait often.
const WAIT: Duration = Duration::from_millis(250);

/// Keys, clicks and sizes.
#[derive(Debug)]
pub(crate) struct Input {
    events: mpsc::UnboundedReceiver<io::Result<Event>>,
    mode: Arc<AtomicU8>,
}

impl Input {
    /// Starts reading.
    pub(crate) fn start() -> io::Result<Self> {
        let (sender, events) = mpsc::unbounded_channel();
        let mode = Arc::new(AtomicU8::new(RUNNING));
        let of_thread = Arc::clone(&mode);
        std::thread::Builder::new()
            .name("terminal-input".to_owned())
            .spawn(move || read(&of_thread, &sender))?;
        Ok(Self { events, mode })
    }

    /// The next event; `None` when the terminal is gone.
    pub(crate) async fn next(&mut self) -> Option<io::Result<Event>> {
        self.events.recv().await
    }

    /// Stops reading, so that another program gets the keys. Returns when nothing is read any more.
    pub(crate) async fn pause(&self) {
        let _ = self.mode.compare_exchange(RUNNING, PAUSE_WANTED, Ordering::SeqCst, Ordering::SeqCst);
        // However long the thread takes to notice: until then it would take keys from the other program. A thread
        // that has ended takes none.
        while self.mode.load(Ordering::SeqCst) == PAUSE_WANTED && !self.events.is_closed() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Reads again.
    pub(crate) fn resume(&self) {
        self.mode.store(RUNNING, Ordering::SeqCst);
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.mode.store(STOP, Ordering::SeqCst);
    }
}

fn read(mode: &AtomicU8, sender: &mpsc::UnboundedSender<io::Result<Event>>) {
    loop {
        match mode.load(Ordering::SeqCst) {
            STOP => return,
            PAUSE_WANTED | PAUSED => {
                let _ = mode.compare_exchange(PAUSE_WANTED, PAUSED, Ordering::SeqCst, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(10));
                continue;
            }
            _ => {}
        }
        let event = match event::poll(WAIT) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(error) => Err(error),
        };
        let failed = event.is_err();
        if sender.send(event).is_err() || failed {
            return;
        }
    }
}
