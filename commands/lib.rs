//! The bundled modules, as components. Each is a guest crate in a folder of its own here. A new folder is a new module,
//! unless its manifest says `bundled = false` (build.rs).

/// A bundled module.
#[derive(Debug, Clone, Copy)]
pub struct Bundled {
    pub name: &'static str,
    /// The component's bytes, as an author would upload them.
    pub component: &'static [u8],
}

/// All bundled modules, sorted by name.
pub const BUNDLED: &[Bundled] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

#[cfg(test)]
mod tests {
    use wit_component::{DecodedWasm, decode};

    use super::*;

    /// The interfaces that a component imports, by their names in the contract.
    fn list_imports(component: &[u8]) -> Vec<String> {
        let DecodedWasm::Component(resolve, world) = decode(component).unwrap() else { panic!("it is no component") };
        let keys = resolve.worlds[world].imports.keys();
        let names = keys.map(|key| resolve.name_world_key(key));
        let short = names.map(|name| name.replace("twitchy:command/", "").replace("@0.1.0", ""));
        short.filter(|name| name != "types").collect()
    }

    #[test]
    fn a_module_requests_only_what_it_uses() {
        // Only the modules of this repository: a module that an operator adds has its own tests.
        for (name, imports) in [
            ("balance", "log balances"),
            ("help", "log commands"),
            ("join", "log channels"),
            ("settings", "log settings"),
        ] {
            let module = BUNDLED.iter().find(|module| module.name == name).unwrap();
            assert_eq!(list_imports(module.component).join(" "), imports, "{name}");
        }
    }
}
