//! Short reads that share connections: nobody waits for a long one, and everybody else gets a connection as before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use studio_postgres::{
    Cluster, ClusterKind, Pace, Pool, PoolError, PoolOptions, ReadError, SessionOptions, TextParam, Type,
};

use crate::support::{cell, config, connect};

/// Says who runs it; `$2` makes it long.
const WHO: &str =
    "select pg_backend_pid()::text || ':' || $1::text || coalesce(pg_sleep($2::float8)::text, '')";

async fn server() -> Cluster {
    Cluster::start(config(ClusterKind::ThrowAway), |_| {}).await.expect("a server")
}

fn pool(cluster: &Cluster, size: usize) -> Pool {
    Pool::new(cluster.target("postgres"), PoolOptions { size, ..PoolOptions::default() })
}

fn short() -> Pace {
    Pace::known(Duration::from_micros(100))
}

/// Backend and text of a read.
async fn who(pool: &Pool, text: &str, seconds: &str, pace: &Pace) -> (String, String) {
    let params = [TextParam::new(Type::TEXT, text), TextParam::new(Type::FLOAT8, seconds)];
    let mut rows = pool.read(WHO, &params, pace).await.expect("a read");
    let cell = rows.pop().and_then(|mut row| row.pop()).flatten().expect("one cell");
    let (backend, text) = cell.split_once(':').expect("two parts");
    (backend.to_owned(), text.to_owned())
}

/// Reads on and on until told to stop; how many reads that were.
fn reader(pool: &Pool, stop: &Arc<AtomicBool>) -> tokio::task::JoinHandle<usize> {
    let (pool, stop) = (pool.clone(), Arc::clone(stop));
    tokio::spawn(async move {
        let mut done = 0;
        while !stop.load(Ordering::SeqCst) {
            // Made anew, so that no slow moment of the machine ends the sharing.
            assert_eq!(who(&pool, "x", "0", &short()).await.1, "x");
            done += 1;
        }
        done
    })
}

#[tokio::test]
async fn short_reads_share_a_connection_and_each_gets_its_own_answer() {
    let cluster = server().await;
    // Nobody may wait for a connection here, so whoever gets an answer shared one.
    let acquire_timeout = Duration::from_millis(1);
    let pool =
        Pool::new(cluster.target("postgres"), PoolOptions { size: 1, acquire_timeout, ..Default::default() });
    let texts = ["a", "b", "c", "d", "e", "f"];
    for round in 0.. {
        let reads = texts.map(|text| {
            let params = [TextParam::new(Type::TEXT, text), TextParam::new(Type::FLOAT8, "0.005")];
            let pool = &pool;
            async move { pool.read(WHO, &params, &short()).await }
        });
        let answers = futures_util::future::join_all(reads).await;
        let mut shared = true;
        for (answer, text) in answers.into_iter().zip(texts) {
            match answer {
                Ok(rows) => {
                    assert!(rows[0][0].as_deref().is_some_and(|cell| cell.ends_with(&format!(":{text}"))))
                }
                // The machine stood still for longer than anybody waits behind others.
                Err(ReadError::Pool(PoolError::Exhausted { .. })) => shared = false,
                Err(error) => panic!("{error:?}"),
            }
        }
        if shared {
            break;
        }
        assert!(round < 20, "they never share");
    }
    cluster.stop().await;
}

#[tokio::test]
async fn who_waits_behind_a_long_read_goes_elsewhere_and_the_long_one_ends_well() {
    let cluster = server().await;
    for size in [1, 2, 8] {
        let pool = pool(&cluster, size);
        let long = {
            let pool = pool.clone();
            tokio::spawn(async move { who(&pool, "long", "1.5", &short()).await })
        };
        // Every lane gets one.
        let long_ones = (0..16).map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { who(&pool, "long", "1.5", &short()).await })
        });
        let others: Vec<_> = if size == 8 { long_ones.take(3).collect() } else { Vec::new() };
        tokio::time::sleep(Duration::from_millis(20)).await;
        let finished = who(&pool, "quick", "0", &short()).await;
        assert_eq!(finished.1, "quick");
        if size > 1 {
            assert!(!long.is_finished(), "it did not wait for the end of the long one");
        }
        assert_eq!(long.await.expect("the long read").1, "long");
        for other in others {
            assert_eq!(other.await.expect("a long read").1, "long");
        }
        assert_eq!(who(&pool, "after", "0", &short()).await.1, "after");
        pool.close();
    }
    cluster.stop().await;
}

