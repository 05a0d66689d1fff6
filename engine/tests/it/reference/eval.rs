//! The reference evaluator: rules and filters on rows in memory, following the text of the contract step by step
//! (language.md 6.5 and 6.6, graphql-and-sql 3.4) without any regard to SQL.

use super::model::{CONTEXT, Default, Kind, Model, Op, Operand, Path, Root, Rule, V};

/// A caller: per field of the context nothing, a value or a list.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) values: Vec<Given>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Given {
    Missing,
    Value(V),
    List(Vec<V>),
}

impl Caller {
    /// `None` is absent: declared without `?` and missing.
    pub(super) fn scalar(&self, index: usize) -> Option<V> {
        match &self.values[index] {
            Given::Missing if CONTEXT[index].4 => Some(V::Null),
            Given::Missing | Given::List(_) => None,
            Given::Value(value) => Some(value.clone()),
        }
    }
    fn list(&self, index: usize) -> Option<&[V]> {
        match &self.values[index] {
            Given::List(items) => Some(items),
            Given::Missing | Given::Value(_) => None,
        }
    }
}

/// A stored row: a value or the key of the referenced row per field; inverse sides hold nothing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) cells: Vec<Cell>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Value(V),
    Reference(Option<Vec<V>>),
    Nothing,
}

/// All rows by entity, in the order they were inserted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Store {
    pub(super) rows: Vec<Vec<Row>>,
}

/// Data of a mutation: one object.
#[derive(Debug, Clone, Default)]
pub(super) struct Data {
    /// Values by field, as far as they were supplied.
    pub(super) values: Vec<(usize, Cell)>,
    /// Nested objects by collection field.
    pub(super) nested: Vec<(usize, Vec<Data>)>,
}

impl Data {
    /// How many levels of objects there are.
    pub(super) fn levels(&self) -> usize {
        let below = self.nested.iter().flat_map(|(_, items)| items).map(Self::levels).max();
        1 + below.unwrap_or(0)
    }
    pub(super) fn value(&self, field: usize) -> Option<&Cell> {
        self.values.iter().find(|(index, _)| *index == field).map(|(_, cell)| cell)
    }
    fn nested(&self, field: usize) -> Option<&[Data]> {
        self.nested.iter().find(|(index, _)| *index == field).map(|(_, items)| items.as_slice())
    }
}

/// What is left of a rule once the caller (and the data) are known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Formula {
    True,
    False,
    Compare(Op, Term, Term),
    Null(Path, bool),
    Among(Path, Vec<V>),
    /// Some row of the collection the path ends on satisfies it.
    Some(Path, Box<Formula>),
    /// A related row satisfies it; of to-many links over the same field there is one per conjunction.
    Via(usize, Box<Formula>),
    /// What it is for the row with this key, or whether any row satisfies it if the key is not known. That row is
    /// `this` in the formula.
    Related(usize, Option<Vec<V>>, Box<Formula>),
    Not(Box<Formula>),
    And(Vec<Formula>),
    Or(Vec<Formula>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Term {
    Value(V),
    Path(Path),
    /// A path from the row with this key.
    Keyed(Vec<V>, Path),
}

impl Formula {
    /// Whether it is about the current row, rather than only about rows found by their keys.
    pub(super) fn mentions_row(&self) -> bool {
        let from_row = |term: &Term| matches!(term, Term::Path(_));
        match self {
            Self::True | Self::False | Self::Related(..) => false,
            Self::Compare(_, left, right) => from_row(left) || from_row(right),
            Self::Null(..) | Self::Among(..) | Self::Some(..) | Self::Via(..) => true,
            Self::Not(inner) => inner.mentions_row(),
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::mentions_row),
        }
    }

    pub(super) fn of(truth: bool) -> Self {
        if truth { Self::True } else { Self::False }
    }

    pub(super) fn and(parts: Vec<Self>) -> Self {
        let mut out: Vec<Self> = Vec::new();
        for part in parts {
            match part {
                Self::True => {}
                Self::False => return Self::False,
                Self::And(inner) => inner.into_iter().for_each(|part| merge(&mut out, part, Self::and)),
                part => merge(&mut out, part, Self::and),
            }
        }
        match out.len() {
            0 => Self::True,
            1 => out.remove(0),
            _ => Self::And(out),
        }
    }

    pub(super) fn or(parts: Vec<Self>) -> Self {
        let mut out: Vec<Self> = Vec::new();
        for part in parts {
            match part {
                Self::False => {}
                Self::True => return Self::True,
                Self::Or(inner) => inner.into_iter().for_each(|part| merge(&mut out, part, Self::or)),
                part => merge(&mut out, part, Self::or),
            }
        }
        match out.len() {
            0 => Self::False,
            1 => out.remove(0),
            _ => Self::Or(out),
        }
    }

    /// Comparisons turn into their opposites, `some` and links keep the negation inside.
    pub(super) fn negate(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Compare(op, left, right) => Self::Compare(op.opposite(), left, right),
            Self::Null(path, negated) => Self::Null(path, !negated),
            Self::Some(path, inner) => Self::Some(path, Box::new(inner.negate())),
            Self::Via(field, inner) => Self::Via(field, Box::new(inner.negate())),
            Self::Related(entity, key, inner) => Self::Related(entity, key, Box::new(inner.negate())),
            Self::Not(inner) => *inner,
            other @ (Self::Among(..) | Self::And(_) | Self::Or(_)) => Self::Not(Box::new(other)),
        }
    }
}

