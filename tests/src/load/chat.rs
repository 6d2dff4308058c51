//! The chatters and channels, and the lines of chat.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use super::text::{Random, compose};

/// The bot's login, and its user id on this Twitch.
pub const BOT: &str = "loadbot";
pub const BOT_ID: u64 = 1000;

const FIRST_CHANNEL_ID: usize = 20_000_001;
const FIRST_CHATTER_ID: usize = 400_000_000;
/// A bit that marks numbers of calls that burn processor time, of which no answer is expected.
pub const BURNS: u32 = 1 << 31;

const COLORS: [&str; 8] = ["", "#1E90FF", "#FF69B4", "#008000", "#B22222", "#8A2BE2", "#00FF7F", "#DAA520"];
/// Badges, each with its `badge-info`; the most common ones are empty.
const BADGES: [(&str, &str); 8] = [
    ("", ""),
    ("", ""),
    ("premium/1", ""),
    ("subscriber/0", "subscriber/1"),
    ("subscriber/12,premium/1", "subscriber/14"),
    ("vip/1,subscriber/3012,sub-gifter/50", "subscriber/15"),
    ("moderator/1,subscriber/24,partner/1", "subscriber/31"),
    ("no_audio/1", ""),
];
const SYLLABLES: [&str; 16] =
    ["ka", "ro", "mi", "te", "dark", "sun", "wolf", "xx", "li", "no", "pix", "el", "zed", "ar", "blue", "fox"];

/// The numbers of channels and chatters.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub channels: usize,
    /// Further channels, in which the only calls are ones that burn processor time.
    pub burners: usize,
    pub chatters: usize,
}

#[derive(Clone, Debug)]
struct Chatter {
    login: String,
    display_name: String,
    id: usize,
    color: &'static str,
    badges: (&'static str, &'static str),
}

/// All channels and chatters, and the next line's number.
pub struct Chat {
    pub size: Size,
    pub(super) random: Random,
    chatters: Vec<Chatter>,
    next_number: u32,
    sent_at: u128,
}

/// The kind of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    Talk,
    /// `!echo`, which the bot answers.
    Call,
    /// `!loops-forever`, which the bot stops.
    Burn,
}

impl Chat {
    /// Makes at least one channel and one chatter.
    pub fn new(size: Size) -> Chat {
        let size = Size { channels: size.channels.max(1), chatters: size.chatters.max(1), ..size };
        let mut random = Random::new(0x7717_c417);
        let chatters = (0..size.chatters).map(|index| chatter(index, &mut random)).collect();
        let sent_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Chat { size, random, chatters, next_number: 0, sent_at }
    }

    /// The logins of all channels, the burners' last.
    pub fn channels(&self) -> impl Iterator<Item = String> {
        (0..self.size.channels + self.size.burners).map(channel_login)
    }

    /// Appends a line to `bytes`. Returns the line's number, with which the message id begins.
    pub fn render(&mut self, channel: usize, kind: LineKind, bytes: &mut Vec<u8>) -> u32 {
        let number = self.next_number | if kind == LineKind::Burn { BURNS } else { 0 };
        self.next_number += 1;
        let random = &mut self.random;
        let (text, emotes) = match kind {
            LineKind::Talk => compose(random),
            LineKind::Call => (format!("!echo {} {}", number, compose(random).0), String::new()),
            LineKind::Burn => ("!loops-forever".to_owned(), String::new()),
        };
        let chatter = &self.chatters[random.below(self.chatters.len())];
        let quoted = (kind == LineKind::Talk && random.one_in(40)).then(|| random.one_of(&self.chatters));
        let nonce = if random.one_in(4) { nonce(random) } else { String::new() };
        let id = message_id(number, random);
        let reply = quoted.map(|quoted| reply_tags(quoted, random)).unwrap_or_default();
        let Chatter { login, display_name, id: chatter_id, color, badges: (badges, badge_info) } = chatter;
        let (is_mod, is_subscriber) = (badges.contains("moderator"), badges.contains("subscriber"));
        let sent_at = self.sent_at + u128::from(number & !BURNS);
        let written = write!(
            bytes,
            "@badge-info={badge_info};badges={badges};{nonce}color={color};display-name={display_name};emotes={emotes};\
             first-msg=0;flags=;id={id};mod={};{reply}returning-chatter=0;room-id={};subscriber={};\
             tmi-sent-ts={sent_at};turbo=0;user-id={chatter_id};user-type={} \
             :{login}!{login}@{login}.tmi.twitch.tv PRIVMSG #{} :{text}\r\n",
            u8::from(is_mod),
            room_id(channel),
            u8::from(is_subscriber),
            if is_mod { "mod" } else { "" },
            channel_login(channel),
        );
        written.expect("memory takes all that is written to it");
        number
    }
}

