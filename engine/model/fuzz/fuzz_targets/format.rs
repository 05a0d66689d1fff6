//! Laying out twice is laying out once, and the meaning stays.
#![no_main]

use libfuzzer_sys::fuzz_target;
use studio_model::{SourceSet, compile, format};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let once = format(&text);
    assert_eq!(once, format(&once));
    let hash = |text: &str| compile(&SourceSet::from_root(text)).ir.map(|ir| ir.hash());
    assert_eq!(hash(&text), hash(&once));
});
