//! [`Schema`]: types by id, root fields by name, the list of reachable types. Everything is derived on first use.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use rustc_hash::{FxHashMap, FxHashSet};

use super::derive::{self, RootMember};
use super::extension::Extensions;
use super::meta::{self, MetaType};
use super::naming::type_name;
use super::types::{
    CodeForm, EntityForm, FieldDef, InputDef, JsonForm, Meaning, Members, NestedForm, ScalarKey, TypeDef,
    TypeId, TypeKind, TypeRef,
};
use crate::ir::{ArenaId, EntityId, FieldKind, Ir, Scalar};

/// What the schema depends on besides the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaOptions {
    /// Whether there is a `Mutation` type.
    pub mutations: bool,
    /// Parts beyond the contract.
    pub extensions: Extensions,
}

impl Default for SchemaOptions {
    fn default() -> Self {
        Self { mutations: true, extensions: Extensions::default() }
    }
}

/// The GraphQL schema of a model.
#[derive(Debug)]
pub struct Schema {
    ir: Arc<Ir>,
    options: SchemaOptions,
    layout: Layout,
    types: Vec<OnceLock<Box<TypeDef>>>,
    query: OnceLock<Root>,
    mutation: OnceLock<Root>,
    meta: [OnceLock<FieldDef>; 2],
    condition: OnceLock<Members<InputDef>>,
    reachable: OnceLock<Reachable>,
}

/// The fields of `Query` or `Mutation`.
#[derive(Debug)]
pub struct Root {
    members: Vec<(RootMember, OnceLock<Box<FieldDef>>)>,
    index: FxHashMap<Box<str>, u32>,
    extensions: Extensions,
}

#[derive(Debug)]
struct Reachable {
    types: Vec<TypeId>,
    by_name: FxHashMap<Arc<str>, TypeId>,
}

impl Schema {
    /// The schema of a model. Cheap: members are derived when they are asked for.
    pub fn new(ir: Arc<Ir>, options: SchemaOptions) -> Self {
        let layout = Layout::new(&ir);
        let mut types = Vec::new();
        types.resize_with(layout.len, OnceLock::new);
        Self {
            ir,
            options,
            layout,
            types,
            query: OnceLock::new(),
            mutation: OnceLock::new(),
            meta: [OnceLock::new(), OnceLock::new()],
            condition: OnceLock::new(),
            reachable: OnceLock::new(),
        }
    }

    /// The model.
    pub fn ir(&self) -> &Arc<Ir> {
        &self.ir
    }

    /// What the schema was derived with.
    pub fn options(&self) -> SchemaOptions {
        self.options
    }

    /// The fields of `Query`; without those of introspection.
    pub fn query(&self) -> &Root {
        self.query.get_or_init(|| self.root(false))
    }

    /// The fields of `Mutation`; `None` when mutations are switched off or there are none.
    pub fn mutation(&self) -> Option<&Root> {
        if !self.options.mutations {
            return None;
        }
        let root = self.mutation.get_or_init(|| self.root(true));
        (!root.members.is_empty()).then_some(root)
    }

    fn root(&self, mutations: bool) -> Root {
        let mut members = derive::root_members(&self.ir, mutations);
        self.options.extensions.extend_root(&self.ir, mutations, &mut members);
        Root::new(members, self.options.extensions)
    }

    /// The definition of a type. `Query` and `Mutation` have no members here; see [`Schema::fields`].
    pub fn define(&self, id: TypeId) -> &TypeDef {
        let slot = self.layout.slot(id);
        self.types[slot].get_or_init(|| {
            let mut definition = derive::define(&self.ir, id);
            self.options.extensions.extend(&mut definition);
            Box::new(definition)
        })
    }

    /// A field of an output type, introspection fields of `Query` included; `__typename` is not a field.
    pub fn field(&self, id: TypeId, name: &str) -> Option<&FieldDef> {
        match id {
            TypeId::Query => match name {
                "__schema" => Some(self.meta[0].get_or_init(meta::schema_field)),
                "__type" => Some(self.meta[1].get_or_init(meta::type_field)),
                _ => self.query().get(&self.ir, name),
            },
            TypeId::Mutation => self.mutation()?.get(&self.ir, name),
            _ => match &self.define(id).kind {
                TypeKind::Object(fields) => fields.get(name),
                TypeKind::Scalar | TypeKind::Enum(_) | TypeKind::Input(_) => None,
            },
        }
    }

    /// The fields of an output type, without those of introspection.
    pub fn fields(&self, id: TypeId) -> Vec<&FieldDef> {
        match id {
            TypeId::Query => self.query().fields(&self.ir),
            TypeId::Mutation => self.mutation().map(|mutation| mutation.fields(&self.ir)).unwrap_or_default(),
            _ => match &self.define(id).kind {
                TypeKind::Object(fields) => fields.list().iter().collect(),
                TypeKind::Scalar | TypeKind::Enum(_) | TypeKind::Input(_) => Vec::new(),
            },
        }
    }

