//! The traps of language.md section 10, as far as they show in the IR, and the tables of sections 3 and 4.

use studio_model::ir::{
    AccessExpr, Column, ColumnDefault, ColumnType, CompareOp, ContextSource, Entity, Field, FieldDefault,
    FieldKind, Literal, Operand, Range,
};
use studio_model::{Code, Ir, SourceSet, compile};

fn ir(text: &str) -> Ir {
    let compiled = compile(&SourceSet::from_root(text));
    for diagnostic in &compiled.diagnostics {
        assert!(!diagnostic.is_error(), "{}", diagnostic.one_line(&compiled.files));
    }
    compiled.ir.unwrap()
}

/// The IR of types in one Postgres module.
fn types(body: &str) -> Ir {
    ir(&format!("context Caller {{ @jwt id: Int  @jwt role: String }}\n@postgres module M {{ {body} }}"))
}

fn entity<'i>(ir: &'i Ir, name: &str) -> &'i Entity {
    ir.entities.values().find(|entity| entity.name == name).unwrap()
}

fn field<'e>(entity: &'e Entity, name: &str) -> &'e Field {
    entity.fields.values().find(|field| field.name == name).unwrap()
}

fn column<'e>(entity: &'e Entity, name: &str) -> &'e Column {
    entity.columns.values().find(|column| column.name == name).unwrap()
}

fn columns(entity: &Entity) -> Vec<&str> {
    entity.columns.values().map(|column| column.name.as_str()).collect()
}

/// Column type and default of the only other field of a type.
fn stored(declaration: &str) -> (ColumnType, Option<ColumnDefault>) {
    let ir = types(&format!("type T {{ @pk id: Int  {declaration} }} enum Kind {{ HARD SOFT }}"));
    let column = entity(&ir, "T").columns.values().nth(1).unwrap();
    (column.ty.clone(), column.default.clone())
}

#[test]
fn trap_1_context_defaults_compile_and_do_nothing() {
    let compiled = compile(&SourceSet::from_root(
        "context C { @jwt role: String = \"guest\" }\n@postgres module M { type T { @pk id: Int } }",
    ));
    assert_eq!(compiled.diagnostics.iter().map(|it| it.code).collect::<Vec<_>>(), [Code::W0003]);
    assert!(compiled.ir.is_some());
}

