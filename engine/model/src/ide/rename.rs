//! Renaming something declared, everywhere it is named.

use thiserror::Error;

use super::Analysis;
use super::index::{Meaning, Occurrence, SymbolKind};
use crate::source::{FileId, Span};

/// Why a name cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RenameError {
    /// Nothing declared in the model is named here.
    #[error("nothing here was declared in the model, so nothing can be renamed")]
    NothingDeclared,
    /// Not an identifier.
    #[error("`{0}` is not a name: write letters, digits and `_`, and no digit first")]
    NotAName(String),
    /// Something else has this name already.
    #[error("there is {kind} `{name}` already")]
    Taken {
        /// The wanted name.
        name: String,
        /// What has it, with its article.
        kind: String,
    },
}

impl Analysis {
    /// The name at this place, if it can be changed.
    pub fn renamable(&self, file: FileId, offset: u32) -> Option<(Span, &str)> {
        let occurrence = self.occurrence(file, offset)?;
        let Meaning::Declared(declaration) = occurrence.meaning else { return None };
        let name = &*self.index().symbols.get(&declaration)?.name;
        (self.files().slice(occurrence.span) == name).then_some((occurrence.span, name))
    }

    /// The places to replace with the new name, in source order.
    ///
    /// # Errors
    /// When nothing declared stands here, or the new name is no name or taken.
    pub fn rename(&self, file: FileId, offset: u32, new_name: &str) -> Result<Vec<Span>, RenameError> {
        let Some(Occurrence { meaning: Meaning::Declared(declaration), .. }) =
            self.renamable(file, offset).and_then(|_| self.occurrence(file, offset))
        else {
            return Err(RenameError::NothingDeclared);
        };
        let mut bytes = new_name.bytes();
        let starts = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        if !starts
            || !bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            || matches!(new_name, "true" | "false" | "null")
        {
            return Err(RenameError::NotAName(new_name.to_owned()));
        }
        if let Some(kind) = self.taken(declaration, new_name) {
            return Err(RenameError::Taken { name: new_name.to_owned(), kind });
        }
        Ok(self.references(file, offset, true))
    }

    /// What already has the name, where the renamed thing lives.
    fn taken(&self, declaration: Span, name: &str) -> Option<String> {
        use SymbolKind::{Context, Enum, Field, Fragment, Interceptor, Module, Mutation, Query, Type};
        let symbols = &self.index().symbols;
        let symbol = symbols.get(&declaration)?;
        if symbol.name.as_ref() == name {
            return None;
        }
        let types = [Type, Fragment, Context, Enum];
        if types.contains(&symbol.kind) && self.with_names(|names, _| names.lookup(name).is_some()) {
            return Some("a type".to_owned());
        }
        let operations = [Query, Mutation];
        let alike = |kind: SymbolKind| match symbol.kind {
            Module | Interceptor => kind == symbol.kind,
            Query | Mutation => operations.contains(&kind),
            _ => kind == symbol.kind && !types.contains(&kind),
        };
        let taken = symbols
            .values()
            .any(|other| *other.name == *name && alike(other.kind) && other.container == symbol.container);
        taken.then(|| match symbol.kind {
            Enum | Interceptor => format!("an {}", symbol.kind.describe()),
            Field => format!("a field of `{}`", symbol.container.as_deref().unwrap_or_default()),
            _ => format!("a {}", symbol.kind.describe()),
        })
    }
}
