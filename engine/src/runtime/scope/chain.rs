//! Root fields and the interceptors around them.

use std::sync::{Arc, Mutex as Lock, PoisonError};

use futures_util::FutureExt;
use studio_model::ir::Plugin;
use studio_query::error::{ErrorClass, RequestError};
use studio_query::operation::{Operation, OperationKind, RootCall, RootField};
use studio_query::plan::{code_module, interceptor_arguments};
use studio_query::{field_tree, with_arguments};

use super::field::{Field, Position};
use super::{Acting, Answer, Proceed, Scope, Target, Then, contract_broken};
use crate::runtime::asked::Asked;
use crate::runtime::execute::FieldTexts;
use crate::runtime::modules::{Chain, FieldTree, Intercepted, Woven};

impl Scope<'_> {
    /// All root fields of what the client asked for. Behind a known plan the operation is not looked at.
    pub(super) async fn asked(
        &self,
        asked: &Arc<Asked>,
        acting: &Acting,
    ) -> Result<FieldTexts, RequestError> {
        let known = asked.learned().and_then(|learned| Some((&learned.template, learned.chains.as_ref()?)));
        let Some((template, chains)) = known else {
            let operation = asked.operation()?;
            return self.fields(operation, |index, _| Field::Asked(asked, index), acting, 0).await;
        };
        let mut texts = Vec::with_capacity(template.roots.len());
        for (index, ((root, field), chain)) in
            template.roots.iter().zip(&template.plan.fields).zip(chains).enumerate()
        {
            let then = if index + 1 == template.roots.len() { Then::End } else { Then::GoOn };
            let operation_name = template.operation_name.as_deref();
            let at = Position { kind: template.kind, name: &root.name, operation_name, then };
            let text = self.root(at, Field::Asked(asked, index), chain, acting, 0).await?;
            texts.push((field.key.clone(), text));
        }
        Ok(texts)
    }

    /// The root fields of an operation in order, each as `field` has it; the first error ends it.
    pub(super) async fn fields<'s>(
        &self,
        operation: &'s Operation,
        field: impl Fn(usize, &'s RootField) -> Field<'s> + Send,
        acting: &Acting,
        depth: usize,
    ) -> Result<FieldTexts, RequestError> {
        let mut texts = Vec::with_capacity(operation.roots.len());
        let is_work = |root: &RootField| !matches!(root.call, RootCall::Json(_));
        let last = operation.roots.iter().rposition(is_work);
        for (index, root) in operation.roots.iter().enumerate() {
            let text = match &root.call {
                RootCall::Json(text) => text.clone(),
                RootCall::Entity(_) | RootCall::Code(_) => {
                    let then = if depth == 0 && last == Some(index) { Then::End } else { Then::GoOn };
                    let chain = self.serving.modules.chain(operation.kind, &root.name);
                    let at = Position::of(operation, root, then);
                    self.root(at, field(index, root), &chain, acting, depth).await?
                }
            };
            texts.push((root.key.clone(), text));
        }
        Ok(texts)
    }

    /// A root field with its interceptors.
    pub(super) async fn root(
        &self,
        at: Position<'_>,
        field: Field<'_>,
        chain: &Chain,
        acting: &Acting,
        depth: usize,
    ) -> Result<String, RequestError> {
        let Position { kind, name, operation_name, then } = at;
        if chain.is_empty() {
            return self.core(field, then, acting, depth).await;
        }
        let then = if chain.after.is_empty() { then } else { Then::GoOn };
        let ir = &self.serving.ir;
        let mut plain = Arc::new(Intercepted {
            name: name.to_owned(),
            operation_name: operation_name.map(str::to_owned),
            query: field.tree(ir),
            can_proceed: false,
            kind,
            outcome: None,
        });
        let mut replaced = None;
        for woven in &chain.before {
            let answer = self.intercept(woven, &plain, acting, depth, None).await?;
            // Scripts look only (language.md 8.5); a component may give other arguments.
            if self.is_component(woven) && !answer.is_empty() {
                let root = field.or(replaced.as_ref()).root()?;
                let other = self.with_arguments(kind, root, &answer).map_err(|error| {
                    let cause = format!("the arguments of `{name}` do not fit: {}", error.message);
                    contract_broken(&cause)
                })?;
                let query = FieldTree::Made(Arc::new(field_tree(&other, ir)));
                plain = Arc::new(Intercepted { query, ..Intercepted::clone(&plain) });
                replaced = Some(other);
            }
        }
        let field = field.or(replaced.as_ref());
        let mut text = if chain.around.is_empty() {
            self.core(field, then, acting, depth).await?
        } else {
            let wrapped = Arc::new(Intercepted { can_proceed: true, ..Intercepted::clone(&plain) });
            self.around(&chain.around, field, &wrapped, acting, depth).await?
        };
        for woven in &chain.after {
            let outcome = Some(text.clone());
            let finished = Arc::new(Intercepted { outcome, ..Intercepted::clone(&plain) });
            let answer = self.intercept(woven, &finished, acting, depth, None).await?;
            // The result of a script is ignored (language.md 8.5); a component says whether it has another one.
            if self.is_component(woven) && !answer.is_empty() {
                text = answer;
            }
        }
        Ok(text)
    }

    fn is_component(&self, woven: &Woven) -> bool {
        matches!(self.serving.ir.modules[woven.module].plugin, Plugin::Wasm(_))
    }

    /// A root field with other arguments (a JSON object).
    fn with_arguments(
        &self,
        kind: OperationKind,
        root: &RootField,
        arguments: &str,
    ) -> Result<RootField, RequestError> {
        let arguments = serde_json::from_str(arguments).map_err(|error| {
            let message = format!("arguments must be a JSON object: {error}");
            RequestError::plain(message, ErrorClass::Invalid, None)
        })?;
        with_arguments(&self.serving.schema, kind, root, &arguments)
    }

    /// The field inside of these `@around` interceptors; the last declared one is outermost.
    fn around<'s>(
        &'s self,
        wrapping: &'s [Arc<Woven>],
        field: Field<'s>,
        operation: &'s Arc<Intercepted>,
        acting: &'s Acting,
        depth: usize,
    ) -> Answer<'s> {
        async move {
            let Some((outermost, inner)) = wrapping.split_last() else {
                return self.core(field, Then::GoOn, acting, depth).await;
            };
            let refused = Lock::new(None);
            let heard = &refused;
            let proceed = |arguments: Option<String>| {
                async move {
                    let result = match arguments {
                        None => self.around(inner, field, operation, acting, depth).await,
                        Some(arguments) => {
                            // What does not fit is for the interceptor to know; nothing was refused.
                            let root = self.with_arguments(operation.kind, field.root()?, &arguments)?;
                            let query = FieldTree::Made(Arc::new(field_tree(&root, &self.serving.ir)));
                            let operation = Arc::new(Intercepted { query, ..Intercepted::clone(operation) });
                            self.around(inner, Field::Given(&root), &operation, acting, depth).await
                        }
                    };
                    if let Err(error) = &result {
                        let mut refused = heard.lock().unwrap_or_else(PoisonError::into_inner);
                        *refused = Some(error.clone());
                    }
                    result
                }
                .boxed()
            };
            let result = self.intercept(outermost, operation, acting, depth, Some(&proceed)).await;
            let refused = refused.lock().unwrap_or_else(PoisonError::into_inner).take();
            match (result, refused) {
                (Ok(text), _) => self.raw(field, text),
                // What the operation itself was refused for stays what the client reads.
                (Err(error), Some(refused)) if error.class == ErrorClass::Internal => Err(refused),
                (Err(error), _) => Err(error),
            }
        }
        .boxed()
    }

    /// A string that an `@around` interceptor returns is the body itself, except where the field is a string.
    fn raw(&self, field: Field<'_>, text: String) -> Result<String, RequestError> {
        if !text.starts_with('"') {
            return Ok(text);
        }
        let scalar = match &field.root()?.call {
            RootCall::Code(call) => code_module(&self.serving.ir.modules[call.module].plugin)
                .and_then(|code| code.methods.get(call.method))
                .is_some_and(|method| {
                    matches!(method.result.base, studio_model::ir::CodeBase::Scalar(_))
                        && method.result.lists.is_empty()
                }),
            RootCall::Entity(_) | RootCall::Json(_) => false,
        };
        if scalar {
            return Ok(text);
        }
        Ok(match serde_json::from_str::<String>(&text) {
            Ok(body) if serde_json::from_str::<serde::de::IgnoredAny>(&body).is_ok() => body,
            _ => text,
        })
    }

    /// Calls an interceptor.
    async fn intercept(
        &self,
        woven: &Woven,
        operation: &Arc<Intercepted>,
        acting: &Acting,
        depth: usize,
        proceed: Option<Proceed<'_>>,
    ) -> Result<String, RequestError> {
        let ir = &self.serving.ir;
        let module = &ir.modules[woven.module];
        let interceptor = code_module(&module.plugin)
            .and_then(|code| code.interceptors.get(woven.index))
            .ok_or_else(|| RequestError::internal("an interceptor that the module does not have"))?;
        let arguments = loop {
            let attempt = interceptor_arguments(interceptor, ir, &self.caller(acting));
            match attempt {
                Ok(arguments) => break arguments?,
                Err(missing) => self.find(missing, acting, depth).await?,
            }
        };
        let target = Target {
            module: woven.module,
            function: &interceptor.name,
            arguments: &arguments,
            composite: false,
        };
        self.function(target, Some(operation), acting, depth, proceed).await
    }
}
