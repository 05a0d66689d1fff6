use studio_script::{
    Argument, ConsoleLevel, Event, Failure, FailureKind, HostError, HostRequest, Limits, Operation,
};

use super::{call, drive, result, runtime};

#[tokio::test]
async fn arguments_and_results_are_json() {
    let runtime = runtime(
        "export const echo = (...all: unknown[]) => all;\n\
         export async function later(a: number) { return { a, gone: undefined, when: new Date(0) }; }\n\
         export function nothing() {}\n",
        Limits::default(),
    );
    let echo = result(&runtime, call("echo", &["1", "null", r#"{"a":["ü"]}"#])).await.unwrap();
    assert_eq!(echo, r#"[1,null,{"a":["ü"]}]"#);
    let later = result(&runtime, call("later", &["2"])).await.unwrap();
    assert_eq!(later, r#"{"a":2,"when":"1970-01-01T00:00:00.000Z"}"#);
    assert_eq!(result(&runtime, call("nothing", &[])).await.unwrap(), "null");
}

#[tokio::test]
async fn failures_say_what_was_thrown_and_where_in_the_source() {
    let runtime = runtime(
        "interface Gone {\n  a: string;\n}\n\
         export function broken(): Gone {\n  throw new TypeError(\"no\");\n}\n\
         export async function shown() {\n  throw new ExographError(\"for you\");\n}\n",
        Limits::default(),
    );
    let Failure { kind, message, stack } = result(&runtime, call("broken", &[])).await.unwrap_err();
    assert_eq!((kind, message.as_str()), (FailureKind::Thrown, "TypeError: no"));
    assert!(stack.contains("a.ts:5"), "{stack}");
    let shown = result(&runtime, call("shown", &[])).await.unwrap_err();
    assert_eq!((shown.kind, shown.message.as_str()), (FailureKind::Public, "for you"));
    let missing = result(&runtime, call("nowhere", &[])).await.unwrap_err();
    assert_eq!(missing.kind, FailureKind::Missing);
}

#[tokio::test]
async fn a_script_that_cannot_be_evaluated_fails_each_time_with_its_reason() {
    let runtime = runtime("export const f = () => 1;\nthrow new Error('at load');", Limits::default());
    for _ in 0..2 {
        let failure = result(&runtime, call("f", &[])).await.unwrap_err();
        assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Thrown, "at load"));
    }
}

#[tokio::test]
async fn queries_are_asked_of_the_engine_and_errors_thrown() {
    let runtime = runtime(
        "export async function f(exograph: any, secret: any) {\n\
           const [a, b] = await Promise.all([exograph.executeQuery('{ a }'), exograph.executeQuery('{ b }', { x: 1 })]);\n\
           const c = await secret.executeQueryPriv('{ c }', undefined, { Caller: { role: 'admin' } });\n\
           let caught = '';\n\
           try { await exograph.executeQuery('{ bad }'); } catch (error) { caught = error.message; }\n\
           return { ...a, ...b, ...c, caught, priv: typeof exograph.executeQueryPriv };\n\
         }\n\
         export const pass = (exograph: any) => exograph.executeQuery('{ public }');\n",
        Limits::default(),
    );
    let mut asked = Vec::new();
    let mut answer = |request: HostRequest| {
        let HostRequest::Query { query, variables, contexts } = request else { panic!("a query") };
        asked.push(format!("{query} {variables} {contexts:?}"));
        match query.as_str() {
            "{ bad }" => Err(HostError { message: "Not authorized".to_owned(), public: false }),
            "{ public }" => Err(HostError { message: "mine".to_owned(), public: true }),
            other => Ok(format!("{{\"{}\":1}}", &other[2..3])),
        }
    };
    let mut asks = call("f", &[]);
    asks.arguments = vec![Argument::Exograph, Argument::ExographPriv];
    let (outcome, _) = drive(runtime.call(asks), &mut answer).await;
    assert_eq!(outcome.unwrap(), r#"{"a":1,"b":1,"c":1,"caught":"Not authorized","priv":"undefined"}"#);
    let mut asks = call("pass", &[]);
    asks.arguments = vec![Argument::Exograph];
    let (outcome, _) = drive(runtime.call(asks), &mut answer).await;
    let failure = outcome.unwrap_err();
    assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Public, "mine"));
    assert_eq!(
        asked,
        [
            "{ a } null None",
            r#"{ b } {"x":1} None"#,
            r#"{ c } null Some(Object {"Caller": Object {"role": String("admin")}})"#,
            "{ bad } null None",
            "{ public } null None",
        ]
    );
}

#[tokio::test]
async fn an_unchanged_result_of_proceed_keeps_its_spelling() {
    let runtime = runtime(
        "export const through = async (o: any) => o.proceed();\n\
         export const changed = async (o: any) => ({ ...(await o.proceed()), b: o.query().name });\n",
        Limits::default(),
    );
    let intercept = |function: &str, proceed| {
        let mut call = call(function, &[]);
        call.arguments = vec![Argument::Operation];
        let query = r#"{"alias":null,"name":"n","arguments":{},"subfields":[]}"#.to_owned();
        call.operation = Some(Operation { name: "n".to_owned(), query, proceed });
        call
    };
    let answer = |_: HostRequest| Ok(r#"{"a":1.0,"big":9007199254740993}"#.to_owned());
    let (same, _) = drive(runtime.call(intercept("through", true)), answer).await;
    assert_eq!(same.unwrap(), r#"{"a":1.0,"big":9007199254740993}"#);
    let (changed, _) = drive(runtime.call(intercept("changed", true)), answer).await;
    assert_eq!(changed.unwrap(), r#"{"a":1,"big":9007199254740992,"b":"n"}"#);
    let (refused, _) = drive(runtime.call(intercept("through", false)), answer).await;
    assert_eq!(refused.unwrap_err().message, "only `@around` interceptors can proceed");
}

#[tokio::test]
async fn headers_cookies_and_the_console_are_events() {
    let runtime = runtime(
        "export async function f(exograph: any) {\n\
           console.log('a', { b: [1, 'c'] }, null);\n\
           console.error(new Map([[1, new Set()]]));\n\
           exograph.addResponseHeader('X-One', 1);\n\
           await exograph.setCookie({ name: 'n', value: 'v', expires: new Date(0), secure: true, sameSite: 'strict' });\n\
           try { await exograph.addResponseHeader('bad name', 'x'); } catch (e) { return e.message; }\n\
         }\n",
        Limits::default(),
    );
    let mut asks = call("f", &[]);
    asks.arguments = vec![Argument::Exograph];
    let (outcome, events) = drive(runtime.call(asks), |_| panic!("no questions")).await;
    assert_eq!(outcome.unwrap(), r#""invalid header name: bad name""#);
    let shown: Vec<String> = events
        .into_iter()
        .map(|event| match event {
            Event::Console { level, text } => format!("{} {text}", level == ConsoleLevel::Error),
            Event::Header { name, value } => format!("{name}: {value}"),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        shown,
        [
            "false a { b: [ 1, \"c\" ] } null",
            "true Map(1) { 1 => Set(0) {  } }",
            "X-One: 1",
            "Set-Cookie: n=v; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; SameSite=Strict",
        ]
    );
}

#[tokio::test]
async fn a_call_that_comes_while_another_waits_gets_an_instance_of_its_own() {
    let runtime = runtime(
        "let calls = 0;\n\
         export const count = () => ++calls;\n\
         export async function waits(exograph: any) { calls += 10; await exograph.executeQuery('{ x }'); return calls; }\n",
        Limits::default(),
    );
    assert_eq!(result(&runtime, call("count", &[])).await.unwrap(), "1");
    assert_eq!(result(&runtime, call("count", &[])).await.unwrap(), "2", "the script keeps its variables");
    let mut asks = call("waits", &[]);
    asks.arguments = vec![Argument::Exograph];
    let mut waiting = runtime.call(asks);
    let Some(Event::Ask { id, .. }) = waiting.next().await else { panic!("a question") };
    assert_eq!(result(&runtime, call("count", &[])).await.unwrap(), "1", "a second instance");
    waiting.answer(id, Ok("{}".to_owned()));
    let Some(Event::Done(Ok(text))) = waiting.next().await else { panic!("an end") };
    assert_eq!(text, "12");
}

#[tokio::test]
async fn members_that_are_undefined_are_null_where_fields_are_declared() {
    let runtime = runtime(
        "export const f = () => ({ a: undefined, b: 1, c: { d: undefined } });\nexport const g = () => [undefined];\n",
        Limits::default(),
    );
    let composite = |function: &str| studio_script::Call { composite: true, ..call(function, &[]) };
    assert_eq!(result(&runtime, composite("f")).await.unwrap(), r#"{"a":null,"b":1,"c":{}}"#);
    assert_eq!(result(&runtime, composite("g")).await.unwrap(), "[null]");
    assert_eq!(result(&runtime, call("f", &[])).await.unwrap(), r#"{"b":1,"c":{}}"#);
}

#[tokio::test]
async fn a_rejection_that_nobody_handles_is_said() {
    let runtime = runtime(
        "export async function f(exograph: any) {\n\
           const handled = Promise.reject(new Error('handled')).catch(() => 1);\n\
           Promise.reject(new TypeError('forgotten'));\n\
           (async () => { await 0; await 0; await 0; await 0; await 0; await 0; await exograph.executeQuery('{ late }'); })();\n\
           return await handled;\n\
         }\n",
        Limits::default(),
    );
    let mut asks = call("f", &[]);
    asks.arguments = vec![Argument::Exograph];
    let (outcome, events) = drive(runtime.call(asks), |_| panic!("no questions")).await;
    assert_eq!(outcome.unwrap(), "1");
    let [Event::Console { level: ConsoleLevel::Error, text: first }, Event::Console { text: second, .. }] =
        events.as_slice()
    else {
        panic!("{events:?}")
    };
    assert!(first.starts_with("Uncaught (in a promise) TypeError: forgotten"), "{first}");
    assert!(second.contains("the call that this object belongs to has ended"), "{second}");
}

#[tokio::test]
async fn the_console_counts_measures_and_shows_tables() {
    let runtime = runtime(
        "export function f() {\n\
           console.count(); console.count('b'); console.count(); console.countReset(); console.count();\n\
           console.table([{ a: 1 }]); console.group('deeper'); console.assert(1 === 1); console.assert(false, 'so');\n\
           console.time('t'); console.timeEnd('t'); console.timeEnd('t');\n\
         }\n",
        Limits::default(),
    );
    let (_, events) = drive(runtime.call(call("f", &[])), |_| panic!("no questions")).await;
    let lines: Vec<String> = events
        .into_iter()
        .filter_map(|event| if let Event::Console { text, .. } = event { Some(text) } else { None })
        .collect();
    let (time, others): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.ends_with(" ms"));
    assert!(time.len() == 1 && time[0].starts_with("t: "), "{time:?}");
    assert_eq!(
        others,
        [
            "default: 1",
            "b: 1",
            "default: 2",
            "default: 1",
            "0: { a: 1 }",
            "deeper",
            "Assertion failed: so",
            "no timer `t` was started",
        ]
    );
}
