//! Merging of fields with the same response key (graphql-and-sql 2.5).

use rustc_hash::FxHashMap;

use super::selection::{Checked, What};
use crate::error::RequestError;
use crate::operation::{Arguments, Data, Value};

/// Merges a selection at every level; a merged field stays at its first place.
pub(super) fn merge(fields: Vec<Checked<'_>>) -> Result<Vec<Checked<'_>>, RequestError> {
    let mut merged: Vec<Checked<'_>> = Vec::with_capacity(fields.len());
    let mut places: FxHashMap<&str, usize> = FxHashMap::default();
    // A short selection is searched one by one.
    let hashed = fields.len() > 12;
    for mut field in fields {
        let place = if hashed {
            places.get(field.key).copied()
        } else {
            merged.iter().position(|other| other.key == field.key)
        };
        match place {
            None => {
                if hashed {
                    places.insert(field.key, merged.len());
                }
                merged.push(field);
            }
            Some(place) => {
                let first = &mut merged[place];
                if !is_same(&first.what, &field.what) || !same_arguments(&first.arguments, &field.arguments) {
                    let message = format!(
                        "Failed to merge field defined multiple times with different selection or arguments: '{}'",
                        field.key
                    );
                    return Err(RequestError::invalid(message, vec![first.position, field.position]));
                }
                first.selection.append(&mut field.selection);
            }
        }
    }
    for field in &mut merged {
        if !field.selection.is_empty() {
            field.selection = merge(std::mem::take(&mut field.selection))?;
        }
    }
    Ok(merged)
}

fn is_same(a: &What<'_>, b: &What<'_>) -> bool {
    match (a, b) {
        (What::Typename(_), What::Typename(_)) => true,
        (What::Field(a), What::Field(b)) => std::ptr::eq(*a, *b),
        (What::Typename(_), What::Field(_)) | (What::Field(_), What::Typename(_)) => false,
    }
}

/// Equal values, wherever they came from.
fn same_arguments(a: &Arguments, b: &Arguments) -> bool {
    a.len() == b.len()
        && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| same_value(value, other)))
}

fn same_value(a: &Value, b: &Value) -> bool {
    match (&a.data, &b.data) {
        (Data::List(a), Data::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b))
        }
        (Data::Object(a), Data::Object(b)) => same_arguments(a, b),
        (a, b) => a == b,
    }
}
