//! Effects: what a command asks the host to do, as data until it is committed.

use std::net::IpAddr;
use std::time::SystemTime;

use super::account::BotAccount;
use super::amount::Amount;
use super::audit::{Actor, Stamp};
use super::id::{ChannelId, ChatterId, InvocationId, ModuleDigest, ModuleName, Origin};
use super::manifest::{Budget, Command, Grants};
use super::message::{Channel, Reply};
use super::prefix::Prefix;

/// A part of a channel's state with one revision, which is compared and raised as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    Storage {
        channel: ChannelId,
        module: ModuleName,
    },
    Account {
        channel: ChannelId,
        holder: Holder,
    },
    /// The amounts a module moved under its caps. Every payment writes it; only a call with a daily cap reads it.
    Budget {
        channel: ChannelId,
        module: ModuleName,
        budget: Budget,
    },
    /// Prefix, modules, settings, words, mute, and whether the channel is wanted.
    Setup {
        channel: ChannelId,
    },
}

/// How often a scope was written; 0 if never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// Holder of an amount of a channel's currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Holder {
    Chatter(ChatterId),
    /// Holds the amounts that the channel took in by charging.
    Till,
    /// The source of all currency: the only holder that may be negative.
    Mint,
}

impl Holder {
    /// The budget that counts this holder's payments.
    pub fn budget(self) -> Budget {
        match self {
            Holder::Chatter(_) => Budget::Payments,
            Holder::Till | Holder::Mint => Budget::Treasury,
        }
    }
}

/// One change, buffered while the module runs. Each variant is executed by one part of the store. Its module is the one
/// whose entries, caps or set-up change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    Storage(ModuleName, StorageEffect),
    Ledger(ModuleName, LedgerEffect),
    Setup(SetupEffect),
    Module(ModuleName, ModuleEffect),
    Secret(ModuleName, SecretEffect),
    History(ModuleName, HistoryEffect),
    Presence(PresenceEffect),
}

/// A change of a module's entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageEffect {
    Save { key: String, value: Vec<u8> },
    Delete { key: String },
}

/// A change of the ledger of the channel's own currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerEffect {
    /// Moves a positive amount.
    Transfer { from: Holder, to: Holder, amount: Amount },
}

/// A change of a channel's set-up, except for its modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetupEffect {
    ChangePrefix(Prefix),
    /// A BCP 47 language tag.
    ChangeLocale(Box<str>),
    Mute {
        until: Option<SystemTime>,
    },
}

/// A change of a module's part of a channel's set-up, which is also held in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleEffect {
    /// Switching a module on also restores its fuse.
    Switch {
        enabled: bool,
    },
    /// The channel accepts this version with these grants. A later version that requests no more needs no consent.
    AcceptVersion {
        digest: ModuleDigest,
        grants: Grants,
    },
    /// Replaces the grants of other versions. A grant that is revoked from the accepted version, or capped lower, is
    /// revoked from these too, so that a roll-back does not restore it.
    NarrowGrants {
        grants: Vec<(ModuleDigest, Grants)>,
    },
    /// Pins the channel to this version; `None`: the channel follows the latest.
    PinVersion {
        version: Option<semver::Version>,
    },
    /// This version broke too often: it is off in this channel until `until`, or until its fuse is restored.
    BlowFuse {
        digest: ModuleDigest,
        until: Option<SystemTime>,
    },
    RestoreFuse,
    /// The module came back by itself. The number of consecutive blows is kept.
    EndPause {
        digest: ModuleDigest,
    },
    /// `None` resets the setting to its default.
    ChangeSetting {
        key: String,
        value: Option<String>,
    },
    ClaimWord {
        word: Command,
    },
    ReleaseWord {
        name: Box<str>,
    },
}

/// A change of a module's secret settings, which only the store holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretEffect {
    /// Saves the sealed secret; `None` deletes it.
    Change { key: String, sealed: Option<Box<[u8]>> },
}

/// A change of the versions that ran in the channel before: the targets of a roll-back. Only the store holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryEffect {
    /// This version no longer runs here.
    Record { digest: ModuleDigest },
    /// The module was rolled back. Of the versions that were left, only this one remains for a second roll-back.
    Keep { previous: Option<ModuleDigest> },
}

/// A change of the wanted channels. The channel is the invoking chatter's own, not the invocation's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresenceEffect {
    /// The bot joins this channel.
    Want { channel: Channel, account: BotAccount },
    /// The bot leaves this channel.
    Unwant { channel: ChannelId },
}

