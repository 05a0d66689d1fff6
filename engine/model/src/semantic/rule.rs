//! Typing and lowering of access expressions (language.md 6.3).

use std::sync::Arc;

use super::member::Members;
use super::names::{CompositeKind, Entry, Names};
use super::path::{context_path, interchangeable, literal, literal_type, plain_member_of_list};
use super::relation::Kind;
use super::suggest::nearest;
use super::ty::Ty;
use crate::diagnostic::{Diagnostic, make};
use crate::ir::{
    AccessExpr, ArenaId, CompareOp, EntityId, EnumId, FieldId, FieldPath, HookRule, Literal, Operand,
    PathRoot,
};
use crate::source::Span;
use crate::syntax::ast::{Call, CallArgs, Expr, ExprKind, LiteralKind, Name, Path, RelationOp, Step};

/// Where a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// On an entity (position in `Names::composites`) or one of its fields.
    Entity(usize),
    /// On a type of a code module.
    CodeType,
    /// On a query or mutation of a code module.
    Method,
}

/// Lowers rules of one place.
pub(crate) struct Rules<'s, 'a> {
    pub(crate) names: &'s Names<'a>,
    pub(crate) members: &'s Members<'a>,
    pub(crate) kinds: &'s [Vec<Kind>],
    pub(crate) scope: Scope,
    pub(crate) out: &'s mut Vec<Diagnostic>,
    /// The lambda parameter of the enclosing `some` and its element type.
    element: Option<(&'s Name, usize)>,
}

/// A typed expression.
struct Typed {
    node: Node,
    ty: Ty,
    span: Span,
}

enum Node {
    /// Already a condition.
    Condition(AccessExpr),
    Operand(Operand),
    /// A path of fields, with what its last field is.
    Row(FieldPath, RowEnd),
    /// A bare context, `self`, or lambda parameter: what is missing is a field.
    Bare(Diagnostic),
    /// An enum value and where it was written.
    EnumValue(String, Name),
    /// A problem was reported.
    Error,
}

struct RowEnd {
    /// The last field has a column here.
    has_column: bool,
    /// Some field on the way is optional.
    nullable: bool,
    last: Name,
}

const ERROR: Node = Node::Error;

impl<'s, 'a> Rules<'s, 'a> {
    pub(crate) fn new(
        names: &'s Names<'a>,
        members: &'s Members<'a>,
        kinds: &'s [Vec<Kind>],
        scope: Scope,
        out: &'s mut Vec<Diagnostic>,
    ) -> Self {
        Self { names, members, kinds, scope, out, element: None }
    }

    /// Lowers a whole rule; a broken one denies.
    pub(crate) fn rule(&mut self, expr: &'s Expr) -> AccessExpr {
        let typed = self.expr(expr);
        let rule = self.condition(typed, true).unwrap_or(AccessExpr::Literal(false));
        if misplaces_review(&rule) {
            self.out.push(make::review_beside_rows(expr.span));
        }
        rule
    }

    /// Turns a typed expression into a condition.
    fn condition(&mut self, typed: Typed, report: bool) -> Option<AccessExpr> {
        let boolean = *typed.ty.required() == Ty::BOOLEAN;
        let operand = match typed.node {
            Node::Error => return None,
            Node::Condition(condition) => return Some(condition),
            Node::Operand(Operand::Literal(Literal::Bool(value))) => return Some(AccessExpr::Literal(value)),
            Node::Operand(operand) if boolean => operand,
            Node::Row(path, _) if boolean => Operand::Path(path),
            Node::Bare(diagnostic) => {
                self.out.push(diagnostic);
                return None;
            }
            Node::EnumValue(_, name) => {
                self.out.push(make::enum_value_in_rule(&name));
                return None;
            }
            Node::Operand(_) | Node::Row(..) => {
                if report && typed.ty != Ty::Error {
                    self.out.push(make::rule_not_boolean(&typed.ty.show(self.names), typed.span));
                }
                return None;
            }
        };
        let right = Operand::Literal(Literal::Bool(true));
        Some(AccessExpr::Compare { op: CompareOp::Eq, left: operand, right })
    }

    fn error(span: Span) -> Typed {
        Typed { node: ERROR, ty: Ty::Error, span }
    }

