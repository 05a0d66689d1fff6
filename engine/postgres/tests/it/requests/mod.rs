//! Requests through the whole pure pipeline (model, schema, validation, plan) against a real server. A suite is a
//! model and a list of requests; the answers are golden files under `snapshots/requests`.
//!
//! ```text
//! == model
//! …
//! == request {"role": "staff"}      claims of the caller; anonymous without
//! { books { title } }
//! ```

#[path = "../../../../query/tests/it/planner/random.rs"]
mod random;

use std::fmt::Write as _;
use std::sync::Arc;

use studio_model::graphql::{Schema, SchemaOptions};
use studio_model::{SourceSet, compile};
use studio_postgres::wire::TransactionMode;
use studio_postgres::{Cluster, ClusterKind, Connection, Rows, TextParam, Type};
use studio_query::access::{CallerContext, ContextError, NoLog};
use studio_query::plan::{FieldBody, ParamType, ParamValue, Plan, Statement, StepRole, plan};
use studio_query::{Document, Limits, prepare};

use crate::support::{config, connect};

/// A caller with the claims of its token.
#[derive(Debug)]
struct Claims(Option<serde_json::Value>);

impl CallerContext for Claims {
    fn claims(&self) -> Result<Option<&serde_json::Value>, ContextError> {
        match &self.0 {
            Some(serde_json::Value::String(expired)) if expired == "expired" => {
                Err(ContextError::ExpiredToken)
            }
            claims => Ok(claims.as_ref()),
        }
    }
    fn header(&self, _: &str) -> Option<&str> {
        None
    }
    fn cookie(&self, _: &str) -> Result<Option<&str>, ContextError> {
        Ok(None)
    }
    fn env(&self, _: &str) -> Option<String> {
        None
    }
    fn client_ip(&self) -> Option<String> {
        None
    }
    fn query(&self, operation: &str) -> Result<Option<serde_json::Value>, ContextError> {
        Err(ContextError::NeedsQuery(operation.into()))
    }
}

struct Project {
    schema: Schema,
    connection: Connection,
}

impl Project {
    async fn new(cluster: &Cluster, model: &str) -> Self {
        let compiled = compile(&SourceSet::from_root(model));
        let ir = Arc::new(compiled.ir.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics)));
        let connection = connect(cluster).await;
        let script = studio_sql::ddl::create_script(&studio_model::database::database_schema(&ir));
        connection.batch_execute(&script.text()).await.unwrap();
        Self { schema: Schema::new(ir, SchemaOptions::default()), connection }
    }

    async fn answer(&self, document: &str, claims: Option<serde_json::Value>) -> String {
        let limits = Limits { depth: 15, ..Limits::default() };
        let operation = Document::parse(document)
            .and_then(|document| prepare(&document, None, None, &self.schema, &limits));
        let operation = match operation {
            Ok(operation) => operation,
            Err(error) => return format!("invalid: {error}"),
        };
        let planned = plan(&operation, self.schema.ir(), &Claims(claims), &mut NoLog).unwrap();
        match self.execute(&planned).await {
            Ok(body) => body,
            Err(message) => format!("error: {message}"),
        }
    }

    async fn execute(&self, plan: &Plan) -> Result<String, String> {
        let mut transaction = self.connection.transaction(TransactionMode::default());
        let mut body = String::from("{");
        for field in &plan.fields {
            let json = match &field.body {
                FieldBody::Constant(json) => json.clone(),
                FieldBody::Code(_) => return Err("no code runs here".to_owned()),
                FieldBody::Error(error) => {
                    transaction.rollback().await.unwrap();
                    return Err(error.message.clone());
                }
                FieldBody::Steps(steps) => {
                    let mut earlier: Vec<Rows> = Vec::new();
                    for step in steps {
                        let result =
                            transaction.run(&step.statement.text, &bind(&step.statement, &earlier)).await;
                        let rows = match result {
                            Ok(rows) => rows,
                            Err(error) => {
                                transaction.rollback().await.unwrap();
                                return Err(format!("Operation failed ({error})"));
                            }
                        };
                        if step.role == StepRole::Check && rows.len() != 1 {
                            transaction.rollback().await.unwrap();
                            return Err("Not authorized (pre-check)".into());
                        }
                        earlier.push(rows);
                    }
                    let mut rows = earlier.pop().unwrap();
                    assert!(rows.len() <= 1, "more than one result row");
                    rows.pop().and_then(|mut row| row.pop()).flatten().unwrap_or_else(|| "null".into())
                }
            };
            if body.len() > 1 {
                body.push_str(", ");
            }
            write!(body, "\"{}\": {json}", field.key).unwrap();
        }
        transaction.commit().await.map_err(|error| error.to_string())?;
        body.push('}');
        Ok(body)
    }
}

