//! The types of a schema as rows: which are shown, which are unfolded. Made when something changed, not per frame.

use std::collections::BTreeSet;
use std::sync::Arc;

use studio_events::{FieldSummary, SchemaSummary};

use crate::pane::Filter;
use crate::text::width;
use crate::ui::identity;

/// With this many types or fewer all are unfolded at first; with more only the first one.
const UNFOLDED: usize = 2;

/// A type, or one of its fields, by their places in the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TreeRow {
    pub(crate) ty: usize,
    pub(crate) field: Option<usize>,
    /// The type shows its fields.
    pub(crate) unfolded: bool,
}

/// The rows, and what they were made from.
#[derive(Debug, Clone, Default)]
pub(crate) struct TypeTree {
    schema: Option<Arc<SchemaSummary>>,
    filter: String,
    toggled: BTreeSet<String>,
    rows: Vec<TreeRow>,
    ids: Arc<Vec<u64>>,
    names: usize,
}

/// Whether a type shows its fields, filters aside.
pub(super) fn is_unfolded(schema: &SchemaSummary, toggled: &BTreeSet<String>, position: usize) -> bool {
    let by_default = position == 0 || schema.types.len() <= UNFOLDED;
    schema.types.get(position).is_some_and(|ty| by_default != toggled.contains(&ty.name))
}

impl TypeTree {
    /// Makes the rows again unless they were made from the same.
    pub(super) fn read(&mut self, schema: &Arc<SchemaSummary>, filter: &str, toggled: &BTreeSet<String>) {
        let same = self.schema.as_ref().is_some_and(|known| Arc::ptr_eq(known, schema));
        if same && self.filter == filter && self.toggled == *toggled {
            return;
        }
        self.schema = Some(Arc::clone(schema));
        filter.clone_into(&mut self.filter);
        self.toggled.clone_from(toggled);
        self.rows = rows(schema, &Filter::new(filter), toggled);
        let types = &schema.types;
        let id = |row: &TreeRow| types.get(row.ty).map_or(0, |ty| identity((&ty.name, row.field)));
        self.ids = Arc::new(self.rows.iter().map(id).collect());
        let name = |row: &TreeRow| {
            let ty = types.get(row.ty)?;
            Some(match row.field {
                None => width(&ty.name),
                Some(at) => width(&ty.fields.get(at)?.name) + 2,
            })
        };
        self.names = self.rows.iter().filter_map(name).max().unwrap_or(0).clamp(8, 24);
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// One row.
    pub(super) fn get(&self, index: usize) -> Option<TreeRow> {
        self.rows.get(index).copied()
    }

    /// Identities of the rows.
    pub(super) fn ids(&self) -> Arc<Vec<u64>> {
        Arc::clone(&self.ids)
    }

    /// Columns the names take.
    pub(super) fn names(&self) -> usize {
        self.names
    }
}

fn rows(schema: &SchemaSummary, filter: &Filter, toggled: &BTreeSet<String>) -> Vec<TreeRow> {
    let mut rows = Vec::new();
    for (position, ty) in schema.types.iter().enumerate() {
        let by_name = filter.passes(&[&ty.name]);
        let passes = |field: &FieldSummary| filter.passes(&[&ty.name, &field.name, &field.ty, &field.note]);
        let inner = !by_name && ty.fields.iter().any(passes);
        if !by_name && !inner {
            continue;
        }
        let unfolded = inner || is_unfolded(schema, toggled, position);
        rows.push(TreeRow { ty: position, field: None, unfolded });
        if unfolded {
            let wanted = ty.fields.iter().enumerate().filter(|(_, field)| by_name || passes(field));
            rows.extend(wanted.map(|(at, _)| TreeRow { ty: position, field: Some(at), unfolded }));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use studio_events::{TypeKind, TypeSummary};

    fn schema(count: usize) -> Arc<SchemaSummary> {
        let field = |name: &str| FieldSummary { name: name.into(), ty: "Int".into(), note: String::new() };
        let ty = |n: usize| TypeSummary {
            name: format!("Type{n}"),
            kind: TypeKind::Entity,
            table: String::new(),
            fields: vec![field("id"), field(&format!("own{n}"))],
            access: Vec::new(),
            rows: None,
            file: String::new(),
            line: 1,
        };
        Arc::new(SchemaSummary { types: (0..count).map(ty).collect(), ..SchemaSummary::default() })
    }

    #[test]
    fn rows_follow_filter_and_folds_and_are_made_once() {
        let schema = schema(5);
        let mut tree = TypeTree::default();
        tree.read(&schema, "", &BTreeSet::new());
        assert_eq!(tree.len(), 7, "the first one is unfolded");
        let ids = tree.ids();
        tree.read(&schema, "", &BTreeSet::new());
        assert!(Arc::ptr_eq(&ids, &tree.ids()), "nothing changed");
        tree.read(&schema, "", &BTreeSet::from(["Type0".to_owned(), "Type3".to_owned()]));
        assert_eq!(tree.len(), 7);
        assert_eq!(tree.get(4), Some(TreeRow { ty: 3, field: Some(0), unfolded: true }));
        tree.read(&schema, "own4", &BTreeSet::new());
        let shown: Vec<_> =
            (0..tree.len()).filter_map(|at| tree.get(at)).map(|row| (row.ty, row.field)).collect();
        assert_eq!(shown, [(4, None), (4, Some(1))]);
        tree.read(&schema, "type3", &BTreeSet::new());
        assert_eq!(tree.len(), 1);
    }
}