    /// The arguments of `@skip` and `@include`, the directives requests may use. They are not exposed.
    pub fn condition_arguments(&self) -> &Members<InputDef> {
        self.condition.get_or_init(meta::condition_arguments)
    }

    /// The name of a type.
    pub fn type_name(&self, id: TypeId) -> Arc<str> {
        match self.types[self.layout.slot(id)].get() {
            Some(definition) => Arc::clone(&definition.name),
            None => type_name(&self.ir, id).into(),
        }
    }

    /// A type as written in GraphQL, such as `[Book!]!`.
    pub fn type_text(&self, ty: TypeRef) -> String {
        let mut text = String::new();
        self.write_type(ty, &mut text);
        text
    }

    pub(super) fn write_type(&self, ty: TypeRef, out: &mut String) {
        if ty.is_list() {
            out.push('[');
            self.write_type(ty.element(), out);
            out.push(']');
        } else {
            match self.types[self.layout.slot(ty.base)].get() {
                Some(definition) => out.push_str(&definition.name),
                None => out.push_str(&type_name(&self.ir, ty.base)),
            }
        }
        if ty.is_required() {
            out.push('!');
        }
    }

    /// The description of a field.
    pub fn field_description(&self, field: &FieldDef) -> Option<Cow<'_, str>> {
        let docs = match field.meaning {
            Meaning::Operation(id, action) => {
                return Some(derive::operation_description(&self.ir, id, action));
            }
            Meaning::Method(module, index) => &derive::method(&self.ir, module, index)?.docs,
            Meaning::Field(entity, id) => &self.ir.entities[entity].fields[id].docs,
            Meaning::JsonMember(id, index) => &self.ir.json_types[id].fields.get(index)?.docs,
            Meaning::CodeField(id, index) => &self.ir.code_types[id].fields.get(index)?.docs,
            Meaning::Aggregate(..)
            | Meaning::Distance(..)
            | Meaning::AggregateField(..)
            | Meaning::Function(_)
            | Meaning::Meta(_) => &None,
        };
        docs.as_deref().map(Cow::Borrowed)
    }

    /// All types of the schema in printed order: by name in byte order, then `Query`, `Mutation`, then the
    /// introspection types (graphql-and-sql 1.11).
    pub fn types(&self) -> &[TypeId] {
        &self.reachable().types
    }

    /// A reachable type by name.
    pub fn type_by_name(&self, name: &str) -> Option<TypeId> {
        self.reachable().by_name.get(name).copied()
    }

    fn reachable(&self) -> &Reachable {
        self.reachable.get_or_init(|| {
            let mut seen = FxHashSet::default();
            let mut todo = vec![TypeId::Query, TypeId::Meta(MetaType::Schema), TypeId::Meta(MetaType::Type)];
            if self.mutation().is_some() {
                todo.push(TypeId::Mutation);
            }
            seen.extend(todo.iter().copied());
            let mut visit = |ty: TypeRef, todo: &mut Vec<TypeId>| {
                if seen.insert(ty.base) {
                    todo.push(ty.base);
                }
            };
            visit(TypeRef::nullable(Scalar::String.into()), &mut todo);
            while let Some(id) = todo.pop() {
                for field in self.fields(id) {
                    visit(field.ty, &mut todo);
                    for argument in field.args.list() {
                        visit(argument.ty, &mut todo);
                    }
                }
                if let TypeKind::Input(members) = &self.define(id).kind {
                    for member in members.list() {
                        visit(member.ty, &mut todo);
                    }
                }
            }
            self.sort(seen)
        })
    }

    fn sort(&self, seen: FxHashSet<TypeId>) -> Reachable {
        let is_plain = |id: &TypeId| !matches!(id, TypeId::Query | TypeId::Mutation | TypeId::Meta(_));
        let mut plain: Vec<_> = seen.iter().copied().filter(is_plain).collect();
        plain.sort_by(|a, b| self.define(*a).name.cmp(&self.define(*b).name).then(a.cmp(b)));
        let mut types = plain;
        if !self.query().members.is_empty() {
            types.push(TypeId::Query);
        }
        if self.mutation().is_some() {
            types.push(TypeId::Mutation);
        }
        types.extend(MetaType::ALL.into_iter().map(TypeId::Meta));
        // Two types with the same name collapse to the first.
        let mut by_name = FxHashMap::default();
        types.retain(|id| {
            let name = Arc::clone(&self.define(*id).name);
            match by_name.entry(name) {
                std::collections::hash_map::Entry::Occupied(_) => false,
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(*id);
                    true
                }
            }
        });
        Reachable { types, by_name }
    }
}

