//! The functions of a guest as values, so that a call is one future without boxes.

use std::future::Future;

use wasmtime::component::Instance;
use wasmtime::{Result, Store};

use crate::bindings::exo::hooks::types as wit;
use crate::bindings::exports::exo::hooks as guest;
use crate::call::OperationKind;
use crate::exports::{Exports, Guests};
use crate::failure::Failure;
use crate::store::StoreData;

/// An instance that a call is made on.
pub(crate) struct Guest<'g> {
    pub(crate) exports: &'g Exports,
    pub(crate) functions: &'g mut Guests,
    pub(crate) store: &'g mut Store<StoreData>,
    pub(crate) instance: &'g Instance,
}

/// What is called of a guest.
pub(crate) trait Work: Send {
    /// What the guest answers.
    type Answer: Send;
    /// Calls it.
    fn run(self, guest: Guest<'_>) -> impl Future<Output = Result<Self::Answer>> + Send;
}

/// Whether all interfaces have the types they should have.
pub(crate) struct CheckTypes;

impl Work for CheckTypes {
    type Answer = ();
    async fn run(self, Guest { exports, store, instance, .. }: Guest<'_>) -> Result<()> {
        exports.check_types(store, instance).map_err(|error| wasmtime::format_err!("{error}"))
    }
}

/// Names of a call's work, its fields, what it answers, and the function of the guest with its arguments.
macro_rules! works {
    ($($(#[$doc:meta])* $name:ident$(<$life:lifetime>)? { $($field:ident: $ty:ty),* } -> $answer:ty = $interface:ident.$function:ident($($argument:ident),*);)*) => {
        $(
            $(#[$doc])*
            pub(crate) struct $name$(<$life>)? { $(pub(crate) $field: $ty),* }

            impl$(<$life>)? Work for $name$(<$life>)? {
                type Answer = $answer;
                async fn run(self, Guest { exports, functions, store, instance }: Guest<'_>) -> Result<$answer> {
                    let Self { $($field),* } = self;
                    functions.$interface(exports, store, instance)?.$function(store, $($argument),*).await
                }
            }
        )*
    };
}

works! {
    /// `gateway.on-request`.
    OnRequest {} -> std::result::Result<(), wit::Rejection> = gateway.call_on_request();
    /// `gateway.on-response`.
    OnResponse {} -> () = gateway.call_on_response();
    /// `identity.authenticate`.
    Authenticate {} -> std::result::Result<Option<String>, wit::Rejection> = identity.call_authenticate();
    /// `interceptors.before`.
    Before<'a> { hook: &'a str } -> std::result::Result<Option<String>, wit::Failure>
        = interceptors.call_before(hook);
    /// `interceptors.after`.
    After<'a> { hook: &'a str } -> std::result::Result<Option<String>, wit::Failure>
        = interceptors.call_after(hook);
    /// `authorization.decide`.
    Decide<'a> { rule: &'a str, site: &'a wit::Site, details: &'a String } -> guest::authorization::Decision
        = authorization.call_decide(rule, site, details);
    /// `authorization.review`.
    Review<'a> { rule: &'a str, site: &'a wit::Site, details: &'a String, items: &'a [String] }
        -> guest::authorization::Verdict
        = authorization.call_review(rule, site, details, items);
    /// `observer.on-finished`.
    OnFinished<'a> { request: &'a guest::observer::FinishedRequest } -> () = observer.call_on_finished(request);
}

/// What `interceptors.around` answers, and what `proceed` brought.
pub(crate) type Wrapped =
    (std::result::Result<Option<String>, wit::Failure>, Option<std::result::Result<String, Failure>>);

/// `interceptors.around`.
pub(crate) struct Around<'a> {
    pub(crate) hook: &'a str,
}

impl Work for Around<'_> {
    type Answer = Wrapped;
    async fn run(self, Guest { exports, functions, store, instance }: Guest<'_>) -> Result<Wrapped> {
        let guest = functions.interceptors(exports, store, instance)?;
        let answer = guest.call_around(&mut *store, self.hook).await?;
        Ok((answer, store.data_mut().take_outcome()))
    }
}

/// `module.query` or `module.mutation`.
pub(crate) struct OfModule<'a> {
    pub(crate) kind: OperationKind,
    pub(crate) name: &'a str,
    pub(crate) arguments: String,
}

impl Work for OfModule<'_> {
    type Answer = std::result::Result<String, wit::Failure>;
    async fn run(self, Guest { exports, functions, store, instance }: Guest<'_>) -> Result<Self::Answer> {
        let guest = functions.module(exports, store, instance)?;
        match self.kind {
            OperationKind::Query => guest.call_query(store, self.name, &self.arguments).await,
            OperationKind::Mutation => guest.call_mutation(store, self.name, &self.arguments).await,
        }
    }
}
