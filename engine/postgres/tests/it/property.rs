//! Any model into any other one, with rows in the tables: what a migration keeps, what it ends at, and that a failing one
//! leaves nothing behind.
//!
//! `PROPTEST_CASES` says how many pairs are tried, `PROPTEST_SEED` where they begin.

use std::collections::BTreeMap;
use std::time::Duration;

use studio_postgres::inspect::{InspectScope, difference, inspect, stakes};
use studio_postgres::migrate::{LOCK_TIMEOUT, apply};
use studio_postgres::{Cluster, Connection, Databases};
use studio_sql::ddl::type_text;
use studio_sql::diff::{Answers, Change, Consent, DiffOptions, Migration, Scope};
use studio_sql::risk::StepClass;
use studio_sql::schema::{
    Column, ColumnDefault, ColumnType, DatabaseSchema, QualifiedName, Table, Unique, quote_ident,
};
use studio_sql::verify::verify;

use crate::inspect::{create, fill, fresh, renamed, value};
use crate::random::{self, Random};
use crate::support::Project;

/// The table whose steps are made to fail.
const VICTIM: &str = "injected";

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A pair of schemas, and the answers that say which names stand for the same.
struct Pair {
    old: DatabaseSchema,
    new: DatabaseSchema,
    answers: Answers,
}

/// Every other pair is one schema edited (renames among the edits), the others have nothing to do with each other.
fn pair(seed: u64) -> Pair {
    let random = &mut Random(seed ^ 0x5eed);
    let mut old = random::schema(seed.wrapping_mul(3));
    old.tables.push(victim(true, false));
    if seed.is_multiple_of(2) {
        let mut new = random::schema(seed.wrapping_mul(3) + 1);
        new.tables.push(victim(true, false));
        return Pair { old, new, answers: Answers::NONE };
    }
    let (mut new, answers) = renamed(&old, random.next(), VICTIM);
    for _ in 0..2 + random.below(6) {
        edit(random, &mut new);
    }
    Pair { old, new, answers }
}

fn victim(nullable: bool, unique: bool) -> Table {
    let column = |name: &str, ty| Column {
        name: name.to_owned(),
        ty,
        primary_key: false,
        nullable: true,
        default: None,
    };
    let key = Column {
        primary_key: true,
        nullable: false,
        default: Some(ColumnDefault::Serial),
        ..column("id", ColumnType::Int)
    };
    let uniques = vec![Unique { name: "unique_victim".to_owned(), columns: vec!["twice".to_owned()] }];
    Table {
        name: QualifiedName::public(VICTIM),
        columns: vec![
            key,
            Column { nullable, ..column("empty", ColumnType::Int) },
            column("twice", ColumnType::Int),
        ],
        key_name: None,
        uniques: if unique { uniques } else { Vec::new() },
        foreign_keys: Vec::new(),
        indexes: Vec::new(),
        triggers: Vec::new(),
        managed: true,
    }
}

