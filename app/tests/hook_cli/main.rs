//! `new-hook`, `hooks check` and `hook call` with the real binary.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, also in its helpers")]

use std::path::Path;
use std::process::{Command, Output};

fn studio(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_exo-studio")).args(args).current_dir(dir).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_new_hook_has_source_build_and_test_in_every_language() {
    let folder = tempfile::tempdir().unwrap();
    for (language, source) in
        [("rust", "src/lib.rs"), ("js", "hook.js"), ("ts", "hook.ts"), ("python", "app.py"), ("c", "hook.c")]
    {
        let name = format!("my-{language}");
        let output = studio(folder.path(), &["new-hook", &name, "--lang", language]);
        assert!(output.status.success(), "{}", text(&output));
        assert!(text(&output).contains(&format!("[hooks.my-{language}]")), "{}", text(&output));
        let hook = folder.path().join("hooks").join(&name);
        for file in [source, "README.md", "build.sh", "test.sh", ".gitignore"] {
            let written = std::fs::read_to_string(hook.join(file)).unwrap();
            assert!(!written.contains("{{name}}"), "{language}/{file}");
        }
        assert_eq!(hook.join("wit/deps/exo-hooks/world.wit").is_file(), language != "c");
        let again = studio(folder.path(), &["new-hook", &name, "--lang", language]);
        assert_eq!(again.status.code(), Some(2), "an existing hook is left alone");
    }
}

/// A hook without any toolchain: WebAssembly text for a core module that names its exports.
const GUEST: &str = r#"(module
    (import "exo:hooks/request@0.1.0" "header" (func $header (param i32 i32 i32)))
    (memory (export "memory") 2)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (data (i32.const 16) "x-trap")
    (func (export "exo:hooks/gateway@0.1.0#on-request") (result i32)
        (call $header (i32.const 16) (i32.const 6) (i32.const 2048))
        (if (i32.load8_u (i32.const 2048)) (then (unreachable)))
        (i32.const 3072))
    (func (export "exo:hooks/gateway@0.1.0#on-response")))"#;

#[test]
fn a_component_is_checked_and_called_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    std::fs::write(dir.join("hook.wasm"), wat::parse_str(GUEST).unwrap()).unwrap();
    let output = studio(dir, &["hooks", "check", "hook.wasm"]);
    let shown = text(&output);
    assert!(output.status.success(), "{shown}");
    for word in [
        "exo:hooks/gateway@0.1.0",
        "exo:hooks/request@0.1.0",
        "compiled in",
        "dry call of gateway.on-request",
    ] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    std::fs::write(dir.join("exo.toml"), "[hooks.guard]\npath = \"hook.wasm\"\n").unwrap();
    let output = studio(dir, &["hook", "call", "guard", "gateway.on-request", "--json", "{}"]);
    assert!(output.status.success() && text(&output).contains("\"ok\":null"), "{}", text(&output));
    assert!(
        text(&output).contains("\"fuel\":") && !text(&output).contains("\"fuel\":null"),
        "{}",
        text(&output)
    );
    let trap = "{\"headers\": {\"x-trap\": \"1\"}}";
    let output = studio(dir, &["hook", "call", "guard", "gateway.on-request", "--json", trap]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("HOOK_CRASHED"), "{}", text(&output));
    // What cannot be called, or would not be looked at, is a mistake of the command.
    for (args, words) in [
        (["gateway.on-reqest", "{}"], ["did you mean `gateway.on-request`?", "gateway.on-response"]),
        (
            ["identity.authenticate", "{}"],
            ["has no export `identity.authenticate`", "it has: gateway.on-request"],
        ),
        (["gateway.on-request", "{\"header\": {}}"], ["knows no `header`", "headers, method"]),
    ] {
        let output = studio(dir, &["hook", "call", "guard", args[0], "--json", args[1]]);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(words.iter().all(|word| text(&output).contains(word)), "{}", text(&output));
    }
    let output = studio(dir, &["hook", "call", "gard", "gateway.on-request"]);
    assert!(output.status.code() == Some(2) && text(&output).contains("guard"), "{}", text(&output));
    let output = studio(dir, &["hooks", "check", "absent.wasm"]);
    assert!(text(&output).contains("absent.wasm") && text(&output).contains("next:"), "{}", text(&output));
    std::fs::write(dir.join("broken.wasm"), "no").unwrap();
    let output = studio(dir, &["hooks", "check", "broken.wasm"]);
    assert!(output.status.code() == Some(4) && text(&output).contains("next:"), "{}", text(&output));
}

#[test]
fn a_plain_core_module_lists_its_functions() {
    let folder = tempfile::tempdir().unwrap();
    let module =
        "(module (func (export \"add\") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
        (func (export \"trap\") unreachable))";
    std::fs::write(folder.path().join("m.wasm"), wat::parse_str(module).unwrap()).unwrap();
    let output = studio(folder.path(), &["hooks", "check", "m.wasm"]);
    assert!(
        output.status.success() && text(&output).contains("functions for a @wasm module: add"),
        "{}",
        text(&output)
    );
    let call = |args: &[&str]| {
        let output = studio(folder.path(), &[&["hook", "call", "m.wasm"], args].concat());
        (output.status.code(), text(&output))
    };
    let (code, text) = call(&["add", "--json", "{\"arguments\": [40, 2]}"]);
    assert!(code == Some(0) && text.contains("\"answer\":42"), "{text}");
    let (code, text) = call(&["trap"]);
    assert!(code == Some(1) && text.contains("HOOK_CRASHED"), "{text}");
    let (code, text) = call(&["sub"]);
    assert!(code == Some(2) && text.contains("it has: add, trap"), "{text}");
    let (code, text) = call(&["add", "--json", "{\"a\": 1}"]);
    assert!(code == Some(2) && text.contains("takes a list of numbers"), "{text}");
}
