//! Statements, transactions, the pool and databases, against a real server.

use std::time::{Duration, Instant};

use futures_util::future::join;
use studio_postgres::databases::DatabaseError;
use studio_postgres::wire::{SessionOptions, TransactionMode};
use studio_postgres::{
    Cluster, ClusterKind, Connection, DbError, Pool, PoolError, PoolOptions, Target, TextParam, Type,
};

use crate::proxy::Proxy;
use crate::support::{cell, config, connect};

async fn server() -> Cluster {
    Cluster::start(config(ClusterKind::ThrowAway), |_| {}).await.expect("a server")
}

fn pool(cluster: &Cluster, size: usize) -> Pool {
    let options = PoolOptions { size, acquire_timeout: Duration::from_millis(300), ..PoolOptions::default() };
    Pool::new(cluster.target("postgres"), options)
}

fn text(value: &str) -> TextParam<'_> {
    TextParam::new(Type::TEXT, value)
}

#[tokio::test]
async fn parameters_of_every_type_travel_as_text() {
    let cluster = server().await;
    let connection = connect(&cluster).await;
    let cases = [
        (Type::BOOL, "true", "true"),
        (Type::INT2, "-32768", "-32768"),
        (Type::INT4, "2147483647", "2147483647"),
        (Type::INT8, "-9223372036854775808", "-9223372036854775808"),
        (Type::FLOAT4, "1.5", "1.5"),
        (Type::FLOAT8, "1e300", "1e+300"),
        (Type::FLOAT8, "NaN", "NaN"),
        (Type::NUMERIC, "123456789012345678901234567890.000001", "123456789012345678901234567890.000001"),
        (Type::TEXT, "it's \"ü\" \\ 💧", "it's \"ü\" \\ 💧"),
        (Type::TEXT, "", ""),
        (Type::VARCHAR, "abc", "abc"),
        (Type::BYTEA, "\\x00ff10", "\\x00ff10"),
        (Type::UUID, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        (Type::DATE, "2024-02-29", "2024-02-29"),
        (Type::TIME, "23:59:59.123456", "23:59:59.123456"),
        (Type::TIMESTAMP, "2024-02-29T12:00:00.5", "2024-02-29 12:00:00.5"),
        (Type::TIMESTAMPTZ, "2024-02-29T12:00:00+02:00", "2024-02-29 10:00:00+00"),
        (Type::INTERVAL, "1 day 2 hours", "1 day 02:00:00"),
        (Type::JSON, "{\"a\" : 1}", "{\"a\" : 1}"),
        (Type::JSONB, "{\"a\" : [1,null]}", "{\"a\": [1, null]}"),
        (Type::INT4_ARRAY, "{1,NULL,3}", "{1,NULL,3}"),
        (Type::INT4_ARRAY, "{{1,2},{3,4}}", "{{1,2},{3,4}}"),
        (Type::TEXT_ARRAY, "{a,\"b,c\",\"\"}", "{a,\"b,c\",\"\"}"),
        (
            Type::UUID_ARRAY,
            "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
            "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
        ),
        (Type::JSONB_ARRAY, "{\"{\\\"a\\\":1}\"}", "{\"{\\\"a\\\": 1}\"}"),
        (Type::TIMESTAMPTZ_ARRAY, "{2024-02-29T12:00:00Z}", "{\"2024-02-29 12:00:00+00\"}"),
    ];
    for (ty, value, expected) in cases {
        let sql = "select $1::text, pg_typeof($1)::text";
        let rows = connection.run(sql, &[TextParam::new(ty.clone(), value)]).await.expect(value);
        let name = rows[0][1].clone().expect("a type name");
        let oid = cell(&connection, &format!("select '{name}'::regtype::oid")).await;
        assert_eq!(oid, ty.oid().to_string(), "{value} as {ty}");
        assert_eq!(rows[0][0].as_deref(), Some(expected), "{value} as {ty}");
        let rows = connection.run("select $1::text", &[TextParam::null(ty.clone())]).await.expect("a null");
        assert_eq!(rows, vec![vec![None]], "null as {ty}");
    }
    cluster.stop().await;
}

#[tokio::test]
async fn wrong_values_and_statements_are_errors_with_everything_the_server_says() {
    let cluster = server().await;
    let connection = connect(&cluster).await;
    let error =
        connection.run("select $1", &[TextParam::new(Type::INT4, "abc")]).await.expect_err("no number");
    assert_eq!(error.sqlstate(), Some("22P02"));
    let error = connection.run("select nothing", &[]).await.expect_err("no such column");
    match error {
        DbError::Server(error) => {
            assert_eq!((error.sqlstate.as_str(), error.position), ("42703", Some(8)));
            assert_eq!(error.message, "column \"nothing\" does not exist");
        }
        other => panic!("{other:?}"),
    }
    let error = connection.run("select '1 day'::interval", &[]).await.expect_err("an unreadable column");
    assert!(error.to_string().contains("a column of type interval needs a cast to text"), "{error}");
    assert_eq!(cell(&connection, "select 1").await, "1");
    cluster.stop().await;
}

#[tokio::test]
async fn sessions_run_in_utc_and_read_only_ones_refuse_writes() {
    let cluster = server().await;
    let options = SessionOptions {
        read_only: true,
        statement_timeout: Some(Duration::from_millis(100)),
        ..SessionOptions::default()
    };
    let connection = Connection::connect(&cluster.target("postgres"), &options).await.expect("a connection");
    assert_eq!(cell(&connection, "show timezone").await, "UTC");
    let error = connection.run("create table t (id int)", &[]).await.expect_err("read-only");
    assert_eq!(error.sqlstate(), Some("25006"));
    let error = connection.run("select pg_sleep(5)", &[]).await.expect_err("too slow");
    assert_eq!(error.sqlstate(), Some("57014"));

    let pooler = SessionOptions { read_only: true, transaction_pooler: true, ..SessionOptions::default() };
    let connection = Connection::connect(&cluster.target("postgres"), &pooler).await.expect("a connection");
    let error = connection.run("create table t (id int)", &[]).await.expect_err("read-only");
    assert_eq!(error.sqlstate(), Some("25006"));
    let mut transaction = connection.transaction(TransactionMode::Session);
    let error = transaction.run("create table t (id int)", &[]).await.expect_err("read-only");
    assert_eq!(error.sqlstate(), Some("25006"));
    transaction.rollback().await.expect("a rollback");
    cluster.stop().await;
}

/// Number of statements the server has prepared for this session, the asking one not counted.
async fn prepared(connection: &Connection) -> String {
    let rows = connection.simple_query("select count(*) from pg_prepared_statements").await.expect("a count");
    rows[0][0].clone().expect("a count")
}

#[tokio::test]
async fn repeated_statements_are_prepared_and_survive_schema_changes_and_discards() {
    let cluster = server().await;
    let pool = pool(&cluster, 1);
    let sql = "select * from t where a = $1";
    pool.get()
        .await
        .expect("c")
        .batch_execute("create table t (a text); insert into t values ('x')")
        .await
        .expect("t");
    for _ in 0..4 {
        let connection = pool.get().await.expect("a connection");
        assert_eq!(connection.run(sql, &[text("x")]).await.expect("rows"), vec![vec![Some("x".to_owned())]]);
    }
    let connection = pool.get().await.expect("a connection");
    assert_eq!(prepared(&connection).await, "1");
    assert!(connection.is_prepared(sql));
    assert!(!connection.is_prepared("select 1"));

    // Another result type: the cached plan is refused, forgotten, and the statement runs anyway.
    connection.batch_execute("alter table t add b text default 'y'").await.expect("a column");
    let both = vec![vec![Some("x".to_owned()), Some("y".to_owned())]];
    assert_eq!(connection.run(sql, &[text("x")]).await.expect("rows"), both);
    drop(connection);

    for _ in 0..4 {
        let connection = pool.get().await.expect("a connection");
        connection.run(sql, &[text("x")]).await.expect("rows");
    }
    let connection = pool.get().await.expect("a connection");
    assert_eq!(prepared(&connection).await, "1");
    connection.batch_execute("discard all").await.expect("discard");
    assert_eq!(prepared(&connection).await, "0");
    assert_eq!(connection.run(sql, &[text("x")]).await.expect("rows"), both);
    drop(connection);

    for _ in 0..4 {
        pool.get().await.expect("a connection").run(sql, &[text("x")]).await.expect("rows");
    }
    pool.schema_changed();
    let connection = pool.get().await.expect("a connection");
    assert_eq!(connection.run("select 1", &[]).await.expect("rows").len(), 1);
    assert_eq!(prepared(&connection).await, "0");
    cluster.stop().await;
}

#[tokio::test]
async fn a_stale_plan_in_a_transaction_is_reported_and_never_runs_outside_of_it() {
    let cluster = server().await;
    let pool = pool(&cluster, 1);
    pool.get().await.expect("c").batch_execute("create table t (a text)").await.expect("t");
    let sql = "insert into t values ($1) returning *";
    for _ in 0..4 {
        let connection = pool.get().await.expect("a connection");
        connection
            .transaction(TransactionMode::Session)
            .run_and_commit(sql, &[text("x")])
            .await
            .expect("rows");
    }
    let connection = pool.get().await.expect("a connection");
    connection.batch_execute("alter table t add b text").await.expect("a column");
    let transaction = connection.transaction(TransactionMode::Session);
    let error = transaction.run_and_commit(sql, &[text("x")]).await.expect_err("a stale plan");
    assert!(error.is_stale_plan(), "{error:?}");
    assert_eq!(cell(&connection, "select count(*) from t").await, "4");
    let transaction = connection.transaction(TransactionMode::Session);
    transaction.run_and_commit(sql, &[text("x")]).await.expect("the second try works");
    assert_eq!(cell(&connection, "select count(*) from t").await, "5");
    cluster.stop().await;
}

#[tokio::test]
async fn transactions_commit_roll_back_and_are_ended_when_dropped() {
    let cluster = server().await;
    let pool = pool(&cluster, 1);
    let connection = pool.get().await.expect("a connection");
    connection.batch_execute("create table t (id int primary key)").await.expect("a table");
    let insert = "insert into t values ($1) returning id::text";
    let id = |value: &'static str| [TextParam::new(Type::INT4, value)];
    let count = "select count(*) from t";

    let mut transaction = connection.transaction(TransactionMode::Serializable);
    assert_eq!(transaction.run(insert, &id("1")).await.expect("a row"), vec![vec![Some("1".to_owned())]]);
    let level = transaction.run("show transaction_isolation", &[]).await.expect("a level");
    assert_eq!(level[0][0].as_deref(), Some("serializable"));
    transaction.run(insert, &id("2")).await.expect("a row");
    transaction.commit().await.expect("a commit");
    assert_eq!(cell(&connection, count).await, "2");

    let mut transaction = connection.transaction(TransactionMode::Session);
    transaction.run(insert, &id("3")).await.expect("a row");
    transaction.rollback().await.expect("a rollback");
    assert_eq!(cell(&connection, count).await, "2");

    let mut transaction = connection.transaction(TransactionMode::Session);
    transaction.run(insert, &id("3")).await.expect("a row");
    transaction.run(insert, &id("1")).await.expect_err("a duplicate key");
    assert_eq!(transaction.commit().await, Err(DbError::RolledBack));
    assert_eq!(cell(&connection, count).await, "2");

    let mut transaction = connection.transaction(TransactionMode::Session);
    transaction.run(insert, &id("3")).await.expect("a row");
    let error = transaction.run_and_commit(insert, &id("1")).await.expect_err("a duplicate key");
    assert_eq!(error.sqlstate(), Some("23505"));
    assert_eq!(cell(&connection, count).await, "2");

    let mut transaction = connection.transaction(TransactionMode::ReadOnly);
    let error = transaction.run(insert, &id("3")).await.expect_err("read-only");
    assert_eq!(error.sqlstate(), Some("25006"));
    drop(transaction);

    // The dropped transaction above ends before anything else happens on the connection.
    let mut transaction = connection.transaction(TransactionMode::Session);
    transaction.run(insert, &id("3")).await.expect("a row");
    drop(transaction);
    assert_eq!(cell(&connection, count).await, "2");
    // Nor does it keep its locks when the connection goes back to the pool and nobody takes it again.
    let mut transaction = connection.transaction(TransactionMode::Session);
    transaction.run(insert, &id("3")).await.expect("a row");
    drop(transaction);
    drop(connection);
    let other = connect(&cluster).await;
    other.batch_execute("set lock_timeout = '5s'; drop table t").await.expect("nobody holds a lock");
    assert_eq!(cell(&pool.get().await.expect("a connection"), "select 1").await, "1");
    cluster.stop().await;
}

#[tokio::test]
async fn a_whole_transaction_takes_one_round_trip() {
    let cluster = server().await;
    let half = Duration::from_millis(100);
    let proxy = Proxy::start(&cluster, half, None).await;
    let target = Target::from_url(&proxy.url("sslmode=disable")).expect("a URL");
    let connection = Connection::connect(&target, &SessionOptions::default()).await.expect("a connection");
    let one = [TextParam::new(Type::INT4, "1")];

    let begin = Instant::now();
    let transaction = connection.transaction(TransactionMode::Session);
    transaction.run_and_commit("select $1::text", &one).await.expect("rows");
    let transaction_took = begin.elapsed();

    let begin = Instant::now();
    let (first, second) =
        join(connection.run("select $1::text", &one), connection.run("select ($1 + 1)::text", &one)).await;
    let pair_took = begin.elapsed();
    assert_eq!(first.expect("rows"), vec![vec![Some("1".to_owned())]]);
    assert_eq!(second.expect("rows"), vec![vec![Some("2".to_owned())]]);

    for took in [transaction_took, pair_took] {
        assert!(took >= half * 2, "{took:?}: the proxy does not delay");
        assert!(took < half * 4, "{took:?}: more than one round trip");
    }
    cluster.stop().await;
}

#[tokio::test]
async fn an_abandoned_statement_is_cancelled_and_its_connection_replaced() {
    let cluster = server().await;
    let pool = pool(&cluster, 1);
    let connection = pool.get().await.expect("a connection");
    let slow =
        tokio::time::timeout(Duration::from_millis(50), connection.run("select pg_sleep(30)", &[])).await;
    assert!(slow.is_err());
    drop(connection);
    let connection = pool.get().await.expect("another connection, at once");
    let busy =
        "select count(*) from pg_stat_activity where query like 'select pg_sleep(30)%' and state = 'active'";
    let begin = Instant::now();
    while cell(&connection, busy).await != "0" {
        assert!(begin.elapsed() < Duration::from_secs(5), "the statement still runs");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    cluster.stop().await;
}

#[tokio::test]
async fn the_pool_is_bounded_and_says_so() {
    let cluster = server().await;
    let pool = pool(&cluster, 2);
    let first = pool.get().await.expect("a connection");
    let second = pool.get().await.expect("a connection");
    match pool.get().await {
        Err(PoolError::Exhausted { size: 2, .. }) => {}
        other => panic!("{other:?}"),
    }
    drop(first);
    drop(second);
    pool.get().await.expect("a connection");
    assert_eq!(pool.status().open, 2);
    pool.close();
    assert!(matches!(pool.get().await, Err(PoolError::Closed)));
    cluster.stop().await;
}

#[tokio::test]
async fn a_pool_outlives_a_restart_of_its_server() {
    let project = crate::support::Project::new();
    let cluster = project.start().await.expect("a server");
    let pool = pool(&cluster, 1);
    assert_eq!(cell(&pool.get().await.expect("a connection"), "select 1").await, "1");
    cluster.stop().await;
    match pool.get().await {
        Err(PoolError::Connect(error)) => assert!(error.is_connection_lost(), "{error:?}"),
        other => panic!("{other:?}"),
    }
    let cluster = project.start().await.expect("a server again");
    assert_eq!(cell(&pool.get().await.expect("a connection"), "select 1").await, "1");
    cluster.stop().await;
}

#[tokio::test]
async fn databases_are_created_cloned_listed_renamed_and_dropped() {
    let cluster = server().await;
    let databases = cluster.databases();
    let name = "strange \"name\"; drop";
    databases.create(name, None).await.expect("a database");
    assert!(databases.exists(name).await.expect("an answer"));
    assert!(!databases.ensure(name).await.expect("an answer"));
    let connection = Connection::connect(&cluster.target(name), &SessionOptions::default()).await.expect("c");
    connection.batch_execute("create table t as select 1 as a").await.expect("a table");
    match databases.create("copy", Some(name)).await {
        Err(DatabaseError::Db(error)) => assert_eq!(error.sqlstate(), Some("55006")),
        other => panic!("{other:?}"),
    }
    drop(connection);
    // The server takes a moment to notice that the connection is gone; it waits for that itself.
    databases.create("copy", Some(name)).await.expect("a copy");
    let connection =
        Connection::connect(&cluster.target("copy"), &SessionOptions::default()).await.expect("c");
    assert_eq!(cell(&connection, "select a from t").await, "1");
    assert_eq!(databases.list().await.expect("names"), ["copy", "postgres", name]);
    databases.drop("copy").await.expect("dropped although somebody is connected");
    databases.drop("copy").await.expect("dropped already");
    databases.rename(name, "other").await.expect("another name");
    assert_eq!(databases.list().await.expect("names"), ["other", "postgres"]);
    cluster.stop().await;
}

#[tokio::test]
async fn extensions_and_functions_that_projects_rely_on_are_there() {
    let cluster = server().await;
    let connection = connect(&cluster).await;
    for name in ["pgcrypto", "uuid-ossp", "pg_trgm", "citext", "hstore", "ltree", "unaccent", "postgres_fdw"]
    {
        connection.batch_execute(&format!("create extension \"{name}\"")).await.expect(name);
    }
    connection
        .batch_execute("create extension pg_stat_statements; load 'auto_explain'")
        .await
        .expect("tools");
    assert!(cell(&connection, "select count(*) from pg_stat_statements").await != "0");
    assert_eq!(cell(&connection, "select uuid_extract_version(uuidv7())").await, "7");
    assert_eq!(cell(&connection, "select length(uuid_generate_v4()::text)").await, "36");
    assert_eq!(cell(&connection, "select lower('ÄÖ') || upper('é')").await, "äöÉ");
    if studio_postgres::bundle::vector_version().is_some() {
        connection
            .batch_execute(
                "create extension vector; create table v (id int, at vector(3)); \
                 insert into v values (1, '[1,2,3]'), (2, '[4,5,6]'); create index on v using hnsw (at vector_l2_ops)",
            )
            .await
            .expect("the vector extension");
        let rows =
            connection.run("select id from v order by at <-> $1::text::vector", &[text("[4,5,5]")]).await;
        assert_eq!(rows.expect("rows")[0][0].as_deref(), Some("2"));
    }
    cluster.stop().await;
}

#[tokio::test]
async fn plans_of_the_real_execution_arrive_as_notices() {
    let cluster = server().await;
    let options = SessionOptions { keep_notices: true, ..SessionOptions::default() };
    let connection = Connection::connect(&cluster.target("postgres"), &options).await.expect("a connection");
    let setup = "load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_format = json; \
                 set auto_explain.log_analyze = on; set client_min_messages = log";
    connection.batch_execute(setup).await.expect("auto_explain");
    connection.take_notices();
    connection
        .run("select count(*)::text from pg_class where relname = $1", &[text("x")])
        .await
        .expect("rows");
    let notices = connection.take_notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].message.contains("\"Actual Rows\""), "{notices:?}");
    assert!(connection.take_notices().is_empty());
    cluster.stop().await;
}
