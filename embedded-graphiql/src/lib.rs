//! The playground: GraphiQL as static files inside the binary. Pure data; serving it is the
//! engine's job.
//!
//! # What the server must answer
//!
//! All paths below are relative to the playground's path (`EXO_PLAYGROUND_HTTP_PATH`, default
//! `/playground`), here called `P`.
//!
//! | request | answer |
//! |---|---|
//! | `GET P` and `GET P/` | [`index_html`] of `P`, with [`CONTENT_SECURITY_POLICY`], not cached |
//! | `GET P/config.json` | the configuration, see below |
//! | `GET P/<path>` | [`asset`]; `cache-control: public, max-age=31536000, immutable` when [`Asset::immutable`] |
//!
//! `config.json` is one object; the paths start at the root of the origin. An empty path means
//! that the server has no such thing, and the page then works without it:
//!
//! ```json
//! { "graphqlPath": "/graphql", "eventsPath": "/_studio/events", "personaPath": "/_studio/persona",
//!   "title": "todo", "initialQuery": "query { … }", "liveUpdate": true }
//! ```
//!
//! Three more members are optional: `"revision": 14`, the revision that answers (it saves reading the
//! schema twice); `"tokenHeader"`, when it is not `Authorization`; `"tokenCookie"`, when tokens are
//! read from a cookie.
//!
//! `GET <eventsPath>` is a server-sent event stream of unnamed messages, each one JSON object. The
//! present state (`swapped` or `stale`, and `persona`) is sent first to every new listener.
//!
//! | message | meaning |
//! |---|---|
//! | `{"kind":"swapped","revision":15}` | revision 15 answers now |
//! | `{"kind":"stale","revision":16,"problems":2,"serving":14}` | revision 16 has 2 errors; 14 goes on answering |
//! | `{"kind":"unchanged","revision":17}` | the model is again what already answers |
//! | `{"kind":"persona","name":"anna"}` | the active persona; `null` for anonymous |
//! | `{"kind":"trace","trace":{…}}` | a served request, fields as in `studio_events::Trace` |
//!
//! | persona request | answer |
//! |---|---|
//! | `GET <personaPath>` | `{"active":"anna","personas":[{"name":"anna","claims":{…}}]}` |
//! | `POST <personaPath>` `{"name":"anna"}` | 2xx after the change; `{"name":null}` is anonymous |
//! | `POST <personaPath>/token` `{"name":"anna"}` | `{"token":"…","expiresInSeconds":600}` |
//!
//! Every GraphQL request of the page carries the header `_exo_playground: true` and, with a persona,
//! `Authorization: Bearer <token>`. No secret reaches the browser.

/// The version of GraphiQL that is embedded.
pub const VERSION: &str = "5.4.0";

/// The policy to send with the page. Everything comes from the same origin; styles may be inline,
/// because the editor sets them; nothing may frame the page.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'self'; \
     form-action 'none'; frame-ancestors 'none'";

/// How the bytes of a [`Variant`] are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Brotli; in release builds only.
    Brotli,
    /// Gzip.
    Gzip,
    /// As they are.
    Identity,
}

impl Encoding {
    /// The value of `content-encoding`; `None` when the header is to be left out.
    pub fn header(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }

    fn token(self) -> &'static str {
        self.header().unwrap_or("identity")
    }
}

/// One packing of an asset.
#[derive(Debug, Clone, Copy)]
pub struct Variant {
    /// How it is packed.
    pub encoding: Encoding,
    /// The body to send.
    pub bytes: &'static [u8],
}

/// One file of the page.
#[derive(Debug)]
pub struct Asset {
    /// Path relative to the playground's path, without a leading slash.
    pub path: &'static str,
    /// Value of `content-type`.
    pub content_type: &'static str,
    /// Value of `etag`; weak, because it is the same for every packing.
    pub etag: &'static str,
    /// The path names its content, so the file may be cached for ever. Everything else is to be
    /// asked for again each time.
    pub immutable: bool,
    /// At least one, the smallest first.
    pub variants: &'static [Variant],
}

impl Asset {
    /// The packing to send to a client with this `accept-encoding` header (`None`: the header is
    /// absent, so every packing is acceptable). `None` when the client accepts none of them: the
    /// answer is then 406.
    pub fn variant(&self, accept_encoding: Option<&str>) -> Option<&'static Variant> {
        match accept_encoding {
            // A client that says nothing is most often one that unpacks nothing.
            None => self.variants.last(),
            Some(header) => self.variants.iter().find(|variant| accepts(header, variant.encoding.token())),
        }
    }
}

/// Whether an `accept-encoding` header lets a coding through (RFC 9110 section 12.5.3).
fn accepts(header: &str, coding: &str) -> bool {
    let mut wildcard = None;
    for item in header.split(',') {
        let mut parts = item.split(';');
        let name = parts.next().unwrap_or_default().trim();
        let refused = parts.any(|part| {
            part.trim()
                .strip_prefix("q=")
                .or_else(|| part.trim().strip_prefix("Q="))
                .is_some_and(|weight| weight.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0))
        });
        if name.eq_ignore_ascii_case(coding) {
            return !refused;
        }
        if name == "*" {
            wildcard = Some(!refused);
        }
    }
    wildcard.unwrap_or(coding == "identity")
}

