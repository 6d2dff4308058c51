//! The server's own words when it rejects a login, for the operator to read.
//!
//! Twitch rejects in a few known ways. A proxy, or a server that is not Twitch, sends an IRC error number, or HTTP.

use secrecy::{ExposeSecret, SecretString};
use twitch_irc::message::IRCMessage;

use crate::domain::prefix::is_invisible;

/// Characters kept of a complaint.
const LONGEST: usize = 200;

/// The complaint in a line that came before the login was accepted; `None` if the line is not a complaint. A server may
/// echo what it received, so the token is removed.
pub(super) fn find_complaint(line: &str, token: &SecretString) -> Option<String> {
    let complaint = match IRCMessage::parse(line) {
        Ok(message) if matches!(message.command.as_str(), "NOTICE" | "ERROR") => message.params.last()?.clone(),
        Ok(message) if is_error_number(&message.command) => [message.command, message.params.join(" ")].join(" "),
        Ok(message) if message.command.starts_with("HTTP/") => line.to_owned(),
        Ok(_) => return None,
        Err(_) => line.to_owned(),
    };
    let complaint = complaint.replace(token.expose_secret(), "***");
    let is_shown = |character: &char| !character.is_control() && !is_invisible(*character);
    let shown: String = complaint.trim().chars().filter(is_shown).take(LONGEST).collect();
    (!shown.is_empty()).then_some(shown)
}

/// 400 to 599 are errors (modern.ircdocs.horse, "Numerics").
fn is_error_number(command: &str) -> bool {
    command.len() == 3 && command.parse().is_ok_and(|number: u16| (400..600).contains(&number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(line: &str) -> Option<String> {
        find_complaint(line, &SecretString::from("hunter2"))
    }

    #[test]
    fn a_refusal_is_shown_as_the_server_put_it() {
        for (line, said) in [
            (":irc.example 433 * twitchy :Nickname is already in use", "433 * twitchy Nickname is already in use"),
            (":irc.example 464 twitchy :Password incorrect", "464 twitchy Password incorrect"),
            ("HTTP/1.1 400 Bad Request", "HTTP/1.1 400 Bad Request"),
            ("ERROR :Closing Link: too many connections", "Closing Link: too many connections"),
            (":tmi.twitch.tv NOTICE * :Error logging in", "Error logging in"),
            ("SSH-2.0-OpenSSH_9.2", "SSH-2.0-OpenSSH_9.2"),
        ] {
            assert_eq!(find(line).as_deref(), Some(said), "{line}");
        }
        for line in [":tmi.twitch.tv 002 twitchy :Your host is", ":a CAP * ACK :twitch.tv/tags", "PING :a", ""] {
            assert_eq!(find(line), None, "{line}");
        }
    }

    #[test]
    fn neither_the_token_nor_marks_nor_a_whole_page_is_shown() {
        assert_eq!(find(":a 421 PASS oauth:hunter2 :Unknown").as_deref(), Some("421 PASS oauth:*** Unknown"));
        assert_eq!(find("ERROR :\u{202e}evil\u{7}").as_deref(), Some("evil"));
        assert_eq!(find(&format!("ERROR :{}", "é".repeat(900))).unwrap().chars().count(), LONGEST);
    }
}
