//! Schemas created, read back and migrated on a real server: what the diff says must be what the server ends up with.

use studio_postgres::inspect::{InspectScope, inspect, settle};
use studio_postgres::migrate::{LOCK_TIMEOUT, MigrateError, apply};
use studio_postgres::{Connection, Databases};
use studio_sql::ddl::create_script;
use studio_sql::diff::{DiffOptions, Scope, diff};
use studio_sql::schema::DatabaseSchema;
use studio_sql::verify::verify;

use crate::random;
use crate::support::{Project, connect};

const EVERYTHING: DiffOptions = DiffOptions { scope: Scope::All, answers: studio_sql::diff::Answers::NONE };

async fn fresh(databases: &Databases, cluster: &studio_postgres::Cluster, name: &str) -> Connection {
    databases.create(name, None).await.expect("a database");
    Connection::connect(&cluster.target(name), &Default::default()).await.expect("a connection")
}

async fn read(connection: &Connection) -> DatabaseSchema {
    inspect(connection, &InspectScope::All).await.expect("a readable schema")
}

async fn create(connection: &Connection, schema: &DatabaseSchema) {
    let script = create_script(schema).text();
    connection.batch_execute(&script).await.unwrap_or_else(|error| panic!("{error:?}\n{script}"));
}

/// Every random schema: created and read back it is the same; migrated into another one it becomes that one.
#[tokio::test(flavor = "multi_thread")]
async fn random_schemas_survive_the_round_trip_and_migrate_into_each_other() {
    let project = Project::new();
    let cluster = project.start().await.expect("a server");
    let databases = Databases::new(cluster.target("postgres"));
    let pairs: u64 = std::env::var("STUDIO_SCHEMA_PAIRS").ok().and_then(|n| n.parse().ok()).unwrap_or(25);
    for seed in 0..pairs {
        let (old, new) = (random::schema(seed * 2), random::schema(seed * 2 + 1));
        let name = format!("pair{seed}");
        let connection = fresh(&databases, &cluster, &name).await;
        create(&connection, &old).await;
        let live = read(&connection).await;
        let differences = diff(&live, &old, &EVERYTHING);
        assert!(
            differences.is_empty(),
            "seed {seed}: a created schema differs from itself: {differences:#?}"
        );
        assert_eq!(verify(&live, &old, &EVERYTHING), Vec::<String>::new());

        let migration = diff(&live, &new, &EVERYTHING);
        let plan = migration.plan_all(true).expect("everything is allowed");
        if let Err(error) = apply(&connection, &plan, LOCK_TIMEOUT).await {
            panic!("seed {seed}: {error}\n{:#?}", plan.transactions());
        }
        let left = diff(&read(&connection).await, &new, &EVERYTHING);
        assert!(left.is_empty(), "seed {seed}: {left:#?}\nafter {:#?}", plan.transactions());
        drop(connection);
        databases.drop(&name).await.expect("a dropped database");
    }
}
