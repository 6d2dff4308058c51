//! The signals that stop the program: the first starts an orderly stop, the second stops at once.
//!
//! SIGINT is Ctrl-C, SIGTERM comes from a supervisor, and SIGHUP when the terminal is closed. SIGQUIT (Ctrl-\) keeps
//! its default, ending the process at once with a core dump, for a program that no longer reacts.

use std::fs;
use std::io;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signal that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Hangup,
    Interrupt,
    Terminate,
}

impl Stop {
    /// 128 plus the signal's number, the convention of shells.
    pub(super) fn exit_code(self) -> ExitCode {
        match self {
            Stop::Hangup => ExitCode::from(129),
            Stop::Interrupt => ExitCode::from(130),
            Stop::Terminate => ExitCode::from(143),
        }
    }
}

/// Listens for the signals. Once this exists, they no longer end the process by themselves.
pub(super) struct Signals {
    /// `None` if SIGHUP was ignored when the process started, as `nohup` arranges: it then stays ignored.
    hangup: Option<Signal>,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Signals> {
        let hangup = if is_hangup_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Signals { hangup, interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    pub(super) async fn next(&mut self) -> Stop {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = hangup => Stop::Hangup,
            _ = self.interrupt.recv() => Stop::Interrupt,
            _ = self.terminate.recv() => Stop::Terminate,
        }
    }
}

/// Reads Linux's /proc, because the system call would be unsafe code. False on other systems.
fn is_hangup_ignored() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| has_ignored(&status, SignalKind::hangup()))
}

/// `SigIgn` is a mask in hexadecimal, whose lowest bit stands for signal 1 (proc_pid_status(5)).
fn has_ignored(status: &str, signal: SignalKind) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask >> (signal.as_raw_value() - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_off_the_mask() {
        let status = |mask: &str| format!("Name:\ttwitchy\nSigBlk:\tffffffffffffffff\nSigIgn:\t{mask}\n");
        assert!(has_ignored(&status("0000000000001001"), SignalKind::hangup()));
        assert!(!has_ignored(&status("0000000000001000"), SignalKind::hangup()));
        assert!(has_ignored(&status("0000000000004000"), SignalKind::terminate()));
        assert!(!has_ignored("Name:\ttwitchy\n", SignalKind::hangup()));
    }
}
