//! Confines a child before it reads a byte of the component.
//!
//! Only on Linux; elsewhere the parent's deadline is the only limit.

use std::io;
use std::time::Duration;

/// The priority of the guests' slow threads. The lowest one would make a child five times slower again beside busy
/// processes (19 s for 80 ms), and would not give a thread that wakes up for chat the processor any sooner.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// proc_pid_oom_score_adj(5): with 1000, the system always kills this process first.
#[cfg(target_os = "linux")]
const HIGHEST_OOM_SCORE: &str = "1000";

/// The first step: gives up priority and privileges, and limits the child's lifetime.
#[cfg(target_os = "linux")]
pub(super) fn confine_before_engine(processor: Duration) -> io::Result<()> {
    use rustix::process::{
        DumpableBehavior, Resource, Signal, set_dumpable_behavior, set_parent_process_death_signal, setpriority_process,
    };

    setpriority_process(None, NICENESS)?;
    // Where memory is short, the system kills a compiler before the host. Without that file, it decides by size.
    std::fs::write("/proc/self/oom_score_adj", HIGHEST_OOM_SCORE).ok();
    rustix::thread::set_no_new_privs(true)?;
    // If the parent ends before this line, the input is closed and there is nothing to compile.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // No core dump, and no access by other processes of the same system user to the child's memory.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    limit(Resource::Core, 0, 0)?;
    limit(Resource::Fsize, 0, 0)?;
    limit(Resource::Nproc, 0, 0)?;
    // At the first limit the system sends a signal that identifies the cause; at the second it kills.
    limit(Resource::Cpu, processor.as_secs(), processor.as_secs() + 1)?;
    Ok(())
}

/// The second step, after the engine, which opens files, is built: allows no files but the standard streams, and no
/// more than `memory` bytes of address space besides what the program uses already.
///
/// The host's own files are closed when a child starts. Files that the host inherited from its own parent are not.
#[cfg(target_os = "linux")]
pub(super) fn confine_after_engine(memory: u64) -> io::Result<()> {
    use rustix::process::Resource;

    let taken = find_address_space()?;
    limit(Resource::As, taken + memory, taken + memory)?;
    close_inherited_files()?;
    limit(Resource::Nofile, 3, 3)
}

/// At this time, no file in this process but the standard streams is in use.
#[cfg(target_os = "linux")]
fn close_inherited_files() -> io::Result<()> {
    let names: Vec<_> = std::fs::read_dir("/proc/self/fd")?.flatten().map(|file| file.file_name()).collect();
    let numbers = names.iter().filter_map(|name| name.to_str()?.parse::<i32>().ok());
    for number in numbers.filter(|number| *number > 2) {
        // One of the numbers was the folder just read, which is closed by now.
        nix::unistd::close(number).ok();
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn limit(resource: rustix::process::Resource, soft: u64, hard: u64) -> io::Result<()> {
    let before = rustix::process::getrlimit(resource);
    // A lower limit stays.
    let lowest = |new: u64, old: Option<u64>| Some(old.map_or(new, |old| old.min(new)));
    let hard = lowest(hard, before.maximum);
    let limit = rustix::process::Rlimit { current: lowest(soft, hard), maximum: hard };
    rustix::process::setrlimit(resource, limit).map_err(io::Error::from)
}

/// Bytes of address space of this process.
#[cfg(target_os = "linux")]
fn find_address_space() -> io::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")?.trim().strip_suffix(" kB")?.parse().ok());
    size.map(|kib: u64| kib << 10).ok_or_else(|| io::Error::other("the system does not tell a process's size"))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn confine_before_engine(_: Duration) -> io::Result<()> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn confine_after_engine(_: u64) -> io::Result<()> {
    Ok(())
}