/// Adds a part; two parts about rows over the same link speak of the same row.
fn merge(out: &mut Vec<Formula>, part: Formula, join: fn(Vec<Formula>) -> Formula) {
    for present in &mut *out {
        match (present, &part) {
            (Formula::Via(field, inner), Formula::Via(other, more)) if field == other => {
                **inner = join(vec![(**inner).clone(), (**more).clone()]);
                return;
            }
            (Formula::Related(entity, key, inner), Formula::Related(other, other_key, more))
                if entity == other && key == other_key =>
            {
                **inner = join(vec![(**inner).clone(), (**more).clone()]);
                return;
            }
            _ => {}
        }
    }
    out.push(part);
}

/// `Solved` or not, and what was found.
struct Verdict(bool, Formula);

/// What `this` and the element of `some` are while a rule is folded.
#[derive(Clone, Copy)]
enum Subject<'a> {
    Row,
    Data(New<'a>),
    /// A row about to be created below a row that this field leads to: only that row is known.
    Child {
        owner: usize,
    },
    /// The element where there is no `some` around.
    Outside,
}

/// A row about to be written, as far as the data says.
#[derive(Clone, Copy)]
pub(super) struct New<'a> {
    pub(super) entity: usize,
    pub(super) data: &'a Data,
    pub(super) field_level: bool,
    /// Created rather than changed.
    pub(super) creating: bool,
    pub(super) above: Option<Above<'a>>,
}

/// The row above a new row, which is not among its data.
#[derive(Clone, Copy)]
pub(super) struct Above<'a> {
    /// The field that will refer to it.
    pub(super) via: usize,
    pub(super) row: AboveRow<'a>,
}

#[derive(Clone, Copy)]
pub(super) enum AboveRow<'a> {
    /// Created together with it.
    New(&'a New<'a>),
    /// It exists, and is the current row.
    Existing,
    /// It exists, and is asked another time.
    Elsewhere,
}

/// What the data nests below the inverse side of a one-to-one.
enum Below<'a> {
    One(New<'a>),
    Nothing,
    Several,
}

/// An operand as far as it is known.
enum Side {
    Absent,
    /// A part that does not concern what is asked.
    Neutral,
    Term(Term),
    /// A value of the new row that the data does not say. Nothing to object at type level; at field level the row
    /// decides.
    Unknown(Path, bool),
    /// A value of the row that a reference in the data points at.
    Referenced {
        field: usize,
        entity: usize,
        key: Option<Vec<V>>,
        rest: Path,
    },
}