    fn expr(&mut self, expr: &'s Expr) -> Typed {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Error => Self::error(span),
            ExprKind::Literal(kind) => {
                let value = literal(kind);
                Typed { ty: literal_type(&value), node: Node::Operand(Operand::Literal(value)), span }
            }
            ExprKind::Or(parts) => self.logical("||", parts, span),
            ExprKind::And(parts) => self.logical("&&", parts, span),
            ExprKind::Not(inner) => self.negation(inner, span),
            ExprKind::Relation { op, left, right } => self.relation(*op, left, right, span),
            ExprKind::Path(path) => self.path(path, span),
        }
    }

    fn logical(&mut self, op: &str, parts: &'s [Expr], span: Span) -> Typed {
        let mut wrong: Vec<(Span, String)> = Vec::new();
        let mut conditions = Vec::with_capacity(parts.len());
        let mut broken = false;
        for part in parts {
            let typed = self.expr(part);
            let bare = matches!(typed.node, Node::Bare(_) | Node::EnumValue(..));
            if typed.ty != Ty::BOOLEAN && typed.ty != Ty::Error && !bare {
                wrong.push((part.span, typed.ty.show(self.names)));
                broken = true;
                continue;
            }
            match self.condition(typed, true) {
                Some(condition) => conditions.push(condition),
                None => broken = true,
            }
        }
        if !wrong.is_empty() {
            self.out.push(make::logical_operand(op, &wrong));
        }
        if broken {
            return Self::error(span);
        }
        let joined = join(conditions, op == "&&");
        Typed { node: Node::Condition(joined), ty: Ty::BOOLEAN, span }
    }

    fn negation(&mut self, inner: &'s Expr, span: Span) -> Typed {
        let typed = self.expr(inner);
        let bare = matches!(typed.node, Node::Bare(_) | Node::EnumValue(..));
        if typed.ty != Ty::BOOLEAN && typed.ty != Ty::Error && !bare {
            self.out.push(make::negated_operand(&typed.ty.show(self.names), inner.span));
            return Self::error(span);
        }
        match self.condition(typed, true) {
            Some(condition) => {
                let node = Node::Condition(AccessExpr::Not(Box::new(condition)));
                Typed { node, ty: Ty::BOOLEAN, span }
            }
            None => Self::error(span),
        }
    }

    fn relation(&mut self, op: RelationOp, left: &'s Expr, right: &'s Expr, span: Span) -> Typed {
        let mut left = self.expr(left);
        let mut right = self.expr(right);
        self.settle_enum(&mut left, &right.ty);
        self.settle_enum(&mut right, &left.ty);
        let mut broken = matches!(left.node, Node::Error) || matches!(right.node, Node::Error);
        for side in [&left, &right] {
            match &side.node {
                Node::Bare(diagnostic) => self.out.push(diagnostic.clone()),
                Node::EnumValue(_, name) => self.out.push(make::enum_value_in_rule(name)),
                Node::Condition(_) => self.out.push(make::condition_as_operand(side.span)),
                Node::Operand(_) | Node::Row(..) | Node::Error => continue,
            }
            broken = true;
        }
        if broken {
            return Self::error(span);
        }
        if !comparable(op, &left.ty, &right.ty) {
            let (one, two) = (left.ty.show(self.names), right.ty.show(self.names));
            self.out.push(make::incomparable((&one, left.span), (&two, right.span)));
            return Self::error(span);
        }
        self.warn_null_meets_null(op, &left, &right);
        match (self.operand(left), self.operand(right)) {
            (Some(left), Some(right)) => {
                let node = Node::Condition(AccessExpr::Compare { op: compare_op(op), left, right });
                Typed { node, ty: Ty::BOOLEAN, span }
            }
            _ => Self::error(span),
        }
    }

    /// An enum value takes the type of the other side if that enum contains it.
    fn settle_enum(&mut self, side: &mut Typed, other: &Ty) {
        let Node::EnumValue(label, _) = &side.node else { return };
        let wanted = match other.required() {
            Ty::Enum(index) => *index,
            Ty::Set(inner) | Ty::Array(inner) => match **inner {
                Ty::Enum(index) => index,
                _ => return,
            },
            _ => return,
        };
        let info = &self.names.enums[wanted];
        if info.decl.values.iter().any(|value| *value.text == **label) {
            let id = info.ir.unwrap_or(EnumId(0));
            side.ty = Ty::Enum(wanted);
            side.node = Node::Operand(Operand::EnumValue(id, label.clone()));
        }
    }

