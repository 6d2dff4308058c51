//! Lines that we send to the server. Every command becomes exactly one line, whatever its fields hold.

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use crate::domain::id::{Login, MessageId};
use crate::twitch::account::departure::Departure;

/// Channels per JOIN: 12 logins of 25 characters fit into the 512 bytes of an IRC line.
pub(crate) const JOINS_PER_LINE: usize = 12;

/// A line for the server that sends no message. A `Login` has no harmful character; `end_line` cleans all other fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    RequestCapabilities,
    Nick(Login),
    Join(Vec<Login>),
    Part(Login),
    Ping,
    Pong(String),
}

impl Command {
    /// The line including its line ending.
    pub(crate) fn to_line(&self) -> String {
        end_line(match self {
            Command::RequestCapabilities => "CAP REQ :twitch.tv/tags twitch.tv/commands".to_owned(),
            Command::Nick(login) => format!("NICK {login}"),
            Command::Join(channels) => {
                let names: Vec<String> = channels.iter().map(|channel| format!("#{channel}")).collect();
                format!("JOIN {}", names.join(","))
            }
            Command::Part(channel) => format!("PART #{channel}"),
            Command::Ping => "PING :twitchy".to_owned(),
            Command::Pong(text) => format!("PONG :{text}"),
        })
    }
}

/// The line that sends a message, including its line ending. Only the outbox creates departures.
pub(crate) fn write_message(departure: &Departure) -> String {
    let Departure { login, text, .. } = departure;
    let threading = departure.reply_to.as_ref().and_then(threading_tag).unwrap_or_default();
    end_line(match departure.is_action {
        true => format!("{threading}PRIVMSG #{login} :\u{1}ACTION {text}\u{1}"),
        false => format!("{threading}PRIVMSG #{login} :{text}"),
    })
}

/// The last line of defence: removes every character that could end the line early.
fn end_line(mut body: String) -> String {
    body.retain(|character| !matches!(character, '\r' | '\n' | '\0'));
    body.push_str("\r\n");
    body
}

/// `None` for an id that needs escaping: Twitch has no such ids, so the message goes out without the tag.
fn threading_tag(id: &MessageId) -> Option<String> {
    let is_plain = id.0.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    (is_plain && !id.0.is_empty()).then(|| format!("@reply-parent-msg-id={id} "))
}

/// The line that logs in, zeroed when dropped. `None` unless the token is a single word: anything else is no token and
/// could hold a second command. Not a [`Command`], so that code which shows commands cannot show the token.
pub(crate) fn pass_line(access_token: &SecretString) -> Option<Zeroizing<Vec<u8>>> {
    let token = access_token.expose_secret();
    let token = token.strip_prefix("oauth:").unwrap_or(token);
    let is_word = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    is_word.then(|| {
        // `Zeroizing` wipes only the last allocation, so the buffer must never grow.
        let mut line = Zeroizing::new(Vec::with_capacity(token.len() + 16));
        line.extend_from_slice(b"PASS oauth:");
        line.extend_from_slice(token.as_bytes());
        line.extend_from_slice(b"\r\n");
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::ChannelId;
    use crate::twitch::account::departure::Ticket;
    use proptest::prelude::*;

    fn login(text: &str) -> Login {
        text.parse().unwrap()
    }

    fn departure(text: &str, reply_to: Option<&str>, is_action: bool) -> Departure {
        let reply_to = reply_to.map(|id| MessageId(id.into()));
        let (channel, login, text) = (ChannelId(1), login("shop"), text.to_owned());
        Departure { channel, login, text, reply_to, is_action, ticket: Ticket(1), waited: None }
    }

    #[test]
    fn commands_are_written_as_twitch_reads_them() {
        for (command, line) in [
            (Command::RequestCapabilities, "CAP REQ :twitch.tv/tags twitch.tv/commands\r\n"),
            (Command::Nick(login("twitchy")), "NICK twitchy\r\n"),
            (Command::Join(vec![login("a"), login("b")]), "JOIN #a,#b\r\n"),
            (Command::Part(login("a")), "PART #a\r\n"),
            (Command::Pong("tmi.twitch.tv".into()), "PONG :tmi.twitch.tv\r\n"),
        ] {
            assert_eq!(command.to_line(), line);
        }
    }

    #[test]
    fn messages_are_written_as_twitch_reads_them() {
        for (reply_to, is_action, line) in [
            (None, false, "PRIVMSG #shop :hello you\r\n"),
            (None, true, "PRIVMSG #shop :\u{1}ACTION hello you\u{1}\r\n"),
            (Some("ab-12"), false, "@reply-parent-msg-id=ab-12 PRIVMSG #shop :hello you\r\n"),
            (Some("a b"), false, "PRIVMSG #shop :hello you\r\n"),
        ] {
            assert_eq!(write_message(&departure("hello you", reply_to, is_action)), line);
        }
    }

    #[test]
    fn a_full_join_is_shorter_than_an_irc_line() {
        let longest = login(&"a".repeat(25));
        assert!(Command::Join(vec![longest; JOINS_PER_LINE]).to_line().len() <= 512);
    }

    #[test]
    fn a_token_that_is_no_word_is_not_sent() {
        let line = |token: &str| pass_line(&SecretString::from(token)).map(|line| line.to_vec());
        assert_eq!(line("abc").as_deref(), Some(b"PASS oauth:abc\r\n".as_slice()));
        assert_eq!(line("oauth:abc").as_deref(), Some(b"PASS oauth:abc\r\n".as_slice()));
        for bad in ["", "oauth:", "a b", "a\r\nJOIN #x", "a\0", "ü"] {
            assert_eq!(line(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_field_can_make_a_second_line(text in any::<String>(), id in any::<String>()) {
            let poisoned = [format!("{text}\r\nPRIVMSG #victim :pwned\n\0"), text];
            for text in poisoned {
                for line in [
                    Command::Pong(text.clone()).to_line(),
                    write_message(&departure(&text, Some(&id), false)),
                    write_message(&departure(&text, Some(&id), true)),
                ] {
                    let body = line.strip_suffix("\r\n").unwrap();
                    prop_assert!(!body.contains(['\r', '\n', '\0']));
                }
            }
        }
    }
}
