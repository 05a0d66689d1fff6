//! The memory a large model takes. A test binary of its own, as the peak of a process is measured.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may fail, and reads what the system says of the process"
)]

#[path = "../benches/generator/mod.rs"]
mod generator;

use studio_model::{SourceSet, compile};

/// Most memory the process ever held, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn five_thousand_types_fit_into_150_mib() {
    let text = generator::model(5_000);
    let sources = SourceSet::from_root(&text);
    let compiled = compile(&sources);
    assert!(compiled.diagnostics.is_empty());
    assert_eq!(compiled.ir.as_ref().unwrap().entities.len(), 5_000);
    let peak = peak();
    assert!(peak < 150 * 1024, "{peak} KiB for a model of {} KiB", text.len() / 1024);
}
