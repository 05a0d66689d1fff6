//! Primary keys and foreign-key columns, resolved through any number of tables (language.md 3.2, 3.3).

use std::borrow::Cow;
use std::sync::Arc;

use heck::ToSnakeCase;

use super::annotation::{find, has};
use super::entity::Builder;
use super::relation::Kind;
use super::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, make};
use crate::ir::{ArenaId, ColumnType};
use crate::syntax::ast::{self, Annotation, LiteralKind, NamedValue};

/// A column of a foreign key before the target's columns have ids.
pub(super) struct ForeignColumn {
    pub(super) name: String,
    pub(super) ty: ColumnType,
    pub(super) referenced: String,
}

/// How far the key of an entity is known.
#[derive(Clone)]
pub(super) enum KeyState {
    Unknown,
    InProgress,
    Known(Option<Arc<Vec<KeyColumn>>>),
}

/// A column of a primary key.
#[derive(Clone, Debug)]
pub(super) struct KeyColumn {
    name: String,
    ty: ColumnType,
}

impl<'a> Builder<'_, 'a> {
    /// The key columns of an entity, foreign keys resolved through any number of tables.
    fn key(&mut self, composite: usize) -> Option<Arc<Vec<KeyColumn>>> {
        match &self.keys[composite] {
            KeyState::Known(columns) => return columns.clone(),
            KeyState::InProgress => return None,
            KeyState::Unknown => {}
        }
        self.keys[composite] = KeyState::InProgress;
        let mut columns: Vec<KeyColumn> = Vec::new();
        let mut known = true;
        for index in self.key_fields(composite) {
            match &self.kinds[composite][index] {
                Kind::Value(value) => {
                    columns.push(KeyColumn {
                        name: self.column_name(composite, index).into_owned(),
                        ty: value.column.clone(),
                    });
                }
                Kind::Reference { target, .. } => {
                    let mut reasons = Vec::new();
                    let found = self.foreign_columns(composite, index, *target, &mut reasons);
                    // Everything else is reported when the field itself is built.
                    self.out.extend(reasons.into_iter().filter(|reason| reason.code == Code::E0144));
                    match found {
                        Some(found) => {
                            for column in found {
                                if columns.iter().all(|earlier| earlier.name != column.name) {
                                    columns.push(KeyColumn { name: column.name, ty: column.ty });
                                }
                            }
                        }
                        None => known = false,
                    }
                }
                Kind::InverseOne { .. } | Kind::Collection { .. } | Kind::Broken => known = false,
            }
        }
        let result = known.then(|| Arc::new(columns));
        self.keys[composite] = KeyState::Known(result.clone());
        result
    }

    pub(super) fn column_name(&self, composite: usize, field: usize) -> Cow<'a, str> {
        let decl = self.decl(composite, field);
        match find(&decl.annotations, "column").and_then(Annotation::string) {
            Some(explicit) => Cow::Borrowed(explicit),
            None => snake_case(&decl.name.text),
        }
    }

    /// The columns of an owning relation, in the target's key order; `None` when they cannot be determined
    /// (`out` then holds the reason, unless it is reported elsewhere).
    pub(super) fn foreign_columns(
        &mut self,
        composite: usize,
        index: usize,
        target: usize,
        out: &mut Vec<Diagnostic>,
    ) -> Option<Vec<ForeignColumn>> {
        let field = self.decl(composite, index);
        let keys = self.key_fields(target);
        let target_decl = self.names.composites[target].decl;
        if matches!(self.keys[target], KeyState::InProgress) && has(&field.annotations, "pk") {
            out.push(make::circular_key(field, &target_decl.name.text));
            return None;
        }
        let columns = self.key(target)?;
        let names = self.foreign_names(field, target, &keys, out)?;
        if names.len() != columns.len() || columns.is_empty() {
            let managed = self.managed(target_decl, self.names.composites[target].module.index());
            // A managed type without key is reported as such.
            if !(columns.is_empty() && managed) {
                out.push(make::column_count(field, names.len(), &target_decl.name.text, columns.len()));
            }
            return None;
        }
        let pairs = names.into_iter().zip(columns.iter());
        Some(
            pairs
                .map(|(name, key)| ForeignColumn { name, ty: key.ty.clone(), referenced: key.name.clone() })
                .collect(),
        )
    }

    fn foreign_names(
        &self,
        field: &ast::Field,
        target: usize,
        keys: &[usize],
        out: &mut Vec<Diagnostic>,
    ) -> Option<Vec<String>> {
        let column = find(&field.annotations, "column");
        if let Some(explicit) = column.and_then(Annotation::string) {
            return Some(vec![explicit.to_owned()]);
        }
        let list = &self.members.composites[target];
        let target_name = &*self.names.composites[target].decl.name.text;
        match column.and_then(|annotation| annotation.named("mapping")) {
            Some(NamedValue::Object(pairs, span)) if !pairs.is_empty() => {
                let mut complete = true;
                for (key, _) in pairs {
                    if list.find(&key.text).is_none() {
                        complete = false;
                        out.push(make::mapping_key(target_name, key, nearest(&key.text, list.names())));
                    }
                }
                let mut names = Vec::new();
                let mut missing = Vec::new();
                for key in keys {
                    let key = &list.members[*key].decl.name.text;
                    let mapped =
                        pairs.iter().find(|(name, _)| name.text == *key).map(|(_, value)| &value.kind);
                    match mapped {
                        Some(LiteralKind::String(text)) => names.push(text.to_string()),
                        _ => missing.push(&**key),
                    }
                }
                // A misspelt key and the key it should have been are one mistake.
                if complete && !missing.is_empty() {
                    out.push(make::mapping_incomplete(field, target_name, &missing, *span));
                }
                (complete && missing.is_empty()).then_some(names)
            }
            _ => {
                let base = snake_case(&field.name.text);
                let name = |key: &usize| [&*base, "_", &list.members[*key].decl.name.text].concat();
                Some(keys.iter().map(name).collect())
            }
        }
    }
}

