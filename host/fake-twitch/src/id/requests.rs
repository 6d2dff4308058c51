//! Counts requests by endpoint, and keeps the failures that a test asked for.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// An endpoint of id.twitch.tv.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// `/oauth2/authorize`, the page and its form.
    Authorize,
    /// `/oauth2/token`, with any grant.
    Token,
    /// `/oauth2/device`
    Device,
    /// `/activate`, where a person enters the code of a device, and its form.
    Activate,
    /// `/oauth2/validate`
    Validate,
    /// `/oauth2/revoke`
    Revoke,
}

impl Endpoint {
    pub(super) fn find(path: &str) -> Option<Self> {
        Some(match path {
            "/oauth2/authorize" => Self::Authorize,
            "/oauth2/token" => Self::Token,
            "/oauth2/device" => Self::Device,
            "/activate" => Self::Activate,
            "/oauth2/validate" => Self::Validate,
            "/oauth2/revoke" => Self::Revoke,
            _ => return None,
        })
    }
}

/// A failure of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No failure: lets a request through before those that shall fail.
    None,
    /// Answers with this status and changes nothing.
    Status(u16),
    /// Answers after this time.
    Slow(Duration),
    /// Ends the connection before anything is done.
    Drop,
    /// Does what was asked for and ends the connection without an answer: tokens are issued, or rotated, and lost.
    LoseAnswer,
}

#[derive(Debug, Default)]
pub(crate) struct Requests {
    counts: BTreeMap<Endpoint, usize>,
    next: BTreeMap<Endpoint, VecDeque<Fault>>,
    standing: BTreeMap<Endpoint, Fault>,
}

impl Requests {
    /// Counts a request, and returns its failure.
    pub(super) fn note(&mut self, endpoint: Endpoint) -> Fault {
        *self.counts.entry(endpoint).or_default() += 1;
        let next = self.next.get_mut(&endpoint).and_then(VecDeque::pop_front);
        next.or_else(|| self.standing.get(&endpoint).copied()).unwrap_or(Fault::None)
    }

    pub(crate) fn count(&self, endpoint: Endpoint) -> usize {
        self.counts.get(&endpoint).copied().unwrap_or_default()
    }

    pub(super) fn fail_next(&mut self, endpoint: Endpoint, faults: &[Fault]) {
        self.next.entry(endpoint).or_default().extend(faults);
    }

    pub(super) fn fail(&mut self, endpoint: Endpoint, fault: Fault) {
        self.standing.insert(endpoint, fault);
    }
}
