//! Loading, checking, replacing and caching components; core modules.

use std::time::Duration;

use studio_hooks::{
    ComponentConfig, CoreError, CoreModule, Counting, HookComponent, HookEngine, HookErrorKind, HookService,
    Interface, LoadError, NoCalls, callable, check, dry_call,
};

use crate::guest::{ALL, Ears, WIT, component, component_of, config, engine, load, module, session};

/// A gateway hook that sets the reply header `x-version`.
fn versioned(version: &str) -> Vec<u8> {
    let wat = r#"(module
        (import "exo:hooks/response@0.1.0" "set-header" (func $set (param i32 i32 i32 i32 i32)))
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "exo:hooks/gateway@0.1.0#on-request") (result i32)
            (call $set @"x-version" @"VERSION" (i32.const 3000))
            (i32.const 3072))
        (func (export "exo:hooks/gateway@0.1.0#on-response")))"#;
    component("gateway-hooks", &wat.replace("VERSION", version))
}

#[tokio::test]
async fn a_component_says_which_interfaces_it_has() {
    let guest = load(versioned("1"), config()).await.unwrap();
    assert_eq!(guest.interfaces(), [Interface::Gateway]);
    let all = load(component("hooks", ALL), config()).await.unwrap();
    assert_eq!(all.interfaces(), Interface::ALL);
    let some = ComponentConfig { exports: Some(vec![Interface::Module]), ..config() };
    let some = load(component("hooks", ALL), some).await.unwrap();
    assert_eq!(some.interfaces(), [Interface::Lifecycle, Interface::Module]);
}

#[tokio::test]
async fn a_core_module_with_component_types_is_wrapped() {
    let guest = load(module(WIT, "hooks", ALL), config()).await.unwrap();
    assert!(guest.has(Interface::Observer));
}

#[tokio::test]
async fn what_does_not_fit_is_named() {
    let missing =
        "package exo:hooks@0.1.0; interface gateway { on-response: func(); } world w { export gateway; }";
    let wat = r#"(module (memory (export "memory") 1)
        (func (export "exo:hooks/gateway@0.1.0#on-response")))"#;
    let error = load(component_of(missing, "w", wat), config()).await.unwrap_err();
    assert!(matches!(error, LoadError::Export { interface: "gateway", .. }), "{error}");
    assert!(error.to_string().contains("on-request"), "{error}");

    let different = "package exo:hooks@0.1.0; interface gateway { on-request: func(a: u32); on-response: func(); } \
                     world w { export gateway; }";
    let wat = r#"(module (memory (export "memory") 1)
        (func (export "exo:hooks/gateway@0.1.0#on-request") (param i32))
        (func (export "exo:hooks/gateway@0.1.0#on-response")))"#;
    let error = load(component_of(different, "w", wat), config()).await.unwrap_err();
    assert!(matches!(error, LoadError::Export { interface: "gateway", .. }), "{error}");

    let other =
        "package exo:hooks@0.2.0; interface gateway { on-response: func(); } world w { export gateway; }";
    let wat = r#"(module (memory (export "memory") 1)
        (func (export "exo:hooks/gateway@0.2.0#on-response")))"#;
    let error = load(component_of(other, "w", wat), config()).await.unwrap_err();
    assert!(error.to_string().contains("another version"), "{error}");

    let import = "package a:b; interface c { d: func(); } world w { import c; }";
    let wat = r#"(module (import "a:b/c" "d" (func)))"#;
    let error = load(component_of(import, "w", wat), config()).await.unwrap_err();
    assert!(matches!(error, LoadError::Import(_)) && error.to_string().contains("a:b/c"), "{error}");

    for (bytes, said) in [(&b"not wasm"[..], "begins with `not `"), (b"\0asm broken", "does not compile")] {
        let error = load(bytes.to_vec(), config()).await.unwrap_err();
        assert!(matches!(error, LoadError::Compile(_)), "{error}");
        assert!(error.to_string().contains(said) && !error.to_string().contains('\n'), "{error}");
    }
    let absent = ComponentConfig { exports: Some(vec![Interface::Observer]), ..config() };
    let error = load(versioned("1"), absent).await.unwrap_err();
    assert_eq!(error, LoadError::NotExported("observer".to_owned()));
}

