//! Plans a change of a channel's consent: the effects that lead to the wanted consent, or why it is refused. Pure.

use std::sync::Arc;

use super::{Consent, ConsentError, ModuleInChannel, Settled};
use crate::domain::effect::{Effect, ModuleEffect};
use crate::domain::id::ModuleDigest;
use crate::domain::manifest::{Capability, Grants, Manifest, SizeClass};
use crate::domain::version::{UploadedModule, UploadedVersion};
use crate::modules::powers::Powers;

/// The wanted consent of a channel.
#[derive(Clone, Copy, Debug)]
pub struct WantedConsent<'a> {
    /// Whether the module is to be on.
    pub is_enabled: bool,
    /// The new grants. `None` keeps the present ones.
    pub grants: Option<&'a Grants>,
    /// Accepts all requests of the waiting version. The caller names the version, to prove that its requests were seen.
    pub accept: Option<&'a semver::Version>,
    /// `None` follows the latest version.
    pub pinned: Option<&'a semver::Version>,
}

/// The effects that lead to the wanted consent; empty if it is as wanted. Pinning a version accepts it; granting to the
/// first version, or enabling it, accepts it too.
pub fn plan_consent(
    consent: &Consent,
    at: ModuleInChannel<'_>,
    by: Powers,
    wish: WantedConsent<'_>,
) -> Result<Vec<Effect>, ConsentError> {
    let pin = consent.plan_pin(at.module, wish.pinned)?;
    let is_pinned_now = pin.is_some() && wish.pinned.is_some();
    let pinned = Consent { pinned: wish.pinned.cloned(), ..consent.clone() };
    let mut effects: Vec<Effect> = pin.into_iter().collect();
    if let Some(subject) = Subject::find(&pinned, at, wish, is_pinned_now)? {
        effects.extend(subject.plan_grants(by, wish)?);
    }
    Ok(effects)
}

/// Why a wish is about a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    /// The wish names the version that is due.
    Named,
    /// The accepted version is gone, and the version that is due takes its place.
    Replaced,
    /// The version is the one that is here.
    Kept,
}

/// The version that a wish is about.
struct Subject<'a> {
    consent: &'a Consent,
    module: &'a UploadedModule,
    here: Settled,
    accepted: Option<&'a UploadedVersion>,
    target: Arc<Manifest>,
    choice: Choice,
}

