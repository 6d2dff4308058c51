//! The roles of chatters in a channel.

use super::named::named;

named! {
    /// From the least to the most trusted; a chatter has exactly one role, the highest.
    pub enum Role, ParseRoleError "a role is everyone, subscriber, vip, moderator or broadcaster" {
        Everyone "everyone",
        Subscriber "subscriber",
        Vip "vip",
        Moderator "moderator",
        Broadcaster "broadcaster",
    }
}
