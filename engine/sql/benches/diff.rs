//! How long the difference of two schemas with 1,000 tables of 13 columns takes. Aim: 150 ms on one core.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use studio_sql::diff::{Answers, Change, ColumnRename, DiffOptions, diff};
use studio_sql::schema::{
    Column, ColumnDefault, ColumnType, DatabaseSchema, EnumType, ForeignKey, Function, Index, IndexKind,
    QualifiedName, Table, Trigger, Unique,
};

const TABLES: usize = 1_000;

/// Every so many tables form a module with a schema and an enum of its own.
const MODULE: usize = 100;

fn column(name: &str, ty: ColumnType) -> Column {
    Column { name: name.to_owned(), ty, primary_key: false, nullable: false, default: None }
}

fn with_default(name: &str, ty: ColumnType, default: ColumnDefault) -> Column {
    Column { default: Some(default), ..column(name, ty) }
}

fn name_of(at: usize) -> QualifiedName {
    let module = at / MODULE;
    let schema = (module > 0).then(|| format!("module_{module}"));
    QualifiedName::new(schema.as_deref(), format!("items_{at}"))
}

/// A table with a serial key, a parent in an earlier table, an enum, a unique constraint, three indexes and, for one
/// in five, a trigger.
fn table(at: usize) -> Table {
    let name = name_of(at);
    let parent = at.saturating_sub(1) / 2;
    let timestamp = ColumnType::Timestamp { precision: None, time_zone: true };
    let index =
        |name: String, column: &str| Index { name, columns: vec![column.to_owned()], kind: IndexKind::BTree };
    let columns = vec![
        Column { primary_key: true, ..with_default("id", ColumnType::Int, ColumnDefault::Serial) },
        column("name", ColumnType::Text),
        Column { nullable: true, ..column("description", ColumnType::Text) },
        column("code", ColumnType::Varchar(Some(40))),
        with_default("amount", ColumnType::BigInt, ColumnDefault::Number("0".to_owned())),
        column("price", ColumnType::Numeric { precision: Some(12), scale: Some(2) }),
        with_default("active", ColumnType::Boolean, ColumnDefault::Bool(true)),
        with_default("state", state_of(at), ColumnDefault::Quoted("open".to_owned())),
        column("tags", ColumnType::Array(Box::new(ColumnType::Text))),
        Column { nullable: true, ..column("extra", ColumnType::Jsonb) },
        with_default("token", ColumnType::Uuid, ColumnDefault::GenerateUuid),
        with_default("updated_at", timestamp, ColumnDefault::Now),
        Column { nullable: true, ..column("parent_id", ColumnType::Int) },
    ];
    let trigger = Trigger {
        name: format!("exograph_on_update_{}", name.name),
        function: format!("exograph_update_{}", name.name),
    };
    Table {
        uniques: vec![Unique {
            name: format!("unique_constraint_{}_code", name.name),
            columns: vec!["code".to_owned()],
        }],
        foreign_keys: vec![ForeignKey {
            name: format!("{}_parent_id_fk", name.name),
            target: name_of(parent),
            columns: vec![("parent_id".to_owned(), "id".to_owned())],
        }],
        indexes: vec![
            index(format!("{}_name_idx", name.name), "name"),
            index(format!("{}_parent_idx", name.name), "parent_id"),
            index(format!("{}_updated_idx", name.name), "updated_at"),
        ],
        triggers: if at.is_multiple_of(5) { vec![trigger] } else { Vec::new() },
        columns,
        key_name: None,
        managed: true,
        name,
    }
}

fn enum_name(module: usize) -> QualifiedName {
    QualifiedName { name: format!("state_{module}"), ..name_of(module * MODULE) }
}

fn state_of(at: usize) -> ColumnType {
    ColumnType::Enum(enum_name(at / MODULE))
}

