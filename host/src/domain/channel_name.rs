//! A channel as people name it: by its login, or by its Twitch id.

use std::fmt;
use std::str::FromStr;

use super::id::{ChannelId, Login, ParseIdError};
use super::message::Channel;
use super::nearest::find_nearest;

/// Most known channels that an error lists.
const MOST_LISTED: usize = 10;

/// A channel, as typed. Digits alone are an id, so that a command that names an id never depends on who has which login
/// today; a login of digits alone is written `#123`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelName {
    Id(ChannelId),
    Login(Login),
}

/// No channel, or more than one, has the login.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindChannelError {
    #[error("there is no channel #{login}: {reason}{advice}")]
    Unknown {
        login: Login,
        reason: &'static str,
        /// The nearest login, and the known channels.
        advice: String,
    },
    #[error("#{login} is the name of more than one channel that the bot was in; say which: {ids}")]
    Ambiguous { login: Login, ids: String },
}

impl FromStr for ChannelName {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        if let Some(login) = text.strip_prefix('#') {
            return login.parse().map(ChannelName::Login);
        }
        match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => text.parse().map(ChannelName::Id),
            false => text.parse().map(ChannelName::Login),
        }
    }
}

/// The form to type into a shell. Omits the `#` where possible, because a shell takes it for the start of a comment.
impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChannelName::Id(id) => id.fmt(f),
            ChannelName::Login(login) if login.as_str().bytes().all(|byte| byte.is_ascii_digit()) => {
                write!(f, "'#{login}'")
            }
            ChannelName::Login(login) => login.fmt(f),
        }
    }
}

impl ChannelName {
    /// The form for people.
    pub fn describe(&self) -> String {
        match self {
            ChannelName::Id(id) => format!("channel {id}"),
            ChannelName::Login(login) => format!("#{login}"),
        }
    }
}

impl FindChannelError {
    /// `known`: every channel that the caller may know of. `reason`: why a channel may be missing there.
    pub fn unknown(login: &Login, reason: &'static str, known: &[Channel]) -> FindChannelError {
        let describe = |channel: &Channel| format!("#{} ({})", channel.login, channel.id);
        let mut listed: Vec<String> = known.iter().take(MOST_LISTED).map(describe).collect();
        if known.len() > MOST_LISTED {
            listed.push(format!("{} more", known.len() - MOST_LISTED));
        }
        let nearest = find_nearest(login.as_str(), known.iter().map(|channel| channel.login.as_str()));
        let advice = match nearest.map(|nearest| format!("; did you mean #{nearest}?")) {
            Some(advice) => format!("{advice} Known: {}", listed.join(", ")),
            None if listed.is_empty() => "; none is known yet".to_owned(),
            None => format!("; known: {}", listed.join(", ")),
        };
        FindChannelError::Unknown { login: login.clone(), reason, advice }
    }
}

/// The one channel of `known` that has the login.
///
/// # Errors
/// No channel or several have it: the login may have passed to another channel since the bot was in the first one.
pub fn find_by_login(login: &Login, reason: &'static str, known: &[Channel]) -> Result<ChannelId, FindChannelError> {
    let found: Vec<&Channel> = known.iter().filter(|channel| channel.login == *login).collect();
    match found.as_slice() {
        [] => Err(FindChannelError::unknown(login, reason, known)),
        [channel] => Ok(channel.id),
        several => {
            let ids: Vec<String> = several.iter().map(|channel| channel.id.to_string()).collect();
            Err(FindChannelError::Ambiguous { login: login.clone(), ids: ids.join(", ") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(number: u64, login: &str) -> Channel {
        Channel { id: ChannelId(number), login: login.parse().unwrap(), display_name: login.into() }
    }

    fn find(login: &str, known: &[Channel]) -> Result<ChannelId, String> {
        find_by_login(&login.parse().unwrap(), "why", known).map_err(|error| error.to_string())
    }

    #[test]
    fn digits_are_an_id_and_all_else_is_a_login() {
        let parse = |text: &str| text.parse::<ChannelName>().map(|name| (format!("{name:?}"), name.to_string()));
        let id = ("Id(ChannelId(304492041))".to_owned(), "304492041".to_owned());
        assert_eq!(parse("304492041"), Ok(id));
        let shop = Ok((r#"Login(Login("shop"))"#.to_owned(), "shop".to_owned()));
        assert_eq!((parse("shop"), parse("#shop"), parse("#Shop")), (shop.clone(), shop.clone(), shop));
        assert_eq!(parse("#123"), Ok((r#"Login(Login("123"))"#.to_owned(), "'#123'".to_owned())));
        for bad in ["", "#", "a b", "##a", "007", "a/b", "#a?x=1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_login_finds_the_one_channel_that_bears_it() {
        let known = [channel(1, "shop"), channel(2, "cafe"), channel(3, "cafe")];
        assert_eq!(find("shop", &known), Ok(ChannelId(1)));
        let several = "#cafe is the name of more than one channel that the bot was in; say which: 2, 3";
        assert_eq!(find("cafe", &known), Err(several.to_owned()));
    }

    #[test]
    fn an_unknown_channel_is_answered_with_those_that_there_are() {
        assert_eq!(find("shop", &[]).unwrap_err(), "there is no channel #shop: why; none is known yet");
        let known: Vec<Channel> = (0..12).map(|number| channel(number, &format!("place{number}"))).collect();
        let told = find("shop", &known).unwrap_err();
        assert!(told.starts_with("there is no channel #shop: why; known: #place0 (0), "), "{told}");
        assert!(told.ends_with("#place9 (9), 2 more"), "{told}");
        let told = find("plase11", &known).unwrap_err();
        assert!(told.contains("; did you mean #place11? Known: #place0 (0), "), "{told}");
    }
}
