//! The contract in `wit/` as Rust. Authors use the modules named after the interfaces.
//!
//! `wit-bindgen` generated it: `guest-sdk/build/tests/bindings.rs` fails with the corrected file if `wit/` has changed.

#![allow(
    unsafe_code,
    unreachable_pub,
    unused_qualifications,
    clippy::mem_forget,
    clippy::semicolon_if_nothing_returned,
    clippy::too_many_lines,
    clippy::unwrap_used,
    rustdoc::bare_urls,
    rustdoc::broken_intra_doc_links,
    reason = "generated: it talks to the host through raw memory, its style is the generator's, and its texts are the contract's"
)]

// Included, and no module of its own, because the generated paths begin here. rustfmt formats no included file.
include!("bindings/generated.rs");
