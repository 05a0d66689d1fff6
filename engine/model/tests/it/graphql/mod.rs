//! The derived schema as text: golden files for the models beside this file.

mod projects;
mod reference;

use std::sync::Arc;

use studio_model::SourceSet;
use studio_model::graphql::{Schema, SchemaOptions, sdl};

/// Compiles a model that has to be free of errors.
fn ir_of(sources: &SourceSet) -> studio_model::Ir {
    let compiled = studio_model::compile(sources);
    assert!(!compiled.has_errors(), "{:#?}", compiled.diagnostics);
    compiled.ir.expect("a model without errors has an IR")
}

fn ir(model: &str) -> studio_model::Ir {
    ir_of(&SourceSet::from_root(model))
}

fn schema_of(sources: &SourceSet) -> Schema {
    Schema::new(Arc::new(ir_of(sources)), SchemaOptions::default())
}

fn schema(model: &str) -> Schema {
    schema_of(&SourceSet::from_root(model))
}

fn golden_text(name: &str, schema: &Schema) {
    let (folder, name) = name.rsplit_once('/').unwrap_or(("", name));
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("../../../../../snapshots/sdl/{folder}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, sdl(schema)));
}

fn golden(name: &str, model: &str) {
    golden_text(name, &schema(model));
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
fn mixed() {
    golden("mixed", include_str!("mixed.exo"));
}

#[test]
fn code() {
    golden("code", include_str!("code.exo"));
}

/// Names of the root fields (graphql-and-sql 1.1 and 1.2).
#[test]
fn names() {
    let model = r#"
        @postgres
        module Names {
          @access(true)
          type ISBNRecord {
            @pk id: Int = autoIncrement()
            @unique("primary_email") mail: String
            @unique("loginName", "per_site") login: String
            @unique("per_site") site_no: Int
          }
          @access(true) type Person { @pk id: Int }
          @access(true) type Data { @pk id: Int }
          @access(true) @plural("shelvesOf2Books") type Shelf { @pk id: Int }
        }
    "#;
    let schema = schema(model);
    let names = |root: &studio_model::graphql::Root| {
        root.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        names(schema.query()),
        "data datas datasAgg isbnRecord isbnRecordByLoginName isbnRecordByPerSite isbnRecordByPrimaryEmail \
         isbnRecords isbnRecordsAgg people peopleAgg person shelf shelvesOf2Books shelvesOf2BooksAgg"
    );
    assert_eq!(
        names(schema.mutation().expect("mutations")),
        "createData createDatas createISBNRecord createISBNRecords createPeople createPerson createShelf \
         createshelvesOf2Books deleteData deleteDatas deleteISBNRecord deleteISBNRecords deletePeople deletePerson \
         deleteShelf deleteshelvesOf2Books updateData updateDatas updateISBNRecord updateISBNRecords updatePeople \
         updatePerson updateShelf updateshelvesOf2Books"
    );
    let text = sdl(&schema);
    for line in [
        "isbnRecordByPerSite(login: String!, site_no: Int!): ISBNRecord",
        "\"\"\"Get a single `ISBNRecord` by primary email\"\"\"",
        "Get multiple `Person`s given the provided `where` filter, order by, limit, and offset",
    ] {
        assert!(text.contains(line), "{line}");
    }
}

/// Without mutations there is neither the root nor what only mutations need.
#[test]
fn mutations_switched_off() {
    let ir = Arc::new(ir(include_str!("bookshop.exo")));
    let text = sdl(&Schema::new(ir, SchemaOptions { mutations: false, ..SchemaOptions::default() }));
    assert!(
        !text.contains("Mutation") && !text.contains("CreationInput") && !text.contains("ReferenceInput")
    );
    assert!(text.contains("type Query"));
}

/// Two operations of one name: entities win over code modules.
#[test]
fn one_name_twice() {
    let model = r#"
        @postgres
        module Shop { @access(true) type Item { @pk id: Int } }
        @deno("x.ts")
        module Code {
          @access(true) query items(): Int
          @access(true) query other(): Array<Array<Int?>>?
        }
    "#;
    let text = sdl(&schema(model));
    assert!(
        text.contains(
            "  items(where: ItemFilter, orderBy: [ItemOrdering!], limit: Int, offset: Int): [Item!]!"
        )
    );
    assert!(!text.contains("  items: Int!"));
    assert!(text.contains("  other: [[Int]!]"), "{text}");
}