/// One change as somebody makes it in a model.
fn edit(random: &mut Random, schema: &mut DatabaseSchema) {
    let free: Vec<usize> = (0..schema.tables.len())
        .filter(|at| {
            let table = &schema.tables[*at];
            table.name.name != VICTIM && table.triggers.is_empty()
        })
        .collect();
    if free.is_empty() {
        return;
    }
    let at = random.pick(&free);
    let name = schema.tables[at].name.clone();
    let bound: Vec<String> = {
        let own = schema.tables[at].foreign_keys.iter().flat_map(|key| key.own_columns());
        own.map(str::to_owned).collect()
    };
    let plain: Vec<usize> = {
        let columns = schema.tables[at].columns.iter().enumerate();
        let plain = columns.filter(|(_, column)| !column.primary_key && !bound.contains(&column.name));
        plain.map(|(index, _)| index).collect()
    };
    let table = &mut schema.tables[at];
    match random.below(8) {
        0 => {
            let name = format!("added {}", random.below(1000));
            let ty = random.pick(&[ColumnType::Int, ColumnType::Text, ColumnType::Uuid, ColumnType::Boolean]);
            let nullable = random.chance(40);
            if table.column(&name).is_none() {
                table.columns.push(Column { name, ty, primary_key: false, nullable, default: None });
            }
        }
        1 if !plain.is_empty() => {
            let gone = table.columns.remove(random.pick(&plain)).name;
            table.uniques.retain(|unique| !unique.columns.contains(&gone));
            table.indexes.retain(|index| !index.columns.contains(&gone));
        }
        2 if !plain.is_empty() => {
            let column = &mut table.columns[random.pick(&plain)];
            if column.default != Some(ColumnDefault::Serial) {
                column.nullable = !column.nullable;
            }
        }
        3 | 4 if !plain.is_empty() => {
            let column = &mut table.columns[random.pick(&plain)];
            column.ty = match &column.ty {
                ColumnType::SmallInt => ColumnType::Int,
                ColumnType::BigInt => ColumnType::Int,
                ColumnType::Text => {
                    random.pick(&[ColumnType::Varchar(Some(1)), ColumnType::Varchar(Some(60))])
                }
                ColumnType::Varchar(_) => ColumnType::Text,
                ColumnType::Date => ColumnType::Timestamp { precision: None, time_zone: false },
                ColumnType::Timestamp { .. } => ColumnType::Date,
                ColumnType::Numeric { .. } => ColumnType::BigInt,
                ColumnType::DoublePrecision => ColumnType::Real,
                _ => ColumnType::Text,
            };
            column.default = None;
        }
        5 if !plain.is_empty() => {
            let columns = vec![table.columns[random.pick(&plain)].name.clone()];
            if !table.uniques.iter().any(|unique| unique.columns == columns) {
                let name = format!("unique_{}", columns[0]);
                table.uniques.push(Unique { name, columns });
            }
        }
        6 if free.len() > 2 => {
            schema.tables.remove(at);
            for other in &mut schema.tables {
                let lost: Vec<String> = {
                    let keys = other.foreign_keys.iter().filter(|key| key.target == name);
                    keys.flat_map(|key| key.own_columns()).map(str::to_owned).collect()
                };
                other.foreign_keys.retain(|key| key.target != name);
                other.columns.retain(|column| !lost.contains(&column.name));
                other.uniques.retain(|unique| !unique.columns.iter().any(|column| lost.contains(column)));
                other.indexes.retain(|index| !index.columns.iter().any(|column| lost.contains(column)));
            }
        }
        7 if !schema.enums.is_empty() => {
            let label = format!("new {}", random.below(1000));
            let at = random.below(schema.enums.len());
            if !schema.enums[at].values.contains(&label) {
                schema.enums[at].values.push(label);
            }
        }
        _ => {}
    }
}

/// Everything a user can see: tables by name with columns, constraints and indexes by what they say, never by name or order.
fn outline(schema: &DatabaseSchema) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for table in &schema.tables {
        let default = |column: &Column| match &column.default {
            // Spellings differ: a quoted number, an expression with casts.
            None => "none".to_owned(),
            Some(ColumnDefault::Serial) => "serial".to_owned(),
            Some(_) => studio_sql::ddl::default_expression(column).unwrap_or_default(),
        };
        let mut lines: Vec<String> = table
            .columns
            .iter()
            .map(|column| {
                let (ty, default) = (type_text(&column.ty), default(column));
                format!("{} {ty} {} {} {default}", column.name, column.primary_key, column.nullable)
            })
            .collect();
        lines.extend(table.uniques.iter().map(|unique| format!("unique {:?}", unique.columns)));
        lines.extend(table.foreign_keys.iter().map(|key| format!("key {:?} {}", key.columns, key.target)));
        lines.extend(table.indexes.iter().map(|index| format!("index {:?} {:?}", index.columns, index.kind)));
        lines.extend(table.triggers.iter().map(|trigger| format!("trigger {}", trigger.name)));
        lines.sort();
        found.insert(format!("table {}", table.name), lines);
    }
    for ty in &schema.enums {
        let mut values = ty.values.clone();
        values.sort();
        found.insert(format!("enum {}", ty.name), values);
    }
    let sorted = |names: Vec<String>| {
        let mut names = names;
        names.sort();
        names
    };
    found.insert("schemas".to_owned(), sorted(schema.schemas.clone()));
    found.insert("extensions".to_owned(), sorted(schema.extensions.clone()));
    let sequences = schema.sequences.iter().map(ToString::to_string).collect();
    found.insert("sequences".to_owned(), sorted(sequences));
    let functions = schema.functions.iter().map(|it| {
        let mut statements: Vec<&str> = it.body.split(';').map(str::trim).collect();
        statements.sort_unstable();
        format!("{} {statements:?}", it.name)
    });
    found.insert("functions".to_owned(), sorted(functions.collect()));
    found
}

