//! The modules a prelude can import: one, a validator of UUIDs (rule T3).

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Error, Module};

/// What is exported by the published modules of that name, without the generators.
const UUID: &str = r#"
const NIL = "00000000-0000-0000-0000-000000000000";
const MAX = "ffffffff-ffff-ffff-ffff-ffffffffffff";
const SHAPE = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
function isNil(id) { return id === NIL; }
function validate(id) {
  return typeof id === "string" && (SHAPE.test(id) || id === NIL || id.toLowerCase() === MAX);
}
function version(id) {
  if (!validate(id)) throw new TypeError("Invalid UUID");
  return parseInt(id.slice(14, 15), 16);
}
const only = (wanted) => ({ validate: (id) => validate(id) && version(id) === wanted });
const v1 = only(1), v3 = only(3), v4 = only(4), v5 = only(5), v6 = only(6), v7 = only(7);
"#;

const EXPORTS: &str = "export { NIL, NIL as NIL_UUID, MAX, isNil, version, v1, v3, v4, v5, v6, v7 };\n\
    export default { NIL, MAX, isNil, validate, version, v1, v3, v4, v5, v6, v7 };\n";

/// Finds the built-in module by the many addresses it is published under.
#[derive(Debug, Default)]
pub(super) struct Modules {
    /// The imports that were refused.
    pub(super) refused: std::rc::Rc<std::cell::RefCell<Vec<String>>>,
}

/// The UUID version a module address stands for: `Some(0)` for any version.
fn uuid_module(specifier: &str) -> Option<u8> {
    let path = specifier.split(['?', '#']).next().unwrap_or(specifier);
    let mut segments = path.split(['/', ':']).map(|segment| segment.split('@').next().unwrap_or(segment));
    segments.find(|segment| *segment == "uuid" || *segment == "uuid.js" || *segment == "uuid.ts")?;
    let file = path.rsplit('/').next().unwrap_or(path);
    let stem = file.split('.').next().unwrap_or(file);
    let version = stem.strip_prefix('v').and_then(|digits| digits.parse::<u8>().ok());
    Some(version.filter(|version| (1..=8).contains(version)).unwrap_or(0))
}

impl Resolver for Modules {
    fn resolve<'js>(
        &mut self,
        _: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<String> {
        match uuid_module(name) {
            Some(version) => Ok(format!("built-in:uuid/{version}")),
            None => {
                self.refused.borrow_mut().push(name.to_owned());
                Err(Error::new_resolving(base, name))
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct BuiltIns;

impl Loader for BuiltIns {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<Module<'js, Declared>> {
        let Some(version) = name.strip_prefix("built-in:uuid/") else {
            return Err(Error::new_loading(name));
        };
        let validate = match version {
            "0" => "export { validate };\n".to_owned(),
            version => {
                format!("const onlyThis = only({version}).validate;\nexport {{ onlyThis as validate }};\n")
            }
        };
        Module::declare(ctx.clone(), name, [UUID, EXPORTS, &validate].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::uuid_module;

    #[test]
    fn addresses_of_the_uuid_module() {
        for (specifier, expected) in [
            ("https://deno.land/std@0.140.0/uuid/mod.ts", Some(0)),
            ("https://deno.land/std/uuid/v4.ts", Some(4)),
            ("https://esm.sh/uuid@9.0.0?dev", Some(0)),
            ("https://jspm.dev/uuid", Some(0)),
            ("npm:uuid@9", Some(0)),
            ("jsr:@std/uuid", Some(0)),
            ("uuid", Some(0)),
            ("https://deno.land/std/testing/asserts.ts", None),
            ("https://example.com/myuuid/mod.ts", None),
            ("./uuid-helpers.js", None),
        ] {
            assert_eq!(uuid_module(specifier), expected, "{specifier}");
        }
    }
}