impl Root {
    fn new(mut members: Vec<RootMember>, extensions: Extensions) -> Self {
        // Stable: of two with the same name the first stays.
        members.sort_by(|a, b| a.name.cmp(&b.name));
        members.dedup_by(|later, first| later.name == first.name);
        let index = members
            .iter()
            .enumerate()
            .map(|(index, member)| (member.name.as_str().into(), index as u32))
            .collect();
        let members = members.into_iter().map(|member| (member, OnceLock::new())).collect();
        Self { members, index, extensions }
    }

    fn get(&self, ir: &Ir, name: &str) -> Option<&FieldDef> {
        self.index.get(name).map(|index| self.at(ir, *index as usize))
    }

    fn at(&self, ir: &Ir, index: usize) -> &FieldDef {
        let (member, field) = &self.members[index];
        field.get_or_init(|| {
            let mut field = derive::root_field(ir, member);
            self.extensions.extend_field(&mut field);
            Box::new(field)
        })
    }

    fn fields(&self, ir: &Ir) -> Vec<&FieldDef> {
        (0..self.members.len()).map(|index| self.at(ir, index)).collect()
    }

    /// Names and meanings in byte order of the names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, Meaning)> {
        self.members.iter().map(|(member, _)| (member.name.as_str(), member.meaning))
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

/// Dense positions of all types a model can have.
#[derive(Debug)]
struct Layout {
    enums: usize,
    entities: usize,
    json: usize,
    code: usize,
    contexts: usize,
    pairs: usize,
    pair_index: FxHashMap<(EntityId, EntityId), u32>,
    len: usize,
}

const SCALAR: usize = 8;
const SCALAR_FILTER: usize = SCALAR + ScalarKey::COUNT;
const SCALAR_AGGREGATE: usize = SCALAR_FILTER + ScalarKey::COUNT;
const INJECTED: usize = SCALAR_AGGREGATE + ScalarKey::COUNT;
const META: usize = INJECTED + super::types::Injected::COUNT;
const MODEL: usize = META + MetaType::ALL.len();
const ENUM_FORMS: usize = 3;

impl Layout {
    fn new(ir: &Ir) -> Self {
        let mut pair_index = FxHashMap::default();
        for (container, entity) in ir.entities.iter() {
            for field in entity.fields.values() {
                if let FieldKind::Collection { target, .. } | FieldKind::InverseOne { target, .. } =
                    field.kind
                {
                    let next = pair_index.len() as u32;
                    pair_index.entry((target, container)).or_insert(next);
                }
            }
        }
        let enums = MODEL;
        let entities = enums + ir.enums.len() * ENUM_FORMS;
        let json = entities + ir.entities.len() * EntityForm::COUNT;
        let code = json + ir.json_types.len() * JsonForm::COUNT;
        let contexts = code + ir.code_types.len() * CodeForm::COUNT;
        let pairs = contexts + ir.contexts.len();
        let len = pairs + pair_index.len() * NestedForm::COUNT;
        Self { enums, entities, json, code, contexts, pairs, pair_index, len }
    }

    fn slot(&self, id: TypeId) -> usize {
        match id {
            TypeId::Query => 0,
            TypeId::Mutation => 1,
            TypeId::Ordering => 2,
            TypeId::VectorOrdering => 3,
            TypeId::VectorFilter => 4,
            TypeId::VectorFilterArg => 5,
            TypeId::VectorAggregate => 6,
            TypeId::Vector => 7,
            TypeId::Scalar(scalar) => SCALAR + scalar.index(),
            TypeId::ScalarFilter(scalar) => SCALAR_FILTER + scalar.index(),
            TypeId::ScalarAggregate(scalar) => SCALAR_AGGREGATE + scalar.index(),
            TypeId::Injected(injected) => INJECTED + injected as usize,
            TypeId::Meta(meta) => META + meta as usize,
            TypeId::Enum(id) => self.enums + id.index() * ENUM_FORMS,
            TypeId::EnumFilter(id) => self.enums + id.index() * ENUM_FORMS + 1,
            TypeId::EnumAggregate(id) => self.enums + id.index() * ENUM_FORMS + 2,
            TypeId::Entity(id, form) => self.entities + id.index() * EntityForm::COUNT + form as usize,
            TypeId::Json(id, form) => self.json + id.index() * JsonForm::COUNT + form as usize,
            TypeId::Code(id, form) => self.code + id.index() * CodeForm::COUNT + form as usize,
            TypeId::Context(id) => self.contexts + id.index(),
            TypeId::Nested { child, container, form } => {
                let pair = self
                    .pair_index
                    .get(&(child, container))
                    .expect("invariant: nested inputs are only derived for declared relations");
                self.pairs + *pair as usize * NestedForm::COUNT + form as usize
            }
        }
    }
}
