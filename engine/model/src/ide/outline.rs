//! The outline of a file: what it declares, nested as written.

use super::Analysis;
use super::index::SymbolKind;
use crate::source::{FileId, Span};
use crate::syntax::ast::{Module, Name, TypeDecl};

/// An entry of an outline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineItem {
    /// Name as declared.
    pub name: String,
    /// What it is.
    pub kind: SymbolKind,
    /// The type of a field, parameter or result as written; empty for anything else.
    pub detail: String,
    /// The whole declaration.
    pub whole: Span,
    /// Its name.
    pub selection: Span,
    /// What it contains, in the order of the text.
    pub children: Vec<OutlineItem>,
}

impl Analysis {
    /// The outline of a file, in the order of the text.
    pub fn outline(&self, file: FileId) -> Vec<OutlineItem> {
        let Some(parsed) = self.loaded.program.iter().find(|parsed| parsed.id == file) else {
            return Vec::new();
        };
        let mut items: Vec<OutlineItem> =
            parsed.ast.contexts.iter().map(|decl| self.type_item(decl, SymbolKind::Context)).collect();
        items.extend(parsed.ast.modules.iter().map(|module| self.module_item(module)));
        items.sort_by_key(|item| item.whole.start);
        items
    }

    fn module_item(&self, module: &Module) -> OutlineItem {
        let mut children: Vec<OutlineItem> =
            module.types.iter().map(|decl| self.type_item(decl, SymbolKind::Type)).collect();
        children.extend(module.fragments.iter().map(|decl| self.type_item(decl, SymbolKind::Fragment)));
        children.extend(module.enums.iter().map(|decl| {
            let values = decl.values.iter().map(|value| item(value, SymbolKind::EnumValue, "", value.span));
            OutlineItem { children: values.collect(), ..item(&decl.name, SymbolKind::Enum, "", decl.span) }
        }));
        children.extend(module.methods.iter().map(|method| {
            let kind = if method.is_mutation { SymbolKind::Mutation } else { SymbolKind::Query };
            item(&method.name, kind, self.files().slice(method.result.span), method.span)
        }));
        children.extend(
            (module.interceptors.iter()).map(|decl| item(&decl.name, SymbolKind::Interceptor, "", decl.span)),
        );
        children.sort_by_key(|item| item.whole.start);
        OutlineItem { children, ..item(&module.name, SymbolKind::Module, "", module.span) }
    }

    fn type_item(&self, decl: &TypeDecl, kind: SymbolKind) -> OutlineItem {
        let fields = decl
            .fields
            .iter()
            .map(|field| item(&field.name, SymbolKind::Field, self.files().slice(field.ty.span), field.span));
        OutlineItem { children: fields.collect(), ..item(&decl.name, kind, "", decl.span) }
    }
}

fn item(name: &Name, kind: SymbolKind, detail: &str, whole: Span) -> OutlineItem {
    OutlineItem {
        name: name.text.to_string(),
        kind,
        detail: detail.to_owned(),
        whole: whole.to(name.span),
        selection: name.span,
        children: Vec::new(),
    }
}
