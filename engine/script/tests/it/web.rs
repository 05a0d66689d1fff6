use studio_script::{HostRequest, Limits};

use super::{call, drive, result, runtime};

async fn value(expression: &str) -> String {
    let runtime = runtime(&format!("export const f = async () => ({expression});"), Limits::default());
    result(&runtime, call("f", &[])).await.unwrap_or_else(|failure| format!("failed: {failure}"))
}

#[tokio::test]
async fn web_interfaces_work() {
    for (expression, expected) in [
        ("new URL('../c?x=1#y', 'http://u:p@h.org:8080/a/b').href", r#""http://u:p@h.org:8080/c?x=1#y""#),
        (
            "(() => { const u = new URL('http://a/'); u.searchParams.set('q', 'ä b'); u.hash = 'z'; return String(u); })()",
            r#""http://a/?q=%C3%A4+b#z""#,
        ),
        ("URL.canParse('nope')", "false"),
        ("[...new URLSearchParams('a=1&b=2&a=3').getAll('a')]", r#"["1","3"]"#),
        ("Array.from(new TextEncoder().encode('€'))", "[226,130,172]"),
        (
            "(() => { const d = new TextDecoder(); return d.decode(new Uint8Array([226, 130]), { stream: true }) + d.decode(new Uint8Array([172])); })()",
            r#""€""#,
        ),
        ("btoa('\\xff') + atob('AQ==').charCodeAt(0)", r#""/w==1""#),
        ("structuredClone({ a: [new Date(5)], m: new Map([[1, 2]]) }).a[0].getTime()", "5"),
        (
            "(() => { try { structuredClone(() => 1); } catch (e) { return e.name; } })()",
            r#""DataCloneError""#,
        ),
        ("crypto.getRandomValues(new Uint32Array(4)).length", "4"),
        ("crypto.randomUUID() === crypto.randomUUID()", "false"),
        (
            "Array.from(new Uint8Array(await crypto.subtle.digest('SHA-512', new Uint8Array(0)))).slice(0, 3)",
            "[207,131,225]",
        ),
        ("new Headers([['A', '1'], ['a', '2']]).get('A')", r#""1, 2""#),
        ("AbortSignal.abort().reason.name", r#""AbortError""#),
        ("Deno.env.get('REGION') + typeof Deno.env.get('X')", r#""northundefined""#),
        ("typeof queueMicrotask + typeof performance.now()", r#""functionnumber""#),
        ("(await new Promise((r) => setTimeout(r, 1, 'later')))", r#""later""#),
        ("(() => { globalThis.URL = 5; return URL; })()", "5"),
    ] {
        assert_eq!(value(expression).await, expected, "{expression}");
    }
}

#[tokio::test]
async fn fetch_is_asked_of_the_engine() {
    let runtime = runtime(
        "export async function f() {\n\
           const r = await fetch('http://h/x', { method: 'post', headers: { A: 'b' }, body: JSON.stringify({ q: 1 }) });\n\
           return [r.ok, r.status, r.headers.get('x-y'), await r.json()];\n\
         }\n",
        Limits::default(),
    );
    let (outcome, _) = drive(runtime.call(call("f", &[])), |request| {
        let HostRequest::Fetch(request) = request else { panic!("a fetch") };
        assert_eq!((&request["url"], &request["method"]), (&"http://h/x".into(), &"POST".into()));
        assert_eq!(request["body"], "eyJxIjoxfQ==");
        Ok(r#"{"status":201,"statusText":"Created","url":"http://h/x","headers":[["X-Y","z"]],"body":"eyJrIjoyfQ=="}"#.to_owned())
    })
    .await;
    assert_eq!(outcome.unwrap(), r#"[true,201,"z",{"k":2}]"#);
}
