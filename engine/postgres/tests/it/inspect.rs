//! Schemas created, read back and migrated on a real server: what the diff says must be what the server ends up with.

use studio_postgres::inspect::{
    InspectScope, difference, inspect, inspect_with_views, other_indexes, stakes,
};
use studio_postgres::migrate::{LOCK_TIMEOUT, MigrateError, apply};
use studio_postgres::{Cluster, Connection, Databases};
use studio_sql::ddl::create_script;
use studio_sql::diff::{Answers, ColumnRename, DiffOptions, Scope, TableRename, diff};
use studio_sql::risk::StepClass;
use studio_sql::schema::{
    Column, ColumnDefault, ColumnType, DatabaseSchema, Function, QualifiedName, Table, Trigger, Unique,
};
use studio_sql::verify::verify;

use crate::random;
use crate::support::{Project, connect};

const EVERYTHING: DiffOptions = DiffOptions { scope: Scope::All, answers: Answers::NONE };

pub(crate) async fn fresh(databases: &Databases, cluster: &Cluster, name: &str) -> Connection {
    databases.create(name, None).await.expect("a database");
    Connection::connect(&cluster.target(name), &Default::default()).await.expect("a connection")
}

async fn read(connection: &Connection) -> DatabaseSchema {
    inspect(connection, &InspectScope::All).await.expect("a readable schema")
}

pub(crate) async fn create(connection: &Connection, schema: &DatabaseSchema) {
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
        let at_stake = stakes(&connection, &again.expect("checked above")).await;
        assert!(at_stake.is_ok(), "seed {seed}: {at_stake:?}");
        let left = diff(&read(&connection).await, &new, &EVERYTHING);
        assert!(left.is_empty(), "seed {seed}: {left:#?}\nafter {:#?}", plan.transactions());
        drop(connection);
        databases.drop(&name).await.expect("a dropped database");
    }
}

/// An expression for a value of this type that differs for every `i`.
pub(crate) fn value(schema: &DatabaseSchema, ty: &ColumnType) -> String {
    match ty {
        ColumnType::Uuid => "('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid".to_owned(),
        ColumnType::Boolean => "i = 1".to_owned(),
        ColumnType::Timestamp { .. } => "TIMESTAMP '2024-01-01' + i * INTERVAL '1 day'".to_owned(),
        ColumnType::Date => "DATE '2024-01-01' + i::int".to_owned(),
        ColumnType::Time { .. } => "TIME '01:00' + i * INTERVAL '1 hour'".to_owned(),
        ColumnType::Jsonb => "to_jsonb(i)".to_owned(),
        ColumnType::Bytea => "decode(lpad(i::text, 2, '0'), 'hex')".to_owned(),
        ColumnType::Enum(name) => {
            let label = &schema.enum_type(name).expect("an enum").values[0];
            format!("{}::{}", studio_sql::schema::quote_literal(label), name.quoted())
        }
        ColumnType::Array(_) => "NULL".to_owned(),
        ColumnType::Text | ColumnType::Varchar(_) | ColumnType::Char(_) => "'v' || i".to_owned(),
        _ => "i".to_owned(),
    }
}

/// Equally many rows in every table, so that every reference finds its row; the trigger that checks them is off
/// meanwhile. One row where a unique constraint allows no three.
pub(crate) async fn fill(connection: &Connection, schema: &DatabaseSchema) {
    let few_values = |table: &Table, name: &String| {
        table
            .column(name)
            .is_some_and(|column| matches!(column.ty, ColumnType::Boolean | ColumnType::Enum(_)))
    };
    let narrow = schema.tables.iter().any(|table| {
        table.uniques.iter().any(|unique| unique.columns.iter().all(|name| few_values(table, name)))
    });
    let count = if narrow { 1 } else { 3 };
    let mut script = String::from("SET session_replication_role = replica;");
    for table in &schema.tables {
        let columns: Vec<String> =
            table.columns.iter().map(|column| studio_sql::schema::quote_ident(&column.name)).collect();
        let values: Vec<String> = table.columns.iter().map(|column| value(schema, &column.ty)).collect();
        script.push_str(&format!(
            "INSERT INTO {} ({}) SELECT {} FROM generate_series(1, {count}) i;",
            table.name.quoted(),
            columns.join(", "),
            values.join(", ")
        ));
    }
    script.push_str("SET session_replication_role = origin;");
    let result = connection.batch_execute(&script).await;
    assert!(result.is_ok(), "{result:?}\n{script}");
}

