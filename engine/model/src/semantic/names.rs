//! The global type namespace and the registered declarations (language.md 0, 7.1).

use std::cell::Cell;

use rustc_hash::FxHashMap;

use super::suggest::nearest;
use super::ty::{Injected, Primitive};
use crate::diagnostic::{Diagnostic, make};
use crate::ir::{CodeTypeId, EntityId, EnumId, JsonTypeId, ModuleId};
use crate::source::{FileId, Span};
use crate::syntax::ast;

/// A parsed file of the program, in reading order.
#[derive(Debug)]
pub(crate) struct ProgramFile {
    pub(crate) id: FileId,
    pub(crate) ast: ast::File,
}

/// What runs a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PluginKind {
    Postgres,
    Deno,
    Wasm,
}

#[derive(Debug)]
pub(crate) struct ModuleInfo<'a> {
    pub(crate) decl: &'a ast::Module,
    pub(crate) plugin: PluginKind,
    pub(crate) file: FileId,
}

#[derive(Debug)]
pub(crate) struct EnumInfo<'a> {
    pub(crate) decl: &'a ast::EnumDecl,
    pub(crate) module: ModuleId,
    /// Enums of code modules have no place in the database.
    pub(crate) ir: Option<EnumId>,
}

/// What a type declaration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompositeKind {
    Entity(EntityId),
    Json(JsonTypeId),
    Code(CodeTypeId),
    Fragment,
}

/// A registered type or fragment.
#[derive(Debug)]
pub(crate) struct Composite<'a> {
    pub(crate) decl: &'a ast::TypeDecl,
    pub(crate) module: ModuleId,
    pub(crate) kind: CompositeKind,
}

/// What a type name stands for. Numbers are positions in the lists of [`Names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    Primitive(Primitive),
    Generic,
    Injected(Injected),
    Enum(usize),
    Context(usize),
    Composite(usize),
}

/// Everything declared, registered in the order of language.md 0: the first of equal names wins.
#[derive(Debug, Default)]
pub(crate) struct Names<'a> {
    pub(crate) modules: Vec<ModuleInfo<'a>>,
    pub(crate) enums: Vec<EnumInfo<'a>>,
    pub(crate) contexts: Vec<&'a ast::TypeDecl>,
    pub(crate) composites: Vec<Composite<'a>>,
    pub(crate) entries: FxHashMap<&'a str, Entry>,
    /// First enum (registered) that contains the value.
    pub(crate) values: FxHashMap<&'a str, usize>,
    suggestions: Cell<u32>,
}

/// Suggestions cost a walk over all names; after this many nobody reads them.
const MAX_SUGGESTIONS: u32 = 200;

impl<'a> Names<'a> {
    pub(crate) fn lookup(&self, name: &str) -> Option<Entry> {
        self.entries.get(name).copied()
    }

    pub(crate) fn context(&self, name: &str) -> Option<usize> {
        match self.lookup(name) {
            Some(Entry::Context(index)) => Some(index),
            _ => None,
        }
    }

    /// A registered name near to `name`.
    pub(crate) fn near(&self, name: &str, accept: impl Fn(Entry) -> bool) -> Option<&'a str> {
        if self.suggestions.get() >= MAX_SUGGESTIONS {
            return None;
        }
        self.suggestions.set(self.suggestions.get() + 1);
        let mut candidates: Vec<&'a str> =
            self.entries.iter().filter(|(_, entry)| accept(**entry)).map(|(name, _)| *name).collect();
        candidates.sort_unstable();
        nearest(name, candidates)
    }

    /// Where the thing behind an entry was declared, if in the model.
    pub(crate) fn declared_at(&self, entry: Entry) -> Option<Span> {
        match entry {
            Entry::Primitive(_) | Entry::Generic | Entry::Injected(_) => None,
            Entry::Enum(index) => Some(self.enums[index].decl.name.span),
            Entry::Context(index) => Some(self.contexts[index].name.span),
            Entry::Composite(index) => Some(self.composites[index].decl.name.span),
        }
    }
}

