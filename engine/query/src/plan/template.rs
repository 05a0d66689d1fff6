//! Plans that are used again: a request of a known shape gets the SQL of an earlier one, with its own values.
//!
//! A template is only made where that is certainly the same as planning anew: each of its *free* variables is a
//! plain number or string, and every use of it became a parameter of its own, of one column type. The same goes for
//! context values that rules compare with columns only, such as the id of the caller. All other variables and context
//! values are part of the shape: they have to be equal. So filling a template walks neither the schema nor the model.

mod uses;

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use studio_model::ir::{ColumnType, ContextSource, ContextType, Ir};

use self::uses::Uses;
use super::convert;
use super::written::Written;
use super::{FieldBody, ParamOrigin, ParamValue, Plan};
use crate::access::{Caller, CallerContext, Val, bound_text};
use crate::operation::{Data, Operation, OperationKind, RootCall};

/// A variable of an operation and how it was used while the operation was prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableUse {
    /// Its name.
    pub name: Arc<str>,
    /// How often its value was taken.
    pub count: u32,
    /// A range was checked against its value.
    pub ranged: bool,
    /// Its value was looked at while planning, for a rule on input.
    pub inspected: bool,
}

/// Context values that planning asked for; see [`super::plan_recorded`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContextUses(pub(crate) Vec<ContextUse>);

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ContextUse {
    pub(crate) source: ContextSource,
    pub(crate) ty: ContextType,
    /// `None`: the source had no value.
    pub(crate) value: Option<Val>,
    /// What its parameters are called.
    pub(crate) names: Vec<Arc<str>>,
    /// Rules did nothing with the value but compare it with columns of this type.
    pub(crate) free: Option<ColumnType>,
}

impl ContextUse {
    /// The text of another value where this one was bound.
    fn text(&self, value: &Val) -> Option<String> {
        bound_text(value, self.value.as_ref()?, self.free.as_ref()?)
    }

    /// Whether each of its parameters is what filling a hole would make of it.
    fn fits(&self, plan: &Plan) -> bool {
        let text = self.value.as_ref().and_then(|value| self.text(value));
        let (Some(text), Some(ty)) = (text, &self.free) else { return false };
        let (value, wire) = (ParamValue::Text(text), convert::param_type(ty));
        params(plan).filter(|param| self.is_of(param)).all(|param| param.ty == wire && param.value == value)
    }

    fn is_of(&self, param: &super::Param) -> bool {
        matches!(&param.origin, ParamOrigin::Context(name) if self.names.contains(name))
    }
}

/// A plan for every request of one shape. Its parameters may be [`ParamValue::Hole`]s.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Name of the operation that was asked for, if one was.
    asked: Option<String>,
    /// Kind of the operation.
    pub kind: OperationKind,
    /// The operation's name, or that of its first root field.
    pub name: Arc<str>,
    /// The operation's name in the document.
    pub operation_name: Option<String>,
    /// Its root fields, as the fields of the plan.
    pub roots: Vec<TemplateRoot>,
    /// The plan.
    pub plan: Plan,
    /// Variables that are part of the shape; `None` was not supplied.
    fixed: Vec<(Arc<str>, Option<Json>)>,
    free: Vec<Free>,
    contexts: Vec<ContextUse>,
}

/// What is known of a root field without looking at the operation.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateRoot {
    /// Its name in the schema.
    pub name: String,
    arguments: Written,
}

/// A variable whose value goes into holes.
#[derive(Debug, Clone, PartialEq)]
struct Free {
    name: Arc<str>,
    class: Class,
    ty: ColumnType,
}

/// Kinds of values that planning treats alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Int,
    Float,
    String,
}

impl Class {
    fn of(json: &Json) -> Option<Self> {
        match json {
            Json::Number(number) if number.as_i64().is_some() => Some(Self::Int),
            // Integers beyond 64 bits are neither.
            Json::Number(number) if number.is_f64() => Some(Self::Float),
            Json::String(_) => Some(Self::String),
            Json::Number(_) | Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
        }
    }
}

