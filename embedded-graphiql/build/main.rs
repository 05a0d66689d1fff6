//! Brings the playground page into the crate.
//!
//! The page is bundled by npm and esbuild from `ui/` into a folder of the target directory that is
//! named after a hash of its inputs, so that debug and release builds, and every later build,
//! share one bundle. Its files are then copied beside the generated index that `src/lib.rs`
//! includes. `EXO_STUDIO_UI_DIST=<dir>` takes a finished bundle instead, for packagers and for
//! builds without a network.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a build script talks to cargo on stdout and to people on stderr"
)]

mod bundle;
mod index;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Names a folder with a finished bundle (what `node build.mjs <dir>` writes).
const DIST_VARIABLE: &str = "EXO_STUDIO_UI_DIST";

/// What went wrong and what to do about it, for a person.
type Failure = String;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("\nThe playground page could not be built.\n\n{reason}\n");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    println!("cargo::rerun-if-env-changed={DIST_VARIABLE}");
    println!("cargo::rerun-if-changed=build");
    let crate_dir = variable("CARGO_MANIFEST_DIR")?;
    let out_dir = variable("OUT_DIR")?;
    let ui = crate_dir.join("ui");
    let inputs = bundle::inputs(&ui)?;
    for input in &inputs {
        println!("cargo::rerun-if-changed={}", input.display());
    }
    // A new file changes the folder it is in.
    println!("cargo::rerun-if-changed={}", ui.join("src").display());

    let dist = match env::var_os(DIST_VARIABLE) {
        Some(dir) if !dir.is_empty() => given(&crate_dir.join(dir))?,
        _ => {
            let best = env::var("PROFILE").is_ok_and(|profile| profile == "release");
            bundle::build(&ui, &inputs, &target_dir(&out_dir), best)?
        }
    };
    // For this crate's own tests; the library does not look at it.
    println!("cargo::rustc-env=EMBEDDED_GRAPHIQL_DIST={}", dist.display());
    index::write(&dist, &out_dir)
}

fn given(dist: &Path) -> Result<PathBuf, Failure> {
    if dist.join("index.html").is_file() {
        println!("cargo::rerun-if-changed={}", dist.display());
        return Ok(dist.to_owned());
    }
    Err(format!(
        "{DIST_VARIABLE} names {}, but there is no index.html in it.\n\
         Make a bundle with `npm ci --ignore-scripts && node build.mjs <dir>` in embedded-graphiql/ui, or unset the variable.",
        dist.display()
    ))
}

fn variable(name: &str) -> Result<PathBuf, Failure> {
    env::var_os(name).map(PathBuf::from).ok_or_else(|| format!("{name} is not set; run this through cargo."))
}

/// The root of the target directory, above profiles and triples: cargo marks it with a cache tag.
fn target_dir(out_dir: &Path) -> PathBuf {
    let tagged = out_dir.ancestors().find(|dir| dir.join("CACHEDIR.TAG").is_file());
    // Without a tag: <target>/<profile>/build/<package>/out.
    tagged.or_else(|| out_dir.ancestors().nth(4)).unwrap_or(out_dir).to_owned()
}