pub fn channel_login(index: usize) -> String {
    format!("load_channel_{index}")
}

pub(super) fn room_id(index: usize) -> usize {
    FIRST_CHANNEL_ID + index
}

fn chatter(index: usize, random: &mut Random) -> Chatter {
    let parts: Vec<&str> = (0..2 + random.below(2)).map(|_| *random.one_of(&SYLLABLES)).collect();
    let login = format!("{}{index}", parts.concat());
    // Some display names are in another script than the login.
    let display_name = match index % 16 {
        0 => format!("配信者{index}"),
        n if n % 3 == 0 => login.to_uppercase(),
        _ => login.clone(),
    };
    let (color, badges) = (*random.one_of(&COLORS), *random.one_of(&BADGES));
    Chatter { login, display_name, id: FIRST_CHATTER_ID + index * 17, color, badges }
}

/// A UUID that begins with the number.
fn message_id(number: u32, random: &mut Random) -> String {
    let (high, low) = (random.draw(), random.draw());
    format!(
        "{number:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high & 0xffff,
        high >> 16 & 0xfff,
        high >> 28 & 0xfff,
        low & 0xffff_ffff_ffff
    )
}

fn nonce(random: &mut Random) -> String {
    format!("client-nonce={:016x}{:016x};", random.draw(), random.draw())
}

fn reply_tags(quoted: &Chatter, random: &mut Random) -> String {
    let Chatter { login, display_name, id, .. } = quoted;
    let (message, body) = (message_id(u32::MAX, random), compose(random).0.replace(' ', "\\s").replace(';', "\\:"));
    format!(
        "reply-parent-display-name={display_name};reply-parent-msg-body={body};reply-parent-msg-id={message};\
         reply-parent-user-id={id};reply-parent-user-login={login};reply-thread-parent-display-name={display_name};\
         reply-thread-parent-msg-id={message};reply-thread-parent-user-id={id};\
         reply-thread-parent-user-login={login};"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize, kind: LineKind) -> Vec<String> {
        let mut chat = Chat::new(Size { channels: 50, burners: 0, chatters: 5000 });
        let line = |index| {
            let mut bytes = Vec::new();
            chat.render(index % 50, kind, &mut bytes);
            String::from_utf8(bytes).unwrap()
        };
        (0..count).map(line).collect()
    }

    #[test]
    fn a_line_is_as_long_as_twitchs_and_is_one_line() {
        let lines = lines(2000, LineKind::Talk);
        let mean = lines.iter().map(String::len).sum::<usize>() / lines.len();
        assert!((300..420).contains(&mean), "{mean}");
        assert!(lines.iter().all(|line| line.find("\r\n") == Some(line.len() - 2)));
        assert!(lines.iter().any(|line| line.contains("reply-parent-msg-id=")));
    }

    #[test]
    fn a_call_begins_with_its_number_and_says_it() {
        let lines = lines(300, LineKind::Call);
        assert!(lines[255].contains(";id=000000ff-") && lines[255].contains(" :!echo 255 "), "{}", lines[255]);
    }

    #[test]
    fn no_two_chatters_share_a_login() {
        let chat = Chat::new(Size { channels: 1, burners: 0, chatters: 5000 });
        let logins: std::collections::HashSet<&str> =
            chat.chatters.iter().map(|chatter| chatter.login.as_str()).collect();
        assert!(logins.len() == 5000 && logins.iter().all(|login| login.len() <= 25));
    }
}
