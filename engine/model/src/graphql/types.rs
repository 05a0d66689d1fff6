//! Identity and shape of GraphQL types: [`TypeId`], [`TypeRef`], [`TypeDef`].
//!
//! A [`TypeId`] is what a type *is* (the filter of entity 3), not its name; names are derived from it.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::action::{AggregateFunction, EntityAction};
use super::meta::{MetaField, MetaType};
use crate::ir::{CodeTypeId, ContextId, EntityId, EnumId, FieldId, JsonTypeId, ModuleId, Range, Scalar};

/// A type of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TypeId {
    /// `Query`.
    Query,
    /// `Mutation`.
    Mutation,
    /// `Ordering`.
    Ordering,
    /// `VectorOrdering`.
    VectorOrdering,
    /// `VectorFilter`.
    VectorFilter,
    /// `VectorFilterArg`.
    VectorFilterArg,
    /// `VectorAgg`.
    VectorAggregate,
    /// `Vector`, which only aggregates mention.
    Vector,
    /// A scalar.
    Scalar(ScalarKey),
    /// `IntFilter` and the like.
    ScalarFilter(ScalarKey),
    /// `IntAgg` and the like.
    ScalarAggregate(ScalarKey),
    /// An enum of the model.
    Enum(EnumId),
    /// Its filter.
    EnumFilter(EnumId),
    /// Its aggregate.
    EnumAggregate(EnumId),
    /// A type derived from one entity.
    Entity(EntityId, EntityForm),
    /// An input type for rows of `child` below a row of `container`.
    Nested {
        /// The entity the input describes.
        child: EntityId,
        /// The entity that holds the collection.
        container: EntityId,
        /// Which of the three.
        form: NestedForm,
    },
    /// A type derived from a `@json` type.
    Json(JsonTypeId, JsonForm),
    /// A type of a code module.
    Code(CodeTypeId, CodeForm),
    /// A context used as an ordinary parameter of a method: an argument nobody can supply.
    Context(ContextId),
    /// An injectable type used as an ordinary parameter of a method.
    Injected(Injected),
    /// A type of the introspection system.
    Meta(MetaType),
}

/// A primitive as a key with a stable order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScalarKey(u8);

const SCALARS: [(Scalar, &str); 12] = [
    (Scalar::Boolean, "Boolean"),
    (Scalar::Int, "Int"),
    (Scalar::Float, "Float"),
    (Scalar::Decimal, "Decimal"),
    (Scalar::String, "String"),
    (Scalar::LocalTime, "LocalTime"),
    (Scalar::LocalDateTime, "LocalDateTime"),
    (Scalar::LocalDate, "LocalDate"),
    (Scalar::Instant, "Instant"),
    (Scalar::Json, "Json"),
    (Scalar::Blob, "Blob"),
    (Scalar::Uuid, "Uuid"),
];

impl ScalarKey {
    /// The number of primitives.
    pub(super) const COUNT: usize = SCALARS.len();

    /// The primitive.
    pub fn scalar(self) -> Scalar {
        SCALARS[usize::from(self.0)].0
    }

    /// Its GraphQL name.
    pub fn name(self) -> &'static str {
        SCALARS[usize::from(self.0)].1
    }

    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl From<Scalar> for ScalarKey {
    fn from(scalar: Scalar) -> Self {
        Self(match scalar {
            Scalar::Boolean => 0,
            Scalar::Int => 1,
            Scalar::Float => 2,
            Scalar::Decimal => 3,
            Scalar::String => 4,
            Scalar::LocalTime => 5,
            Scalar::LocalDateTime => 6,
            Scalar::LocalDate => 7,
            Scalar::Instant => 8,
            Scalar::Json => 9,
            Scalar::Blob => 10,
            Scalar::Uuid => 11,
        })
    }
}

impl From<Scalar> for TypeId {
    fn from(scalar: Scalar) -> Self {
        Self::Scalar(scalar.into())
    }
}

/// What is derived from one entity `T`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntityForm {
    /// `T`
    Object,
    /// `TAgg`
    Aggregate,
    /// `TFilter`
    Filter,
    /// `TOrdering`
    Ordering,
    /// `TUniqueFilter`
    UniqueFilter,
    /// `TReferenceInput`
    Reference,
    /// `TCreationInput`
    Creation,
    /// `TUpdateInput`
    Update,
}

impl EntityForm {
    pub(super) const COUNT: usize = 8;
}

