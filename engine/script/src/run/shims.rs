//! Web interfaces that QuickJS lacks. Most are JavaScript over a few helpers here, compiled when first used.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rquickjs::function::{Func, Opt};
use rquickjs::{Array, Ctx, Exception, Function, Object, TypedArray};
use serde_json::json;
use sha2::{Digest, Sha256, Sha384, Sha512};
use url::Url;

use super::link::Link;
use super::prelude::Prelude;

/// Most random bytes in one call, as on the web.
const MAX_RANDOM: usize = 65_536;

/// Globals and the script that makes them.
static SHIMS: [(&[&str], Prelude); 6] = [
    (
        &["TextEncoder", "TextDecoder", "atob", "btoa"],
        Prelude::new("exo:encoding", include_str!("../prelude/encoding.js")),
    ),
    (&["URL", "URLSearchParams"], Prelude::new("exo:url", include_str!("../prelude/url.js"))),
    (&["crypto"], Prelude::new("exo:crypto", include_str!("../prelude/crypto.js"))),
    (&["structuredClone"], Prelude::new("exo:clone", include_str!("../prelude/clone.js"))),
    (
        &["Event", "EventTarget", "DOMException", "AbortController", "AbortSignal"],
        Prelude::new("exo:events", include_str!("../prelude/events.js")),
    ),
    (
        &["Headers", "Request", "Response", "fetch"],
        Prelude::new("exo:fetch", include_str!("../prelude/fetch.js")),
    ),
];

/// Puts the helpers and the list of shims on `host`.
pub(super) fn install<'js>(ctx: &Ctx<'js>, host: &Object<'js>, link: &Rc<Link>) -> rquickjs::Result<()> {
    let shims = Array::new(ctx.clone())?;
    for (index, (names, code)) in SHIMS.iter().enumerate() {
        let entry = Object::new(ctx.clone())?;
        entry.set("names", names.to_vec())?;
        let load = move |ctx: Ctx<'js>| code.function(&ctx);
        entry.set("load", Function::new(ctx.clone(), load)?)?;
        shims.set(index, entry)?;
    }
    host.set("shims", shims)?;
    let of = Rc::clone(link);
    host.set("env", Func::from(move |name: String| of.variable(&name)))?;
    let of = Rc::clone(link);
    host.set("envAll", Func::from(move || of.variables()))?;
    host.set("encode", Func::from(encode))?;
    host.set("decode", Func::from(decode))?;
    host.set("toBase64", Func::from(to_base64))?;
    host.set("fromBase64", Func::from(from_base64))?;
    host.set("random", Func::from(random))?;
    host.set("digest", Func::from(digest))?;
    host.set("parseUrl", Func::from(parse_url))?;
    host.set("changeUrl", Func::from(change_url))
}

/// A copy of the bytes; the script may change them at any time.
fn bytes_of(array: &TypedArray<'_, u8>) -> Vec<u8> {
    #[expect(unsafe_code, reason = "no script runs between the look and the copy")]
    let bytes = unsafe { array.as_bytes() };
    // A detached buffer has none.
    bytes.map(<[u8]>::to_vec).unwrap_or_default()
}

fn to_base64(bytes: TypedArray<'_, u8>) -> String {
    STANDARD.encode(bytes_of(&bytes))
}

fn encode(ctx: Ctx<'_>, text: String) -> rquickjs::Result<TypedArray<'_, u8>> {
    TypedArray::new(ctx, text.into_bytes())
}

fn decode<'js>(ctx: Ctx<'js>, bytes: TypedArray<'js, u8>, fatal: bool) -> rquickjs::Result<String> {
    let bytes = bytes_of(&bytes);
    let text = String::from_utf8_lossy(&bytes);
    if fatal && matches!(text, std::borrow::Cow::Owned(_)) {
        return Err(Exception::throw_type(&ctx, "The encoded data is not valid"));
    }
    Ok(text.into_owned())
}

