//! Start, stop, and every way of dying.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use studio_postgres::{Cluster, ClusterError, ClusterEvent, ClusterKind, Connection, Target};

use crate::support::{Project, cell, config, connect, gone, is_alive, kill};

#[tokio::test]
async fn a_project_keeps_its_data_over_a_restart() {
    let project = Project::new();
    let events = Mutex::new(Vec::new());
    let cluster = Cluster::start(project.config(), |event| events.lock().expect("events").push(event))
        .await
        .expect("a server");
    {
        let events = events.lock().expect("events");
        assert!(events.contains(&ClusterEvent::CreatingCluster), "{events:?}");
        assert!(matches!(events.last(), Some(ClusterEvent::Ready { .. })), "{events:?}");
    }
    let connection = connect(&cluster).await;
    connection
        .batch_execute("create table t (id int); insert into t values (1), (2)")
        .await
        .expect("a table");
    drop(connection);
    cluster.stop().await;

    let cluster = project.start().await.expect("a server");
    let connection = connect(&cluster).await;
    assert_eq!(cell(&connection, "select count(*)::text from t").await, "2");
    cluster.stop().await;
}

#[tokio::test]
async fn a_throw_away_cluster_leaves_nothing_behind() {
    let cluster = Cluster::start(config(ClusterKind::ThrowAway), |_| {}).await.expect("a server");
    let connection = connect(&cluster).await;
    assert_eq!(cell(&connection, "show fsync").await, "off");
    let dir = cluster.state_dir().to_path_buf();
    assert!(dir.exists());
    let exited = cluster.exited();
    cluster.stop().await;
    assert!(!dir.exists());
    let told = tokio::time::timeout(Duration::from_millis(100), exited).await;
    assert!(told.is_err(), "an end that was asked for is no news: {told:?}");
}

#[tokio::test]
async fn a_second_start_says_who_runs_the_project() {
    let project = Project::new();
    let cluster = project.start().await.expect("a server");
    match project.start().await {
        Err(ClusterError::Busy { pid, url, .. }) => {
            assert_eq!(pid, Some(cluster.supervisor_id()));
            assert_eq!(url, Some(cluster.url("postgres")));
        }
        other => panic!("{other:?}"),
    }
    let connection = connect(&cluster).await;
    assert_eq!(cell(&connection, "select 1").await, "1");
    cluster.stop().await;
}

/// Commits a row, runs `murder`, and checks that the server is gone soon and the row is there afterwards.
async fn survives(murder: impl AsyncFnOnce(Cluster)) {
    let project = Project::new();
    let cluster = project.start().await.expect("a server");
    let connection = connect(&cluster).await;
    connection.batch_execute("create table t (id int)").await.expect("a table");
    for _ in 0..5 {
        connection.batch_execute("insert into t values (1)").await.expect("a row");
    }
    let (postgres, supervisor) = (cluster.process_id(), cluster.supervisor_id());
    murder(cluster).await;
    gone(postgres, TWO_SECONDS).await;
    gone(supervisor, TWO_SECONDS).await;

    let cluster = project.start().await.expect("a server again");
    let connection = connect(&cluster).await;
    assert_eq!(cell(&connection, "select count(*)::text from t").await, "5");
    cluster.stop().await;
}

const TWO_SECONDS: Duration = Duration::from_secs(2);

#[tokio::test]
async fn killing_the_server_loses_nothing_and_is_noticed() {
    survives(async |cluster| {
        let exited = cluster.exited();
        kill(cluster.process_id());
        let exit = exited.await;
        assert!(exit.status.contains('9'), "{exit:?}");
    })
    .await;
}

#[tokio::test]
async fn killing_the_supervisor_ends_the_server() {
    survives(async |cluster| {
        let exited = cluster.exited();
        kill(cluster.supervisor_id());
        exited.await;
    })
    .await;
}

#[tokio::test]
async fn killing_supervisor_and_server_loses_nothing() {
    survives(async |cluster| {
        kill(cluster.supervisor_id());
        kill(cluster.process_id());
    })
    .await;
}

