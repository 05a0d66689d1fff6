//! Contexts of the model as objects, for components.

use serde_json::{Map, Value as Json};
use studio_model::ir::{CodeBase, CodeTypeRef, ContextId, Interceptor, InterceptorKind, Ir, Param};
use studio_query::access::CallerContext;
use studio_query::plan::{Injection, PlanError, interceptor_arguments};

/// A context as an object; `None` when one of its values cannot be had: the rule that needs it says why.
///
/// # Errors
/// When a value comes from a query or a component that has to be asked first.
pub(crate) fn object(
    ir: &Ir,
    context: ContextId,
    caller: &dyn CallerContext,
) -> Result<Option<Json>, PlanError> {
    let name = ir.contexts[context].name.clone();
    let ty = CodeTypeRef { base: CodeBase::Context(context), lists: Vec::new(), optional: false };
    // As an interceptor that wants nothing else.
    let wanted = Interceptor {
        name: name.clone(),
        kind: InterceptorKind::Before,
        pattern: String::new(),
        params: vec![Param { name, ty, injected: true }],
    };
    let found = interceptor_arguments(&wanted, ir, caller)?.ok();
    Ok(found.and_then(|found| match found.into_iter().next() {
        Some(Injection::Value(object)) => Some(object),
        _ => None,
    }))
}

/// All contexts that can be had without asking anybody.
pub(crate) fn known(ir: &Ir, caller: &dyn CallerContext) -> Map<String, Json> {
    let found = ir.contexts.iter().filter_map(|(id, context)| {
        let object = object(ir, id, caller).ok().flatten()?;
        Some((context.name.clone(), object))
    });
    found.collect()
}
