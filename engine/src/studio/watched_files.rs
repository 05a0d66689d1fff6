//! Which of a few files have changed, by asking for them again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::SystemTime;

/// Looks without a file that was there, until that is reported. Builds take a file away for a moment.
const GONE: u32 = 40;

type Stamp = Option<(SystemTime, u64)>;

/// Files and how they were at the last look.
pub(super) struct WatchedFiles(BTreeMap<PathBuf, Watched>);

#[derive(Default)]
struct Watched {
    reported: Stamp,
    last: Stamp,
    /// Looks that did not find it, since the last one that did.
    gone: u32,
}

impl WatchedFiles {
    /// What is there now counts as known.
    pub(super) fn new(files: &BTreeSet<PathBuf>) -> Self {
        let watched = |path: &PathBuf| {
            let stamp = stamp(path);
            (path.clone(), Watched { reported: stamp, last: stamp, gone: 0 })
        };
        Self(files.iter().map(watched).collect())
    }

    /// Files that changed and have been the same for two looks (one that is still being written is left alone), and
    /// files that have not been there for long.
    pub(super) fn look(&mut self) -> BTreeSet<PathBuf> {
        let news = self.0.iter_mut().filter_map(|(path, file)| {
            let now = stamp(path);
            let settled = file.last == now && file.reported != now;
            file.last = now;
            if now.is_none() {
                file.gone = file.gone.saturating_add(1);
                let noticed = file.gone == GONE && file.reported.take().is_some();
                return noticed.then(|| path.clone());
            }
            file.gone = 0;
            if settled {
                file.reported = now;
            }
            settled.then(|| path.clone())
        });
        news.collect()
    }
}

fn stamp(path: &PathBuf) -> Stamp {
    let data = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    Some((data.modified().ok()?, data.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_reported_when_it_has_settled_and_when_it_is_gone_for_long() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hook.wasm");
        std::fs::write(&path, "a").unwrap();
        let all = BTreeSet::from([path.clone()]);
        let mut watched = WatchedFiles::new(&all);
        assert!(watched.look().is_empty());
        std::fs::write(&path, "longer").unwrap();
        assert!(watched.look().is_empty(), "it may still be written");
        assert_eq!(watched.look(), all);
        assert!(watched.look().is_empty());
        // A build that takes it away for a moment.
        std::fs::remove_file(&path).unwrap();
        assert!((1..GONE).all(|_| watched.look().is_empty()));
        std::fs::write(&path, "longest one").unwrap();
        watched.look();
        assert_eq!(watched.look(), all);
        std::fs::remove_file(&path).unwrap();
        let reported = (0..3 * GONE).filter(|_| !watched.look().is_empty()).count();
        assert_eq!(reported, 1, "once");
        std::fs::write(&path, "back").unwrap();
        watched.look();
        assert_eq!(watched.look(), all);
    }
}
