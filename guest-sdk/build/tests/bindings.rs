//! The SDK's bindings are what wit-bindgen generates from the contract in `wit/`.
//!
//! They are checked in, so that an author's build compiles neither the generator nor its dependencies.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator as _};
use wit_bindgen_rust::Opts;

const BINDINGS: &str = "guest-sdk/src/bindings/generated.rs";

fn generate(contract: &Path) -> Result<String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(contract)?;
    let world = resolve.select_world(&[package], Some("command-module"))?;
    let options = Opts {
        format: true,
        pub_export_macro: true,
        export_macro_name: Some("export_module".to_owned()),
        default_bindings_module: Some("twitchy_sdk::bindings".to_owned()),
        additional_derive_attributes: vec!["PartialEq".to_owned(), "Eq".to_owned()],
        ..Opts::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files)?;
    let texts = files.iter().map(|(_, bytes)| Ok(std::str::from_utf8(bytes)?));
    texts.collect()
}

#[test]
fn the_bindings_are_those_of_the_contract() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let bindings = workspace.join(BINDINGS);
    let generated = generate(&workspace.join("wit")).unwrap();
    if fs::read_to_string(&bindings).ok().as_ref() == Some(&generated) {
        return;
    }
    let corrected = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("generated.rs");
    fs::write(&corrected, generated).unwrap();
    panic!("{BINDINGS} is not what wit/ gives now. To accept:\n\ncp {} {BINDINGS}\n", corrected.display());
}
