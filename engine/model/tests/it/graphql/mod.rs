//! The derived schema as text: golden files for the models beside this file.

use std::sync::Arc;

use studio_model::graphql::{Schema, SchemaOptions, sdl};

/// Compiles a one-file model that has to be free of errors.
fn ir(model: &str) -> studio_model::Ir {
    let compiled = studio_model::compile(&studio_model::SourceSet::from_root(model));
    assert!(!compiled.has_errors(), "{:#?}", compiled.diagnostics);
    compiled.ir.expect("a model without errors has an IR")
}

fn schema(model: &str) -> Schema {
    Schema::new(Arc::new(ir(model)), SchemaOptions::default())
}

fn golden(name: &str, model: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../../../snapshots/sdl");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, sdl(&schema(model))));
}

#[test]
fn bookshop() {
    golden("bookshop", include_str!("bookshop.exo"));
}

#[test]
fn keys() {
    golden("keys", include_str!("keys.exo"));
}

#[test]
fn relations() {
    golden("relations", include_str!("relations.exo"));
}

#[test]
fn values() {
    golden("values", include_str!("values.exo"));
}

#[test]
fn code() {
    golden("code", include_str!("code.exo"));
}