/// The file at a path relative to the playground's path, such as `assets/main-ABCD.js`; the empty
/// path is `index.html`. The page itself is better taken from [`index_html`], which fills in where
/// it is served.
pub fn asset(path: &str) -> Option<&'static Asset> {
    let path = if path.is_empty() { "index.html" } else { path };
    assets().binary_search_by(|asset| asset.path.cmp(path)).ok().and_then(|at| assets().get(at))
}

/// Every file, sorted by path.
pub fn assets() -> &'static [Asset] {
    generated::ASSETS
}

/// The page for a playground served at `path` (`/playground`, or whatever
/// `EXO_PLAYGROUND_HTTP_PATH` says, with or without a slash at the end).
pub fn index_html(path: &str) -> String {
    let base = format!("/{}/", path.trim_matches('/')).replace("//", "/");
    let mut escaped = String::with_capacity(base.len());
    for character in base.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    generated::INDEX_HTML.replacen(
        r#"<base href="/playground/" />"#,
        &format!(r#"<base href="{escaped}" />"#),
        1,
    )
}

mod generated {
    use super::{Asset, Encoding, Variant};

    include!(concat!(env!("OUT_DIR"), "/assets.rs"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_files_that_exist() {
        let html = index_html("/playground");
        let named: Vec<&str> = html.split('"').filter(|part| part.starts_with("assets/")).collect();
        assert_eq!(named.len(), 3, "icon, style and script: {html}");
        for path in named {
            let asset =
                asset(path).unwrap_or_else(|| unreachable!("{path} is named by the page but not embedded"));
            assert!(asset.immutable);
        }
    }

    #[test]
    fn the_page_follows_its_path() {
        assert!(index_html("/playground").contains(r#"<base href="/playground/" />"#));
        assert!(index_html("dev/ui/").contains(r#"<base href="/dev/ui/" />"#));
        assert!(index_html("/").contains(r#"<base href="/" />"#));
        assert!(index_html(r#"/a"><script>"#).contains(r#"<base href="/a&quot;&gt;&lt;script&gt;/" />"#));
    }

    #[test]
    fn the_page_has_no_inline_script_and_names_no_other_origin() {
        let html = index_html("/playground");
        assert!(!html.contains("://"), "{html}");
        assert!(!html.contains("<script>"), "{html}");
        assert_eq!(
            html.matches("<script").count(),
            html.matches("<script type=\"module\" src=\"assets/").count()
        );
    }

    #[test]
    fn every_file_can_be_found_and_sent() {
        assert!(assets().is_sorted_by(|a, b| a.path < b.path));
        for one in assets() {
            assert_eq!(asset(one.path).map(|found| found.etag), Some(one.etag));
            assert!(one.variants.iter().all(|variant| !variant.bytes.is_empty()), "{}", one.path);
            assert!(one.variant(Some("gzip, deflate, br")).is_some(), "{}", one.path);
            assert_eq!(one.immutable, one.path != "index.html");
        }
        assert_eq!(asset("").map(|index| index.content_type), Some("text/html; charset=utf-8"));
        assert!(asset("assets/../index.html").is_none());
        assert!(asset("nothing.js").is_none());
    }

    #[test]
    fn the_version_is_the_one_in_the_lock_file() {
        let wanted = format!("\"graphiql\": \"{VERSION}\"");
        assert!(include_str!("../ui/package.json").contains(&wanted));
        assert!(include_str!("../ui/package-lock.json").contains(&wanted));
    }

    #[test]
    fn the_lock_file_names_no_host() {
        let lock = include_str!("../ui/package-lock.json");
        assert!(lock.contains("\"integrity\": \"sha512-"));
        assert!(!lock.contains("://"));
        assert!(!lock.contains("\"resolved\""));
    }

    #[test]
    fn workers_and_editor_are_there() {
        for part in
            ["assets/graphql.worker-", "assets/json.worker-", "assets/editor.worker-", "assets/codicon-"]
        {
            assert!(assets().iter().any(|asset| asset.path.starts_with(part)), "{part}");
        }
    }

    #[test]
    fn codings_are_negotiated() {
        let both = Asset {
            path: "x",
            content_type: "text/plain",
            etag: "",
            immutable: false,
            variants: &[
                Variant { encoding: Encoding::Brotli, bytes: b"b" },
                Variant { encoding: Encoding::Gzip, bytes: b"g" },
            ],
        };
        let chosen = |header| both.variant(header).map(|variant| variant.encoding);
        assert_eq!(chosen(Some("gzip, deflate, br, zstd")), Some(Encoding::Brotli));
        assert_eq!(chosen(Some("GZIP")), Some(Encoding::Gzip));
        assert_eq!(chosen(Some("br;q=0, *")), Some(Encoding::Gzip));
        assert_eq!(chosen(Some("identity")), None);
        assert_eq!(chosen(Some("")), None);
        assert_eq!(chosen(None), Some(Encoding::Gzip));
    }
}