/// All values of columns that exist in both schemas, as text.
async fn shared_values(connection: &Connection, old: &DatabaseSchema, new: &DatabaseSchema) -> Vec<String> {
    let mut found = Vec::new();
    for table in &old.tables {
        let other = new.table(&table.name);
        for column in &table.columns {
            let shared = other.and_then(|other| other.column(&column.name));
            if shared.is_some_and(|other| other.ty.same_as(&column.ty)) {
                let (t, c) = (table.name.quoted(), studio_sql::schema::quote_ident(&column.name));
                let rows = connection
                    .simple_query(&format!("SELECT {c}::text FROM {t} ORDER BY 1"))
                    .await
                    .expect("values");
                found.push(format!("{t} {c} {rows:?}"));
            }
        }
    }
    found
}

/// With rows in every table: the safe part of a migration goes through, keeps every value, and leaves nothing safe
/// undone.
#[tokio::test(flavor = "multi_thread")]
async fn the_safe_part_keeps_every_value() {
    let project = Project::new();
    let cluster = project.start().await.expect("a server");
    let databases = Databases::new(cluster.target("postgres"));
    let pairs: u64 = std::env::var("STUDIO_SCHEMA_PAIRS").ok().and_then(|n| n.parse().ok()).unwrap_or(25);
    for seed in 0..pairs {
        let (old, new) = (random::schema(seed * 2), random::schema(seed * 2 + 1));
        let name = format!("rows{seed}");
        let connection = fresh(&databases, &cluster, &name).await;
        create(&connection, &old).await;
        fill(&connection, &old).await;
        let before = shared_values(&connection, &old, &new).await;

        let migration = difference(&connection, &new, &EVERYTHING).await.expect("a difference");
        let plan = migration.safe_plan();
        let result = apply(&connection, &plan, LOCK_TIMEOUT).await;
        assert!(result.is_ok(), "seed {seed}: {result:?}\n{:#?}", plan.transactions());
        assert_eq!(
            shared_values(&connection, &old, &new).await,
            before,
            "seed {seed}: {:#?}",
            plan.transactions()
        );

        let left = difference(&connection, &new, &EVERYTHING).await.expect("a difference");
        let undone = left.safe_statements();
        assert!(undone.is_empty(), "seed {seed}: {undone:#?}\nafter {:#?}", plan.transactions());
        drop(connection);
        databases.drop(&name).await.expect("a dropped database");
    }
}

/// The same schema with every other column and table under another name, but for one table, and the answers that say so.
pub(crate) fn renamed(old: &DatabaseSchema, seed: u64, except: &str) -> (DatabaseSchema, Answers) {
    let mut new = old.clone();
    let mut answers = Answers::NONE;
    let triggered = |name: &QualifiedName| old.table(name).is_some_and(|table| !table.triggers.is_empty());
    let chosen = |number: usize| (seed >> (number % 16)) & 1 == 1;
    for (at, table) in old.tables.iter().enumerate() {
        // The function of a trigger names the table and columns.
        if triggered(&table.name) || table.name.name == except {
            continue;
        }
        for (number, column) in table.columns.iter().enumerate().filter(|(number, _)| chosen(at + number)) {
            let other = format!("{} (new {number})", column.name);
            let rename = |name: &mut String| {
                if *name == column.name {
                    name.clone_from(&other);
                }
            };
            for candidate in &mut new.tables {
                for key in candidate.foreign_keys.iter_mut().filter(|key| key.target == table.name) {
                    key.columns.iter_mut().for_each(|(_, referenced)| rename(referenced));
                }
                if candidate.name == table.name {
                    candidate.columns.iter_mut().for_each(|column| rename(&mut column.name));
                    candidate.uniques.iter_mut().flat_map(|it| &mut it.columns).for_each(rename);
                    candidate.indexes.iter_mut().flat_map(|it| &mut it.columns).for_each(rename);
                    candidate
                        .foreign_keys
                        .iter_mut()
                        .flat_map(|it| &mut it.columns)
                        .for_each(|(own, _)| rename(own));
                    candidate.uniques.iter_mut().for_each(|it| it.columns.sort());
                    candidate.indexes.iter_mut().for_each(|it| it.columns.sort());
                    candidate.foreign_keys.iter_mut().for_each(|it| it.columns.sort());
                }
            }
            answers.rename_column.push(ColumnRename {
                table: table.name.to_string(),
                old_column: column.name.clone(),
                new_column: other,
            });
        }
        if !chosen(at + 7) {
            continue;
        }
        let name = QualifiedName { name: format!("{} again", table.name.name), ..table.name.clone() };
        for candidate in &mut new.tables {
            if candidate.name == table.name {
                candidate.name = name.clone();
            }
            for key in candidate.foreign_keys.iter_mut().filter(|key| key.target == table.name) {
                key.target = name.clone();
            }
        }
        let (old_table, new_table) = (table.name.to_string(), name.to_string());
        answers
            .rename_column
            .iter_mut()
            .filter(|it| it.table == old_table)
            .for_each(|it| it.table.clone_from(&new_table));
        answers.rename_table.push(TableRename { old_table, new_table });
    }
    (new, answers)
}