#[tokio::test]
async fn a_read_that_nobody_wants_any_more_is_cancelled() {
    let cluster = server().await;
    let pool = pool(&cluster, 1);
    let pace = short();
    let given_up = tokio::time::timeout(Duration::from_millis(100), who(&pool, "gone", "30", &pace)).await;
    assert!(given_up.is_err());
    let connection = connect(&cluster).await;
    let busy = "select count(*) from pg_stat_activity where query like '%$2::float8%' and state = 'active'
        and pid <> pg_backend_pid()";
    let begin = Instant::now();
    while cell(&connection, busy).await != "0" {
        assert!(begin.elapsed() < Duration::from_secs(10), "the statement still runs");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(who(&pool, "next", "0", &pace).await.1, "next");
    cluster.stop().await;
}

#[tokio::test]
async fn whoever_needs_a_connection_of_his_own_gets_it_however_many_read() {
    let cluster = server().await;
    let pool = pool(&cluster, 1);
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4).map(|_| reader(&pool, &stop)).collect();
    for _ in 0..20 {
        let own = pool.get().await.expect("a connection");
        let backend = cell(&own, "select pg_backend_pid()").await;
        assert_eq!(cell(&own, "select pg_backend_pid()").await, backend);
    }
    let pause = pool.pause(Duration::from_secs(10)).await.expect("a pause");
    assert_eq!((pool.status().open, pool.status().idle), (0, 0), "all are closed");
    drop(pause);
    assert_eq!(who(&pool, "after", "0", &short()).await.1, "after");
    stop.store(true, Ordering::SeqCst);
    for reader in readers {
        assert!(reader.await.expect("a reader without a fault") > 0);
    }
    cluster.stop().await;
}

#[tokio::test]
async fn readers_notice_neither_a_changed_schema_nor_a_lost_connection() {
    let cluster = server().await;
    let pool = pool(&cluster, 2);
    let own = connect(&cluster).await;
    own.batch_execute("create table t (id int); insert into t values (1)").await.expect("a table");
    let (stop, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (pool, stop, reads) = (pool.clone(), Arc::clone(&stop), Arc::clone(&reads));
            tokio::spawn(async move {
                let sql = "select row_to_json(t)::text from t";
                while !stop.load(Ordering::SeqCst) {
                    match pool.read(sql, &[], &short()).await {
                        Ok(rows) => assert_eq!(rows.len(), 1),
                        // What the caller does then: run it again.
                        Err(ReadError::Database(error)) => assert!(error.is_connection_lost(), "{error:?}"),
                        Err(ReadError::Pool(error)) => panic!("{error:?}"),
                    }
                    reads.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let progress = async || {
        let seen = reads.load(Ordering::SeqCst);
        while reads.load(Ordering::SeqCst) < seen + 20 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    for number in 0..5 {
        progress().await;
        own.batch_execute(&format!("alter table t add column c{number} int")).await.expect("a column");
        pool.schema_changed();
    }
    progress().await;
    let others = "select count(pg_terminate_backend(pid)) from pg_stat_activity
        where pid <> pg_backend_pid() and backend_type = 'client backend'";
    own.run(others, &[]).await.expect("connections that end");
    progress().await;
    stop.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await.expect("a reader without a fault");
    }
    cluster.stop().await;
}

#[tokio::test]
async fn nothing_is_shared_behind_a_pooler_and_nothing_runs_in_a_closed_pool() {
    let cluster = server().await;
    let session = SessionOptions { transaction_pooler: true, ..SessionOptions::default() };
    let options = PoolOptions { size: 4, session, ..PoolOptions::default() };
    let pooled = Pool::new(cluster.target("postgres"), options);
    let (first, second) = (short(), short());
    let (one, two) = tokio::join!(who(&pooled, "a", "0.05", &first), who(&pooled, "b", "0.05", &second));
    assert_ne!(one.0, two.0, "each has a connection of its own");
    let closed = pool(&cluster, 1);
    assert_eq!(who(&closed, "x", "0", &short()).await.1, "x");
    closed.close();
    for pace in [short(), Pace::default()] {
        let read = closed.read("select 'x'", &[], &pace).await;
        assert_eq!(read, Err(ReadError::Pool(PoolError::Closed)));
    }
    cluster.stop().await;
}