/// Folds rules for one caller.
pub(super) struct Folder<'a> {
    pub(super) model: &'a Model,
    pub(super) caller: &'a Caller,
}

impl Folder<'_> {
    /// On rows.
    pub(super) fn rows(&self, rule: &Rule) -> Formula {
        self.fold(rule, Subject::Row, Subject::Row).1
    }

    /// On data.
    pub(super) fn data(&self, rule: &Rule, new: New<'_>) -> Formula {
        self.fold(rule, Subject::Data(new), Subject::Outside).1
    }

    /// The part of a rule about the row that `owner` leads to, on that row.
    pub(super) fn parent(&self, rule: &Rule, owner: usize) -> Formula {
        self.fold(rule, Subject::Child { owner }, Subject::Row).1
    }

    fn fold(&self, rule: &Rule, this: Subject<'_>, element: Subject<'_>) -> Verdict {
        match rule {
            Rule::Literal(truth) => Verdict(true, Formula::of(*truth)),
            Rule::Compare(op, left, right) => {
                let null = matches!(right, Operand::Literal(V::Null, _));
                let left = self.side(left, this, element);
                // A row that is created together with its parent has one, though nobody knows its key.
                if let (Side::Unknown(path, _), Op::Eq | Op::Ne, true) = (&left, op, null)
                    && let [.., last] = path.steps.as_slice()
                    && self.model.entities[path.entity].fields[*last].key
                {
                    return Verdict(true, Formula::of(*op == Op::Ne));
                }
                let right = self.side(right, this, element);
                compare(*op, left, right)
            }
            Rule::Bare(operand) => {
                let left = self.side(operand, this, element);
                compare(Op::Eq, left, Side::Term(Term::Value(V::Bool(true))))
            }
            Rule::Contains(list, value, _) => match self.caller.list(*list) {
                Some(items) => Verdict(true, Formula::of(items.contains(value))),
                None => Verdict(false, Formula::False),
            },
            Rule::In(path, list) => {
                let left = self.side(&Operand::Path(path.clone()), this, element);
                let Some(items) = self.caller.list(*list) else { return Verdict(false, Formula::False) };
                match left {
                    Side::Absent => Verdict(false, Formula::False),
                    Side::Neutral => Verdict(false, Formula::True),
                    Side::Term(Term::Value(value)) => Verdict(true, Formula::of(items.contains(&value))),
                    Side::Term(Term::Path(path)) => Verdict(true, Formula::Among(path, items.to_vec())),
                    Side::Term(Term::Keyed(..)) => unreachable!("only made by comparisons"),
                    Side::Unknown(path, true) => Verdict(true, Formula::Among(path, items.to_vec())),
                    Side::Unknown(_, false) => Verdict(false, Formula::True),
                    Side::Referenced { entity, key, rest, .. } => Verdict(
                        true,
                        Formula::Related(entity, key, Box::new(Formula::Among(rest, items.to_vec()))),
                    ),
                }
            }
            Rule::Not(inner) => {
                let Verdict(solved, formula) = self.fold(inner, this, element);
                if solved { Verdict(true, formula.negate()) } else { Verdict(false, formula) }
            }
            Rule::And(left, right) => {
                let left = self.fold(left, this, element);
                if left.0 && left.1 == Formula::False {
                    return left;
                }
                let right = self.fold(right, this, element);
                Verdict(left.0 || right.0, Formula::and(vec![left.1, right.1]))
            }
            Rule::Or(left, right) => {
                let left = self.fold(left, this, element);
                if left.0 && left.1 == Formula::True {
                    return left;
                }
                let right = self.fold(right, this, element);
                Verdict(left.0 || right.0, Formula::or(vec![left.1, right.1]))
            }
            Rule::Some(path, condition) => match this {
                Subject::Row => {
                    let Verdict(solved, inner) = self.fold(condition, this, Subject::Row);
                    Verdict(solved, some(path.clone(), inner))
                }
                Subject::Child { owner } => match path.steps.split_first() {
                    Some((first, rest)) if *first == owner && !rest.is_empty() => {
                        let Verdict(solved, inner) = self.fold(condition, this, Subject::Row);
                        Verdict(solved, some(self.on_the_parent(path, rest), inner))
                    }
                    _ => Verdict(false, Formula::True),
                },
                Subject::Data(new) => self.some_in_data(path, condition, this, new),
                Subject::Outside => unreachable!("`this` is always something"),
            },
        }
    }

    fn some_in_data(&self, path: &Path, condition: &Rule, this: Subject<'_>, new: New<'_>) -> Verdict {
        let first = path.steps[0];
        if let (Some(above), [_, rest @ ..]) = (new.above, path.steps.as_slice())
            && above.via == first
            && !rest.is_empty()
        {
            let path = self.on_the_parent(path, rest);
            return match above.row {
                AboveRow::New(above) => {
                    self.some_in_data(&path, condition, this, New { field_level: false, ..*above })
                }
                AboveRow::Existing => {
                    let Verdict(solved, inner) = self.fold(condition, this, Subject::Row);
                    Verdict(solved, some(path, inner))
                }
                AboveRow::Elsewhere => Verdict(false, Formula::True),
            };
        }
        if let Some((below, rest)) = self.below(path, &new) {
            return match below {
                Below::One(item) => self.some_in_data(&rest, condition, this, item),
                Below::Nothing => Verdict(false, Formula::True),
                Below::Several => Verdict(false, Formula::False),
            };
        }
        let New { data, field_level, .. } = new;
        if let [_, rest @ ..] = path.steps.as_slice()
            && !rest.is_empty()
        {
            // Through a reference: a condition on the row it points at.
            let entity = self.model.end(&Path { steps: vec![first], ..path.clone() });
            let Some(key) = self.reference(path.entity, first, data) else {
                return Verdict(false, Formula::True);
            };
            let Verdict(solved, inner) = self.fold(condition, this, Subject::Row);
            let rest = Path { root: Root::This, entity, steps: rest.to_vec() };
            return Verdict(solved, Formula::Related(entity, Some(key), Box::new(some(rest, inner))));
        }
        let Some(items) = data.nested(first).filter(|_| new.creating) else {
            assert!(!field_level, "field rules with `some` are not generated for data");
            return Verdict(false, Formula::True);
        };
        let target = self.model.end(path);
        let Kind::Inverse { owner, .. } = self.model.entities[path.entity].fields[first].kind else {
            unreachable!("`some` is asked of collections")
        };
        let above = Some(Above { via: owner, row: AboveRow::New(&new) });
        let satisfied = items.iter().any(|item| {
            let element = Subject::Data(New { entity: target, data: item, above, ..new });
            self.fold(condition, this, element).1 == Formula::True
        });
        Verdict(true, Formula::of(satisfied))
    }

    /// Where a path over the inverse side of a one-to-one leads: it has not crossed a reference, so it stays on the
    /// data.
    fn below<'n>(&self, path: &Path, new: &'n New<'n>) -> Option<(Below<'n>, Path)> {
        let (first, rest) = path.steps.split_first().filter(|(_, rest)| !rest.is_empty())?;
        let kind = &self.model.entities[path.entity].fields[*first].kind;
        let Kind::Inverse { target, owner, single: true } = *kind else { return None };
        // What an update says about other rows is for their own rules.
        let nested = new.data.nested(*first).filter(|_| new.creating);
        let below = match nested.unwrap_or_default() {
            [] => Below::Nothing,
            [item] => {
                let above = Some(Above { via: owner, row: AboveRow::New(new) });
                Below::One(New { entity: target, data: item, above, ..*new })
            }
            _ => Below::Several,
        };
        Some((below, self.on_the_parent(path, rest)))
    }

    fn on_the_parent(&self, path: &Path, rest: &[usize]) -> Path {
        let entity = self.model.end(&Path { steps: vec![path.steps[0]], ..path.clone() });
        Path { root: Root::This, entity, steps: rest.to_vec() }
    }

    fn side(&self, operand: &Operand, this: Subject<'_>, element: Subject<'_>) -> Side {
        match operand {
            Operand::Literal(value, _) => Side::Term(Term::Value(value.clone())),
            Operand::Context(index) => match self.caller.scalar(*index) {
                Some(value) => Side::Term(Term::Value(value)),
                None => Side::Absent,
            },
            Operand::Path(path) => {
                let subject = if path.root == Root::This { this } else { element };
                match subject {
                    Subject::Row => Side::Term(Term::Path(path.clone())),
                    Subject::Outside => unreachable!("elements are named inside of `some`"),
                    Subject::Child { owner } => match path.steps.split_first() {
                        Some((first, rest)) if *first == owner && !rest.is_empty() => {
                            Side::Term(Term::Path(self.on_the_parent(path, rest)))
                        }
                        _ => Side::Neutral,
                    },
                    Subject::Data(new) => self.in_data(path, new, matches!(element, Subject::Row)),
                }
            }
        }
    }

    /// `inside`: in the condition of `some` on stored rows.
    fn in_data(&self, path: &Path, new: New<'_>, inside: bool) -> Side {
        let first = path.steps[0];
        if let Some(above) = new.above
            && above.via == first
        {
            let end = self.model.end(&Path { steps: vec![first], ..path.clone() });
            let key = self.model.entities[end].keys().next().expect("every entity has a key");
            let rest = if path.steps.len() > 1 { path.steps[1..].to_vec() } else { vec![key] };
            let path = self.on_the_parent(path, &rest);
            return match above.row {
                AboveRow::New(above) => self.in_data(&path, New { field_level: false, ..*above }, inside),
                AboveRow::Existing if !inside => Side::Term(Term::Path(path)),
                AboveRow::Existing | AboveRow::Elsewhere => Side::Neutral,
            };
        }
        if let Some((below, rest)) = self.below(path, &new) {
            return match below {
                Below::One(item) => self.in_data(&rest, item, inside),
                Below::Nothing => Side::Unknown(path.clone(), new.field_level),
                Below::Several => Side::Absent,
            };
        }
        let New { entity, data, field_level, .. } = new;
        match path.steps.as_slice() {
            [_] => match self.supplied(entity, first, data) {
                Some(Cell::Value(value)) => Side::Term(Term::Value(value)),
                Some(Cell::Reference(key)) => {
                    Side::Term(Term::Value(key.and_then(|key| key.into_iter().next()).unwrap_or(V::Null)))
                }
                Some(Cell::Nothing) | None => Side::Unknown(path.clone(), field_level),
            },
            [_, rest @ ..] => {
                let target = self.model.end(&Path { steps: vec![first], ..path.clone() });
                let keys: Vec<usize> = self.model.entities[target].keys().collect();
                let rest = Path { root: Root::This, entity: target, steps: rest.to_vec() };
                if let [last] = rest.steps.as_slice()
                    && let Some(position) = keys.iter().position(|key| key == last)
                {
                    return match self.supplied(entity, first, data) {
                        Some(Cell::Reference(Some(key))) => Side::Term(Term::Value(key[position].clone())),
                        Some(Cell::Reference(None)) => Side::Term(Term::Value(V::Null)),
                        _ => Side::Unknown(path.clone(), field_level),
                    };
                }
                let key = self.reference(entity, first, data);
                Side::Referenced { field: first, entity: target, key, rest }
            }
            [] => unreachable!("a path has a step"),
        }
    }

    /// The key a reference of the data names; null names no row.
    fn reference(&self, entity: usize, field: usize, data: &Data) -> Option<Vec<V>> {
        match self.supplied(entity, field, data) {
            Some(Cell::Reference(Some(key))) => Some(key),
            Some(Cell::Reference(None)) => Some(vec![V::Null]),
            _ => None,
        }
    }

    /// What the data says about a field, or its default.
    fn supplied(&self, entity: usize, field: usize, data: &Data) -> Option<Cell> {
        if let Some(cell) = data.value(field) {
            return Some(cell.clone());
        }
        match &self.model.entities[entity].fields[field].default {
            Some(Default::Literal(value)) => Some(Cell::Value(value.clone())),
            Some(Default::Context(index)) => self.caller.scalar(*index).map(Cell::Value),
            None => None,
        }
    }
}

