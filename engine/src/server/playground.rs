//! The playground page: GraphiQL from the embedded bundle, its configuration, nothing from elsewhere.

use bytes::Bytes;
use serde_json::json;

use super::http::{HttpReply, HttpRequest};
use crate::config::{Introspection, Settings, TokenSource};

/// Path of the studio's own interface for the page.
pub const STUDIO_PATH: &str = "/_studio";

/// Facts the page is told.
#[derive(Debug, Clone, Default)]
pub struct PageFacts {
    /// Project name.
    pub title: String,
    /// The query filled in first.
    pub initial_query: String,
    /// An event stream and personas exist (interactive studio).
    pub studio: bool,
    /// Revision that is served now.
    pub revision: Option<u32>,
}

/// Answers `GET <playground>…`; `rest` is the path below it, without leading slash.
pub fn answer(settings: &Settings, facts: &PageFacts, request: &HttpRequest, rest: &str) -> HttpReply {
    if settings.introspection == Introspection::Disabled {
        let text =
            "The playground is off because introspection is off. Set EXO_INTROSPECTION=true to use it.\n";
        return HttpReply::text(200, text);
    }
    if rest == "config.json" {
        return config(settings, facts);
    }
    let security = [
        ("x-content-type-options", "nosniff".into()),
        ("referrer-policy", "no-referrer".into()),
        ("content-security-policy", embedded_graphiql::CONTENT_SECURITY_POLICY.into()),
    ];
    if rest.is_empty() || rest == "index.html" {
        let mut reply = HttpReply {
            status: 200,
            headers: vec![
                ("content-type", "text/html; charset=utf-8".into()),
                ("cache-control", "no-cache".into()),
            ],
            body: embedded_graphiql::index_html(&settings.playground_path).into(),
            ..HttpReply::default()
        };
        reply.headers.extend(security);
        return reply;
    }
    let Some(asset) = embedded_graphiql::asset(rest) else { return HttpReply::empty(404) };
    let cache = if asset.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    if request.head.header("if-none-match") == Some(asset.etag) {
        return HttpReply::empty(304).with("etag", asset.etag).with("cache-control", cache);
    }
    let Some(variant) = asset.variant(request.head.header("accept-encoding")) else {
        return HttpReply::text(406, "This page is only available compressed (gzip or br).\n");
    };
    let mut reply = HttpReply {
        status: 200,
        headers: vec![
            ("content-type", asset.content_type.into()),
            ("cache-control", cache.into()),
            ("etag", asset.etag.into()),
            ("vary", "Accept-Encoding".into()),
        ],
        body: Bytes::from_static(variant.bytes),
        ..HttpReply::default()
    };
    reply.headers.extend(security);
    if let Some(encoding) = variant.encoding.header() {
        reply = reply.with("content-encoding", encoding);
    }
    reply
}

fn config(settings: &Settings, facts: &PageFacts) -> HttpReply {
    let studio = |path: &str| facts.studio.then(|| format!("{STUDIO_PATH}/{path}"));
    let (header, cookie) = match &settings.token_source {
        TokenSource::Header(name) => (Some(name), None),
        TokenSource::Cookie(name) => (None, Some(name)),
    };
    let body = json!({
        "graphqlPath": settings.graphql_path,
        "eventsPath": studio("events"),
        "personaPath": studio("persona"),
        "title": facts.title,
        "initialQuery": facts.initial_query,
        "liveUpdate": facts.studio,
        "revision": facts.revision,
        "tokenHeader": header,
        "tokenCookie": cookie,
    });
    HttpReply::json(200, body.to_string()).with("cache-control", "no-store")
}
