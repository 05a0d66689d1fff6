//! `exo-studio hooks check`, `hook call` and `new-hook`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use include_dir::{Dir, include_dir};
use serde_json::{Map, Value as Json, json};
use studio_engine::config::ExoToml;
use studio_hooks::{
    CheckReport, ComponentConfig, CoreModule, Counting, HookComponent, HookEngine, HookErrorKind, HookHost,
    HookLevel, HookLine, LoadError, WIT, callable, check, dry_call, dry_call_keys,
};

use crate::cli::{HookCallArgs, HookLanguage, NewHookArgs};
use crate::failure::Failure;
use crate::output;

static GUESTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/hook-guests");

/// A host for calls by hand: log lines go to standard error.
#[derive(Default)]
struct ByHand {
    claims: Option<String>,
}

impl HookHost for ByHand {
    fn trace_id(&self) -> String {
        "by-hand".to_owned()
    }
    fn wants_reports(&self) -> bool {
        true
    }
    fn log_enabled(&self, _level: HookLevel) -> bool {
        true
    }
    fn log(&self, line: HookLine) {
        let level = format!("{:?}", line.level).to_lowercase();
        output::note(&format!("{level}: {}", line.text()));
    }
    fn access(&self, _component: &str, record: Vec<u8>) -> bool {
        output::note(&format!("access {}", String::from_utf8_lossy(&record).trim_end()));
        true
    }
    fn claims(&self) -> Option<String> {
        self.claims.clone()
    }
    fn model(&self, _name: &str) -> Option<String> {
        None
    }
}

/// With a project its compiled code is used again: compiling a guest in Python takes many seconds.
fn engine(project: &Path) -> Result<HookEngine, Failure> {
    let cache = project.join("exo.toml").is_file().then(|| project.join("target/hooks"));
    HookEngine::new(cache.as_deref(), Counting::Fuel)
        .map_err(|error| failed("make a WebAssembly engine", &error))
}

fn failed(what: &str, error: &LoadError) -> Failure {
    Failure::environment(what, error).help(error.help())
}

/// `hooks check FILE`.
pub(crate) async fn check_file(file: &Path) -> Result<ExitCode, Failure> {
    // As in production: counting fuel takes a compiler longer.
    let engine = HookEngine::new(None, Counting::Nothing)
        .map_err(|error| failed("make a WebAssembly engine", &error))?;
    let bytes = std::fs::read(file).map_err(|error| {
        Failure::environment(&format!("read {}", file.display()), &error)
            .help("name the built component, such as hooks/NAME/hook.wasm")
    })?;
    if CoreModule::is_plain(&bytes) {
        let limits = ComponentConfig::new("module", file);
        let module = CoreModule::from_bytes(&engine, &bytes, limits.timeout, limits.memory_bytes)
            .map_err(|error| failed("load the module", &error))?;
        output::line(&format!("{}: a plain core module, {} KB", file.display(), bytes.len().div_ceil(1024)));
        output::line(&format!("functions for a @wasm module: {}", list(&module.functions())));
        return Ok(ExitCode::SUCCESS);
    }
    let report = check(&engine, file).await.map_err(|error| failed("load the component", &error))?;
    let CheckReport { size, compile_time, imports, exports, component } = report;
    output::line(&format!(
        "{}: {} KB, compiled in {:.1} ms",
        file.display(),
        size.div_ceil(1024),
        compile_time.as_secs_f64() * 1000.0
    ));
    output::line(&format!("exports: {}", list(&exports)));
    output::line(&format!("imports: {}", list(&imports)));
    let component = component.map_err(|error| failed("use it as a hook", &error))?;
    for interface in component.interfaces() {
        output::line(&format!("  {}: {}", interface.name(), interface.functions().join(", ")));
    }
    dry_run(&component).await;
    Ok(ExitCode::SUCCESS)
}