fn some(path: Path, inner: Formula) -> Formula {
    if inner == Formula::False { Formula::False } else { Formula::Some(path, Box::new(inner)) }
}

fn compare(op: Op, left: Side, right: Side) -> Verdict {
    match (left, right) {
        (Side::Absent, _) | (_, Side::Absent) => Verdict(false, Formula::False),
        (Side::Neutral, _) | (_, Side::Neutral) => Verdict(false, Formula::True),
        (Side::Term(Term::Value(left)), Side::Term(Term::Value(right))) => {
            Verdict(true, Formula::of(known(op, &left, &right)))
        }
        (Side::Term(left), Side::Term(right)) => Verdict(true, terms(op, left, right)),
        (Side::Unknown(path, true), Side::Term(right)) => Verdict(true, terms(op, Term::Path(path), right)),
        (Side::Term(left), Side::Unknown(path, true)) => Verdict(true, terms(op, left, Term::Path(path))),
        (Side::Unknown(left, true), Side::Unknown(right, true)) => {
            Verdict(true, terms(op, Term::Path(left), Term::Path(right)))
        }
        (Side::Unknown(..), _) | (_, Side::Unknown(..)) => Verdict(false, Formula::True),
        (Side::Referenced { entity, key, rest, .. }, Side::Term(right @ Term::Value(_))) => {
            let inner = terms(op, Term::Path(rest), right);
            Verdict(true, Formula::Related(entity, key, Box::new(inner)))
        }
        (Side::Term(left @ Term::Value(_)), Side::Referenced { entity, key, rest, .. }) => {
            let inner = terms(op, left, Term::Path(rest));
            Verdict(true, Formula::Related(entity, key, Box::new(inner)))
        }
        (
            Side::Referenced { field, entity, key, rest },
            Side::Referenced { field: other, key: other_key, rest: other_rest, .. },
        ) => {
            if field == other {
                let inner = terms(op, Term::Path(rest), Term::Path(other_rest));
                return Verdict(true, Formula::Related(entity, key, Box::new(inner)));
            }
            match (key, other_key) {
                (Some(key), Some(other_key)) => {
                    Verdict(true, terms(op, Term::Keyed(key, rest), Term::Keyed(other_key, other_rest)))
                }
                _ => Verdict(false, Formula::True),
            }
        }
        (Side::Referenced { key, rest, .. }, Side::Term(right)) => match key {
            Some(key) => Verdict(true, terms(op, Term::Keyed(key, rest), right)),
            None => Verdict(false, Formula::True),
        },
        (Side::Term(left), Side::Referenced { key, rest, .. }) => match key {
            Some(key) => Verdict(true, terms(op, left, Term::Keyed(key, rest))),
            None => Verdict(false, Formula::True),
        },
    }
}