    fn warn_null_meets_null(&mut self, op: RelationOp, left: &Typed, right: &Typed) {
        if op != RelationOp::Eq {
            return;
        }
        for (one, other) in [(left, right), (right, left)] {
            if let (Node::Operand(Operand::Context(_)), Node::Row(_, end)) = (&one.node, &other.node)
                && one.ty.is_optional()
                && end.nullable
            {
                self.out.push(make::null_meets_null(one.span, other.span));
            }
        }
    }

    fn operand(&mut self, typed: Typed) -> Option<Operand> {
        match typed.node {
            Node::Operand(operand) => Some(operand),
            Node::Row(path, end) => {
                if !end.has_column {
                    self.out.push(make::no_column_to_compare(&end.last));
                    return None;
                }
                Some(Operand::Path(path))
            }
            Node::Condition(_) | Node::Bare(_) | Node::EnumValue(..) | Node::Error => None,
        }
    }

    fn path(&mut self, path: &'s Path, span: Span) -> Typed {
        if let Some(call) = &path.head_call {
            if let CallArgs::Values(values) = &call.args {
                return self.hook(path, values, span);
            }
            self.out.push(make::call_at_head(path.head.span.to(call.span)));
            return Self::error(span);
        }
        let head = &*path.head.text;
        if let Some((name, element)) = self.element
            && *name.text == *head
        {
            return self.row(PathRoot::Element, element, path, span);
        }
        if head == "self" {
            return match self.scope {
                Scope::Entity(composite) => self.row(PathRoot::SelfRow, composite, path, span),
                Scope::CodeType => {
                    self.out.push(make::self_in_code(path.head.span));
                    Self::error(span)
                }
                Scope::Method => {
                    self.out.push(make::self_outside(path.head.span));
                    Self::error(span)
                }
            };
        }
        if let Some(context) = self.names.context(head) {
            if path.steps.is_empty() {
                let diagnostic = make::bare_context(&path.head);
                return Typed { node: Node::Bare(diagnostic), ty: Ty::Context(context), span };
            }
            return match context_path(self.names, self.members, context, path, self.out) {
                Some((value, ty)) => Typed { node: Node::Operand(Operand::Context(value)), ty, span },
                None => Self::error(span),
            };
        }
        if let Some(index) = self.names.values.get(head).copied() {
            if let Some(step) = path.steps.first() {
                let name = &self.names.enums[index].decl.name.text;
                self.out.push(make::scalar_member(name, &step.name));
                return Self::error(span);
            }
            let node = Node::EnumValue(head.to_owned(), path.head.clone());
            return Typed { node, ty: Ty::Enum(index), span };
        }
        let near = self.near_head(head);
        self.out.push(make::unknown_head(&path.head, near.as_deref()));
        Self::error(span)
    }

    /// `hook("rule", …)`: the name of the rule, then literals, context fields and fields of the row.
    fn hook(&mut self, path: &'s Path, values: &'s [Expr], span: Span) -> Typed {
        if let Some(step) = path.steps.first() {
            self.out.push(make::scalar_member("Boolean", &step.name));
            return Self::error(span);
        }
        if self.element.is_some() {
            self.out.push(make::hook_in_some(span));
            return Self::error(span);
        }
        let Some((ExprKind::Literal(LiteralKind::String(name)), rest)) =
            values.split_first().map(|(first, rest)| (&first.kind, rest))
        else {
            self.out.push(make::hook_without_name(span));
            return Self::error(span);
        };
        if name.is_empty() {
            self.out.push(make::hook_without_name(span));
            return Self::error(span);
        }
        let mut rule = HookRule { name: str::to_owned(name), arguments: Vec::new(), fields: Vec::new() };
        let mut broken = false;
        for value in rest {
            let typed = self.expr(value);
            match typed.node {
                Node::Operand(operand) => rule.arguments.push(operand),
                // Components know the values of enums as texts.
                Node::EnumValue(label, _) => rule.arguments.push(Operand::Literal(Literal::String(label))),
                Node::Row(..) => match self.operand(typed) {
                    Some(Operand::Path(path)) => rule.fields.push(path),
                    Some(_) | None => broken = true,
                },
                Node::Bare(diagnostic) => {
                    self.out.push(diagnostic);
                    broken = true;
                }
                Node::Condition(_) => {
                    self.out.push(make::condition_as_operand(value.span));
                    broken = true;
                }
                Node::Error => broken = true,
            }
        }
        if broken {
            return Self::error(span);
        }
        Typed { node: Node::Condition(AccessExpr::Hook(rule)), ty: Ty::BOOLEAN, span }
    }

