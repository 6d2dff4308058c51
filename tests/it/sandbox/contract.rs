//! Components that export `module` with other types than the contract's.

use twitchy::domain::manifest::SizeClass;
use twitchy::sandbox::call::InvokeError;
use twitchy::sandbox::compile::error::CompileError;
use twitchy::sandbox::compile::parts::Upload;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

use super::fixture::{Fixture, UPLOADER};

const MODULE: &str = include_str!("../../../wit/module.wit");
const TYPES: &str = include_str!("../../../wit/types.wit");

/// A component that exports the contract's `module` with `old` replaced by `new` in the WIT. Its functions only trap.
pub(crate) fn exporting(old: &str, new: &str) -> Vec<u8> {
    let contract = format!("package twitchy:command@0.1.0;\n{MODULE}\n{TYPES}\nworld base {{ export module; }}\n");
    assert_eq!(contract.matches(old).count(), 1, "{old:?} names one place of the contract");
    let mut resolve = Resolve::default();
    let package = resolve.push_str("contract.wit", &contract.replace(old, new)).unwrap();
    let world = resolve.select_world(&[package], Some("base")).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}

#[tokio::test]
async fn an_export_with_other_types_does_not_fit_the_contract() {
    let fixture = Fixture::new().await;
    let admit = async |old, new| {
        let upload = Upload { bytes: exporting(old, new), size: SizeClass::Small, by: UPLOADER };
        fixture.sandbox.admit(upload).await.unwrap_err()
    };
    for (old, new, told) in [
        ("enum role { everyone,", "enum role { bot, everyone,", "expected enum of 5 names, found 6 names"),
        ("action(string),", "action(string), whisper(string),", "expected variant of 3 cases, found 4 cases"),
        ("refused(string),", "refused(u32),", "type mismatch for case refused"),
        ("    bot: string,", "    bot: string, bot-id: string,", "record of 14 fields, found 15 fields"),
        ("http-hosts: list<string>,", "", "record of 9 fields, found 8 fields"),
        ("-> result<list<reply>, command-error>;", "-> string;", "expected `result` found `string`"),
        ("info: func()", "info: func(locale: string)", "expected 0-tuple, found 1-tuple"),
        // Differences in nested types.
        ("record range { least: s64,", "record range { least: u64,", "type mismatch for field least"),
        ("option<quoted-message>", "quoted-message", "expected `option` found `record`"),
    ] {
        let error = admit(old, new).await;
        assert!(matches!(&error, CompileError::Contract(why) if why.contains(told)), "{new}: {error:?}");
    }
    let error = admit("info: func()", "info: func()").await;
    assert!(matches!(error, CompileError::Run(InvokeError::Trap(_))), "{error:?}");
    let refused = fixture.sandbox.registry_counts().refused;
    assert_eq!(refused, [("contract_mismatch", 9), ("info_failed", 1)].into());
    fixture.answers_balance().await;
}
