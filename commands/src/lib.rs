//! The modules that come with the host, as components. Each is a guest crate in a folder beside this one.

/// A bundled module.
#[derive(Debug, Clone, Copy)]
pub struct Bundled {
    pub name: &'static str,
    /// The component's bytes, as somebody would upload them.
    pub component: &'static [u8],
}

macro_rules! bundled {
    ($name:literal) => {
        Bundled { name: $name, component: include_bytes!(concat!(env!("OUT_DIR"), "/", $name, "-module.wasm")) }
    };
}

/// All of them, by name.
pub const BUNDLED: &[Bundled] = &[bundled!("balance"), bundled!("help"), bundled!("join"), bundled!("settings")];
