//! Three-valued solving of rules (language.md 6.5), on rows and on input.

use studio_model::ir::{
    AccessExpr, CompareOp, ContextValue, EntityId, FieldId, FieldPath, Operand, PathRoot,
};

use super::input::Input;
use super::log::OperandValue;
use super::value::Val;
use crate::error::RequestError;
use crate::plan::{ColumnPath, ParamOrigin, Planned, Planner, Pred, Start, link_target, resolve_path};

/// What `self` and the parameter of `some` are while a rule is solved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) this: This<'a>,
    /// Inside the condition of `some`.
    pub(crate) element: Option<This<'a>>,
}

/// What a path starts at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum This<'a> {
    /// Rows of a table.
    Rows,
    /// The data of a mutation.
    Input(Input<'a>),
    /// Rows about to be created below an existing parent, which `via` leads to: only the parent is known
    /// (language.md 6.8).
    Child { via: FieldId },
}

impl<'a> Subject<'a> {
    pub(crate) fn rows() -> Self {
        Self { this: This::Rows, element: None }
    }

    pub(crate) fn input(input: Input<'a>) -> Self {
        Self { this: This::Input(input), element: None }
    }
}

/// An intermediate result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict<'a> {
    /// `Solved`; otherwise `Unsolvable`, which negation leaves alone.
    pub(crate) solved: bool,
    pub(crate) pred: Pred<'a>,
}

impl<'a> Verdict<'a> {
    pub(crate) fn solved(pred: Pred<'a>) -> Self {
        Self { solved: true, pred }
    }

    pub(crate) fn unsolvable(pred: Pred<'a>) -> Self {
        Self { solved: false, pred }
    }

    pub(crate) fn of(truth: bool) -> Self {
        Self::solved(if truth { Pred::True } else { Pred::False })
    }
}

