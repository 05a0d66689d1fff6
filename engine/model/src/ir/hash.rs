//! The hash of a model's meaning: comments that document nothing, formatting and places do not count.

use std::fmt;

use sha2::{Digest, Sha256};

use super::{AccessRule, Ir, Origin, Plugin};

/// A hash of the meaning of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IrHash(pub [u8; 32]);

impl fmt::Display for IrHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl Ir {
    /// The hash of the meaning: equal for models that differ only in layout, comments or file names.
    pub fn hash(&self) -> IrHash {
        let mut bare = self.clone();
        strip(&mut bare);
        // Encoding into memory cannot fail for these types; an empty encoding would only cause a rebuild.
        let bytes = postcard::to_allocvec(&bare).unwrap_or_default();
        IrHash(Sha256::digest(&bytes).into())
    }
}

/// Removes places and source text.
fn strip(ir: &mut Ir) {
    fn rule(rule: &mut AccessRule) {
        rule.text = None;
        rule.origin = Origin::default();
    }
    for item in ir.enums.values_mut() {
        item.origin = Origin::default();
    }
    for item in ir.json_types.values_mut() {
        item.origin = Origin::default();
    }
    for entity in ir.entities.values_mut() {
        entity.origin = Origin::default();
        rule(&mut entity.access.read);
        rule(&mut entity.access.create);
        rule(&mut entity.access.update);
        rule(&mut entity.access.delete);
        for field in entity.fields.values_mut() {
            field.origin = Origin::default();
            if let Some(access) = &mut field.access {
                rule(&mut access.read);
                rule(&mut access.create);
                rule(&mut access.update);
            }
        }
    }
    for item in ir.code_types.values_mut() {
        rule(&mut item.access);
    }
    for module in ir.modules.values_mut() {
        match &mut module.plugin {
            Plugin::Postgres { .. } => {}
            Plugin::Deno(code) | Plugin::Wasm(code) => {
                for method in &mut code.methods {
                    rule(&mut method.access);
                }
            }
        }
    }
}
