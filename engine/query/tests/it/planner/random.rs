//! Random valid documents over a model, from a seed. Also used by the tests against a real server.

use std::fmt::Write as _;

use studio_model::ir::{Entity, EntityId, FieldDefault, FieldKind, Ir, Scalar, ValueType};

/// A small generator of numbers; the sequence depends on the seed only.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed ^ 0x9E37_79B9_7F4A_7C15)
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % sides.max(1)
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }
}

/// One document with one or two root fields. The second seed only moves values, never the shape.
pub(crate) fn document(ir: &Ir, shape: u64, values: u64) -> String {
    let mut writer = Writer { ir, dice: Dice::new(shape), values: Dice::new(values) };
    let mutation = writer.dice.chance(35);
    let mut out = String::from(if mutation { "mutation {" } else { "{" });
    for alias in ["a", "b"].iter().take(1 + writer.dice.roll(2)) {
        write!(out, " {alias}: ").unwrap();
        let entity = EntityId(u32::try_from(writer.dice.roll(ir.entities.len())).unwrap());
        if mutation { writer.mutation(&mut out, entity) } else { writer.query(&mut out, entity) }
    }
    out.push_str(" }");
    out
}

struct Writer<'m> {
    ir: &'m Ir,
    dice: Dice,
    values: Dice,
}

fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}