/// An operand of a comparison, as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Side<'a> {
    /// A missing context value.
    Absent,
    /// A part of the rule that does not concern what is being checked.
    Neutral,
    Value(Val, ParamOrigin),
    /// A column of a row, and the entity it belongs to.
    Column(ColumnPath<'a>, EntityId),
    /// A column of the row being written whose value the request does not say.
    Unknown {
        column: ColumnPath<'a>,
        entity: EntityId,
        input: Input<'a>,
    },
    /// A column of the row that a reference in the input points at; the key is not known if the reference is not.
    Referenced {
        /// The relation field of the input.
        field: FieldId,
        /// The entity it leads to and its key.
        entity: EntityId,
        key: Option<Vec<(studio_model::ir::ColumnId, studio_sql::expr::Expr<'a>)>>,
        /// From the referenced row on.
        rest: ColumnPath<'a>,
        /// The entity of the column.
        end: EntityId,
    },
}

impl<'a> Planner<'a, '_> {
    /// Solves an expression.
    pub(crate) fn solve(&mut self, expr: &'a AccessExpr, subject: Subject<'a>) -> Planned<Verdict<'a>> {
        if self.log.enabled() { self.solve_explained(expr, subject) } else { self.solve_plain(expr, subject) }
    }

    /// Solves an expression without a record of its own.
    pub(super) fn solve_plain(&mut self, expr: &'a AccessExpr, subject: Subject<'a>) -> Planned<Verdict<'a>> {
        if self.caller.is_system() {
            return Ok(Verdict::of(true));
        }
        match expr {
            AccessExpr::Literal(truth) => Ok(Verdict::of(*truth)),
            AccessExpr::Compare { op, left, right } => {
                let left = self.side(left, subject)?;
                let right = self.side(right, subject)?;
                let verdict = self.solve_comparison(*op, left, right)?;
                self.note_condition(expr, &verdict);
                Ok(verdict)
            }
            AccessExpr::Not(inner) => {
                // What a component refuses below a negation is no reason to refuse the request.
                let refusal = self.hooks.refusal.take();
                let inner = self.solve(inner, subject)?;
                self.hooks.refusal = refusal;
                Ok(if inner.solved { Verdict::solved(inner.pred.negate()) } else { inner })
            }
            AccessExpr::And(left, right) => {
                let left = self.solve(left, subject)?;
                if left.solved && left.pred == Pred::False {
                    return Ok(left);
                }
                let right = self.solve(right, subject)?;
                Ok(Verdict { solved: left.solved || right.solved, pred: Pred::and([left.pred, right.pred]) })
            }
            AccessExpr::Or(left, right) => {
                // Whoever may see the rows anyway needs no review of them.
                let reviews_first = left.reviews() && !right.reviews();
                let (left, right) = if reviews_first { (right, left) } else { (left, right) };
                let left = self.solve(left, subject)?;
                if left.solved && left.pred == Pred::True {
                    return Ok(left);
                }
                let right = self.solve(right, subject)?;
                Ok(Verdict { solved: left.solved || right.solved, pred: Pred::or([left.pred, right.pred]) })
            }
            AccessExpr::Some { collection, condition } => match self.start_of(collection, subject) {
                This::Rows => self.some_on_rows(collection, condition, subject),
                This::Input(input) => self.some_on_input(input, collection, condition, subject),
                This::Child { via } => self.some_on_parent(via, collection, condition, subject),
            },
            AccessExpr::Hook(rule) => {
                let verdict = self.ask_hook(rule, subject)?;
                self.note_condition(expr, &verdict);
                Ok(verdict)
            }
        }
    }

    fn start_of(&self, path: &FieldPath, subject: Subject<'a>) -> This<'a> {
        match (path.root, subject.element) {
            (PathRoot::Element, Some(element)) => element,
            (PathRoot::Element, None) | (PathRoot::SelfRow, _) => subject.this,
        }
    }

    /// `path.some(…)` from a row: a related row satisfies the condition.
    fn some_on_rows(
        &mut self,
        collection: &'a FieldPath,
        condition: &'a AccessExpr,
        subject: Subject<'a>,
    ) -> Planned<Verdict<'a>> {
        let inner = self.solve(condition, Subject { element: Some(This::Rows), ..subject })?;
        let pred = exists(&collection.steps, inner.pred);
        let outer = subject.element.is_some() && collection.root == PathRoot::SelfRow;
        Ok(Verdict { solved: inner.solved, pred: if outer { Pred::Outer(Box::new(pred)) } else { pred } })
    }

    /// `self.parent.coll.some(…)` on the parent of a row about to be created; anything else is about the child.
    fn some_on_parent(
        &mut self,
        via: FieldId,
        collection: &'a FieldPath,
        condition: &'a AccessExpr,
        subject: Subject<'a>,
    ) -> Planned<Verdict<'a>> {
        match collection.steps.split_first() {
            Some((first, rest)) if *first == via && !rest.is_empty() => {
                let inner = self.solve(condition, Subject { element: Some(This::Rows), ..subject })?;
                Ok(Verdict { solved: inner.solved, pred: exists(rest, inner.pred) })
            }
            _ => Ok(Verdict::unsolvable(Pred::True)),
        }
    }

    pub(super) fn side(&mut self, operand: &'a Operand, subject: Subject<'a>) -> Planned<Side<'a>> {
        match operand {
            Operand::Literal(literal) => Ok(Side::Value(Val::literal(literal), ParamOrigin::Model)),
            Operand::EnumValue(_, label) => Ok(Side::Value(Val::Text(label.clone()), ParamOrigin::Model)),
            Operand::Context(wanted) => self.context_side(wanted),
            Operand::Path(path) => match self.start_of(path, subject) {
                This::Rows => {
                    let outer = subject.element.is_some() && path.root == PathRoot::SelfRow;
                    let start = if outer { Start::Outer } else { Start::Row };
                    self.column_side(path.entity, &path.steps, start)
                }
                This::Input(input) => {
                    let inside = matches!(subject.element, Some(This::Rows));
                    self.input_side(input, path, inside)
                }
                This::Child { via } => match path.steps.split_first() {
                    Some((first, rest)) if *first == via && !rest.is_empty() => {
                        let parent = link_target(self.ir, path.entity, via);
                        let start = if subject.element.is_some() { Start::Outer } else { Start::Row };
                        self.column_side(parent, rest, start)
                    }
                    _ => Ok(Side::Neutral),
                },
            },
        }
    }

    /// A path from a row.
    pub(crate) fn column_side(
        &self,
        from: EntityId,
        steps: &[FieldId],
        start: Start<'a>,
    ) -> Planned<Side<'a>> {
        let (links, column) = resolve_path(self.ir, from, steps)
            .ok_or_else(|| RequestError::internal("a rule compares a field that has no column"))?;
        let end = links.iter().fold(from, |entity, link| link_target(self.ir, entity, *link));
        Ok(Side::Column(ColumnPath { start, links, column }, end))
    }

    pub(super) fn context_side(&mut self, wanted: &'a ContextValue) -> Planned<Side<'a>> {
        let value = self.caller.value(wanted);
        if self.log.enabled() {
            let shown = match &value {
                Ok(value) => value.as_ref().map(Val::display),
                Err(_) => None,
            };
            let operand = self.caller.name(wanted);
            self.note_operand(OperandValue { operand, value: shown });
        }
        Ok(match value? {
            Some(value) => {
                let origin = self.caller.origin(wanted);
                Side::Value(value, origin)
            }
            None => Side::Absent,
        })
    }

    /// Nobody looked at this side of a comparison.
    pub(super) fn put_back(&mut self, side: &Side<'a>) {
        if let Side::Value(_, origin) = side {
            self.caller.put_back(origin);
        }
    }

    fn solve_comparison(&mut self, op: CompareOp, left: Side<'a>, right: Side<'a>) -> Planned<Verdict<'a>> {
        match (left, right) {
            (Side::Absent, other) | (other, Side::Absent) => {
                self.put_back(&other);
                Ok(Verdict::unsolvable(Pred::False))
            }
            (Side::Neutral, other) | (other, Side::Neutral) => {
                self.put_back(&other);
                Ok(Verdict::unsolvable(Pred::True))
            }
            (Side::Value(left, _), Side::Value(right, _)) => Ok(Verdict::of(Val::compare(op, &left, &right))),
            (Side::Column(path, entity), Side::Value(value, origin)) => {
                self.column_against_value(op, path, entity, value, origin).map(Verdict::solved)
            }
            (Side::Value(value, origin), Side::Column(path, entity)) => {
                self.value_against_column(op, value, origin, path, entity).map(Verdict::solved)
            }
            (Side::Column(left, _), Side::Column(right, _)) => Ok(Verdict::solved(pair(op, left, right))),
            (Side::Referenced { entity, key, rest, end, .. }, Side::Value(value, origin)) => {
                let pred = self.column_against_value(op, rest, end, value, origin)?;
                Ok(Verdict::solved(related(entity, key, pred)))
            }
            (Side::Value(value, origin), Side::Referenced { entity, key, rest, end, .. }) => {
                let pred = self.value_against_column(op, value, origin, rest, end)?;
                Ok(Verdict::solved(related(entity, key, pred)))
            }
            (left @ Side::Unknown { .. }, right) | (left, right @ Side::Unknown { .. }) => {
                self.unknown_comparison(op, left, right)
            }
            (left @ Side::Referenced { .. }, right) | (left, right @ Side::Referenced { .. }) => {
                Ok(self.referenced_comparison(op, left, right))
            }
        }
    }
}

