//! Typed indices into the arenas of [`super::Ir`]. Ids, not references, connect the layers.

use std::marker::PhantomData;
use std::ops::{Deref, Index, IndexMut};

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl ArenaId for $name {
            fn from_index(index: usize) -> Self {
                Self(u32::try_from(index).expect("invariant: an arena holds fewer than 2^32 items"))
            }
            fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

/// What every typed id can do: turn into an arena position and back.
pub trait ArenaId: Copy {
    /// The id of the item at `index`.
    fn from_index(index: usize) -> Self;
    /// The position of the item in its arena.
    fn index(self) -> usize;
}

id!(
    /// A module of the model, of any plugin.
    ModuleId
);
id!(
    /// A Postgres entity type (a table).
    EntityId
);
id!(
    /// A field; only meaningful together with its entity.
    FieldId
);
id!(
    /// A physical column; only meaningful together with its entity.
    ColumnId
);
id!(
    /// An enum type.
    EnumId
);
id!(
    /// A `@json` value type.
    JsonTypeId
);
id!(
    /// A context declaration.
    ContextId
);
id!(
    /// A field of a context; only meaningful together with its context.
    ContextFieldId
);
id!(
    /// A type declared in a code module.
    CodeTypeId
);

/// The columns of a field. Nearly always it is one, which needs no list of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnIds(OneOrMore);

#[derive(Debug, Clone, PartialEq, Eq)]
enum OneOrMore {
    One(ColumnId),
    /// None or several.
    More(Vec<ColumnId>),
}

impl Default for ColumnIds {
    fn default() -> Self {
        Self(OneOrMore::More(Vec::new()))
    }
}

impl From<Vec<ColumnId>> for ColumnIds {
    fn from(ids: Vec<ColumnId>) -> Self {
        Self(match ids.as_slice() {
            [only] => OneOrMore::One(*only),
            _ => OneOrMore::More(ids),
        })
    }
}

impl From<ColumnId> for ColumnIds {
    fn from(id: ColumnId) -> Self {
        Self(OneOrMore::One(id))
    }
}

impl Deref for ColumnIds {
    type Target = [ColumnId];
    fn deref(&self) -> &[ColumnId] {
        match &self.0 {
            OneOrMore::One(id) => std::slice::from_ref(id),
            OneOrMore::More(ids) => ids,
        }
    }
}

impl<'i> IntoIterator for &'i ColumnIds {
    type Item = &'i ColumnId;
    type IntoIter = std::slice::Iter<'i, ColumnId>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for ColumnIds {
    type Item = ColumnId;
    type IntoIter = std::vec::IntoIter<ColumnId>;
    fn into_iter(self) -> Self::IntoIter {
        match self.0 {
            OneOrMore::One(id) => vec![id].into_iter(),
            OneOrMore::More(ids) => ids.into_iter(),
        }
    }
}

impl Serialize for ColumnIds {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self[..].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ColumnIds {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}

/// A vector indexed by a typed id. Indexing with an id that belongs to another arena is a bug of ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Arena<I, T> {
    items: Vec<T>,
    #[serde(skip)]
    id: PhantomData<I>,
}

impl<I, T> Default for Arena<I, T> {
    fn default() -> Self {
        Self { items: Vec::new(), id: PhantomData }
    }
}

impl<I: ArenaId, T> Arena<I, T> {
    /// An empty arena.
    pub fn new() -> Self {
        Self::default()
    }
    /// Appends an item and returns its id.
    pub fn push(&mut self, item: T) -> I {
        let id = I::from_index(self.items.len());
        self.items.push(item);
        id
    }
    /// An empty arena with room for this many items.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { items: Vec::with_capacity(capacity), id: PhantomData }
    }
    /// The number of items.
    pub fn len(&self) -> usize {
        self.items.len()
    }
    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
    /// The items with their ids, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (I, &T)> + DoubleEndedIterator {
        self.items.iter().enumerate().map(|(index, item)| (I::from_index(index), item))
    }
    /// The items, in order.
    pub fn values(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }
    /// The ids, in order.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = I> + DoubleEndedIterator + use<I, T> {
        (0..self.items.len()).map(I::from_index)
    }
    /// The item with this id, if the id belongs to this arena.
    pub fn get(&self, id: I) -> Option<&T> {
        self.items.get(id.index())
    }
}

impl<I: ArenaId, T> Index<I> for Arena<I, T> {
    type Output = T;
    fn index(&self, id: I) -> &T {
        &self.items[id.index()]
    }
}

impl<I: ArenaId, T> IndexMut<I> for Arena<I, T> {
    fn index_mut(&mut self, id: I) -> &mut T {
        &mut self.items[id.index()]
    }
}

impl<I, T> FromIterator<T> for Arena<I, T> {
    fn from_iter<It: IntoIterator<Item = T>>(iter: It) -> Self {
        Self { items: iter.into_iter().collect(), id: PhantomData }
    }
}
