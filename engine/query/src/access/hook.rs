//! Rules that hook components decide: the question, the decision, and rows that are reviewed after they were read.

use std::borrow::Cow;

use serde_json::Value as Json;
use studio_model::graphql::Schema;
use studio_model::ir::{AccessExpr, EntityId, FieldPath, HookRule, Ir, Operand};
use studio_sql::expr::Expr;

use super::log::OperandValue;
use super::restriction;
use super::solve::{Side, Subject, This, Verdict};
use crate::coerce;
use crate::error::{ErrorClass, RequestError};
use crate::operation::Value;
use crate::plan::{ParamOrigin, Planned, Planner, Pred, Review, ReviewPlan, Row, Stop, resolve_path};

/// What a component is asked about a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookQuestion {
    /// The rule's name.
    pub rule: String,
    /// The type, or the module of a method, on which the rule is written.
    pub type_name: String,
    /// The field or method.
    pub field: Option<String>,
    /// The entity whose rows may be restricted; rules of code have none.
    pub entity: Option<EntityId>,
    /// The rule's arguments: a JSON array.
    pub details: String,
}

/// What a component decided about a rule.
#[derive(Debug, Clone, PartialEq)]
pub enum HookDecision {
    /// It holds.
    Allow,
    /// It holds for rows that match a filter.
    Restrict(Box<Restriction>),
    /// It does not hold; the error is for the client if that refuses the request.
    Deny(RequestError),
}

/// A filter that a component gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Restriction {
    /// As the component wrote it.
    text: String,
    /// For rows: as in a `where` argument.
    filter: Value,
    /// For the data of a mutation: as a rule, or why it cannot be one.
    rule: Result<AccessExpr, String>,
}

impl Restriction {
    /// Reads a filter in the form of a `where` argument: `{"owner": {"id": {"eq": 7}}}`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(ir: &Ir, schema: &Schema, entity: EntityId, text: &str) -> Result<Self, String> {
        let json: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let filter = coerce::filter(schema, entity, &json).map_err(|error| error.message)?;
        let rule = restriction::rule(ir, entity, &filter);
        Ok(Self { text: text.to_owned(), filter, rule })
    }
}

/// The rule of a component that is being solved, and the reviews that reading asks for.
#[derive(Debug, Default)]
pub(crate) struct Reviewing<'a> {
    site: Site<'a>,
    /// Why the rule being solved refuses, in the words of a component.
    pub(crate) refusal: Option<RequestError>,
    /// Rules of fields do not apply to the filter being planned.
    pub(crate) trusted: bool,
    /// The objects being read; `None` where rows are not read but chosen, sorted or counted.
    level: Option<Level<'a>>,
    /// Reviews of the root field.
    found: Option<Box<ReviewPlan>>,
}

/// Where the rule being solved is written.
#[derive(Debug, Clone, Copy, Default)]
struct Site<'a> {
    type_name: &'a str,
    field: Option<&'a str>,
    entity: Option<EntityId>,
}

/// The objects of one selection.
#[derive(Debug, Default)]
pub(crate) struct Level<'a> {
    reviews: Vec<(HookQuestion, &'a [FieldPath])>,
    below: Vec<(String, ReviewPlan)>,
}

impl<'a> Reviewing<'a> {
    /// A rule is about to be solved.
    pub(crate) fn begin(&mut self, type_name: &'a str, field: Option<&'a str>, entity: Option<EntityId>) {
        self.site = Site { type_name, field, entity };
        self.refusal = None;
    }

    /// What was found for the root field that was planned.
    pub(crate) fn take_reviews(&mut self) -> Option<Box<ReviewPlan>> {
        self.level = None;
        self.found.take()
    }

    /// Objects are about to be read; give what this returns to [`Planner::end_level`].
    pub(crate) fn begin_level(&mut self) -> Option<Level<'a>> {
        self.level.replace(Level::default())
    }

    /// From here on rows are chosen, sorted or counted; give what this returns to [`Self::resume`].
    pub(crate) fn pause(&mut self) -> Option<Level<'a>> {
        self.level.take()
    }

    /// Rows are read again.
    pub(crate) fn resume(&mut self, level: Option<Level<'a>>) {
        self.level = level;
    }
}

