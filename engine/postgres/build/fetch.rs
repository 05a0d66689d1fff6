//! Fetches the two packages with the ordinary package clients, by name and exact version, and checks
//! their hashes. Knows no host name: the user's own client configuration says where packages come from.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use sha2::{Digest, Sha256, Sha512};

use crate::pins::Pins;
use crate::{create_dir, read};

/// A file in the cache whose hash was checked.
pub(crate) struct Fetched {
    pub(crate) path: PathBuf,
    pub(crate) hash: String,
}

/// The server package for `platform`.
pub(crate) fn server(pins: &Pins, platform: &str, cache: &Path) -> Result<Fetched, String> {
    let (package, integrity) = pins
        .postgres
        .platforms
        .get(platform)
        .ok_or_else(|| format!("MANIFEST.toml has no server for {platform}"))?;
    let spec = format!("{package}@{}", pins.postgres.package_version);
    if let Some(path) = env::var_os("EXO_PG_TARBALL").filter(|it| !it.is_empty()) {
        println!("cargo:rerun-if-changed={}", path.to_string_lossy());
        let path = PathBuf::from(path);
        check_integrity(&path, integrity)
            .map_err(|e| format!("EXO_PG_TARBALL: {e}\nIt must be the file that `npm pack {spec}` gives."))?;
        return Ok(Fetched { path, hash: integrity.clone() });
    }
    let file = format!(
        "{}-{}.tgz",
        package.trim_start_matches('@').replace('/', "-"),
        pins.postgres.package_version
    );
    let path = cache.join(file);
    if !path.exists() {
        npm_pack(&spec, cache)?;
    }
    if let Err(error) = check_integrity(&path, integrity) {
        // Never keep a file that cannot be used: the next build fetches it again.
        let _ = std::fs::remove_file(&path);
        return Err(error);
    }
    Ok(Fetched { path, hash: integrity.clone() })
}

fn npm_pack(spec: &str, cache: &Path) -> Result<(), String> {
    let ways_out = format!(
        "Ways out: install Node.js (it brings npm) and build again; or run `npm pack {spec}` on another \
         machine and set EXO_PG_TARBALL to the file; or set EXO_STUDIO_BUNDLE=none to build a studio without \
         a bundled Postgres."
    );
    let program = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let output = Command::new(program)
        .args(["pack", "--silent", "--ignore-scripts", "--pack-destination"])
        .arg(cache)
        .arg(spec)
        .current_dir(cache)
        .output();
    match output {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(format!(
            "npm is needed to fetch the bundled Postgres ({spec}) and was not found.\n{ways_out}"
        )),
        Err(error) => Err(format!("npm could not be run: {error}\n{ways_out}")),
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!(
            "`npm pack {spec}` failed ({}). Is there a network connection?\n{}\n{ways_out}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

/// The wheel with the `vector` extension. A machine without Python still gets a working studio, only
/// without that extension, and is told so.
pub(crate) fn vector(pins: &Pins, platform: &str, cache: &Path) -> Result<Option<Fetched>, String> {
    let Some((tag, sha256)) = pins.vector.platforms.get(platform) else { return Ok(None) };
    if let Some(path) = env::var_os("EXO_PG_VECTOR_WHEEL").filter(|it| !it.is_empty()) {
        println!("cargo:rerun-if-changed={}", path.to_string_lossy());
        let path = PathBuf::from(path);
        check_sha256(&path, sha256).map_err(|e| format!("EXO_PG_VECTOR_WHEEL: {e}"))?;
        return Ok(Some(Fetched { path, hash: sha256.clone() }));
    }
    let folder = cache.join(format!("vector-{}", sha256.get(..16).unwrap_or(sha256)));
    let mut path = wheel_in(&folder);
    if path.is_none() {
        create_dir(&folder)?;
        if let Err(reason) = pip_download(pins, tag, &folder) {
            println!(
                "cargo:warning=the bundled Postgres is built without the `vector` extension: {reason}. To have \
                 it, install Python with pip and run `cargo clean -p studio-postgres`, or set EXO_PG_VECTOR_WHEEL"
            );
            return Ok(None);
        }
        path = wheel_in(&folder);
    }
    let path = path.ok_or("pip reported success but left no wheel")?;
    if let Err(error) = check_sha256(&path, sha256) {
        let _ = std::fs::remove_file(&path);
        return Err(error);
    }
    Ok(Some(Fetched { path, hash: sha256.clone() }))
}

fn pip_download(pins: &Pins, tag: &str, folder: &Path) -> Result<(), String> {
    let requirement = format!("{}=={}", pins.vector.package, pins.vector.package_version);
    let abi = format!("cp{}", pins.vector.python.replace('.', ""));
    let mut reason = "neither `python3 -m pip` nor `pip` could be run".to_owned();
    for words in [&["python3", "-m", "pip"][..], &["python", "-m", "pip"], &["pip3"], &["pip"]] {
        let Some((program, before)) = words.split_first() else { continue };
        let output = Command::new(program)
            .args(before)
            .args(["download", "--quiet", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"])
            // Named outright, so that every machine gets the one file whose hash is pinned.
            .args(["--implementation", "cp", "--python-version", &pins.vector.python, "--abi", &abi])
            .args(["--platform", tag, "--dest"])
            .arg(folder)
            .arg(&requirement)
            .output();
        match output {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => {
                let text = String::from_utf8_lossy(&output.stderr);
                let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no message");
                reason = format!("`{} download {requirement}` failed: {}", words.join(" "), last.trim());
            }
            Err(_) => {}
        }
    }
    Err(reason)
}

fn wheel_in(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    entries.filter_map(|it| Some(it.ok()?.path())).find(|path| path.extension().is_some_and(|it| it == "whl"))
}

/// `integrity` as npm writes it: `sha512-<base64>`.
fn check_integrity(path: &Path, integrity: &str) -> Result<(), String> {
    let digest = base64::engine::general_purpose::STANDARD.encode(Sha512::digest(read(path)?));
    expect_hash(path, &format!("sha512-{digest}"), integrity)
}

fn check_sha256(path: &Path, expected: &str) -> Result<(), String> {
    let digest: String = Sha256::digest(read(path)?).iter().map(|byte| format!("{byte:02x}")).collect();
    expect_hash(path, &digest, expected)
}

fn expect_hash(path: &Path, found: &str, expected: &str) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!(
        "{} does not have the hash pinned in engine/postgres/MANIFEST.toml.\nexpected {expected}\nfound    {found}",
        path.display()
    ))
}
