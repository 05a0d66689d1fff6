//! The interfaces a component may export, and which of them it does.

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Instance, InstancePre};
use wasmtime::{AsContextMut, Store};

use crate::bindings::exports::exo::hooks as guest;
use crate::component::one_line;
use crate::config::ComponentConfig;
use crate::failure::LoadError;
use crate::store::StoreData;

/// Version of the package.
pub(crate) const PACKAGE: &str = "exo:hooks/";

/// An interface of `exo:hooks@0.1.0` that a guest may export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Interface {
    /// `lifecycle`: start of an instance.
    Lifecycle,
    /// `gateway`: HTTP requests and replies.
    Gateway,
    /// `identity`: authentication.
    Identity,
    /// `interceptors`: around operations.
    Interceptors,
    /// `authorization`: rules of the model.
    Authorization,
    /// `module`: queries and mutations.
    Module,
    /// `observer`: told afterwards.
    Observer,
}

impl Interface {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Lifecycle,
        Self::Gateway,
        Self::Identity,
        Self::Interceptors,
        Self::Authorization,
        Self::Module,
        Self::Observer,
    ];

    /// Its name in the package.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lifecycle => "lifecycle",
            Self::Gateway => "gateway",
            Self::Identity => "identity",
            Self::Interceptors => "interceptors",
            Self::Authorization => "authorization",
            Self::Module => "module",
            Self::Observer => "observer",
        }
    }

    /// Its functions.
    pub fn functions(self) -> &'static [&'static str] {
        match self {
            Self::Lifecycle => &["start"],
            Self::Gateway => &["on-request", "on-response"],
            Self::Identity => &["authenticate"],
            Self::Interceptors => &["before", "after", "around"],
            Self::Authorization => &["decide", "review"],
            Self::Module => &["query", "mutation"],
            Self::Observer => &["on-finished"],
        }
    }

    /// Whether a `@wasm` module of a model can mean it.
    fn belongs_to_modules(self) -> bool {
        matches!(self, Self::Lifecycle | Self::Interceptors | Self::Module)
    }

    /// From its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|interface| interface.name() == name)
    }
}

/// Which interfaces a component has, resolved before any instance exists.
#[derive(Clone, Default)]
pub(crate) struct Exports {
    lifecycle: Option<guest::lifecycle::GuestIndices>,
    gateway: Option<guest::gateway::GuestIndices>,
    identity: Option<guest::identity::GuestIndices>,
    interceptors: Option<guest::interceptors::GuestIndices>,
    authorization: Option<guest::authorization::GuestIndices>,
    module: Option<guest::module::GuestIndices>,
    observer: Option<guest::observer::GuestIndices>,
    found: Vec<Interface>,
}

impl Exports {
    /// Resolves what the component exports; an interface that lacks a function is an error that names it.
    pub(crate) fn of(pre: &InstancePre<StoreData>, config: &ComponentConfig) -> Result<Self, LoadError> {
        let enabled = config.exports.as_deref();
        let mut exports = Self::default();
        let mut unknown = Vec::new();
        for (name, _) in pre.component().component_type().exports(pre.engine()) {
            let Some(rest) = name.strip_prefix(PACKAGE) else {
                unknown.push(format!("`{name}`"));
                continue;
            };
            let (interface, version) = rest.split_once('@').unwrap_or((rest, ""));
            match Interface::from_name(interface) {
                Some(interface) if is_compatible(version) => exports.found.push(interface),
                Some(_) => unknown.push(format!("`{name}`, which is another version")),
                None => unknown.push(format!("`{name}`")),
            }
        }
        if exports.found.is_empty() {
            let found = if unknown.is_empty() { "it exports nothing".to_owned() } else { unknown.join(", ") };
            return Err(LoadError::NoExports(format!("found: {found}")));
        }
        for interface in enabled.unwrap_or_default() {
            if !exports.found.contains(interface) {
                return Err(LoadError::NotExported(interface.name().to_owned()));
            }
        }
        if config.implied {
            exports.found.retain(|found| found.belongs_to_modules());
        } else if let Some(enabled) = enabled {
            exports.found.retain(|found| *found == Interface::Lifecycle || enabled.contains(found));
        }
        exports.resolve(pre)?;
        exports.found.sort_unstable();
        Ok(exports)
    }

    fn resolve(&mut self, pre: &InstancePre<StoreData>) -> Result<(), LoadError> {
        for interface in self.found.clone() {
            let outcome = match interface {
                Interface::Lifecycle => {
                    guest::lifecycle::GuestIndices::new(pre).map(|it| self.lifecycle = Some(it))
                }
                Interface::Gateway => {
                    guest::gateway::GuestIndices::new(pre).map(|it| self.gateway = Some(it))
                }
                Interface::Identity => {
                    guest::identity::GuestIndices::new(pre).map(|it| self.identity = Some(it))
                }
                Interface::Interceptors => {
                    guest::interceptors::GuestIndices::new(pre).map(|it| self.interceptors = Some(it))
                }
                Interface::Authorization => {
                    guest::authorization::GuestIndices::new(pre).map(|it| self.authorization = Some(it))
                }
                Interface::Module => guest::module::GuestIndices::new(pre).map(|it| self.module = Some(it)),
                Interface::Observer => {
                    guest::observer::GuestIndices::new(pre).map(|it| self.observer = Some(it))
                }
            };
            outcome.map_err(|error| mismatch(interface, &error))?;
        }
        Ok(())
    }

