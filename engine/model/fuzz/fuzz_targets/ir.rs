//! Any file is a compiled model or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use studio_model::Ir;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(ir) = Ir::from_bytes(bytes) {
        assert_eq!(Ir::from_bytes(&ir.to_bytes()).as_ref(), Ok(&ir));
    }
});
