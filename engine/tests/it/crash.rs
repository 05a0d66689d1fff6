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
/// Twice each part of the work, once with the server itself killed.
const ROUNDS: u64 = 8;
/// The parts of the work, in order.
const PARTS: [&str; 4] = ["copy", "migrate", "restore", "undo"];

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

/// Rows, then a copy, then a migration, then a restore, for ever. Says how many rows are committed and what comes next.
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
    let next = |word: &str| {
        println!("{word}");
        std::io::stdout().flush().unwrap();
    };
    next(&format!("pids {} {}", cluster.supervisor_id(), cluster.process_id()));
    for n in first.. {
        run(&format!("INSERT INTO ledger SELECT {n}")).await;
        next(&(n + 1).to_string());
        next(PARTS[0]);
        let copy = copies.make(request(&format!("c{n}"))).await.unwrap();
        next(PARTS[1]);
        run(&format!(
            "BEGIN; ALTER TABLE ledger ADD IF NOT EXISTS x{n} INT; UPDATE ledger SET x{n} = n; COMMIT"
        ))
        .await;
        next(PARTS[2]);
        copies.restore(&copy.name, request("kept")).await.unwrap();
        next(PARTS[3]);
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
            // It complains when its server goes away below it.
            .stderr(if round >= ROUNDS / 2 { Stdio::null() } else { Stdio::inherit() })
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut rows = 0;
        let mut servers: Vec<String> = Vec::new();
        // In the first go of one part and the second go of another one, some way into it.
        let (part, go) = (PARTS[usize::try_from(round).unwrap() % PARTS.len()], 1 + round % 2);
        let mut begun = 0;
        while begun < go {
            let line = lines.next().unwrap().unwrap();
            if let Some(pids) = line.strip_prefix("pids ") {
                servers = pids.split(' ').map(str::to_owned).collect();
            }
            rows = line.parse().unwrap_or(rows);
            begun += u64::from(line == part);
        }
        delay = delay.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis((delay >> 33) % 120));
        if round >= ROUNDS / 2 {
            // The server goes first, without a chance to tidy up.
            for pid in servers.iter().rev() {
                Command::new("kill").args(["-KILL", pid]).status().unwrap();
            }
        }
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
