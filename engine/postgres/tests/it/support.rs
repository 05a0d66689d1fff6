//! What every test needs: a project folder that is removed at the end, and a server in it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use studio_postgres::{Cluster, ClusterConfig, ClusterError, ClusterKind, Connection};

/// Removes its folder, and what root's fallback keeps elsewhere for it.
#[derive(Debug)]
pub(crate) struct Project {
    folder: tempfile::TempDir,
    name: String,
}

impl Project {
    pub(crate) fn new() -> Self {
        Self::named("project")
    }

    /// A project folder of this name, which may hold strange characters.
    pub(crate) fn named(name: &str) -> Self {
        // The server's user must be able to enter it, as it can enter a home folder.
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::Builder::new()
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir()
            .expect("a temporary folder");
        std::fs::create_dir(folder.path().join(name)).expect("a project folder");
        Self { folder, name: name.to_owned() }
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join(&self.name)
    }

    pub(crate) fn config(&self) -> ClusterConfig {
        config(ClusterKind::Project { dir: self.dir(), durable: false })
    }

    pub(crate) async fn start(&self) -> Result<Cluster, ClusterError> {
        Cluster::start(self.config(), |_| {}).await
    }
}

/// A configuration whose supervisor is the small program of this crate.
pub(crate) fn config(kind: ClusterKind) -> ClusterConfig {
    let mut config = ClusterConfig::new(kind);
    config.supervisor = vec![env!("CARGO_BIN_EXE_studio-postgres-supervisor").into()];
    config.server = None;
    config
}

pub(crate) async fn connect(cluster: &Cluster) -> Connection {
    Connection::connect(&cluster.target("postgres"), &Default::default()).await.expect("a connection")
}

/// The single cell of a result.
pub(crate) async fn cell(connection: &Connection, sql: &str) -> String {
    let mut rows = connection.run(sql, &[]).await.expect(sql);
    rows.pop().and_then(|mut row| row.pop()).flatten().expect(sql)
}

/// Whether a process exists. A zombie counts as gone: its parent was killed and somebody will reap it.
pub(crate) fn is_alive(pid: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat.rsplit(") ").next().unwrap_or_default().starts_with(['Z', 'X']),
        Err(_) if Path::new("/proc/self").exists() => false,
        Err(_) => command("kill", &["-0", &pid.to_string()]),
    }
}

pub(crate) fn kill(pid: u32) {
    signal("-9", pid);
}

pub(crate) fn signal(name: &str, pid: u32) {
    assert!(command("kill", &[name, &pid.to_string()]), "kill {name} {pid}");
}

fn command(program: &str, args: &[&str]) -> bool {
    std::process::Command::new(program).args(args).status().is_ok_and(|it| it.success())
}

/// Waits until the process is gone and says how long it took.
pub(crate) async fn gone(pid: u32, limit: Duration) -> Duration {
    let begin = Instant::now();
    while is_alive(pid) {
        assert!(begin.elapsed() < limit, "process {pid} is still there after {limit:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    begin.elapsed()
}
