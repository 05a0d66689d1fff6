//! Calls of code modules: access, injection, the shape of results (language.md 6.9, 8.2 to 8.4).

use serde_json::{Map, Value as Json};
use studio_model::ir::{
    AccessRule, CodeBase, CodeModule, ContextFieldId, ContextId, ContextValue, Param as Parameter, Plugin,
};

use super::planner::{Planned, Planner};
use super::predicate::Pred;
use super::{CodePlan, FieldBody, Injection, json};
use crate::access::{RuleEvaluation, RuleOutcome, RuleSlot, Subject};
use crate::error::RequestError;
use crate::operation::{Arguments, CodeCall, CodeSelection};

impl<'a> Planner<'a, '_> {
    /// A call needs the rule of the method and, where the result is a type of the same module, of that type.
    pub(crate) fn code_call(&mut self, call: &'a CodeCall) -> Planned<FieldBody> {
        let module = &self.ir.modules[call.module];
        let (Plugin::Deno(code) | Plugin::Wasm(code)) = &module.plugin else {
            return Err(RequestError::internal("a method of a module that is not backed by code").into());
        };
        let method = code
            .methods
            .get(call.method)
            .ok_or_else(|| RequestError::internal("a method that the module does not have"))?;
        if let CodeBase::Code(id) = method.result.base {
            let result = &self.ir.code_types[id];
            if result.module == call.module {
                self.code_rule(&result.name, None, &result.access)?;
            }
        }
        self.code_rule(&module.name, Some(&method.name), &method.access)?;
        let composite = matches!(method.result.base, CodeBase::Code(_) | CodeBase::Entity(_));
        Ok(FieldBody::Code(Box::new(CodePlan {
            module: call.module,
            method: call.method,
            arguments: self.inject(&method.params, &call.arguments)?,
            selection: composite.then(|| call.selection.clone()),
        })))
    }

    /// The arguments of a function in its own order: those of the client and injected ones (language.md 8.3).
    pub(crate) fn inject(&mut self, params: &'a [Parameter], given: &Arguments) -> Planned<Vec<Injection>> {
        params
            .iter()
            .map(|param| {
                if !param.injected {
                    let value = given.get(&param.name).map_or(Json::Null, |value| json(&value.data));
                    return Ok(Injection::Value(value));
                }
                match param.ty.base {
                    CodeBase::Context(id) => self.context_object(id).map(Injection::Value),
                    CodeBase::Exograph => Ok(Injection::Exograph),
                    CodeBase::ExographPriv => Ok(Injection::ExographPriv),
                    CodeBase::Operation => Ok(Injection::Operation),
                    CodeBase::Scalar(_)
                    | CodeBase::Vector
                    | CodeBase::Code(_)
                    | CodeBase::Enum(_)
                    | CodeBase::Entity(_) => {
                        Err(RequestError::internal("a parameter that cannot be injected").into())
                    }
                }
            })
            .collect()
    }

    /// A context as an object; fields that are absent are left out (language.md 5.3).
    fn context_object(&mut self, context: ContextId) -> Planned<Json> {
        let fields = &self.ir.contexts[context].fields;
        let ids: Vec<ContextFieldId> = fields.iter().map(|(id, _)| id).collect();
        let mut object = Map::with_capacity(ids.len());
        for field in ids {
            if let Some(value) = self.caller.value(&ContextValue { context, field, contains: None })? {
                object.insert(fields[field].name.clone(), json(&value.data()));
            }
        }
        Ok(Json::Object(object))
    }

    /// Rules of code modules speak of contexts and literals only: what is not true denies.
    fn code_rule(&mut self, owner: &'a str, method: Option<&'a str>, rule: &'a AccessRule) -> Planned<()> {
        self.rule_begins(None, Subject::rows());
        self.hooks.begin(owner, method, None);
        let verdict = self.solve(&rule.expr, Subject::rows());
        let allowed = matches!(&verdict, Ok(verdict) if verdict.pred == Pred::True);
        if self.log.enabled() {
            let expression = self.rule_ends().filter(|_| rule.text.is_some());
            let conditions = self.take_conditions(&rule.expr);
            self.log.record(RuleEvaluation {
                type_name: owner.to_owned(),
                field: method.map(str::to_owned),
                slot: RuleSlot::Call,
                rule: rule.text.clone(),
                origin: rule.origin.clone(),
                expression,
                conditions,
                outcome: if allowed { RuleOutcome::Allowed } else { RuleOutcome::Denied },
            });
        }
        verdict?;
        if allowed {
            return Ok(());
        }
        let refusal = self.hooks.refusal.take();
        let denied = || RequestError::not_authorized(["the rule of `", owner, "` denies the call"].concat());
        Err(refusal.unwrap_or_else(denied).into())
    }
}