/// Random schemas full of rows, with other names: every value is there under the new name, and the result is what a new
/// database would be.
#[tokio::test(flavor = "multi_thread")]
async fn random_renames_keep_every_value() {
    let project = Project::new();
    let cluster = project.start().await.expect("a server");
    let databases = Databases::new(cluster.target("postgres"));
    for seed in 0..20 {
        let old = random::schema(seed + 500);
        let (new, answers) = renamed(&old, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), "");
        let name = format!("renamed{seed}");
        let connection = fresh(&databases, &cluster, &name).await;
        create(&connection, &old).await;
        fill(&connection, &old).await;
        let values = async |schema: &DatabaseSchema| {
            let mut found = Vec::new();
            for table in &schema.tables {
                let columns: Vec<String> = table
                    .columns
                    .iter()
                    .map(|column| format!("{}::text", studio_sql::schema::quote_ident(&column.name)))
                    .collect();
                let sql = format!("SELECT {} FROM {} ORDER BY 1", columns.join(", "), table.name.quoted());
                found.push(connection.simple_query(&sql).await.expect("values"));
            }
            found
        };
        let before = values(&old).await;
        let options = DiffOptions { scope: Scope::All, answers };
        let migration = difference(&connection, &new, &options).await.expect("a difference");
        assert!(migration.is_additive(), "seed {seed}: {migration:#?}");
        let plan = migration.safe_plan();
        let result = apply(&connection, &plan, LOCK_TIMEOUT).await;
        assert!(result.is_ok(), "seed {seed}: {result:?}\n{:#?}", plan.transactions());
        assert_eq!(values(&new).await, before, "seed {seed}");
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
    let stamp = |schema: &mut DatabaseSchema, stem: &str| {
        schema.tables[0].triggers = vec![Trigger {
            name: format!("exograph_on_update_{stem}"),
            function: format!("exograph_update_{stem}"),
        }];
        let body = "BEGIN NEW.pages = 3; RETURN NEW; END;".to_owned();
        schema.functions = vec![Function { name: format!("exograph_update_{stem}"), body }];
    };
    let mut old = books(vec![column("title", ColumnType::Varchar(Some(9))), pages.clone()]);
    stamp(&mut old, "books");
    create(&connection, &old).await;
    connection.batch_execute("ALTER SEQUENCE books_id_seq RENAME TO odd").await.expect("another name");
    connection.batch_execute("INSERT INTO books (title) VALUES ('Emma')").await.expect("a row");

    let mut wanted =
        books(vec![column("heading", ColumnType::Text), Column { ty: ColumnType::BigInt, ..pages }]);
    wanted.tables[0].name.name = "volumes".to_owned();
    stamp(&mut wanted, "volumes");
    wanted.tables[0].columns[0].ty = ColumnType::BigInt;
    let guess = difference(&connection, &wanted, &DiffOptions::default()).await.expect("a difference");
    let lost = stakes(&connection, &guess).await.expect("numbers");
    assert_eq!(
        lost.iter().map(|stake| (stake.rows, stake.values)).collect::<Vec<_>>(),
        [(1, 1)],
        "the table"
    );
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
    let kept = stakes(&connection, &migration).await.expect("numbers");
    let texts = &kept[1];
    assert_eq!((kept.len(), texts.values, texts.samples.as_slice()), (2, 1, &["Emma".to_owned()][..]));
    apply(&connection, &migration.safe_plan(), LOCK_TIMEOUT).await.expect("a lossless migration");
    assert!(diff(&read(&connection).await, &wanted, &EVERYTHING).is_empty());
    connection.batch_execute("INSERT INTO volumes (heading) VALUES ('Persuasion')").await.expect("a row");
    let rows =
        connection.simple_query("SELECT id, heading, pages FROM volumes ORDER BY id").await.expect("rows");
    let rows: Vec<Vec<&str>> =
        rows.iter().map(|row| row.iter().map(|cell| cell.as_deref().unwrap_or("NULL")).collect()).collect();
    assert_eq!(rows, [["1", "Emma", "3"], ["2", "Persuasion", "3"]]);
}