fn from_base64(ctx: Ctx<'_>, text: String) -> rquickjs::Result<TypedArray<'_, u8>> {
    let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let padded = format!(
        "{}{}",
        compact.trim_end_matches('='),
        "=".repeat((4 - compact.trim_end_matches('=').len() % 4) % 4)
    );
    match STANDARD.decode(padded) {
        Ok(bytes) => TypedArray::new(ctx, bytes),
        Err(_) => Err(Exception::throw_type(&ctx, "the text is not correctly encoded")),
    }
}

fn random(ctx: Ctx<'_>, count: usize) -> rquickjs::Result<TypedArray<'_, u8>> {
    if count > MAX_RANDOM {
        return Err(Exception::throw_range(&ctx, "at most 65536 random bytes at once"));
    }
    let mut bytes = vec![0; count];
    let mut filled = 0;
    while filled < count {
        match rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()) {
            Ok(got) => filled += got,
            Err(error) => return Err(Exception::throw_message(&ctx, &format!("no random bytes: {error}"))),
        }
    }
    TypedArray::new(ctx, bytes)
}

fn digest<'js>(
    ctx: Ctx<'js>,
    algorithm: String,
    bytes: TypedArray<'js, u8>,
) -> rquickjs::Result<TypedArray<'js, u8>> {
    let data = bytes_of(&bytes);
    let hash = match algorithm.to_ascii_uppercase().as_str() {
        "SHA-256" => Sha256::digest(&data).to_vec(),
        "SHA-384" => Sha384::digest(&data).to_vec(),
        "SHA-512" => Sha512::digest(&data).to_vec(),
        other => {
            let message = format!("the digest {other} is not available; SHA-256, SHA-384 and SHA-512 are");
            return Err(Exception::throw_message(&ctx, &message));
        }
    };
    TypedArray::new(ctx, hash)
}

/// The parts of a URL as JSON, or a TypeError.
fn parse_url(ctx: Ctx<'_>, text: String, base: Opt<Option<String>>) -> rquickjs::Result<String> {
    let parsed = match base.0.flatten() {
        Some(base) => Url::parse(&base).and_then(|base| base.join(&text)),
        None => Url::parse(&text),
    };
    match parsed {
        Ok(url) => Ok(parts(&url)),
        Err(_) => Err(Exception::throw_type(&ctx, &format!("Invalid URL: '{text}'"))),
    }
}

/// The parts of a URL after a change; a change that is not possible is ignored, as on the web.
fn change_url(ctx: Ctx<'_>, href: String, part: String, value: String) -> rquickjs::Result<String> {
    let Ok(mut url) = Url::parse(&href) else {
        return Err(Exception::throw_type(&ctx, &format!("Invalid URL: '{href}'")));
    };
    use url::quirks;
    match part.as_str() {
        "protocol" => drop(quirks::set_protocol(&mut url, &value)),
        "username" => drop(quirks::set_username(&mut url, &value)),
        "password" => drop(quirks::set_password(&mut url, &value)),
        "host" => drop(quirks::set_host(&mut url, &value)),
        "hostname" => drop(quirks::set_hostname(&mut url, &value)),
        "port" => drop(quirks::set_port(&mut url, &value)),
        "pathname" => quirks::set_pathname(&mut url, &value),
        "search" => quirks::set_search(&mut url, &value),
        "hash" => quirks::set_hash(&mut url, &value),
        _ => {}
    }
    Ok(parts(&url))
}

fn parts(url: &Url) -> String {
    use url::quirks;
    json!({
        "href": quirks::href(url),
        "origin": quirks::origin(url),
        "protocol": quirks::protocol(url),
        "username": quirks::username(url),
        "password": quirks::password(url),
        "host": quirks::host(url),
        "hostname": quirks::hostname(url),
        "port": quirks::port(url),
        "pathname": quirks::pathname(url),
        "search": quirks::search(url),
        "hash": quirks::hash(url),
    })
    .to_string()
}
