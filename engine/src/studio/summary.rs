//! The model in words, for the Schema pane.

use studio_events::{FieldSummary, TypeKind, TypeSummary};
use studio_model::ir::{
    AccessRule, ColumnDefault, Entity, EntityId, Field, FieldDefault, FieldId, FieldKind, Ir, Scalar,
    ValueType,
};

/// All types of the model in declaration order, entities first.
pub(super) fn types(ir: &Ir) -> Vec<TypeSummary> {
    let mut types: Vec<TypeSummary> =
        ir.entities.iter().map(|(id, entity)| entity_summary(ir, id, entity)).collect();
    types.extend(ir.json_types.values().map(|json| {
        let fields = json.fields.iter().map(|field| FieldSummary {
            name: field.name.clone(),
            ty: marked(value_type(ir, &field.ty), field.optional),
            note: String::new(),
        });
        TypeSummary {
            name: json.name.clone(),
            kind: TypeKind::Json,
            table: String::new(),
            fields: fields.collect(),
            access: Vec::new(),
            rows: None,
            file: json.origin.file.to_string(),
            line: json.origin.line,
        }
    }));
    types.extend(ir.enums.values().map(|it| {
        let fields = it.values.iter().map(|value| FieldSummary {
            name: value.clone(),
            ty: String::new(),
            note: String::new(),
        });
        TypeSummary {
            name: it.name.clone(),
            kind: TypeKind::Enum,
            table: String::new(),
            fields: fields.collect(),
            access: Vec::new(),
            rows: None,
            file: it.origin.file.to_string(),
            line: it.origin.line,
        }
    }));
    types
}

fn entity_summary(ir: &Ir, id: EntityId, entity: &Entity) -> TypeSummary {
    let table = match &entity.table.schema {
        Some(schema) => format!("{schema}.{}", entity.table.name),
        None => entity.table.name.clone(),
    };
    let rule =
        |name: &str, rule: &AccessRule| format!("{name:<7} {}", rule.text.as_deref().unwrap_or("false"));
    TypeSummary {
        name: entity.name.clone(),
        kind: TypeKind::Entity,
        table,
        fields: entity
            .fields
            .iter()
            .map(|(field_id, field)| field_summary(ir, id, field_id, field))
            .collect(),
        access: vec![
            rule("query", &entity.access.read),
            rule("create", &entity.access.create),
            rule("update", &entity.access.update),
            rule("delete", &entity.access.delete),
        ],
        rows: None,
        file: entity.origin.file.to_string(),
        line: entity.origin.line,
    }
}

fn field_summary(ir: &Ir, id: EntityId, field_id: FieldId, field: &Field) -> FieldSummary {
    let entity = &ir.entities[id];
    let mut notes = Vec::new();
    if entity.primary_key.contains(&field_id) {
        notes.push("primary key".to_owned());
    }
    let ty = match &field.kind {
        FieldKind::Value(value) => marked(value_type(ir, value), field.optional),
        FieldKind::Reference { target, pairs, one_to_one, .. } => {
            let other = &ir.entities[*target];
            let keys: Vec<_> = pairs.iter().map(|(_, column)| other.columns[*column].name.as_str()).collect();
            notes.push(format!("fk {}.{}", other.table.name, keys.join(", ")));
            if *one_to_one {
                notes.push("one to one".to_owned());
            }
            marked(other.name.clone(), field.optional)
        }
        FieldKind::InverseOne { target, owner } => {
            let other = &ir.entities[*target];
            notes.push(format!("inverse of {}.{}", other.name, other.fields[*owner].name));
            other.name.clone()
        }
        FieldKind::Collection { target, owner } => {
            let other = &ir.entities[*target];
            notes.push(format!("inverse of {}.{}", other.name, other.fields[*owner].name));
            format!("[{}!]{}", other.name, if field.optional { "" } else { "!" })
        }
    };
    if entity.uniques.iter().any(|unique| unique.fields.contains(&field_id)) {
        notes.push("unique".to_owned());
    }
    if entity.indexes.iter().any(|index| index.fields.contains(&field_id)) {
        notes.push("indexed".to_owned());
    }
    if let Some(default) = &field.default {
        notes.push(default_words(ir, default));
    }
    if field.readonly {
        notes.push("read-only".to_owned());
    }
    FieldSummary { name: field.name.clone(), ty, note: notes.join(", ") }
}

fn marked(name: String, optional: bool) -> String {
    if optional { name } else { format!("{name}!") }
}

fn value_type(ir: &Ir, value: &ValueType) -> String {
    match value {
        ValueType::Scalar(scalar) => scalar_name(*scalar).to_owned(),
        ValueType::Vector { size, .. } => format!("Vector({size})"),
        ValueType::Enum(id) => ir.enums[*id].name.clone(),
        ValueType::Json(id) => ir.json_types[*id].name.clone(),
        ValueType::Array { element, element_optional } => {
            format!("[{}]", marked(value_type(ir, element), *element_optional))
        }
    }
}

fn scalar_name(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Boolean => "Boolean",
        Scalar::Int => "Int",
        Scalar::Float => "Float",
        Scalar::Decimal => "Decimal",
        Scalar::String => "String",
        Scalar::LocalTime => "LocalTime",
        Scalar::LocalDateTime => "LocalDateTime",
        Scalar::LocalDate => "LocalDate",
        Scalar::Instant => "Instant",
        Scalar::Json => "Json",
        Scalar::Blob => "Blob",
        Scalar::Uuid => "Uuid",
    }
}

fn default_words(ir: &Ir, default: &FieldDefault) -> String {
    match default {
        FieldDefault::Column(column) => match column {
            ColumnDefault::Serial => "auto-increment".to_owned(),
            ColumnDefault::Sequence { name, .. } => format!("sequence {name}"),
            ColumnDefault::Now => "default now()".to_owned(),
            ColumnDefault::GenerateUuid => "default gen_random_uuid()".to_owned(),
            ColumnDefault::UuidV4 => "default uuid_generate_v4()".to_owned(),
            ColumnDefault::UuidV7 => "default uuidv7()".to_owned(),
            ColumnDefault::Literal(literal) => format!("default {}", literal_words(literal)),
            ColumnDefault::Enum(label) => format!("default {label}"),
            ColumnDefault::Expression(text) => format!("default {text}"),
        },
        FieldDefault::Null | FieldDefault::Ignored => "optional".to_owned(),
        FieldDefault::Context { value } => {
            let context = &ir.contexts[value.context];
            format!("from {}.{}", context.name, context.fields[value.field].name)
        }
    }
}

fn literal_words(literal: &studio_model::ir::Literal) -> String {
    use studio_model::ir::Literal;
    match literal {
        Literal::String(text) => format!("{text:?}"),
        Literal::Int(number) => number.to_string(),
        Literal::Float(text) => text.clone(),
        Literal::Bool(value) => value.to_string(),
        Literal::Null => "null".to_owned(),
    }
}
