//! The first version of a script.

use std::collections::BTreeSet;
use std::fmt::Write;

use studio_model::ir::{CodeBase, CodeModule, CodeTypeRef, Ir, ModuleId, Param};

use super::note_foreign;
use super::types::{code_type, owner};

/// A script with a function for every method and interceptor of the module; each throws "not implemented".
pub fn skeleton(ir: &Ir, module: ModuleId, code: &CodeModule) -> String {
    let typed = code.path.ends_with(".ts");
    let mut text = if typed { imports(ir, module, code) } else { String::new() };
    let methods = code.methods.iter().map(|method| (&method.name, &method.params, Some(&method.result)));
    let interceptors = code.interceptors.iter().map(|it| (&it.name, &it.params, None));
    for (name, params, result) in methods.chain(interceptors) {
        if !text.is_empty() {
            text.push('\n');
        }
        let params: Vec<String> = params.iter().map(|param| parameter(ir, module, param, typed)).collect();
        let result = result
            .filter(|_| typed)
            .map(|result| format!(": Promise<{}>", code_type(ir, module, result)))
            .unwrap_or_default();
        // Writing into a string cannot fail.
        let _ = write!(
            text,
            "export async function {name}({}){result} {{\n  throw new Error('not implemented');\n}}\n",
            params.join(", ")
        );
    }
    text
}

fn parameter(ir: &Ir, module: ModuleId, param: &Param, typed: bool) -> String {
    if typed { format!("{}: {}", param.name, code_type(ir, module, &param.ty)) } else { param.name.clone() }
}

/// `import type` lines, with paths that climb to the project folder.
fn imports(ir: &Ir, module: ModuleId, code: &CodeModule) -> String {
    let (mut injected, mut contexts, mut own) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut foreign = BTreeSet::new();
    let params = code
        .methods
        .iter()
        .flat_map(|method| &method.params)
        .chain(code.interceptors.iter().flat_map(|interceptor| &interceptor.params));
    let types: Vec<&CodeTypeRef> =
        params.map(|param| &param.ty).chain(code.methods.iter().map(|method| &method.result)).collect();
    for ty in types {
        match &ty.base {
            CodeBase::Exograph => drop(injected.insert("Exograph")),
            CodeBase::ExographPriv => drop(injected.insert("ExographPriv")),
            CodeBase::Operation => drop(injected.insert("Operation")),
            CodeBase::Context(id) => drop(contexts.insert(ir.contexts[*id].name.as_str())),
            CodeBase::Code(id) if owner(ir, &ty.base) == Some(module) => {
                own.insert(ir.code_types[*id].name.as_str());
            }
            base => note_foreign(ir, module, base, &mut foreign),
        }
    }
    let climb = "../".repeat(code.path.matches('/').count());
    let climb = if climb.is_empty() { "./".to_owned() } else { climb };
    let mut text = String::new();
    let mut names = |names: &BTreeSet<&str>, file: &str| {
        if !names.is_empty() {
            let list: Vec<&str> = names.iter().copied().collect();
            let _ =
                writeln!(text, "import type {{ {} }} from '{climb}generated/{file}.d.ts';", list.join(", "));
        }
    };
    names(&injected, "exograph");
    names(&contexts, "contexts");
    names(&own, &ir.modules[module].name);
    for name in foreign {
        let _ = writeln!(text, "import type * as {name} from '{climb}generated/{name}.d.ts';");
    }
    text
}
