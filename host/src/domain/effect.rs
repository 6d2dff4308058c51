//! What a command asks the host to do: data, until it is committed.

// `core` has addresses, and no sockets.
use core::net::IpAddr;
use std::time::SystemTime;

use super::account::BotAccount;
use super::amount::Amount;
use super::audit::{Actor, Stamp};
use super::id::{ChannelId, ChatterId, InvocationId, ModuleDigest, ModuleName};
use super::manifest::{Budget, Command, Grants};
use super::message::{Channel, Reply};
use super::prefix::Prefix;

/// A part of a channel's state that is compared, and raised in revision, as one.
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
    /// What a module moved within its caps: written by every payment, read only where there is a cap of a day.
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

/// How often a scope was written. 0 where it never was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// Who holds an amount of a channel's currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Holder {
    Chatter(ChatterId),
    /// What the channel took in by charging.
    Till,
    /// Where currency comes from: the only holder that may be below zero.
    Mint,
}

impl Holder {
    /// The caps that count what this holder pays.
    pub fn budget(self) -> Budget {
        match self {
            Holder::Chatter(_) => Budget::Payments,
            Holder::Till | Holder::Mint => Budget::Treasury,
        }
    }
}

/// One change, buffered while the module runs. Each group is carried out by one part of the store. The module of a group is
/// the one whose entries, caps or set-up the effect changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    Storage(ModuleName, StorageEffect),
    Ledger(ModuleName, LedgerEffect),
    Setup(SetupEffect),
    Module(ModuleName, ModuleEffect),
    Secret(ModuleName, SecretEffect),
    Left(ModuleName, LeftEffect),
    Presence(PresenceEffect),
}

/// Of a module's entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StorageEffect {
    Save { key: String, value: Vec<u8> },
    Delete { key: String },
}

/// Of the channel's own currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerEffect {
    /// Moves a positive amount.
    Transfer { from: Holder, to: Holder, amount: Amount },
}

/// Of a channel's set-up, but for its modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetupEffect {
    ChangePrefix(Prefix),
    /// BCP 47.
    ChangeLocale(Box<str>),
    Mute {
        until: Option<SystemTime>,
    },
}

/// Of a module's part in a channel's set-up, which is also held in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleEffect {
    /// Switching it on restores its fuse too.
    Switch {
        enabled: bool,
    },
    /// The channel accepts this version with these grants. A later version that requests no more needs no consent.
    AcceptVersion {
        digest: ModuleDigest,
        grants: Grants,
    },
    /// What other versions have from now on. A grant that is revoked from the accepted version, or capped lower, is
    /// revoked from them too, so that rolling back does not restore it.
    NarrowGrants {
        grants: Vec<(ModuleDigest, Grants)>,
    },
    /// The channel stays on this version; None: it follows the latest.
    PinVersion {
        version: Option<semver::Version>,
    },
    /// This version broke too often: it is off in this channel until then, or until its fuse is restored.
    BlowFuse {
        digest: ModuleDigest,
        until: Option<SystemTime>,
    },
    RestoreFuse,
    /// The module came back by itself. How often it blew in a row is still known.
    EndPause {
        digest: ModuleDigest,
    },
    /// None takes the setting back to its default.
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

/// Of a module's secret settings, which only the store holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretEffect {
    /// What the vault sealed; None forgets it.
    Change { key: String, sealed: Option<Box<[u8]>> },
}

/// Of the versions that ran in the channel before, which only the store holds. A roll-back goes to one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftEffect {
    /// This version does not run here any more.
    LeaveVersion { digest: ModuleDigest },
    /// The module was rolled back. Of the versions that were left, a second roll-back may go to this one only.
    KeepLeft { left: Option<ModuleDigest> },
}

/// Of the channels that the bot joins. The channel is the invoking chatter's own, not the invocation's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresenceEffect {
    /// The bot joins this channel.
    Want { channel: Channel, account: BotAccount },
    /// The bot leaves this channel.
    Unwant { channel: ChannelId },
}

impl Effect {
    /// The name of what is done, in kebab-case, in the audit and in a dry run over HTTP.
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
            Effect::Left(_, LeftEffect::LeaveVersion { .. } | LeftEffect::KeepLeft { .. }) => "leave-version",
            Effect::Presence(PresenceEffect::Want { .. }) => "want-channel",
            Effect::Presence(PresenceEffect::Unwant { .. }) => "unwant-channel",
        }
    }

    /// The channel that changes, in an invocation of `channel`.
    pub fn channel(&self, channel: ChannelId) -> ChannelId {
        match self {
            Effect::Presence(PresenceEffect::Want { channel, .. }) => channel.id,
            Effect::Presence(PresenceEffect::Unwant { channel }) => *channel,
            Effect::Storage(..)
            | Effect::Ledger(..)
            | Effect::Setup(_)
            | Effect::Module(..)
            | Effect::Secret(..)
            | Effect::Left(..) => channel,
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
            Effect::Setup(_) | Effect::Module(..) | Effect::Secret(..) | Effect::Left(..) | Effect::Presence(_) => {
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
    /// Who asked for it.
    pub by: Actor,
    /// Of whoever asked; None where it did not come over the network.
    pub address: Option<IpAddr>,
    /// Whose call it was, whoever asked: payments count against this chatter's caps. None where no module ran.
    pub caller: Option<ChatterId>,
    /// The version of the module that ran; None where no module did.
    pub version: Option<semver::Version>,
    /// The revision that each scope had when the invocation first read it.
    pub noted: Vec<(Scope, Revision)>,
    /// In the order in which the module asked for them; never empty.
    pub effects: Vec<Effect>,
    /// What the command answered, for whoever asks again under the same id.
    pub replies: Vec<Reply>,
    pub at: SystemTime,
}

impl Commit {
    pub fn stamp(&self) -> Stamp {
        Stamp { by: self.by.clone(), at: self.at, address: self.address }
    }
}

/// What became of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// On disk.
    Done,
    /// A noted scope was written in between, or an account holds too little by now: nothing was changed, run again.
    Conflict,
    /// The id was committed before, with these replies: nothing was changed.
    Duplicate(Vec<Reply>),
}