impl Effect {
    /// The action's name in kebab-case, in the audit and in a dry run over HTTP.
    pub fn action(&self) -> &'static str {
        match self {
            Effect::Storage(_, StorageEffect::Save { .. }) => "save-entry",
            Effect::Storage(_, StorageEffect::Delete { .. }) => "delete-entry",
            Effect::Ledger(_, LedgerEffect::Transfer { .. }) => "transfer",
            Effect::Setup(SetupEffect::ChangePrefix(_)) => "change-prefix",
            Effect::Setup(SetupEffect::ChangeLocale(_)) => "change-locale",
            Effect::Setup(SetupEffect::Mute { .. }) => "mute",
            Effect::Module(_, ModuleEffect::Switch { .. }) => "switch-module",
            Effect::Module(_, ModuleEffect::AcceptVersion { .. }) => "accept-version",
            Effect::Module(_, ModuleEffect::NarrowGrants { .. }) => "narrow-grants",
            Effect::Module(_, ModuleEffect::PinVersion { .. }) => "pin-version",
            Effect::Module(_, ModuleEffect::BlowFuse { .. }) => "blow-fuse",
            Effect::Module(_, ModuleEffect::RestoreFuse | ModuleEffect::EndPause { .. }) => "restore-fuse",
            Effect::Module(_, ModuleEffect::ChangeSetting { .. }) => "change-setting",
            Effect::Module(_, ModuleEffect::ClaimWord { .. }) => "claim-word",
            Effect::Module(_, ModuleEffect::ReleaseWord { .. }) => "release-word",
            Effect::Secret(_, SecretEffect::Change { .. }) => "change-secret",
            Effect::History(_, HistoryEffect::Record { .. } | HistoryEffect::Keep { .. }) => "leave-version",
            Effect::Presence(PresenceEffect::Want { .. }) => "want-channel",
            Effect::Presence(PresenceEffect::Unwant { .. }) => "unwant-channel",
        }
    }

    /// The channel that changes, in an invocation of `channel`.
    pub fn channel(&self, channel: ChannelId) -> ChannelId {
        match self {
            Effect::Presence(PresenceEffect::Want { channel, .. }) => channel.id,
            Effect::Presence(PresenceEffect::Unwant { channel }) => *channel,
            // Named one by one, so that a new effect states its channel.
            Effect::Storage(..)
            | Effect::Ledger(..)
            | Effect::Setup(_)
            | Effect::Module(..)
            | Effect::Secret(..)
            | Effect::History(..) => channel,
        }
    }

    /// The scopes that this effect writes, in an invocation of `channel`.
    pub fn scopes(&self, channel: ChannelId) -> Vec<Scope> {
        match self {
            Effect::Storage(module, _) => vec![Scope::Storage { channel, module: module.clone() }],
            Effect::Ledger(module, LedgerEffect::Transfer { from, to, .. }) => vec![
                Scope::Account { channel, holder: *from },
                Scope::Account { channel, holder: *to },
                Scope::Budget { channel, module: module.clone(), budget: from.budget() },
            ],
            Effect::Setup(_) | Effect::Module(..) | Effect::Secret(..) | Effect::History(..) | Effect::Presence(_) => {
                vec![Scope::Setup { channel: self.channel(channel) }]
            }
        }
    }
}

/// An invocation's changes, to be made all together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    pub invocation: InvocationId,
    pub channel: ChannelId,
    /// Who asked for the changes.
    pub by: Actor,
    /// The actor's address; `None` if the request did not come over the network.
    pub address: Option<IpAddr>,
    /// The chatter who made the call: payments count against this chatter's caps. `None` if no module ran.
    pub caller: Option<ChatterId>,
    /// The version of the module that ran; `None` if no module ran.
    pub version: Option<semver::Version>,
    /// The revision that each scope had when the invocation first read it.
    pub noted: Vec<(Scope, Revision)>,
    /// In the order in which the module asked for them; never empty.
    pub effects: Vec<Effect>,
    /// The command's replies, for a repeated request with the same id.
    pub replies: Vec<Reply>,
    pub at: SystemTime,
}

impl Commit {
    /// A commit by the host itself, which is compared with no revision.
    pub fn by_host(channel: ChannelId, id: &str, effects: Vec<Effect>, at: SystemTime) -> Commit {
        Commit {
            invocation: InvocationId { origin: Origin::Host, id: id.into() },
            channel,
            by: Actor::Host,
            address: None,
            caller: None,
            version: None,
            noted: Vec::new(),
            effects,
            replies: Vec::new(),
            at,
        }
    }

    pub fn stamp(&self) -> Stamp {
        Stamp { by: self.by.clone(), at: self.at, address: self.address }
    }
}

/// The result of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// The changes are on disk.
    Done,
    /// A noted scope has changed, or an account holds too little by now. Nothing was changed; the call may run again.
    Conflict,
    /// The id was committed before, with these replies. Nothing was changed.
    Duplicate(Vec<Reply>),
}