/// Inputs for rows of X below a row of T.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NestedForm {
    /// `XCreationInputFromT`
    Creation,
    /// `XUpdateInputFromT`: lists of creations, updates, deletions.
    Update,
    /// `XUpdateInputFromTNested`: one update.
    UpdateEntry,
}

impl NestedForm {
    pub(super) const COUNT: usize = 3;
}

/// What is derived from a `@json` type `J`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JsonForm {
    /// `J`
    Object,
    /// `JCreationInput`
    Creation,
    /// `JUpdateInput`
    Update,
}

impl JsonForm {
    pub(super) const COUNT: usize = 3;
}

/// What is derived from a type of a code module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CodeForm {
    /// `Foo`
    Object,
    /// `FooInput`
    Input,
}

impl CodeForm {
    pub(super) const COUNT: usize = 2;
}

/// Types that only the engine can supply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Injected {
    Exograph,
    ExographPriv,
    Operation,
}

impl Injected {
    pub(super) const COUNT: usize = 3;

    /// Its name in the language.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exograph => "Exograph",
            Self::ExographPriv => "ExographPriv",
            Self::Operation => "Operation",
        }
    }
}

/// A use of a type: the named type, its list wrappers and which levels are non-null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TypeRef {
    /// The innermost named type.
    pub base: TypeId,
    /// Number of list wrappers.
    depth: u8,
    /// Bit `i`: the type with `i` list wrappers is non-null.
    non_null: u32,
}

impl TypeRef {
    /// Lists nest at most this deep; deeper arrays are cut (no database column can hold them anyway).
    const MAX_DEPTH: u8 = 31;

    /// A nullable use of a named type.
    pub const fn nullable(base: TypeId) -> Self {
        Self { base, depth: 0, non_null: 0 }
    }

    /// A non-null use of a named type.
    pub const fn required(base: TypeId) -> Self {
        Self::nullable(base).non_null()
    }

    /// Nullable if `optional`.
    pub const fn maybe(base: TypeId, optional: bool) -> Self {
        if optional { Self::nullable(base) } else { Self::required(base) }
    }

    /// `[base!]`
    pub const fn list_of(base: TypeId) -> Self {
        Self::required(base).list()
    }

    /// This type, non-null.
    pub const fn non_null(mut self) -> Self {
        self.non_null |= 1 << self.depth;
        self
    }

    /// This type, nullable on the outside.
    pub const fn or_null(mut self) -> Self {
        self.non_null &= !(1 << self.depth);
        self
    }

    /// This type, nullable on the outside if `optional` and non-null otherwise.
    pub const fn with_optional(self, optional: bool) -> Self {
        if optional { self.or_null() } else { self.non_null() }
    }

    /// A nullable list of this type.
    pub const fn list(mut self) -> Self {
        if self.depth < Self::MAX_DEPTH {
            self.depth += 1;
            self.non_null &= !(1 << self.depth);
        }
        self
    }

    /// Whether the outermost type is a list.
    pub const fn is_list(self) -> bool {
        self.depth > 0
    }

    /// Whether the outermost type is non-null.
    pub const fn is_required(self) -> bool {
        self.non_null & (1 << self.depth) != 0
    }

    /// The element type of a list; a named type is returned unchanged.
    pub const fn element(mut self) -> Self {
        if self.depth > 0 {
            self.non_null &= !(1 << self.depth);
            self.depth -= 1;
        }
        self
    }

    /// Number of list wrappers.
    pub const fn list_depth(self) -> u8 {
        self.depth
    }
}

/// A type with its members.
#[derive(Debug)]
pub struct TypeDef {
    /// What it is.
    pub id: TypeId,
    /// Its name.
    pub name: Arc<str>,
    /// Its description.
    pub description: Option<Arc<str>>,
    /// Its members.
    pub kind: TypeKind,
}

/// The members of a type, by kind.
#[derive(Debug)]
pub enum TypeKind {
    /// A leaf with a wire format.
    Scalar,
    /// A leaf with a closed set of names.
    Enum(Vec<Arc<str>>),
    /// An output type.
    Object(Members<FieldDef>),
    /// An input type.
    Input(Members<InputDef>),
}

impl TypeDef {
    /// Whether fields of this type have no sub-selection.
    pub fn is_leaf(&self) -> bool {
        matches!(self.kind, TypeKind::Scalar | TypeKind::Enum(_))
    }
}