async fn read(connection: &Connection) -> DatabaseSchema {
    inspect(connection, &InspectScope::All).await.expect("a readable schema")
}

async fn rows(connection: &Connection, sql: &str) -> Vec<String> {
    let rows = connection.simple_query(sql).await;
    assert!(rows.is_ok(), "{rows:?}\n{sql}");
    let cells = rows.expect("checked above").into_iter();
    cells.map(|row| row.into_iter().map(|cell| cell.unwrap_or_else(|| "NULL".to_owned())).collect()).collect()
}

/// Every row of every table, as text.
async fn everything(connection: &Connection, schema: &DatabaseSchema) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for table in &schema.tables {
        let name = table.name.quoted();
        found.insert(
            name.clone(),
            rows(connection, &format!("SELECT t::text FROM {name} t ORDER BY 1")).await,
        );
    }
    found
}

/// The values that have to be there afterwards: of each old column its place and the texts of its values, NULL left out.
type Kept = Vec<(QualifiedName, String, ColumnType, Vec<String>)>;

/// Columns that are still there: under the same name or another one, with a type that holds all of their values.
async fn survivors(
    connection: &Connection,
    old: &DatabaseSchema,
    new: &DatabaseSchema,
    answers: &Answers,
    migration: &Migration,
) -> Kept {
    let mut kept = Vec::new();
    for table in &old.tables {
        let text = table.name.to_string();
        let renamed = answers.rename_table.iter().find(|it| it.old_table == text);
        let name_now = renamed.map_or(text.clone(), |it| it.new_table.clone());
        let Some(table_now) = new.tables.iter().find(|it| it.name.to_string() == name_now) else { continue };
        for column in &table.columns {
            let mut renames = answers.rename_column.iter();
            let renamed = renames.find(|it| it.table == name_now && it.old_column == column.name);
            let name = renamed.map_or(&column.name, |it| &it.new_column);
            let Some(column_now) = table_now.column(name) else { continue };
            let replaced = migration.steps.iter().find_map(|step| match &step.change {
                Change::ReplaceColumn(it) if it.table == table_now.name && it.new.name == *name => Some(it),
                _ => None,
            });
            if replaced.is_some_and(|it| !it.is_in_place()) {
                continue;
            }
            // Reading the old value in the new type is what a cast comes to; equal types need none.
            let quoted = quote_ident(&column.name);
            let read = match replaced {
                // The type may not exist yet; its labels are texts.
                _ if matches!(column_now.ty, ColumnType::Enum(_)) => quoted.clone(),
                None => quoted.clone(),
                Some(replace) => match replace.conversion.as_ref().filter(|_| replace.converts) {
                    Some(conversion) => format!("({})", conversion.using(&quoted)),
                    None => format!("{quoted}::text::{}", type_text(&column_now.ty)),
                },
            };
            let table = table.name.quoted();
            let sql = format!("SELECT {read}::text FROM {table} WHERE {quoted} IS NOT NULL ORDER BY 1");
            kept.push((
                table_now.name.clone(),
                name.clone(),
                column_now.ty.clone(),
                rows(connection, &sql).await,
            ));
        }
    }
    kept
}

