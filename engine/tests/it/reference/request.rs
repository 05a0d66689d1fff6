//! Random requests and the answers the reference evaluator gives.

use std::cell::RefCell;
use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::eval::{
    Above, AboveRow, At, Caller, Cell, Data, Evaluator, Folder, Formula, New, Row, Store, Term,
};
use super::model::{Default, Entity, Kind, Model, Op, Path, Rng, Root, Rule, Ty, V};
use super::order::Page;

/// Why a request fails; the text the client reads.
pub(super) type Answer<T> = Result<T, &'static str>;

pub(super) const DENIED: &str = "Not authorized";
pub(super) const FAILED: &str = "Operation failed";

/// A selected field.
#[derive(Debug, Clone)]
pub(super) struct Selected {
    field: usize,
    filter: Option<Filter>,
    inner: Vec<Selected>,
    page: Option<Page>,
    /// `<field>Agg { num { count } }` instead of the field; `num` is the inner selection.
    aggregate: bool,
}

/// A `where` argument.
#[derive(Debug, Clone)]
pub(super) enum Filter {
    Fields(Vec<(usize, Condition)>),
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
}

#[derive(Debug, Clone)]
pub(super) enum Condition {
    Value(Vec<(Op, V)>, Ty),
    Related(Filter),
}

/// A model, its rows and a caller.
pub(super) struct World<'a> {
    pub(super) model: &'a Model,
    pub(super) store: &'a Store,
    pub(super) caller: &'a Caller,
    /// Where values go that stand in the document as variables.
    pub(super) variables: Option<&'a RefCell<Vec<Json>>>,
}

impl Filter {
    /// Other values in the same places.
    pub(super) fn change_values(&mut self, rng: &mut Rng) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter_mut().for_each(|part| part.change_values(rng)),
            Self::Not(inner) => inner.change_values(rng),
            Self::Fields(fields) => {
                for (_, condition) in fields {
                    match condition {
                        Condition::Related(inner) => inner.change_values(rng),
                        Condition::Value(tests, ty) => {
                            for (op, value) in tests {
                                let null = matches!(op, Op::Eq | Op::Ne) && rng.chance(15);
                                *value = if null { V::Null } else { V::random(rng, *ty) };
                            }
                        }
                    }
                }
            }
        }
    }
}

impl Selected {
    /// Other values in the same places.
    pub(super) fn change_values(&mut self, rng: &mut Rng) {
        if let Some(filter) = &mut self.filter {
            filter.change_values(rng);
        }
        self.inner.iter_mut().for_each(|inner| inner.change_values(rng));
    }
}

impl<'a> World<'a> {
    pub(super) fn new(model: &'a Model, store: &'a Store, caller: &'a Caller) -> Self {
        Self { model, store, caller, variables: None }
    }

    pub(super) fn with_variables(self, variables: &'a RefCell<Vec<Json>>) -> Self {
        Self { variables: Some(variables), ..self }
    }

    /// A value as it stands in a document.
    fn value_text(&self, value: &V, ty: Ty) -> String {
        let Some(variables) = self.variables else { return value.literal(ty) };
        let mut variables = variables.borrow_mut();
        variables.push(value_json(value));
        format!("$v{}", variables.len() - 1)
    }