/// Snake case of a name. Most names are in it already, which is quick to see; the others are nearly always ASCII,
/// for which the rules of `heck` need no table of characters and no formatter.
pub(crate) fn snake_case(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Cow::Borrowed(name);
    }
    if !name.is_ascii() {
        return Cow::Owned(name.to_snake_case());
    }
    let bytes = name.as_bytes();
    let mut text = String::with_capacity(name.len() + 4);
    // Whether the last letter of the current word was written large; `None` before its first letter.
    let mut large: Option<bool> = None;
    for (index, byte) in bytes.iter().enumerate() {
        if !byte.is_ascii_alphanumeric() {
            large = None;
            continue;
        }
        let before = index.checked_sub(1).map(|before| bytes[before]);
        let next = bytes.get(index + 1).copied().unwrap_or_default();
        let starts = match before {
            Some(before) if before.is_ascii_alphanumeric() => {
                let after_small = byte.is_ascii_uppercase() && large == Some(false);
                let last_of_large =
                    byte.is_ascii_uppercase() && large == Some(true) && next.is_ascii_lowercase();
                after_small || last_of_large
            }
            _ => true,
        };
        if starts {
            if !text.is_empty() {
                text.push('_');
            }
            large = None;
        }
        if byte.is_ascii_alphabetic() {
            large = Some(byte.is_ascii_uppercase());
        }
        text.push(char::from(byte.to_ascii_lowercase()));
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    #[test]
    fn names_of_the_specification() {
        for (name, column) in [
            ("ticketPrice", "ticket_price"),
            ("_id", "id"),
            ("PUBLIC2", "public2"),
            ("max30dPrice", "max30d_price"),
            ("plain2", "plain2"),
            ("2nd", "2nd"),
            ("snake_case", "snake_case"),
            ("a__b", "a_b"),
        ] {
            assert_eq!(snake_case(name), column);
            assert_eq!(heck::ToSnakeCase::to_snake_case(name), column);
        }
    }

    proptest::proptest! {
        #[test]
        fn names_of_any_kind(name in "([a-c]|[A-C]|[0-1]|_|-|\u{e4}){0,12}") {
            proptest::prop_assert_eq!(snake_case(&name), heck::ToSnakeCase::to_snake_case(&*name));
        }
    }
}
