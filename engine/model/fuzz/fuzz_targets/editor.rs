//! Any place of any text can be asked about.
#![no_main]

use libfuzzer_sys::fuzz_target;
use studio_model::ide::Analysis;
use studio_model::{ROOT_FILE, SourceSet};

fuzz_target!(|input: (u32, &str)| {
    let (place, text) = input;
    let analysis = Analysis::new(SourceSet::from_root(text));
    let Some(file) = analysis.file(ROOT_FILE) else { return };
    let place = place % (text.len() as u32 + 2);
    analysis.complete(file, place);
    analysis.hover(file, place);
    analysis.references(file, place, true);
    let _ = analysis.rename(file, place, "renamed");
    analysis.outline(file);
});
