//! Prints the server's messages and violations, line by line, on standard error.

use std::io::{Write, stderr};

use fake_twitch::{DeliveredMessage, Kind, Violation};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// Runs until the server ends.
pub(crate) async fn run(mut messages: Receiver<DeliveredMessage>, mut violations: Receiver<Violation>, is_quiet: bool) {
    loop {
        let line = tokio::select! {
            message = messages.recv() => match message {
                Ok(message) if !is_quiet => show_message(&message),
                Ok(_) => continue,
                Err(RecvError::Lagged(missed)) => format!("({missed} messages are not shown)"),
                Err(RecvError::Closed) => return,
            },
            violation = violations.recv() => match violation {
                Ok(violation) => show_violation(&violation),
                Err(RecvError::Lagged(missed)) => format!("({missed} broken rules are not shown)"),
                Err(RecvError::Closed) => return,
            },
        };
        // A closed standard error is ignored: there is nowhere to report it, and the server goes on.
        writeln!(stderr(), "{line}").ok();
    }
}

fn show_message(message: &DeliveredMessage) -> String {
    let action = if message.kind == Kind::Action { "/me " } else { "" };
    // A client chooses the text, and a terminal would obey its control characters.
    let text: String = message.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("#{} {}> {action}{text}", message.channel, message.from)
}

/// `*` stands for a connection that has not logged in.
fn show_violation(violation: &Violation) -> String {
    format!("RULE BROKEN by {}: {}", violation.account, violation.rule)
}