    fn near_head(&self, head: &str) -> Option<String> {
        let own = ["self"].into_iter().filter(|_| matches!(self.scope, Scope::Entity(_)));
        let lambda = self.element.map(|(name, _)| &*name.text);
        nearest(head, own.chain(lambda))
            .or_else(|| self.names.near(head, |entry| matches!(entry, Entry::Context(_))))
            .map(str::to_owned)
    }

    fn row(&mut self, root: PathRoot, start: usize, path: &'s Path, span: Span) -> Typed {
        if path.steps.is_empty() {
            let what = str::to_owned(&self.names.composites[start].decl.name.text);
            let diagnostic = make::bare_record(&path.head, &what);
            return Typed { node: Node::Bare(diagnostic), ty: Ty::Composite(start), span };
        }
        let members = self.members;
        let mut field_path =
            FieldPath { root, entity: self.entity_id(start), steps: Vec::with_capacity(path.steps.len()) };
        let mut current = Ty::Composite(start);
        let mut end = RowEnd { has_column: true, nullable: false, last: path.head.clone() };
        for (position, step) in path.steps.iter().enumerate() {
            let composite = match current.required() {
                Ty::Composite(index) => *index,
                Ty::Set(element) => {
                    let rest = path.steps.get(position + 1);
                    return self.set_step(field_path, element, step, rest, span);
                }
                Ty::Array(_) => {
                    let diagnostic = match &step.call {
                        None => make::array_member(&step.name),
                        Some(call) if &*step.name.text == "contains" => make::contains_on_row(call.span),
                        Some(_) => make::list_function(&step.name),
                    };
                    self.out.push(diagnostic);
                    return Self::error(span);
                }
                Ty::Error => return Self::error(span),
                other => {
                    let shown = other.show(self.names);
                    self.out.push(make::scalar_member(&shown, &step.name));
                    return Self::error(span);
                }
            };
            let owner = &self.names.composites[composite].decl.name.text;
            if let Some(call) = &step.call {
                self.out.push(make::record_call(owner, &step.name, call.span));
                return Self::error(span);
            }
            let list = &members.composites[composite];
            let Some(index) = list.find(&step.name.text) else {
                let diagnostic = match list.unknown_spreads.first() {
                    Some(spread) => make::spread_in_lookup(spread, &step.name),
                    None => make::unknown_member(owner, &step.name, nearest(&step.name.text, list.names())),
                };
                self.out.push(diagnostic);
                return Self::error(span);
            };
            let member = &list.members[index];
            if member.ty == Ty::Error {
                return Self::error(span);
            }
            end.nullable |= member.ty.is_optional();
            end.last = step.name.clone();
            end.has_column = match self.kinds[composite].get(index) {
                Some(Kind::Value(_) | Kind::Reference { .. }) => end.has_column,
                Some(Kind::InverseOne { .. }) => position + 1 < path.steps.len() && end.has_column,
                Some(Kind::Collection { .. }) => false,
                Some(Kind::Broken) => return Self::error(span),
                // A member of a json value has no column.
                None => false,
            };
            if matches!(self.names.composites[composite].kind, CompositeKind::Entity(_)) {
                field_path.steps.push(FieldId::from_index(index));
            }
            current = member.ty.clone();
        }
        if !end.has_column && matches!(current.required(), Ty::Primitive(_) | Ty::Enum(_)) {
            self.out.push(make::no_column_to_compare(&end.last));
            return Self::error(span);
        }
        Typed { node: Node::Row(field_path, end), ty: current, span }
    }

    fn entity_id(&self, composite: usize) -> EntityId {
        match self.names.composites[composite].kind {
            CompositeKind::Entity(id) => id,
            CompositeKind::Json(_) | CompositeKind::Code(_) | CompositeKind::Fragment => EntityId(0),
        }
    }