fn plugin_of(module: &ast::Module) -> PluginKind {
    for annotation in &module.annotations {
        match &*annotation.name.text {
            "postgres" => return PluginKind::Postgres,
            "deno" => return PluginKind::Deno,
            "wasm" => return PluginKind::Wasm,
            _ => {}
        }
    }
    PluginKind::Postgres
}

/// Registers every declaration and reports the names used twice.
pub(crate) fn register<'a>(program: &'a [ProgramFile], out: &mut Vec<Diagnostic>) -> Names<'a> {
    let mut names = Names::default();
    for primitive in Primitive::ALL {
        names.entries.insert(primitive.name(), Entry::Primitive(primitive));
    }
    for generic in ["Set", "Array"] {
        names.entries.insert(generic, Entry::Generic);
    }
    for injected in [Injected::Exograph, Injected::ExographPriv, Injected::Operation] {
        names.entries.insert(injected.name(), Entry::Injected(injected));
    }
    for file in program {
        for decl in &file.ast.modules {
            names.modules.push(ModuleInfo { decl, plugin: plugin_of(decl), file: file.id });
        }
    }
    let modules: Vec<&ast::Module> = names.modules.iter().map(|module| module.decl).collect();
    twice(modules.iter().map(|module| &module.name), |name, first, later| {
        out.push(make::module_twice(name, first, later));
    });
    for module in &modules {
        duplicates_in(module, out);
    }
    register_enums(&mut names, &modules, out);
    for file in program {
        for decl in &file.ast.contexts {
            if let Some(entry) = names.lookup(&decl.name.text) {
                out.push(make::declared_again(&decl.name, "context", names.declared_at(entry)));
                continue;
            }
            names.entries.insert(&decl.name.text, Entry::Context(names.contexts.len()));
            names.contexts.push(decl);
        }
    }
    register_composites(&mut names, &modules, out);
    names
}

fn register_enums<'a>(names: &mut Names<'a>, modules: &[&'a ast::Module], out: &mut Vec<Diagnostic>) {
    let mut next = 0;
    for (index, module) in modules.iter().enumerate() {
        for decl in &module.enums {
            if let Some(entry) = names.lookup(&decl.name.text) {
                let same_module =
                    matches!(entry, Entry::Enum(other) if names.enums[other].module.0 == index as u32);
                if !same_module {
                    out.push(make::declared_again(&decl.name, "enum", names.declared_at(entry)));
                }
                continue;
            }
            let ir = (names.modules[index].plugin == PluginKind::Postgres).then(|| {
                next += 1;
                EnumId(next - 1)
            });
            names.entries.insert(&decl.name.text, Entry::Enum(names.enums.len()));
            for value in &decl.values {
                names.values.entry(&value.text).or_insert(names.enums.len());
            }
            names.enums.push(EnumInfo { decl, module: ModuleId(index as u32), ir });
        }
    }
}

