//! Tables of entities: columns, keys, constraints (language.md 3.2 to 3.4, 4).

use std::collections::hash_map::Entry as MapEntry;
use std::sync::{Arc, LazyLock, RwLock};

use heck::ToSnakeCase;
use rustc_hash::FxHashMap;

use super::annotation::{find, has};
use super::default;
use super::member::Members;
use super::names::{CompositeKind, Names};
use super::relation::Kind;
use super::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, make};
use crate::ir::{
    Arena, ArenaId, Column, ColumnDefault, ColumnId, ColumnType, EntityId, Field, FieldDefault, FieldId,
    FieldKind, IndexDef, Origin, TableName, Unique,
};
use crate::source::{FileTable, Span};
use crate::syntax::ast::{self, Annotation, LiteralKind, NamedValue};

/// What this pass finds out about one entity.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) plural: String,
    pub(crate) table: TableName,
    pub(crate) managed: bool,
    pub(crate) fields: Arena<FieldId, Field>,
    pub(crate) columns: Arena<ColumnId, Column>,
    pub(crate) primary_key: Vec<FieldId>,
    pub(crate) uniques: Vec<Unique>,
    pub(crate) indexes: Vec<IndexDef>,
}

/// A column of a foreign key before the target's columns have ids.
struct ForeignColumn {
    name: String,
    ty: ColumnType,
    referenced: String,
}

#[derive(Clone)]
enum KeyState {
    Unknown,
    InProgress,
    Known(Option<Arc<Vec<KeyColumn>>>),
}

#[derive(Clone, Debug)]
struct KeyColumn {
    name: String,
    ty: ColumnType,
}

struct Builder<'s, 'a> {
    names: &'s Names<'a>,
    members: &'s Members<'a>,
    kinds: &'s [Vec<Kind>],
    files: &'s FileTable,
    keys: Vec<KeyState>,
    out: &'s mut Vec<Diagnostic>,
}

/// Builds the tables of all entities, in the order of their ids.
pub(crate) fn build(
    names: &Names<'_>,
    members: &Members<'_>,
    kinds: &[Vec<Kind>],
    files: &FileTable,
    out: &mut Vec<Diagnostic>,
) -> Vec<Table> {
    let mut builder =
        Builder { names, members, kinds, files, keys: vec![KeyState::Unknown; names.composites.len()], out };
    let mut tables = Vec::new();
    let mut foreign = Vec::new();
    for (index, composite) in names.composites.iter().enumerate() {
        if let CompositeKind::Entity(_) = composite.kind {
            let (table, references) = builder.table(index);
            tables.push(table);
            foreign.push(references);
        }
    }
    // Now every column has its id.
    for (position, references) in foreign.into_iter().enumerate() {
        for (field, target, referenced) in references {
            let columns = &tables[target.index()].columns;
            let ids: Option<Vec<ColumnId>> = referenced
                .iter()
                .map(|name| columns.iter().find(|(_, column)| column.name == *name).map(|(id, _)| id))
                .collect();
            let field = &mut tables[position].fields[field];
            match ids {
                Some(ids) => {
                    let own = field.columns.clone();
                    if let FieldKind::Reference { pairs, .. } = &mut field.kind {
                        *pairs = own.into_iter().zip(ids).collect();
                    }
                }
                None => {
                    let at = &field.name;
                    let span = members_span(names, members, position, at);
                    if let Some(span) = span {
                        builder.out.push(make::no_column(at, span));
                    }
                }
            }
        }
    }
    tables
}

fn members_span(names: &Names<'_>, members: &Members<'_>, entity: usize, field: &str) -> Option<Span> {
    let wanted = CompositeKind::Entity(EntityId::from_index(entity));
    let composite = names.composites.iter().position(|composite| composite.kind == wanted)?;
    let list = &members.composites[composite];
    list.find(field).map(|index| list.members[index].decl.span)
}

/// Where something was declared, as the IR keeps it.
pub(crate) fn origin(files: &FileTable, span: Span) -> Origin {
    let position = files.position(span);
    Origin { file: files.path(span), line: position.line, column: position.column }
}

