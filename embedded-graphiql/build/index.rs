//! Copies a bundle into the crate's output folder and writes the table of its files.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::Failure;
use crate::bundle::{at, hex};

/// Files up to this size are also embedded as they are, for clients that unpack nothing.
const PLAIN_LIMIT: usize = 4096;

/// Writes `assets.rs` and the files it includes into `out_dir`.
pub(crate) fn write(dist: &Path, out_dir: &Path) -> Result<(), Failure> {
    let copies = out_dir.join("dist");
    let _ = fs::remove_dir_all(&copies);
    fs::create_dir_all(&copies).map_err(|error| at("creating", &copies, &error))?;

    let mut paths = Vec::new();
    list(dist, dist, &mut paths)?;
    paths.sort();
    let mut table = String::from("pub(crate) static ASSETS: &[Asset] = &[\n");
    for (number, path) in paths.iter().enumerate() {
        table.push_str(&entry(dist, &copies, number, path)?);
    }
    table.push_str("];\n");

    let page = dist.join("index.html");
    let html = fs::read_to_string(&page).map_err(|error| at("reading", &page, &error))?;
    writeln!(table, "pub(crate) static INDEX_HTML: &str = {html:?};").map_err(|error| error.to_string())?;

    let target = out_dir.join("assets.rs");
    fs::write(&target, table).map_err(|error| at("writing", &target, &error))
}

fn list(root: &Path, dir: &Path, paths: &mut Vec<String>) -> Result<(), Failure> {
    let entries = fs::read_dir(dir).map_err(|error| at("reading", dir, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| at("reading", dir, &error))?.path();
        let packed = path.extension().is_some_and(|extension| extension == "gz" || extension == "br");
        if path.is_dir() {
            list(root, &path, paths)?;
        } else if !packed {
            let relative = path.strip_prefix(root).unwrap_or(&path);
            paths.push(relative.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}

fn entry(dist: &Path, copies: &Path, number: usize, path: &str) -> Result<String, Failure> {
    let file = dist.join(path);
    let content = fs::read(&file).map_err(|error| at("reading", &file, &error))?;
    let etag = hex(&Sha256::digest(&content));
    // File names below `assets/` contain a hash of the content.
    let immutable = path.starts_with("assets/");
    let mut variants = String::new();
    for (encoding, suffix) in [("Brotli", ".br"), ("Gzip", ".gz")] {
        let packed = PathBuf::from(format!("{}{suffix}", file.display()));
        if packed.is_file() {
            variants.push_str(&variant(&packed, copies, &format!("{number}{suffix}"), encoding)?);
        }
    }
    if variants.is_empty() || content.len() <= PLAIN_LIMIT {
        variants.push_str(&variant(&file, copies, &format!("{number}"), "Identity")?);
    }
    Ok(format!(
        "    Asset {{ path: {path:?}, content_type: {:?}, etag: \"W/\\\"{etag}\\\"\", immutable: {immutable}, variants: &[{variants}] }},\n",
        content_type(path)?
    ))
}

fn variant(file: &Path, copies: &Path, name: &str, encoding: &str) -> Result<String, Failure> {
    let copy = copies.join(name);
    fs::copy(file, &copy).map_err(|error| at("copying", file, &error))?;
    Ok(format!(
        "Variant {{ encoding: Encoding::{encoding}, bytes: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/dist/{name}\")) }}, "
    ))
}

fn content_type(path: &str) -> Result<&'static str, Failure> {
    match path.rsplit('.').next() {
        Some("html") => Ok("text/html; charset=utf-8"),
        Some("js") => Ok("text/javascript; charset=utf-8"),
        Some("css") => Ok("text/css; charset=utf-8"),
        Some("svg") => Ok("image/svg+xml"),
        Some("ttf") => Ok("font/ttf"),
        Some("woff2") => Ok("font/woff2"),
        Some("json") => Ok("application/json"),
        _ => Err(format!("The bundle holds {path}, and no content type is known for it (build/index.rs).")),
    }
}
