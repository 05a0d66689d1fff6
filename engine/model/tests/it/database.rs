//! Models and the scripts they lead to: `schemas/*.exo` are created, `migrations/*.exo` are pairs of models. The
//! golden files stand in the top-level `snapshots/ddl`.

#![allow(clippy::panic, reason = "test helpers outside of test functions")]
#![allow(clippy::disallowed_methods, reason = "the crate is pure, its fixtures are files")]

use std::fmt::Write as _;
use std::path::Path;

use studio_model::database::database_schema;
use studio_model::database::import::{ImportOptions, import};
use studio_model::{SourceSet, compile};
use studio_sql::ddl::create_script;
use studio_sql::diff::{Change, DiffOptions, Scope, diff};
use studio_sql::schema::{ColumnDefault, ColumnType, DatabaseSchema};

fn schema_of(name: &str, text: &str) -> DatabaseSchema {
    let compiled = compile(&SourceSet::from_root(text));
    let problems: Vec<String> = compiled.diagnostics.iter().map(|problem| format!("{problem:?}")).collect();
    let ir = compiled.ir.unwrap_or_else(|| panic!("{name} does not compile: {problems:#?}"));
    database_schema(&ir)
}

/// Calls `check` with name and text of every model in a folder.
fn for_each_model(folder: &str, mut check: impl FnMut(&str, &str)) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .expect("a folder of models")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no models in {folder:?}");
    for path in paths {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        check(&name, &std::fs::read_to_string(&path).expect("a readable model"));
    }
}

fn golden(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../snapshots/ddl"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn created_schemas() {
    for_each_model("schemas", |name, text| {
        golden(&format!("model_{name}"), &create_script(&schema_of(name, text)).text());
    });
}

#[test]
fn migrations() {
    for_each_model("migrations", |name, text| {
        let (old, new) = text.split_once("// ---- becomes ----\n").expect("two models");
        let migration = diff(&schema_of(name, old), &schema_of(name, new), &DiffOptions::default());
        let mut report = String::new();
        for (at, step) in migration.steps.iter().enumerate() {
            writeln!(report, "{at}. {:?}: {} (needs {:?})", step.class, step.description, step.needs)
                .expect("text");
        }
        for proposal in &migration.column_proposals {
            let (old, new) = (&proposal.old.name, &proposal.new.name);
            writeln!(report, "? {}: {old} became {new}, {} %", proposal.table, proposal.similarity)
                .expect("text");
        }
        for proposal in &migration.table_proposals {
            writeln!(report, "? {} became {}, {} %", proposal.old, proposal.new, proposal.similarity)
                .expect("text");
        }
        writeln!(report, "\n=== script\n{}", migration.script(false).text()).expect("text");
        writeln!(report, "=== safe\n{}", migration.safe_statements().join("\n")).expect("text");
        let everything = migration.plan_all(true).expect("all allowed");
        writeln!(report, "=== applied\n{}", everything.statements().collect::<Vec<_>>().join("\n"))
            .expect("text");
        golden(&format!("migration_{name}"), &report);
    });
}

/// An imported model compiles, and asks for the database it came from.
#[test]
fn imported_models_ask_for_the_same_database() {
    let everything = DiffOptions { scope: Scope::All, ..DiffOptions::default() };
    for seed in 0..300 {
        let mut live = crate::random::schema(seed);
        // The language has no way to write these labels.
        for ty in &mut live.enums {
            ty.values.iter_mut().for_each(|value| *value = value.replace('\'', "x"));
        }
        for column in live.tables.iter_mut().flat_map(|table| &mut table.columns) {
            if matches!(column.ty, ColumnType::Enum(_))
                && let Some(ColumnDefault::Quoted(label)) = &mut column.default
            {
                *label = label.replace('\'', "x");
            }
        }
        let imported = import(&live, &ImportOptions::default());
        let again = schema_of(&format!("seed {seed}\n{}", imported.model), &imported.model);
        let left = diff(&live, &again, &everything);
        // What cannot be said is reported, and only that may differ.
        let reported = |name: &str| imported.issues.iter().any(|issue| issue.contains(name));
        let differences: Vec<&str> = left
            .steps
            .iter()
            .filter(|step| match &step.change {
                Change::DropUnique { unique, .. } => !reported(&unique.name),
                Change::DropIndex { index, .. } => !reported(&index.name),
                Change::DropDefault { column, .. } => !reported(&column.name),
                _ => true,
            })
            .map(|step| step.description.as_str())
            .collect();
        assert!(differences.is_empty(), "seed {seed}: {differences:#?}\n{}", imported.model);
    }
}

/// The layout, and what cannot be expressed.
#[test]
fn the_text_of_an_import() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas");
    for name in ["relations", "fleet", "types"] {
        let text = std::fs::read_to_string(folder.join(name).with_extension("exo")).expect("a model");
        let options = ImportOptions { query_access: true, ..ImportOptions::default() };
        let live = schema_of(name, &text);
        let imported = import(&live, &options);
        let again = schema_of(&imported.model, &imported.model);
        let left = diff(&live, &again, &DiffOptions { scope: Scope::All, ..DiffOptions::default() });
        assert!(left.is_empty(), "{left:#?}");
        let text = format!("{}\n=== issues\n{}", imported.model, imported.issues.join("\n"));
        golden(&format!("import_{name}"), &text);
    }
}
