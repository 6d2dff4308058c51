//! Errors of changing a module's versions.

use crate::domain::id::{ChannelId, ModuleDigest, ModuleName};
use crate::store::StoreError;

/// Why the versions of a module stay unchanged.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChangeVersionsError {
    #[error("there is no such module")]
    UnknownModule,
    /// The module is bundled or configured.
    #[error("the module {0} is no upload: it has one version")]
    NotUploaded(ModuleName),
    #[error("there is no such version")]
    UnknownVersion,
    #[error("the name {0} belongs to another API key")]
    NotPublisher(ModuleName),
    #[error(
        "it runs in {count} of the host's channels; an operator takes it off the air there all the same with force=true, which is --force on the command line"
    )]
    InUse { channels: Vec<ChannelId>, count: usize },
    #[error("version {0} is withdrawn")]
    Withdrawn(semver::Version),
    #[error("there is no version before it")]
    NothingBefore,
    #[error("there is no canary")]
    NoCanary,
    #[error("a canary needs at least one channel, and none that this host does not know")]
    NoChannels,
    /// Replacing this canary would promote it: all channels would get its version.
    #[error("version {0} is being tried out: promote or drop it first")]
    CanaryExists(semver::Version),
    /// A promotion would give the version to no further channel.
    #[error(
        "{older} is older than {latest}, which every channel has: pin it in those channels, or withdraw {latest} first"
    )]
    CanaryTooOld { older: semver::Version, latest: semver::Version },
    #[error("it has changed since it was read")]
    Overtaken,
    #[error("the name {0} belongs to a module of this host")]
    NameReserved(ModuleName),
    #[error("the word {word} belongs to the module {module} of this host")]
    WordReserved { word: Box<str>, module: ModuleName },
    /// For uploads; all other changes get [`ChangeVersionsError::NotPublisher`].
    #[error("the name {0} belongs to another API key")]
    NameTaken(ModuleName),
    #[error(
        "version {version} is there already, with other bytes: raise the version in the module's Cargo.toml, build it again, \
         and upload that"
    )]
    VersionTaken { version: semver::Version, there: ModuleDigest, new: ModuleDigest },
    #[error("the host has no room for more than {0}")]
    Full(&'static str),
    #[error("the component is not saved: {0}")]
    Save(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}
