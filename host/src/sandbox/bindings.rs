//! The Rust side of the contract, generated from `wit/`.
//!
//! Host calls that read the store or ask a server are `async`. A read from SQLite is ready at the first poll, so
//! wasmtime does not switch stacks; being `async` costs 0.3 us of a fresh call of 14 us with one read. All other host
//! calls are plain functions. Every host call can end the run.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "command-module",
    imports: {
        "twitchy:command/balances": async | trappable,
        "twitchy:command/channels": async | trappable,
        "twitchy:command/chatters": async | trappable,
        "twitchy:command/http": async | trappable,
        "twitchy:command/payments": async | trappable,
        "twitchy:command/settings.change-setting": async | trappable,
        "twitchy:command/settings.list-settings": async | trappable,
        "twitchy:command/storage": async | trappable,
        "twitchy:command/treasury": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    additional_derives: [PartialEq],
});
