//! Words for what Twitch's limits cost channels, and the cure.

use super::{AccountStatus, LostStatus};
use crate::twitch::account::shortage::LOST_NAMED_FOR;

/// Names that fit into a line.
const NAMES: usize = 5;

/// One sentence for the channels where the bot has no privileges, and one for those where it has some.
pub(super) fn describe_lost(lost: &[LostStatus]) -> impl Iterator<Item = String> {
    [false, true].into_iter().filter_map(|is_privileged| {
        let there: Vec<_> = lost.iter().filter(|lost| lost.is_privileged == is_privileged).collect();
        let replies: u64 = there.iter().map(|lost| lost.replies).sum();
        let channels = list_names(there.iter().map(|lost| lost.channel.as_str()));
        let minutes = LOST_NAMED_FOR.as_secs() / 60;
        let cure = if is_privileged { "" } else { "make the bot a moderator there, or " };
        let noun = if replies == 1 { "reply was" } else { "replies were" };
        (!there.is_empty()).then(|| {
            format!(
                "{replies} {noun} lost to Twitch's limits, the last one within {minutes} minutes, in {channels}: {cure}let \
                 another bot account sit there"
            )
        })
    })
}

/// Slowing is not a problem, but the operator may wonder about it.
pub fn describe_slowing(account: &AccountStatus) -> Option<String> {
    (!account.slowed_for.is_empty()).then(|| {
        let channels = list_names(account.slowed_for.iter().map(String::as_str));
        format!("channels where the bot is moderator or VIP are slowed, as it is neither in {channels}")
    })
}

/// The first names, and how many more there are.
pub(super) fn list_names<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let count = names.len();
    let named: Vec<&str> = names.take(NAMES).collect();
    let more = if count > NAMES { format!(" and {} more", count - NAMES) } else { String::new() };
    named.join(", ") + &more
}