/// `steps` lead to a collection of which one row satisfies the condition.
pub(crate) fn exists<'a>(steps: &[FieldId], condition: Pred<'a>) -> Pred<'a> {
    match steps.split_last() {
        // No element satisfies a condition that nothing can satisfy.
        _ if condition == Pred::False => Pred::False,
        Some((last, links)) => {
            wrap(links, Pred::Via { field: *last, pred: Box::new(condition), independent: true })
        }
        None => Pred::False,
    }
}

/// A predicate moved over links, the first link outermost.
pub(crate) fn wrap<'a>(links: &[FieldId], pred: Pred<'a>) -> Pred<'a> {
    links.iter().rev().fold(pred, |inner, field| Pred::via(*field, inner))
}

/// A condition on the row a reference points at; on any row if the reference is not known.
pub(crate) fn related<'a>(
    entity: EntityId,
    key: Option<Vec<(studio_model::ir::ColumnId, studio_sql::expr::Expr<'a>)>>,
    pred: Pred<'a>,
) -> Pred<'a> {
    match pred {
        Pred::False => Pred::False,
        pred => Pred::Related { entity, key, pred: Box::new(pred) },
    }
}

/// A comparison of two columns.
pub(crate) fn pair<'a>(op: CompareOp, left: ColumnPath<'a>, right: ColumnPath<'a>) -> Pred<'a> {
    if left == right && op == CompareOp::Eq {
        return Pred::True;
    }
    match op {
        CompareOp::In => Pred::Member { left, right },
        op => Pred::Pair { left, op: super::compare::operator(op), right },
    }
}
