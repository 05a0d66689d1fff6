//! Guesses which vanished table or column became which new one. Guesses are questions, never answers.

use crate::diff::Change;
use crate::risk::widens;
use crate::schema::{Column, ColumnType, QualifiedName, Table};

/// A vanished and a new column of one table that may be the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnProposal {
    /// The table.
    pub table: QualifiedName,
    /// The vanished column.
    pub old: Column,
    /// The new column.
    pub new: Column,
    /// How alike they are, in percent.
    pub similarity: u8,
}

/// A vanished and a new table that may be the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableProposal {
    /// The vanished table.
    pub old: QualifiedName,
    /// The new table.
    pub new: QualifiedName,
    /// How alike they are, in percent.
    pub similarity: u8,
}

/// Pairs of tables that are looked at.
const MOST_TABLE_PAIRS: usize = 10_000;

/// Below this two tables share too little to ask.
const TABLE_THRESHOLD: u8 = 50;

/// All pairs of dropped and added columns among the changes of one table that may be renames, best first.
pub(crate) fn column_candidates(table: &QualifiedName, changes: &[Change]) -> Vec<ColumnProposal> {
    let dropped: Vec<&Column> = changes
        .iter()
        .filter_map(|change| match change {
            Change::DropColumn { column, .. } => Some(column),
            _ => None,
        })
        .collect();
    let added: Vec<&Column> = changes
        .iter()
        .filter_map(|change| match change {
            Change::AddColumn { column, .. } => Some(column),
            _ => None,
        })
        .collect();
    pairs(&dropped, &added, column_similarity)
        .into_iter()
        .map(|(old, new, similarity)| ColumnProposal {
            table: table.clone(),
            old: old.clone(),
            new: new.clone(),
            similarity,
        })
        .collect()
}

/// All pairs of vanished and new tables, best first.
pub(crate) fn table_candidates(vanished: &[&Table], created: &[&Table]) -> Vec<TableProposal> {
    // Nobody answers hundreds of questions, and every pair costs time.
    if vanished.len().saturating_mul(created.len()) > MOST_TABLE_PAIRS {
        return Vec::new();
    }
    pairs(vanished, created, |old, new| Some(table_similarity(old, new)))
        .into_iter()
        .map(|(old, new, similarity)| TableProposal {
            old: old.name.clone(),
            new: new.name.clone(),
            similarity,
        })
        .collect()
}

/// The pairs to propose: the most similar one first, each column in one pair.
pub(crate) fn best_columns(candidates: &[ColumnProposal]) -> Vec<ColumnProposal> {
    let meets = |a: &ColumnProposal, b: &ColumnProposal| {
        a.table == b.table && (a.old.name == b.old.name || a.new.name == b.new.name)
    };
    best(candidates, meets)
}

/// The pairs to propose: the most similar one first, each table in one pair, none that share too little.
pub(crate) fn best_tables(candidates: &[TableProposal]) -> Vec<TableProposal> {
    let pairs = best(candidates, |a, b| a.old == b.old || a.new == b.new);
    pairs.into_iter().filter(|pair| pair.similarity >= TABLE_THRESHOLD).collect()
}

/// Greedy matching.
fn best<T: Clone>(candidates: &[T], meets: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let mut chosen: Vec<T> = Vec::new();
    for candidate in candidates {
        if !chosen.iter().any(|other| meets(candidate, other)) {
            chosen.push(candidate.clone());
        }
    }
    chosen
}

fn pairs<'a, T>(
    old: &[&'a T],
    new: &[&'a T],
    similarity: impl Fn(&T, &T) -> Option<u8>,
) -> Vec<(&'a T, &'a T, u8)> {
    let mut candidates: Vec<(usize, usize, u8)> = Vec::new();
    for (i, a) in old.iter().enumerate() {
        for (j, b) in new.iter().enumerate() {
            if let Some(similarity) = similarity(a, b) {
                candidates.push((i, j, similarity));
            }
        }
    }
    candidates.sort_by_key(|(i, j, similarity)| (u8::MAX - similarity, *i, *j));
    candidates.into_iter().map(|(i, j, similarity)| (old[i], new[j], similarity)).collect()
}

/// Columns whose types do not fit never held the same values. Otherwise half is the type, half the name.
fn column_similarity(old: &Column, new: &Column) -> Option<u8> {
    if old.primary_key != new.primary_key {
        return None;
    }
    let type_part = match (&old.ty, &new.ty) {
        (a, b) if a.same_as(b) => 50,
        (a, b) if widens(a, b) => 40,
        (ColumnType::Text, ColumnType::Varchar(_))
        | (ColumnType::BigInt, ColumnType::Int | ColumnType::SmallInt) => 30,
        _ => return None,
    };
    Some(type_part + name_similarity(&old.name, &new.name) / 2)
}

/// Mostly the share of equal columns (by name and type), a little the name.
fn table_similarity(old: &Table, new: &Table) -> u8 {
    let all = old.columns.len() + new.columns.len();
    if all == 0 {
        return 0;
    }
    let fits = |old: &Column, new: &Column| old.ty.same_as(&new.ty) || widens(&old.ty, &new.ty);
    let equal =
        old.columns.iter().filter(|column| new.column(&column.name).is_some_and(|n| fits(column, n))).count();
    let columns = 200 * equal / all;
    let name = usize::from(name_similarity(&old.name.name, &new.name.name));
    u8::try_from((columns * 3 + name) / 4).unwrap_or(100)
}

/// 100 for equal names, 0 for names without a common letter in order.
fn name_similarity(a: &str, b: &str) -> u8 {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let longest = a.len().max(b.len());
    if longest == 0 {
        return 100;
    }
    let distance = edit_distance(&a, &b).min(longest);
    u8::try_from(100 * (longest - distance) / longest).unwrap_or(0)
}

fn edit_distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitution = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substitution.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_by_edits() {
        assert_eq!(name_similarity("title", "title"), 100);
        assert_eq!(name_similarity("title", "titles"), 83);
        assert_eq!(name_similarity("abc", "xyz"), 0);
        assert_eq!(name_similarity("", ""), 100);
    }
}