/// The code of a module, if it is backed by any.
pub fn code_module(plugin: &Plugin) -> Option<&CodeModule> {
    match plugin {
        Plugin::Deno(code) | Plugin::Wasm(code) => Some(code),
        Plugin::Postgres { .. } => None,
    }
}

/// Cuts what a function returned down to the selection (language.md 8.2). Objects in lists and inside of objects are
/// cut as well; whatever is no object stays as it is.
///
/// # Errors
/// When the returned object lacks a selected member.
pub fn project(value: Json, selection: &[CodeSelection]) -> Result<Json, RequestError> {
    cut(value, selection, true)
}

fn cut(value: Json, selection: &[CodeSelection], outermost: bool) -> Result<Json, RequestError> {
    match value {
        // A composite without a selection is an empty object at the root, and untouched below it.
        Json::Object(object) if selection.is_empty() && !outermost => Ok(Json::Object(object)),
        Json::Object(object) => {
            let mut result = Map::with_capacity(selection.len());
            for field in selection {
                let member = match &field.member {
                    Err(typename) => Json::from(typename.as_ref()),
                    Ok(name) => match object.get(name) {
                        Some(member) => cut(member.clone(), &field.selection, false)?,
                        None if outermost => {
                            let message = ["the function returned no member `", name, "`"].concat();
                            return Err(RequestError::internal(message));
                        }
                        None => Json::Null,
                    },
                };
                result.insert(field.key.clone(), member);
            }
            Ok(Json::Object(result))
        }
        Json::Array(items) => {
            let items =
                items.into_iter().map(|item| cut(item, selection, false)).collect::<Result<_, _>>()?;
            Ok(Json::Array(items))
        }
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(key: &str, member: &str, selection: Vec<CodeSelection>) -> CodeSelection {
        CodeSelection { key: key.to_owned(), member: Ok(member.to_owned()), selection }
    }

    #[test]
    fn objects_are_cut_at_every_level_and_keep_the_order_of_the_selection() {
        let selection = [
            field("b", "b", vec![field("x", "y", vec![])]),
            CodeSelection { key: "t".into(), member: Err("Quote".into()), selection: vec![] },
            field("a", "a", vec![]),
        ];
        let value = json!({"a": 1.50, "z": 0, "b": [{"y": 2, "w": 3}, null]});
        let cut = project(value, &selection).unwrap();
        assert_eq!(cut.to_string(), r#"{"b":[{"x":2},null],"t":"Quote","a":1.5}"#);
    }

    #[test]
    fn a_missing_member_is_an_error_at_the_root_and_null_below() {
        let selection = [field("a", "a", vec![field("b", "b", vec![])])];
        assert!(project(json!({}), &selection).is_err());
        assert_eq!(project(json!({"a": {}}), &selection).unwrap(), json!({"a": {"b": null}}));
    }

    #[test]
    fn what_is_no_object_passes() {
        let selection = [field("a", "a", vec![])];
        assert_eq!(project(json!("text"), &selection).unwrap(), json!("text"));
        assert_eq!(project(json!(null), &selection).unwrap(), json!(null));
    }
}
