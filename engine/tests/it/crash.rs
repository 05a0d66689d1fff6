//! A process that migrates and copies is killed at any moment; the next start finds everything whole.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use studio_engine::copies::{BY_HAND, Copies, CopyRequest, NAME};
use studio_events::Timestamp;
use studio_postgres::{Cluster, ClusterConfig, ClusterKind, Pool, PoolOptions};

/// First argument that makes this binary the process to be killed.
pub(crate) const WORKER: &str = "__crash-worker";
const ROUNDS: u64 = 6;

async fn start(root: &Path) -> (Cluster, Copies) {
    let kind = ClusterKind::Project { dir: root.to_owned(), durable: false };
    let cluster = Cluster::start(ClusterConfig::new(kind), |_| {}).await.unwrap();
    let copies = Copies::new(cluster.databases());
    copies.recover().await.unwrap();
    cluster.databases().ensure(NAME).await.unwrap();
    (cluster, copies)
}

/// The newest copy is the one an undo goes back to, also across the processes of this test.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(u64::try_from(since.as_micros()).unwrap())
}

fn request(name: &str) -> CopyRequest<'_> {
    CopyRequest { name, automatic: true, reason: BY_HAND, revision: None, undo: true, at: now() }
}

/// Rows, then a copy, then a migration, then a restore, for ever. Says how many rows are committed.
pub(crate) async fn work(root: &Path) {
    let (cluster, copies) = start(root).await;
    let run = async |sql: &str| {
        let pool = Pool::new(cluster.target(NAME), PoolOptions { size: 1, ..PoolOptions::default() });
        let rows = pool.get().await.unwrap().simple_query(sql).await.unwrap();
        pool.close();
        rows
    };
    run("CREATE TABLE IF NOT EXISTS ledger (n INT PRIMARY KEY)").await;
    let first = run("SELECT count(*) FROM ledger").await;
    let first: u64 = first[0][0].as_deref().unwrap().parse().unwrap();
    for n in first.. {
        run(&format!("INSERT INTO ledger SELECT {n}")).await;
        println!("{}", n + 1);
        std::io::stdout().flush().unwrap();
        let copy = copies.make(request(&format!("c{n}"))).await.unwrap();
        run(&format!(
            "BEGIN; ALTER TABLE ledger ADD IF NOT EXISTS x{n} INT; UPDATE ledger SET x{n} = n; COMMIT"
        ))
        .await;
        copies.restore(&copy.name, request("kept")).await.unwrap();
        copies.undo(None, request("kept")).await.unwrap();
    }
}

pub(crate) async fn nothing_is_lost_whenever_the_process_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let root = folder.path().join("ledger");
    fs::create_dir_all(&root).unwrap();
    let mut delay = 0x9e37_79b9_u64;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(WORKER)
            .arg(&root)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut rows: u64 = lines.next().unwrap().unwrap().parse().unwrap();
        // Somewhere in the copies and migrations that follow.
        delay = delay.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis((delay >> 33) % 400));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            rows = line.parse().unwrap_or(rows);
        }

        let (cluster, copies) = start(&root).await;
        let names = cluster.databases().list().await.unwrap();
        assert!(!names.iter().any(|name| name.ends_with("_unfinished")), "round {round}: {names:?}");
        let mut databases = vec![NAME.to_owned()];
        databases
            .extend(copies.list().await.unwrap().into_iter().map(|copy| format!("{NAME}@{}", copy.name)));
        for database in databases {
            let pool =
                Pool::new(cluster.target(&database), PoolOptions { size: 1, ..PoolOptions::default() });
            let connection = pool.get().await.unwrap();
            let found = connection.simple_query("SELECT count(*) FROM ledger").await.unwrap();
            let found: u64 = found[0][0].as_deref().unwrap().parse().unwrap();
            assert!(database != NAME || found >= rows, "round {round}: {found} of {rows} rows are left");
            let columns = "SELECT attname::text FROM pg_attribute WHERE attrelid = 'ledger'::regclass AND attname ~ '^x' AND attnum > 0 AND NOT attisdropped";
            for column in connection.simple_query(columns).await.unwrap().into_iter().flatten().flatten() {
                let empty = format!(
                    "SELECT count(*) FROM ledger WHERE {column} IS DISTINCT FROM n AND n <= substr('{column}', 2)::int"
                );
                let empty = connection.simple_query(&empty).await.unwrap();
                assert_eq!(
                    empty[0][0].as_deref(),
                    Some("0"),
                    "round {round}: half a migration in {database}"
                );
            }
            drop(connection);
            pool.close();
        }
        cluster.stop().await;
    }
}