/// A timed call of an export, preferably of one that needs no arguments; all others are empty.
async fn dry_run(component: &Arc<HookComponent>) {
    let exports = callable(component);
    let simple = ["gateway.on-request", "identity.authenticate", "observer.on-finished"];
    let export = simple.into_iter().find(|export| exports.iter().any(|it| it == export));
    let Some(export) = export.or(exports.first().map(String::as_str)) else {
        output::line("nothing to call: it only has `lifecycle`");
        return;
    };
    match dry_call(component, export, Map::new(), Arc::new(ByHand::default())).await {
        Ok(call) => output::line(&format!(
            "dry call of {export}: {:.0} us, new instance included: {}",
            call.time.as_secs_f64() * 1e6,
            call.answer
        )),
        Err(error) => output::line(&format!("dry call of {export} without arguments failed: {error}")),
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// `hook call NAME EXPORT`.
pub(crate) async fn call(args: &HookCallArgs) -> Result<ExitCode, Failure> {
    let arguments: Map<String, Json> = serde_json::from_str(&args.json).map_err(|error| {
        Failure::usage(
            format!("--json is no JSON object: {error}"),
            "write it as '{\"headers\": {}}'".to_owned(),
        )
    })?;
    let engine = engine(&args.dir)?;
    let config = component_config(args)?;
    if let Some(bytes) = std::fs::read(&config.path).ok().filter(|bytes| CoreModule::is_plain(bytes)) {
        return call_core(&engine, &config, args, &bytes, &arguments).await;
    }
    let component =
        HookComponent::load(&engine, config).await.map_err(|error| failed("load the component", &error))?;
    fits(&component, args, &arguments)?;
    let host = ByHand { claims: arguments.get("claims").map(Json::to_string) };
    match dry_call(&component, &args.export, arguments, Arc::new(host)).await {
        Ok(call) => {
            let us = (call.time.as_secs_f64() * 1e6).round();
            let answer = json!({ "answer": call.answer, "microseconds": us, "fuel": call.fuel });
            output::line(&answer.to_string());
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            output::line(&json!({ "error": error.to_failure().to_json() }).to_string());
            output::note(&error.to_string());
            Ok(ExitCode::from(1))
        }
    }
}

/// A function of a plain core module, as a `@wasm` module of a model calls it.
async fn call_core(
    engine: &HookEngine,
    config: &ComponentConfig,
    args: &HookCallArgs,
    bytes: &[u8],
    arguments: &Map<String, Json>,
) -> Result<ExitCode, Failure> {
    let module = CoreModule::from_bytes(engine, bytes, config.timeout, config.memory_bytes)
        .map_err(|error| failed("load the module", &error))?;
    let values = match (arguments.len(), arguments.get("arguments")) {
        (0, None) => &[][..],
        (1, Some(Json::Array(values))) => values.as_slice(),
        _ => {
            return Err(Failure::usage(
                "a function of a core module takes a list of numbers".to_owned(),
                "write --json '{\"arguments\": [1, 2]}'".to_owned(),
            ));
        }
    };
    match module.call(&args.export, values).await {
        Ok(answer) => {
            output::line(&json!({ "answer": answer }).to_string());
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if error.kind().is_none() => {
            Err(Failure::usage(error.to_string(), format!("it has: {}", list(&module.functions()))))
        }
        Err(error) => {
            let code = error.kind().map(HookErrorKind::code);
            output::line(&json!({ "error": { "message": error.to_string(), "code": code } }).to_string());
            Ok(ExitCode::from(1))
        }
    }
}

/// Whether there is such an export, and whether it looks at what it is told.
fn fits(
    component: &HookComponent,
    args: &HookCallArgs,
    arguments: &Map<String, Json>,
) -> Result<(), Failure> {
    let exports = callable(component);
    if !exports.contains(&args.export) {
        let near = studio_model::nearest(&args.export, exports.iter().map(String::as_str));
        let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
        return Err(Failure::usage(
            format!("`{}` has no export `{}`", args.name, args.export),
            format!("{near}it has: {}", list(&exports)),
        ));
    }
    let keys = dry_call_keys(&args.export);
    match arguments.keys().find(|key| !keys.contains(&key.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(Failure::usage(
            format!("a call of {} knows no `{unknown}`", args.export),
            format!("known in --json: {}", keys.join(", ")),
        )),
    }
}

/// A hook of the project, or a file.
fn component_config(args: &HookCallArgs) -> Result<ComponentConfig, Failure> {
    let toml = ExoToml::read(&args.dir)
        .map_err(|problem| Failure::environment("read exo.toml", &problem).help(problem.help.clone()))?;
    let components = toml.components(&args.dir);
    if let Some(found) = components.iter().find(|config| config.name == args.name) {
        return Ok(found.clone());
    }
    if Path::new(&args.name).is_file() {
        // Nobody set a limit for it, and the answer is wanted also from a busy machine.
        let timeout = std::time::Duration::from_secs(10);
        return Ok(ComponentConfig { timeout, ..ComponentConfig::new("guest", PathBuf::from(&args.name)) });
    }
    let names: Vec<_> = components.iter().map(|config| config.name.as_str()).collect();
    let known = if names.is_empty() {
        "exo.toml configures none; name a file".to_owned()
    } else {
        format!("exo.toml has: {}", names.join(", "))
    };
    Err(Failure::usage(format!("there is no hook and no file `{}`", args.name), known))
}

/// `new-hook NAME --lang …`.
pub(crate) fn new_hook(args: &NewHookArgs) -> Result<ExitCode, Failure> {
    let sound = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if args.name.is_empty() || !args.name.chars().all(sound) {
        return Err(Failure::usage(
            format!("`{}` is no name for a hook", args.name),
            "use letters, digits, - and _".to_owned(),
        ));
    }
    let folder = args.dir.join("hooks").join(&args.name);
    if folder.exists() {
        return Err(Failure::usage(
            format!("`{}` exists already; nothing was changed", folder.display()),
            "choose another name".to_owned(),
        ));
    }
    let language = match args.lang {
        HookLanguage::Rust => "rust",
        HookLanguage::Js => "js",
        HookLanguage::Ts => "ts",
        HookLanguage::Python => "python",
        HookLanguage::C => "c",
    };
    let write = |error: std::io::Error| Failure::environment("write the hook", &error);
    let source = GUESTS.get_dir(language).ok_or_else(|| {
        Failure::usage(format!("no guest for {language}"), "choose another language".to_owned())
    })?;
    let mut files = Vec::new();
    write_guest(source, source.path(), &folder, &args.name, &mut files).map_err(write)?;
    if !matches!(args.lang, HookLanguage::C) {
        let package = folder.join("wit/deps/exo-hooks");
        std::fs::create_dir_all(&package).map_err(write)?;
        std::fs::write(package.join("world.wit"), WIT).map_err(write)?;
        std::fs::write(folder.join("wit/world.wit"), WORLD).map_err(write)?;
        files.extend(["wit/world.wit".to_owned(), "wit/deps/exo-hooks/world.wit".to_owned()]);
    }
    files.sort();
    output::line(&format!("created {}/", folder.display()));
    for file in &files {
        output::line(&format!("  {file}"));
    }
    output::line(&format!(
        "next: build it as its README says, then add to exo.toml:\n\n[hooks.{}]\npath = \"hooks/{}/hook.wasm\"",
        args.name, args.name
    ));
    Ok(ExitCode::SUCCESS)
}

/// The world of a guest's own package.
const WORLD: &str = "package local:hook;\n\nworld app {\n    include exo:hooks/gateway-hooks@0.1.0;\n}\n";

fn write_guest(
    dir: &Dir<'_>,
    root: &Path,
    target: &Path,
    name: &str,
    files: &mut Vec<String>,
) -> std::io::Result<()> {
    std::fs::create_dir_all(target)?;
    for file in dir.files() {
        let relative = file.path().strip_prefix(root).unwrap_or(file.path());
        let path = target.join(relative);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        // `Cargo.toml` would make a package inside of ours.
        let path = match path.file_name().and_then(|it| it.to_str()) {
            Some("Cargo.toml.txt") => path.with_file_name("Cargo.toml"),
            Some("gitignore") => path.with_file_name(".gitignore"),
            _ => path,
        };
        std::fs::write(&path, file.contents_utf8().unwrap_or_default().replace("{{name}}", name))?;
        files.push(path.strip_prefix(target).unwrap_or(&path).display().to_string());
    }
    for inner in dir.dirs() {
        write_guest(inner, root, target, name, files)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_a_source_a_build_and_a_test() {
        for (language, source) in [
            ("rust", "src/lib.rs"),
            ("js", "hook.js"),
            ("ts", "hook.ts"),
            ("python", "app.py"),
            ("c", "hook.c"),
        ] {
            let dir = GUESTS.get_dir(language).unwrap();
            for file in [source, "README.md", "build.sh", "test.sh"] {
                assert!(dir.get_file(Path::new(language).join(file)).is_some(), "{language}/{file}");
            }
        }
    }
}
