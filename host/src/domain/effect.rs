//! What a command asks the host to do: data, until it is committed.

// `core` has addresses, and no sockets.
use core::net::IpAddr;
use std::time::SystemTime;

use super::account::BotAccount;
use super::amount::Amount;
use super::audit::{Actor, Stamp};
use super::id::{ChannelId, ChatterId, ModuleDigest, ModuleName};
use super::invocation::InvocationId;
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

/// One change, buffered while the module runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    SaveEntry {
        module: ModuleName,
        key: String,
        value: Vec<u8>,
    },
    DeleteEntry {
        module: ModuleName,
        key: String,
    },
    /// Moves a positive amount of the channel's own currency. It counts against the module's caps.
    Transfer {
        module: ModuleName,
        from: Holder,
        to: Holder,
        amount: Amount,
    },
    ChangePrefix(Prefix),
    /// BCP 47.
    ChangeLocale(Box<str>),
    /// Switching a module on restores its fuse too.
    SwitchModule {
        module: ModuleName,
        enabled: bool,
    },
    /// The channel takes this version with all that it asks for: what asks for no more follows by itself.
    AcceptVersion {
        module: ModuleName,
        digest: ModuleDigest,
        grants: Grants,
    },
    /// What was taken back from the accepted version, or capped lower, holds for these other ones too: what each has from
    /// now on.
    NarrowGrants {
        module: ModuleName,
        grants: Vec<(ModuleDigest, Grants)>,
    },
    /// The channel stays on this version; None: it follows the latest.
    PinVersion {
        module: ModuleName,
        version: Option<semver::Version>,
    },
    /// This version runs here no more: it is what a roll-back goes to.
    LeaveVersion {
        module: ModuleName,
        digest: ModuleDigest,
    },
    /// The module was rolled back: of the versions that were left, this alone is one to go further back to.
    KeepLeft {
        module: ModuleName,
        left: Option<ModuleDigest>,
    },
    /// This version of a module broke too often: it is off in this channel, until then or until somebody restores it.
    BlowFuse {
        module: ModuleName,
        digest: ModuleDigest,
        until: Option<SystemTime>,
    },
    RestoreFuse {
        module: ModuleName,
    },
    /// The module came back by itself. How often it blew in a row is still known.
    EndPause {
        module: ModuleName,
        digest: ModuleDigest,
    },
    /// None takes the setting back to its default.
    ChangeSetting {
        module: ModuleName,
        key: String,
        value: Option<String>,
    },
    /// What the vault sealed; None forgets it.
    ChangeSecret {
        module: ModuleName,
        key: String,
        sealed: Option<Box<[u8]>>,
    },
    Mute {
        until: Option<SystemTime>,
    },
    ClaimWord {
        module: ModuleName,
        word: Command,
    },
    ReleaseWord {
        module: ModuleName,
        name: Box<str>,
    },
    /// The bot shall sit in this channel, which is the invoking chatter's own and not the invocation's.
    WantChannel {
        channel: Channel,
        account: BotAccount,
    },
    /// The bot shall leave this channel, likewise.
    UnwantChannel {
        channel: ChannelId,
    },
}

impl Effect {
    /// The scopes that this effect writes, in an invocation of `channel`.
    pub fn scopes(&self, channel: ChannelId) -> Vec<Scope> {
        match self {
            Effect::SaveEntry { module, .. } | Effect::DeleteEntry { module, .. } => {
                vec![Scope::Storage { channel, module: module.clone() }]
            }
            Effect::Transfer { module, from, to, .. } => vec![
                Scope::Account { channel, holder: *from },
                Scope::Account { channel, holder: *to },
                Scope::Budget { channel, module: module.clone(), budget: from.budget() },
            ],
            Effect::WantChannel { channel, .. } => vec![Scope::Setup { channel: channel.id }],
            Effect::UnwantChannel { channel } => vec![Scope::Setup { channel: *channel }],
            Effect::ChangePrefix(_)
            | Effect::ChangeLocale(_)
            | Effect::SwitchModule { .. }
            | Effect::AcceptVersion { .. }
            | Effect::NarrowGrants { .. }
            | Effect::PinVersion { .. }
            | Effect::BlowFuse { .. }
            | Effect::RestoreFuse { .. }
            | Effect::EndPause { .. }
            | Effect::LeaveVersion { .. }
            | Effect::KeepLeft { .. }
            | Effect::ChangeSetting { .. }
            | Effect::ChangeSecret { .. }
            | Effect::Mute { .. }
            | Effect::ClaimWord { .. }
            | Effect::ReleaseWord { .. } => vec![Scope::Setup { channel }],
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
