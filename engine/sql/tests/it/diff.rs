//! Differences: the contract's script, classes, scope, answers, sentences.

use studio_sql::diff::{
    AnswerError, Answers, ColumnRename, Consent, DiffOptions, Migration, Scope, TableRename, check_answers,
    diff,
};
use studio_sql::risk::StepClass;
use studio_sql::schema::{
    Column, ColumnDefault, ColumnType, DatabaseSchema, EnumType, Function, IndexKind, Table,
};
use studio_sql::schema::{QualifiedName, VectorOps};
use studio_sql::verify::verify;

use crate::build::*;
use crate::random;

fn schema(tables: Vec<Table>) -> DatabaseSchema {
    DatabaseSchema { tables, ..DatabaseSchema::default() }
}

fn shelf(values: &[&str]) -> EnumType {
    EnumType { name: name_of("shelf"), values: values.iter().map(|&v| v.to_owned()).collect(), managed: true }
}

fn changes(old: &DatabaseSchema, new: &DatabaseSchema) -> Migration {
    diff(old, new, &DiffOptions::default())
}

fn script(old: &DatabaseSchema, new: &DatabaseSchema) -> Vec<String> {
    changes(old, new).script(false).statements().map(str::to_owned).collect()
}

fn answered(answers: Answers) -> DiffOptions {
    DiffOptions { answers, ..DiffOptions::default() }
}