/// Answers whatever can be answered: a value for every column that wants one, a cast where all values fit.
async fn answered(
    connection: &Connection,
    new: &DatabaseSchema,
    answers: &Answers,
) -> (DiffOptions, Migration) {
    let mut options = DiffOptions { scope: Scope::All, answers: answers.clone() };
    let open = difference(connection, new, &options).await.expect("a difference");
    for step in &open.steps {
        let (Change::AddColumn { table, column, .. } | Change::SetNotNull { table, column, .. }) =
            &step.change
        else {
            continue;
        };
        let one = value(new, &column.ty).replace("i::text", "'7'").replace("'v' || i", "'v'");
        let one = one.replace("i * ", "1 * ").replace("i::int", "1").replace("i = 1", "true");
        let one = match one.as_str() {
            "i" => "7".to_owned(),
            "to_jsonb(i)" => "to_jsonb(7)".to_owned(),
            "NULL" => format!("'{{}}'::{}", type_text(&column.ty)),
            other => other.to_owned(),
        };
        // A new column that may be an old one under another name wants a value, too, when nobody says that it is.
        if step.class != StepClass::Safe && !column.primary_key {
            options.answers.back_fill.insert(format!("{table}.{}", column.name), one);
        }
    }
    let at_stake = stakes(connection, &open).await;
    assert!(at_stake.is_ok(), "{at_stake:?}\n{:#?}", open.stakes());
    for stake in at_stake.expect("checked above").iter().filter(|stake| stake.misfits == Some(0)) {
        options.answers.convert_column.push(open.steps[stake.step].object.to_string());
    }
    let migration = difference(connection, new, &options).await.expect("a difference");
    (options, migration)
}

/// Whether the rows may be in the way of a step: nobody promised that it goes through.
fn may_fail(migration: &Migration) -> bool {
    migration.steps.iter().any(|step| {
        step.class == StepClass::NeedsValue
            || match &step.change {
                // A label in use, a key over equal values, equal values for all rows, references to nothing.
                Change::ReplaceEnum { .. } | Change::ChangeKey { .. } => true,
                Change::AddUnique { .. } | Change::AddForeignKey { .. } => true,
                Change::AddColumn { column, .. } => column.primary_key,
                Change::ReplaceColumn(replace) => {
                    replace.converts
                        || !replace.is_in_place() && !replace.new.nullable
                        || !replace.is_in_place() && !replace.uniques.is_empty()
                        || !replace.is_in_place() && !replace.foreign_keys.is_empty()
                }
                _ => false,
            }
    })
}

/// New labels of enums that later statements use are committed first; everything else has to be as it was.
fn without_labels(mut outline: BTreeMap<String, Vec<String>>) -> BTreeMap<String, Vec<String>> {
    outline.iter_mut().filter(|(name, _)| name.starts_with("enum ")).for_each(|(_, values)| values.clear());
    outline
}

struct Case<'a> {
    seed: u64,
    databases: &'a Databases,
    cluster: &'a Cluster,
    pair: Pair,
}