impl<'a> Subject<'a> {
    /// `None` if no version is due, and none is wanted.
    fn find(
        consent: &'a Consent,
        at: ModuleInChannel<'a>,
        wish: WantedConsent<'_>,
        is_pinned_now: bool,
    ) -> Result<Option<Subject<'a>>, ConsentError> {
        let due = consent.find_due(at).map(|version| version.manifest.clone());
        let (Some(due), Some(here)) = (due, consent.settle(at)) else {
            let is_wanted = wish.is_enabled || wish.grants.is_some();
            return if is_wanted { Err(ConsentError::NoVersion) } else { Ok(None) };
        };
        if let Some(other) = wish.accept.filter(|version| **version != due.version) {
            return Err(ConsentError::NotDue(other.clone()));
        }
        let accepted = consent.find_accepted(at.module);
        // The accepted version may be gone without a waiting version that the wish could name.
        let is_gone = !here.may_run && here.waiting.is_none() && accepted.is_none_or(UploadedVersion::is_withdrawn);
        let (target, choice) = match wish.accept.is_some() || is_pinned_now {
            true => (due, Choice::Named),
            false if is_gone => (due, Choice::Replaced),
            false => (here.manifest.clone(), Choice::Kept),
        };
        Ok(Some(Subject { consent, module: at.module, here, accepted, target, choice }))
    }

    fn plan_grants(&self, by: Powers, wish: WantedConsent<'_>) -> Result<Vec<Effect>, ConsentError> {
        let Some(sent) = self.find_wanted_grants(wish) else { return Ok(Vec::new()) };
        // Compares the grants first as shown, even if this version asks for less, then in the version's order.
        if self.is_current(&sent, wish) {
            return Ok(Vec::new());
        }
        let grants = self.in_order(&sent)?;
        if self.is_current(&grants, wish) {
            return Ok(Vec::new());
        }
        let beyond = self.list_beyond(by, &grants);
        if !beyond.is_empty() {
            return Err(ConsentError::NeedsOperator(beyond));
        }
        let name = &self.module.name;
        let others = self.narrow_others(&sent, &grants);
        let narrow =
            (!others.is_empty()).then(|| Effect::Module(name.clone(), ModuleEffect::NarrowGrants { grants: others }));
        let accept = Effect::Module(name.clone(), ModuleEffect::AcceptVersion { digest: self.target.digest, grants });
        Ok(narrow.into_iter().chain([accept]).collect())
    }

    fn is_here(&self) -> bool {
        self.target.digest == self.here.manifest.digest
    }

    /// The grants that the wish amounts to; `None` if it leaves them unchanged.
    fn find_wanted_grants(&self, wish: WantedConsent<'_>) -> Option<Grants> {
        if let Some(grants) = wish.grants {
            return Some(grants.clone());
        }
        // The version already runs with the grants that it was given when it was accepted.
        let runs_already = self.accepted.is_some() && self.here.may_run && self.is_here();
        let is_first = wish.is_enabled && self.consent.accepted.is_none();
        let is_agreed_to = self.choice == Choice::Named || is_first;
        (!runs_already && is_agreed_to).then(|| self.here.grants.wanted_by(&self.target))
    }

    /// Whether the channel has already consented to exactly these grants.
    fn is_current(&self, grants: &Grants, wish: WantedConsent<'_>) -> bool {
        match self.accepted {
            Some(accepted) => {
                let runs = self.here.may_run || accepted.manifest.digest == self.target.digest;
                runs && self.is_here() && *grants == self.here.grants
            }
            None => !wish.is_enabled && self.choice != Choice::Named && *grants == Grants::default(),
        }
    }

    /// The grants in the version's order, so that equal grants compare equal. A grant that only another version has was
    /// shown, and so may be sent back: it is left out.
    fn in_order(&self, grants: &Grants) -> Result<Grants, ConsentError> {
        let is_known = |is_in: &dyn Fn(&Grants) -> bool| self.consent.granted.values().any(is_in);
        let unasked = list_names(
            grants,
            |name| !self.target.requests(*name) && !is_known(&|there| there.capabilities.contains(name)),
            |host| !self.target.http_hosts.contains(host) && !is_known(&|there| there.http_hosts.contains(host)),
        );
        if unasked.is_empty() { Ok(grants.wanted_by(&self.target)) } else { Err(ConsentError::NotRequested(unasked)) }
    }

    /// The grants beyond the present ones that only the operator may allow.
    fn list_beyond(&self, by: Powers, grants: &Grants) -> Vec<String> {
        if by == Powers::Operator {
            return Vec::new();
        }
        let before = &self.here.grants;
        let mut beyond = list_names(
            grants,
            |name| !before.capabilities.contains(name) && !by.may_grant(*name),
            |host| !before.http_hosts.contains(host),
        );
        if grants.treasury.allow_more_than(&before.treasury) {
            beyond.push("higher caps on treasury".to_owned());
        }
        let was_large = self.accepted.is_some_and(|accepted| accepted.manifest.size == SizeClass::Large);
        if self.target.size == SizeClass::Large && !was_large {
            beyond.push("the size class large".to_owned());
        }
        beyond
    }

    /// The reduced grants of other versions. Lower caps hold for every version, and a grant revoked from a kept version
    /// is revoked from all. Otherwise a roll-back to another version would restore what was just revoked.
    fn narrow_others(&self, sent: &Grants, grants: &Grants) -> Vec<(ModuleDigest, Grants)> {
        let narrow = |there: &Grants| match (there.within_caps_of(grants), self.choice) {
            (there, Choice::Kept) => there.without_revoked(&self.here.grants, sent),
            (there, Choice::Named | Choice::Replaced) => there,
        };
        let digests = self.module.versions.iter().map(|there| there.manifest.digest);
        let others = digests.filter(|digest| *digest != self.target.digest);
        let others = others.filter_map(|digest| Some((digest, self.consent.granted.get(&digest)?)));
        let others = others.map(|(digest, there)| (digest, there, narrow(there)));
        others.filter(|(_, there, less)| *there != less).map(|(digest, _, less)| (digest, less)).collect()
    }
}

/// The selected grants, in words.
fn list_names(
    grants: &Grants,
    is_listed: impl Fn(&Capability) -> bool,
    is_host_listed: impl Fn(&String) -> bool,
) -> Vec<String> {
    let capabilities = grants.capabilities.iter().filter(|name| is_listed(name)).map(ToString::to_string);
    let hosts = grants.http_hosts.iter().filter(|host| is_host_listed(host));
    capabilities.chain(hosts.map(|host| format!("the web host {host}"))).collect()
}