    pub(crate) fn found(&self) -> &[Interface] {
        &self.found
    }

    pub(crate) fn has(&self, interface: Interface) -> bool {
        self.found.contains(&interface)
    }

    /// Loads every interface once, so that a wrong type is found when the component is, not by a request.
    pub(crate) fn check_types(
        &self,
        store: &mut Store<StoreData>,
        instance: &Instance,
    ) -> Result<(), LoadError> {
        let mut guests = Guests::default();
        for interface in &self.found {
            let outcome = match interface {
                Interface::Lifecycle => guests.lifecycle(self, store, instance).map(|_| ()),
                Interface::Gateway => guests.gateway(self, store, instance).map(|_| ()),
                Interface::Identity => guests.identity(self, store, instance).map(|_| ()),
                Interface::Interceptors => guests.interceptors(self, store, instance).map(|_| ()),
                Interface::Authorization => guests.authorization(self, store, instance).map(|_| ()),
                Interface::Module => guests.module(self, store, instance).map(|_| ()),
                Interface::Observer => guests.observer(self, store, instance).map(|_| ()),
            };
            outcome.map_err(|error| mismatch(*interface, &error))?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Exports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.found).finish()
    }
}

fn mismatch(interface: Interface, error: &wasmtime::Error) -> LoadError {
    LoadError::Export { interface: interface.name(), detail: one_line(error) }
}

/// Patch releases of 0.1 are the same interface.
fn is_compatible(version: &str) -> bool {
    version
        .split_once('.')
        .is_some_and(|(major, rest)| major == "0" && (rest == "1" || rest.starts_with("1.")))
}

/// Every export of a component, hooks or not, for reports.
pub(crate) fn all_exports(component: &Component) -> Vec<String> {
    component.component_type().exports(component.engine()).map(|(name, _)| name.to_owned()).collect()
}

/// Every import of a component, for reports.
pub(crate) fn all_imports(component: &Component) -> Vec<String> {
    component.component_type().imports(component.engine()).map(|(name, _)| name.to_owned()).collect()
}

/// Whether a component imports a function of the package.
pub(crate) fn imports_function(component: &Component, interface: &str, function: &str) -> bool {
    let engine = component.engine();
    component.component_type().imports(engine).any(|(name, import)| {
        let known = name.strip_prefix(PACKAGE).and_then(|rest| rest.split('@').next());
        known == Some(interface)
            && matches!(&import.ty, ComponentItem::ComponentInstance(instance)
                if instance.get_export(engine, function).is_some())
    })
}

/// The functions of one instance, looked up when first used.
#[derive(Default)]
pub(crate) struct Guests {
    lifecycle: Option<guest::lifecycle::Guest>,
    gateway: Option<guest::gateway::Guest>,
    identity: Option<guest::identity::Guest>,
    interceptors: Option<guest::interceptors::Guest>,
    authorization: Option<guest::authorization::Guest>,
    module: Option<guest::module::Guest>,
    observer: Option<guest::observer::Guest>,
}

macro_rules! guest_getters {
    ($($name:ident),*) => {
        impl Guests {
            $(
                pub(crate) fn $name(
                    &mut self,
                    exports: &Exports,
                    store: &mut Store<StoreData>,
                    instance: &Instance,
                ) -> wasmtime::Result<guest::$name::Guest> {
                    if let Some(guest) = &self.$name {
                        return Ok(guest.clone());
                    }
                    let indices = exports.$name.as_ref().ok_or_else(|| {
                        wasmtime::format_err!(concat!("the component does not export `", stringify!($name), "`"))
                    })?;
                    let guest = indices.load(store.as_context_mut(), instance)?;
                    self.$name = Some(guest.clone());
                    Ok(guest)
                }
            )*
        }
    };
}

guest_getters!(lifecycle, gateway, identity, interceptors, authorization, module, observer);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patch_releases_fit_and_others_do_not() {
        for version in ["0.1", "0.1.0", "0.1.7"] {
            assert!(is_compatible(version), "{version}");
        }
        for version in ["", "0.2.0", "1.0.0", "0.10.0"] {
            assert!(!is_compatible(version), "{version}");
        }
    }

    #[test]
    fn names_lead_back_to_interfaces() {
        for interface in Interface::ALL {
            assert_eq!(Interface::from_name(interface.name()), Some(interface));
        }
    }
}
