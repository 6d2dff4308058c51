//! The child's command line, and the child's own code.

use std::io::{self, Read};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::super::error::CompileError;
use super::super::gate;
use super::order::{Limits, Order};
use super::{answer, confine};
use crate::domain::manifest::SizeClass;
use crate::sandbox::run::engine::{MemoryPlan, build_compiler};
use crate::sandbox::run::limits::InstanceLimits;

/// The subcommand that makes the program a child.
const SUBCOMMAND: &str = "compile-module";

/// The arguments are no order. The parent always passes one, so somebody else has called the subcommand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an order for a compiler: this is for twitchy itself to call")]
pub struct ParseOrderError;

/// The command that starts a child: without the environment, in a folder that the child cannot write to, and in its own
/// process group, so that Ctrl-C at a terminal reaches the parent alone. Not in its own session: Linux divides the
/// processor between sessions first (sched(7), autogroup), so there its low priority would have no effect.
pub(super) fn command(program: &Path, order: &Order, limits: &Limits) -> Command {
    let mut command = Command::new(program);
    let seconds = limits.processor.as_secs_f64().ceil().max(1.0);
    command.args([SUBCOMMAND, order.size.as_str(), plan_word(order.plan), &limits.memory.to_string()]);
    command.arg(format!("{seconds:.0}")).env_clear().current_dir("/");
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        command.process_group(0).arg0("twitchy");
    }
    command
}

/// Why a child gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum RunChildError {
    #[error(transparent)]
    Order(#[from] ParseOrderError),
    #[error("limits: {0}")]
    Confine(io::Error),
    #[error("engine: {0}")]
    Engine(String),
    #[error("pipe: {0}")]
    Pipe(io::Error),
}

/// The whole child: confines itself, reads a component from standard input, and writes its answer.
///
/// # Errors
/// If it cannot confine itself or read: then nothing was compiled. A defect of the component is an answer.
pub fn run_child(arguments: &[String]) -> Result<(), RunChildError> {
    run_child_with(arguments, |_| false)
}

/// Like [`run_child`], for the program that tests start. It never finishes a component for which `is_endless` holds: on
/// a fast machine, a merely long compilation could end before its limit.
///
/// # Errors
/// As [`run_child`].
pub fn run_child_with(arguments: &[String], is_endless: fn(&[u8]) -> bool) -> Result<(), RunChildError> {
    let ChildOrder { size, plan, memory, processor } = parse_order(arguments)?;
    confine::confine_before_engine(processor).map_err(RunChildError::Confine)?;
    let engine = build_compiler(size, plan).map_err(|error| RunChildError::Engine(format!("{error:#}")))?;
    confine::confine_after_engine(memory).map_err(RunChildError::Confine)?;
    let most = InstanceLimits::of(size).component_bytes as u64;
    let mut bytes = Vec::new();
    let compiled = match io::stdin().lock().take(most + 1).read_to_end(&mut bytes) {
        Ok(_) => {
            while is_endless(&bytes) {
                drop(gate::compile(&engine, &bytes, size));
            }
            gate::compile(&engine, &bytes, size)
        }
        Err(error) if error.kind() == io::ErrorKind::OutOfMemory => Err(CompileError::CompileMemory),
        Err(error) => return Err(RunChildError::Pipe(error)),
    };
    answer::write(io::stdout().lock(), &compiled).map_err(RunChildError::Pipe)
}

/// The order's arguments, parsed by the child.
#[derive(Debug, PartialEq, Eq)]
struct ChildOrder {
    size: SizeClass,
    plan: MemoryPlan,
    /// In bytes.
    memory: u64,
    processor: Duration,
}

fn parse_order(arguments: &[String]) -> Result<ChildOrder, ParseOrderError> {
    let [size, plan, memory, seconds] = arguments else { return Err(ParseOrderError) };
    let size = [SizeClass::Small, SizeClass::Large].into_iter().find(|class| class.as_str() == size);
    let plan = [MemoryPlan::Pooled, MemoryPlan::Mapped].into_iter().find(|known| plan_word(*known) == plan);
    let seconds = seconds.parse().map_err(|_| ParseOrderError)?;
    Ok(ChildOrder {
        size: size.ok_or(ParseOrderError)?,
        plan: plan.ok_or(ParseOrderError)?,
        memory: memory.parse().map_err(|_| ParseOrderError)?,
        processor: Duration::from_secs(seconds),
    })
}

fn plan_word(plan: MemoryPlan) -> &'static str {
    match plan {
        MemoryPlan::Pooled => "pooled",
        MemoryPlan::Mapped => "mapped",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn an_order_arrives_as_it_was_given() {
        let order = Order { bytes: Arc::default(), size: SizeClass::Large, plan: MemoryPlan::Mapped };
        let limits = Limits {
            memory: 5 << 20,
            processor: Duration::from_millis(1500),
            wall: Duration::from_secs(3),
            code_bytes: 7,
        };
        let command = command(Path::new("twitchy"), &order, &limits);
        let arguments: Vec<String> = command.get_args().map(|text| text.to_str().unwrap().to_owned()).collect();
        assert_eq!(arguments[0], SUBCOMMAND);
        let allowance = ChildOrder {
            size: SizeClass::Large,
            plan: MemoryPlan::Mapped,
            memory: 5 << 20,
            processor: Duration::from_secs(2),
        };
        assert_eq!(parse_order(&arguments[1..]), Ok(allowance));
    }

    #[test]
    fn what_is_no_order_is_refused() {
        for wrong in
            ["", "small", "small pooled 1", "tiny pooled 1 1", "small dry 1 1", "small pooled -1 1", "a b c d e"]
        {
            let arguments: Vec<String> = wrong.split_whitespace().map(str::to_owned).collect();
            assert_eq!(parse_order(&arguments), Err(ParseOrderError), "{wrong}");
        }
    }
}