/// Plural of a type name (graphql-and-sql 1.1).
pub(crate) fn plural(decl: &ast::TypeDecl) -> String {
    if let Some(explicit) = find(&decl.annotations, "plural").and_then(Annotation::string) {
        return explicit.to_owned();
    }
    automatic_plural(&decl.name.text)
}

/// Plurals of earlier compilations: a watched project asks for the same ones on every save, and the rules are
/// a hundred regular expressions.
static PLURALS: LazyLock<RwLock<FxHashMap<String, String>>> = LazyLock::new(RwLock::default);

/// Bounds the memory of [`PLURALS`].
const MAX_PLURALS: usize = 20_000;

fn automatic_plural(name: &str) -> String {
    let known = PLURALS.read().ok().and_then(|plurals| plurals.get(name).cloned());
    if let Some(plural) = known {
        return plural;
    }
    let plural = pluralizer::pluralize(name, 2, false);
    let plural = if plural == name { format!("{name}s") } else { plural };
    if let Ok(mut plurals) = PLURALS.write() {
        if plurals.len() >= MAX_PLURALS {
            plurals.clear();
        }
        plurals.insert(name.to_owned(), plural.clone());
    }
    plural
}

fn schema(name: Option<&str>) -> Option<String> {
    name.filter(|name| *name != "public").map(str::to_owned)
}

/// Schema of a Postgres module.
pub(crate) fn module_schema(module: &ast::Module) -> Option<String> {
    schema(find(&module.annotations, "postgres").and_then(|annotation| annotation.named_string("schema")))
}

type References = Vec<(FieldId, EntityId, Vec<String>)>;

