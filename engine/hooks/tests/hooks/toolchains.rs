//! The guests that `new-hook` writes, built from source with real toolchains: C with zig's clang (a PyPI package),
//! JavaScript with jco and QuickJS (an npm package), Rust where its wasm32-wasip2 target is installed. Tools and results are kept under `target/guests`.
//!
//! Without the tools the tests say so and pass, unless `CI=true`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value as Json, json};
use studio_hooks::{SilentHost, WIT, dry_call};

use crate::guest::{config, load};

fn cache() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("guests");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The sources of a guest, under another name of the project.
fn sources(language: &str) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../app/hook-guests").join(language);
    let to = cache().join(format!("test-{language}"));
    std::fs::create_dir_all(to.join("wit/deps/exo-hooks")).unwrap();
    std::fs::write(to.join("wit/deps/exo-hooks/world.wit"), WIT).unwrap();
    let world = "package local:hook;\n\nworld app {\n    include exo:hooks/gateway-hooks@0.1.0;\n}\n";
    std::fs::write(to.join("wit/world.wit"), world).unwrap();
    copy(&from, &to);
    to
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            copy(&path, &to.join(name));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap().replace("{{name}}", "demo");
        let to = to.join(name.strip_suffix(".txt").unwrap_or(name));
        // The same text leaves the file alone, so that what was made of it is still newer.
        if std::fs::read_to_string(&to).ok().as_deref() != Some(&text) {
            std::fs::write(to, text).unwrap();
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!(
            "{command:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}

/// A tool that cannot be had ends the test here; on a build server that is a failure.
#[allow(clippy::print_stderr, reason = "a skipped test says so")]
fn or_skip<T>(what: &str, got: Result<T, String>) -> Option<T> {
    match got {
        Ok(it) => Some(it),
        Err(error) if std::env::var("CI").as_deref() == Ok("true") => panic!("{what}: {error}"),
        Err(error) => {
            eprintln!("skipped: {what} is not to be had: {error}");
            None
        }
    }
}

/// The folder with the Python package that is zig. Two tests want it; the first one fetches it.
fn zig() -> Result<PathBuf, String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = cache().join("zig-0.17.0");
    let known = run(Command::new("python3").args(["-c", "import ziglang"]).env("PYTHONPATH", &folder));
    if known.is_err() {
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "ziglang==0.17.0"];
        run(Command::new("python3").args(pip).arg("--target").arg(&folder))?;
    }
    Ok(folder)
}

/// Runs `build.sh` of a guest in C.
fn build_c(zig: &Path, folder: &Path) {
    let mut build = Command::new("sh");
    build.arg("build.sh").env_remove("CC").env("PYTHONPATH", zig).current_dir(folder);
    run(&mut build).unwrap();
}

fn jco() -> Result<PathBuf, String> {
    let folder = cache().join("js");
    let modules = folder.join("node_modules");
    if !modules.join(".bin/jco").exists() {
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        std::fs::write(folder.join("package.json"), "{\"private\":true}")
            .map_err(|error| error.to_string())?;
        let package = "@bytecodealliance/jco@1.35.0";
        run(Command::new("npm").args(["install", "--no-audit", "--no-fund", package]).current_dir(&folder))?;
    }
    Ok(modules)
}

/// What each guest promises.
async fn works(component: PathBuf) {
    let guest = load(std::fs::read(component).unwrap(), config()).await.unwrap();
    let call = async |export: &str, arguments: Json| {
        let arguments: Map<String, Json> = serde_json::from_value(arguments).unwrap();
        dry_call(&guest, export, arguments, std::sync::Arc::new(SilentHost)).await.unwrap().answer
    };
    let passed = call("gateway.on-request", json!({})).await;
    assert!(passed.get("ok").is_some_and(Json::is_null), "{passed}");
    let refused = call("gateway.on-request", json!({ "headers": { "x-blocked": "1" } })).await;
    let error = &refused["rejected"]["body"]["errors"][0];
    assert_eq!(
        (&refused["rejected"]["status"], &error["extensions"]["code"]),
        (&json!(403), &json!("BLOCKED"))
    );
    let reply = call("gateway.on-response", json!({})).await;
    assert_eq!(reply["headers"], json!([["x-hook", "demo"]]));
}

#[tokio::test]
async fn the_guest_in_c_is_built_from_source_and_works() {
    let Some(zig) = or_skip("zig", zig()) else { return };
    let folder = sources("c");
    build_c(&zig, &folder);
    works(folder.join("hook.wasm")).await;
}

#[tokio::test]
async fn the_guest_in_javascript_is_built_from_source_and_works() {
    let Some(modules) = or_skip("jco", jco()) else { return };
    let folder = sources("js");
    let link = folder.join("node_modules");
    if !link.exists() {
        std::os::unix::fs::symlink(modules, &link).unwrap();
    }
    let built = folder.join("hook.wasm");
    // 20 seconds on a busy machine: only when the sources are newer.
    let newest = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    let stamp = newest("hook.js") + &newest("package.json") + WIT;
    if !built.is_file() || newest("built-from") != stamp {
        run(Command::new("sh").arg("build.sh").current_dir(&folder)).unwrap();
        std::fs::write(folder.join("built-from"), stamp).unwrap();
    }
    works(built).await;
}

/// The target has to be there already: it belongs to the machine's toolchain, which a test leaves alone.
fn rust_target() -> Result<(), String> {
    let output =
        Command::new("rustc").args(["--print", "sysroot"]).output().map_err(|error| error.to_string())?;
    let sysroot = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let library = Path::new(&sysroot).join("lib/rustlib/wasm32-wasip2/lib");
    if library.is_dir() { Ok(()) } else { Err("rustup target add wasm32-wasip2".to_owned()) }
}

#[tokio::test]
#[allow(clippy::print_stderr, reason = "a skipped test says so")]
async fn the_guest_in_rust_is_built_from_source_and_works() {
    if let Err(missing) = rust_target() {
        eprintln!("skipped: the target of Rust guests is not there: {missing}");
        return;
    }
    let folder = sources("rust");
    let mut build = Command::new("sh");
    // Flags of this build are for another target.
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET"] {
        build.env_remove(variable);
    }
    run(build.arg("build.sh").current_dir(&folder)).unwrap();
    works(folder.join("hook.wasm")).await;
}

/// The components that the template `with-hooks` carries are what its sources give.
#[tokio::test]
async fn the_components_of_the_template_are_built_from_its_sources() {
    let Some(zig) = or_skip("zig", zig()) else { return };
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates/with-hooks");
    for (name, folder) in [("guard", "hooks/guard"), ("limit", "src/limit")] {
        let to = cache().join(format!("template-{name}"));
        std::fs::create_dir_all(&to).unwrap();
        for file in ["hook.c", "exo_hooks.h", "build.sh"] {
            std::fs::copy(template.join(folder).join(file), to.join(file)).unwrap();
        }
        build_c(&zig, &to);
        let (built, kept) =
            (std::fs::read(to.join("hook.wasm")), std::fs::read(template.join(folder).join("hook.wasm")));
        assert!(built.unwrap() == kept.unwrap(), "run build.sh in templates/with-hooks/{folder}");
    }
}