/// A named member of a type.
pub trait Member {
    /// Its name.
    fn name(&self) -> &Arc<str>;
    /// Whether input must supply it.
    fn is_required(&self) -> bool;
}

/// Members in declaration order, found by name in constant time.
#[derive(Debug)]
pub struct Members<T> {
    list: Vec<T>,
    index: FxHashMap<Arc<str>, u32>,
    required: Vec<u32>,
}

/// Up to this many members are searched one by one, which is as fast as hashing.
const LINEAR: usize = 6;

impl<T: Member> Members<T> {
    /// Indexes a list of members; of two with the same name the first stays.
    pub fn new(mut list: Vec<T>) -> Self {
        let mut index = FxHashMap::default();
        if list.len() > 1 {
            let mut seen = FxHashMap::default();
            list.retain(|member| {
                let next = seen.len() as u32;
                match seen.entry(Arc::clone(member.name())) {
                    std::collections::hash_map::Entry::Occupied(_) => false,
                    std::collections::hash_map::Entry::Vacant(entry) => {
                        entry.insert(next);
                        true
                    }
                }
            });
            if list.len() > LINEAR {
                index = seen;
            }
        }
        let required = list
            .iter()
            .enumerate()
            .filter(|(_, member)| member.is_required())
            .map(|(i, _)| i as u32)
            .collect();
        Self { list, index, required }
    }

    /// The members in order, to be changed.
    pub(super) fn into_list(self) -> Vec<T> {
        self.list
    }

    /// The members in order.
    pub fn list(&self) -> &[T] {
        &self.list
    }

    /// Positions of the members input must supply, ascending.
    pub fn required(&self) -> &[u32] {
        &self.required
    }

    /// The position of a member.
    pub fn position(&self, name: &str) -> Option<usize> {
        if self.list.len() > LINEAR {
            self.index.get(name).map(|index| *index as usize)
        } else {
            self.list.iter().position(|member| member.name().as_ref() == name)
        }
    }

    /// A member by name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.position(name).map(|index| &self.list[index])
    }
}

impl<T> Default for Members<T> {
    fn default() -> Self {
        Self { list: Vec::new(), index: FxHashMap::default(), required: Vec::new() }
    }
}

/// A field of an output type.
#[derive(Debug)]
pub struct FieldDef {
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub ty: TypeRef,
    /// Its arguments.
    pub args: Members<InputDef>,
    /// What it stands for.
    pub meaning: Meaning,
}

impl Member for FieldDef {
    fn name(&self) -> &Arc<str> {
        &self.name
    }
    fn is_required(&self) -> bool {
        false
    }
}

/// What a field stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// A root field: an operation on an entity.
    Operation(EntityId, EntityAction),
    /// A root field: a method of a code module, by index into its methods.
    Method(ModuleId, usize),
    /// A field of the entity: value, to-one or collection.
    Field(EntityId, FieldId),
    /// `<f>Agg` of a collection.
    Aggregate(EntityId, FieldId),
    /// `<f>Distance` of a vector.
    Distance(EntityId, FieldId),
    /// A field of `TAgg`.
    AggregateField(EntityId, FieldId),
    /// A function of `IntAgg` and the like.
    Function(AggregateFunction),
    /// A member of a `@json` type, by position.
    JsonMember(JsonTypeId, usize),
    /// A field of a code type, by position.
    CodeField(CodeTypeId, usize),
    /// Part of the introspection system.
    Meta(MetaField),
}

/// An argument or a member of an input type.
#[derive(Debug)]
pub struct InputDef {
    /// Its name.
    pub name: Arc<str>,
    /// Its type as printed.
    pub ty: TypeRef,
    /// The type values are checked against. Differs from `ty` only for relational keys of nested updates, whose
    /// printed type is shifted (graphql-and-sql 1.7.3).
    pub accepts: TypeRef,
    /// Its description.
    pub description: Option<&'static str>,
    /// Its default, as GraphQL text.
    pub default: Option<&'static str>,
    /// Bounds of numbers.
    pub range: Option<Range>,
}

impl InputDef {
    pub(super) fn new(name: impl Into<Arc<str>>, ty: TypeRef) -> Self {
        Self { name: name.into(), ty, accepts: ty, description: None, default: None, range: None }
    }
}

impl Member for InputDef {
    fn name(&self) -> &Arc<str> {
        &self.name
    }
    fn is_required(&self) -> bool {
        self.accepts.is_required() && self.default.is_none()
    }
}