impl Case<'_> {
    /// A database with the old schema and rows in it.
    async fn filled(&self, name: &str) -> Connection {
        let connection = fresh(self.databases, self.cluster, name).await;
        create(&connection, &self.pair.old).await;
        fill(&connection, &self.pair.old).await;
        let victim = format!(
            "UPDATE {VICTIM} SET empty = NULL, twice = 2; INSERT INTO {VICTIM} (id, twice) VALUES (99, 2)"
        );
        connection.batch_execute(&victim).await.expect("rows that stand in the way");
        connection
    }

    /// The plan goes through and keeps what it has to, or nothing at all happens. Whether it went through.
    async fn migrates(&self) -> bool {
        let Pair { old, new, answers } = &self.pair;
        let seed = self.seed;
        let connection = self.filled("case").await;
        let (options, migration) = answered(&connection, new, answers).await;
        let kept = survivors(&connection, old, new, answers, &migration).await;
        let (schema, all) = (outline(&read(&connection).await), everything(&connection, old).await);
        let plan = migration.consent(&Consent::Everything);
        let done = match apply(&connection, &plan, LOCK_TIMEOUT).await {
            Ok(()) => {
                let live = read(&connection).await;
                let sentences = verify(&live, new, &options);
                assert_eq!(sentences, Vec::<String>::new(), "seed {seed}\n{:#?}", plan.transactions());
                let other = fresh(self.databases, self.cluster, "fresh").await;
                create(&other, new).await;
                let wanted = outline(&read(&other).await);
                assert_eq!(
                    outline(&live),
                    wanted,
                    "seed {seed}: not a new database\n{:#?}",
                    plan.transactions()
                );
                drop(other);
                self.databases.drop("fresh").await.expect("a dropped database");
                for (table, column, ty, before) in kept {
                    let (t, c) = (table.quoted(), quote_ident(&column));
                    let sql = format!("SELECT {c}::text FROM {t} WHERE {c} IS NOT NULL ORDER BY 1");
                    let mut after = rows(&connection, &sql).await;
                    for value in &before {
                        let at = after.iter().position(|it| it == value);
                        let Some(at) = at else {
                            panic!(
                                "seed {seed}: {value} of {table}.{column} ({ty:?}) is lost\n{:#?}",
                                plan.transactions()
                            )
                        };
                        after.swap_remove(at);
                    }
                }
                true
            }
            Err(error) => {
                assert!(may_fail(&migration), "seed {seed}: {error}\n{:#?}", plan.transactions());
                self.is_untouched(&connection, &schema, &all).await;
                false
            }
        };
        drop(connection);
        self.databases.drop("case").await.expect("a dropped database");
        done
    }

    async fn is_untouched(
        &self,
        connection: &Connection,
        schema: &BTreeMap<String, Vec<String>>,
        all: &BTreeMap<String, Vec<String>>,
    ) {
        let now = without_labels(outline(&read(connection).await));
        assert_eq!(now, without_labels(schema.clone()), "seed {}: half a migration", self.seed);
        assert_eq!(&everything(connection, &self.pair.old).await, all, "seed {}: other rows", self.seed);
    }

    /// One step cannot work: nothing of all the others is left, and the statement is named.
    async fn rolls_back(&self) {
        let connection = self.filled("case").await;
        let (schema, all) =
            (outline(&read(&connection).await), everything(&connection, &self.pair.old).await);
        let (nullable, unique, limit) = match self.seed % 3 {
            0 => (false, false, LOCK_TIMEOUT),
            1 => (true, true, LOCK_TIMEOUT),
            _ => (true, false, Duration::from_millis(30)),
        };
        let mut new = self.pair.new.clone();
        new.tables.retain(|table| table.name.name != VICTIM);
        let mut victim = victim(nullable, unique);
        let locked = self.seed % 3 == 2;
        if locked {
            victim.columns[1].default = Some(ColumnDefault::Number("1".to_owned()));
        }
        new.tables.push(victim);
        let (mut options, _) = answered(&connection, &new, &self.pair.answers).await;
        options.answers.back_fill.remove(&format!("{VICTIM}.empty"));
        let migration = difference(&connection, &new, &options).await.expect("a difference");
        let plan = migration.consent(&Consent::Everything);
        let holder = Connection::connect(&self.cluster.target("case"), &Default::default()).await;
        let holder = holder.expect("a connection");
        if locked {
            let lock = format!("BEGIN; LOCK TABLE {VICTIM} IN ACCESS SHARE MODE");
            holder.batch_execute(&lock).await.expect("a lock");
        }
        let error = apply(&connection, &plan, limit).await.expect_err("a step that cannot work");
        let others_may_fail = may_fail(&migration_without_victim(&migration));
        assert!(
            others_may_fail || error.cause().0.is_some_and(|statement| statement.contains(VICTIM)),
            "seed {}: {error:?}",
            self.seed
        );
        self.is_untouched(&connection, &schema, &all).await;
        drop((connection, holder));
        self.databases.drop("case").await.expect("a dropped database");
    }
}

fn migration_without_victim(migration: &Migration) -> Migration {
    let mut others = migration.clone();
    others.steps.retain(|step| !step.object.to_string().starts_with(VICTIM));
    others
}

#[tokio::test(flavor = "multi_thread")]
async fn any_model_becomes_any_other_one_or_nothing_happens() {
    let project = Project::new();
    let cluster = project.start().await.expect("a server");
    let databases = Databases::new(cluster.target("postgres")).copying_files(true);
    let (cases, first) = (number("PROPTEST_CASES", 16), number("PROPTEST_SEED", 0));
    let mut done = 0;
    for seed in first..first + cases {
        let case = Case { seed, databases: &databases, cluster: &cluster, pair: pair(seed) };
        done += u64::from(case.migrates().await);
        case.rolls_back().await;
    }
    println!("{done} of {cases} migrations went through, the others left nothing behind");
    assert!(done * 4 >= cases, "only {done} of {cases} pairs could be migrated at all");
}
