//! A project made of a few files, in a running studio.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use studio_engine::project::Project;
use studio_engine::studio::{Studio, StudioConfig};
use studio_events::{HttpState, LogLevel, StudioState};
use tokio::sync::watch;

use super::consent;

/// A studio and its project. The folder goes with it.
pub(crate) struct Started {
    pub(crate) root: PathBuf,
    pub(crate) studio: Studio,
    states: watch::Receiver<Arc<StudioState>>,
    _folder: tempfile::TempDir,
}

impl Started {
    /// Writes the files (path and text) and starts.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let root = folder.path().join("project");
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let project = Project::open(&root).unwrap();
        let executable = std::env::current_exe().unwrap();
        let config =
            StudioConfig { port: Some(0), interactive: true, ..StudioConfig::new(project, executable) };
        let studio = Studio::prepare(config).unwrap().start();
        Self { root, states: studio.states(), studio, _folder: folder }
    }

    /// Waits for a state.
    pub(crate) async fn until(&mut self, condition: impl Fn(&StudioState) -> bool) -> Arc<StudioState> {
        consent::wait(&mut self.states, condition).await
    }

    /// Waits until the newest save is served.
    pub(crate) async fn serves(&mut self) -> Arc<StudioState> {
        self.until(|state| state.serving.revision.is_some() && !state.is_stale()).await
    }

    /// Waits for a line in the log.
    pub(crate) async fn logs(&mut self, level: LogLevel, text: &str) {
        let found = |state: &StudioState| {
            state.logs.iter().any(|(_, line)| line.level == level && line.text.contains(text))
        };
        self.until(found).await;
    }

    /// Replaces a file.
    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::write(self.root.join(path), text).unwrap();
    }

    /// Sends a GraphQL document; the reply as it is.
    pub(crate) async fn ask(&mut self, query: &str) -> String {
        let bound = self.until(|state| matches!(state.http, HttpState::Listening { .. })).await;
        let HttpState::Listening { url, .. } = &bound.http else { panic!("not bound: {:?}", bound.http) };
        consent::ask(url.trim_start_matches("http://"), query).await
    }
}