impl<'a> Builder<'_, 'a> {
    fn decl(&self, composite: usize, field: usize) -> &'a ast::Field {
        self.members.composites[composite].members[field].decl
    }

    fn entity_id(&self, composite: usize) -> EntityId {
        match self.names.composites[composite].kind {
            CompositeKind::Entity(id) => id,
            CompositeKind::Json(_) | CompositeKind::Code(_) | CompositeKind::Fragment => EntityId(0),
        }
    }

    fn key_fields(&self, composite: usize) -> Vec<usize> {
        let members = self.members.composites[composite].members.iter().enumerate();
        members.filter(|(_, member)| has(&member.decl.annotations, "pk")).map(|(index, _)| index).collect()
    }

    /// The key columns of an entity, foreign keys resolved through any number of tables.
    fn key(&mut self, composite: usize) -> Option<Arc<Vec<KeyColumn>>> {
        match &self.keys[composite] {
            KeyState::Known(columns) => return columns.clone(),
            KeyState::InProgress => return None,
            KeyState::Unknown => {}
        }
        self.keys[composite] = KeyState::InProgress;
        let mut columns: Vec<KeyColumn> = Vec::new();
        let mut known = true;
        for index in self.key_fields(composite) {
            match &self.kinds[composite][index] {
                Kind::Value(value) => {
                    columns.push(KeyColumn {
                        name: self.column_name(composite, index),
                        ty: value.column.clone(),
                    });
                }
                Kind::Reference { target, .. } => {
                    let mut reasons = Vec::new();
                    let found = self.foreign_columns(composite, index, *target, &mut reasons);
                    // Everything else is reported when the field itself is built.
                    self.out.extend(reasons.into_iter().filter(|reason| reason.code == Code::E0144));
                    match found {
                        Some(found) => {
                            for column in found {
                                if columns.iter().all(|earlier| earlier.name != column.name) {
                                    columns.push(KeyColumn { name: column.name, ty: column.ty });
                                }
                            }
                        }
                        None => known = false,
                    }
                }
                Kind::InverseOne { .. } | Kind::Collection { .. } | Kind::Broken => known = false,
            }
        }
        let result = known.then(|| Arc::new(columns));
        self.keys[composite] = KeyState::Known(result.clone());
        result
    }

    fn column_name(&self, composite: usize, field: usize) -> String {
        let decl = self.decl(composite, field);
        match find(&decl.annotations, "column").and_then(Annotation::string) {
            Some(explicit) => explicit.to_owned(),
            None => decl.name.text.to_snake_case(),
        }
    }

    /// The columns of an owning relation, in the target's key order; `None` when they cannot be determined
    /// (`out` then holds the reason, unless it is reported elsewhere).
    fn foreign_columns(
        &mut self,
        composite: usize,
        index: usize,
        target: usize,
        out: &mut Vec<Diagnostic>,
    ) -> Option<Vec<ForeignColumn>> {
        let field = self.decl(composite, index);
        let keys = self.key_fields(target);
        let target_decl = self.names.composites[target].decl;
        if matches!(self.keys[target], KeyState::InProgress) && has(&field.annotations, "pk") {
            out.push(make::circular_key(field, &target_decl.name.text));
            return None;
        }
        let columns = self.key(target)?;
        let names = self.foreign_names(field, target, &keys, out)?;
        if names.len() != columns.len() || columns.is_empty() {
            let managed = self.managed(target_decl, self.names.composites[target].module.index());
            // A managed type without key is reported as such.
            if !(columns.is_empty() && managed) {
                out.push(make::column_count(field, names.len(), &target_decl.name.text, columns.len()));
            }
            return None;
        }
        let pairs = names.into_iter().zip(columns.iter());
        Some(
            pairs
                .map(|(name, key)| ForeignColumn { name, ty: key.ty.clone(), referenced: key.name.clone() })
                .collect(),
        )
    }

    fn foreign_names(
        &self,
        field: &ast::Field,
        target: usize,
        keys: &[usize],
        out: &mut Vec<Diagnostic>,
    ) -> Option<Vec<String>> {
        let column = find(&field.annotations, "column");
        if let Some(explicit) = column.and_then(Annotation::string) {
            return Some(vec![explicit.to_owned()]);
        }
        let list = &self.members.composites[target];
        let target_name = &*self.names.composites[target].decl.name.text;
        match column.and_then(|annotation| annotation.named("mapping")) {
            Some(NamedValue::Object(pairs, span)) if !pairs.is_empty() => {
                let mut complete = true;
                for (key, _) in pairs {
                    if list.find(&key.text).is_none() {
                        complete = false;
                        out.push(make::mapping_key(target_name, key, nearest(&key.text, list.names())));
                    }
                }
                let mut names = Vec::new();
                let mut missing = Vec::new();
                for key in keys {
                    let key = &list.members[*key].decl.name.text;
                    let mapped =
                        pairs.iter().find(|(name, _)| name.text == *key).map(|(_, value)| &value.kind);
                    match mapped {
                        Some(LiteralKind::String(text)) => names.push(text.to_string()),
                        _ => missing.push(&**key),
                    }
                }
                // A misspelt key and the key it should have been are one mistake.
                if complete && !missing.is_empty() {
                    out.push(make::mapping_incomplete(field, target_name, &missing, *span));
                }
                (complete && missing.is_empty()).then_some(names)
            }
            _ => {
                let base = field.name.text.to_snake_case();
                let name = |key: &usize| format!("{base}_{}", list.members[*key].decl.name.text);
                Some(keys.iter().map(name).collect())
            }
        }
    }

    fn managed(&self, decl: &ast::TypeDecl, module: usize) -> bool {
        let module = self.names.modules[module].decl;
        find(&decl.annotations, "table")
            .and_then(|annotation| annotation.named_bool("managed"))
            .or_else(|| {
                find(&module.annotations, "postgres").and_then(|annotation| annotation.named_bool("managed"))
            })
            .unwrap_or(true)
    }

    fn table_name(&mut self, decl: &ast::TypeDecl, module: &ast::Module, plural: &str) -> TableName {
        let annotation = find(&decl.annotations, "table");
        let name = annotation.and_then(|table| table.string().or_else(|| table.named_string("name")));
        let own = annotation.and_then(|table| table.named_string("schema"));
        let outer =
            find(&module.annotations, "postgres").and_then(|postgres| postgres.named_string("schema"));
        if let (Some(own), Some(outer), Some(annotation)) = (own, outer, annotation)
            && own != outer
        {
            self.out.push(make::schema_overridden(own, outer, annotation.span));
        }
        TableName {
            schema: schema(outer.or(own)),
            name: name.map_or_else(|| plural.to_snake_case(), str::to_owned),
        }
    }

    fn table(&mut self, composite: usize) -> (Table, References) {
        let decl = self.names.composites[composite].decl;
        let module = self.names.composites[composite].module.index();
        let plural = plural(decl);
        let managed = self.managed(decl, module);
        let table = self.table_name(decl, self.names.modules[module].decl, &plural);
        let keys = self.key_fields(composite);
        if keys.is_empty() && managed {
            self.out.push(make::no_primary_key(decl, &self.members.composites[composite]));
        }
        let mut columns = Columns::default();
        let mut fields: Arena<FieldId, Field> = Arena::new();
        let mut references = Vec::new();
        for index in 0..self.members.composites[composite].members.len() {
            let field = self.field(composite, index, managed, &mut columns, &mut references);
            fields.push(field);
        }
        let (uniques, indexes) = self.constraints(composite);
        let table = Table {
            plural,
            table,
            managed,
            fields,
            columns: columns.columns,
            primary_key: keys.into_iter().map(FieldId::from_index).collect(),
            uniques,
            indexes,
        };
        (table, references)
    }

    fn field(
        &mut self,
        composite: usize,
        index: usize,
        managed: bool,
        columns: &mut Columns<'a>,
        references: &mut References,
    ) -> Field {
        let members = self.members;
        let kinds = self.kinds;
        let member = &members.composites[composite].members[index];
        let decl = member.decl;
        let kind = &kinds[composite][index];
        let default = default::lower(self.names, self.members, member, kind, self.out);
        let (readonly, update) = default::is_readonly(decl);
        if readonly && default.is_none() && managed {
            let annotation = find(&decl.annotations, if update { "update" } else { "readonly" });
            self.out.push(make::default_needed(decl, annotation.map_or("readonly", |it| &it.name.text)));
        }
        let primary_key = has(&decl.annotations, "pk");
        let optional = member.ty.is_optional();
        let mut own = Vec::new();
        let entity = &*self.names.composites[composite].decl.name.text;
        let mut lowered = FieldKind::Value(crate::ir::ValueType::Scalar(crate::ir::Scalar::Int));
        let mut range = None;
        match kind {
            Kind::Broken => {}
            Kind::Value(value) => {
                range.clone_from(&value.range);
                lowered = FieldKind::Value(value.ty.clone());
                let name = self.column_name(composite, index);
                let stored = match &default {
                    Some(FieldDefault::Column(column)) => Some(column.clone()),
                    Some(FieldDefault::Null | FieldDefault::Context { .. } | FieldDefault::Ignored)
                    | None => value.serial.then_some(ColumnDefault::Serial),
                };
                let column = Column {
                    name,
                    ty: value.column.clone(),
                    nullable: optional && !primary_key,
                    primary_key,
                    default: stored,
                    on_update: update,
                };
                match columns.add(column, decl) {
                    Ok(id) => own.push(id),
                    // Fields of one name are reported as such.
                    Err((_, other)) if other.name.text == decl.name.text => {}
                    Err((name, other)) => self.out.push(make::column_twice(decl, &name, entity, other)),
                }
            }
            Kind::Reference { target, partner, one_to_one } => {
                let mut reasons = Vec::new();
                let found = self.foreign_columns(composite, index, *target, &mut reasons);
                self.out.append(&mut reasons);
                let mut referenced = Vec::new();
                for foreign in found.into_iter().flatten() {
                    referenced.push(foreign.referenced);
                    own.push(columns.share(
                        Column {
                            name: foreign.name,
                            ty: foreign.ty,
                            nullable: optional && !primary_key,
                            primary_key,
                            default: None,
                            on_update: update,
                        },
                        decl,
                    ));
                }
                let entity = self.entity_id(*target);
                lowered = FieldKind::Reference {
                    target: entity,
                    inverse: partner.map(FieldId::from_index),
                    one_to_one: *one_to_one,
                    pairs: Vec::new(),
                };
                references.push((FieldId::from_index(index), entity, referenced));
            }
            Kind::InverseOne { target, owner } => {
                lowered = FieldKind::InverseOne {
                    target: self.entity_id(*target),
                    owner: FieldId::from_index(*owner),
                };
                self.reject_column_annotations(decl);
            }
            Kind::Collection { target, owner } => {
                lowered = FieldKind::Collection {
                    target: self.entity_id(*target),
                    owner: FieldId::from_index(*owner),
                };
                self.reject_column_annotations(decl);
            }
        }
        Field {
            name: decl.name.text.to_string(),
            docs: decl.docs.clone(),
            kind: lowered,
            optional,
            columns: own,
            default,
            readonly,
            update,
            range,
            access: None,
            origin: origin(self.files, decl.name.span),
        }
    }

    /// Keys, constraints and indexes need a column.
    fn reject_column_annotations(&mut self, field: &ast::Field) {
        for annotation in &field.annotations {
            if matches!(&*annotation.name.text, "unique" | "index" | "pk") {
                self.out.push(make::field_without_column(field, annotation));
            }
        }
    }

    fn constraints(&self, composite: usize) -> (Vec<Unique>, Vec<IndexDef>) {
        let entity = &*self.names.composites[composite].decl.name.text;
        let mut uniques: Vec<Unique> = Vec::new();
        let mut indexes: Vec<IndexDef> = Vec::new();
        for (index, member) in self.members.composites[composite].members.iter().enumerate() {
            let field = member.decl;
            let id = FieldId::from_index(index);
            let kind = &self.kinds[composite][index];
            if !matches!(kind, Kind::Value(_) | Kind::Reference { .. }) {
                continue;
            }
            let unique = find(&field.annotations, "unique").map(Annotation::strings);
            let implicit = matches!(kind, Kind::Reference { one_to_one: true, .. });
            let names = match unique {
                _ if implicit => vec![&*field.name.text],
                Some(names) if names.is_empty() => vec![&*field.name.text],
                Some(names) => names,
                None => Vec::new(),
            };
            for name in names {
                match uniques.iter_mut().find(|unique| unique.name == name) {
                    Some(unique) if unique.fields.contains(&id) => {}
                    Some(unique) => unique.fields.push(id),
                    None => uniques.push(Unique {
                        name: name.to_owned(),
                        db_name: format!("unique_constraint_{entity}_{name}").to_snake_case(),
                        fields: vec![id],
                    }),
                }
            }
            let Some(annotation) = find(&field.annotations, "index") else { continue };
            let mut names: Vec<String> = annotation.strings().into_iter().map(str::to_owned).collect();
            if names.is_empty() {
                names.push(format!("{entity}_{}_idx", field.name.text).to_lowercase());
            }
            for name in names {
                match indexes.iter_mut().find(|index| index.name == name) {
                    Some(index) if index.fields.contains(&id) => {}
                    Some(index) => index.fields.push(id),
                    None => indexes.push(IndexDef { name, fields: vec![id] }),
                }
            }
        }
        (uniques, indexes)
    }
}

