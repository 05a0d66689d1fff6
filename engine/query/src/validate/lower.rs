//! From checked fields to the operation the planner reads.

use studio_model::graphql::{Meaning, MetaField, MetaSelection, Schema, schema_json, type_json};

use super::selection::{Checked, What};
use crate::error::RequestError;
use crate::operation::{
    CodeCall, CodeSelection, Data, EntityCall, RootCall, RootField, Selected, SelectedField,
};

/// Lowers a root field.
pub(super) fn root(schema: &Schema, field: Checked<'_>) -> Result<RootField, RequestError> {
    let Checked { key, what, arguments, selection, position } = field;
    let definition = match what {
        What::Typename(name) => {
            let call = RootCall::Json(serde_json::Value::from(name.as_ref()).to_string());
            return Ok(RootField { key: key.to_owned(), name: "__typename".to_owned(), position, call });
        }
        What::Field(definition) => definition,
    };
    let call = match definition.meaning {
        Meaning::Operation(entity, action) => {
            let selection = selection.into_iter().map(selected).collect::<Result<_, _>>()?;
            RootCall::Entity(EntityCall { entity, action, arguments, selection })
        }
        Meaning::Method(module, method) => {
            let selection = selection.into_iter().map(code).collect();
            RootCall::Code(CodeCall { module, method, arguments, selection })
        }
        Meaning::Meta(MetaField::RootSchema) => {
            RootCall::Json(schema_json(schema, &meta_selection(selection)?))
        }
        Meaning::Meta(MetaField::RootType) => {
            let name = match arguments.get("name").map(|name| &name.data) {
                Some(Data::String(name) | Data::Enum(name)) => name.as_str(),
                _ => "",
            };
            RootCall::Json(type_json(schema, name, &meta_selection(selection)?))
        }
        _ => return Err(misplaced(&definition.name)),
    };
    Ok(RootField { key: key.to_owned(), name: definition.name.as_ref().to_owned(), position, call })
}

fn selected(field: Checked<'_>) -> Result<SelectedField, RequestError> {
    let Checked { key, what, arguments, selection, position } = field;
    let what = match what {
        What::Typename(name) => Selected::Typename(name),
        What::Field(definition) => match definition.meaning {
            Meaning::Field(_, id) => Selected::Field(id),
            Meaning::Aggregate(_, id) => Selected::Aggregate(id),
            Meaning::Distance(_, id) => Selected::Distance(id),
            Meaning::AggregateField(_, id) => Selected::AggregateField(id),
            Meaning::Function(function) => Selected::Function(function),
            Meaning::JsonMember(_, index) => Selected::JsonMember(index),
            Meaning::Operation(..) | Meaning::Method(..) | Meaning::CodeField(..) | Meaning::Meta(_) => {
                return Err(misplaced(&definition.name));
            }
        },
    };
    let selection = selection.into_iter().map(selected).collect::<Result<_, _>>()?;
    Ok(SelectedField { key: key.to_owned(), what, arguments, selection, position })
}

fn code(field: Checked<'_>) -> CodeSelection {
    let member = match field.what {
        What::Typename(name) => Err(name),
        What::Field(definition) => Ok(definition.name.as_ref().to_owned()),
    };
    CodeSelection {
        key: field.key.to_owned(),
        member,
        selection: field.selection.into_iter().map(code).collect(),
    }
}

fn meta_selection(fields: Vec<Checked<'_>>) -> Result<Vec<MetaSelection>, RequestError> {
    fields
        .into_iter()
        .map(|field| {
            let selection = meta_selection(field.selection)?;
            let meta = match field.what {
                What::Typename(name) => Err(name),
                What::Field(definition) => {
                    Ok(definition.meaning.meta().ok_or_else(|| misplaced(&definition.name))?)
                }
            };
            Ok(MetaSelection { key: field.key.to_owned(), field: meta, selection })
        })
        .collect()
}

/// The schema led to a field of another world: a bug of ours, not of the request.
fn misplaced(name: &str) -> RequestError {
    RequestError::internal(format!("field `{name}` cannot be lowered in this place"))
}