impl Writer<'_> {
    fn entity(&self, id: EntityId) -> Entity {
        self.ir.entities[id].clone()
    }

    fn query(&mut self, out: &mut String, id: EntityId) {
        let entity = self.entity(id);
        match self.dice.roll(4) {
            0 => {
                write!(out, "{}({})", lower_first(&entity.name), self.key(&entity)).unwrap();
                self.selection(out, id, 3);
            }
            1 => {
                write!(out, "{}Agg", lower_first(&entity.plural)).unwrap();
                if self.dice.chance(60) {
                    write!(out, "(where: {})", self.filter(id, 3)).unwrap();
                }
                self.aggregates(out, id);
            }
            _ => {
                out.push_str(&lower_first(&entity.plural));
                self.list_arguments(out, id);
                self.selection(out, id, 3);
            }
        }
    }

    fn mutation(&mut self, out: &mut String, id: EntityId) {
        let entity = self.entity(id);
        match self.dice.roll(6) {
            0 => write!(out, "create{}(data: {})", entity.name, self.creation(id, None, 2)).unwrap(),
            1 => {
                let rows: Vec<String> = (0..self.dice.roll(3)).map(|_| self.creation(id, None, 2)).collect();
                write!(out, "create{}(data: [{}])", entity.plural, rows.join(", ")).unwrap();
            }
            2 => write!(
                out,
                "update{}({}, data: {})",
                entity.name,
                self.key(&entity),
                self.change(id, None, 2)
            )
            .unwrap(),
            3 => {
                let filter = self.filter(id, 2);
                write!(out, "update{}(where: {filter}, data: {})", entity.plural, self.change(id, None, 2))
                    .unwrap();
            }
            4 => write!(out, "delete{}({})", entity.name, self.key(&entity)).unwrap(),
            _ => write!(out, "delete{}(where: {})", entity.plural, self.filter(id, 2)).unwrap(),
        }
        self.selection(out, id, 2);
    }

    fn key(&mut self, entity: &Entity) -> String {
        let parts: Vec<String> = entity
            .primary_key
            .iter()
            .map(|field| format!("{}: {}", entity.fields[*field].name, self.key_value(entity, *field)))
            .collect();
        parts.join(", ")
    }

    fn key_value(&mut self, entity: &Entity, field: studio_model::ir::FieldId) -> String {
        match &entity.fields[field].kind {
            FieldKind::Value(ty) => self.value(&ty.clone()),
            FieldKind::Reference { target, .. } => self.reference(*target),
            _ => "null".into(),
        }
    }

    fn reference(&mut self, target: EntityId) -> String {
        let target = self.entity(target);
        format!("{{{}}}", self.key(&target))
    }

    fn list_arguments(&mut self, out: &mut String, id: EntityId) {
        let mut parts = Vec::new();
        if self.dice.chance(60) {
            parts.push(format!("where: {}", self.filter(id, 3)));
        }
        if self.dice.chance(50) {
            parts.push(format!("orderBy: [{}]", self.order(id, 2)));
        }
        if self.dice.chance(30) {
            parts.push(format!("limit: {}", self.values.roll(5)));
        }
        if self.dice.chance(20) {
            parts.push(format!("offset: {}", self.values.roll(3)));
        }
        if !parts.is_empty() {
            write!(out, "({})", parts.join(", ")).unwrap();
        }
    }

    fn selection(&mut self, out: &mut String, id: EntityId, depth: usize) {
        out.push_str(" { __typename");
        for (_, field) in self.entity(id).fields.iter() {
            if self.dice.chance(40) {
                continue;
            }
            match &field.kind {
                FieldKind::Value(ValueType::Json(json)) => {
                    let members: Vec<&str> =
                        self.ir.json_types[*json].fields.iter().map(|member| member.name.as_str()).collect();
                    write!(out, " {} {{ {} }}", field.name, members.join(" ")).unwrap();
                }
                FieldKind::Value(_) => write!(out, " {}", field.name).unwrap(),
                _ if depth == 0 => {}
                FieldKind::Reference { target, .. } => {
                    write!(out, " {}", field.name).unwrap();
                    self.selection(out, *target, depth - 1);
                }
                FieldKind::InverseOne { target, .. } | FieldKind::Collection { target, .. } => {
                    write!(out, " {}", field.name).unwrap();
                    self.list_arguments(out, *target);
                    self.selection(out, *target, depth - 1);
                    if matches!(field.kind, FieldKind::Collection { .. }) && self.dice.chance(40) {
                        write!(out, " {}Agg", field.name).unwrap();
                        self.aggregates(out, *target);
                    }
                }
            }
        }
        out.push_str(" }");
    }

    fn aggregates(&mut self, out: &mut String, id: EntityId) {
        out.push_str(" { __typename");
        for (_, field) in self.entity(id).fields.iter() {
            let FieldKind::Value(ty) = &field.kind else { continue };
            if matches!(ty, ValueType::Json(_)) || self.dice.chance(50) {
                continue;
            }
            let functions = match ty {
                ValueType::Scalar(Scalar::Int | Scalar::Float | Scalar::Decimal) => "min max sum avg count",
                ValueType::Scalar(Scalar::String) => "min max count",
                _ => "count",
            };
            write!(out, " {} {{ {functions} }}", field.name).unwrap();
        }
        out.push_str(" }");
    }

    fn order(&mut self, id: EntityId, depth: usize) -> String {
        let entity = self.entity(id);
        let candidates: Vec<_> = entity
            .fields
            .values()
            .filter(|field| match &field.kind {
                FieldKind::Value(ty) => {
                    !matches!(ty, ValueType::Json(_) | ValueType::Array { .. } | ValueType::Vector { .. })
                }
                FieldKind::Reference { .. } | FieldKind::InverseOne { .. } => depth > 0,
                FieldKind::Collection { .. } => false,
            })
            .cloned()
            .collect();
        let field = candidates[self.dice.roll(candidates.len())].clone();
        match field.kind {
            FieldKind::Reference { target, .. } | FieldKind::InverseOne { target, .. } => {
                format!("{{{}: [{}]}}", field.name, self.order(target, depth - 1))
            }
            _ => format!("{{{}: {}}}", field.name, ["ASC", "DESC"][self.dice.roll(2)]),
        }
    }

    fn filter(&mut self, id: EntityId, depth: usize) -> String {
        if depth > 0 && self.dice.chance(35) {
            let (left, right) = (self.filter(id, depth - 1), self.filter(id, depth - 1));
            return match self.dice.roll(3) {
                0 => format!("{{and: [{left}, {right}]}}"),
                1 => format!("{{or: [{left}, {right}]}}"),
                _ => format!("{{not: {left}}}"),
            };
        }
        let entity = self.entity(id);
        let fields: Vec<_> = entity.fields.values().cloned().collect();
        let mut parts: Vec<String> = Vec::new();
        for _ in 0..=self.dice.roll(2) {
            let field = &fields[self.dice.roll(fields.len())];
            if parts.iter().any(|part| part.starts_with(&format!("{}:", field.name))) {
                continue;
            }
            match &field.kind {
                FieldKind::Value(ValueType::Json(_) | ValueType::Vector { .. }) => {}
                FieldKind::Value(ty) => {
                    if let Some(test) = self.test(ty) {
                        parts.push(format!("{}: {test}", field.name));
                    }
                }
                FieldKind::Reference { target, .. }
                | FieldKind::InverseOne { target, .. }
                | FieldKind::Collection { target, .. } => {
                    if depth > 0 {
                        parts.push(format!("{}: {}", field.name, self.filter(*target, depth - 1)));
                    }
                }
            }
        }
        format!("{{{}}}", parts.join(", "))
    }

    fn test(&mut self, ty: &ValueType) -> Option<String> {
        let operators: &[&str] = match ty {
            ValueType::Scalar(Scalar::Boolean | Scalar::Uuid) | ValueType::Enum(_) => &["eq", "neq"],
            ValueType::Scalar(Scalar::String) => {
                &["eq", "neq", "lt", "gte", "like", "ilike", "startsWith", "endsWith"]
            }
            ValueType::Scalar(Scalar::Json) => {
                &["contains", "containedBy", "matchKey", "matchAnyKey", "matchAllKeys"]
            }
            ValueType::Scalar(Scalar::Blob) | ValueType::Json(_) | ValueType::Vector { .. } => return None,
            ValueType::Array { element, .. } => return self.test(element),
            ValueType::Scalar(_) => &["eq", "neq", "lt", "lte", "gt", "gte"],
        };
        let operator = operators[self.dice.roll(operators.len())];
        let value = match operator {
            "matchKey" => "\"a\"".into(),
            "matchAnyKey" | "matchAllKeys" => "[\"a\", \"b\"]".into(),
            "eq" | "neq" if self.dice.chance(20) => "null".into(),
            _ => self.value(ty),
        };
        Some(format!("{{{operator}: {value}}}"))
    }

    fn value(&mut self, ty: &ValueType) -> String {
        let number = self.values.roll(6);
        match ty {
            ValueType::Scalar(scalar) => match scalar {
                Scalar::Boolean => number.is_multiple_of(2).to_string(),
                Scalar::Int => number.to_string(),
                Scalar::Float => format!("{number}.5"),
                Scalar::Decimal => format!("\"{number}.50\""),
                Scalar::String => format!("\"t{number}\""),
                Scalar::LocalTime => format!("\"1{number}:00:00\""),
                Scalar::LocalDateTime => format!("\"2021-07-0{}T10:00:00\"", number + 1),
                Scalar::LocalDate => format!("\"2021-07-0{}\"", number + 1),
                Scalar::Instant => format!("\"2021-07-0{}T10:00:00Z\"", number + 1),
                Scalar::Json => format!("{{a: {number}}}"),
                Scalar::Blob => "\"aGk=\"".into(),
                Scalar::Uuid => format!("\"f47ac10b-58cc-4372-a567-0e02b2c3d47{number}\""),
            },
            ValueType::Vector { size, .. } => format!("{:?}", vec![0.5; *size as usize]),
            ValueType::Enum(id) => {
                let values = &self.ir.enums[*id].values;
                values[number % values.len()].clone()
            }
            ValueType::Json(id) => {
                let members: Vec<String> = self.ir.json_types[*id]
                    .fields
                    .clone()
                    .iter()
                    .map(|member| format!("{}: {}", member.name, self.value(&member.ty)))
                    .collect();
                format!("{{{}}}", members.join(", "))
            }
            ValueType::Array { element, .. } => format!("[{}, {}]", self.value(element), self.value(element)),
        }
    }

    /// Data of a new row; `from` is the entity it is nested in.
    fn creation(&mut self, id: EntityId, from: Option<EntityId>, depth: usize) -> String {
        let entity = self.entity(id);
        let mut parts = Vec::new();
        for (field_id, field) in entity.fields.iter() {
            let required = !field.optional && field.default.is_none();
            let serial = entity.primary_key.contains(&field_id)
                && matches!(
                    field.default,
                    Some(FieldDefault::Column(
                        studio_model::ir::ColumnDefault::Serial
                            | studio_model::ir::ColumnDefault::Sequence { .. }
                    ))
                );
            if field.readonly || serial {
                continue;
            }
            match &field.kind {
                FieldKind::Value(ty) if required || self.dice.chance(60) => {
                    parts.push(format!("{}: {}", field.name, self.value(ty)));
                }
                FieldKind::Reference { target, .. } if Some(*target) != from => {
                    if required || self.dice.chance(60) {
                        parts.push(format!("{}: {}", field.name, self.reference(*target)));
                    }
                }
                FieldKind::InverseOne { target, .. } | FieldKind::Collection { target, .. } => {
                    let wanted = if depth > 0 { self.dice.roll(3) } else { 0 };
                    if *target == id || (wanted == 0 && !required) {
                        continue;
                    }
                    let rows: Vec<String> =
                        (0..wanted).map(|_| self.creation(*target, Some(id), depth - 1)).collect();
                    parts.push(format!("{}: [{}]", field.name, rows.join(", ")));
                }
                FieldKind::Value(_) | FieldKind::Reference { .. } => {}
            }
        }
        format!("{{{}}}", parts.join(", "))
    }

    /// Data of an update; `from` is the entity it is nested in.
    fn change(&mut self, id: EntityId, from: Option<EntityId>, depth: usize) -> String {
        let entity = self.entity(id);
        let mut parts = Vec::new();
        if from.is_some() {
            for field in &entity.primary_key {
                if self.ir.relation_target(&entity.fields[*field]) != from {
                    parts.push(format!(
                        "{}: {}",
                        entity.fields[*field].name,
                        self.key_value(&entity, *field)
                    ));
                }
            }
        }
        for (field_id, field) in entity.fields.iter() {
            if field.readonly || entity.primary_key.contains(&field_id) || self.dice.chance(50) {
                continue;
            }
            match &field.kind {
                FieldKind::Value(ty) => {
                    let null = field.optional && self.dice.chance(20);
                    let value = if null { "null".into() } else { self.value(ty) };
                    parts.push(format!("{}: {value}", field.name));
                }
                FieldKind::Reference { target, .. } if Some(*target) != from => {
                    parts.push(format!("{}: {}", field.name, self.reference(*target)));
                }
                FieldKind::Reference { .. } => {}
                FieldKind::InverseOne { target, .. } | FieldKind::Collection { target, .. } => {
                    if depth == 0 || *target == id {
                        continue;
                    }
                    let mut nested = Vec::new();
                    if self.dice.chance(50) {
                        nested.push(format!("create: [{}]", self.creation(*target, Some(id), depth - 1)));
                    }
                    if self.dice.chance(50) {
                        nested.push(format!("update: [{}]", self.change(*target, Some(id), depth - 1)));
                    }
                    if self.dice.chance(50) {
                        nested.push(format!("delete: [{}]", self.reference(*target)));
                    }
                    parts.push(format!("{}: {{{}}}", field.name, nested.join(", ")));
                }
            }
        }
        format!("{{{}}}", parts.join(", "))
    }
}
