//! Declaration files and first versions of scripts (language.md 8.6). Pure: texts in, texts out.

mod skeleton;
mod types;

use std::collections::BTreeSet;
use std::fmt::Write;

use studio_model::ir::{CodeBase, Entity, EntityId, FieldKind, Ir, JsonTypeId, ModuleId, Plugin, ValueType};

pub use skeleton::skeleton;
use types::{code_type, context_type, list, optional, property, scalar};

const HEADER: &str = "// Written by the build; changes are overwritten.\n";

/// A file below `generated/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// File name.
    pub name: String,
    /// Its content; `None`: the file should not exist.
    pub text: Option<String>,
}

/// The declaration files of a model; none without `@deno` modules.
pub fn declarations(ir: &Ir) -> Vec<Declaration> {
    if !ir.modules.values().any(|module| matches!(module.plugin, Plugin::Deno(_))) {
        return Vec::new();
    }
    let file = |name: &str, text: Option<String>| Declaration { name: name.to_owned(), text };
    let mut files = vec![
        file("exograph.d.ts", Some(include_str!("exograph.d.ts").to_owned())),
        file("contexts.d.ts", contexts(ir)),
    ];
    for (id, module) in ir.modules.iter() {
        let text = match module.plugin {
            Plugin::Postgres { .. } => {
                Tables { ir, module: id, foreign: BTreeSet::new(), json: Vec::new() }.file()
            }
            Plugin::Deno(_) => code(ir, id),
            Plugin::Wasm(_) => continue,
        };
        files.push(file(&format!("{}.d.ts", module.name), Some(text)));
    }
    files
}

fn contexts(ir: &Ir) -> Option<String> {
    ir.contexts.values().next()?;
    let mut text = HEADER.to_owned();
    for context in ir.contexts.values() {
        let fields = context.fields.values().map(|field| property(&field.name, &context_type(&field.ty)));
        interface(&mut text, &context.name, fields);
    }
    Some(text)
}

fn interface(text: &mut String, name: &str, fields: impl Iterator<Item = String>) {
    // Writing into a string cannot fail.
    let _ = write!(text, "\nexport interface {name} {{\n");
    for field in fields {
        text.push_str(&field);
    }
    text.push_str("}\n");
}

fn imports<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.map(|name| format!("import type * as {name} from './{name}.d.ts';\n")).collect()
}

/// The types of a `@deno` module.
fn code(ir: &Ir, module: ModuleId) -> String {
    let mut foreign = BTreeSet::new();
    let mut body = String::new();
    for ty in ir.code_types.values().filter(|ty| ty.module == module) {
        let fields: Vec<String> = ty
            .fields
            .iter()
            .map(|field| {
                note_foreign(ir, module, &field.ty.base, &mut foreign);
                property(&field.name, &code_type(ir, module, &field.ty))
            })
            .collect();
        interface(&mut body, &ty.name, fields.into_iter());
    }
    format!("{HEADER}{}{body}", imports(foreign.iter().copied()))
}

/// Notes the module of a type that belongs to another one.
pub(crate) fn note_foreign<'i>(
    ir: &'i Ir,
    module: ModuleId,
    base: &CodeBase,
    foreign: &mut BTreeSet<&'i str>,
) {
    if let Some(other) = types::owner(ir, base).filter(|other| *other != module) {
        foreign.insert(&ir.modules[other].name);
    }
}

/// The types of a Postgres module.
struct Tables<'i> {
    ir: &'i Ir,
    module: ModuleId,
    foreign: BTreeSet<&'i str>,
    /// `@json` types in use, in order of first use.
    json: Vec<JsonTypeId>,
}

impl Tables<'_> {
    fn file(mut self) -> String {
        let (ir, module) = (self.ir, self.module);
        let mut body = String::new();
        for entity in ir.entities.values().filter(|entity| entity.module == module) {
            let fields: Vec<String> = entity
                .fields
                .values()
                .map(|field| {
                    let ty = match &field.kind {
                        FieldKind::Value(ty) => self.value(ty),
                        FieldKind::Reference { target, .. } | FieldKind::InverseOne { target, .. } => {
                            self.entity(*target)
                        }
                        FieldKind::Collection { target, .. } => list(&self.entity(*target)),
                    };
                    property(&field.name, &if field.optional { optional(&ty) } else { ty })
                })
                .collect();
            interface(&mut body, &entity.name, fields.into_iter());
        }
        let mut done = 0;
        while let Some(id) = self.json.get(done).copied() {
            done += 1;
            let json = &ir.json_types[id];
            let fields: Vec<String> = json
                .fields
                .iter()
                .map(|field| {
                    let ty = self.value(&field.ty);
                    property(&field.name, &if field.optional { optional(&ty) } else { ty })
                })
                .collect();
            interface(&mut body, &json.name, fields.into_iter());
        }
        for labels in ir.enums.values().filter(|labels| labels.module == module) {
            let values: Vec<String> = labels.values.iter().map(|value| format!("'{value}'")).collect();
            let _ = writeln!(body, "\nexport type {} = {};", labels.name, values.join(" | "));
        }
        format!("{HEADER}{}{body}", imports(self.foreign.iter().copied()))
    }

    fn entity(&mut self, id: EntityId) -> String {
        let entity: &Entity = &self.ir.entities[id];
        self.named(entity.module, &entity.name)
    }

    fn named(&mut self, module: ModuleId, name: &str) -> String {
        if module == self.module {
            return name.to_owned();
        }
        let owner = &self.ir.modules[module].name;
        self.foreign.insert(owner);
        format!("{owner}.{name}")
    }

    fn value(&mut self, ty: &ValueType) -> String {
        match ty {
            ValueType::Scalar(ty) => scalar(*ty).to_owned(),
            ValueType::Vector { .. } => "number[]".to_owned(),
            ValueType::Enum(id) => {
                let labels = &self.ir.enums[*id];
                self.named(labels.module, &labels.name)
            }
            ValueType::Json(id) => {
                if !self.json.contains(id) {
                    self.json.push(*id);
                }
                self.ir.json_types[*id].name.clone()
            }
            ValueType::Array { element, element_optional } => {
                let element = self.value(element);
                list(&if *element_optional { optional(&element) } else { element })
            }
        }
    }
}

#[cfg(test)]
mod tests;
