//! The versions of uploaded modules.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use super::id::{ChannelId, ModuleDigest, ModuleName};
use super::manifest::Manifest;
use super::principal::CallerId;

/// An uploaded module with all its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedModule {
    pub name: ModuleName,
    /// The caller who uploaded the first version and so owns the name; `None` if that was the command line.
    pub publisher: Option<CallerId>,
    /// Ascending; never empty.
    pub versions: Vec<UploadedVersion>,
    pub canary: Option<Canary>,
    /// The latest version before the present one, withdrawn or not.
    pub was_latest: Option<semver::Version>,
}

/// One version of an uploaded module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedVersion {
    pub manifest: Arc<Manifest>,
    pub uploaded_at: SystemTime,
    pub uploaded_by: Option<CallerId>,
    /// Set if the version is withdrawn: no channel runs it.
    pub withdrawn_at: Option<SystemTime>,
}

/// A version that runs in some channels on trial before all others get it.
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

    /// The versions that a channel may run, highest first: neither withdrawn nor a canary of other channels only. With
    /// `None`: the versions that every channel may run.
    pub fn list_offered(&self, channel: Option<ChannelId>) -> impl Iterator<Item = &UploadedVersion> {
        let elsewhere = self.canary.as_ref().filter(|canary| !channel.is_some_and(|id| canary.channels.contains(&id)));
        self.versions.iter().rev().filter(move |there| {
            !there.is_withdrawn() && elsewhere.is_none_or(|canary| canary.version != there.manifest.version)
        })
    }

    /// The version that is a canary in `channel`, unless it is withdrawn.
    pub fn find_canary(&self, channel: ChannelId) -> Option<&UploadedVersion> {
        let canary = self.canary.as_ref().filter(|canary| canary.channels.contains(&channel))?;
        self.find_version(&canary.version).filter(|version| !version.is_withdrawn())
    }

    /// The meaning of "latest" in `channel`: its canary, even below a higher version; else the highest that it may run.
    pub fn latest_in(&self, channel: ChannelId) -> Option<&UploadedVersion> {
        self.find_canary(channel).or_else(|| self.list_offered(Some(channel)).next())
    }

    /// The highest version that is neither withdrawn nor a canary.
    pub fn latest(&self) -> Option<&UploadedVersion> {
        self.list_offered(None).next()
    }
}
