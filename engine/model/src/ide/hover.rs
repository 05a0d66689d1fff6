//! What an editor shows about the thing under the pointer.

use super::index::{Meaning, Symbol, SymbolKind};
use super::{Analysis, words};
use crate::database::column_text;
use crate::graphql::root_names;
use crate::ir::{Entity, EntityId, Field, FieldKind, Plugin};
use crate::semantic::annotation;
use crate::source::{FileId, Span};

/// Longest signature shown, in characters.
const MAX_SIGNATURE: usize = 600;

/// A description of what stands at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hover {
    /// The name it is about.
    pub span: Span,
    /// Markdown.
    pub markdown: String,
}

impl Analysis {
    /// Describes what stands at a place: declaration, docs, table and columns, GraphQL names.
    pub fn hover(&self, file: FileId, offset: u32) -> Option<Hover> {
        let Some(occurrence) = self.occurrence(file, offset) else { return self.hover_word(file, offset) };
        let markdown = match occurrence.meaning {
            Meaning::Declared(place) => self.describe(place, self.index().symbols.get(&place)?),
            Meaning::File(file) => format!("`{}`", self.files().get(file)?.path),
            Meaning::Primitive(name) => format!("`{name}`\n\n{}", words::primitive(name)),
            Meaning::Annotation(name) => {
                let (shape, _, _) = annotation::parameters(name)?;
                let targets: Vec<&str> =
                    annotation::targets(name).iter().map(|target| target.describe()).collect();
                format!("`@{name}` on a {}; takes {shape}\n\n{}", targets.join(", "), words::annotation(name))
            }
        };
        Some(Hover { span: occurrence.span, markdown })
    }

    /// Functions of defaults and rules are words without a declaration.
    fn hover_word(&self, file: FileId, offset: u32) -> Option<Hover> {
        let text = &self.files().get(file)?.text;
        let lexed = crate::syntax::lexer::lex(text);
        let index = lexed.tokens.partition_point(|token| token.start <= offset).checked_sub(1)?;
        let token = lexed.tokens[index];
        if offset > token.end || lexed.tokens.get(index + 1)?.kind != crate::syntax::token::TokenKind::LParen
        {
            return None;
        }
        let word = text.get(token.start as usize..token.end as usize)?;
        let mut functions = words::DEFAULT_FUNCTIONS.iter().chain(words::RULE_FUNCTIONS);
        let (name, meaning) = functions.find(|(name, _)| *name == word)?;
        let span = Span { file, start: token.start, end: token.end };
        Some(Hover { span, markdown: format!("`{name}()`\n\n{meaning}") })
    }

    fn describe(&self, place: Span, symbol: &Symbol) -> String {
        let mut text = format!("```exo\n{}\n```", self.signature(symbol));
        if let Some(docs) = &symbol.docs {
            text.push_str("\n\n");
            text.push_str(docs);
        }
        let facts = match symbol.kind {
            SymbolKind::Type => self.type_facts(&symbol.name),
            SymbolKind::Field => self.field_facts(place),
            SymbolKind::Enum => self.enum_facts(&symbol.name),
            SymbolKind::Module => self.module_facts(&symbol.name),
            _ => Vec::new(),
        };
        for fact in facts {
            text.push_str("\n\n");
            text.push_str(&fact);
        }
        text
    }

    fn signature(&self, symbol: &Symbol) -> String {
        let written = self.files().slice(symbol.signature);
        let text = match (symbol.kind, &symbol.container) {
            (SymbolKind::EnumValue, Some(owner)) => format!("{owner}.{written}"),
            (SymbolKind::Parameter, Some(owner)) if !written.contains(':') => format!("{written}: {owner}"),
            _ => written.to_owned(),
        };
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut shown = lines.by_ref().collect::<Vec<_>>().join("\n");
        if let Some((cut, _)) = shown.char_indices().nth(MAX_SIGNATURE) {
            shown.truncate(cut);
            shown.push('…');
        }
        shown
    }