/// A comparison of which at least one side is a column.
fn terms(op: Op, left: Term, right: Term) -> Formula {
    match (op, &left, &right) {
        (Op::Eq, Term::Path(path), Term::Value(V::Null))
        | (Op::Eq, Term::Value(V::Null), Term::Path(path)) => Formula::Null(path.clone(), false),
        (Op::Ne, Term::Path(path), Term::Value(V::Null))
        | (Op::Ne, Term::Value(V::Null), Term::Path(path)) => Formula::Null(path.clone(), true),
        (Op::Eq, Term::Path(left), Term::Path(right)) if left == right => Formula::True,
        _ => Formula::Compare(op, left, right),
    }
}

/// Two known values; null equals null and is not comparable otherwise.
fn known(op: Op, left: &V, right: &V) -> bool {
    match op {
        Op::Eq => left == right,
        Op::Ne => left != right,
        _ if *left == V::Null || *right == V::Null => false,
        _ => ordered(op, left, right),
    }
}

fn ordered(op: Op, left: &V, right: &V) -> bool {
    match op {
        Op::Eq => left == right,
        Op::Ne => left != right,
        Op::Lt => left < right,
        Op::Le => left <= right,
        Op::Gt => left > right,
        Op::Ge => left >= right,
    }
}

/// A row by entity and position.
pub(super) type At = (usize, usize);

