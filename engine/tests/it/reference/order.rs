//! Ordering, limits and offsets, and lookups by unique constraints, by the reference evaluator
//! (graphql-and-sql 1.2, 1.5 and 3.5).

use std::cmp::Ordering;
use std::fmt::Write as _;

use serde_json::Value as Json;

use super::eval::{At, Cell, Formula};
use super::model::{Kind, Path, Rng, Root, Ty, V};
use super::request::{Answer, DENIED, Filter, Selected, World};

/// `orderBy`, `limit` and `offset`. The key of the rows comes last, so that the order is complete.
#[derive(Debug, Clone)]
pub(super) struct Page {
    keys: Vec<SortKey>,
    limit: Option<usize>,
    offset: Option<usize>,
}

/// A field reached over to-one links.
#[derive(Debug, Clone)]
struct SortKey {
    steps: Vec<usize>,
    descending: bool,
}

impl World<'_> {
    pub(super) fn random_page(&self, rng: &mut Rng, entity: usize) -> Page {
        let mut keys = Vec::new();
        for _ in 0..rng.below(3) {
            let mut at = entity;
            let mut steps = Vec::new();
            while steps.len() < 3 {
                let fields = &self.model.entities[at].fields;
                let field = rng.below(fields.len());
                match fields[field].kind {
                    Kind::Value { .. } => {
                        steps.push(field);
                        keys.push(SortKey { steps, descending: rng.chance(50) });
                        break;
                    }
                    Kind::Ref { target, .. } | Kind::Inverse { target, single: true, .. } => {
                        steps.push(field);
                        at = target;
                    }
                    Kind::Inverse { .. } => {}
                }
            }
        }
        let own = self.model.entities[entity].keys();
        keys.extend(own.map(|key| SortKey { steps: vec![key], descending: rng.chance(30) }));
        let limit = rng.chance(60).then(|| rng.below(5));
        let offset = rng.chance(30).then(|| rng.below(3));
        Page { keys, limit, offset }
    }

    /// As arguments.
    pub(super) fn page_text(&self, entity: usize, page: &Page) -> String {
        let mut keys = Vec::new();
        for key in &page.keys {
            let mut at = entity;
            let (mut text, mut close) = (String::new(), String::new());
            for step in &key.steps {
                let field = &self.model.entities[at].fields[*step];
                write!(text, "{{{}: ", field.name).unwrap();
                close.push('}');
                if let Kind::Ref { target, .. } | Kind::Inverse { target, .. } = field.kind {
                    at = target;
                }
            }
            keys.push(format!("{text}{}{close}", if key.descending { "DESC" } else { "ASC" }));
        }
        let mut text = format!("orderBy: [{}]", keys.join(", "));
        if let Some(limit) = page.limit {
            write!(text, ", limit: {limit}").unwrap();
        }
        if let Some(offset) = page.offset {
            write!(text, ", offset: {offset}").unwrap();
        }
        text
    }

    /// Rows can only be sorted by fields that are open to the caller without regard to the row.
    pub(super) fn may_sort(&self, entity: usize, page: &Page) -> Answer<()> {
        for key in &page.keys {
            let mut at = entity;
            for step in &key.steps {
                if self.field_rule(at, *step)? != Formula::True {
                    return Err(DENIED);
                }
                if let Kind::Ref { target, .. } | Kind::Inverse { target, .. } =
                    self.model.entities[at].fields[*step].kind
                {
                    at = target;
                }
            }
        }
        Ok(())
    }

    /// The rows of a page.
    pub(super) fn cut(&self, mut rows: Vec<At>, page: &Page) -> Vec<At> {
        rows.sort_by(|left, right| {
            let mut orders = page.keys.iter().map(|key| {
                let order = self.compare_by(*left, *right, &key.steps);
                if key.descending { order.reverse() } else { order }
            });
            orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        });
        let rows = rows.into_iter().skip(page.offset.unwrap_or(0));
        rows.take(page.limit.unwrap_or(usize::MAX)).collect()
    }

    /// NULL comes after everything; labels of the enum in the order of their declaration.
    fn compare_by(&self, left: At, right: At, steps: &[usize]) -> Ordering {
        let path = Path { root: Root::This, entity: left.0, steps: steps.to_vec() };
        let evaluator = self.evaluator();
        let (left, right) =
            (evaluator.value(&path, Some(left), None), evaluator.value(&path, Some(right), None));
        let last = steps[steps.len() - 1];
        let end = self.model.end(&Path { steps: steps[..steps.len() - 1].to_vec(), ..path });
        let is_label = matches!(self.model.entities[end].fields[last].kind, Kind::Value { ty: Ty::Kind, .. });
        match (left == V::Null, right == V::Null) {
            (false, false) if is_label => right.cmp(&left),
            (false, false) => left.cmp(&right),
            (left, right) => left.cmp(&right),
        }
    }

    /// A collection with a page.
    pub(super) fn page(
        &self,
        entity: usize,
        filter: Option<&Filter>,
        page: &Page,
        selection: &[Selected],
    ) -> Answer<Json> {
        let mut parts = vec![self.visible(entity, selection)?];
        if let Some(filter) = filter {
            parts.push(self.filter(entity, filter)?);
        }
        self.may_sort(entity, page)?;
        let rows = self.cut(self.chosen(entity, &Formula::and(parts)), page);
        Ok(rows.into_iter().map(|at| self.object(at, selection)).collect())
    }

    /// `tByField` of a one-to-one's owning side: its arguments, and the answer.
    pub(super) fn by_partner(
        &self,
        at: At,
        field: usize,
        selection: &[Selected],
    ) -> Option<(String, Answer<Json>)> {
        let definition = &self.model.entities[at.0].fields[field];
        let Kind::Ref { target, single: true, .. } = definition.kind else { return None };
        let evaluator = self.evaluator();
        let Cell::Reference(Some(key)) = &evaluator.row(at).cells[field] else { return None };
        let arguments = format!("({}: {})", definition.name, self.key_text(target, key, "{", "}"));
        let answer = self.visible(at.0, selection).map(|visible| {
            let shown = evaluator.holds(&visible, at);
            if shown { self.object(at, selection) } else { Json::Null }
        });
        Some((arguments, answer))
    }
}
