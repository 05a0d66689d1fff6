//! Calls of code modules: access (language.md 6.9).

use studio_model::ir::{AccessRule, CodeBase, Plugin};

use super::FieldBody;
use super::planner::{Planned, Planner};
use super::predicate::Pred;
use crate::access::{RuleEvaluation, RuleOutcome, RuleSlot, Subject};
use crate::error::RequestError;
use crate::operation::CodeCall;

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
        Err(RequestError::internal("no runtime for modules backed by code").into())
    }

    /// Rules of code modules speak of contexts and literals only: what is not true denies.
    fn code_rule(&mut self, owner: &str, method: Option<&str>, rule: &'a AccessRule) -> Planned<()> {
        self.rule_begins(None, Subject::rows());
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
        Err(RequestError::not_authorized(["the rule of `", owner, "` denies the call"].concat()).into())
    }
}
