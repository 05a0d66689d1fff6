//! Schemas created, read back and migrated on a real server: what the diff says must be what the server ends up with.

use studio_postgres::inspect::{InspectScope, difference, inspect};
use studio_postgres::migrate::{LOCK_TIMEOUT, MigrateError, apply};
use studio_postgres::{Cluster, Connection, Databases};
use studio_sql::ddl::create_script;
use studio_sql::diff::{Answers, DiffOptions, Scope, diff};
use studio_sql::risk::StepClass;
use studio_sql::schema::{Column, ColumnDefault, ColumnType, DatabaseSchema, QualifiedName, Table, Unique};
use studio_sql::verify::verify;

use crate::random;
use crate::support::{Project, connect};

const EVERYTHING: DiffOptions = DiffOptions { scope: Scope::All, answers: Answers::NONE };

async fn fresh(databases: &Databases, cluster: &Cluster, name: &str) -> Connection {
    databases.create(name, None).await.expect("a database");
    Connection::connect(&cluster.target(name), &Default::default()).await.expect("a connection")
}

async fn read(connection: &Connection) -> DatabaseSchema {
    inspect(connection, &InspectScope::All).await.expect("a readable schema")
}

async fn create(connection: &Connection, schema: &DatabaseSchema) {
    let script = create_script(schema).text();
    let result = connection.batch_execute(&script).await;
    assert!(result.is_ok(), "{result:?}\n{script}");
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
        let result = apply(&connection, &plan, LOCK_TIMEOUT).await;
        assert!(result.is_ok(), "seed {seed}: {result:?}\n{:#?}", plan.transactions());
        let again = difference(&connection, &old, &EVERYTHING).await;
        assert!(again.is_ok(), "seed {seed}: a probe is no valid query: {again:?}");
        let left = diff(&read(&connection).await, &new, &EVERYTHING);
        assert!(left.is_empty(), "seed {seed}: {left:#?}\nafter {:#?}", plan.transactions());
        drop(connection);
        databases.drop(&name).await.expect("a dropped database");
    }
}

fn books(columns: Vec<Column>) -> DatabaseSchema {
    let id =
        Column { default: Some(ColumnDefault::Serial), primary_key: true, ..column("id", ColumnType::Int) };
    let table = Table {
        name: QualifiedName::public("books"),
        columns: std::iter::once(id).chain(columns).collect(),
        key_name: None,
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        indexes: Vec::new(),
        triggers: Vec::new(),
        managed: true,
    };
    DatabaseSchema { tables: vec![table], ..DatabaseSchema::default() }
}

fn column(name: &str, ty: ColumnType) -> Column {
    Column { name: name.to_owned(), ty, primary_key: false, nullable: false, default: None }
}

async fn class_of_only_step(connection: &Connection, wanted: &DatabaseSchema) -> StepClass {
    let migration = difference(connection, wanted, &DiffOptions::default()).await.expect("a difference");
    assert_eq!(migration.steps.len(), 1, "{migration:#?}");
    migration.steps[0].class
}