    /// A step on a collection: only `some(x => …)` works.
    fn set_step(
        &mut self,
        collection: FieldPath,
        element: &Ty,
        step: &'s Step,
        rest: Option<&'s Step>,
        span: Span,
    ) -> Typed {
        let Some(call) = &step.call else {
            self.out.push(plain_member_of_list(&Ty::Set(Arc::new(element.clone())), step));
            return Self::error(span);
        };
        let CallArgs::Lambda(parameter, body) = &call.args else {
            self.literal_call_on_set(step, call);
            return Self::error(span);
        };
        if &*step.name.text != "some" {
            self.out.push(make::set_function(&step.name));
            return Self::error(span);
        }
        if self.element.is_some() {
            self.out.push(make::nested_some(step.name.span.to(call.span)));
            return Self::error(span);
        }
        let Ty::Composite(target) = element.required() else {
            return Self::error(span);
        };
        self.element = Some((parameter, *target));
        let typed = self.expr(body);
        let condition = self.condition(typed, true);
        self.element = None;
        if let Some(next) = rest {
            self.out.push(make::scalar_member("Boolean", &next.name));
            return Self::error(span);
        }
        match condition {
            Some(condition) => {
                let node = AccessExpr::Some { collection, condition: Box::new(condition) };
                Typed { node: Node::Condition(node), ty: Ty::BOOLEAN, span }
            }
            None => Self::error(span),
        }
    }

    fn literal_call_on_set(&mut self, step: &Step, call: &Call) {
        self.out.push(match &*step.name.text {
            "contains" => make::contains_on_row(call.span),
            "some" => make::some_without_lambda(call.span),
            _ => make::list_function(&step.name),
        });
    }
}

/// Whether a review stands where its verdict cannot be combined with the rest: rows are reviewed after the database
/// has chosen them, so nothing that depends on rows can be an alternative to it, and it cannot be negated.
fn misplaces_review(expr: &AccessExpr) -> bool {
    match expr {
        AccessExpr::Literal(_) | AccessExpr::Compare { .. } | AccessExpr::Hook(_) => false,
        AccessExpr::Not(inner) => inner.reviews(),
        AccessExpr::Some { condition, .. } => condition.reviews(),
        AccessExpr::And(left, right) => misplaces_review(left) || misplaces_review(right),
        AccessExpr::Or(left, right) => {
            misplaces_review(left)
                || misplaces_review(right)
                || (left.reviews() && needs_rows(right))
                || (right.reviews() && needs_rows(left))
        }
    }
}

/// Whether rows may decide an expression.
fn needs_rows(expr: &AccessExpr) -> bool {
    match expr {
        AccessExpr::Literal(_) => false,
        AccessExpr::Compare { left, right, .. } => {
            [left, right].into_iter().any(|side| matches!(side, Operand::Path(_)))
        }
        AccessExpr::Not(inner) => needs_rows(inner),
        AccessExpr::And(left, right) | AccessExpr::Or(left, right) => needs_rows(left) || needs_rows(right),
        AccessExpr::Some { .. } | AccessExpr::Hook(_) => true,
    }
}

/// Joins conditions with the meaning of a left-associative chain; long chains become balanced trees.
fn join(mut conditions: Vec<AccessExpr>, and: bool) -> AccessExpr {
    let pair = |left: AccessExpr, right: AccessExpr| {
        let (left, right) = (Box::new(left), Box::new(right));
        if and { AccessExpr::And(left, right) } else { AccessExpr::Or(left, right) }
    };
    if conditions.len() <= 16 {
        return conditions.into_iter().reduce(pair).unwrap_or(AccessExpr::Literal(false));
    }
    let right = conditions.split_off(conditions.len() / 2);
    pair(join(conditions, and), join(right, and))
}

fn comparable(op: RelationOp, left: &Ty, right: &Ty) -> bool {
    if *left == Ty::Error || *right == Ty::Error {
        return true;
    }
    match op {
        RelationOp::In => match right {
            Ty::Set(element) | Ty::Array(element) => **element == *left,
            _ => false,
        },
        RelationOp::Eq | RelationOp::Ne => {
            let nulls =
                |one: &Ty, other: &Ty| *one == Ty::Null && (other.is_optional() || *other == Ty::Null);
            nulls(left, right) || nulls(right, left) || same(left, right)
        }
        RelationOp::Lt | RelationOp::Le | RelationOp::Gt | RelationOp::Ge => same(left, right),
    }
}

fn same(left: &Ty, right: &Ty) -> bool {
    let (left, right) = (left.required(), right.required());
    *left != Ty::Null && *right != Ty::Null && interchangeable(left, right)
}

fn compare_op(op: RelationOp) -> CompareOp {
    match op {
        RelationOp::Eq => CompareOp::Eq,
        RelationOp::Ne => CompareOp::Ne,
        RelationOp::Lt => CompareOp::Lt,
        RelationOp::Le => CompareOp::Le,
        RelationOp::Gt => CompareOp::Gt,
        RelationOp::Ge => CompareOp::Ge,
        RelationOp::In => CompareOp::In,
    }
}