/// The columns of one table while fields add theirs.
#[derive(Default)]
struct Columns<'a> {
    columns: Arena<ColumnId, Column>,
    by_name: FxHashMap<String, (ColumnId, &'a ast::Field)>,
}

impl<'a> Columns<'a> {
    /// A column of its own: nobody else may have made it before.
    fn add(&mut self, column: Column, field: &'a ast::Field) -> Result<ColumnId, (String, &'a ast::Field)> {
        match self.by_name.entry(column.name.clone()) {
            MapEntry::Occupied(taken) => Err((column.name, taken.get().1)),
            MapEntry::Vacant(free) => {
                let id = self.columns.push(column);
                free.insert((id, field));
                Ok(id)
            }
        }
    }

    /// A foreign-key column: shared with whoever made it before.
    fn share(&mut self, column: Column, field: &'a ast::Field) -> ColumnId {
        match self.by_name.get(&column.name) {
            Some((id, _)) => {
                let existing = &mut self.columns[*id];
                existing.primary_key |= column.primary_key;
                existing.nullable &= column.nullable;
                existing.on_update |= column.on_update;
                *id
            }
            None => {
                let name = column.name.clone();
                let id = self.columns.push(column);
                self.by_name.insert(name, (id, field));
                id
            }
        }
    }
}
