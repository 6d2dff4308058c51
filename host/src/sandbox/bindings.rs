//! The contract's Rust side, generated from `wit/`.
//!
//! Host calls are plain functions but for those that may have to wait for somebody else's server: switching to a
//! waiting guest and back costs more than most calls take. All of them can end the run.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "command-module",
    imports: {
        "twitchy:command/balances.find": async | trappable,
        "twitchy:command/balances.top": async | trappable,
        "twitchy:command/http.send": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    additional_derives: [PartialEq],
});
