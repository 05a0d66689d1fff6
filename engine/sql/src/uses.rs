//! Which columns of a sub-select an expression reads.

use crate::expr::{Alias, Expr};
use crate::select::{Item, Select, Source};

/// The columns of `alias` that these items read, in order of first use; `None` when they may need all of them.
pub fn columns_of<'a>(items: &[Item<'a>], alias: Alias<'a>) -> Option<Vec<&'a str>> {
    let mut uses = Uses { alias, found: Vec::new() };
    uses.items(items).then_some(uses.found)
}

/// A walk that ends with `false` where it cannot say.
struct Uses<'a> {
    alias: Alias<'a>,
    found: Vec<&'a str>,
}

impl<'a> Uses<'a> {
    fn items(&mut self, items: &[Item<'a>]) -> bool {
        items.iter().all(|item| match item {
            Item::Expr(expr) | Item::Named(expr, _) => self.expr(expr),
            Item::AllOf(alias) => *alias != self.alias,
            Item::All => true,
        })
    }

    fn exprs(&mut self, exprs: &[Expr<'a>]) -> bool {
        exprs.iter().all(|expr| self.expr(expr))
    }

    fn expr(&mut self, expr: &Expr<'a>) -> bool {
        match expr {
            Expr::Column(alias, column) => {
                if *alias == self.alias && !self.found.contains(column) {
                    self.found.push(column);
                }
                true
            }
            // Its table is that of the statement it stands in.
            Expr::Name(_) => false,
            Expr::Param(_) | Expr::Text(_) | Expr::Int(_) | Expr::Bool(_) | Expr::Null => true,
            Expr::Row(alias) => *alias != self.alias,
            Expr::Cast(inner, _) | Expr::Not(inner) | Expr::JsonList(inner) => self.expr(inner),
            Expr::IsNull { expr, .. } => self.expr(expr),
            Expr::Call(_, parts) | Expr::And(parts) | Expr::Or(parts) => self.exprs(parts),
            Expr::Binary(left, _, right) | Expr::Any(left, _, right) | Expr::All(left, _, right) => {
                self.expr(left) && self.expr(right)
            }
            Expr::In(parts, select) => self.exprs(parts) && self.select(select),
            Expr::Exists(select) | Expr::Scalar(select) => self.select(select),
            Expr::JsonObject(members) => members.iter().all(|(_, value)| self.expr(value)),
        }
    }

    fn select(&mut self, select: &Select<'a>) -> bool {
        select.with.is_empty()
            && self.items(&select.columns)
            && select.from.as_ref().is_none_or(|source| self.source(source))
            && select.joins.iter().all(|join| self.source(&join.source) && self.expr(&join.on))
            && [&select.filter, &select.limit, &select.offset].into_iter().flatten().all(|it| self.expr(it))
            && select.order.iter().all(|order| self.expr(&order.expr))
    }

    fn source(&mut self, source: &Source<'a>) -> bool {
        match source {
            Source::Table(_) | Source::Cte { .. } => true,
            Source::Select(select, _) => self.select(select),
            Source::Unnest { arrays, .. } => self.exprs(arrays),
            Source::Function { call, .. } => self.expr(call),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOKS: Alias<'_> = Alias { schema: None, table: "books", serial: 0 };
    const REVIEWS: Alias<'_> = Alias { schema: None, table: "reviews", serial: 0 };

    #[test]
    fn columns_are_found_in_sub_selects_too_and_once_each() {
        let inner = Select {
            columns: vec![Item::Expr(Expr::Column(REVIEWS, "body"))],
            from: Some(Source::Table(REVIEWS)),
            filter: Some(Expr::binary(
                Expr::Column(REVIEWS, "book_id"),
                crate::expr::BinaryOp::Eq,
                Expr::Column(BOOKS, "id"),
            )),
            ..Select::default()
        };
        let items = [
            Item::Expr(Expr::Column(BOOKS, "title")),
            Item::Named(Expr::Scalar(Box::new(inner)), "reviews".into()),
            Item::Expr(Expr::Column(BOOKS, "title")),
        ];
        assert_eq!(columns_of(&items, BOOKS), Some(vec!["title", "id"]));
    }

    #[test]
    fn whole_rows_need_all_columns() {
        assert_eq!(columns_of(&[Item::Expr(Expr::Row(BOOKS))], BOOKS), None);
        assert_eq!(columns_of(&[Item::AllOf(BOOKS)], BOOKS), None);
        assert_eq!(columns_of(&[Item::AllOf(REVIEWS)], BOOKS), Some(Vec::new()));
    }
}
