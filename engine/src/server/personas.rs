//! Personas: named claim sets the studio signs tokens for. The secret never leaves this process.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};
use studio_events::{EventKind, Persona};

use crate::bus::Bus;
use crate::config::PersonaConfig;
use crate::runtime::auth::{TOKEN_SECONDS, sign};

/// The personas of a project and the active one.
#[derive(Debug)]
pub struct PersonaBook {
    secret: Option<Secret>,
    bus: Bus,
    inner: Mutex<Inner>,
}

struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[derive(Debug, Default)]
struct Inner {
    personas: BTreeMap<String, PersonaConfig>,
    active: Option<String>,
}

impl PersonaBook {
    /// A book that signs with this secret; without one (an issuer verifies tokens) nothing can be signed.
    pub fn new(secret: Option<String>, bus: Bus) -> Self {
        Self { secret: secret.map(Secret), bus, inner: Mutex::new(Inner::default()) }
    }

    /// Replaces the personas; the active one stays when it still exists.
    pub fn replace(&self, personas: BTreeMap<String, PersonaConfig>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.active = inner.active.take().filter(|name| personas.contains_key(name));
        inner.personas = personas;
        self.publish(&inner);
    }

    /// Chooses a persona, or nobody. `false`: there is no such persona.
    pub fn choose(&self, name: Option<&str>) -> bool {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if name.is_some_and(|name| !inner.personas.contains_key(name)) {
            return false;
        }
        inner.active = name.map(str::to_owned);
        self.publish(&inner);
        true
    }

    fn publish(&self, inner: &Inner) {
        let personas = inner
            .personas
            .iter()
            .map(|(name, persona)| Persona {
                name: name.clone(),
                claims: serde_json::to_string(&persona.claims).unwrap_or_default(),
            })
            .collect();
        self.bus.send(EventKind::Personas { personas, active: inner.active.clone() });
    }

    /// What the playground shows.
    pub fn overview(&self) -> Value {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let personas: Vec<_> = inner
            .personas
            .iter()
            .map(|(name, persona)| json!({ "name": name, "claims": persona.claims }))
            .collect();
        json!({ "active": inner.active, "personas": personas, "canSign": self.secret.is_some() })
    }

    /// The claims of a persona.
    pub fn claims(&self, name: &str) -> Option<Map<String, Value>> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.personas.get(name).map(|persona| persona.claims.clone().into_iter().collect())
    }

    /// A token for the active persona with its life in seconds; `None` for nobody.
    pub fn token(&self) -> Result<Option<(String, u64)>, String> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(persona) = inner.active.as_ref().and_then(|name| inner.personas.get(name)) else {
            return Ok(None);
        };
        let claims = persona.claims.clone().into_iter().collect();
        self.sign(&claims).map(|token| Some((token, TOKEN_SECONDS)))
    }

    /// A token for these claims.
    pub fn sign(&self, claims: &Map<String, Value>) -> Result<String, String> {
        let Secret(secret) = self
            .secret
            .as_ref()
            .ok_or("tokens are verified by an issuer (EXO_OIDC_URL), so the studio cannot sign them")?;
        sign(secret, claims, TOKEN_SECONDS).map_err(|error| error.to_string())
    }
}
