//! What the operations and functions of the schema are, independent of their names.

/// The operations every entity may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntityAction {
    /// By primary key.
    ByKey,
    /// By the unique constraint at this index of `Entity::uniques`.
    ByUnique(usize),
    /// Collection.
    List,
    /// Aggregate.
    Aggregate,
    /// `createT`.
    CreateOne,
    /// `createTs`.
    CreateMany,
    /// `updateT`.
    UpdateOne,
    /// `updateTs`.
    UpdateMany,
    /// `deleteT`.
    DeleteOne,
    /// `deleteTs`.
    DeleteMany,
    /// `upsertT`, or `upsertTByU` for the unique constraint at this index (an extension).
    Upsert(Option<usize>),
}

/// Aggregate functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum AggregateFunction {
    Min,
    Max,
    Sum,
    Avg,
    Count,
}

impl AggregateFunction {
    /// Its name in GraphQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Count => "count",
        }
    }
}
