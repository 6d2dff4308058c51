//! Why there is no sandbox, no module or no answer, and whose fault that is.

use std::time::Duration;

use crate::domain::report::Fault;

/// Why the sandbox could not be built: the machine's fault or the operator's.
#[derive(Debug, thiserror::Error)]
pub enum StartSandboxError {
    #[error("engine: {0}")]
    Engine(String),
    #[error("artefact cache: {0}")]
    Cache(std::io::Error),
    #[error("compiler: {0}")]
    Compiler(std::io::Error),
    #[error("guest threads: {0}")]
    Runtime(std::io::Error),
}

/// Why bytes did not become a module; shown to whoever brought them. In the order of the gate.
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
    /// More of something than any module needs; it names what.
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
    /// The compiler was ended by somebody else: worth another try.
    #[error("the compiler was ended from outside, perhaps because the machine is short of memory: try again later")]
    Killed,
    /// For so long.
    #[error("this API key has used up its processor time for compiling: try again in {} s", .0.as_secs() + 1)]
    BudgetSpent(Duration),
    /// The compiler's fault, or that of bytes that are made to break it.
    #[error("the compiler broke over the module: {0}")]
    Compiler(String),
    #[error("the module could not say what it offers: {0}")]
    Run(InvokeError),
    #[error("what the module says about itself is wrong: {0}")]
    Info(String),
    /// Worth another try.
    #[error("the host is too busy to compile the module now")]
    Busy,
    #[error("the host is at fault: {0}")]
    Host(String),
}

impl CompileError {
    /// What it is called by programs: in snake_case, and the same for ever.
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

/// Why a module gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    #[error("the module ran past its deadline")]
    Deadline,
    #[error("the module used up its processor time")]
    Cpu,
    #[error("the module asked for more memory than it may have")]
    Memory,
    #[error("the module trapped: {0}")]
    Trap(String),
    #[error("other changes came first, each time")]
    Conflict,
    /// Never started, or could not run for most of its time: nobody's fault in particular.
    #[error("too many calls at once")]
    Busy,
    #[error("the host is at fault: {0}")]
    Host(String),
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    Guest,
    Host,
}

impl InvokeError {
    pub fn blame(&self) -> Blame {
        match self {
            InvokeError::Deadline | InvokeError::Cpu | InvokeError::Memory | InvokeError::Trap(_) => Blame::Guest,
            InvokeError::Conflict | InvokeError::Busy | InvokeError::Host(_) => Blame::Host,
        }
    }

    /// Why there is no answer, in words for the module's author. What was wrong in the host is for its operator's log.
    pub fn reason(&self) -> String {
        match self {
            InvokeError::Host(_) => "the host is at fault; its log says why".to_owned(),
            error => error.to_string(),
        }
    }

    /// The error without its text.
    pub fn fault(&self) -> Fault {
        match self {
            InvokeError::Deadline => Fault::Deadline,
            InvokeError::Cpu => Fault::Processor,
            InvokeError::Memory => Fault::Memory,
            InvokeError::Trap(_) => Fault::Trap,
            InvokeError::Conflict => Fault::Conflict,
            InvokeError::Busy => Fault::Busy,
            InvokeError::Host(_) => Fault::Host,
        }
    }
}