    fn entity(&self, name: &str) -> Option<(EntityId, &Entity)> {
        self.ir.entities.iter().find(|(_, entity)| entity.name == name)
    }

    fn type_facts(&self, name: &str) -> Vec<String> {
        if self.ir.json_types.values().any(|ty| ty.name == name) {
            return vec![format!(
                "Value in a JSONB column. GraphQL: `{name}`, `{name}CreationInput`, `{name}UpdateInput`."
            )];
        }
        if let Some(ty) = self.ir.code_types.values().find(|ty| ty.name == name) {
            return vec![if ty.is_input {
                format!("Argument of operations in code. GraphQL: `{name}Input`.")
            } else {
                format!("Result of operations in code. GraphQL: `{name}`.")
            }];
        }
        let Some((id, entity)) = self.entity(name) else { return Vec::new() };
        let table = match &entity.table.schema {
            Some(schema) => format!("{schema}.{}", entity.table.name),
            None => entity.table.name.clone(),
        };
        let unmanaged = if entity.managed { "" } else { " (not managed: migrations leave it alone)" };
        let mut facts = vec![format!("Table `{table}`{unmanaged}")];
        for (word, mutations) in [("Queries", false), ("Mutations", true)] {
            let names = root_names(&self.ir, id, mutations);
            facts.push(if names.is_empty() {
                format!("{word}: none, the access rule is closed")
            } else {
                format!("{word}: `{}`", names.join("`, `"))
            });
        }
        facts
    }

    fn field_facts(&self, place: Span) -> Vec<String> {
        // A field of a fragment is described by the first type that spreads it.
        let (path, position) = (self.files().path(place), self.files().position(place));
        let here = |field: &Field| {
            let origin = &field.origin;
            *origin.file == *path && (origin.line, origin.column) == (position.line, position.column)
        };
        let found =
            self.ir.entities.values().find_map(|entity| {
                entity.fields.values().find(|field| here(field)).map(|field| (entity, field))
            });
        let Some((entity, field)) = found else { return Vec::new() };
        let mut facts = Vec::new();
        let name = |id: EntityId| self.ir.entities.get(id).map_or("", |entity| entity.name.as_str());
        match &field.kind {
            FieldKind::Value(_) => {}
            FieldKind::Reference { target, one_to_one: false, .. } => {
                facts.push(format!("Many-to-one: many `{}` to one `{}`", entity.name, name(*target)));
            }
            FieldKind::Reference { target, one_to_one: true, .. } => {
                facts.push(format!("One-to-one with `{}`; the foreign key is here", name(*target)));
            }
            FieldKind::InverseOne { target, .. } => {
                facts.push(format!("One-to-one with `{0}`; the foreign key is in `{0}`", name(*target)));
            }
            FieldKind::Collection { target, .. } => {
                facts.push(format!("One-to-many: the `{}` that refer to this one", name(*target)));
            }
        }
        let columns: Vec<String> = (field.columns.iter())
            .filter_map(|id| entity.columns.get(*id))
            .map(|column| format!("`{}`", column_text(&self.ir, column)))
            .collect();
        match columns.as_slice() {
            [] => {}
            [only] => facts.push(format!("Column {only}")),
            several => facts.push(format!("Columns {}", several.join(", "))),
        }
        if field.readonly {
            facts.push("Not writable through the API".to_owned());
        }
        facts
    }

    fn enum_facts(&self, name: &str) -> Vec<String> {
        let found = self.ir.enums.values().find(|ty| ty.name == name);
        found.map(|ty| format!("Postgres type `{}`", ty.db_name)).into_iter().collect()
    }

    fn module_facts(&self, name: &str) -> Vec<String> {
        let found = self.ir.modules.values().find(|module| module.name == name);
        let text = found.map(|module| match &module.plugin {
            Plugin::Postgres { schema } => {
                format!("Tables in schema `{}`", schema.as_deref().unwrap_or("public"))
            }
            Plugin::Deno(code) | Plugin::Wasm(code) => format!("Operations in `{}`", code.path),
        });
        text.into_iter().collect()
    }
}