#[test]
fn the_example_of_the_contract() {
    let old = schema(vec![table(
        "books",
        vec![serial_key("id"), required("title", ColumnType::Text), required("pages", ColumnType::Int)],
    )]);
    let mut new = schema(vec![table(
        "books",
        vec![
            serial_key("id"),
            optional("title", ColumnType::Text),
            with_default("shelf", enum_type("shelf"), quoted("Fiction")),
        ],
    )]);
    new.enums.push(shelf(&["Fiction", "Poetry"]));
    new.tables[0].indexes.push(index("book_title_idx", &["title"]));
    let migration = changes(&old, &new);
    assert_eq!(
        migration.script(false).text(),
        r#"CREATE TYPE "shelf" AS ENUM ('Fiction', 'Poetry');

ALTER TABLE "books" ALTER COLUMN "title" DROP NOT NULL;

-- ALTER TABLE "books" DROP COLUMN "pages";

ALTER TABLE "books" ADD "shelf" "shelf" NOT NULL DEFAULT 'Fiction';

CREATE INDEX "book_title_idx" ON "books" ("title");

"#
    );
    assert_eq!(migration.first_destructive_statement(), Some(r#"ALTER TABLE "books" DROP COLUMN "pages";"#));
    let refusal = migration.plan_all(false).expect_err("a destructive change");
    assert_eq!(
        refusal.to_string(),
        r#"Destructive change detected: ALTER TABLE "books" DROP COLUMN "pages";"#
    );
    let safe = migration.safe_statements();
    assert_eq!(safe.len(), 4, "{safe:?}");
    assert!(safe.iter().all(|statement| !statement.contains("DROP COLUMN")));
}

/// Every row of the table in 4.6: statements of the script and whether the step is destructive.
#[test]
fn every_kind_of_difference() {
    let base = || {
        let mut books = table(
            "books",
            vec![serial_key("id"), required("title", ColumnType::Text), optional("isbn", ColumnType::Text)],
        );
        books.uniques.push(unique("unique_constraint_book_isbn", &["isbn"]));
        books.indexes.push(index("book_title_idx", &["title"]));
        let mut schema = schema(vec![table("authors", vec![serial_key("id")]), books]);
        schema.enums.push(shelf(&["Fiction", "Poetry"]));
        schema
    };
    type Edit = Box<dyn Fn(&mut DatabaseSchema)>;
    let column = |name: &'static str, edit: fn(&mut Column)| -> Edit {
        Box::new(move |schema| {
            let column = schema.tables[1].columns.iter_mut().find(|c| c.name == name).expect("a column");
            edit(column);
        })
    };
    let edit = |edit: fn(&mut DatabaseSchema)| -> Edit { Box::new(edit) };
    let cases: Vec<(&str, Edit, &[&str])> = vec![
        (
            "missing table",
            edit(|s| {
                s.tables.pop();
            }),
            &[
                r#"-- ALTER TABLE "books" DROP CONSTRAINT "unique_constraint_book_isbn";"#,
                r#"-- DROP TABLE "books" CASCADE;"#,
            ],
        ),
        (
            "new required reference",
            edit(|s| {
                s.tables[1].columns.push(required("author_id", ColumnType::Int));
                s.tables[1].foreign_keys.push(foreign_key(
                    "books_author_fk",
                    "authors",
                    &[("author_id", "id")],
                ));
            }),
            &[
                r#"ALTER TABLE "books" ADD "author_id" INT NOT NULL;"#,
                r#"ALTER TABLE "books" ADD CONSTRAINT "books_author_fk" FOREIGN KEY ("author_id") REFERENCES "authors";"#,
            ],
        ),
        (
            "missing column with its unique constraint",
            edit(|s| {
                s.tables[1].columns.pop();
                s.tables[1].uniques.clear();
            }),
            &[
                r#"-- ALTER TABLE "books" DROP COLUMN "isbn";"#,
                r#"ALTER TABLE "books" DROP CONSTRAINT IF EXISTS "unique_constraint_book_isbn";"#,
            ],
        ),
        (
            "type changed",
            column("isbn", |c| c.ty = ColumnType::Uuid),
            &[
                r#"-- ALTER TABLE "books" DROP COLUMN "isbn";"#,
                r#"ALTER TABLE "books" ADD "isbn" uuid;"#,
                r#"ALTER TABLE "books" ADD CONSTRAINT "unique_constraint_book_isbn" UNIQUE ("isbn");"#,
            ],
        ),
        (
            "widened type, still printed as the contract says",
            column("id", |c| c.ty = ColumnType::BigInt),
            &[
                r#"-- ALTER TABLE "books" DROP COLUMN "id";"#,
                r#"ALTER TABLE "books" ADD "id" BIGSERIAL PRIMARY KEY;"#,
            ],
        ),
        (
            "optional to required",
            column("isbn", |c| c.nullable = false),
            &[r#"ALTER TABLE "books" ALTER COLUMN "isbn" SET NOT NULL;"#],
        ),
        (
            "required to optional, with a default that is not printed in the same run",
            column("title", |c| {
                c.nullable = true;
                c.default = Some(ColumnDefault::Quoted("x".to_owned()));
            }),
            &[r#"ALTER TABLE "books" ALTER COLUMN "title" DROP NOT NULL;"#],
        ),
        (
            "default added",
            column("title", |c| c.default = Some(ColumnDefault::Quoted("x".to_owned()))),
            &[r#"ALTER TABLE "books" ALTER COLUMN "title" SET DEFAULT 'x'::text;"#],
        ),
        (
            "columns of a unique constraint changed",
            edit(|s| s.tables[1].uniques[0].columns.push("title".to_owned())),
            &[
                r#"ALTER TABLE "books" DROP CONSTRAINT IF EXISTS "unique_constraint_book_isbn";"#,
                r#"ALTER TABLE "books" ADD CONSTRAINT "unique_constraint_book_isbn" UNIQUE ("isbn", "title");"#,
            ],
        ),
        (
            "renamed constraint and index",
            edit(|s| {
                s.tables[1].uniques[0].name = "other".to_owned();
                s.tables[1].indexes[0].name = "other".to_owned();
            }),
            &[],
        ),
        (
            "index over other columns",
            edit(|s| s.tables[1].indexes[0].columns = vec!["isbn".to_owned(), "title".to_owned()]),
            &[
                r#"DROP INDEX "book_title_idx";"#,
                r#"CREATE INDEX "book_title_idx" ON "books" ("isbn", "title");"#,
            ],
        ),
        (
            "enum gone",
            edit(|s| {
                s.enums.pop();
            }),
            &[r#"-- DROP TYPE "shelf" CASCADE;"#],
        ),
        (
            "enum value added",
            edit(|s| s.enums[0].values.insert(1, "it's".to_owned())),
            &[r#"ALTER TYPE "shelf" ADD VALUE 'it''s';"#],
        ),
        (
            "sequence and extension new",
            edit(|s| {
                s.sequences.push(name_of("tickets"));
                s.extensions.push("vector".to_owned());
            }),
            &[r#"CREATE EXTENSION IF NOT EXISTS "vector";"#, r#"CREATE SEQUENCE IF NOT EXISTS "tickets";"#],
        ),
        (
            "trigger new",
            edit(|s| {
                s.tables[1].triggers.push(trigger("books"));
                s.functions.push(Function {
                    name: "exograph_update_books".to_owned(),
                    body: "BEGIN END;".to_owned(),
                });
            }),
            &[
                "CREATE FUNCTION exograph_update_books() RETURNS TRIGGER AS $$ BEGIN END; $$ language 'plpgsql';",
                "CREATE TRIGGER exograph_on_update_books BEFORE UPDATE ON books FOR EACH ROW EXECUTE FUNCTION exograph_update_books();",
            ],
        ),
        ("no longer managed", edit(|s| s.tables[1].managed = false), &[]),
        (
            "new unmanaged table",
            edit(|s| s.tables.push(Table { managed: false, ..table("reports", vec![serial_key("id")]) })),
            &[],
        ),
    ];
    for (name, edit, expected) in cases {
        let (old, mut new) = (base(), base());
        edit(&mut new);
        assert_eq!(script(&old, &new), expected, "{name}");
    }
}

#[test]
fn things_that_go_the_other_way() {
    let mut old = schema(vec![table(
        "books",
        vec![serial_key("id"), with_default("n", ColumnType::Int, ColumnDefault::Number("1".into()))],
    )]);
    old.sequences.push(name_of("tickets"));
    old.extensions.push("vector".to_owned());
    old.tables[0].triggers.push(trigger("books"));
    old.functions.push(Function { name: "exograph_update_books".to_owned(), body: "BEGIN END;".to_owned() });
    let new = schema(vec![table("books", vec![serial_key("id"), required("n", ColumnType::Int)])]);
    assert_eq!(
        script(&old, &new),
        [
            r#"ALTER TABLE "books" ALTER COLUMN "n" DROP DEFAULT;"#,
            r#"DROP TRIGGER exograph_on_update_books on "books";"#,
            "DROP FUNCTION exograph_update_books;",
            r#"-- DROP SEQUENCE IF EXISTS "tickets";"#,
            r#"-- DROP EXTENSION IF EXISTS "vector";"#,
        ]
    );
    let mut other = old.clone();
    other.functions[0].body = "BEGIN RETURN NEW; END;".to_owned();
    assert_eq!(
        script(&old, &other),
        [
            "CREATE OR REPLACE FUNCTION exograph_update_books() RETURNS TRIGGER AS $$ BEGIN RETURN NEW; END; $$ language 'plpgsql';"
        ]
    );
}

#[test]
fn a_vector_of_another_size_brings_its_index_along() {
    let with_size = |size| {
        let mut docs = table("docs", vec![serial_key("id"), optional("vec", ColumnType::Vector(Some(size)))]);
        docs.indexes.push(index_of("doc_vec_idx", &["vec"], IndexKind::Hnsw(VectorOps::Cosine)));
        schema(vec![docs])
    };
    assert_eq!(
        script(&with_size(3), &with_size(4)),
        [
            r#"-- ALTER TABLE "docs" DROP COLUMN "vec";"#,
            r#"ALTER TABLE "docs" ADD "vec" Vector(4);"#,
            r#"CREATE INDEX "doc_vec_idx" ON "docs" USING hnsw ("vec" vector_cosine_ops);"#,
        ]
    );
}

#[test]
fn a_removed_enum_value_swaps_the_type_with_consent_only() {
    let with_values = |values: &[&str]| {
        let mut schema = schema(vec![table(
            "books",
            vec![serial_key("id"), with_default("s", enum_type("shelf"), quoted("a"))],
        )]);
        schema.enums.push(shelf(values));
        schema
    };
    let migration = changes(&with_values(&["a", "b"]), &with_values(&["a"]));
    assert!(migration.safe_plan().is_empty());
    assert_eq!(
        migration.script(true).statements().collect::<Vec<_>>(),
        [
            r#"ALTER TYPE "shelf" RENAME TO "shelf__old";"#,
            r#"CREATE TYPE "shelf" AS ENUM ('a');"#,
            r#"ALTER TABLE "books" ALTER COLUMN "s" DROP DEFAULT;"#,
            r#"ALTER TABLE "books" ALTER COLUMN "s" TYPE "shelf" USING "s"::text::"shelf";"#,
            r#"ALTER TABLE "books" ALTER COLUMN "s" SET DEFAULT 'a';"#,
            r#"DROP TYPE "shelf__old";"#,
        ]
    );
    assert!(migration.script(false).statements().all(|statement| statement.starts_with("-- ")));
}

#[test]
fn a_label_used_at_once_is_added_in_a_transaction_of_its_own() {
    let mut old = schema(vec![table("books", vec![serial_key("id")])]);
    old.enums.push(shelf(&["a"]));
    let mut new = schema(vec![table(
        "books",
        vec![serial_key("id"), with_default("s", enum_type("shelf"), quoted("b"))],
    )]);
    new.enums.push(shelf(&["a", "b"]));
    let plan = changes(&old, &new).safe_plan();
    assert_eq!(plan.transactions().len(), 2, "{plan:?}");
    new.tables[0].columns[1].default = Some(quoted("a"));
    assert_eq!(changes(&old, &new).safe_plan().transactions().len(), 1);
}

#[test]
fn only_the_models_schemas_are_compared_unless_told_otherwise() {
    let mut old = schema(vec![
        table("books", vec![serial_key("id")]),
        table("old_books", vec![serial_key("id")]),
        table("archive.audit", vec![serial_key("id")]),
    ]);
    old.schemas.push("archive".to_owned());
    let new = schema(vec![table("books", vec![serial_key("id")])]);
    let with_scope = |text: &str| {
        let options = DiffOptions { scope: Scope::parse(text), ..DiffOptions::default() };
        diff(&old, &new, &options).script(true).statements().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(script(&old, &new), [r#"-- DROP TABLE "old_books" CASCADE;"#]);
    assert_eq!(with_scope("public.book*"), Vec::<String>::new());
    assert_eq!(with_scope("archive.x*"), Vec::<String>::new());
    assert_eq!(
        with_scope("archive.*"),
        [r#"DROP TABLE "archive"."audit" CASCADE;"#, r#"DROP SCHEMA IF EXISTS "archive" CASCADE;"#]
    );
    let options = DiffOptions { scope: Scope::parse("archive"), ..DiffOptions::default() };
    assert_eq!(diff(&DatabaseSchema::default(), &new, &options).steps, [], "a new table out of scope");
}

#[test]
fn answers_decide_about_vanished_tables() {
    let writers = table("writers", vec![serial_key("id"), required("name", ColumnType::Text)]);
    let authors = table("authors", vec![serial_key("id"), optional("name", ColumnType::Text)]);
    let reports = table("old_reports", vec![required("x", ColumnType::Date)]);
    let mut audit = table("audit", vec![serial_key("id")]);
    audit.uniques.push(unique("u", &["id"]));
    let old = schema(vec![writers, reports, audit]);
    let new = schema(vec![authors]);

    let open = changes(&old, &new);
    assert_eq!(open.table_proposals.len(), 1);
    assert_eq!(
        (open.table_proposals[0].old.name.as_str(), open.table_proposals[0].new.name.as_str()),
        ("writers", "authors")
    );
    assert!(open.safe_plan().is_empty(), "the new table waits for the answer");

    let rename = TableRename { old_table: "writers".to_owned(), new_table: "authors".to_owned() };
    let mut answers = Answers {
        rename_table: vec![rename],
        delete_table: vec!["old_reports".to_owned()],
        defer_table: Vec::new(),
        ..Answers::NONE
    };
    let error = check_answers(&old, &new, &answered(answers.clone())).expect_err("audit is open");
    assert_eq!(error, AnswerError::Unanswered(name_of("audit")));
    answers.defer_table.push("public.audit".to_owned());
    assert_eq!(check_answers(&old, &new, &answered(answers.clone())), Ok(()));
    let migration = diff(&old, &new, &answered(answers.clone()));
    assert_eq!(
        migration.script(false).statements().collect::<Vec<_>>(),
        [
            r#"ALTER TABLE "writers" RENAME TO "authors";"#,
            r#"ALTER SEQUENCE "writers_id_seq" RENAME TO "authors_id_seq";"#,
            r#"ALTER TABLE "authors" ALTER COLUMN "name" DROP NOT NULL;"#,
            r#"DROP TABLE "old_reports" CASCADE;"#,
        ]
    );
    answers.rename_table[0].old_table = "nobody".to_owned();
    let error = check_answers(&old, &new, &answered(answers)).expect_err("no such table");
    assert_eq!(error, AnswerError::NotVanished("nobody".to_owned()));
}

#[test]
fn a_renamed_column_is_a_question_until_it_is_answered() {
    let mut old = schema(vec![table("books", vec![serial_key("id"), required("title", ColumnType::Text)])]);
    old.tables[0].uniques.push(unique("unique_constraint_book_title", &["title"]));
    let mut new = schema(vec![table(
        "books",
        vec![serial_key("id"), optional("heading", ColumnType::Text), optional("pages", ColumnType::Int)],
    )]);
    new.tables[0].uniques.push(unique("unique_constraint_book_heading", &["heading"]));
    let open = changes(&old, &new);
    assert_eq!(open.column_proposals.len(), 1);
    assert_eq!(open.safe_statements(), [r#"ALTER TABLE "books" ADD "pages" INT;"#]);
    let classes: Vec<StepClass> = open.steps.iter().map(|step| step.class).collect();
    assert!(
        classes.contains(&StepClass::Question) && classes.contains(&StepClass::Destructive),
        "{classes:?}"
    );

    let rename = ColumnRename {
        table: "books".to_owned(),
        old_column: "title".to_owned(),
        new_column: "heading".to_owned(),
    };
    let options = answered(Answers { rename_column: vec![rename], ..Answers::NONE });
    let migration = diff(&old, &new, &options);
    assert!(migration.is_additive());
    assert_eq!(
        migration.safe_statements(),
        [
            r#"ALTER TABLE "books" RENAME COLUMN "title" TO "heading";"#,
            r#"ALTER TABLE "books" ALTER COLUMN "heading" DROP NOT NULL;"#,
            r#"ALTER TABLE "books" ADD "pages" INT;"#,
        ]
    );
}

#[test]
fn what_leans_on_a_held_back_step_is_held_back() {
    let old = schema(vec![table("authors", vec![serial_key("id")]), table("books", vec![serial_key("id")])]);
    let mut new = old.clone();
    new.tables[1].columns.push(required("author_id", ColumnType::Int));
    new.tables[1].foreign_keys.push(foreign_key("books_author_fk", "authors", &[("author_id", "id")]));
    new.tables[1].indexes.push(index("book_author_idx", &["author_id"]));
    new.tables.push(table("loans", vec![serial_key("id")]));
    let mut migration = changes(&old, &new);
    assert_eq!(migration.safe_plan().statements().count(), 1, "only the new table");
    let column = migration.steps.iter().position(|step| step.class == StepClass::NeedsValue).expect("a step");
    let probes = migration.probes();
    assert_eq!(probes[0].sql, r#"SELECT NOT EXISTS (SELECT 1 FROM "books")"#);
    let chosen = migration.consent(&Consent::Steps([column].into()));
    assert_eq!(chosen.steps().len(), 4, "the column, its reference, its index and the new table");
    migration.settle(probes.iter().map(|probe| (probe.step, true)));
    assert!(migration.is_additive());
    assert_eq!(migration.safe_plan().statements().count(), 4);
}

#[test]
fn verification_speaks_in_sentences() {
    let mut live = schema(vec![table(
        "books",
        vec![
            serial_key("id"),
            required("extra", ColumnType::Text),
            optional("fine", ColumnType::Text),
            optional("title", ColumnType::Text),
            required("pages", ColumnType::Int),
            with_default("n", ColumnType::Int, ColumnDefault::Number("1".to_owned())),
        ],
    )]);
    live.tables[0].uniques.push(unique("u", &["pages"]));
    let mut wanted = schema(vec![
        table(
            "books",
            vec![
                serial_key("id"),
                required("title", ColumnType::Text),
                optional("pages", ColumnType::Int),
                required("n", ColumnType::Int),
                required("author_id", ColumnType::Int),
            ],
        ),
        table("fleet.authors", vec![serial_key("id")]),
    ]);
    wanted.schemas.push("fleet".to_owned());
    wanted.extensions.push("vector".to_owned());
    wanted.sequences.push(name_of("tickets"));
    wanted.enums.push(shelf(&["a"]));
    wanted.tables[0].uniques.push(unique("unique_constraint_book_key", &["n", "title"]));
    wanted.tables[0].foreign_keys.push(foreign_key("f", "fleet.authors", &[("author_id", "id")]));
    wanted.tables[0].indexes.push(index("book_title_idx", &["title"]));
    wanted.tables[0].triggers.push(trigger("books"));
    wanted.functions.push(Function { name: "exograph_update_books".to_owned(), body: "b".to_owned() });
    assert_eq!(
        verify(&live, &wanted, &DiffOptions::default()),
        [
            "The model requires the extension `vector`.",
            "The schema `fleet` exists in the model, but does not exist in the database.",
            "The sequence `tickets` exists in the model, but does not exist in the database.",
            "The enum `\"shelf\"` exists in the model, but does not exist in the database.",
            "The non-nullable column `extra` in the table `\"books\"` exists in the database table, but does not exist in the model.",
            "The model requires that the column `title` in table `\"books\"` is not nullable. All records in the database must have a non-null value for this column before migration.",
            "The model requires that the column `pages` in table `\"books\"` is nullable.",
            "The column `n` in table `\"books\"` is not set in the model.",
            "The column `author_id` in the table `\"books\"` exists in the model, but does not exist in the database table.",
            "Extra unique constaint `u` in table `\"books\"` found that is not require by the model.",
            "The model requires a unique constraint named `unique_constraint_book_key` for the following columns in table `\"books\"`: n, title",
            "The model requires a foreign key constraint in table `\"books\"` for the following columns: author_id",
            "The index `book_title_idx` in the table `\"books\"` exists in the model, but does not exist in the database table.",
            "The model requires a trigger named `exograph_on_update_books` on table `\"books\"`",
            "The table `\"fleet\".\"authors\"` exists in the model, but does not exist in the database.",
            "The model requires a function named `exograph_update_books`",
        ]
    );
}

/// A schema never differs from itself, every step is described, and no safe plan loses a value.
#[test]
fn random_pairs_never_lose_a_value_without_consent() {
    for seed in 0..400 {
        let (old, new) = (random::schema(seed * 2), random::schema(seed * 2 + 1));
        let options = DiffOptions { scope: Scope::All, ..DiffOptions::default() };
        assert!(diff(&old, &old, &options).is_empty(), "seed {seed}");
        let migration = diff(&old, &new, &options);
        let safe = migration.safe_plan();
        for step in safe.steps().iter().map(|index| &migration.steps[*index]) {
            assert_eq!(step.class, StepClass::Safe);
            assert!(step.applied.iter().all(|statement| !statement.destructive), "seed {seed}: {step:?}");
            assert!(step.needs.iter().all(|need| safe.steps().contains(need)), "seed {seed}: {step:?}");
        }
        for statement in safe.statements() {
            for word in ["DROP TABLE", "DROP COLUMN", "DROP TYPE", "DROP SCHEMA", "DROP SEQUENCE"] {
                assert!(!statement.contains(word), "seed {seed}: {statement}");
            }
        }
        let printed = migration.script(false);
        let destructive = |text: &str| !text.starts_with("-- ") && text.contains(" DROP COLUMN ");
        assert!(!printed.statements().any(destructive), "seed {seed}");
        assert!(migration.steps.iter().all(|step| !step.description.is_empty()));
    }
}

/// Foreign tables, whatever they use, stay untouched.
#[test]
fn unmanaged_tables_keep_what_they_use() {
    let mut old = schema(vec![table("views", vec![optional("s", enum_type("shelf"))])]);
    old.enums.push(shelf(&["a"]));
    old.sequences.push(QualifiedName::public("tickets"));
    let sequence = ColumnDefault::Sequence(QualifiedName::public("tickets"));
    old.tables[0].columns.push(with_default("n", ColumnType::Int, sequence));
    let mut new = old.clone();
    new.enums.clear();
    new.sequences.clear();
    new.tables[0].managed = false;
    new.tables[0].columns.clear();
    assert_eq!(script(&old, &new), Vec::<String>::new());
}
