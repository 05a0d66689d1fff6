//! Tables of entities: names and fields (language.md 3.2, 4). Keys: [`super::key`]; constraints:
//! [`super::column`].

use std::collections::hash_map::Entry as MapEntry;

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::annotation::{find, has};
use super::column::{Columns, constraints};
use super::default;
use super::key::{KeyState, snake_case};
use super::member::Members;
use super::names::{CompositeKind, Names};
use super::plural;
use super::relation::Kind;
use crate::diagnostic::{Diagnostic, make};
use crate::ir::{
    Arena, ArenaId, Column, ColumnDefault, ColumnId, ColumnIds, EntityId, Field, FieldDefault, FieldId,
    FieldKind, IndexDef, Origin, TableName, Unique,
};
use crate::source::{FileTable, Span};
use crate::syntax::ast::{self, Annotation};

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

pub(super) struct Builder<'s, 'a> {
    pub(super) names: &'s Names<'a>,
    pub(super) members: &'s Members<'a>,
    pub(super) kinds: &'s [Vec<Kind>],
    files: &'s FileTable,
    pub(super) keys: Vec<KeyState>,
    pub(super) out: &'s mut Vec<Diagnostic>,
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
    let mut tables = Vec::with_capacity(names.composites.len());
    let mut foreign = Vec::with_capacity(names.composites.len());
    for (index, composite) in names.composites.iter().enumerate() {
        if let CompositeKind::Entity(_) = composite.kind {
            let (table, references) = builder.table(index);
            tables.push(table);
            foreign.push(references);
        }
    }
    report_shared_tables(names, &tables, builder.out);
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
                    if let FieldKind::Reference { pairs, .. } = &mut field.kind {
                        *pairs = field.columns.iter().copied().zip(ids).collect();
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

/// Two managed types cannot make one table. Views of a table somebody manages are welcome.
fn report_shared_tables(names: &Names<'_>, tables: &[Table], out: &mut Vec<Diagnostic>) {
    let entities =
        names.composites.iter().filter(|composite| matches!(composite.kind, CompositeKind::Entity(_)));
    let mut known: FxHashMap<(Option<&str>, &str), &ast::Name> =
        FxHashMap::with_capacity_and_hasher(tables.len(), FxBuildHasher);
    for (composite, table) in entities.zip(tables).filter(|(_, table)| table.managed) {
        let name = &composite.decl.name;
        match known.entry((table.table.schema.as_deref(), &table.table.name)) {
            MapEntry::Occupied(first) => out.push(make::table_twice(name, &table.table.name, first.get())),
            MapEntry::Vacant(free) => {
                free.insert(name);
            }
        }
    }
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
    plural::automatic(&decl.name.text)
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
    pub(super) fn decl(&self, composite: usize, field: usize) -> &'a ast::Field {
        self.members.composites[composite].members[field].decl
    }

    fn entity_id(&self, composite: usize) -> EntityId {
        match self.names.composites[composite].kind {
            CompositeKind::Entity(id) => id,
            CompositeKind::Json(_) | CompositeKind::Code(_) | CompositeKind::Fragment => EntityId(0),
        }
    }

    pub(super) fn key_fields(&self, composite: usize) -> Vec<usize> {
        let members = self.members.composites[composite].members.iter().enumerate();
        members.filter(|(_, member)| has(&member.decl.annotations, "pk")).map(|(index, _)| index).collect()
    }

    pub(super) fn managed(&self, decl: &ast::TypeDecl, module: usize) -> bool {
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
            name: name.map_or_else(|| snake_case(plural).into_owned(), str::to_owned),
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
        let count = self.members.composites[composite].members.len();
        let mut columns = Columns::with_capacity(count);
        let mut fields: Arena<FieldId, Field> = Arena::with_capacity(count);
        let mut references = Vec::new();
        for index in 0..self.members.composites[composite].members.len() {
            let field = self.field(composite, index, managed, &mut columns, &mut references);
            fields.push(field);
        }
        let (uniques, indexes) = constraints(self.names, self.members, self.kinds, composite);
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
        let mut own = ColumnIds::default();
        let entity = &*self.names.composites[composite].decl.name.text;
        let mut lowered = FieldKind::Value(crate::ir::ValueType::Scalar(crate::ir::Scalar::Int));
        let mut range = None;
        match kind {
            Kind::Broken => {}
            Kind::Value(value) => {
                range.clone_from(&value.range);
                lowered = FieldKind::Value(value.ty.clone());
                let stored = match &default {
                    Some(FieldDefault::Column(column)) => Some(column.clone()),
                    Some(FieldDefault::Null | FieldDefault::Context { .. } | FieldDefault::Ignored)
                    | None => value.serial.then_some(ColumnDefault::Serial),
                };
                let column = Column {
                    name: self.column_name(composite, index).into_owned(),
                    ty: value.column.clone(),
                    nullable: optional && !primary_key,
                    primary_key,
                    default: stored,
                    on_update: update,
                };
                match columns.add(column, decl) {
                    Ok(id) => own = id.into(),
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
                let mut columns_of_key = Vec::new();
                for foreign in found.into_iter().flatten() {
                    referenced.push(foreign.referenced);
                    columns_of_key.push(columns.share(
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
                own = columns_of_key.into();
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
            name: str::to_owned(&decl.name.text),
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
}
