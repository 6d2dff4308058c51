//! Errors of turning bytes into a module.

use std::fmt::Display;
use std::time::Duration;

use crate::sandbox::call::InvokeError;
use crate::sandbox::run::guest_log::escape;

/// Most characters of an error of the parser or the compiler, which quotes the component.
const LONGEST_REASON: usize = 300;

/// Why bytes did not become a module; shown to the uploader. In the order of the checks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    #[error("the module is larger than {0} MiB")]
    TooLarge(usize),
    #[error("modules of this size class are not allowed on this host")]
    SizeClass,
    #[error("the module is machine code already: only WebAssembly is accepted")]
    Precompiled,
    #[error("not a valid component: {0}")]
    Invalid(String),
    /// The component has more of something than any module needs; the text names it.
    #[error("the module is made of too much: {0}")]
    TooComplex(String),
    #[error("the module does not fit the contract: {0}")]
    Contract(String),
    #[error("the module is made for version {0:?} of the contract, which this host does not know")]
    ContractVersion(String),
    /// The names, quoted.
    #[error("the module imports {0}, which this host does not offer")]
    UnknownImports(String),
    #[error("compiling the module takes too long")]
    CompileTime,
    #[error("compiling the module takes too much memory")]
    CompileMemory,
    /// Another process or the system killed the compiler. A retry may succeed.
    #[error("the compiler was ended from outside, perhaps because the machine is short of memory: try again later")]
    Killed,
    /// The time until the budget suffices again.
    #[error("this API key has used up its processor time for compiling: try again in {} s", .0.as_secs() + 1)]
    BudgetSpent(Duration),
    /// The compiler failed, or the bytes are made to break it.
    #[error("the compiler broke over the module: {0}")]
    Compiler(String),
    #[error("the module could not say what it offers: {0}")]
    Run(InvokeError),
    #[error("what the module says about itself is wrong: {0}")]
    Info(String),
    /// A retry may succeed.
    #[error("the host is too busy to compile the module now")]
    Busy,
    #[error("the host is at fault: {0}")]
    Host(String),
}

impl CompileError {
    pub(in crate::sandbox) fn invalid(error: impl Display) -> CompileError {
        CompileError::Invalid(reason(error))
    }

    pub(in crate::sandbox) fn contract(error: impl Display) -> CompileError {
        CompileError::Contract(reason(error))
    }

    /// The error's code for programs: in snake_case, and never changed.
    pub fn code(&self) -> &'static str {
        match self {
            CompileError::TooLarge(_) => "too_large",
            CompileError::SizeClass => "size_class_not_allowed",
            CompileError::Precompiled => "precompiled",
            CompileError::Invalid(_) => "invalid_component",
            CompileError::TooComplex(_) => "over_ceiling",
            CompileError::Contract(_) => "contract_mismatch",
            CompileError::ContractVersion(_) => "unsupported_contract",
            CompileError::UnknownImports(_) => "unknown_import",
            CompileError::CompileTime => "compile_out_of_time",
            CompileError::CompileMemory => "compile_out_of_memory",
            CompileError::Killed => "compile_interrupted",
            CompileError::BudgetSpent(_) => "compile_budget_spent",
            CompileError::Compiler(_) => "compile_failed",
            CompileError::Run(_) => "info_failed",
            CompileError::Info(_) => "invalid_info",
            CompileError::Busy => "busy",
            CompileError::Host(_) => "host_at_fault",
        }
    }
}

/// The error with its causes, escaped and cut.
fn reason(error: impl Display) -> String {
    escape(&format!("{error:#}"), LONGEST_REASON)
}