#[tokio::test]
async fn compiled_code_is_kept_in_a_private_folder_and_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("code");
    let engine = HookEngine::new(Some(&folder), Counting::Nothing).unwrap();
    let files = || {
        let mut files: Vec<_> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    };
    HookComponent::from_bytes(&engine, config(), versioned("1")).await.unwrap();
    let first = files();
    assert_eq!(first.len(), 1);
    HookComponent::from_bytes(&engine, config(), versioned("1")).await.unwrap();
    assert_eq!(files(), first);
    HookComponent::from_bytes(&engine, config(), versioned("2")).await.unwrap();
    assert_eq!(files().len(), 2);
    // Damaged code is made again, not believed.
    std::fs::write(&first[0], b"damaged").unwrap();
    HookComponent::from_bytes(&engine, config(), versioned("1")).await.unwrap();
    assert!(std::fs::metadata(&first[0]).unwrap().len() > 100);
}

async fn version(service: &HookService) -> Option<String> {
    let (session, _) = session(&[]);
    let loaded = service.loaded();
    for component in loaded.with(Interface::Gateway) {
        session.on_request(component, &mut NoCalls).await.unwrap().unwrap();
    }
    session.exchange().response_headers().first().map(|(_, value)| value.clone())
}

#[tokio::test]
async fn a_replaced_file_serves_the_next_request_and_a_broken_one_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hook.wasm");
    let settings = ComponentConfig { path: path.clone(), ..config() };
    let service = HookService::default();
    std::fs::write(&path, versioned("1")).unwrap();
    assert!(service.reload(&engine(), vec![settings.clone()]).await[0].result.is_ok());
    assert_eq!(version(&service).await.as_deref(), Some("1"));
    std::fs::write(&path, versioned("2")).unwrap();
    service.reload(&engine(), vec![settings.clone()]).await;
    assert_eq!(version(&service).await.as_deref(), Some("2"));
    std::fs::write(&path, b"\0asm").unwrap();
    let outcome = service.reload(&engine(), vec![settings.clone()]).await.remove(0);
    assert!(outcome.result.is_err() && outcome.kept_old);
    assert_eq!(version(&service).await.as_deref(), Some("2"));
    // Unchanged ones are not compiled again.
    assert!(service.reload_some(&engine(), vec![settings], &|_| false, &|_| Ok(())).await.len() <= 1);
    service.reload(&engine(), Vec::new()).await;
    assert_eq!(version(&service).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloading_under_load_fails_no_request() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hook.wasm");
    let settings = ComponentConfig { path: path.clone(), queue_timeout: Duration::from_secs(20), ..config() };
    let service = std::sync::Arc::new(HookService::default());
    std::fs::write(&path, versioned("1")).unwrap();
    service.reload(&engine(), vec![settings.clone()]).await;
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let service = std::sync::Arc::clone(&service);
        tasks.push(tokio::spawn(async move {
            let mut answers = 0;
            for _ in 0..2500 {
                answers += usize::from(version(&service).await.is_some());
            }
            answers
        }));
    }
    for round in 0..6 {
        std::fs::write(&path, versioned(&(round % 10).to_string())).unwrap();
        assert!(service.reload(&engine(), vec![settings.clone()]).await[0].result.is_ok());
    }
    let mut total = 0;
    for task in tasks {
        total += task.await.unwrap();
    }
    assert_eq!(total, 10_000);
}

