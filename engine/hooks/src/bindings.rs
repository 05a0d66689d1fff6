//! Bindings to the WIT package, in a module of their own so that nothing else has to be compiled with them.

#![allow(unreachable_pub, missing_debug_implementations, clippy::all, reason = "generated code")]

wasmtime::component::bindgen!({
    world: "hooks",
    path: "wit",
    imports: {
        "exo:hooks/graphql.execute": async,
        "exo:hooks/outbound.send": async,
        "exo:hooks/outbound.send-all": async,
        "exo:hooks/operation.proceed": async,
        "exo:hooks/operation.proceed-with": async,
    },
    exports: { default: async },
});
