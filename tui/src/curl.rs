//! A request as a curl line.

use studio_events::Trace;

/// The line; `token` is sent as a bearer token.
pub(crate) fn line(url: &str, trace: &Trace, token: Option<&str>) -> String {
    let mut body = serde_json::Map::new();
    body.insert("query".to_owned(), trace.document.to_string().into());
    if let Ok(variables) = serde_json::from_str::<serde_json::Value>(&trace.variables) {
        body.insert("variables".to_owned(), variables);
    }
    let body = serde_json::Value::Object(body).to_string();
    let mut out = format!("curl -sS {} -H 'content-type: application/json'", quote(url));
    if let Some(token) = token {
        out.push_str(&format!(" -H {}", quote(&format!("authorization: Bearer {token}"))));
    }
    out.push_str(&format!(" --data-raw {}", quote(&body)));
    out
}

/// Quoted for a POSIX shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_holds_document_variables_and_token() {
        let trace = Trace {
            id: studio_events::TraceId(1),
            revision: studio_events::Revision(1),
            operation: "Me".into(),
            document: "query Me($n: String) {\n  me(name: $n) { id }\n}".into(),
            variables: r#"{"n":"O'Hara"}"#.into(),
            status: 200,
            total: studio_events::Micros(1),
            ..Trace::default()
        };
        let expected = concat!(
            "curl -sS 'http://localhost:9876/graphql' -H 'content-type: application/json'",
            " -H 'authorization: Bearer a.b.c'",
            r#" --data-raw '{"query":"query Me($n: String) {\n  me(name: $n) { id }\n}","variables":{"n":"O'\''Hara"}}'"#,
        );
        assert_eq!(line("http://localhost:9876/graphql", &trace, Some("a.b.c")), expected);
        assert!(!line("http://localhost:9876/graphql", &trace, None).contains("authorization"));
    }

    #[test]
    fn quotes_cannot_break_out() {
        assert_eq!(quote("it's"), r"'it'\''s'");
    }
}