fn register_composites<'a>(names: &mut Names<'a>, modules: &[&'a ast::Module], out: &mut Vec<Diagnostic>) {
    let (mut entities, mut jsons, mut codes) = (0, 0, 0);
    for (index, module) in modules.iter().enumerate() {
        // Types and fragments share a namespace; among equal names the one written first wins.
        let mut decls: Vec<(&ast::TypeDecl, bool)> = (module.types.iter().map(|decl| (decl, false)))
            .chain(module.fragments.iter().map(|decl| (decl, true)))
            .collect();
        decls.sort_by_key(|(decl, _)| decl.span.start);
        for (decl, is_fragment) in decls {
            if let Some(entry) = names.lookup(&decl.name.text) {
                match entry {
                    Entry::Primitive(_) | Entry::Generic | Entry::Injected(_) | Entry::Enum(_) => {
                        let kind = match entry {
                            Entry::Injected(_) => "a built-in type",
                            Entry::Enum(_) => "an enum",
                            _ => "a primitive type",
                        };
                        out.push(make::name_taken(&decl.name, kind, names.declared_at(entry)));
                    }
                    Entry::Context(_) => {
                        out.push(make::declared_again(&decl.name, "type", names.declared_at(entry)));
                    }
                    Entry::Composite(other) => {
                        // Within a module (or modules of one name) that is an error of its own.
                        let first = names.composites[other].module.0 as usize;
                        if first != index && modules[first].name.text != module.name.text {
                            out.push(make::declared_again(&decl.name, "type", names.declared_at(entry)));
                        }
                    }
                }
                continue;
            }
            let kind = if is_fragment {
                CompositeKind::Fragment
            } else if names.modules[index].plugin != PluginKind::Postgres {
                codes += 1;
                CompositeKind::Code(CodeTypeId(codes - 1))
            } else if decl.annotations.iter().any(|annotation| &*annotation.name.text == "json") {
                jsons += 1;
                CompositeKind::Json(JsonTypeId(jsons - 1))
            } else {
                entities += 1;
                CompositeKind::Entity(EntityId(entities - 1))
            };
            names.entries.insert(&decl.name.text, Entry::Composite(names.composites.len()));
            names.composites.push(Composite { decl, module: ModuleId(index as u32), kind });
        }
    }
}

/// Up to this many names are compared with each other.
const MAX_COMPARED: usize = 24;

/// Calls back once per name that occurs more than once, with the first and all later places.
fn twice<'n>(names: impl Iterator<Item = &'n ast::Name> + Clone, mut found: impl FnMut(&str, Span, &[Span])) {
    // Nearly always nothing is; few names are compared faster than put into a table.
    let few = names.clone().nth(MAX_COMPARED).is_none();
    let equal =
        |(index, name): (usize, &ast::Name)| names.clone().take(index).any(|other| other.text == name.text);
    if few && !names.clone().enumerate().any(equal) {
        return;
    }
    let mut places: FxHashMap<&str, (Span, Vec<Span>)> = FxHashMap::default();
    let mut repeated: Vec<&str> = Vec::new();
    for name in names {
        match places.get_mut(&*name.text) {
            None => {
                places.insert(&name.text, (name.span, Vec::new()));
            }
            Some((_, later)) => {
                if later.is_empty() {
                    repeated.push(&name.text);
                }
                later.push(name.span);
            }
        }
    }
    for name in repeated {
        if let Some((first, later)) = places.get(name) {
            found(name, *first, later);
        }
    }
}

fn duplicates_in(module: &ast::Module, out: &mut Vec<Diagnostic>) {
    let owner = &*module.name.text;
    twice(module.methods.iter().map(|method| &method.name), |name, first, later| {
        out.push(make::operation_twice(name, owner, first, later));
    });
    let mut types: Vec<&ast::Name> =
        module.types.iter().chain(&module.fragments).map(|decl| &decl.name).collect();
    types.sort_by_key(|name| name.span.start);
    twice(types.into_iter(), |name, first, later| out.push(make::type_twice(name, owner, first, later)));
    twice(module.enums.iter().map(|decl| &decl.name), |name, first, later| {
        out.push(make::enum_twice(name, owner, first, later));
    });
    for decl in module.types.iter().chain(&module.fragments) {
        twice(decl.fields.iter().map(|field| &field.name), |name, first, later| {
            out.push(make::field_twice(name, &decl.name.text, first, later));
        });
    }
    for decl in &module.enums {
        twice(decl.values.iter(), |name, first, later| {
            out.push(make::enum_value_twice(name, &decl.name.text, first, later));
        });
        if let Some(annotation) = decl.annotations.first() {
            out.push(make::annotation_on_enum(annotation));
        }
        out.extend(make::enum_commas(decl));
    }
}
