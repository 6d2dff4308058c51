//! The bot accounts of transcripts. Their ids are derived from their logins.

use std::collections::HashMap;

use twitchy::domain::account::BotAccount;
use twitchy::domain::id::{AccountId, Login};
use twitchy::transcript::ChannelHeader;

use super::{chatter_id, login};

pub(crate) fn bot(name: &str) -> BotAccount {
    let login = login(name);
    BotAccount { id: Some(AccountId(chatter_id(&login).0)), login }
}

/// The accounts of the channels whose header names a bot, by channel.
pub(super) fn bots_of(headers: &[&ChannelHeader]) -> HashMap<Login, AccountId> {
    let pairs = headers.iter().flat_map(|header| header.pairs.iter().map(|pair| (&header.login, pair)));
    let bots = pairs.filter(|(_, (key, value))| key == "bot" && value != "absent");
    bots.map(|(channel, (_, bot))| (channel.clone(), self::bot(bot).id.unwrap())).collect()
}