#[tokio::test]
async fn dropping_a_cluster_stops_it() {
    survives(async |cluster| drop(cluster)).await;
}

/// A studio in a process of its own: this test program again, running only `studio_for_other_tests`.
fn spawn_studio(project: &Project) -> std::process::Child {
    std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--ignored", "--exact", "cluster::studio_for_other_tests", "--nocapture"])
        .env("STUDIO_TEST_PROJECT", project.dir())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("a second test process")
}

#[tokio::test]
#[ignore = "started by other tests, in a process that they kill"]
async fn studio_for_other_tests() {
    let Some(dir) = std::env::var_os("STUDIO_TEST_PROJECT").map(PathBuf::from) else { return };
    let kind = ClusterKind::Project { dir: dir.clone(), durable: false };
    let cluster = Cluster::start(config(kind), |_| {}).await.expect("a server");
    let connection = connect(&cluster).await;
    connection.batch_execute("create table t (id int); insert into t values (1)").await.expect("a row");
    let text = format!("{} {}", cluster.process_id(), cluster.supervisor_id());
    std::fs::write(dir.join("ready.tmp"), text).expect("a note");
    std::fs::rename(dir.join("ready.tmp"), dir.join("ready")).expect("a note");
    std::future::pending::<()>().await;
}

/// Waits for the other process and gives the ids of its server and supervisor.
async fn studio_is_ready(project: &Project) -> (u32, u32) {
    let note = project.dir().join("ready");
    let begin = Instant::now();
    while !note.exists() {
        assert!(begin.elapsed() < Duration::from_secs(60), "the other studio does not start");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let text = std::fs::read_to_string(note).expect("a note");
    let (postgres, supervisor) = text.split_once(' ').expect("two numbers");
    (postgres.parse().expect("a number"), supervisor.parse().expect("a number"))
}

#[tokio::test]
async fn killing_the_studio_ends_the_server() {
    let project = Project::new();
    let mut studio = spawn_studio(&project);
    let (postgres, supervisor) = studio_is_ready(&project).await;
    studio.kill().expect("kill -9");
    let after = gone(postgres, TWO_SECONDS).await;
    gone(supervisor, TWO_SECONDS).await;
    studio.wait().expect("an exit status");
    eprintln!("the server was gone after {after:?}");

    let cluster = project.start().await.expect("a server again");
    assert_eq!(cell(&connect(&cluster).await, "select count(*)::text from t").await, "1");
    cluster.stop().await;
}

#[tokio::test]
async fn killing_studio_and_supervisor_ends_the_server() {
    let project = Project::new();
    let mut studio = spawn_studio(&project);
    let (postgres, supervisor) = studio_is_ready(&project).await;
    kill(supervisor);
    studio.kill().expect("kill -9");
    gone(postgres, TWO_SECONDS).await;
    studio.wait().expect("an exit status");

    let cluster = project.start().await.expect("a server again");
    assert_eq!(cell(&connect(&cluster).await, "select count(*)::text from t").await, "1");
    cluster.stop().await;
}

#[tokio::test]
async fn a_stale_pid_file_does_not_hurt_a_bystander() {
    let project = Project::new();
    let cluster = project.start().await.expect("a server");
    let pid_file = cluster.state_dir().join("data/postmaster.pid");
    let text = std::fs::read_to_string(&pid_file).expect("a pid file");
    cluster.stop().await;
    let mut bystander = std::process::Command::new("sleep").arg("60").spawn().expect("a process");
    let (_, rest) = text.split_once('\n').expect("lines");
    std::fs::write(&pid_file, format!("{}\n{rest}", bystander.id())).expect("a pid file");

    let cluster = project.start().await.expect("a server again");
    cluster.stop().await;
    assert!(is_alive(bystander.id()));
    bystander.kill().expect("kill");
    bystander.wait().expect("an exit status");
}

#[tokio::test]
async fn strange_characters_in_the_path_are_harmless() {
    let project = Project::named("it's $HOME \"$(touch x)\", ü; %41\\n");
    let cluster = project.start().await.expect("a server");
    assert_eq!(cell(&connect(&cluster).await, "select 1").await, "1");
    let reached = Target::from_url(&cluster.url("postgres")).expect("a URL");
    let connection = Connection::connect(&reached, &Default::default()).await.expect("a connection by URL");
    assert_eq!(cell(&connection, "select 'x'").await, "x");
    cluster.stop().await;
}

#[tokio::test]
async fn a_very_long_path_is_harmless() {
    let project = Project::named(&"d".repeat(200));
    let cluster = project.start().await.expect("a server");
    assert_eq!(cell(&connect(&cluster).await, "select 1").await, "1");
    cluster.stop().await;
}

#[tokio::test]
async fn data_of_another_version_is_left_alone_or_set_aside() {
    let project = Project::new();
    let cluster = project.start().await.expect("a server");
    let data = cluster.state_dir().join("data");
    cluster.stop().await;
    std::fs::write(data.join("PG_VERSION"), "15\n").expect("a version");

    match project.start().await {
        Err(error @ ClusterError::WrongVersion { .. }) => {
            let text = error.to_string();
            assert!(
                text.starts_with("this project's database was made by Postgres 15; this studio brings 18."),
                "{text}"
            );
            assert!(error.next_step().contains("EXO_STUDIO_PG"));
        }
        other => panic!("{other:?}"),
    }
    assert!(data.join("base").exists());

    let mut config = project.config();
    config.set_aside_other_version = true;
    let cluster = Cluster::start(config, |_| {}).await.expect("a server with new data");
    cluster.stop().await;
    assert!(data.with_file_name("data.15-1").join("base").exists());
}

#[tokio::test]
async fn a_folder_with_something_else_in_it_is_refused_and_kept() {
    let project = Project::new();
    let cluster = project.start().await.expect("a server");
    let data = cluster.state_dir().join("data");
    cluster.stop().await;
    std::fs::remove_file(data.join("PG_VERSION")).expect("a file");
    match project.start().await {
        Err(ClusterError::Unusable { dir, message }) => {
            assert_eq!(dir, data);
            assert!(message.contains("PG_VERSION"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert!(data.join("base").exists());
}

#[tokio::test]
async fn a_missing_project_is_an_error() {
    let kind = ClusterKind::Project { dir: "/nowhere/at/all".into(), durable: false };
    let error = Cluster::start(config(kind), |_| {}).await.expect_err("no such folder");
    assert!(matches!(error, ClusterError::Unusable { .. }), "{error:?}");
}

#[tokio::test]
async fn too_open_permissions_of_the_data_folder_are_healed() {
    use std::os::unix::fs::PermissionsExt;
    let project = Project::new();
    let cluster = project.start().await.expect("a server");
    let data = cluster.state_dir().join("data");
    cluster.stop().await;
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).expect("permissions");
    project.start().await.expect("a server again").stop().await;
}

#[tokio::test]
async fn a_damaged_install_is_made_anew() {
    let project = Project::new();
    let cache = tempfile::tempdir().expect("a folder");
    let mut config = project.config();
    config.cache = Some(cache.path().join("cache"));
    let cluster = Cluster::start(config.clone(), |_| {}).await.expect("a server");
    let install = cluster.install_dir().to_path_buf();
    cluster.stop().await;
    std::fs::remove_file(install.join("share/postgresql/timezonesets/Default")).expect("a file");
    let cluster = Cluster::start(config, |_| {}).await.expect("a server again");
    assert!(install.join("share/postgresql/timezonesets/Default").exists());
    cluster.stop().await;
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0)
}

#[tokio::test]
async fn root_can_run_projects_that_lie_where_nobody_else_can_enter() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    if !is_root() {
        eprintln!("not run: only root changes the user of its servers");
        return;
    }
    let project = Project::new();
    std::fs::set_permissions(project.dir(), std::fs::Permissions::from_mode(0o700)).expect("permissions");
    let cluster = project.start().await.expect("a server");
    let state = cluster.state_dir().to_path_buf();
    assert!(state.starts_with("/var/tmp/exo-studio-65534"), "{}", state.display());
    assert_eq!(std::fs::metadata(state.join("data")).expect("a data folder").uid(), 65534);
    let note = std::fs::read_to_string(project.dir().join(".exo/where")).expect("a note");
    assert_eq!(note.trim(), state.display().to_string());
    let connection = connect(&cluster).await;
    connection.batch_execute("create table t (id int)").await.expect("a table");
    assert!(matches!(project.start().await, Err(ClusterError::Busy { .. })));
    drop(connection);
    cluster.stop().await;

    let cluster = project.start().await.expect("a server again");
    assert_eq!(cell(&connect(&cluster).await, "select count(*) from t").await, "0");
    cluster.stop().await;
    std::fs::remove_dir_all(state).expect("removed");
}

#[tokio::test]
async fn root_runs_the_server_as_the_owner_of_the_project() {
    use std::os::unix::fs::{MetadataExt, chown};
    if !is_root() {
        eprintln!("not run: only root changes the user of its servers");
        return;
    }
    let project = Project::new();
    chown(project.dir(), Some(61234), Some(61234)).expect("an owner");
    let cluster = project.start().await.expect("a server");
    assert_eq!(std::fs::metadata(cluster.state_dir().join("data")).expect("a data folder").uid(), 61234);
    assert_eq!(std::fs::metadata(project.dir().join(".exo")).expect("a folder").uid(), 61234);
    assert!(cluster.state_dir().starts_with(project.dir()));
    cluster.stop().await;
    std::fs::remove_dir_all("/var/tmp/exo-studio-61234").expect("removed");
}

/// The bundled server again, as if somebody had installed it: `initdb` runs and no template is used.
#[tokio::test]
async fn an_installed_server_can_be_used_instead() {
    let project = Project::new();
    let cluster = project.start().await.expect("a server");
    let bin = cluster.install_dir().join("bin");
    cluster.stop().await;

    let other = Project::new();
    let mut config = other.config();
    config.server = Some(bin);
    let cluster = Cluster::start(config.clone(), |_| {}).await.expect("a server");
    let connection = connect(&cluster).await;
    assert_eq!(cell(&connection, "select current_user").await, "postgres");
    assert_eq!(cell(&connection, "show timezone").await, "UTC");
    connection.batch_execute("create table t (id int)").await.expect("a table");
    drop(connection);
    cluster.stop().await;
    let cluster = Cluster::start(config, |_| {}).await.expect("a server again");
    assert_eq!(cell(&connect(&cluster).await, "select count(*) from t").await, "0");
    cluster.stop().await;

    let mut config = other.config();
    config.server = Some("/nowhere".into());
    let error = Cluster::start(config, |_| {}).await.expect_err("no such server");
    assert!(
        matches!(&error, ClusterError::NoServer { message } if message.contains("/nowhere")),
        "{error:?}"
    );
}

#[tokio::test]
async fn durable_clusters_wait_for_the_disk() {
    let project = Project::new();
    let kind = ClusterKind::Project { dir: project.dir(), durable: true };
    let cluster = Cluster::start(config(kind), |_| {}).await.expect("a server");
    let connection = connect(&cluster).await;
    for name in ["fsync", "full_page_writes", "synchronous_commit"] {
        assert_eq!(cell(&connection, &format!("show {name}")).await, "on");
    }
    cluster.stop().await;
}

#[tokio::test]
async fn an_orphan_of_a_killed_studio_is_stopped() {
    let project = Project::new();
    let cluster = project.start().await.expect("a server");
    connect(&cluster).await.batch_execute("create table t (id int)").await.expect("a table");
    let (data, bin) = (cluster.state_dir().join("data"), cluster.install_dir().join("bin/postgres"));
    cluster.stop().await;

    // A server without a supervisor, as it is left behind where the kernel cannot end it with its parent.
    let mut command = std::process::Command::new(bin);
    command.arg("-D").arg(&data).arg("-k").arg(&data).args(["-c", "listen_addresses="]).current_dir("/");
    if is_root() {
        std::os::unix::process::CommandExt::uid(&mut command, 65534);
    }
    let null = std::process::Stdio::null;
    let mut orphan = command.stdin(null()).stdout(null()).stderr(null()).spawn().expect("a server");
    let begin = Instant::now();
    while !std::fs::read_to_string(data.join("postmaster.pid")).is_ok_and(|it| it.contains("ready")) {
        assert!(begin.elapsed() < Duration::from_secs(20), "the orphan does not start");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let cluster = project.start().await.expect("a server");
    assert!(orphan.wait().expect("an exit status").success());
    assert_eq!(cell(&connect(&cluster).await, "select count(*) from t").await, "0");
    cluster.stop().await;
}

#[tokio::test]
async fn a_start_that_is_given_up_leaves_no_server() {
    let project = Project::new();
    for _ in 0..4 {
        let limit = Duration::from_millis(60);
        drop(tokio::time::timeout(limit, project.start()).await);
    }
    // The last one given up may still be stopping; this start waits for it.
    project.start().await.expect("a server").stop().await;
}

#[tokio::test]
async fn a_start_during_another_start_or_stop_waits_for_it() {
    let project = Project::new();
    let (first, second) = futures_util::future::join(project.start(), project.start()).await;
    let (cluster, busy) = match (first, second) {
        (Ok(cluster), Err(busy)) | (Err(busy), Ok(cluster)) => (cluster, busy),
        other => unreachable!("{other:?}"),
    };
    let ClusterError::Busy { pid, .. } = busy else { unreachable!("{busy:?}") };
    assert_eq!(
        pid,
        Some(cluster.supervisor_id()),
        "the second one waited until the first one could say who it is"
    );
    drop(cluster);
    project.start().await.expect("a server, once the other one is gone").stop().await;
}

#[tokio::test]
async fn what_a_killed_throw_away_server_left_is_swept_up() {
    let temporary = || config(ClusterKind::ThrowAway);
    let cluster = Cluster::start(temporary(), |_| {}).await.expect("a server");
    let dir = cluster.state_dir().to_path_buf();
    kill(cluster.supervisor_id());
    gone(cluster.process_id(), TWO_SECONDS).await;
    let next = Cluster::start(temporary(), |_| {}).await.expect("another server");
    assert!(!dir.exists());
    next.stop().await;
}

/// A small file system in memory, unmounted at the end.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where mounting is not allowed.
    fn new(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let options = format!("size={size},mode=755");
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(folder.path())
            .stderr(std::process::Stdio::null())
            .status();
        mount.is_ok_and(|it| it.success()).then(|| Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_named_and_not_kept_full() {
    let Some(disk) = SmallDisk::new("12m") else {
        eprintln!("not run: mounting is not allowed here");
        return;
    };
    let dir = disk.0.path().join("project");
    std::fs::create_dir(&dir).expect("a folder");
    std::os::unix::fs::chown(&dir, Some(65534), Some(65534)).expect("an owner");
    let kind = ClusterKind::Project { dir: dir.clone(), durable: false };
    let error = Cluster::start(config(kind), |_| {}).await.expect_err("no space");
    assert!(matches!(error, ClusterError::DiskFull { .. }), "{error:?}");
    assert!(error.next_step().starts_with("Free some space"));
    std::fs::write(dir.join("something"), vec![0; 8 * 1024 * 1024]).expect("the space is free again");
}

#[tokio::test]
async fn a_broken_supervisor_is_quoted() {
    let mut broken = config(ClusterKind::ThrowAway);
    broken.supervisor = ["/bin/sh", "-c", "echo 'library not found' >&2; exit 3"].map(Into::into).to_vec();
    let error = Cluster::start(broken, |_| {}).await.expect_err("no supervisor");
    let text = error.to_string();
    assert!(text.contains("exit status: 3: library not found"), "{text}");

    let mut missing = config(ClusterKind::ThrowAway);
    missing.supervisor = vec!["/nowhere/exo-studio".into()];
    let text = Cluster::start(missing, |_| {}).await.expect_err("no supervisor").to_string();
    assert!(text.contains("/nowhere/exo-studio cannot be run"), "{text}");
}