#[test]
fn trap_2_escapes_are_not_decoded() {
    let (_, default) = stored(r#"a: String = "x\n\"y\"""#);
    assert_eq!(default, Some(ColumnDefault::Literal(Literal::String(r#"x\n\"y\""#.to_owned()))));
}

#[test]
fn trap_3_docs() {
    let ir = ir(
        "//! One\n//! Two\n/*!\n * Three\n */\n@postgres module M {\n /** plain */\n @access(true) /// lost\n type A { @pk /// lost\n id: Int\n /// First\n ///   Second\n a: Int }\n /**\n  * Block\n  */ type B { @pk id: Int } }",
    );
    assert_eq!(ir.docs.as_deref(), Some("One\nTwo\nThree"));
    assert_eq!(entity(&ir, "A").docs, None);
    assert_eq!(field(entity(&ir, "A"), "id").docs, None);
    assert_eq!(field(entity(&ir, "A"), "a").docs.as_deref(), Some("First\nSecond"));
    assert_eq!(entity(&ir, "B").docs.as_deref(), Some("Block"));
}

#[test]
fn trap_4_keywords_are_names() {
    let ir = types(
        "type type { @pk query: Int  in: Int  type: String  mutation: Boolean  module: module } enum module { enum in }",
    );
    assert_eq!(columns(entity(&ir, "type")), ["query", "in", "type", "mutation", "module"]);
    assert_eq!(ir.enums.values().next().unwrap().values, ["enum", "in"]);
}

#[test]
fn trap_5_own_fields_come_first() {
    let ir = types("type T { ...F  @pk id: Int  ...G  a: Int } fragment F { f: Int } fragment G { g: Int }");
    assert_eq!(columns(entity(&ir, "T")), ["id", "a", "f", "g"]);
}

#[test]
fn trap_6_foreign_key_columns_end_with_the_key_verbatim() {
    let ir = types(
        "type Author { @pk @column(\"pk_author\") authorId: Int = autoIncrement()  bookCopies: Set<BookCopy>? }
         type BookCopy { @pk id: Int  mainAuthor: Author  @manyToOne @column(\"other\") shop: Shop? } type Shop { @pk id: Int }",
    );
    let copy = entity(&ir, "BookCopy");
    assert_eq!(columns(copy), ["id", "main_author_authorId", "other"]);
    assert_eq!(column(copy, "main_author_authorId").ty, ColumnType::Int);
    assert_eq!(column(copy, "main_author_authorId").default, None);
    assert!(column(copy, "other").nullable);
}

#[test]
fn trap_7_and_naming_of_tables() {
    let ir = ir("@postgres(schema = \"inner\") module A { @table(name = \"x\", schema = \"outer\") type Tin { @pk id: Int } enum BookShelf { V } }
        @postgres(schema = \"public\") module B { @table(schema = \"other\") type Person { @pk id: Int } type Category { @pk id: Int } }
        @postgres module C { @table(schema = \"lib\") type News { @pk id: Int } @plural(\"folk\") type Human { @pk id: Int } type BookCopy { @pk id: Int } }");
    let name = |name: &str| {
        let entity = entity(&ir, name);
        (entity.table.schema.as_deref(), entity.table.name.as_str(), entity.plural.as_str())
    };
    assert_eq!(name("Tin"), (Some("inner"), "x", "Tins"));
    assert_eq!(name("Person"), (None, "people", "People"));
    assert_eq!(name("Category"), (None, "categories", "Categories"));
    assert_eq!(name("News"), (Some("lib"), "newss", "Newss"));
    assert_eq!(name("Human"), (None, "folk", "folk"));
    assert_eq!(name("BookCopy"), (None, "book_copies", "BookCopies"));
    let shelf = ir.enums.values().next().unwrap();
    assert_eq!((shelf.schema.as_deref(), shelf.db_name.as_str()), (Some("inner"), "book_shelf"));
}

#[test]
fn trap_8_names_of_constraints_and_indexes() {
    let ir = types(
        "type BookLoan { @pk id: Int  @index dueDate: LocalDate  @unique(\"inAll\", \"b\") x: Int  @unique(\"b\") y: Int  @unique z: Int  @index(\"I1\", \"I2\") w: Int }",
    );
    let loan = entity(&ir, "BookLoan");
    let indexes: Vec<&str> = loan.indexes.iter().map(|index| index.name.as_str()).collect();
    assert_eq!(indexes, ["bookloan_duedate_idx", "I1", "I2"]);
    let uniques: Vec<(&str, &str, usize)> =
        loan.uniques.iter().map(|it| (it.name.as_str(), it.db_name.as_str(), it.fields.len())).collect();
    assert_eq!(
        uniques,
        [
            ("inAll", "unique_constraint_book_loan_in_all", 1),
            ("b", "unique_constraint_book_loan_b", 2),
            ("z", "unique_constraint_book_loan_z", 1)
        ]
    );
}

#[test]
fn trap_10_column_types_and_hints() {
    let cases = [
        ("a: Boolean", ColumnType::Boolean),
        ("a: Int", ColumnType::Int),
        ("@bits16 a: Int", ColumnType::SmallInt),
        ("@bits64 @range(min = 0, max = 9) a: Int", ColumnType::BigInt),
        ("@range(min = 0, max = 32767) a: Int", ColumnType::SmallInt),
        ("@range(min = 0, max = 32768) a: Int", ColumnType::Int),
        ("@range(min = -3000000000, max = 0) a: Int", ColumnType::BigInt),
        ("a: Float", ColumnType::Real),
        ("@doublePrecision a: Float", ColumnType::DoublePrecision),
        ("@range(min = \"0\", max = \"1\") a: Float", ColumnType::DoublePrecision),
        ("@singlePrecision @range(min = \"0\", max = \"1\") a: Float", ColumnType::Real),
        ("a: Decimal", ColumnType::Numeric { precision: None, scale: None }),
        ("@precision(8) @scale(2) a: Decimal", ColumnType::Numeric { precision: Some(8), scale: Some(2) }),
        ("a: String", ColumnType::Text),
        ("@maxLength(9) a: String", ColumnType::Varchar(9)),
        ("a: LocalTime", ColumnType::Time { precision: None }),
        ("a: LocalDate", ColumnType::Date),
        ("a: LocalDateTime", ColumnType::Timestamp { precision: None, time_zone: false }),
        ("@precision(3) a: Instant", ColumnType::Timestamp { precision: Some(3), time_zone: true }),
        ("a: Json", ColumnType::Jsonb),
        ("a: Blob", ColumnType::Bytea),
        ("a: Uuid", ColumnType::Uuid),
        ("a: Vector", ColumnType::Vector(1536)),
        ("@size(3) a: Vector", ColumnType::Vector(3)),
        ("@maxLength(2) a: Array<Array<String>>", {
            let inner = ColumnType::Array(Box::new(ColumnType::Varchar(2)));
            ColumnType::Array(Box::new(inner))
        }),
        ("@dbtype(\"char(3)\") a: String", ColumnType::Char(3)),
        ("@dbtype(\"Double Precision\") a: Float", ColumnType::DoublePrecision),
        ("@dbtype(\"numeric(5, 2)\") a: Float", ColumnType::Numeric { precision: Some(5), scale: Some(2) }),
        ("@dbtype(\"TIME(2)\") a: LocalTime", ColumnType::Time { precision: Some(2) }),
        ("@dbtype(\"INTEGER[]\") a: Array<Int>", ColumnType::Array(Box::new(ColumnType::Int))),
    ];
    for (declaration, expected) in cases {
        assert_eq!(stored(declaration).0, expected, "{declaration}");
    }
    let ir = types(
        "type T { @pk id: Int  @range(min = \"-1.5\", max = \"2\") a: Float  @range(min = 1, max = 2) b: Int }",
    );
    assert_eq!(field(entity(&ir, "T"), "a").range, Some(Range::Float { min: -1.5, max: 2.0 }));
    assert_eq!(field(entity(&ir, "T"), "b").range, Some(Range::Int { min: 1, max: 2 }));
}

#[test]
fn trap_11_defaults() {
    let sequence = |schema: Option<&str>, name: &str| ColumnDefault::Sequence {
        schema: schema.map(str::to_owned),
        name: name.to_owned(),
    };
    let cases = [
        ("a: Int = autoIncrement()", ColumnDefault::Serial),
        ("a: Int = autoIncrement(\"s\")", sequence(None, "s")),
        ("a: Int = autoIncrement(\"x.s\")", sequence(Some("x"), "s")),
        ("a: Int = autoIncrement(\"public.s\")", sequence(None, "s")),
        ("a: LocalDate = now()", ColumnDefault::Now),
        ("a: Uuid = generate_uuid()", ColumnDefault::GenerateUuid),
        ("a: Uuid = uuidGenerateV4()", ColumnDefault::UuidV4),
        ("a: Uuid = uuidGenerateV7()", ColumnDefault::UuidV7),
        ("a: Int = -5", ColumnDefault::Literal(Literal::Int(-5))),
        ("a: Float = 1.50", ColumnDefault::Literal(Literal::Float("1.50".to_owned()))),
        ("a: Float = 2", ColumnDefault::Literal(Literal::Int(2))),
        ("a: Boolean = true", ColumnDefault::Literal(Literal::Bool(true))),
        ("a: Decimal = \"1.20\"", ColumnDefault::Literal(Literal::String("1.20".to_owned()))),
        ("a: Kind = SOFT", ColumnDefault::Enum("SOFT".to_owned())),
        ("a: Blob = \"'x'::bytea\"", ColumnDefault::Expression("'x'::bytea".to_owned())),
        ("@dbtype(\"BIGSERIAL\") a: Int", ColumnDefault::Serial),
    ];
    for (declaration, expected) in cases {
        assert_eq!(stored(declaration).1, Some(expected), "{declaration}");
    }
    assert_eq!(stored("a: Int? = null").1, None);
    assert_eq!(stored("a: Int = Caller.id").1, None);
    let ir = types("type T { @pk id: Int  a: Int? = null  b: Int = Caller.id  c: String? = Caller.id }");
    assert_eq!(field(entity(&ir, "T"), "a").default, Some(FieldDefault::Null));
    assert!(matches!(field(entity(&ir, "T"), "b").default, Some(FieldDefault::Context { .. })));
    assert_eq!(field(entity(&ir, "T"), "c").default, Some(FieldDefault::Ignored));
}

#[test]
fn trap_12_one_to_one_has_a_constraint() {
    let ir = types(
        "type Author { @pk id: Int  profile: Profile? } type Profile { @pk id: Int  @unique(\"mine\") author: Author  @oneToOne badge: Badge } type Badge { @pk id: Int }",
    );
    let profile = entity(&ir, "Profile");
    let names: Vec<&str> = profile.uniques.iter().map(|unique| unique.name.as_str()).collect();
    assert_eq!(names, ["author", "badge"]);
    assert!(matches!(field(entity(&ir, "Author"), "profile").kind, FieldKind::InverseOne { .. }));
    assert!(field(entity(&ir, "Author"), "profile").columns.is_empty());
    assert!(!column(profile, "author_id").nullable);
}

#[test]
fn trap_14_mappings_follow_the_key_of_the_target() {
    let ir = types(
        "type Pair { @pk first: Int  @pk second: Uuid } type T { @pk id: Int  @manyToOne @column(mapping = {second: \"b\", first: \"a\"}) pair: Pair }",
    );
    let t = entity(&ir, "T");
    assert_eq!(columns(t), ["id", "a", "b"]);
    assert_eq!(column(t, "b").ty, ColumnType::Uuid);
    let FieldKind::Reference { pairs, .. } = &field(t, "pair").kind else { panic!("a reference") };
    let pair = entity(&ir, "Pair");
    let names: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(own, other)| (t.columns[*own].name.as_str(), pair.columns[*other].name.as_str()))
        .collect();
    assert_eq!(names, [("a", "first"), ("b", "second")]);
}

#[test]
fn trap_15_shared_columns_and_keys_through_tables() {
    let ir = types(
        "type Trip { @pk tripNo: String  @pk @column(\"trip_depot\") depot: Depot  @column(mapping = {plate: \"trip_plate\", depot: \"trip_depot\"}) vehicle: Vehicle?  @column(\"other_depot\") code: Int  @manyToOne @column(\"other_depot\") other: Depot? }
         type Vehicle { @pk plate: String  @pk @column(\"vehicle_depot\") depot: Depot  trips: Set<Trip>? }
         type Depot { @pk @bits64 depotId: Int = autoIncrement()  vehicles: Set<Vehicle>?  @relation(\"depot\") trips: Set<Trip>? }",
    );
    let trip = entity(&ir, "Trip");
    assert_eq!(columns(trip), ["trip_no", "trip_depot", "trip_plate", "other_depot"]);
    let shared = column(trip, "trip_depot");
    assert_eq!((shared.nullable, shared.primary_key, &shared.ty), (false, true, &ColumnType::BigInt));
    assert!(column(trip, "trip_plate").nullable);
    assert!(!column(trip, "other_depot").nullable);
    assert_eq!(column(entity(&ir, "Vehicle"), "vehicle_depot").ty, ColumnType::BigInt);
    let visits = types(
        "type Attendance { @pk visit: Visit  @pk nurse: Nurse  notes: Set<Note>? } type Visit { @pk number: Int  all: Set<Attendance>? }
         type Nurse { @pk id: Uuid  all: Set<Attendance>? } type Note { @pk id: Int  attendance: Attendance }",
    );
    let note = entity(&visits, "Note");
    assert_eq!(columns(note), ["id", "attendance_visit", "attendance_nurse"]);
    assert_eq!(column(note, "attendance_nurse").ty, ColumnType::Uuid);
    assert_eq!(columns(entity(&visits, "Attendance")), ["visit_number", "nurse_id"]);
}

#[test]
fn trap_16_and_18_slots_of_rules() {
    let closed = |expr: &AccessExpr| *expr == AccessExpr::Literal(false);
    let ir = types(
        "@access(query = true) type A { @pk id: Int  @access(query = true) a: Int  @access(create = true) b: Int }
         @access(query = true, mutation = Caller.role == \"x\", delete = false) type B { @pk id: Int }
         type C { @pk id: Int } @access((false)) type D { @pk id: Int } @access(false && true) type E { @pk id: Int }",
    );
    let a = entity(&ir, "A");
    assert!(closed(&a.access.create.expr) && closed(&a.access.update.expr) && closed(&a.access.delete.expr));
    let rules = field(a, "a").access.as_ref().unwrap();
    assert!(!closed(&rules.read.expr) && closed(&rules.create.expr) && closed(&rules.update.expr));
    let rules = field(a, "b").access.as_ref().unwrap();
    assert!(closed(&rules.read.expr) && !closed(&rules.create.expr) && closed(&rules.update.expr));
    assert!(field(a, "id").access.is_none());
    let b = entity(&ir, "B");
    assert_eq!(b.access.create.text.as_deref(), Some("Caller.role == \"x\""));
    assert!(!closed(&b.access.update.expr) && closed(&b.access.delete.expr));
    assert!(entity(&ir, "C").access.read.is_statically_closed());
    assert!(entity(&ir, "D").access.read.is_statically_closed());
    assert!(!entity(&ir, "E").access.read.is_statically_closed());
}

#[test]
fn rules_are_lowered_to_typed_expressions() {
    let ir = types(
        "@access(!self.ok || self.kind == SOFT && self.n in self.list) type T { @pk id: Int  ok: Boolean  kind: Other  n: Int  list: Array<Int> } enum First { SOFT } enum Other { SOFT }",
    );
    let AccessExpr::Or(left, right) = &entity(&ir, "T").access.read.expr else { panic!("an or") };
    let AccessExpr::Not(inner) = &**left else { panic!("a not") };
    let AccessExpr::Compare { op: CompareOp::Eq, right: Operand::Literal(Literal::Bool(true)), .. } =
        &**inner
    else {
        panic!("a comparison with true")
    };
    let AccessExpr::And(enums, lists) = &**right else { panic!("an and") };
    let AccessExpr::Compare { right: Operand::EnumValue(id, label), .. } = &**enums else {
        panic!("an enum value")
    };
    assert_eq!((ir.enums[*id].name.as_str(), label.as_str()), ("Other", "SOFT"));
    assert!(matches!(**lists, AccessExpr::Compare { op: CompareOp::In, .. }));
}

#[test]
fn unmanaged_types_and_readonly_fields() {
    let ir = ir(
        "@postgres(managed = false) module M { type A { x: Int  @readonly y: Int } @table(managed = true) type B { @pk id: Int  @update z: Instant = now() } }",
    );
    assert!(!entity(&ir, "A").managed && entity(&ir, "A").primary_key.is_empty());
    let b = entity(&ir, "B");
    assert!(b.managed && column(b, "z").on_update);
    assert!(field(b, "z").readonly && field(b, "z").update);
}

#[test]
fn sources_of_context_values() {
    let ir = ir("context C { @jwt(\"a.b\") a: Int  @jwt b: Int  @header(\"X-B\") c: String  @cookie d: String  @env(\"E\") e: String  @clientIp f: String  @query g: Boolean  @query(\"op\") h: Set<Int>? }
        @postgres module M { type T { @pk id: Int } }");
    let context = ir.contexts.values().next().unwrap();
    let sources: Vec<ContextSource> = context.fields.values().map(|field| field.source.clone()).collect();
    let text = str::to_owned;
    assert_eq!(
        sources,
        [
            ContextSource::Jwt(text("a.b")),
            ContextSource::Jwt(text("b")),
            ContextSource::Header(text("X-B")),
            ContextSource::Cookie(text("d")),
            ContextSource::Env(text("E")),
            ContextSource::ClientIp,
            ContextSource::Query(text("g")),
            ContextSource::Query(text("op")),
        ]
    );
    let last = context.fields.values().last().unwrap().ty;
    assert!(last.list && last.optional);
}

#[test]
fn imported_modules_follow_in_order_and_paths_are_relative() {
    let compiled = compile(&SourceSet::from_texts([
        ("src/index.exo", "import \"a\"\nimport \"sub\"\n@postgres module Root { type R { @pk id: Int } }"),
        ("src/a.exo", "//! dropped\nimport \"sub/deep.exo\"\n@postgres module A { type T { @pk id: Int } }"),
        ("src/sub/index.exo", "@deno(\"code/x.ts\") module Sub { @access(true) query q(): Int }"),
        (
            "src/sub/deep.exo",
            "import \"../index.exo\"\n@wasm(\"../m.wasm\") module Deep { @access(true) query w(): Int }",
        ),
    ]));
    let ir = compiled.ir.unwrap();
    let names: Vec<&str> = ir.modules.values().map(|module| module.name.as_str()).collect();
    assert_eq!(names, ["Root", "A", "Deep", "Sub"]);
    let json = serde_json::to_string(&ir.modules).unwrap();
    assert!(json.contains("\"src/sub/code/x.ts\"") && json.contains("\"src/m.wasm\""), "{json}");
    assert_eq!(ir.docs, None);
}
