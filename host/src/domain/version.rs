//! The versions of a module that somebody uploaded.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use super::id::{ChannelId, ModuleDigest, ModuleName};
use super::manifest::Manifest;
use super::principal::CallerId;

/// An uploaded module: all of its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedModule {
    pub name: ModuleName,
    /// The caller who uploaded it first: the name belongs to that caller. None: it came over the command line.
    pub publisher: Option<CallerId>,
    /// Ascending; never empty.
    pub versions: Vec<UploadedVersion>,
    pub canary: Option<Canary>,
    /// The latest version before the present one, withdrawn or not.
    pub was_latest: Option<semver::Version>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedVersion {
    pub manifest: Arc<Manifest>,
    pub uploaded_at: SystemTime,
    pub uploaded_by: Option<CallerId>,
    /// Set where it is off the air: no channel runs it.
    pub withdrawn_at: Option<SystemTime>,
}

/// A version that is tried out in some channels before all others have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary {
    pub version: semver::Version,
    pub channels: BTreeSet<ChannelId>,
}

impl UploadedVersion {
    pub fn is_withdrawn(&self) -> bool {
        self.withdrawn_at.is_some()
    }
}

impl UploadedModule {
    pub fn find_version(&self, version: &semver::Version) -> Option<&UploadedVersion> {
        self.versions.iter().find(|there| there.manifest.version == *version)
    }

    pub fn find_digest(&self, digest: ModuleDigest) -> Option<&UploadedVersion> {
        self.versions.iter().find(|there| there.manifest.digest == digest)
    }

    /// The versions that a channel may run, the highest first: not withdrawn, and none that is tried out elsewhere.
    /// None for `channel`: those that every channel may run.
    pub fn list_offered(&self, channel: Option<ChannelId>) -> impl Iterator<Item = &UploadedVersion> {
        let elsewhere = self.canary.as_ref().filter(|canary| !channel.is_some_and(|id| canary.channels.contains(&id)));
        self.versions.iter().rev().filter(move |there| {
            !there.is_withdrawn() && elsewhere.is_none_or(|canary| canary.version != there.manifest.version)
        })
    }

    /// The version that `channel` tries out, unless it is withdrawn.
    pub fn find_canary(&self, channel: ChannelId) -> Option<&UploadedVersion> {
        let canary = self.canary.as_ref().filter(|canary| canary.channels.contains(&channel))?;
        self.find_version(&canary.version).filter(|version| !version.is_withdrawn())
    }

    /// What "latest" means in `channel`: what it tries out, also below a higher one; or the highest that it may have.
    pub fn latest_in(&self, channel: ChannelId) -> Option<&UploadedVersion> {
        self.find_canary(channel).or_else(|| self.list_offered(Some(channel)).next())
    }

    /// The highest version that is neither withdrawn nor a canary.
    pub fn latest(&self) -> Option<&UploadedVersion> {
        self.list_offered(None).next()
    }
}
