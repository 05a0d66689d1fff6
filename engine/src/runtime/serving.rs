//! What answers requests: one revision of the model, its schema, a cache of documents, a pool.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use studio_events::Revision;
use studio_model::graphql::Schema;
use studio_model::ir::{Ir, IrHash};
use studio_postgres::Pool;
use studio_query::Document;
use studio_query::error::RequestError;

use crate::derived::Derived;

/// Documents per generation of the cache; two generations are kept.
const DOCUMENTS: usize = 500;
/// Longer documents are parsed each time, so that the cache stays small.
const MAX_CACHED: usize = 64 * 1024;

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
    documents: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Arc<str>, Arc<Document>>,
    old: HashMap<Arc<str>, Arc<Document>>,
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
            documents: Mutex::default(),
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
            documents: Mutex::default(),
        }
    }

    /// The parsed form of a document. Only documents that parse are kept.
    pub fn document(&self, text: &str) -> Result<(Arc<Document>, Cached), RequestError> {
        if let Some(document) = self.lookup(text) {
            return Ok((document, Cached::Hit));
        }
        let document = Arc::new(Document::parse(text)?);
        if text.len() <= MAX_CACHED {
            let mut documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
            if documents.young.len() >= DOCUMENTS {
                documents.old = std::mem::take(&mut documents.young);
            }
            documents.young.insert(text.into(), Arc::clone(&document));
        }
        Ok((document, Cached::Miss))
    }

    fn lookup(&self, text: &str) -> Option<Arc<Document>> {
        let mut documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(document) = documents.young.get(text) {
            return Some(Arc::clone(document));
        }
        // Still in use: it survives into the next generation.
        let (text, document) = documents.old.remove_entry(text)?;
        documents.young.insert(text, Arc::clone(&document));
        Some(document)
    }
}
