//! Turns uploaded bytes into machine code: parses, counts, validates, checks exports and imports, compiles. In this
//! order, so that each step sees only input that the previous one accepted.
//!
//! Guarantees: no code of the component runs here, and no step uses more than the ceilings allow. Not here: processes.
//! Code that passes uploaded bytes to this file must run in a process that may die ([`super::compiler`]).

mod ceilings;
mod contract;
mod type_depth;

use wasmparser::{
    ComponentExternName, FuncToValidate, FuncValidatorAllocations, FunctionBody, Parser, Payload, ValidPayload,
    Validator, ValidatorResources, WasmFeatures,
};
use wasmtime::Engine;

use self::ceilings::{Ceilings, Count};
use super::error::CompileError;
use crate::domain::manifest::SizeClass;
use crate::sandbox::run::limits::InstanceLimits;

/// All checks except `info`; returns machine code for the engine.
pub(crate) fn compile(engine: &Engine, bytes: &[u8], size: SizeClass) -> Result<Vec<u8>, CompileError> {
    check_head(bytes, size)?;
    check(bytes, &Ceilings::of(size))?;
    engine.precompile_component(bytes).map_err(CompileError::invalid)
}

/// Checks the length and the first bytes.
pub(crate) fn check_head(bytes: &[u8], size: SizeClass) -> Result<(), CompileError> {
    let most = InstanceLimits::of(size).component_bytes;
    if bytes.len() > most {
        return Err(CompileError::TooLarge(most >> 20));
    }
    if Engine::detect_precompiled(bytes).is_some() {
        return Err(CompileError::Precompiled);
    }
    if Parser::is_component(bytes) {
        return Ok(());
    }
    let what = if Parser::is_core_wasm(bytes) {
        "it is a core module, such as cargo writes; `twitchy module build` makes the component of it"
    } else {
        "it is no WebAssembly"
    };
    Err(CompileError::Invalid(what.to_owned()))
}

fn check(bytes: &[u8], ceilings: &Ceilings) -> Result<(), CompileError> {
    let mut walk = Walk::new(ceilings);
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(CompileError::invalid)?;
        if let Payload::ComponentTypeSection(section) = &payload {
            // Before anything parses the section: see `type_depth`.
            ceilings.check_type_depth(bytes.get(section.range()).unwrap_or_default())?;
        }
        walk.take(&payload)?;
    }
    contract::check_exports(&walk.exports)?;
    contract::check_imports(&walk.imports)
}

/// One pass through a component, including the components and modules inside it.
struct Walk<'a> {
    ceilings: &'a Ceilings,
    count: Count,
    validator: Validator,
    allocations: FuncValidatorAllocations,
    /// Names of the component itself, not of those inside it.
    imports: Vec<String>,
    exports: Vec<String>,
}

impl<'a> Walk<'a> {
    fn new(ceilings: &'a Ceilings) -> Walk<'a> {
        Walk {
            ceilings,
            count: Count::default(),
            validator: Validator::new_with_features(features()),
            allocations: FuncValidatorAllocations::default(),
            imports: Vec::new(),
            exports: Vec::new(),
        }
    }

    /// Counts before validating: the ceilings are there to keep validation short.
    fn take(&mut self, payload: &Payload<'_>) -> Result<(), CompileError> {
        self.count.add(payload, self.ceilings)?;
        if let ValidPayload::Func(function, body) = self.validator.payload(payload).map_err(CompileError::invalid)? {
            self.check_body(function, &body)?;
        }
        if self.count.depth() == 1 {
            self.note_names(payload).map_err(CompileError::invalid)?;
        }
        Ok(())
    }

    fn check_body(
        &mut self,
        function: FuncToValidate<ValidatorResources>,
        body: &FunctionBody<'_>,
    ) -> Result<(), CompileError> {
        let mut validator = function.into_validator(std::mem::take(&mut self.allocations));
        let mut reader = body.get_binary_reader();
        validator.read_locals(&mut reader).map_err(CompileError::invalid)?;
        self.ceilings.check_locals(validator.len_locals())?;
        reader.set_features(*validator.features());
        while !reader.eof() {
            let offset = reader.original_position();
            let validated = reader.visit_operator(&mut validator.visitor(offset)).flatten();
            validated.map_err(CompileError::invalid)?;
            self.ceilings.check_blocks(validator.control_stack_height())?;
        }
        let offset = reader.original_position();
        reader.finish_expression(&validator.visitor(offset)).map_err(CompileError::invalid)?;
        self.allocations = validator.into_allocations();
        Ok(())
    }

    fn note_names(&mut self, payload: &Payload<'_>) -> wasmparser::Result<()> {
        let whole = |name: ComponentExternName<'_>| name.name.to_owned();
        match payload {
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    self.imports.push(whole(import?.name));
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    self.exports.push(whole(export?.name));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// The features that the engine accepts: the standard without garbage collection, exceptions and 64-bit memories.
fn features() -> WasmFeatures {
    WasmFeatures::WASM3.difference(WasmFeatures::GC | WasmFeatures::EXCEPTIONS | WasmFeatures::MEMORY64)
        | WasmFeatures::COMPONENT_MODEL
}