fn schema(tables: usize) -> DatabaseSchema {
    let modules = 0..tables.div_ceil(MODULE);
    let tables: Vec<Table> = (0..tables).map(table).collect();
    let triggers = tables.iter().flat_map(|table| &table.triggers);
    let functions = triggers.map(|trigger| Function {
        name: trigger.function.clone(),
        body: "BEGIN NEW.updated_at = now(); RETURN NEW; END;".to_owned(),
    });
    DatabaseSchema {
        schemas: modules.clone().filter_map(|module| enum_name(module).schema).collect(),
        extensions: Vec::new(),
        sequences: Vec::new(),
        enums: modules
            .map(|module| EnumType {
                name: enum_name(module),
                values: ["open", "waiting", "closed"].map(str::to_owned).to_vec(),
                managed: true,
            })
            .collect(),
        functions: functions.collect(),
        tables,
    }
}

/// What an hour of work changes: a rename, a widening, new and dropped columns, an index, a label, and a table each that is
/// new (with a schema and an enum), gone, and called otherwise.
fn edited() -> DatabaseSchema {
    let mut wanted = schema(TABLES + 1);
    let tables = &mut wanted.tables;
    tables[10].columns[1].name = "title".to_owned();
    tables[10].indexes[0].columns = vec!["title".to_owned()];
    tables[20].columns[3].ty = ColumnType::Varchar(Some(80));
    tables[30].columns.push(column("priority", ColumnType::Int));
    tables[40].columns.remove(9);
    tables[50].indexes.remove(2);
    tables[60].columns[2].nullable = false;
    // Leaves of the tree of parents.
    tables[990].name.name = "renamed_990".to_owned();
    tables.remove(993);
    wanted.enums[3].values.push("late".to_owned());
    wanted
}

/// Every table has one column more and one less: the largest list of changes and questions.
fn changed_everywhere(live: &DatabaseSchema) -> DatabaseSchema {
    let mut wanted = live.clone();
    for table in &mut wanted.tables {
        table.columns[2].name = "summary".to_owned();
        table.columns.push(column("priority", ColumnType::Int));
    }
    wanted
}

fn difference(criterion: &mut Criterion) {
    let live = schema(TABLES);
    let none = DatabaseSchema::default();
    let few = edited();
    let all = changed_everywhere(&live);
    let options = DiffOptions::default();
    let found = diff(&live, &few, &options);
    assert!((10..40).contains(&found.steps.len()), "{} steps", found.steps.len());
    assert!(found.column_proposals.iter().any(|pair| pair.old.name == "name" && pair.new.name == "title"));
    assert!(found.table_proposals.iter().any(|pair| pair.new.name == "renamed_990"));
    assert!(found.steps.iter().any(|step| matches!(step.change, Change::DropTable { .. })));
    assert!(diff(&live, &live.clone(), &options).is_empty());
    let answers = Answers {
        rename_column: vec![ColumnRename {
            table: name_of(10).to_string(),
            old_column: "name".to_owned(),
            new_column: "title".to_owned(),
        }],
        ..Answers::default()
    };
    let answered = DiffOptions { answers, ..DiffOptions::default() };

    let mut group = criterion.benchmark_group("difference of 1000 tables");
    group.sample_size(20);
    group.throughput(Throughput::Elements(TABLES as u64));
    for (what, from, to, options) in [
        ("nothing changed", &live, &live, &options),
        ("a few changes", &live, &few, &options),
        ("a few changes, answered", &live, &few, &answered),
        ("two columns of every table", &live, &all, &options),
        ("all new", &none, &live, &options),
        ("all dropped", &live, &none, &options),
    ] {
        group.bench_function(what, |bencher| {
            bencher.iter(|| diff(black_box(from), black_box(to), black_box(options)));
        });
    }
    group.bench_function("statements of a few changes", |bencher| {
        bencher.iter_batched(|| found.clone(), |found| found.safe_statements(), BatchSize::LargeInput);
    });
    group.finish();
}

criterion_group!(benches, difference);
criterion_main!(benches);
