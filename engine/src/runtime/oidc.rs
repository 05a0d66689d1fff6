//! Keys of an OpenID Connect issuer (developer-experience 3.1): discovery, key set, rotation.
//!
//! Nothing is fetched before the first token arrives, so the server starts without a network.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;
use studio_query::access::ContextError;

use super::auth::context_error;

/// A key set is fetched again after this time.
const MAX_AGE: Duration = Duration::from_secs(3600);
/// An unknown key id triggers a fetch at most this often.
const MIN_INTERVAL: Duration = Duration::from_secs(10);
/// Limit of one request to the issuer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The key set of one issuer.
#[derive(Debug)]
pub struct OidcKeys {
    issuer: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    keys: Option<JwkSet>,
    fetched: Option<Instant>,
    failure: Option<String>,
}

impl OidcKeys {
    /// Keys of the issuer at this URL.
    pub fn new(url: &str) -> Self {
        // Fails only when a provider is set already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { issuer: url.trim_end_matches('/').to_owned(), state: Mutex::new(State::default()) }
    }

    /// Fetches the key set when it is missing, old, or lacks the key of this token.
    pub async fn prepare(&self, token: &str) {
        let Some(id) = decode_header(token).ok().and_then(|header| header.kid) else { return };
        if !self.wants_fetch(&id) {
            return;
        }
        let fetched = fetch(&self.issuer).await;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match fetched {
            Ok(keys) => {
                state.keys = Some(keys);
                state.failure = None;
            }
            // The old keys stay: an issuer that is down must not lock everybody out.
            Err(failure) => state.failure = Some(failure),
        }
    }

    fn wants_fetch(&self, id: &str) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let age = state.fetched.map(|at| at.elapsed());
        let known = state.keys.as_ref().is_some_and(|keys| keys.find(id).is_some());
        let wanted = match age {
            None => true,
            Some(age) => age > MAX_AGE || (!known && age > MIN_INTERVAL),
        };
        if wanted {
            state.fetched = Some(Instant::now());
        }
        wanted
    }

    /// The claims of a token signed by the issuer.
    pub fn verify(&self, token: &str) -> Result<Value, ContextError> {
        let header = decode_header(token).map_err(|error| context_error(&error))?;
        let id = header.kid.ok_or_else(|| invalid("the token names no key"))?;
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let key =
            state.keys.as_ref().and_then(|keys| keys.find(&id)).ok_or_else(|| match &state.failure {
                Some(failure) => {
                    ContextError::InvalidToken(format!("the issuer's keys cannot be read: {failure}"))
                }
                None => invalid("the issuer does not know the key of the token"),
            })?;
        let mut validation = Validation::new(algorithm(key)?);
        validation.set_issuer(&[self.issuer.clone(), format!("{}/", self.issuer)]);
        validation.validate_aud = false;
        let decoding = DecodingKey::from_jwk(key).map_err(|error| context_error(&error))?;
        decode::<Value>(token, &decoding, &validation)
            .map(|data| data.claims)
            .map_err(|error| context_error(&error))
    }
}

fn invalid(message: &str) -> ContextError {
    ContextError::InvalidToken(message.to_owned())
}

/// The algorithm comes from the key, never from the token. Symmetric keys of a public set are refused.
fn algorithm(key: &Jwk) -> Result<Algorithm, ContextError> {
    if let Some(named) = key.common.key_algorithm {
        let algorithm: Algorithm =
            named.to_string().parse().map_err(|_| invalid("the key's algorithm is not for signatures"))?;
        return match algorithm {
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => {
                Err(invalid("the issuer publishes a symmetric key"))
            }
            other => Ok(other),
        };
    }
    match &key.algorithm {
        AlgorithmParameters::RSA(_) => Ok(Algorithm::RS256),
        AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
            EllipticCurve::P384 => Ok(Algorithm::ES384),
            _ => Ok(Algorithm::ES256),
        },
        AlgorithmParameters::OctetKeyPair(_) => Ok(Algorithm::EdDSA),
        _ => Err(invalid("the issuer publishes a symmetric key")),
    }
}

async fn fetch(issuer: &str) -> Result<JwkSet, String> {
    let client = reqwest::Client::builder().timeout(TIMEOUT).build().map_err(|error| error.to_string())?;
    let get = async |url: &str| -> Result<Vec<u8>, String> {
        let reply = client.get(url).send().await.map_err(|error| error.to_string())?;
        let reply = reply.error_for_status().map_err(|error| error.to_string())?;
        Ok(reply.bytes().await.map_err(|error| error.to_string())?.to_vec())
    };
    let discovery = get(&format!("{issuer}/.well-known/openid-configuration")).await?;
    let discovery: Value = serde_json::from_slice(&discovery).map_err(|error| error.to_string())?;
    let url = discovery
        .get("jwks_uri")
        .and_then(Value::as_str)
        .ok_or("the discovery document has no `jwks_uri`")?;
    serde_json::from_slice(&get(url).await?).map_err(|error| error.to_string())
}
