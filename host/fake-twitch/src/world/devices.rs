//! Devices that wait for a person to enter their code.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::grant::{Full, Grant, MOST};
use super::secret::{Secret, SecretSource};

pub(crate) const DEVICE_LIFETIME: Duration = Duration::from_secs(30 * 60);
/// The least time between two attempts to exchange a device code.
pub(crate) const DEVICE_INTERVAL: Duration = Duration::from_secs(5);

/// A device's request for consent.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) client_id: String,
    pub(crate) scopes: Vec<String>,
    user_code: Secret,
    answer: Consent,
    polled_at: Option<Instant>,
    expires_at: Instant,
}

impl Device {
    /// Codes are compared without regard to case and hyphens, because people type them.
    fn is_waiting(&self, user_code: &str, now: Instant) -> bool {
        let typed: String = user_code.chars().filter(char::is_ascii_alphanumeric).collect();
        let is_same = typed.eq_ignore_ascii_case(self.user_code.expose());
        is_same && self.answer == Consent::Pending && now < self.expires_at
    }
}

/// A person's answer to a request for consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Consent {
    Pending,
    /// The id of the user who approved.
    Given(String),
    Denied,
}

/// Why a device code cannot be exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RedeemDeviceError {
    Pending,
    Invalid,
}

/// All requests, by device code.
#[derive(Debug, Default)]
pub(crate) struct Devices(HashMap<Secret, Device>);

impl Devices {
    /// Returns the device code and the code for the person.
    pub(crate) fn add(
        &mut self,
        secrets: &mut SecretSource,
        client_id: &str,
        scopes: Vec<String>,
        now: Instant,
    ) -> Result<(Secret, Secret), Full> {
        self.0.retain(|_, device| now < device.expires_at);
        if self.0.len() >= MOST {
            return Err(Full);
        }
        let (device_code, user_code) = (secrets.issue(40), secrets.issue_user_code());
        let device = Device {
            client_id: client_id.to_owned(),
            scopes,
            user_code: user_code.clone(),
            answer: Consent::Pending,
            polled_at: None,
            expires_at: now + DEVICE_LIFETIME,
        };
        self.0.insert(device_code.clone(), device);
        Ok((device_code, user_code))
    }

    /// The request that waits for this code of a person.
    pub(crate) fn find(&self, user_code: &str, now: Instant) -> Option<&Device> {
        self.0.values().find(|device| device.is_waiting(user_code, now))
    }

    /// Records a person's answer; returns false if no request waits for the code.
    pub(crate) fn answer(&mut self, user_code: &str, answer: Consent, now: Instant) -> bool {
        let device = self.0.values_mut().find(|device| device.is_waiting(user_code, now));
        device.map(|device| device.answer = answer).is_some()
    }

    /// Records an attempt to exchange a device code; returns false if it is too early.
    pub(crate) fn note_poll(&mut self, device_code: &str, now: Instant) -> bool {
        let device = self.0.get_mut(device_code);
        let last = device.and_then(|device| device.polled_at.replace(now));
        last.is_none_or(|last| now >= last + DEVICE_INTERVAL)
    }

    /// Uses up a device code if consent was given.
    pub(crate) fn redeem(
        &mut self,
        device_code: &str,
        client_id: &str,
        now: Instant,
    ) -> Result<Grant, RedeemDeviceError> {
        let is_right = |device: &&Device| device.client_id == client_id && now < device.expires_at;
        let device = self.0.get(device_code).filter(is_right).ok_or(RedeemDeviceError::Invalid)?;
        let user_id = match &device.answer {
            Consent::Pending => return Err(RedeemDeviceError::Pending),
            Consent::Denied => return Err(RedeemDeviceError::Invalid),
            Consent::Given(user_id) => Some(user_id.clone()),
        };
        let grant = Grant { client_id: client_id.to_owned(), user_id, scopes: device.scopes.clone() };
        self.0.remove(device_code);
        Ok(grant)
    }

    /// Forgets the consent of the grants that match and were not exchanged yet.
    pub(super) fn revoke(&mut self, matches: impl Fn(&Grant) -> bool) {
        self.0.retain(|_, device| match &device.answer {
            Consent::Pending | Consent::Denied => true,
            Consent::Given(user_id) => !matches(&Grant {
                client_id: device.client_id.clone(),
                user_id: Some(user_id.clone()),
                scopes: device.scopes.clone(),
            }),
        });
    }
}
