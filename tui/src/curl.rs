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
    fn quotes_cannot_break_out() {
        assert_eq!(quote("it's"), r"'it'\''s'");
    }
}
