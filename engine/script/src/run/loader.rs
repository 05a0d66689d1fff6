//! Modules come from the bundle and from nowhere else.

use std::sync::Arc;

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Error, Module};

use crate::bundle::Scripts;

/// Resolves and loads modules of a bundle.
#[derive(Debug, Clone)]
pub(super) struct BundleLoader(pub(super) Arc<Scripts>);

impl Resolver for BundleLoader {
    fn resolve<'js>(
        &mut self,
        _: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<String> {
        match self.0.get(base) {
            Some(script) => script.imports.get(name).cloned().ok_or_else(|| Error::new_resolving(base, name)),
            // The entry itself, asked for by us.
            None if self.0.contains_key(name) => Ok(name.to_owned()),
            None => Err(Error::new_resolving(base, name)),
        }
    }
}

impl Loader for BundleLoader {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<Module<'js, Declared>> {
        let script = self.0.get(name).ok_or_else(|| Error::new_loading(name))?;
        let module = Module::declare(ctx.clone(), name, script.code.as_str())?;
        let meta = module.meta()?;
        meta.set("url", format!("file:///{name}"))?;
        meta.set("main", false)?;
        Ok(module)
    }
}
