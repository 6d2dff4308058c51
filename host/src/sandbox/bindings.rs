//! The contract's Rust side, generated from `wit/`.
//!
//! Host calls that read the store or ask a server are `async`. On SQLite a read is ready at the first poll, and no switch of stacks
//! is made for it: it costs 0.3 us of a fresh call of 14 us with one read. All others are plain functions. All of them can end
//! the run.

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