/// Rows decide what is safe; a failing plan changes nothing and names its statement.
#[tokio::test(flavor = "multi_thread")]
async fn the_rows_that_exist_decide() {
    let project = Project::new();
    let cluster = project.start().await.expect("a server");
    let connection = connect(&cluster).await;
    let old = books(vec![Column { nullable: true, ..column("title", ColumnType::Text) }]);
    create(&connection, &old).await;

    let required = books(vec![column("title", ColumnType::Text)]);
    let more = books(vec![
        Column { nullable: true, ..column("title", ColumnType::Text) },
        column("pages", ColumnType::Int),
    ]);
    let mut unique = old.clone();
    unique.tables[0].uniques =
        vec![Unique { name: "unique_constraint_book_title".to_owned(), columns: vec!["title".to_owned()] }];
    for wanted in [&required, &more, &unique] {
        assert_eq!(class_of_only_step(&connection, wanted).await, StepClass::Safe, "an empty table");
    }
    connection.batch_execute("INSERT INTO books (title) VALUES ('a'), ('b'), (NULL)").await.expect("rows");
    assert_eq!(class_of_only_step(&connection, &required).await, StepClass::NeedsValue);
    assert_eq!(class_of_only_step(&connection, &more).await, StepClass::NeedsValue);
    assert_eq!(class_of_only_step(&connection, &unique).await, StepClass::Safe);
    connection.batch_execute("INSERT INTO books (title) VALUES ('a')").await.expect("a row");
    assert_eq!(class_of_only_step(&connection, &unique).await, StepClass::NeedsValue);

    let plan = difference(&connection, &more, &DiffOptions::default())
        .await
        .expect("a difference")
        .plan_all(false)
        .expect("nothing destructive");
    let error = apply(&connection, &plan, LOCK_TIMEOUT).await.expect_err("rows have no pages");
    assert!(
        matches!(&error, MigrateError::Statement { statement, .. } if statement.contains("\"pages\" INT NOT NULL")),
        "{error}"
    );
    assert!(
        diff(&read(&connection).await, &old, &EVERYTHING).is_empty(),
        "a failed plan leaves nothing behind"
    );

    let answers = Answers { back_fill: [("books.pages".to_owned(), "7".to_owned())].into(), ..Answers::NONE };
    let options = DiffOptions { answers, ..DiffOptions::default() };
    let migration = difference(&connection, &more, &options).await.expect("a difference");
    assert!(migration.is_additive());
    apply(&connection, &migration.safe_plan(), LOCK_TIMEOUT).await.expect("a value for old rows");
    let rows = connection.simple_query("SELECT sum(pages) FROM books").await.expect("rows");
    assert_eq!(rows[0][0].as_deref(), Some("28"));
    assert!(diff(&read(&connection).await, &more, &EVERYTHING).is_empty());
}

/// Renaming and widening keep every value.
#[tokio::test(flavor = "multi_thread")]
async fn renames_and_wider_types_keep_the_values() {
    let project = Project::new();
    let cluster = project.start().await.expect("a server");
    let connection = connect(&cluster).await;
    let pages = Column {
        default: Some(ColumnDefault::Number("3".to_owned())),
        ..column("pages", ColumnType::SmallInt)
    };
    create(&connection, &books(vec![column("title", ColumnType::Varchar(Some(9))), pages.clone()])).await;
    connection.batch_execute("INSERT INTO books (title) VALUES ('Emma')").await.expect("a row");

    let mut wanted =
        books(vec![column("heading", ColumnType::Text), Column { ty: ColumnType::BigInt, ..pages }]);
    wanted.tables[0].name.name = "volumes".to_owned();
    wanted.tables[0].columns[0].ty = ColumnType::BigInt;
    let guess = difference(&connection, &wanted, &DiffOptions::default()).await.expect("a difference");
    assert!(guess.safe_plan().is_empty(), "nothing runs before the rename is answered: {guess:#?}");
    let answers = Answers {
        rename_table: vec![studio_sql::diff::TableRename {
            old_table: "books".to_owned(),
            new_table: "volumes".to_owned(),
        }],
        rename_column: vec![studio_sql::diff::ColumnRename {
            table: "volumes".to_owned(),
            old_column: "title".to_owned(),
            new_column: "heading".to_owned(),
        }],
        ..Answers::NONE
    };
    let options = DiffOptions { answers, ..DiffOptions::default() };
    let migration = difference(&connection, &wanted, &options).await.expect("a difference");
    assert!(migration.is_additive(), "{migration:#?}");
    apply(&connection, &migration.safe_plan(), LOCK_TIMEOUT).await.expect("a lossless migration");
    assert!(diff(&read(&connection).await, &wanted, &EVERYTHING).is_empty());
    connection.batch_execute("INSERT INTO volumes (heading) VALUES ('Persuasion')").await.expect("a row");
    let rows =
        connection.simple_query("SELECT id, heading, pages FROM volumes ORDER BY id").await.expect("rows");
    let rows: Vec<Vec<&str>> =
        rows.iter().map(|row| row.iter().map(|cell| cell.as_deref().unwrap_or("NULL")).collect()).collect();
    assert_eq!(rows, [["1", "Emma", "3"], ["2", "Persuasion", "3"]]);
}
