//! Any text compiles or gives problems, and every problem can be shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use studio_model::{RenderStyle, SourceSet, compile};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let compiled = compile(&SourceSet::from_root(&text));
    assert_eq!(compiled.ir.is_none(), compiled.has_errors());
    for problem in compiled.diagnostics.iter().take(50) {
        assert!(!problem.render(&compiled.files, RenderStyle::Plain).is_empty());
    }
});
