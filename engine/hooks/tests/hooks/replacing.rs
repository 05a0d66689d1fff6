//! What another version of a component, or another configuration of it, may change.

use std::path::Path;

use studio_hooks::{ComponentConfig, HookService, Interface, LoadError, NoCalls};

use crate::guest::{ALL, component, config, engine, load, session};

/// A component that only observes: it has lost all other interfaces.
fn observer() -> Vec<u8> {
    let wat = r#"(module
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
        (func (export "exo:hooks/observer@0.1.0#on-finished")
            (param i32 i32 i32 i32 i32 i64 i32 i32)))"#;
    component("observer-hooks", wat)
}

fn settings(path: &Path) -> ComponentConfig {
    ComponentConfig { path: path.to_owned(), ..config() }
}

#[tokio::test]
async fn a_version_that_lost_an_export_is_refused_unless_the_configuration_lists_what_is_meant() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hook.wasm");
    let service = HookService::default();
    std::fs::write(&path, component("hooks", ALL)).unwrap();
    assert!(service.reload(&engine(), vec![settings(&path)]).await[0].result.is_ok());

    std::fs::write(&path, observer()).unwrap();
    let outcome = service.reload(&engine(), vec![settings(&path)]).await.remove(0);
    let error = outcome.result.unwrap_err();
    assert_eq!(error, LoadError::Lost("gateway"));
    assert!(error.to_string().contains("`gateway`") && error.help().contains("`exports`"), "{error}");
    assert!(outcome.kept_old && service.loaded().all()[0].has(Interface::Gateway));

    let meant = ComponentConfig { exports: Some(vec![Interface::Observer]), ..settings(&path) };
    assert!(service.reload(&engine(), vec![meant]).await[0].result.is_ok());
    assert_eq!(service.loaded().all()[0].interfaces(), [Interface::Observer]);

    // Another file under the same name is another component.
    let other = dir.path().join("other.wasm");
    std::fs::write(&other, component("hooks", ALL)).unwrap();
    service.reload(&engine(), vec![settings(&other)]).await;
    assert!(service.reload(&engine(), vec![settings(&path)]).await[0].result.is_ok());
}

#[tokio::test]
async fn rights_follow_the_configuration_also_when_an_older_version_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hook.wasm");
    let service = HookService::default();
    std::fs::write(&path, component("hooks", ALL)).unwrap();
    let privileged = ComponentConfig {
        privileged: true,
        allow_http: vec!["example.org:443".to_owned()],
        ..settings(&path)
    };
    assert!(service.reload(&engine(), vec![privileged]).await[0].result.is_ok());

    std::fs::write(&path, b"\0asm broken").unwrap();
    let outcome = service.reload(&engine(), vec![settings(&path)]).await.remove(0);
    assert!(outcome.result.is_err() && outcome.kept_old);
    let loaded = service.loaded();
    let kept = loaded.all()[0].config();
    assert!(!kept.privileged && kept.allow_http.is_empty());
    let (session, _) = session(&[]);
    session.on_request(&loaded.all()[0], &mut NoCalls).await.unwrap().unwrap();
}

#[tokio::test]
async fn of_a_component_that_nobody_configured_only_what_modules_have_is_used() {
    let implied = ComponentConfig { implied: true, ..config() };
    let guest = load(component("hooks", ALL), implied.clone()).await.unwrap();
    assert_eq!(guest.interfaces(), [Interface::Lifecycle, Interface::Interceptors, Interface::Module]);
    // Requests pass when it does not load.
    let service = HookService::default();
    let absent = ComponentConfig { path: "absent.wasm".into(), ..implied };
    assert!(service.reload(&engine(), vec![absent]).await[0].result.is_err());
    assert!(service.loaded().is_empty());
}

#[tokio::test]
async fn loading_a_component_is_no_call() {
    let guest = load(component("hooks", ALL), config()).await.unwrap();
    assert_eq!((guest.metrics().calls, guest.metrics().fuel), (0, 0));
}