impl Template {
    /// Makes a template of a plan; `None` where the shape of the request does not say enough.
    ///
    /// `uses` are the variables the operation declares, `variables` the values that were supplied.
    pub fn new(
        plan: &Plan,
        operation: &Operation,
        asked: Option<&str>,
        uses: &[VariableUse],
        variables: Option<&Map<String, Json>>,
        contexts: ContextUses,
        ir: &Ir,
    ) -> Option<Self> {
        let plain = |root: &RootCall| match root {
            RootCall::Entity(_) => true,
            RootCall::Json(_) | RootCall::Code(_) => false,
        };
        let first = operation.roots.first()?;
        if !operation.roots.iter().all(|root| plain(&root.call))
            || plan.fields.len() != operation.roots.len()
            || plan
                .fields
                .iter()
                .any(|field| matches!(field.body, FieldBody::Error(_)) || field.reviews.is_some())
        {
            return None;
        }
        let mut known = Uses::new(ir);
        for root in &operation.roots {
            if let RootCall::Entity(call) = &root.call {
                known.call(call);
            }
        }
        let (mut fixed, mut free) = (Vec::new(), Vec::new());
        for variable in uses {
            let supplied = variables.and_then(|variables| variables.get(&*variable.name));
            match supplied.and_then(|json| known.free(variable, json, plan)) {
                Some(found) => free.push(found),
                None => fixed.push((variable.name.clone(), supplied.cloned())),
            }
        }
        let mut contexts = contexts.0;
        for context in &mut contexts {
            if !context.fits(plan) {
                context.free = None;
            }
        }
        let mut plan = plan.clone();
        for param in params_mut(&mut plan) {
            let hole = match &param.origin {
                ParamOrigin::Variable(name) => free.iter().position(|free| free.name == *name),
                ParamOrigin::Context(_) => {
                    let mut filled = contexts.iter().filter(|context| context.free.is_some());
                    filled.position(|context| context.is_of(param)).map(|index| free.len() + index)
                }
                ParamOrigin::Document | ParamOrigin::Model | ParamOrigin::Row => None,
            };
            if let Some(hole) = hole {
                param.value = ParamValue::Hole(hole);
            }
        }
        let is_free = |name: &str| free.iter().any(|free| *free.name == *name);
        let roots = operation.roots.iter().filter_map(|root| match &root.call {
            RootCall::Entity(call) => {
                let arguments = Written::new(&call.arguments, &is_free);
                Some(TemplateRoot { name: root.name.clone(), arguments })
            }
            RootCall::Json(_) | RootCall::Code(_) => None,
        });
        Some(Self {
            asked: asked.map(str::to_owned),
            kind: operation.kind,
            name: operation.name.as_deref().unwrap_or(&first.name).into(),
            operation_name: operation.name.clone(),
            roots: roots.collect(),
            plan,
            fixed,
            free,
            contexts,
        })
    }

    /// The values of the holes for a request; `None` if the template does not fit it. Then the request has to be
    /// planned, which also finds out what is wrong with it.
    pub fn fill(
        &self,
        asked: Option<&str>,
        variables: Option<&Map<String, Json>>,
        caller: &dyn CallerContext,
        ir: &Ir,
    ) -> Option<Vec<String>> {
        if caller.is_system() {
            return None;
        }
        let mut holes = self.shape(asked, variables)?;
        if self.needs_caller() {
            let caller = Caller::new(ir, caller);
            for context in &self.contexts {
                let value = caller.fresh(&context.source, context.ty).ok()?;
                if context.free.is_some() {
                    holes.push(context.text(value.as_ref()?)?);
                } else if value != context.value {
                    return None;
                }
            }
        }
        Some(holes)
    }

    /// The values of those holes that variables fill; `None` if the request has another shape. Whether the plan may be
    /// used depends on the caller as well: see [`Self::needs_caller`].
    pub fn shape(&self, asked: Option<&str>, variables: Option<&Map<String, Json>>) -> Option<Vec<String>> {
        let supplied = |name: &str| variables.and_then(|variables| variables.get(name));
        if self.asked.as_deref() != asked
            || !self.fixed.iter().all(|(name, value)| supplied(name) == value.as_ref())
        {
            return None;
        }
        let mut holes = Vec::with_capacity(self.free.len() + self.contexts.len());
        for Free { name, class, ty } in &self.free {
            let json = supplied(name)?;
            if Class::of(json) != Some(*class) {
                return None;
            }
            holes.push(text(json, ty)?);
        }
        Some(holes)
    }

    /// Whether something about the caller decides if the plan fits, or fills holes. If not, [`Self::shape`] fills all.
    pub fn needs_caller(&self) -> bool {
        !self.contexts.is_empty()
    }

    /// The arguments of a root field as JSON text, for a request of this shape.
    pub fn arguments(&self, root: usize, variables: Option<&Map<String, Json>>) -> Option<String> {
        self.roots.get(root)?.arguments.text(variables)
    }
}

/// A plain value in the input syntax of a column.
fn text(json: &Json, ty: &ColumnType) -> Option<String> {
    let data = match json {
        Json::Number(number) => Data::Number(number.clone()),
        Json::String(text) => Data::String(text.clone()),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => return None,
    };
    convert::text(&data, ty).ok().flatten()
}

fn params_mut(plan: &mut Plan) -> impl Iterator<Item = &mut super::Param> {
    plan.fields
        .iter_mut()
        .flat_map(|field| match &mut field.body {
            FieldBody::Steps(steps) => steps.as_mut_slice(),
            FieldBody::Constant(_) | FieldBody::Error(_) | FieldBody::Code(_) => &mut [],
        })
        .flat_map(|step| &mut step.statement.params)
}

fn params(plan: &Plan) -> impl Iterator<Item = &super::Param> {
    plan.fields
        .iter()
        .flat_map(|field| match &field.body {
            FieldBody::Steps(steps) => steps.as_slice(),
            FieldBody::Constant(_) | FieldBody::Error(_) | FieldBody::Code(_) => &[],
        })
        .flat_map(|step| &step.statement.params)
}
