//! What answers requests: one revision of the model, its schema, a cache of documents and plans, a pool.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use studio_events::Revision;
use studio_model::graphql::{Schema, SchemaOptions};
use studio_model::ir::{Ir, IrHash};
use studio_postgres::{Pace, Pool};
use studio_query::Document;
use studio_query::error::RequestError;
use studio_query::plan::Template;
use studio_query::rpc::Methods;

use super::modules::{Chain, Modules};
use crate::derived::Derived;

/// Documents per generation of the cache; two generations are kept.
const DOCUMENTS: usize = 500;
/// Longer documents are parsed each time, so that the cache stays small.
const MAX_CACHED: usize = 64 * 1024;

/// Plans kept per document.
const TEMPLATES: usize = 8;
/// A document whose plans were not used this often before this many were made stops making them: its shape changes
/// with each request.
const PATIENCE: u32 = 64;

/// One served revision. Swapped as a whole.
#[derive(Debug)]
pub struct Serving {
    /// Revision of the build.
    pub revision: Revision,
    /// Hash of its meaning.
    pub hash: IrHash,
    /// The model.
    pub ir: Arc<Ir>,
    /// Its GraphQL schema.
    pub schema: Arc<Schema>,
    /// Connections.
    pub pool: Pool,
    /// Code modules and interceptors.
    pub modules: Modules,
    documents: Mutex<Generations>,
    rpc: OnceLock<RpcSurface>,
}

/// What the JSON-RPC surface of a revision needs; made when it is first used.
#[derive(Debug)]
pub struct RpcSurface {
    /// The schema with mutations, whatever GraphQL clients are allowed.
    pub schema: Arc<Schema>,
    /// Its methods.
    pub methods: Methods,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Arc<str>, Arc<Known>>,
    old: HashMap<Arc<str>, Arc<Known>>,
}

/// A document that was seen before, and plans for it.
#[derive(Debug)]
pub struct Known {
    /// Its parsed form.
    pub document: Arc<Document>,
    /// How long its statement takes.
    pub pace: Pace,
    /// The newest first.
    templates: RwLock<Arc<Vec<Arc<Learned>>>>,
    made: AtomicU32,
    used: AtomicU32,
}

/// A plan that is used again, and the code around it.
#[derive(Debug)]
pub struct Learned {
    /// The plan.
    pub template: Template,
    /// Interceptors of each root field; `None` when no code concerns the operation.
    pub(super) chains: Option<Vec<Chain>>,
}

impl Known {
    fn new(document: Document) -> Self {
        let (made, used) = (AtomicU32::new(0), AtomicU32::new(0));
        Self { document: Arc::new(document), pace: Pace::default(), templates: RwLock::default(), made, used }
    }

    /// A plan that fits, with what it needs to be run.
    pub fn find<T>(&self, fits: impl Fn(&Learned) -> Option<T>) -> Option<(Arc<Learned>, T)> {
        let templates = Arc::clone(&self.templates.read().unwrap_or_else(PoisonError::into_inner));
        let found = templates.iter().find_map(|learned| Some((Arc::clone(learned), fits(learned)?)));
        if found.is_some() && self.used.load(Ordering::Relaxed) < PATIENCE {
            self.used.fetch_add(1, Ordering::Relaxed);
        }
        found
    }

    /// Keeps the template of a request that fitted no other one. It is only made while there is hope that it will
    /// be used.
    pub fn learn(&self, make: impl FnOnce() -> Option<Learned>) {
        let made = self.made.load(Ordering::Relaxed);
        if made >= PATIENCE && self.used.load(Ordering::Relaxed) < PATIENCE {
            return;
        }
        self.made.store(made.saturating_add(1), Ordering::Relaxed);
        let Some(learned) = make() else { return };
        let mut templates = self.templates.write().unwrap_or_else(PoisonError::into_inner);
        let older = templates.iter().take(TEMPLATES - 1).cloned();
        *templates = Arc::new(std::iter::once(Arc::new(learned)).chain(older).collect());
    }
}

/// Whether a document was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cached {
    /// From the cache.
    Hit,
    /// Parsed now.
    Miss,
}

impl Serving {
    /// Serves a derived model on a pool.
    pub fn new(revision: Revision, derived: &Derived, pool: Pool) -> Self {
        Self {
            revision,
            hash: derived.hash,
            ir: Arc::clone(&derived.ir),
            schema: Arc::clone(&derived.schema),
            pool,
            modules: Modules::new(&derived.ir, &derived.scripts),
            documents: Mutex::default(),
            rpc: OnceLock::new(),
        }
    }

    /// The same model on other connections.
    pub fn with_pool(&self, pool: Pool) -> Self {
        Self {
            revision: self.revision,
            hash: self.hash,
            ir: Arc::clone(&self.ir),
            schema: Arc::clone(&self.schema),
            pool,
            modules: self.modules.clone(),
            documents: Mutex::default(),
            rpc: OnceLock::new(),
        }
    }

    /// The JSON-RPC surface.
    pub fn rpc(&self) -> &RpcSurface {
        self.rpc.get_or_init(|| {
            let schema = if self.schema.options().mutations {
                Arc::clone(&self.schema)
            } else {
                Arc::new(Schema::new(
                    Arc::clone(&self.ir),
                    SchemaOptions { mutations: true, ..SchemaOptions::default() },
                ))
            };
            RpcSurface { methods: Methods::new(&schema), schema }
        })
    }

    /// The parsed form of a document. Only documents that parse are kept.
    pub fn document(&self, text: &str) -> Result<(Arc<Document>, Cached), RequestError> {
        self.known(text).map(|(known, cached)| (Arc::clone(&known.document), cached))
    }

    /// A document with its plans.
    pub fn known(&self, text: &str) -> Result<(Arc<Known>, Cached), RequestError> {
        if let Some(known) = self.lookup(text) {
            return Ok((known, Cached::Hit));
        }
        let known = Arc::new(Known::new(Document::parse(text)?));
        if text.len() <= MAX_CACHED {
            let mut documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
            if documents.young.len() >= DOCUMENTS {
                documents.old = std::mem::take(&mut documents.young);
            }
            documents.young.insert(text.into(), Arc::clone(&known));
        }
        Ok((known, Cached::Miss))
    }

    fn lookup(&self, text: &str) -> Option<Arc<Known>> {
        let mut documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = documents.young.get(text) {
            return Some(Arc::clone(known));
        }
        // Still in use: it survives into the next generation.
        let (text, known) = documents.old.remove_entry(text)?;
        documents.young.insert(text, Arc::clone(&known));
        Some(known)
    }
}