/// Evaluates formulas on stored rows, with SQL's three truth values.
pub(super) struct Evaluator<'a> {
    pub(super) model: &'a Model,
    pub(super) store: &'a Store,
}

impl Evaluator<'_> {
    pub(super) fn holds(&self, formula: &Formula, row: At) -> bool {
        self.eval(formula, Some(row), None) == Some(true)
    }

    pub(super) fn holds_without_row(&self, formula: &Formula) -> bool {
        self.eval(formula, None, None) == Some(true)
    }

    fn eval(&self, formula: &Formula, this: Option<At>, element: Option<At>) -> Option<bool> {
        match formula {
            Formula::True => Some(true),
            Formula::False => Some(false),
            Formula::Compare(op, left, right) => {
                let left = self.term(left, this, element);
                let right = self.term(right, this, element);
                (left != V::Null && right != V::Null).then(|| ordered(*op, &left, &right))
            }
            Formula::Null(path, negated) => Some((self.value(path, this, element) == V::Null) != *negated),
            Formula::Among(path, items) => {
                let value = self.value(path, this, element);
                (value != V::Null).then(|| items.contains(&value))
            }
            Formula::Some(path, inner) => {
                let (last, links) = path.steps.split_last().expect("a path has a step");
                let start = Path { steps: links.to_vec(), ..path.clone() };
                let Some(row) = self.follow(&start, this, element) else { return Some(false) };
                Some(
                    self.related(row, *last)
                        .into_iter()
                        .any(|each| self.eval(inner, this, Some(each)) == Some(true)),
                )
            }
            Formula::Via(field, inner) => {
                let row = this.expect("filters are on rows");
                match self.model.entities[row.0].fields[*field].kind {
                    Kind::Inverse { single: false, .. } => Some(
                        self.related(row, *field)
                            .into_iter()
                            .any(|each| self.eval(inner, Some(each), None) == Some(true)),
                    ),
                    // To-one: the columns of a missing row are null.
                    Kind::Ref { target, .. } | Kind::Inverse { target, .. } => {
                        match self.related(row, *field).into_iter().next() {
                            Some(related) => self.eval(inner, Some(related), None),
                            None => self.eval_missing(inner, target),
                        }
                    }
                    Kind::Value { .. } => unreachable!("filters follow relations"),
                }
            }
            Formula::Related(entity, Some(key), inner) => {
                self.find(*entity, key).and_then(|at| self.eval(inner, Some(at), element))
            }
            Formula::Related(entity, None, inner) => Some(
                (0..self.store.rows[*entity].len())
                    .any(|index| self.eval(inner, Some((*entity, index)), element) == Some(true)),
            ),
            Formula::Not(inner) => self.eval(inner, this, element).map(|truth| !truth),
            Formula::And(parts) => all(parts.iter().map(|part| self.eval(part, this, element))),
            Formula::Or(parts) => any(parts.iter().map(|part| self.eval(part, this, element))),
        }
    }

    /// A formula about a row that does not exist: all columns are null, nothing is related.
    fn eval_missing(&self, formula: &Formula, entity: usize) -> Option<bool> {
        match formula {
            Formula::True => Some(true),
            Formula::False | Formula::Some(..) | Formula::Related(..) => Some(false),
            Formula::Compare(..) | Formula::Among(..) => None,
            Formula::Null(_, negated) => Some(!negated),
            Formula::Via(field, inner) => match self.model.entities[entity].fields[*field].kind {
                Kind::Inverse { single: false, .. } => Some(false),
                Kind::Ref { target, .. } | Kind::Inverse { target, .. } => self.eval_missing(inner, target),
                Kind::Value { .. } => unreachable!("filters follow relations"),
            },
            Formula::Not(inner) => self.eval_missing(inner, entity).map(|truth| !truth),
            Formula::And(parts) => all(parts.iter().map(|part| self.eval_missing(part, entity))),
            Formula::Or(parts) => any(parts.iter().map(|part| self.eval_missing(part, entity))),
        }
    }

    fn term(&self, term: &Term, this: Option<At>, element: Option<At>) -> V {
        match term {
            Term::Value(value) => value.clone(),
            Term::Path(path) => self.value(path, this, element),
            Term::Keyed(key, path) => match self.find(path.entity, key) {
                Some(row) => self.value(path, Some(row), None),
                None => V::Null,
            },
        }
    }

    /// The value a path ends on; null where a row on the way is missing.
    pub(super) fn value(&self, path: &Path, this: Option<At>, element: Option<At>) -> V {
        let (last, links) = path.steps.split_last().expect("a path has a step");
        let start = Path { steps: links.to_vec(), ..path.clone() };
        let Some(row) = self.follow(&start, this, element) else { return V::Null };
        match &self.row(row).cells[*last] {
            Cell::Value(value) => value.clone(),
            Cell::Reference(key) => key.as_ref().map_or(V::Null, |key| key[0].clone()),
            Cell::Nothing => unreachable!("a path ends on a column"),
        }
    }

    fn follow(&self, path: &Path, this: Option<At>, element: Option<At>) -> Option<At> {
        let start = if path.root == Root::This { this } else { element };
        path.steps.iter().try_fold(start?, |row, step| self.related(row, *step).into_iter().next())
    }

    /// The rows a relation field leads to.
    pub(super) fn related(&self, row: At, field: usize) -> Vec<At> {
        match &self.model.entities[row.0].fields[field].kind {
            Kind::Value { .. } => Vec::new(),
            Kind::Ref { target, .. } => match &self.row(row).cells[field] {
                Cell::Reference(Some(key)) => self.find(*target, key).into_iter().collect(),
                _ => Vec::new(),
            },
            Kind::Inverse { target, owner, .. } => {
                let key = self.key(row);
                let refers = |index: &usize| {
                    self.store.rows[*target][*index].cells[*owner] == Cell::Reference(Some(key.clone()))
                };
                (0..self.store.rows[*target].len()).filter(refers).map(|index| (*target, index)).collect()
            }
        }
    }

    pub(super) fn find(&self, entity: usize, key: &[V]) -> Option<At> {
        (0..self.store.rows[entity].len()).map(|index| (entity, index)).find(|at| self.key(*at) == key)
    }

    pub(super) fn row(&self, at: At) -> &Row {
        &self.store.rows[at.0][at.1]
    }

    pub(super) fn key(&self, at: At) -> Vec<V> {
        self.model.entities[at.0]
            .keys()
            .map(|index| match &self.row(at).cells[index] {
                Cell::Value(value) => value.clone(),
                Cell::Reference(_) | Cell::Nothing => V::Null,
            })
            .collect()
    }
}

/// Conjunction with three truth values.
fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let values: Vec<_> = parts.collect();
    if values.contains(&Some(false)) { Some(false) } else { (!values.contains(&None)).then_some(true) }
}

/// Disjunction with three truth values.
fn any(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let values: Vec<_> = parts.collect();
    if values.contains(&Some(true)) { Some(true) } else { (!values.contains(&None)).then_some(false) }
}
