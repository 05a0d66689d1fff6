//! What a change does to others who use the table meanwhile.

use std::fmt;

use super::{BackFill, Change};
use crate::schema::ColumnType;

/// How long and how hard a step holds on to its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lock {
    /// No table with rows is locked.
    None,
    /// The table is locked for a moment, whatever its size.
    Short,
    /// The table is locked, at least against writing, while all its rows are read.
    Scan,
    /// The table is locked while all its rows are written anew.
    Rewrite,
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lock::None => "none",
            Lock::Short => "short",
            Lock::Scan => "scan",
            Lock::Rewrite => "rewrite",
        })
    }
}

impl Change {
    /// The hardest lock of its statements.
    pub fn lock(&self) -> Lock {
        match self {
            Change::CreateExtension(_)
            | Change::CreateSchema(_)
            | Change::CreateSequence(_)
            | Change::DropSequence(_)
            | Change::CreateEnum(_)
            | Change::AddEnumValue { .. }
            | Change::CreateTable(_)
            | Change::CreateFunction(_)
            | Change::ReplaceFunction(_)
            | Change::DropFunction { .. } => Lock::None,
            Change::AddColumn { back_fill: Some(BackFill::PerRow(_)), .. } => Lock::Rewrite,
            Change::ReplaceEnum { users, .. } if users.is_empty() => Lock::None,
            Change::ReplaceEnum { .. } => Lock::Rewrite,
            Change::ReplaceColumn(replace)
                if replace.is_in_place() && !keeps_layout(&replace.old.ty, &replace.new.ty) =>
            {
                Lock::Rewrite
            }
            Change::SetNotNull { .. }
            | Change::ChangeKey { .. }
            | Change::AddUnique { .. }
            | Change::AddForeignKey { .. }
            | Change::CreateIndex { .. } => Lock::Scan,
            Change::DropExtension(_)
            | Change::DropSchema(_)
            | Change::DropEnum(_)
            | Change::DropTable { .. }
            | Change::RenameTable { .. }
            | Change::AddColumn { .. }
            | Change::DropColumn { .. }
            | Change::RenameColumn { .. }
            | Change::ReplaceColumn(_)
            | Change::DropNotNull { .. }
            | Change::SetDefault { .. }
            | Change::DropDefault { .. }
            | Change::DropUnique { .. }
            | Change::DropForeignKey { .. }
            | Change::DropIndex { .. }
            | Change::CreateTrigger { .. }
            | Change::DropTrigger { .. } => Lock::Short,
        }
    }
}

/// Type changes that PostgreSQL makes in the catalogue only.
fn keeps_layout(old: &ColumnType, new: &ColumnType) -> bool {
    matches!(
        (old, new),
        (ColumnType::Varchar(_), ColumnType::Varchar(_) | ColumnType::Text)
            | (ColumnType::Numeric { .. }, ColumnType::Numeric { .. })
            | (ColumnType::Timestamp { .. }, ColumnType::Timestamp { .. })
            | (ColumnType::Time { .. }, ColumnType::Time { .. })
    )
}
