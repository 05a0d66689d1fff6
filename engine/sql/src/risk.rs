//! How dangerous a change is, and which type changes lose nothing.

use crate::diff::Change;
use crate::schema::ColumnType;

/// What it takes to run a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepClass {
    /// Loses nothing and needs nothing: runs at once.
    Safe,
    /// Existing rows may stand in the way: they need a value first (see [`crate::diff::Answers::back_fill`]), or
    /// other values than they have. [`crate::diff::Migration::probes`] find out.
    NeedsValue,
    /// Somebody has to decide, for instance between a rename and a drop with an addition.
    Question,
    /// Values are lost.
    Destructive,
}

/// The class of a change when nothing is known about the data.
pub fn classify(change: &Change) -> StepClass {
    match change {
        Change::DropExtension(_)
        | Change::DropSchema(_)
        | Change::DropSequence(_)
        | Change::DropEnum(_)
        | Change::ReplaceEnum { .. }
        | Change::DropColumn { asked_for: false, .. } => StepClass::Destructive,
        Change::DropTable { asked_for, .. } if !asked_for => StepClass::Destructive,
        Change::ReplaceColumn(replace) if replace.converts => StepClass::Question,
        Change::ReplaceColumn(replace) if !replace.widening => StepClass::Destructive,
        // Re-keying takes the foreign keys that lean on the key along and may fail on duplicates.
        Change::ChangeKey { .. } => StepClass::Destructive,
        Change::AddColumn { column, back_fill, .. } => {
            let fills_itself = column.nullable && !column.primary_key || column.default.is_some();
            if fills_itself || back_fill.is_some() && !column.primary_key {
                StepClass::Safe
            } else {
                StepClass::NeedsValue
            }
        }
        Change::SetNotNull { back_fill: None, .. } => StepClass::NeedsValue,
        // Duplicates or dangling references among the rows that exist would make these fail.
        Change::AddUnique { .. } | Change::AddForeignKey { .. } => StepClass::NeedsValue,
        Change::SetNotNull { .. }
        | Change::ReplaceColumn(_)
        | Change::DropColumn { .. }
        | Change::DropTable { .. }
        | Change::CreateExtension(_)
        | Change::CreateSchema(_)
        | Change::CreateSequence(_)
        | Change::CreateEnum(_)
        | Change::AddEnumValue { .. }
        | Change::CreateTable(_)
        | Change::RenameTable { .. }
        | Change::RenameColumn { .. }
        | Change::DropNotNull { .. }
        | Change::SetDefault { .. }
        | Change::DropDefault { .. }
        | Change::DropUnique { .. }
        | Change::DropForeignKey { .. }
        | Change::CreateIndex { .. }
        | Change::DropIndex { .. }
        | Change::CreateFunction(_)
        | Change::ReplaceFunction(_)
        | Change::DropFunction { .. }
        | Change::CreateTrigger { .. }
        | Change::DropTrigger { .. } => StepClass::Safe,
    }
}

/// Whether every value of `old` has an equal value in `new`, so that the column can be altered in place.
pub fn widens(old: &ColumnType, new: &ColumnType) -> bool {
    use ColumnType::{
        Array, BigInt, Boolean, Char, Date, DoublePrecision, Enum, Int, Numeric, Real, SmallInt, Text, Time,
        Timestamp, Uuid, Varchar,
    };
    let at_least = |old: &Option<u32>, new: &Option<u32>| match (old, new) {
        (_, None) => true,
        (Some(old), Some(new)) => old <= new,
        (None, Some(_)) => false,
    };
    match (old, new) {
        (SmallInt, Int | BigInt | Real | DoublePrecision) | (Int, BigInt | DoublePrecision) => true,
        (Real, DoublePrecision) => true,
        (SmallInt | Int | BigInt, Numeric { precision: None, .. }) => true,
        (Numeric { .. }, Numeric { precision: None, .. }) => true,
        (
            Numeric { precision: Some(old_precision), scale: old_scale },
            Numeric { precision: Some(new_precision), scale: new_scale },
        ) => {
            let (old_scale, new_scale) = (old_scale.unwrap_or(0), new_scale.unwrap_or(0));
            new_scale >= old_scale
                && new_precision.saturating_sub(new_scale) >= old_precision.saturating_sub(old_scale)
        }
        (Varchar(old), Varchar(new)) => at_least(old, new),
        (Char(_) | Varchar(_) | Enum(_) | Uuid | SmallInt | Int | BigInt | Boolean, Text) => true,
        (Timestamp { precision: old, time_zone: a }, Timestamp { precision: new, time_zone: b }) => {
            a == b && at_least(&old.or(Some(6)), &new.or(Some(6)))
        }
        (Time { precision: old }, Time { precision: new }) => at_least(&old.or(Some(6)), &new.or(Some(6))),
        (Date, Timestamp { time_zone: false, .. }) => true,
        (Array(old), Array(new)) => !matches!(**old, Enum(_)) && widens(old, new),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widening_never_loses_a_value() {
        let numeric = |precision, scale| ColumnType::Numeric { precision, scale };
        let timestamp = |precision, time_zone| ColumnType::Timestamp { precision, time_zone };
        let array = |element| ColumnType::Array(Box::new(element));
        let cases = [
            (ColumnType::Int, ColumnType::BigInt, true),
            (ColumnType::BigInt, ColumnType::Int, false),
            (ColumnType::Int, ColumnType::Real, false),
            (ColumnType::BigInt, ColumnType::DoublePrecision, false),
            (ColumnType::BigInt, numeric(None, None), true),
            (numeric(Some(10), Some(2)), numeric(Some(12), Some(2)), true),
            (numeric(Some(10), Some(2)), numeric(Some(10), Some(4)), false),
            (numeric(None, None), numeric(Some(10), Some(2)), false),
            (ColumnType::Varchar(Some(5)), ColumnType::Varchar(Some(10)), true),
            (ColumnType::Varchar(Some(10)), ColumnType::Varchar(Some(5)), false),
            (ColumnType::Varchar(None), ColumnType::Varchar(Some(5)), false),
            (ColumnType::Varchar(Some(5)), ColumnType::Text, true),
            (ColumnType::Text, ColumnType::Varchar(Some(5)), false),
            (timestamp(Some(3), true), timestamp(None, true), true),
            (timestamp(None, true), timestamp(Some(3), true), false),
            (timestamp(None, false), timestamp(None, true), false),
            (array(ColumnType::Int), array(ColumnType::BigInt), true),
            (array(ColumnType::Int), ColumnType::Int, false),
            (ColumnType::Vector(Some(3)), ColumnType::Vector(Some(4)), false),
        ];
        for (old, new, expected) in cases {
            assert_eq!(widens(&old, &new), expected, "{old:?} {new:?}");
        }
    }
}
