//! Golden scripts of `schema create`; the files stand in the top-level `snapshots/ddl`.

use studio_sql::ddl::create_script;
use studio_sql::schema::{
    ColumnDefault, ColumnType, DatabaseSchema, EnumType, Function, IndexKind, Table, VectorOps, plain_ident,
};

use crate::build::*;

fn golden(name: &str, schema: &DatabaseSchema) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../snapshots/ddl"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, create_script(schema).text()));
}

#[test]
fn every_column_type_and_default() {
    let number = |text: &str| ColumnDefault::Number(text.to_owned());
    let timestamp = |precision, time_zone| ColumnType::Timestamp { precision, time_zone };
    let columns = vec![
        serial_key("id"),
        with_default("small", ColumnType::SmallInt, ColumnDefault::Serial),
        with_default("big", ColumnType::BigInt, ColumnDefault::Serial),
        with_default("ticket", ColumnType::Int, ColumnDefault::Sequence(name_of("tickets"))),
        with_default("number", ColumnType::Int, ColumnDefault::Sequence(name_of("audit.numbers"))),
        with_default("pages", ColumnType::Int, number("12")),
        with_default("weight", ColumnType::Real, number("1.5")),
        optional("height", ColumnType::DoublePrecision),
        optional("anything", ColumnType::Numeric { precision: None, scale: None }),
        optional("digits", ColumnType::Numeric { precision: Some(9), scale: None }),
        with_default("price", ColumnType::Numeric { precision: Some(10), scale: Some(2) }, number("1.20")),
        with_default("title", ColumnType::Text, quoted("it's")),
        with_default("code", ColumnType::Varchar(Some(20)), quoted("none")),
        optional("flagged", ColumnType::Boolean),
        with_default("active", ColumnType::Boolean, ColumnDefault::Bool(true)),
        with_default("created_at", timestamp(None, true), ColumnDefault::Now),
        optional("precise_at", timestamp(Some(3), true)),
        with_default("local_at", timestamp(None, false), quoted("2024-02-29T10:00:00")),
        optional("local_precise_at", timestamp(Some(6), false)),
        with_default("day", ColumnType::Date, quoted("2024-02-29")),
        with_default("opens", ColumnType::Time { precision: None }, quoted("09:30:00")),
        optional("closes", ColumnType::Time { precision: Some(0) }),
        with_default("settings", ColumnType::Jsonb, quoted("{}")),
        with_default("cover", ColumnType::Bytea, ColumnDefault::Expression("'\\x00'::bytea".to_owned())),
        with_default("token", ColumnType::Uuid, ColumnDefault::GenerateUuid),
        with_default("token4", ColumnType::Uuid, ColumnDefault::UuidV4),
        with_default("token7", ColumnType::Uuid, ColumnDefault::UuidV7),
        with_default("nil", ColumnType::Uuid, quoted("00000000-0000-0000-0000-000000000000")),
        optional("embedding", ColumnType::Vector(Some(1536))),
        with_default("shelf", enum_type("audit.book_shelf"), quoted("Fiction")),
        optional("tags", ColumnType::Array(Box::new(ColumnType::Text))),
        optional("grid", ColumnType::Array(Box::new(ColumnType::Array(Box::new(ColumnType::Int))))),
    ];
    let schema = DatabaseSchema {
        schemas: vec!["audit".to_owned()],
        extensions: vec!["uuid-ossp".to_owned(), "vector".to_owned()],
        sequences: vec![name_of("tickets"), name_of("audit.numbers")],
        enums: vec![EnumType {
            name: name_of("audit.book_shelf"),
            values: vec!["Fiction".to_owned(), "Poetry".to_owned()],
            managed: true,
        }],
        tables: vec![table("books", columns)],
        functions: Vec::new(),
    };
    golden("types", &schema);
}

#[test]
fn constraints_indexes_and_triggers_follow_all_tables() {
    let depots = Table {
        foreign_keys: vec![foreign_key("fleet_depots_org_fk", "orgs", &[("org_id", "id")])],
        ..table("fleet.depots", vec![key("code", ColumnType::Text), key("org_id", ColumnType::Int)])
    };
    let trucks = Table {
        uniques: vec![
            unique("unique_constraint_truck_plate", &["plate"]),
            unique("unique_constraint_truck_slot", &["depot_code", "org_id"]),
        ],
        foreign_keys: vec![
            foreign_key(
                "fleet_trucks_homeDepot_fk",
                "fleet.depots",
                &[("depot_code", "code"), ("org_id", "org_id")],
            ),
            foreign_key("fleet_trucks_org_fk", "orgs", &[("org_id", "id")]),
        ],
        indexes: vec![
            index("truck_plate_idx", &["plate"]),
            index_of("truck_vec_idx", &["vec"], IndexKind::Hnsw(VectorOps::Cosine)),
            index_of("truck_vec_l2", &["vec"], IndexKind::Hnsw(VectorOps::L2)),
            index_of("truck_vec_ip", &["vec"], IndexKind::Hnsw(VectorOps::InnerProduct)),
        ],
        triggers: vec![trigger("fleet_trucks")],
        ..table(
            "fleet.trucks",
            vec![
                serial_key("id"),
                required("org_id", ColumnType::Int),
                optional("depot_code", ColumnType::Text),
                required("plate", ColumnType::Text),
                optional("vec", ColumnType::Vector(Some(3))),
            ],
        )
    };
    let unmanaged = Table { managed: false, ..table("reports", vec![serial_key("id")]) };
    let schema = DatabaseSchema {
        schemas: vec!["fleet".to_owned()],
        extensions: vec!["vector".to_owned()],
        tables: vec![table("orgs", vec![serial_key("id")]), depots, unmanaged, trucks],
        functions: vec![Function {
            name: "exograph_update_fleet_trucks".to_owned(),
            body: "BEGIN NEW.updated_at = now(); RETURN NEW; END;".to_owned(),
        }],
        ..DatabaseSchema::default()
    };
    golden("constraints", &schema);
}

#[test]
fn identifiers_stay_bare_only_where_that_is_the_same_name() {
    assert_eq!(plain_ident("updated_at"), "updated_at");
    assert_eq!(plain_ident("updatedAt"), "\"updatedAt\"");
    assert_eq!(plain_ident("order"), "\"order\"");
    assert_eq!(plain_ident("2fast"), "\"2fast\"");
    assert_eq!(plain_ident("a\"b"), "\"a\"\"b\"");
}
