//! Trusted documents (graphql-and-sql 2.8): which document a request may run.

use std::borrow::Cow;
use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::document::Document;
use crate::error::RequestError;
use crate::payload::Payload;

/// The SHA-256 of a document, in lower-case hexadecimal.
pub fn document_hash(text: &str) -> String {
    use std::fmt::Write;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// The document a request may run. `trusted` are the documents of the project by hash, if it has a folder for
/// them; `enforce` is off for the playground, internal calls and where the server was told so.
///
/// # Errors
///
/// `Operation not allowed`: both or neither of text and hash, an unknown hash, a text that is not listed and asks
/// for more than introspection.
pub fn trusted_text<'a>(
    payload: &'a Payload,
    trusted: Option<&'a BTreeMap<String, String>>,
    enforce: bool,
) -> Result<Cow<'a, str>, RequestError> {
    match (&payload.query, &payload.hash) {
        (Some(text), None) => match trusted {
            Some(trusted)
                if enforce && !trusted.contains_key(&document_hash(text)) && !is_introspection(text) =>
            {
                Err(RequestError::not_allowed())
            }
            _ => Ok(Cow::Borrowed(text)),
        },
        (None, Some(hash)) => match trusted.and_then(|trusted| trusted.get(hash)) {
            Some(text) => Ok(Cow::Borrowed(text)),
            None => Err(RequestError::not_allowed()),
        },
        (Some(_), Some(_)) | (None, None) => Err(RequestError::not_allowed()),
    }
}

fn is_introspection(text: &str) -> bool {
    Document::parse(text).is_ok_and(|document| document.is_introspection_only())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{ books { id } }";

    fn by_hash(hash: &str) -> Payload {
        Payload { hash: Some(hash.into()), ..Payload::default() }
    }

    fn folder() -> BTreeMap<String, String> {
        BTreeMap::from([(document_hash(TEXT), TEXT.to_owned())])
    }

    #[test]
    fn hash_is_lower_case_sha_256() {
        assert_eq!(document_hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn listed_documents_run_by_text_and_by_hash() {
        let folder = folder();
        let payload = Payload::of_query(TEXT);
        assert_eq!(trusted_text(&payload, Some(&folder), true).as_deref(), Ok(TEXT));
        let payload = by_hash(&document_hash(TEXT));
        assert_eq!(trusted_text(&payload, Some(&folder), true).as_deref(), Ok(TEXT));
    }

    #[test]
    fn other_documents_run_only_without_folder_or_enforcement() {
        let payload = Payload::of_query("{ authors { id } }");
        assert!(trusted_text(&payload, None, true).is_ok());
        assert!(trusted_text(&payload, Some(&folder()), false).is_ok());
        assert_eq!(trusted_text(&payload, Some(&folder()), true), Err(RequestError::not_allowed()));
        assert_eq!(trusted_text(&payload, Some(&BTreeMap::new()), true), Err(RequestError::not_allowed()));
    }

    #[test]
    fn introspection_is_always_allowed() {
        for (text, allowed) in [
            ("{ __schema { description } __typename }", true),
            ("query A { ...f } fragment f on Query { t: __type(name: \"X\") { name } }", true),
            ("{ ... { __typename } }", true),
            ("{ __typename books { id } }", false),
            ("query A { __typename } mutation B { x }", false),
            ("{ ...f } fragment f on Query { ...f __typename }", true),
            ("{ ...f } fragment f on Query { ...g } fragment g on Query { ...f x }", false),
            ("{ not closed", false),
        ] {
            let payload = Payload::of_query(text);
            assert_eq!(trusted_text(&payload, Some(&folder()), true).is_ok(), allowed, "{text}");
        }
    }

    #[test]
    fn both_neither_and_unknown_hashes_are_refused_with_and_without_folder() {
        let folder = folder();
        let both = Payload { query: Some(TEXT.into()), ..by_hash(&document_hash(TEXT)) };
        for trusted in [None, Some(&folder)] {
            for enforce in [false, true] {
                for payload in [&both, &Payload::default(), &by_hash("00")] {
                    assert_eq!(trusted_text(payload, trusted, enforce), Err(RequestError::not_allowed()));
                }
            }
        }
    }
}
