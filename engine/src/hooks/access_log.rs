//! Access-log records of hooks: a bounded queue and a thread per file, so that no request waits for a disk.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

/// Records that may wait for the disk.
const QUEUE: usize = 1024;

/// Files by component. Without a file of its own a component's records go to the log.
#[derive(Debug, Default)]
pub(super) struct AccessLogs(Mutex<BTreeMap<String, Log>>);

#[derive(Debug)]
struct Log {
    path: PathBuf,
    queue: SyncSender<Vec<u8>>,
}

impl AccessLogs {
    /// Opens what is new and closes what is gone.
    ///
    /// # Errors
    /// The files that cannot be opened, with the reason.
    pub(super) fn configure(&self, files: BTreeMap<String, PathBuf>) -> Vec<String> {
        let mut logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failures = Vec::new();
        logs.retain(|name, log| files.get(name) == Some(&log.path));
        for (name, path) in files {
            if logs.contains_key(&name) {
                continue;
            }
            let opened = open(&path).and_then(|file| {
                let (queue, records) = sync_channel(QUEUE);
                std::thread::Builder::new()
                    .name("access-log".to_owned())
                    .spawn(move || write(file, &records))?;
                Ok(queue)
            });
            match opened {
                Ok(queue) => {
                    logs.insert(name, Log { path, queue });
                }
                Err(error) => failures.push(format!("{}: {error}", path.display())),
            }
        }
        failures
    }

    /// Takes a record. `None`: the component has no file; `Some(false)`: its queue is full.
    pub(super) fn take(&self, component: &str, record: &[u8]) -> Option<bool> {
        let logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        logs.get(component).map(|log| log.queue.try_send(record.to_vec()).is_ok())
    }
}

fn open(path: &PathBuf) -> std::io::Result<std::fs::File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::OpenOptions::new().create(true).append(true).open(path)
}

/// Writes records as lines until the last sender is gone.
fn write(file: std::fs::File, records: &Receiver<Vec<u8>>) {
    let mut file = std::io::BufWriter::new(file);
    while let Ok(first) = records.recv() {
        let mut next = Some(first);
        while let Some(mut record) = next {
            if record.last() != Some(&b'\n') {
                record.push(b'\n');
            }
            // A full disk must not stop the server; the records are lost.
            let _ = file.write_all(&record);
            next = records.try_recv().ok();
        }
        let _ = file.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_become_lines_and_a_component_without_a_file_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs/access.log");
        let logs = AccessLogs::default();
        assert!(logs.configure(BTreeMap::from([("a".to_owned(), path.clone())])).is_empty());
        assert_eq!(logs.take("a", b"one"), Some(true));
        assert_eq!(logs.take("a", b"two\n"), Some(true));
        assert_eq!(logs.take("b", b"three"), None);
        // Dropping the sender ends the thread after what waits.
        logs.configure(BTreeMap::new());
        let mut text = String::new();
        while text.lines().count() < 2 {
            text = std::fs::read_to_string(&path).unwrap();
            std::thread::yield_now();
        }
        assert_eq!(text, "one\ntwo\n");
    }
}
