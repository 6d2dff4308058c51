//! A module's manifest: what the module offers and requests.

use std::sync::Arc;
use std::time::Duration;

use super::amount::Amount;
use super::id::{ModuleDigest, ModuleName};
use super::named::named;
use super::role::Role;

named! {
    /// One interface of the contract, by its name there: a power that a module requests by importing it.
    pub enum Capability, ParseCapabilityError "there is no such capability" {
        Balances "balances",
        Channels "channels",
        Chatters "chatters",
        Clock "clock",
        Coins "coins",
        Commands "commands",
        Http "http",
        Log "log",
        Payments "payments",
        Random "random",
        Settings "settings",
        Storage "storage",
        Streams "streams",
        Treasury "treasury",
        Words "words",
    }
}

impl Capability {
    /// Whether the capability must be granted. Log, clock and randomness affect nobody.
    pub fn needs_grant(self) -> bool {
        !matches!(self, Capability::Log | Capability::Clock | Capability::Random)
    }

    /// Whether a module that imports it can write to a scope of the channel: such calls run one after another.
    pub fn may_write(self) -> bool {
        matches!(
            self,
            Capability::Channels
                | Capability::Payments
                | Capability::Settings
                | Capability::Storage
                | Capability::Treasury
                | Capability::Words
        )
    }
}

/// The origin of a module, in the order of rising trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ModuleSource {
    /// Uploaded: has only what is granted to it.
    Uploaded,
    /// Named in the operator's configuration, and so granted all that it requests.
    Configured,
    /// Part of this binary, and so granted all that it requests.
    Bundled,
}

named! {
    /// A module's limits of size and memory, chosen when the module is added. Each size class has an engine of its own.
    pub enum SizeClass {
        /// 16 MiB of component, 16 MiB of memory.
        Small "small",
        /// 40 MiB of component, 128 MiB of memory: for modules that contain a JavaScript or Python runtime.
        Large "large",
    }
}

/// What a module offers and requests: read from its bytes and its `info`, and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub digest: ModuleDigest,
    pub source: ModuleSource,
    pub size: SizeClass,
    /// Size of the uploaded component.
    pub component_bytes: u64,
    pub name: ModuleName,
    pub version: semver::Version,
    pub summary: String,
    /// In the contract's order, without duplicates.
    pub capabilities: Vec<Capability>,
    /// Shared with every channel that does not override them.
    pub commands: Vec<Arc<Command>>,
    pub settings: Vec<Setting>,
    pub http_hosts: Vec<String>,
}

impl Manifest {
    /// The words that its commands declare.
    pub fn words(&self) -> impl Iterator<Item = &Box<str>> {
        self.commands.iter().flat_map(|command| command.words())
    }

    pub fn find_setting(&self, key: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.key == key)
    }

    pub fn requests(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }

    /// Whether the module's calls in a channel run one after another: those of a module that may write there. A module
    /// that may ask the web would delay all others, so it relies on the comparison of revisions instead.
    pub fn is_serial(&self) -> bool {
        !self.requests(Capability::Http) && self.capabilities.iter().any(|capability| capability.may_write())
    }
}

/// What a channel's creator, or the operator, grants one version of a module. Nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    pub capabilities: Vec<Capability>,
    /// The web hosts that `http` may ask, in lower case.
    pub http_hosts: Vec<String>,
    /// Caps on what `payments` moves.
    pub payments: Caps,
    /// Caps on what `treasury` pays out.
    pub treasury: Caps,
}

/// The most that a module may move in a channel by one capability; `None`: no cap. The default is zero, so nothing
/// moves until caps are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    pub per_invocation: Option<Amount>,
    /// In any 24 hours, by the calls of one chatter.
    pub per_chatter: Option<Amount>,
    /// In any 24 hours, by all calls together.
    pub per_day: Option<Amount>,
}

impl Caps {
    pub const fn unlimited() -> Caps {
        Caps { per_invocation: None, per_chatter: None, per_day: None }
    }

    /// Whether at least one cap is higher than the same cap of `others`.
    pub fn allow_more_than(&self, others: &Caps) -> bool {
        self.lowest(others) != *self
    }

