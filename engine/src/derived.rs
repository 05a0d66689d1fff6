//! Everything that follows from a checked model: GraphQL schema, tables, statements. Derived once per meaning.

use std::sync::{Arc, OnceLock};

use studio_model::database::database_schema;
use studio_model::graphql::{self, EntityAction, Extensions, Meaning, Schema, SchemaOptions};
use studio_model::ir::{Ir, IrHash};
use studio_query::error::RequestError;
use studio_query::operation::RootCall;
use studio_query::rpc::{Methods, open_rpc};
use studio_query::{Document, Introspection, Limits, prepare};
use studio_sql::ddl::create_script;
use studio_sql::schema::DatabaseSchema;

use crate::config::ScriptsConfig;

/// Title and version of the OpenRPC description: it describes a model, which has neither.
pub(crate) const RPC_TITLE: &str = "JSON-RPC API";
pub(crate) const RPC_VERSION: &str = "1.0.0";

/// The standard introspection query, as graphql-js sends it.
const INTROSPECTION: &str = include_str!("introspection.graphql");

/// A model and what follows from it.
#[derive(Debug)]
pub struct Derived {
    /// The model.
    pub ir: Arc<Ir>,
    /// Hash of its meaning.
    pub hash: IrHash,
    /// The GraphQL schema.
    pub schema: Arc<Schema>,
    /// The tables it wants.
    pub tables: DatabaseSchema,
    /// Statements that create them.
    pub ddl: String,
    /// What its scripts may use.
    pub scripts: ScriptsConfig,
    sdl: OnceLock<String>,
}

impl Derived {
    /// Derives what is needed to serve; the SDL waits until somebody asks.
    pub fn new(ir: Arc<Ir>, allow_mutations: bool) -> Self {
        Self::extended(ir, allow_mutations, Extensions::default())
    }

    /// [`Derived::new`] with parts beyond the contract.
    pub fn extended(ir: Arc<Ir>, allow_mutations: bool, extensions: Extensions) -> Self {
        let tables = database_schema(&ir);
        let options = SchemaOptions { mutations: allow_mutations, extensions };
        Self {
            hash: ir.hash(),
            schema: Arc::new(Schema::new(Arc::clone(&ir), options)),
            ddl: create_script(&tables).text(),
            tables,
            ir,
            scripts: ScriptsConfig::default(),
            sdl: OnceLock::new(),
        }
    }

    /// The same with other limits and permissions for scripts.
    #[must_use]
    pub fn with_scripts(mut self, scripts: ScriptsConfig) -> Self {
        self.scripts = scripts;
        self
    }

    /// The GraphQL schema as SDL.
    pub fn sdl(&self) -> &str {
        self.sdl.get_or_init(|| graphql::sdl(&self.schema))
    }

    /// The answer to the standard introspection query: `{"data": …}`.
    ///
    /// # Errors
    /// None are expected: the query is our own.
    pub fn introspection_json(&self) -> Result<String, RequestError> {
        let document = Document::parse(INTROSPECTION)?;
        let limits = Limits { introspection: Introspection::Enabled, ..Limits::default() };
        let operation = prepare(&document, None, None, &self.schema, &limits)?;
        let mut members = Vec::new();
        for root in &operation.roots {
            if let RootCall::Json(json) = &root.call {
                members.push(format!("\"{}\":{json}", root.key));
            }
        }
        Ok(format!("{{\"data\":{{{}}}}}\n", members.join(",")))
    }

    /// The OpenRPC description of the JSON-RPC surface, as indented JSON.
    pub fn open_rpc(&self) -> String {
        let methods = Methods::new(&self.schema);
        let document = open_rpc(&self.schema, &methods, RPC_TITLE, RPC_VERSION);
        format!("{document:#}\n")
    }

    /// Names of the root query fields.
    pub fn queries(&self) -> Vec<String> {
        self.schema.query().iter().map(|(name, _)| name.to_owned()).collect()
    }

    /// Names of the root mutation fields.
    pub fn mutations(&self) -> Vec<String> {
        let fields = self.schema.mutation().into_iter().flat_map(|root| root.iter());
        fields.map(|(name, _)| name.to_owned()).collect()
    }

    /// The first collection query, in declaration order of the types, with its entity.
    pub fn first_collection(&self) -> Option<(&str, studio_model::ir::EntityId)> {
        let lists = self.schema.query().iter().filter_map(|(name, meaning)| match meaning {
            Meaning::Operation(entity, EntityAction::List) => Some((name, entity)),
            _ => None,
        });
        lists.min_by_key(|(_, entity)| *entity)
    }
}
