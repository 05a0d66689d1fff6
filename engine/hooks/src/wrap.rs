//! From core modules to components, so that a guest needs a compiler and nothing else.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::exports::{Interface, PACKAGE};
use crate::failure::LoadError;

/// The contract with guests, as they bind to it.
pub const WIT: &str = include_str!("../wit/world.wit");

/// Makes a component of a core module. One that `wit-bindgen` made carries its types; for one that only names its exports
/// after the contract (`exo:hooks/gateway@0.1.0#on-request`), the types are those of the interfaces it exports.
///
/// # Errors
/// When it names no interface, or does not fit the ones it names.
pub(crate) fn component(module: &[u8]) -> Result<Vec<u8>, LoadError> {
    let wrong = |error: &dyn std::fmt::Display| {
        LoadError::Compile(format!("it is a core module that cannot be made a component: {error:#}"))
    };
    let typed;
    let module = if carries_types(module) {
        module
    } else {
        typed = with_types(module).map_err(|error| wrong(&error))?;
        &typed
    };
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| wrong(&format!("{error:#}")))
}

/// Whether a core module carries component types.
pub(crate) fn carries_types(module: &[u8]) -> bool {
    const MARK: &[u8] = b"component-type";
    module.windows(MARK.len()).any(|part| part == MARK)
}

/// Whether a core module exports functions of the contract.
pub(crate) fn names_interfaces(module: &[u8]) -> bool {
    !interfaces(module).is_empty()
}

/// The interfaces whose functions a module exports. Export names stand in the module as they are.
fn interfaces(module: &[u8]) -> Vec<Interface> {
    let named = |interface: &Interface| {
        interface.functions().iter().any(|function| {
            let name = format!("{PACKAGE}{}@0.1.0#{function}", interface.name());
            module.windows(name.len()).any(|part| part == name.as_bytes())
        })
    };
    Interface::ALL.into_iter().filter(named).collect()
}

fn with_types(module: &[u8]) -> Result<Vec<u8>, String> {
    let exports = interfaces(module);
    if exports.is_empty() {
        return Err("it exports no function of exo:hooks@0.1.0".to_owned());
    }
    let text: String = exports.iter().map(|it| format!(" export {};", it.name())).collect();
    let package = format!("{WIT}\nworld found {{ include host;{text} }}\n");
    let mut resolve = Resolve::default();
    let package = resolve.push_str("exo-hooks.wit", &package).map_err(|error| error.to_string())?;
    let world = resolve.select_world(&[package], Some("found")).map_err(|error| error.to_string())?;
    let mut module = module.to_vec();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .map_err(|error| error.to_string())?;
    Ok(module)
}
