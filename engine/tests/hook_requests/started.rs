//! A project in a folder of its own, and the interactive studio on it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use studio_engine::project::Project;
use studio_engine::studio::{Studio, StudioConfig};
use studio_events::{HttpState, StudioState};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::studio::wait;

/// A model with a type that everybody may read and write.
pub(crate) const NOTES: &str = r#"
@postgres
module Notes {
  @access(true)
  type Note {
    @pk id: Int = autoIncrement()
    text: String
  }
}
"#;

/// A project folder; it is removed at the end.
pub(crate) struct Folder {
    _temporary: TempDir,
    pub(crate) root: PathBuf,
}

impl Folder {
    /// With a model and a configuration.
    pub(crate) fn new(model: &str, toml: &str) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let root = temporary.path().join("project");
        fs::create_dir_all(root.join("src")).unwrap();
        fs::write(root.join("src/index.exo"), model).unwrap();
        fs::write(root.join("exo.toml"), toml).unwrap();
        Self { _temporary: temporary, root }
    }
}

/// A studio that serves.
pub(crate) struct Started {
    pub(crate) studio: Studio,
    pub(crate) states: watch::Receiver<Arc<StudioState>>,
    /// The state when it began to serve.
    pub(crate) state: Arc<StudioState>,
    /// Host and port.
    pub(crate) authority: String,
}

impl Started {
    pub(crate) async fn on(folder: &Folder) -> Self {
        let project = Project::open(&folder.root).unwrap();
        let config = StudioConfig {
            port: Some(0),
            interactive: true,
            ..StudioConfig::new(project, std::env::current_exe().unwrap())
        };
        let studio = Studio::prepare(config).unwrap().start();
        let mut states = studio.states();
        let state = wait(&mut states, |state| state.serving.revision.is_some()).await;
        let HttpState::Listening { url, .. } = &state.http else {
            panic!("the server is not bound: {:?}", state.http)
        };
        let authority = url.trim_start_matches("http://").to_owned();
        Self { studio, states, state, authority }
    }
}