impl<'a> Planner<'a, '_> {
    /// Asks a component, or finds what it decided.
    pub(super) fn ask_hook(&mut self, rule: &'a HookRule, subject: Subject<'a>) -> Planned<Verdict<'a>> {
        let details = self.hook_details(rule, subject)?;
        let Site { type_name, field, entity } = self.hooks.site;
        let question = HookQuestion {
            rule: rule.name.clone(),
            type_name: type_name.to_owned(),
            field: field.map(str::to_owned),
            entity,
            details,
        };
        let Some(decision) = self.caller.decision(&question) else {
            return Err(Stop::NeedsDecision(Box::new(question)));
        };
        self.note_decision(rule, decision);
        let verdict = match decision {
            HookDecision::Allow => Verdict::of(true),
            HookDecision::Deny(refusal) => {
                self.hooks.refusal.get_or_insert_with(|| refusal.clone());
                return Ok(Verdict::of(false));
            }
            HookDecision::Restrict(restriction) => {
                self.restricted(rule, restriction, question.entity, subject)?
            }
        };
        if !rule.fields.is_empty() {
            match &mut self.hooks.level {
                Some(level) => level.reviews.push((question, &rule.fields)),
                None => {
                    let message = [
                        "rows of `",
                        &question.type_name,
                        "` are reviewed after they were read, so nothing can be counted, chosen or sorted by them",
                    ];
                    return Err(RequestError::not_authorized(message.concat()).into());
                }
            }
        }
        Ok(verdict)
    }

    /// The arguments of a rule as JSON; what is missing is null.
    fn hook_details(&mut self, rule: &'a HookRule, subject: Subject<'a>) -> Planned<String> {
        let mut details = Vec::with_capacity(rule.arguments.len());
        for argument in &rule.arguments {
            let side = match argument {
                Operand::Context(wanted) => self.context_side(wanted)?,
                Operand::Literal(_) | Operand::EnumValue(..) => self.side(argument, subject)?,
                // Fields are kept apart by the compiler.
                Operand::Path(_) => Side::Absent,
            };
            details.push(match side {
                Side::Value(value, _) => crate::plan::json(&value.data()),
                Side::Absent
                | Side::Neutral
                | Side::Column(..)
                | Side::Unknown { .. }
                | Side::Referenced { .. } => Json::Null,
            });
        }
        Ok(Json::Array(details).to_string())
    }

    /// What a restriction says about rows, or about the data of a mutation.
    fn restricted(
        &mut self,
        rule: &'a HookRule,
        restriction: &'a Restriction,
        entity: Option<EntityId>,
        subject: Subject<'a>,
    ) -> Planned<Verdict<'a>> {
        let Some(entity) = entity else {
            return Err(unusable(rule, "there are no rows that the call could be restricted to").into());
        };
        match (subject.this, &restriction.rule) {
            (This::Rows, _) => {
                let since = self.bound();
                let trusted = std::mem::replace(&mut self.hooks.trusted, true);
                let planned = self.filter(entity, &restriction.filter);
                self.hooks.trusted = trusted;
                self.attribute(since, &ParamOrigin::Context(["hook ", &rule.name].concat().into()));
                // Kept together: what the client asks of related rows does not have to hold for the same rows.
                let pred = planned?;
                let apart = pred.follows_links();
                Ok(Verdict::solved(if apart { Pred::Scoped(Box::new(pred)) } else { pred }))
            }
            (This::Input(_) | This::Child { .. }, Ok(expr)) => self.solve_plain(expr, subject),
            (This::Input(_) | This::Child { .. }, Err(reason)) => Err(unusable(rule, reason).into()),
        }
    }

    fn note_decision(&mut self, rule: &HookRule, decision: &HookDecision) {
        if !self.log.enabled() {
            return;
        }
        let said = match decision {
            HookDecision::Allow => "allow".to_owned(),
            HookDecision::Restrict(restriction) => ["restrict to ", &restriction.text].concat(),
            HookDecision::Deny(error) => ["deny: ", &error.message].concat(),
        };
        let reviewed = match decision {
            HookDecision::Allow | HookDecision::Restrict(_) if !rule.fields.is_empty() => {
                ", and review the rows"
            }
            _ => "",
        };
        let operand = ["hook ", &rule.name].concat();
        self.note_operand(OperandValue { operand, value: Some([&said, reviewed].concat()) });
    }

    /// The objects of a selection are complete, including the rule of their type: adds what components have to see of
    /// them. `key` is the response key of the objects in the enclosing ones.
    pub(crate) fn end_level(
        &mut self,
        outer: Option<Level<'a>>,
        key: Option<&str>,
        row: Row<'a>,
        object: Expr<'a>,
    ) -> Expr<'a> {
        let Level { reviews, below } = std::mem::replace(&mut self.hooks.level, outer).unwrap_or_default();
        if reviews.is_empty() && below.is_empty() {
            if self.hooks.level.is_none() {
                self.hooks.found = None;
            }
            return object;
        }
        let mut plan = ReviewPlan { reviews: Vec::with_capacity(reviews.len()), below };
        let mut shown = Vec::with_capacity(reviews.len());
        for (index, (question, fields)) in reviews.into_iter().enumerate() {
            let member = format!("#{index}");
            let mut values = Vec::with_capacity(fields.len());
            for field in fields {
                let Some((links, column)) = resolve_path(self.ir, field.entity, &field.steps) else {
                    continue;
                };
                let end = links
                    .iter()
                    .fold(field.entity, |entity, link| crate::plan::link_target(self.ir, entity, *link));
                let value = self.scalar_path(row, &links, column);
                let value = self.output_form(value, self.column_type(end, column));
                values.push((Cow::Owned(path_key(self.ir, field)), value));
            }
            shown.push((Cow::Owned(member.clone()), Expr::JsonObject(values)));
            plan.reviews.push(Review { question, member });
        }
        match (&mut self.hooks.level, key) {
            (Some(outer), Some(key)) => outer.below.push((key.to_owned(), plan)),
            _ => self.hooks.found = Some(Box::new(plan)),
        }
        match object {
            Expr::JsonObject(mut members) => {
                members.extend(shown);
                Expr::JsonObject(members)
            }
            other => other,
        }
    }
}

/// How a component knows a field: `owner.id` of `self.owner.id`.
fn path_key(ir: &Ir, path: &FieldPath) -> String {
    let text = super::text::path_text(ir, path);
    text.split_once('.').map_or_else(String::new, |(_, rest)| rest.to_owned())
}

/// A decision that the engine cannot carry out refuses the request.
fn unusable(rule: &HookRule, reason: &str) -> RequestError {
    let cause = format!("the rule `{}` was restricted, but {reason}", rule.name);
    let mut error =
        RequestError::plain("The hook gave an answer that cannot be used", ErrorClass::Code, Some(cause));
    error.extensions = Some("{\"code\":\"HOOK_CONTRACT\"}".to_owned());
    error
}
