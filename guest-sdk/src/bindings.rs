//! What `wit-bindgen` makes of the contract in `wit/`. Authors use the modules named after the interfaces instead.

#![expect(
    clippy::mem_forget,
    reason = "generated: what is handed to the host is freed by `cabi_post_...`, not by its owner"
)]

wit_bindgen::generate!({
    path: "../wit",
    world: "command-module",
    pub_export_macro: true,
    export_macro_name: "export_module",
    default_bindings_module: "twitchy_sdk::bindings",
    additional_derives: [PartialEq, Eq],
});
