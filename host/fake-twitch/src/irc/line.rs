//! The wire format: parses clients' lines, and writes the server's.

use std::collections::BTreeMap;

/// One line from a client, parsed as tolerantly as Twitch does.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ClientLine<'a> {
    tags: Vec<(&'a str, String)>,
    /// In capitals.
    pub(crate) command: String,
    /// The last one may be the trailing parameter, without its colon.
    pub(crate) params: Vec<&'a str>,
}

impl<'a> ClientLine<'a> {
    /// `None` for a line without a command.
    pub(crate) fn parse(line: &'a str) -> Option<Self> {
        let (tags, rest) = match line.strip_prefix('@') {
            Some(tagged) => tagged.split_once(' ')?,
            None => ("", line),
        };
        let mut rest = rest.trim_start_matches(' ');
        if rest.starts_with(':') {
            rest = rest.split_once(' ')?.1.trim_start_matches(' ');
        }
        let (command, mut rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let mut params = Vec::new();
        loop {
            rest = rest.trim_start_matches(' ');
            if let Some(trailing) = rest.strip_prefix(':') {
                params.push(trailing);
                break;
            }
            if rest.is_empty() {
                break;
            }
            let (param, after) = rest.split_once(' ').unwrap_or((rest, ""));
            params.push(param);
            rest = after;
        }
        let tags = tags.split(';').filter_map(|tag| tag.split_once('=')).map(|(k, v)| (k, unescape(v))).collect();
        (!command.is_empty()).then(|| Self { tags, command: command.to_ascii_uppercase(), params })
    }

    pub(crate) fn find_tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|(k, value)| *k == key && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

/// The tags of a server's line, sorted by key, as Twitch sends them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tags(BTreeMap<String, String>);

impl Tags {
    pub(crate) fn set(&mut self, key: &str, value: impl Into<String>) -> &mut Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// Writes `1` or `0`.
    pub(crate) fn set_flag(&mut self, key: &str, value: bool) -> &mut Self {
        self.set(key, if value { "1" } else { "0" })
    }

    fn write(&self) -> String {
        self.0.iter().map(|(key, value)| format!("{key}={}", escape(value))).collect::<Vec<_>>().join(";")
    }
}

/// What a client can request with `CAP REQ`. A client without a capability does not get its lines or tags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    pub(crate) tags: bool,
    pub(crate) commands: bool,
    pub(crate) membership: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Commands,
    Membership,
}

/// One line from the server, not yet rendered for a reader's capabilities.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    tags: String,
    body: String,
    needs: Needs,
}

impl Line {
    pub(crate) fn new(body: impl Into<String>) -> Self {
        Self { tags: String::new(), body: body.into(), needs: Needs::Nothing }
    }

    pub(crate) fn tagged(tags: &Tags, body: impl Into<String>) -> Self {
        Self { tags: tags.write(), ..Self::new(body) }
    }

    /// Restricts the line to connections with the `commands` capability: Twitch's own commands, such as ROOMSTATE.
    pub(crate) fn for_commands(mut self) -> Self {
        self.needs = Needs::Commands;
        self
    }

    /// Restricts the line to connections with the `membership` capability, as other users' JOIN and PART are.
    pub(crate) fn for_membership(mut self) -> Self {
        self.needs = Needs::Membership;
        self
    }

    /// The bytes for a connection with `capabilities`; `None` if the connection does not get this line.
    pub(crate) fn render(&self, capabilities: Capabilities) -> Option<Vec<u8>> {
        let wanted = match self.needs {
            Needs::Nothing => true,
            Needs::Commands => capabilities.commands,
            Needs::Membership => capabilities.membership,
        };
        let line = match capabilities.tags && !self.tags.is_empty() {
            true => format!("@{} {}\r\n", self.tags, self.body),
            false => format!("{}\r\n", self.body),
        };
        wanted.then(|| line.into_bytes())
    }
}

/// `login!login@login.tmi.twitch.tv`
pub(crate) fn prefix_of(login: &str) -> String {
    format!("{login}!{login}@{login}.tmi.twitch.tv")
}

/// Escapes a tag value as IRCv3's message-tags requires.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            ';' => escaped.push_str("\\:"),
            ' ' => escaped.push_str("\\s"),
            '\\' => escaped.push_str("\\\\"),
            '\r' => escaped.push_str("\\r"),
            '\n' => escaped.push_str("\\n"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn unescape(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some(':') => plain.push(';'),
            Some('s') => plain.push(' '),
            Some('r') => plain.push('\r'),
            Some('n') => plain.push('\n'),
            Some(other) => plain.push(other),
            None => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_reply_is_read_whole() {
        let line = ClientLine::parse("@reply-parent-msg-id=a\\sb;client-nonce= PRIVMSG #shop :hi : there").unwrap();
        assert_eq!(line.command, "PRIVMSG");
        assert_eq!(line.params, ["#shop", "hi : there"]);
        assert_eq!(line.find_tag("reply-parent-msg-id"), Some("a b"));
        assert_eq!(line.find_tag("client-nonce"), None);
    }

    #[test]
    fn prefixes_small_letters_and_spare_spaces_are_tolerated() {
        let line = ClientLine::parse(":bot!bot@bot  join   #a,#b ").unwrap();
        assert_eq!((line.command.as_str(), line.params), ("JOIN", vec!["#a,#b"]));
    }

    #[test]
    fn a_line_without_a_command_is_nothing() {
        for line in ["", "@a=b", ":prefix", "@a=b :prefix "] {
            assert_eq!(ClientLine::parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn tags_and_words_go_only_to_those_who_asked() {
        let line = Line::tagged(Tags::default().set("room-id", "1"), "ROOMSTATE #a").for_commands();
        let all = Capabilities { tags: true, commands: true, membership: true };
        assert_eq!(line.render(all).unwrap(), b"@room-id=1 ROOMSTATE #a\r\n");
        assert_eq!(line.render(Capabilities { tags: false, ..all }).unwrap(), b"ROOMSTATE #a\r\n");
        assert_eq!(line.render(Capabilities::default()), None);
    }

    proptest! {
        #[test]
        fn escaping_is_undone_by_unescaping(value: String) {
            let escaped = escape(&value);
            prop_assert!(!escaped.contains([' ', ';', '\r', '\n']));
            prop_assert_eq!(unescape(&escaped), value);
        }

        #[test]
        fn no_line_of_a_client_is_too_strange(line: String) {
            let _parsed = ClientLine::parse(&line);
        }
    }
}