#[tokio::test]
async fn a_check_lists_exports_and_imports_and_calls_by_hand_show_answers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hook.wasm");
    std::fs::write(&path, component("hooks", ALL)).unwrap();
    let report = check(&engine(), &path).await.unwrap();
    assert!(report.exports.contains(&"exo:hooks/gateway@0.1.0".to_owned()), "{report:?}");
    assert!(report.imports.contains(&"exo:hooks/log@0.1.0".to_owned()), "{report:?}");
    let guest = report.component.unwrap();
    let arguments = serde_json::json!({ "headers": { "x-block": "1" } });
    let serde_json::Value::Object(arguments) = arguments else { unreachable!("an object") };
    let host = std::sync::Arc::new(Ears::default());
    let call = dry_call(&guest, "gateway.on-request", arguments, host.clone()).await.unwrap();
    assert_eq!(call.answer["rejected"]["status"], 403);
    assert!(call.fuel.is_some_and(|fuel| fuel > 0));
    let callable = callable(&guest);
    assert!(
        callable.contains(&"module.query".to_owned()) && !callable.contains(&"lifecycle.start".to_owned())
    );
    let error = dry_call(&guest, "gateway.nope", serde_json::Map::new(), host).await.unwrap_err();
    assert!(error.detail.contains("gateway.nope"), "{error}");
}

#[tokio::test]
async fn a_plain_core_module_has_integer_functions() {
    let wat = r#"(module
        (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
        (func (export "big") (param i64) (result i64) (i64.mul (local.get 0) (i64.const 3)))
        (func (export "half") (param f64) (result f64) (f64.div (local.get 0) (f64.const 2)))
        (func (export "nothing"))
        (func (export "loop") (loop $again (br $again)))
        (func (export "trap") unreachable))"#;
    let bytes = wat::parse_str(wat).unwrap();
    assert!(CoreModule::is_plain(&bytes) && !CoreModule::is_plain(&module(WIT, "hooks", ALL)));
    let module = CoreModule::from_bytes(&engine(), &bytes, Duration::from_millis(100), 1 << 20).unwrap();
    assert_eq!(module.functions(), ["add", "big", "half", "nothing", "loop", "trap"]);
    let call = async |name: &str, arguments: &[serde_json::Value]| module.call(name, arguments).await;
    assert_eq!(call("add", &[2.into(), 3.into()]).await.unwrap(), 5);
    assert_eq!(call("big", &[4_000_000_000_i64.into()]).await.unwrap(), 12_000_000_000_i64);
    assert_eq!(call("half", &[serde_json::json!(3.0)]).await.unwrap(), 1.5);
    assert_eq!(call("nothing", &[]).await.unwrap(), serde_json::Value::Null);
    assert!(matches!(call("add", &[1.into()]).await, Err(CoreError::Arguments { .. })));
    assert!(matches!(call("add", &["a".into(), 1.into()]).await, Err(CoreError::Arguments { .. })));
    assert!(matches!(
        call("add", &[5_000_000_000_i64.into(), 1.into()]).await,
        Err(CoreError::Arguments { .. })
    ));
    assert!(matches!(call("absent", &[]).await, Err(CoreError::Missing(_))));
    let error = call("loop", &[]).await.unwrap_err();
    assert!(matches!(error, CoreError::Timeout(_)) && error.kind() == Some(HookErrorKind::Timeout));
    let error = call("trap", &[]).await.unwrap_err();
    assert!(matches!(error, CoreError::Crashed { .. }) && error.kind() == Some(HookErrorKind::Crashed));
}

#[tokio::test]
async fn a_core_module_that_only_names_its_exports_becomes_a_component() {
    let wat = r#"(module (memory (export "memory") 1)
        (func (export "exo:hooks/gateway@0.1.0#on-request") (result i32) (i32.const 1024))
        (func (export "exo:hooks/gateway@0.1.0#on-response")))"#;
    let guest = load(wat::parse_str(wat).unwrap(), config()).await.unwrap();
    let (session, _) = session(&[]);
    assert_eq!(session.on_request(&guest, &mut NoCalls).await.unwrap(), Ok(()));
    // One function of an interface without the other does not fit.
    let half = r#"(module (memory (export "memory") 1)
        (func (export "exo:hooks/gateway@0.1.0#on-response")))"#;
    let error = load(wat::parse_str(half).unwrap(), config()).await.unwrap_err();
    assert!(error.to_string().contains("on-request"), "{error}");
    let none = load(wat::parse_str("(module)").unwrap(), config()).await.unwrap_err();
    assert!(none.to_string().contains("exports no function"), "{none}");
}
