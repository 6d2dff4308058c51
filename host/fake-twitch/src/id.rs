//! id.twitch.tv: where an application gets tokens, with a person's consent or for itself.
//!
//! Source: dev.twitch.tv/docs/authentication. `connection` is one client's connection and applies the failures that a
//! test asked for (`requests`); each endpoint is a file: `authorize`, `token`, `device`, `validate` and `revoke`. Errors
//! are in `refusal`, with Twitch's status and message. Tokens and codes themselves are in `world/authority`. `setup` is
//! the part for tests.
//!
//! Not here: the implicit grant, OpenID Connect, and passwords. A person chooses who to be on each page of consent, unless a
//! test lets browsers stay logged in ([`FakeTwitch::remember_people`](crate::FakeTwitch::remember_people)).
//!
//! Twitch documents neither the answer to a missing parameter nor the order of its checks; messages for these are as
//! authors of clients have seen them. Parameters of a POST count in its body alone, because secrets do not belong into an
//! address.

pub(crate) mod authorize;
pub(crate) mod connection;
pub(crate) mod device;
pub(crate) mod form;
pub(crate) mod page;
pub(crate) mod refusal;
pub(crate) mod requests;
pub(crate) mod revoke;
pub(crate) mod setup;
pub(crate) mod token;
pub(crate) mod validate;
