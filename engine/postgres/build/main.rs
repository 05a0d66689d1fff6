//! Makes the Postgres bundle that the studio embeds: server binaries with the `vector` extension, and a
//! ready-made empty cluster, both as `.tar.zst`.
//!
//! Everything is cached below the workspace's target folder under the hash of its inputs, so that debug,
//! release and test builds share the downloads and a rebuild costs nothing.
//!
//! | variable (build time) | effect |
//! |---|---|
//! | `EXO_STUDIO_BUNDLE=none` | embed nothing; the studio then needs `EXO_STUDIO_PG` or a database URL |
//! | `EXO_PG_TARBALL=<file>` | take the server package from this file instead of fetching it |
//! | `EXO_PG_VECTOR_WHEEL=<file>` | take the `vector` wheel from this file instead of fetching it |

#![expect(clippy::print_stdout, reason = "a build script talks to cargo on its standard output")]

mod archive;
mod fetch;
mod pins;
mod template;
mod zip;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::pins::Pins;

/// Raised by hand whenever the way the archive or the template is made changes.
const RECIPE: &str = "2";

/// What ends up in the binary.
struct Bundle {
    archive: PathBuf,
    archive_hash: String,
    template: PathBuf,
    vector: Option<String>,
}

fn main() {
    println!("cargo:rerun-if-changed=build");
    println!("cargo:rerun-if-changed=MANIFEST.toml");
    for name in ["EXO_STUDIO_BUNDLE", "EXO_PG_TARBALL", "EXO_PG_VECTOR_WHEEL"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    if let Err(message) = run() {
        for line in message.lines() {
            println!("cargo::error={line}");
        }
        std::process::exit(1);
    }
}

fn run() -> Result<(), String> {
    let out_dir = PathBuf::from(required("OUT_DIR")?);
    let pins = Pins::read(Path::new("MANIFEST.toml"))?;
    let bundle = match env::var("EXO_STUDIO_BUNDLE").ok().as_deref() {
        Some("none") => None,
        Some(other) if !other.is_empty() => {
            return Err(format!("EXO_STUDIO_BUNDLE is `{other}`; the only known value is `none`"));
        }
        Some(_) | None => make(&pins, &out_dir)?,
    };
    write_source(&pins, bundle.as_ref(), &out_dir)
}

/// Builds the bundle, or finds it in the cache. `None` when there is no server for the target platform.
fn make(pins: &Pins, out_dir: &Path) -> Result<Option<Bundle>, String> {
    let Some(platform) =
        pins::platform(&required("CARGO_CFG_TARGET_OS")?, &required("CARGO_CFG_TARGET_ARCH")?)
    else {
        println!(
            "cargo:warning=there is no bundled Postgres for this platform; the studio will need EXO_STUDIO_PG \
             or a database URL"
        );
        return Ok(None);
    };
    let cache = target_folder(out_dir).join("exo-postgres");
    create_dir(&cache)?;
    // Two cargo runs may share one target folder (another profile, an editor): one makes the bundle.
    let lock =
        fs::File::create(cache.join("lock")).map_err(|e| format!("cannot lock {}: {e}", cache.display()))?;
    lock.lock().map_err(|e| format!("cannot lock {}: {e}", cache.display()))?;

    let server = fetch::server(pins, platform, &cache)?;
    let wheel = fetch::vector(pins, platform, &cache)?;
    let level = if env::var("PROFILE").as_deref() == Ok("release") { 19 } else { 3 };
    let key = short_hash(&[
        RECIPE.as_bytes(),
        server.hash.as_bytes(),
        wheel.as_ref().map_or("none", |it| it.hash.as_str()).as_bytes(),
        platform.as_bytes(),
        &[level],
    ]);
    let archive = cache.join(format!("postgres-{platform}-{key}.tar.zst"));
    if !archive.exists() {
        archive::repack(
            &server.path,
            wheel.as_ref().map(|it| it.path.as_path()),
            pins,
            i32::from(level),
            &archive,
        )?;
    }
    let bytes = read(&archive)?;
    let archive_hash = short_hash(&[&bytes]);

    let vector = wheel.map(|_| pins.vector.version.clone());
    let template = cache.join(format!("template-{platform}-{archive_hash}-{RECIPE}.tar.zst"));
    let here = required("HOST")? == required("TARGET")?;
    let made = if here && !template.exists() {
        template::make(&bytes, i32::from(level).max(9), &cache, &template)
    } else {
        Ok(())
    };
    if let Err(reason) = &made {
        let reason = reason.replace('\n', " ");
        println!(
            "cargo:warning=the empty Postgres cluster cannot be made in this build, so the first start of each \
             project will take some seconds longer: {reason}"
        );
    }
    if here && made.is_ok() {
        return Ok(Some(Bundle { archive, archive_hash, template, vector }));
    }
    // The programs of another platform cannot run here: the first start makes the cluster.
    let empty = cache.join("template-empty");
    write(&empty, &[])?;
    Ok(Some(Bundle { archive, archive_hash, template: empty, vector }))
}

/// Writes `bundle.rs`, which `src/bundle.rs` includes.
fn write_source(pins: &Pins, bundle: Option<&Bundle>, out_dir: &Path) -> Result<(), String> {
    let text = match bundle {
        None => format!(
            "const VERSION: &str = {:?};\nconst HASH: &str = \"\";\nconst VECTOR: Option<&str> = None;\n\
             static ARCHIVE: &[u8] = &[];\nstatic TEMPLATE: &[u8] = &[];\n",
            pins.postgres.version
        ),
        Some(bundle) => {
            link(&bundle.archive, &out_dir.join("postgres.tar.zst"))?;
            link(&bundle.template, &out_dir.join("template.tar.zst"))?;
            format!(
                "const VERSION: &str = {:?};\nconst HASH: &str = {:?};\nconst VECTOR: Option<&str> = {:?};\n\
                 static ARCHIVE: &[u8] = include_bytes!(concat!(env!(\"OUT_DIR\"), \"/postgres.tar.zst\"));\n\
                 static TEMPLATE: &[u8] = include_bytes!(concat!(env!(\"OUT_DIR\"), \"/template.tar.zst\"));\n",
                pins.postgres.version, bundle.archive_hash, bundle.vector
            )
        }
    };
    write(&out_dir.join("bundle.rs"), text.as_bytes())
}

/// The workspace's target folder, which every profile and target triple shares.
fn target_folder(out_dir: &Path) -> PathBuf {
    out_dir
        .ancestors()
        .find(|dir| dir.join("CACHEDIR.TAG").exists() || dir.join(".rustc_info.json").exists())
        // <target>/<profile>/build/<package>/out
        .or_else(|| out_dir.ancestors().nth(4))
        .unwrap_or(out_dir)
        .to_path_buf()
}

/// A hard link costs no space; another file system needs a copy.
fn link(from: &Path, to: &Path) -> Result<(), String> {
    let _ = fs::remove_file(to);
    fs::hard_link(from, to)
        .or_else(|_| fs::copy(from, to).map(|_| ()))
        .map_err(|e| format!("cannot copy {} to {}: {e}", from.display(), to.display()))
}

fn required(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("cargo did not set {name}"))
}

pub(crate) fn short_hash(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))
}

/// Writes through a temporary name, so that an interrupted build never leaves half a file in the cache.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    fs::write(&partial, bytes)
        .and_then(|()| fs::rename(&partial, path))
        .map_err(|e| format!("cannot write {}: {e}", path.display()))
}

pub(crate) fn create_dir(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path).map_err(|e| format!("cannot create {}: {e}", path.display()))
}