fn bind<'p>(statement: &'p Statement, earlier: &'p [Rows]) -> Vec<TextParam<'p>> {
    statement
        .params
        .iter()
        .map(|param| {
            let value = match &param.value {
                ParamValue::Null => None,
                ParamValue::Hole(_) => unreachable!("these plans are no templates"),
                ParamValue::Text(text) => Some(text.as_str().into()),
                ParamValue::Cell { step, row, column } => {
                    earlier[*step][*row][*column].as_deref().map(Into::into)
                }
                ParamValue::Column { step, column } => {
                    let quoted = |cell: &Option<String>| match cell {
                        Some(cell) => format!("\"{}\"", cell.replace('\\', "\\\\").replace('"', "\\\"")),
                        None => "NULL".into(),
                    };
                    let cells: Vec<String> = earlier[*step].iter().map(|row| quoted(&row[*column])).collect();
                    Some(format!("{{{}}}", cells.join(",")).into())
                }
            };
            TextParam { ty: sql_type(&param.ty), value }
        })
        .collect()
}

fn sql_type(ty: &ParamType) -> Type {
    let by_element = |scalar: &Type| match *scalar {
        Type::BOOL => Type::BOOL_ARRAY,
        Type::INT2 => Type::INT2_ARRAY,
        Type::INT4 => Type::INT4_ARRAY,
        Type::INT8 => Type::INT8_ARRAY,
        Type::FLOAT4 => Type::FLOAT4_ARRAY,
        Type::FLOAT8 => Type::FLOAT8_ARRAY,
        Type::NUMERIC => Type::NUMERIC_ARRAY,
        Type::TEXT => Type::TEXT_ARRAY,
        Type::BYTEA => Type::BYTEA_ARRAY,
        Type::UUID => Type::UUID_ARRAY,
        Type::DATE => Type::DATE_ARRAY,
        Type::TIME => Type::TIME_ARRAY,
        Type::TIMESTAMP => Type::TIMESTAMP_ARRAY,
        Type::TIMESTAMPTZ => Type::TIMESTAMPTZ_ARRAY,
        Type::JSONB => Type::JSONB_ARRAY,
        ref other => panic!("no array of {other}"),
    };
    match ty {
        ParamType::Bool => Type::BOOL,
        ParamType::Int2 => Type::INT2,
        ParamType::Int4 => Type::INT4,
        ParamType::Int8 => Type::INT8,
        ParamType::Float4 => Type::FLOAT4,
        ParamType::Float8 => Type::FLOAT8,
        ParamType::Numeric => Type::NUMERIC,
        ParamType::Text => Type::TEXT,
        ParamType::Varchar => Type::VARCHAR,
        ParamType::Bytea => Type::BYTEA,
        ParamType::Uuid => Type::UUID,
        ParamType::Date => Type::DATE,
        ParamType::Time => Type::TIME,
        ParamType::Timestamp => Type::TIMESTAMP,
        ParamType::Timestamptz => Type::TIMESTAMPTZ,
        ParamType::Json => Type::JSON,
        ParamType::Jsonb => Type::JSONB,
        ParamType::Array(element) => by_element(&sql_type(element)),
    }
}

/// Runs a suite in a database of its own and compares with its golden file.
async fn suite(name: &str, text: &str) {
    let mut sections = text.split("\n== ").map(|section| section.trim_start_matches("== "));
    let model =
        sections.next().and_then(|section| section.strip_prefix("model\n")).expect("a model comes first");
    let cluster = Cluster::start(config(ClusterKind::ThrowAway), |_| {}).await.expect("a server");
    let project = Project::new(&cluster, model).await;
    let mut out = String::new();
    for section in sections {
        let (head, document) = section.split_once('\n').expect("a request has a document");
        let claims = head.strip_prefix("request").expect("a section is a request").trim();
        let parsed = (!claims.is_empty()).then(|| serde_json::from_str(claims).expect("claims are JSON"));
        let answer = project.answer(document, parsed).await;
        writeln!(out, "== {}\n{}\n--> {answer}\n", head, document.trim()).unwrap();
    }
    insta::with_settings!({
        snapshot_path => "../../../../../snapshots/requests",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, out);
    });
}

/// The server understands whatever is planned: statements may fail on data (missing rows, duplicates), never on
/// their syntax, names or types.
#[tokio::test]
async fn random_documents_are_understood() {
    let cluster = Cluster::start(config(ClusterKind::ThrowAway), |_| {}).await.expect("a server");
    let model = include_str!("../../../../query/tests/it/planner/random.exo");
    let project = Project::new(&cluster, model).await;
    let mut answered = 0;
    for seed in 0..600_u64 {
        let document = random::document(project.schema.ir(), seed.wrapping_mul(0x2545_F491_4F6C_DD1D), seed);
        let claims = serde_json::json!({"sub": 1, "role": "admin", "roles": ["lead"]});
        let answer = project.answer(&document, Some(claims)).await;
        assert!(!answer.starts_with("invalid"), "{document}\n{answer}");
        if let Some(failure) = answer.strip_prefix("error: Operation failed (ERROR ") {
            // Class 23: constraints.
            assert!(failure.starts_with("23"), "{document}\n{answer}");
        } else {
            answered += 1;
        }
    }
    assert!(answered > 300, "only {answered} of 600 got an answer");
}

macro_rules! suites {
    ($($name:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                suite(stringify!($name), include_str!(concat!(stringify!($name), ".txt"))).await;
            }
        )*
    };
}

suites!(relations, mutations, scalars, access);