    pub(super) fn evaluator(&self) -> Evaluator<'a> {
        Evaluator { model: self.model, store: self.store }
    }

    fn folder(&self) -> Folder<'a> {
        Folder { model: self.model, caller: self.caller }
    }

    fn entity(&self, entity: usize) -> &'a Entity {
        &self.model.entities[entity]
    }

    pub(super) fn row_rule(&self, rule: &Rule) -> Answer<Formula> {
        match self.folder().rows(rule) {
            Formula::False => Err(DENIED),
            formula => Ok(formula),
        }
    }

    pub(super) fn field_rule(&self, entity: usize, field: usize) -> Answer<Formula> {
        match &self.entity(entity).fields[field].access {
            Some([read, ..]) => self.row_rule(read),
            None => Ok(Formula::True),
        }
    }

    /// The condition under which rows show in a selection: the read rule, and those of the selected fields.
    pub(super) fn visible(&self, entity: usize, selection: &[Selected]) -> Answer<Formula> {
        let mut parts = vec![self.row_rule(&self.entity(entity).access[0])?];
        for selected in selection {
            parts.push(self.field_rule(entity, selected.field)?);
            if let Kind::Ref { target, .. } | Kind::Inverse { target, .. } =
                self.entity(entity).fields[selected.field].kind
            {
                self.visible(target, &selected.inner)?;
                if let Some(filter) = &selected.filter {
                    self.filter(target, filter)?;
                }
                if let Some(page) = &selected.page {
                    self.may_sort(target, page)?;
                }
            }
        }
        Ok(Formula::and(parts))
    }

    pub(super) fn filter(&self, entity: usize, filter: &Filter) -> Answer<Formula> {
        Ok(match filter {
            Filter::All(parts) => {
                Formula::and(parts.iter().map(|part| self.filter(entity, part)).collect::<Answer<_>>()?)
            }
            Filter::Any(parts) => {
                Formula::or(parts.iter().map(|part| self.filter(entity, part)).collect::<Answer<_>>()?)
            }
            Filter::Not(inner) => self.filter(entity, inner)?.negate(),
            Filter::Fields(fields) => {
                let mut parts = Vec::new();
                for (field, condition) in fields {
                    parts.push(self.field_rule(entity, *field)?);
                    match condition {
                        Condition::Related(inner) => {
                            let target = self.target(entity, *field);
                            parts.push(match self.filter(target, inner)? {
                                Formula::True => Formula::True,
                                Formula::False => Formula::False,
                                inner => Formula::Via(*field, Box::new(inner)),
                            });
                        }
                        Condition::Value(tests, _) => parts.extend(tests.iter().map(|(op, value)| {
                            let path = Path { root: Root::This, entity, steps: vec![*field] };
                            match (op, value) {
                                (Op::Eq, V::Null) => Formula::Null(path, false),
                                (Op::Ne, V::Null) => Formula::Null(path, true),
                                _ => Formula::Compare(*op, Term::Path(path), Term::Value(value.clone())),
                            }
                        })),
                    }
                }
                Formula::and(parts)
            }
        })
    }

    fn target(&self, entity: usize, field: usize) -> usize {
        match self.entity(entity).fields[field].kind {
            Kind::Ref { target, .. } | Kind::Inverse { target, .. } => target,
            Kind::Value { .. } => entity,
        }
    }

    /// The rows of an entity that satisfy a formula.
    pub(super) fn chosen(&self, entity: usize, formula: &Formula) -> Vec<At> {
        let evaluator = self.evaluator();
        (0..self.store.rows[entity].len())
            .map(|index| (entity, index))
            .filter(|at| evaluator.holds(formula, *at))
            .collect()
    }

    pub(super) fn list(
        &self,
        entity: usize,
        filter: Option<&Filter>,
        selection: &[Selected],
    ) -> Answer<Json> {
        let mut parts = vec![self.visible(entity, selection)?];
        if let Some(filter) = filter {
            parts.push(self.filter(entity, filter)?);
        }
        let rows = self.chosen(entity, &Formula::and(parts));
        Ok(rows.into_iter().map(|at| self.object(at, selection)).collect())
    }

    pub(super) fn count(&self, entity: usize, filter: Option<&Filter>) -> Answer<Json> {
        let mut parts = vec![self.visible(entity, &self.counted(entity))?];
        if let Some(filter) = filter {
            parts.push(self.filter(entity, filter)?);
        }
        Ok(json!({"num": {"count": self.chosen(entity, &Formula::and(parts)).len()}}))
    }

    pub(super) fn by_key(&self, entity: usize, key: &[V], selection: &[Selected]) -> Answer<Json> {
        let visible = self.visible(entity, selection)?;
        let evaluator = self.evaluator();
        Ok(match evaluator.find(entity, key).filter(|at| evaluator.holds(&visible, *at)) {
            Some(at) => self.object(at, selection),
            None => Json::Null,
        })
    }

    /// A row as JSON. Only called after `visible` has allowed the whole selection.
    pub(super) fn object(&self, at: At, selection: &[Selected]) -> Json {
        let evaluator = self.evaluator();
        let mut object = Map::new();
        for selected in selection {
            let field = &self.entity(at.0).fields[selected.field];
            let value = match &field.kind {
                Kind::Value { .. } => match &evaluator.row(at).cells[selected.field] {
                    Cell::Value(value) => value_json(value),
                    Cell::Reference(_) | Cell::Nothing => Json::Null,
                },
                Kind::Ref { target, .. } | Kind::Inverse { target, .. } => {
                    let mut parts = vec![self.visible(*target, &selected.inner).unwrap_or(Formula::False)];
                    if let Some(filter) = &selected.filter {
                        parts.push(self.filter(*target, filter).unwrap_or(Formula::False));
                    }
                    let formula = Formula::and(parts);
                    let mut rows = evaluator.related(at, selected.field);
                    rows.retain(|row| evaluator.holds(&formula, *row));
                    if selected.aggregate {
                        object.insert(format!("{}Agg", field.name), json!({"num": {"count": rows.len()}}));
                        continue;
                    }
                    if let Some(page) = &selected.page {
                        rows = self.cut(rows, page);
                    }
                    let mut objects = rows.into_iter().map(|row| self.object(row, &selected.inner));
                    match field.kind {
                        Kind::Inverse { single: false, .. } => objects.collect(),
                        _ => objects.next().unwrap_or(Json::Null),
                    }
                }
            };
            object.insert(field.name.clone(), value);
        }
        Json::Object(object)
    }

    /// `updateTs`: the rows after it, and what is answered.
    pub(super) fn update(
        &self,
        entity: usize,
        filter: Option<&Filter>,
        data: &Data,
        selection: &[Selected],
    ) -> Answer<(Store, Json)> {
        let mut residues = Vec::new();
        self.update_input(entity, data, &mut residues)?;
        let mut parts = Vec::new();
        if let Some(filter) = filter {
            parts.push(self.filter(entity, filter)?);
        }
        parts.push(self.update_rows(entity, data, &[])?);
        let visible = self.visible(entity, selection)?;
        if !residues.iter().all(|residue| self.evaluator().holds_without_row(residue)) {
            return Err(DENIED);
        }
        let chosen = self.chosen(entity, &Formula::and(parts));
        let mut after = self.store.clone();
        for (entity, index) in &chosen {
            for (field, cell) in &data.values {
                after.rows[*entity][*index].cells[*field] = cell.clone();
            }
        }
        let answer = {
            let world = World { store: &after, ..*self };
            let evaluator = world.evaluator();
            let shown = chosen.iter().filter(|at| evaluator.holds(&visible, **at));
            shown.map(|at| world.object(*at, selection)).collect()
        };
        Ok((after, answer))
    }

    /// The half of the update rule about the new data.
    pub(super) fn update_input(&self, entity: usize, data: &Data, residues: &mut Vec<Formula>) -> Answer<()> {
        let new = New { entity, data, field_level: false, creating: false, above: None };
        match self.folder().data(&self.entity(entity).access[2], new) {
            Formula::False => Err(DENIED),
            formula => {
                residues.push(formula);
                Ok(())
            }
        }
    }

    /// The half of the update rules about rows: of the type, and of the supplied fields except keys of an entry.
    pub(super) fn update_rows(&self, entity: usize, data: &Data, keys: &[usize]) -> Answer<Formula> {
        let mut parts = vec![self.row_rule(&self.entity(entity).access[2])?];
        let new = New { entity, data, field_level: true, creating: false, above: None };
        for (field, _) in data.values.iter().filter(|(field, _)| !keys.contains(field)) {
            if let Some([_, _, update]) = &self.entity(entity).fields[*field].access {
                match self.folder().data(update, new) {
                    Formula::False => return Err(DENIED),
                    formula => parts.push(formula),
                }
            }
        }
        Ok(Formula::and(parts))
    }

    /// What the update rule of a child says about its parent.
    pub(super) fn parent_rule(&self, child: usize, owner: usize) -> Answer<Formula> {
        match self.folder().parent(&self.entity(child).access[2], owner) {
            Formula::False => Err(DENIED),
            formula => Ok(formula),
        }
    }

    /// Whether some row refers to this key of an entity.
    pub(super) fn dangles(&self, store: &Store, entity: usize, key: &[V]) -> bool {
        self.model.entities.iter().zip(&store.rows).any(|(model, rows)| {
            model.fields.iter().enumerate().any(|(field, definition)| {
                let refers = matches!(definition.kind, Kind::Ref { target, .. } if target == entity);
                refers && rows.iter().any(|row| row.cells[field] == Cell::Reference(Some(key.to_vec())))
            })
        })
    }

    /// `deleteTs`: the rows after it, and what is answered.
    pub(super) fn delete(
        &self,
        entity: usize,
        filter: Option<&Filter>,
        selection: &[Selected],
    ) -> Answer<(Store, Json)> {
        let evaluator = self.evaluator();
        let mut parts = Vec::new();
        if let Some(filter) = filter {
            parts.push(self.filter(entity, filter)?);
        }
        parts.push(self.row_rule(&self.entity(entity).access[3])?);
        let visible = self.visible(entity, selection)?;
        let chosen = self.chosen(entity, &Formula::and(parts));
        let shown = chosen.iter().filter(|at| evaluator.holds(&visible, **at));
        let answer = shown.map(|at| self.object(*at, selection)).collect();
        let gone: Vec<Vec<V>> = chosen.iter().map(|at| evaluator.key(*at)).collect();
        let mut after = self.store.clone();
        let mut index = 0;
        after.rows[entity].retain(|_| {
            index += 1;
            !chosen.contains(&(entity, index - 1))
        });
        if gone.iter().any(|key| self.dangles(&after, entity, key)) {
            return Err(FAILED);
        }
        Ok((after, answer))
    }

    /// Whether `createTs` with these objects is allowed, as far as it can be said before anything is written.
    pub(super) fn may_create(&self, entity: usize, objects: &[Data]) -> Answer<()> {
        let mut residues = Vec::new();
        for data in objects {
            self.create_rules(entity, data, None, &mut residues)?;
        }
        self.row_rule(&self.entity(entity).access[0])?;
        let evaluator = self.evaluator();
        if residues.iter().all(|residue| evaluator.holds_without_row(residue)) { Ok(()) } else { Err(DENIED) }
    }

    /// The rules for a new row and those nested in it.
    pub(super) fn create_rules(
        &self,
        entity: usize,
        data: &Data,
        above: Option<Above<'_>>,
        residues: &mut Vec<Formula>,
    ) -> Answer<()> {
        let new = New { entity, data, field_level: false, creating: true, above };
        let mut add = |formula: Formula| match formula {
            Formula::False => Err(DENIED),
            formula => {
                residues.push(formula);
                Ok(())
            }
        };
        add(self.folder().data(&self.entity(entity).access[1], new))?;
        for (field, _) in &data.values {
            if let Some([_, create, _]) = &self.entity(entity).fields[*field].access {
                add(self.folder().data(create, New { field_level: true, ..new }))?;
            }
        }
        for (field, items) in &data.nested {
            let (child, owner) = self.child(entity, *field);
            for item in items {
                let above = Above { via: owner, row: AboveRow::New(&new) };
                self.create_rules(child, item, Some(above), residues)?;
            }
        }
        Ok(())
    }

    /// Keys of the rows of an entity the caller may see.
    pub(super) fn seen(&self, entity: usize, at: &[At]) -> Answer<Vec<Json>> {
        let visible = self.visible(entity, &[])?;
        let evaluator = self.evaluator();
        let keys = self.key_selection(entity);
        Ok(at.iter().filter(|at| evaluator.holds(&visible, **at)).map(|at| self.object(*at, &keys)).collect())
    }

    pub(super) fn key_selection(&self, entity: usize) -> Vec<Selected> {
        let plain = |field| Selected { field, filter: None, page: None, inner: Vec::new(), aggregate: false };
        self.entity(entity).keys().map(plain).collect()
    }

    /// The field that aggregates count.
    fn counted(&self, entity: usize) -> Vec<Selected> {
        let fields = &self.entity(entity).fields;
        let num = (0..fields.len()).filter(|field| fields[*field].name == "num");
        num.map(|field| Selected { field, filter: None, page: None, inner: Vec::new(), aggregate: false })
            .collect()
    }

    /// A new row as it will be stored, without what the database numbers.
    pub(super) fn new_row(&self, entity: usize, data: &Data) -> Row {
        let cells = self.entity(entity).fields.iter().enumerate().map(|(index, field)| {
            if let Some(cell) = data.value(index) {
                return cell.clone();
            }
            match (&field.kind, &field.default) {
                (Kind::Inverse { .. }, _) => Cell::Nothing,
                (Kind::Ref { .. }, _) => Cell::Reference(None),
                (Kind::Value { .. }, Some(Default::Literal(value))) => Cell::Value(value.clone()),
                (Kind::Value { .. }, Some(Default::Context(context))) => {
                    Cell::Value(self.caller.scalar(*context).unwrap_or(V::Null))
                }
                (Kind::Value { .. }, None) => Cell::Value(V::Null),
            }
        });
        Row { cells: cells.collect() }
    }

    // Random requests.

    pub(super) fn random_selection(&self, rng: &mut Rng, entity: usize, depth: usize) -> Vec<Selected> {
        let mut out = self.key_selection(entity);
        for (field, definition) in self.entity(entity).fields.iter().enumerate() {
            let plain = |inner| Selected { field, filter: None, page: None, inner, aggregate: false };
            match &definition.kind {
                Kind::Value { .. } if !definition.key && rng.chance(15) => out.push(plain(Vec::new())),
                Kind::Ref { target, .. } if depth > 0 && rng.chance(30) => {
                    out.push(plain(self.random_selection(rng, *target, depth - 1)));
                }
                Kind::Inverse { target, single, .. } if depth > 0 && rng.chance(30) => {
                    let filter =
                        (!single && rng.chance(30)).then(|| self.random_filter(rng, *target, 1, true));
                    let aggregate = !single && rng.chance(30);
                    let inner = if aggregate {
                        self.counted(*target)
                    } else {
                        self.random_selection(rng, *target, depth - 1)
                    };
                    let paged = !single && !aggregate && rng.chance(30);
                    let page = paged.then(|| self.random_page(rng, *target));
                    out.push(Selected { filter, page, aggregate, ..plain(inner) });
                }
                Kind::Value { .. } | Kind::Ref { .. } | Kind::Inverse { .. } => {}
            }
        }
        out
    }

    /// `open`: fields with rules of their own may be used; their rules are not asked below `or` and `not`.
    pub(super) fn random_filter(&self, rng: &mut Rng, entity: usize, depth: usize, open: bool) -> Filter {
        if depth > 0 && rng.chance(40) {
            let inner = |rng: &mut Rng, open| self.random_filter(rng, entity, depth - 1, open);
            return match rng.below(3) {
                0 => Filter::All((0..1 + rng.below(2)).map(|_| inner(rng, open)).collect()),
                1 => Filter::Any((0..1 + rng.below(2)).map(|_| inner(rng, false)).collect()),
                _ => Filter::Not(Box::new(inner(rng, false))),
            };
        }
        let mut fields = Vec::new();
        for _ in 0..1 + rng.below(2) {
            let field = rng.below(self.entity(entity).fields.len());
            let definition = &self.entity(entity).fields[field];
            if fields.iter().any(|(known, _)| *known == field) || (definition.access.is_some() && !open) {
                continue;
            }
            let condition = match definition.kind {
                Kind::Value { ty, optional } => {
                    let ops: &[Op] = match ty {
                        Ty::Int | Ty::Str => &[Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge],
                        Ty::Bool | Ty::Kind => &[Op::Eq, Op::Ne],
                    };
                    let op = rng.pick(ops);
                    let null = optional && matches!(op, Op::Eq | Op::Ne) && rng.chance(30);
                    let value = if null { V::Null } else { V::random(rng, ty) };
                    Condition::Value(vec![(op, value)], ty)
                }
                Kind::Ref { target, .. } | Kind::Inverse { target, .. } if depth > 0 => {
                    Condition::Related(self.random_filter(rng, target, depth - 1, open))
                }
                Kind::Ref { .. } | Kind::Inverse { .. } => continue,
            };
            fields.push((field, condition));
        }
        Filter::Fields(fields)
    }

    // As text.

    pub(super) fn selection_text(&self, entity: usize, selection: &[Selected]) -> String {
        let mut text = String::from("{");
        for selected in selection {
            let field = &self.entity(entity).fields[selected.field];
            write!(text, " {}", field.name).unwrap();
            let target = self.target(entity, selected.field);
            if selected.aggregate {
                text.push_str("Agg");
            }
            let filter = selected.filter.as_ref();
            let filter = filter.map(|filter| format!("where: {}", self.filter_text(target, filter)));
            let page = selected.page.as_ref().map(|page| self.page_text(target, page));
            let arguments: Vec<_> = filter.into_iter().chain(page).collect();
            if !arguments.is_empty() {
                write!(text, "({})", arguments.join(", ")).unwrap();
            }
            if selected.aggregate {
                text.push_str(" { num { count } }");
            } else if !selected.inner.is_empty() {
                write!(text, " {}", self.selection_text(target, &selected.inner)).unwrap();
            }
        }
        text.push_str(" }");
        text
    }

    pub(super) fn filter_text(&self, entity: usize, filter: &Filter) -> String {
        let list = |parts: &[Filter]| {
            let parts: Vec<_> = parts.iter().map(|part| self.filter_text(entity, part)).collect();
            parts.join(", ")
        };
        match filter {
            Filter::All(parts) => format!("{{and: [{}]}}", list(parts)),
            Filter::Any(parts) => format!("{{or: [{}]}}", list(parts)),
            Filter::Not(inner) => format!("{{not: {}}}", self.filter_text(entity, inner)),
            Filter::Fields(fields) => {
                let parts: Vec<_> = fields
                    .iter()
                    .map(|(field, condition)| {
                        let name = &self.entity(entity).fields[*field].name;
                        match condition {
                            Condition::Related(inner) => {
                                format!("{name}: {}", self.filter_text(self.target(entity, *field), inner))
                            }
                            Condition::Value(tests, ty) => {
                                let tests: Vec<_> = tests
                                    .iter()
                                    .map(|(op, value)| {
                                        format!("{}: {}", op_name(*op), self.value_text(value, *ty))
                                    })
                                    .collect();
                                format!("{name}: {{{}}}", tests.join(", "))
                            }
                        }
                    })
                    .collect();
                format!("{{{}}}", parts.join(", "))
            }
        }
    }

    pub(super) fn data_text(&self, entity: usize, data: &Data) -> String {
        let mut parts = Vec::new();
        for (field, cell) in &data.values {
            let definition = &self.entity(entity).fields[*field];
            let value = match (cell, &definition.kind) {
                (Cell::Value(value), Kind::Value { ty, .. }) => self.value_text(value, *ty),
                (Cell::Reference(Some(key)), Kind::Ref { target, .. }) => {
                    self.key_text(*target, key, "{", "}")
                }
                _ => "null".to_owned(),
            };
            parts.push(format!("{}: {value}", definition.name));
        }
        for (field, items) in &data.nested {
            let target = self.target(entity, *field);
            let items: Vec<_> = items.iter().map(|item| self.data_text(target, item)).collect();
            parts.push(format!("{}: [{}]", self.entity(entity).fields[*field].name, items.join(", ")));
        }
        format!("{{{}}}", parts.join(", "))
    }

    pub(super) fn key_text(&self, entity: usize, key: &[V], open: &str, close: &str) -> String {
        let model = self.entity(entity);
        let parts: Vec<_> = model
            .keys()
            .zip(key)
            .map(|(field, value)| {
                format!("{}: {}", model.fields[field].name, self.value_text(value, Ty::Str))
            })
            .collect();
        format!("{open}{}{close}", parts.join(", "))
    }
}

fn op_name(op: Op) -> &'static str {
    match op {
        Op::Eq => "eq",
        Op::Ne => "neq",
        Op::Lt => "lt",
        Op::Le => "lte",
        Op::Gt => "gt",
        Op::Ge => "gte",
    }
}

pub(super) fn value_json(value: &V) -> Json {
    match value {
        V::Null => Json::Null,
        V::Int(value) => json!(value),
        V::Str(value) => json!(value),
        V::Bool(value) => json!(value),
    }
}
