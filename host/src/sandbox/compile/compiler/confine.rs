//! How a child gives up what it does not need, before it has read a byte of what it compiles.
//!
//! On Linux; elsewhere the parent's deadline is the only limit.

use std::io;
use std::time::Duration;

/// As the guests' slow threads have it. At the lowest priority it would hardly get on beside others who compute: five times as
/// slow again (19 s for 80 ms), and whoever wakes up for chat is no sooner on the processor.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// proc_pid_oom_score_adj(5): 1000 is "always this one first".
#[cfg(target_os = "linux")]
const HIGHEST_OOM_SCORE: &str = "1000";

/// First: priority, privileges, and how long it may live.
#[cfg(target_os = "linux")]
pub(super) fn give_up_powers(processor: Duration) -> io::Result<()> {
    use rustix::process::{
        DumpableBehavior, Resource, Signal, set_dumpable_behavior, set_parent_process_death_signal, setpriority_process,
    };

    setpriority_process(None, NICENESS)?;
    // Where memory is short, the system ends a compiler first, and not the host. Without that file the system decides by size.
    std::fs::write("/proc/self/oom_score_adj", HIGHEST_OOM_SCORE).ok();
    rustix::thread::set_no_new_privs(true)?;
    // A parent that has gone before this line has closed the input, and there is nothing to compile.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Neither its memory in a file, nor other processes of the same system user at its memory.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    limit(Resource::Core, 0, 0)?;
    limit(Resource::Fsize, 0, 0)?;
    limit(Resource::Nproc, 0, 0)?;
    // At the first limit the system sends a signal that tells why, at the second it kills.
    limit(Resource::Cpu, processor.as_secs(), processor.as_secs() + 1)?;
    Ok(())
}

/// After the engine is made, which opens files: no more of them than the standard streams, and no more memory than
/// `memory` bytes besides what the program takes up by now.
///
/// The host's own files close themselves where a child starts. Those that were left to the host by whoever started it do
/// not.
#[cfg(target_os = "linux")]
pub(super) fn give_up_resources(memory: u64) -> io::Result<()> {
    use rustix::process::Resource;

    let taken = find_address_space()?;
    limit(Resource::As, taken + memory, taken + memory)?;
    close_inherited_files()?;
    limit(Resource::Nofile, 3, 3)
}

/// Nothing in this process has a file open at that time but the standard streams.
#[cfg(target_os = "linux")]
fn close_inherited_files() -> io::Result<()> {
    let names: Vec<_> = std::fs::read_dir("/proc/self/fd")?.flatten().map(|file| file.file_name()).collect();
    let numbers = names.iter().filter_map(|name| name.to_str()?.parse::<i32>().ok());
    for number in numbers.filter(|number| *number > 2) {
        // One of them was the folder that was read, which is closed by now.
        nix::unistd::close(number).ok();
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn limit(resource: rustix::process::Resource, soft: u64, hard: u64) -> io::Result<()> {
    let before = rustix::process::getrlimit(resource);
    // A limit that is lower already stays.
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
pub(super) fn give_up_powers(_: Duration) -> io::Result<()> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn give_up_resources(_: u64) -> io::Result<()> {
    Ok(())
}