    /// The lower of both caps, for each.
    #[must_use]
    pub fn lowest(&self, others: &Caps) -> Caps {
        let lowest = |ours: Option<Amount>, theirs: Option<Amount>| ours.into_iter().chain(theirs).min();
        Caps {
            per_invocation: lowest(self.per_invocation, others.per_invocation),
            per_chatter: lowest(self.per_chatter, others.per_chatter),
            per_day: lowest(self.per_day, others.per_day),
        }
    }
}

impl Default for Caps {
    fn default() -> Caps {
        Caps { per_invocation: Some(Amount::ZERO), per_chatter: Some(Amount::ZERO), per_day: Some(Amount::ZERO) }
    }
}

/// The group of caps that counts a transfer: those on payments by chatters, or on payouts by the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Budget {
    Payments,
    Treasury,
}

impl Budget {
    /// The capability's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Budget::Payments => Capability::Payments.as_str(),
            Budget::Treasury => Capability::Treasury.as_str(),
        }
    }
}

impl Grants {
    /// All that a module requests, without caps: the grants of bundled and configured modules.
    pub fn all(manifest: &Manifest) -> Grants {
        Grants {
            capabilities: manifest.capabilities.clone(),
            http_hosts: manifest.http_hosts.clone(),
            payments: Caps::unlimited(),
            treasury: Caps::unlimited(),
        }
    }

    pub fn caps(&self, budget: Budget) -> &Caps {
        match budget {
            Budget::Payments => &self.payments,
            Budget::Treasury => &self.treasury,
        }
    }

    pub fn covers(&self, capability: Capability) -> bool {
        !capability.needs_grant() || self.capabilities.contains(&capability)
    }

    /// These grants, with no cap above that of `present` on a capability that both have.
    #[must_use]
    pub fn within_caps_of(&self, present: &Grants) -> Grants {
        let lowest = |capability, ours: &Caps, theirs: &Caps| {
            let is_of_both = self.covers(capability) && present.covers(capability);
            if is_of_both { ours.lowest(theirs) } else { *ours }
        };
        Grants {
            payments: lowest(Capability::Payments, &self.payments, &present.payments),
            treasury: lowest(Capability::Treasury, &self.treasury, &present.treasury),
            ..self.clone()
        }
    }

    /// The part of these grants that `asking` requests, in its order, so that equal grants compare equal.
    #[must_use]
    pub fn wanted_by(&self, asking: &Manifest) -> Grants {
        let capabilities = asking.capabilities.iter().filter(|capability| self.capabilities.contains(capability));
        let http_hosts = asking.http_hosts.iter().filter(|host| self.http_hosts.contains(host));
        let (capabilities, http_hosts) = (capabilities.copied().collect(), http_hosts.cloned().collect());
        Grants { capabilities, http_hosts, payments: self.payments, treasury: self.treasury }
    }

    /// These grants without those that were revoked between `before` and `after`.
    #[must_use]
    pub fn without_revoked(&self, before: &Grants, after: &Grants) -> Grants {
        let is_taken = |of: &Capability| before.capabilities.contains(of) && !after.capabilities.contains(of);
        let is_host_taken = |host: &String| before.http_hosts.contains(host) && !after.http_hosts.contains(host);
        let mut left = self.clone();
        left.capabilities.retain(|capability| !is_taken(capability));
        left.http_hosts.retain(|host| !is_host_taken(host));
        left
    }

    /// A module runs with all that it requests, or not at all.
    pub fn suffice_for(&self, manifest: &Manifest) -> bool {
        manifest.capabilities.iter().all(|capability| self.covers(*capability))
    }
}

/// A command that a module declares, or a word that it claimed in a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Lower case, without a prefix.
    pub name: Box<str>,
    pub aliases: Vec<Box<str>>,
    /// The arguments as shown in help: `[@chatter]`.
    pub usage: String,
    pub summary: String,
    pub role: Role,
    pub channel_cooldown: Duration,
    pub chatter_cooldown: Duration,
}

impl Command {
    /// The name and the aliases.
    pub fn words(&self) -> impl Iterator<Item = &Box<str>> {
        std::iter::once(&self.name).chain(&self.aliases)
    }
}

/// A setting that a module declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub key: String,
    pub summary: String,
    pub kind: SettingKind,
    pub default: String,
}

/// The type of a setting's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingKind {
    Text,
    Integer {
        least: i64,
        most: i64,
    },
    Number,
    Boolean,
    Choice(Vec<String>),
    Duration,
    Chatter,
    Secret,
    /// A kind of a later contract: treated as text.
    Other(String),
}
