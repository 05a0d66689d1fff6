//! The body of a request (graphql-and-sql 2.1).

use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// What a client sends. Unknown members are ignored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Payload {
    /// The document.
    pub query: Option<String>,
    /// Values of the variables.
    pub variables: Option<Map<String, Json>>,
    /// Which operation of the document to run.
    pub operation_name: Option<String>,
    /// `extensions.persistedQuery.sha256Hash`: the document by its hash.
    pub hash: Option<String>,
}

/// The body is not a JSON object, or a member has the wrong type: HTTP 400 with an empty body.
#[derive(Debug, thiserror::Error)]
#[error("the request body is not usable: {0}")]
pub struct BadPayload(String);

#[derive(Deserialize)]
struct Body {
    query: Option<String>,
    variables: Option<Map<String, Json>>,
    #[serde(rename = "operationName")]
    operation_name: Option<String>,
    extensions: Option<Map<String, Json>>,
}

impl Payload {
    /// A request for a document, without variables.
    pub fn of_query(query: impl Into<String>) -> Self {
        Self { query: Some(query.into()), ..Self::default() }
    }

    /// Reads a request body.
    ///
    /// # Errors
    ///
    /// [`BadPayload`] where the contract answers with status 400.
    pub fn from_slice(body: &[u8]) -> Result<Self, BadPayload> {
        // Derived code would also take an array for the members in order.
        let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
        if first != Some(&b'{') {
            return Err(BadPayload("a JSON object is expected".into()));
        }
        let Body { query, variables, operation_name, extensions } =
            serde_json::from_slice(body).map_err(|error| BadPayload(error.to_string()))?;
        let hash = extensions.map(hash).transpose()?.flatten();
        Ok(Self { query, variables, operation_name, hash })
    }
}

fn hash(mut extensions: Map<String, Json>) -> Result<Option<String>, BadPayload> {
    let mut persisted = match extensions.remove("persistedQuery") {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::Object(persisted)) => persisted,
        Some(_) => return Err(BadPayload("`extensions.persistedQuery` has to be an object".into())),
    };
    match persisted.remove("sha256Hash") {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(hash)) => Ok(Some(hash)),
        Some(_) => Err(BadPayload("`extensions.persistedQuery.sha256Hash` has to be a string".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_all_members_and_ignores_others() {
        let body = br#" {"query": "{a}", "variables": {"n": 12345678901234567890123}, "operationName": null,
            "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "ab"}, "x": 1}, "other": []}"#;
        let payload = Payload::from_slice(body).expect("a good body");
        assert_eq!(payload.query.as_deref(), Some("{a}"));
        assert_eq!(payload.hash.as_deref(), Some("ab"));
        assert_eq!(payload.operation_name, None);
        let variables = payload.variables.expect("variables");
        assert_eq!(variables["n"].to_string(), "12345678901234567890123");
    }

    #[test]
    fn nothing_is_a_good_body_too() {
        assert_eq!(Payload::from_slice(b"{}").expect("a good body"), Payload::default());
        let nulls = br#"{"query": null, "variables": null, "extensions": null}"#;
        assert_eq!(Payload::from_slice(nulls).expect("a good body"), Payload::default());
    }

    #[test]
    fn refuses_what_the_contract_answers_with_400() {
        for body in [
            "",
            "nonsense",
            "[]",
            r#"["{a}", null, null, null]"#,
            r#"[{"query": "{a}"}]"#,
            r#""{a}""#,
            r#"{"query": 1}"#,
            r#"{"query": "{a}", "variables": []}"#,
            r#"{"query": "{a}", "variables": "x"}"#,
            r#"{"query": "{a}", "operationName": 1}"#,
            r#"{"query": "{a}", "extensions": 1}"#,
            r#"{"query": "{a}", "extensions": {"persistedQuery": 1}}"#,
            r#"{"query": "{a}", "extensions": {"persistedQuery": {"sha256Hash": 1}}}"#,
            r#"{"query": "{a}"} trailing"#,
        ] {
            assert!(Payload::from_slice(body.as_bytes()).is_err(), "{body}");
        }
    }
}