/// What the model does not know is left alone: views, foreign schemas, other people's functions and indexes.
#[tokio::test(flavor = "multi_thread")]
async fn a_lived_in_database_is_read_without_surprises() {
    let project = Project::new();
    let cluster = project.start().await.expect("a server");
    let connection = connect(&cluster).await;
    let script = r#"
        CREATE SCHEMA other; CREATE TABLE other.things (id int);
        CREATE TABLE books (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            title varchar, code char(3), price numeric(9, 0) DEFAULT '1.50', stamp timestamptz(6) DEFAULT CURRENT_TIMESTAMP,
            day date DEFAULT CURRENT_DATE, span interval, twice int GENERATED ALWAYS AS (1 + 1) STORED, n int DEFAULT NULL,
            CONSTRAINT own_name UNIQUE (title)
        );
        CREATE TABLE parts (id int, at date) PARTITION BY RANGE (at);
        CREATE TABLE parts_2024 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
        CREATE VIEW titles AS SELECT id, title FROM books;
        CREATE MATERIALIZED VIEW codes AS SELECT code FROM books;
        CREATE INDEX lower_title ON books (lower(title));
        CREATE INDEX some_titles ON books (title) WHERE code IS NOT NULL;
        CREATE UNIQUE INDEX unique_code ON books (code);
        CREATE INDEX downwards ON books (title DESC);
        CREATE INDEX days ON books USING gist (daterange(day, day, '[]')) ;
        CREATE INDEX plain ON books (code, title);
        CREATE FUNCTION mine() RETURNS trigger AS $$ BEGIN RETURN NEW; END; $$ LANGUAGE plpgsql;
        CREATE TRIGGER mine BEFORE UPDATE ON books FOR EACH ROW EXECUTE FUNCTION mine();
    "#;
    connection.batch_execute(script).await.expect("a script");
    let live = read(&connection).await;
    let names: Vec<String> = live.tables.iter().map(|table| table.name.to_string()).collect();
    assert_eq!(names, ["other.things", "books", "parts"]);
    assert_eq!((live.functions.len(), live.sequences.len(), live.extensions.len()), (0, 0, 0));
    let books = &live.tables[1];
    assert_eq!(books.indexes.iter().map(|index| index.name.as_str()).collect::<Vec<_>>(), ["plain"]);
    assert!(books.triggers.is_empty());
    let other = other_indexes(&connection).await.expect("indexes");
    let other: Vec<String> =
        other.iter().map(|it| format!("{} of {}: {}", it.name, it.table, it.reason)).collect();
    assert_eq!(
        other,
        [
            "days of books: method gist",
            "downwards of books: with an order or operators of its own",
            "lower_title of books: over an expression",
            "some_titles of books: partial",
            "unique_code of books: unique without a constraint",
        ]
    );
    let text: Vec<String> = books
        .columns
        .iter()
        .map(|column| format!("{} {:?} {:?}", column.name, column.ty, column.default))
        .collect();
    assert_eq!(
        text,
        [
            "id BigInt Some(Serial)",
            "title Varchar(None) None",
            "code Char(Some(3)) None",
            "price Numeric { precision: Some(9), scale: Some(0) } Some(Number(\"1.50\"))",
            "stamp Timestamp { precision: Some(6), time_zone: true } Some(Now)",
            "day Date Some(Now)",
            "span Other(\"interval\") None",
            "twice Int None",
            "n Int None",
        ]
    );
    let scope = InspectScope::Schemas(vec!["public".to_owned()]);
    let with_views = inspect_with_views(&connection, &scope).await.expect("a schema");
    let views: Vec<String> =
        with_views.tables.iter().filter(|table| !table.managed).map(|table| table.name.to_string()).collect();
    assert_eq!(views, ["codes", "titles"]);
    assert!(with_views.schemas.is_empty());

    let model = books_only(&live);
    assert_eq!(verify(&live, &model, &DiffOptions::default()), Vec::<String>::new());
    let leftovers = diff(&live, &model, &DiffOptions::default());
    assert_eq!(leftovers.steps.len(), 1, "only the table without a type: {leftovers:#?}");
}

fn books_only(live: &DatabaseSchema) -> DatabaseSchema {
    let tables = live.tables.iter().filter(|table| table.name.name == "books").cloned().collect();
    DatabaseSchema { tables, ..DatabaseSchema::default() }
}

/// A database of a thousand tables is read and compared quickly enough for a save.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_tables() {
    let project = Project::new();
    let cluster = project.start().await.expect("a server");
    let connection = connect(&cluster).await;
    let mut schema = DatabaseSchema::default();
    for at in 0..1000 {
        let mut table =
            books((0..10).map(|n| column(&format!("c{n}"), ColumnType::Text)).collect()).tables.remove(0);
        table.name.name = format!("t{at}");
        schema.tables.push(table);
    }
    create(&connection, &schema).await;
    let begin = std::time::Instant::now();
    let live = read(&connection).await;
    let inspected = begin.elapsed();
    let migration = diff(&live, &schema, &DiffOptions::default());
    println!("inspected in {inspected:?}, compared in {:?}", begin.elapsed() - inspected);
    assert!(migration.is_empty());
    let dropped = diff(&live, &books(Vec::new()), &DiffOptions::default());
    assert_eq!(dropped.destructive_steps().count(), 1000);
}
