//! The IR of sample models, its hash and its file.

use studio_model::ir::{IR_FORMAT_VERSION, IrFileError};
use studio_model::{Ir, SourceSet, compile};

fn ir(text: &str) -> Ir {
    let compiled = compile(&SourceSet::from_root(text));
    for diagnostic in &compiled.diagnostics {
        assert!(!diagnostic.is_error(), "{}", diagnostic.one_line(&compiled.files));
    }
    compiled.ir.unwrap()
}

const BOOKSHOP: &str = include_str!("../models/bookshop.exo");
const FLEET: &str = include_str!("../models/fleet.exo");
const CODE: &str = include_str!("../models/code.exo");

#[test]
fn sample_models() {
    for (name, text) in [("bookshop", BOOKSHOP), ("fleet", FLEET), ("code", CODE)] {
        let json = serde_json::to_string_pretty(&ir(text)).unwrap();
        insta::with_settings!({ snapshot_path => "../../../../snapshots/model", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("ir_{name}"), json);
        });
    }
}

#[test]
fn comments_layout_and_file_names_do_not_change_the_hash() {
    let spread = BOOKSHOP.replace(" {", "   {").replace(": ", " :  ").replace('\n', "\n// a comment\n");
    assert_eq!(ir(BOOKSHOP).hash(), ir(&spread).hash());
    // File docs of imported files are dropped, so the root keeps them here.
    let elsewhere = compile(&SourceSet::from_texts([
        ("src/index.exo", "//! A bookshop.\nimport \"shop\""),
        ("src/shop.exo", BOOKSHOP),
    ]));
    assert_eq!(elsewhere.ir.unwrap().hash(), ir(BOOKSHOP).hash());
    assert_ne!(ir(BOOKSHOP).hash(), ir(&BOOKSHOP.replace("bio: String", "bio: String?")).hash());
    assert_ne!(ir(BOOKSHOP).hash(), ir(&BOOKSHOP.replace("\"staff\"", "\"owner\"")).hash());
}

#[test]
fn the_ir_file_round_trips_and_damage_is_noticed() {
    for text in [BOOKSHOP, FLEET, CODE] {
        let before = ir(text);
        let bytes = before.to_bytes();
        let after = Ir::from_bytes(&bytes).unwrap();
        assert_eq!(before, after);
        assert_eq!(before.hash(), after.hash());
        for cut in 0..bytes.len() {
            assert!(Ir::from_bytes(&bytes[..cut]).is_err());
        }
        let mut flipped = bytes.clone();
        *flipped.last_mut().unwrap() ^= 1;
        assert_eq!(Ir::from_bytes(&flipped), Err(IrFileError::Damaged));
        let mut newer = bytes.clone();
        newer[8..12].copy_from_slice(&(IR_FORMAT_VERSION + 1).to_le_bytes());
        assert_eq!(
            Ir::from_bytes(&newer),
            Err(IrFileError::Newer { found: IR_FORMAT_VERSION + 1, supported: IR_FORMAT_VERSION })
        );
        assert_eq!(
            Ir::from_bytes(b"{\"json\": true, \"long\": 12345678901234567890}"),
            Err(IrFileError::NotAnIrFile)
        );
    }
}
