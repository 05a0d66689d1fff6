//! Token verification and signing (developer-experience 3.1).

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde_json::{Map, Value};
use studio_query::access::ContextError;

use crate::bus;
use crate::config::Authentication;
use crate::runtime::oidc::OidcKeys;

/// Seconds a token made by the studio lives.
pub const TOKEN_SECONDS: u64 = 600;

/// Verifies tokens.
pub enum Verifier {
    /// No tokens are expected; every claim is null.
    None,
    /// HS256.
    Secret(DecodingKey),
    /// Keys of an issuer.
    Oidc(OidcKeys),
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "Verifier::None",
            Self::Secret(_) => "Verifier::Secret",
            Self::Oidc(_) => "Verifier::Oidc",
        })
    }
}

impl Verifier {
    /// A verifier for the configured mode. An issuer's keys are fetched with the first token.
    pub fn new(authentication: &Authentication) -> Self {
        match authentication {
            Authentication::None => Self::None,
            Authentication::Secret(secret) => Self::Secret(DecodingKey::from_secret(secret.as_bytes())),
            Authentication::Oidc(url) => Self::Oidc(OidcKeys::new(url)),
        }
    }

    /// Makes sure that the key for this token is at hand; only an issuer needs the network for it.
    pub async fn prepare(&self, token: Option<&str>) {
        if let (Self::Oidc(keys), Some(token)) = (self, token) {
            Box::pin(keys.prepare(token)).await;
        }
    }

    /// The claims of a token; `Ok(None)` when no authentication is configured.
    pub fn verify(&self, token: &str) -> Result<Option<Value>, ContextError> {
        match self {
            Self::None => Ok(None),
            Self::Secret(key) => decode::<Value>(token, key, &Validation::new(Algorithm::HS256))
                .map(|data| Some(data.claims))
                .map_err(|error| context_error(&error)),
            Self::Oidc(keys) => keys.verify(token).map(Some),
        }
    }
}

pub(crate) fn context_error(error: &jsonwebtoken::errors::Error) -> ContextError {
    match error.kind() {
        ErrorKind::ExpiredSignature => ContextError::ExpiredToken,
        _ => ContextError::InvalidToken(error.to_string()),
    }
}

/// Signs claims with HS256, adding `iat` and `exp`; claims given win over neither.
pub fn sign(
    secret: &str,
    claims: &Map<String, Value>,
    seconds: u64,
) -> Result<String, jsonwebtoken::errors::Error> {
    let now = bus::now().0 / 1_000_000;
    let mut claims = claims.clone();
    claims.insert("iat".to_owned(), now.into());
    claims.insert("exp".to_owned(), (now + seconds).into());
    encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(secret.as_bytes()))
}

/// Signs claims as they are.
pub fn sign_raw(secret: &str, claims: &Map<String, Value>) -> Result<String, jsonwebtoken::errors::Error> {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(secret.as_bytes()))
}

/// A random secret: 32 bytes of the operating system, as hex.
pub fn random_secret() -> String {
    use std::fmt::Write as _;
    let mut bytes = [0_u8; 32];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .expect("invariant: the kernel hands out 32 random bytes at once");
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verifier(secret: &str) -> Verifier {
        Verifier::new(&Authentication::Secret(secret.to_owned()))
    }

    fn claims() -> Map<String, Value> {
        Map::from_iter([("sub".to_owned(), Value::from("anna"))])
    }

    #[test]
    fn accepts_its_own_tokens_only() {
        let token = sign("secret", &claims(), 60).unwrap();
        assert_eq!(verifier("secret").verify(&token).unwrap().unwrap()["sub"], "anna");
        assert!(matches!(verifier("other").verify(&token), Err(ContextError::InvalidToken(_))));
        assert!(matches!(verifier("secret").verify("x.y.z"), Err(ContextError::InvalidToken(_))));
    }

    #[test]
    fn an_expired_token_has_its_own_error() {
        let now = bus::now().0 / 1_000_000;
        let mut claims = claims();
        claims.insert("exp".to_owned(), (now - 600).into());
        let key = EncodingKey::from_secret(b"secret");
        let token = encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap();
        assert_eq!(verifier("secret").verify(&token), Err(ContextError::ExpiredToken));
    }

    #[test]
    fn other_algorithms_and_missing_expiry_are_refused() {
        let key = EncodingKey::from_secret(b"secret");
        let mut with_exp = claims();
        with_exp.insert("exp".to_owned(), (bus::now().0 / 1_000_000 + 60).into());
        let hs512 = encode(&Header::new(Algorithm::HS512), &with_exp, &key).unwrap();
        let no_exp = encode(&Header::new(Algorithm::HS256), &claims(), &key).unwrap();
        for token in [hs512, no_exp] {
            assert!(matches!(verifier("secret").verify(&token), Err(ContextError::InvalidToken(_))));
        }
    }

    #[test]
    fn random_secrets_differ() {
        assert_ne!(random_secret(), random_secret());
    }
}
