//! Who may act as whom: applications, and the tokens and codes that were issued to them.
//!
//! Every moment is a parameter. Twitch keeps refresh tokens of confidential applications valid, and those of public ones
//! for one use and 30 days of inactivity (dev.twitch.tv/docs/authentication/refresh-tokens). Where Twitch documents
//! nothing, this is strict: any attempt uses up a code, and revoking an access token ends its refresh token as well.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::application::Application;
use super::devices::Devices;
use super::grant::{Full, Grant, MOST};
use super::secret::{Secret, SecretSource};

/// The longest that a person may take from consent to the exchange of the code; Twitch publishes no number.
const CODE_LIFETIME: Duration = Duration::from_secs(10 * 60);
/// About what Twitch answers as `expires_in` of a user's token.
const USER_TOKEN_LIFETIME: Duration = Duration::from_secs(4 * 60 * 60);
const APP_TOKEN_LIFETIME: Duration = Duration::from_secs(60 * 24 * 60 * 60);
/// How long a public application's refresh token stays valid without use.
const REFRESH_TOKEN_IDLE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Valid access tokens of one refresh token; one more ends the oldest.
const ACCESS_TOKENS_PER_REFRESH_TOKEN: usize = 50;

/// An access token's data.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) grant: Grant,
    expires_at: Instant,
    is_revoked: bool,
    refresh_token: Option<Secret>,
    /// Counts up, so that the oldest can be found.
    number: u64,
}

impl Access {
    pub(crate) fn is_valid(&self, now: Instant) -> bool {
        !self.is_revoked && now < self.expires_at
    }

    pub(crate) fn refresh_token(&self) -> Option<&Secret> {
        self.refresh_token.as_ref()
    }

    /// Zero if the token has expired.
    pub(crate) fn expires_in(&self, now: Instant) -> Duration {
        self.expires_at.saturating_duration_since(now)
    }
}

#[derive(Debug)]
struct Refresh {
    grant: Grant,
    /// Of a public application: valid once, and until this moment.
    one_time_until: Option<Instant>,
    /// Issued with it, oldest first.
    access_tokens: VecDeque<Secret>,
}

#[derive(Debug)]
struct Code {
    grant: Grant,
    redirect_uri: String,
    expires_at: Instant,
}

/// The tokens of an answer to an application.
#[derive(Debug, Clone)]
pub(crate) struct Issued {
    pub(crate) access_token: Secret,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) expires_in: Duration,
    pub(crate) scopes: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Authority {
    /// By client id.
    applications: BTreeMap<String, Application>,
    codes: HashMap<Secret, Code>,
    pub(crate) devices: Devices,
    access_tokens: HashMap<Secret, Access>,
    refresh_tokens: HashMap<Secret, Refresh>,
    pub(crate) user_token_lifetime: Duration,
    pub(crate) secrets: SecretSource,
    /// Whether a browser stays logged in, and its consent is not asked for again.
    pub(crate) remembers_people: bool,
    numbers: u64,
}

impl Authority {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            applications: BTreeMap::new(),
            codes: HashMap::new(),
            devices: Devices::default(),
            access_tokens: HashMap::new(),
            refresh_tokens: HashMap::new(),
            user_token_lifetime: USER_TOKEN_LIFETIME,
            secrets: SecretSource::new(seed),
            remembers_people: false,
            numbers: 0,
        }
    }

    pub(crate) fn add_application(&mut self, application: Application) {
        self.applications.insert(application.client_id.clone(), application);
    }

    pub(crate) fn find_application(&self, client_id: &str) -> Option<&Application> {
        self.applications.get(client_id)
    }

    fn is_public(&self, client_id: &str) -> bool {
        self.find_application(client_id).is_some_and(Application::is_public)
    }

    /// Whether the user has given the application at least these scopes before, and has not withdrawn them.
    pub(crate) fn has_consent(&self, wanted: &Grant) -> bool {
        let is_enough = |given: &Grant| {
            given.client_id == wanted.client_id
                && given.user_id == wanted.user_id
                && wanted.scopes.iter().all(|scope| given.has_scope(scope))
        };
        self.refresh_tokens.values().any(|refresh| is_enough(&refresh.grant))
    }

    /// Returns the code for a consent that will be exchanged with `redirect_uri`.
    pub(crate) fn add_code(&mut self, grant: Grant, redirect_uri: &str, now: Instant) -> Result<Secret, Full> {
        self.codes.retain(|_, code| now < code.expires_at);
        if self.codes.len() >= MOST {
            return Err(Full);
        }
        let secret = self.secrets.issue(30);
        let code = Code { grant, redirect_uri: redirect_uri.to_owned(), expires_at: now + CODE_LIFETIME };
        self.codes.insert(secret.clone(), code);
        Ok(secret)
    }

    /// Uses up a code. `None` unless the code is valid for this application and this address.
    pub(crate) fn redeem_code(
        &mut self,
        code: &str,
        client_id: &str,
        redirect_uri: &str,
        now: Instant,
    ) -> Option<Grant> {
        let code = self.codes.remove(code)?;
        let is_right = code.grant.client_id == client_id && code.redirect_uri == redirect_uri && now < code.expires_at;
        is_right.then_some(code.grant)
    }

    /// Issues an access token, and for a user's grant a refresh token.
    pub(crate) fn issue(&mut self, grant: Grant, now: Instant) -> Result<Issued, Full> {
        let refresh_token = match grant.user_id {
            None => None,
            Some(_) => Some(self.add_refresh_token(grant.clone(), now)?),
        };
        self.add_access_token(grant, refresh_token, now)
    }

    /// Returns `None` for a refresh token that is not valid for this application. A public application's token is
    /// replaced by a new one.
    pub(crate) fn refresh(
        &mut self,
        refresh_token: &str,
        client_id: &str,
        now: Instant,
    ) -> Option<Result<Issued, Full>> {
        let refresh = self.refresh_tokens.get(refresh_token)?;
        let is_expired = refresh.one_time_until.is_some_and(|until| now >= until);
        if refresh.grant.client_id != client_id || is_expired {
            return None;
        }
        let grant = refresh.grant.clone();
        if refresh.one_time_until.is_some() {
            self.refresh_tokens.remove(refresh_token);
            return Some(self.issue(grant, now));
        }
        self.end_oldest(refresh_token, now);
        Some(self.add_access_token(grant, Some(refresh_token.into()), now))
    }

    /// Makes room for one more access token of a refresh token.
    fn end_oldest(&mut self, refresh_token: &str, now: Instant) {
        let Some(refresh) = self.refresh_tokens.get_mut(refresh_token) else { return };
        let valid = &mut refresh.access_tokens;
        valid.retain(|token| self.access_tokens.get(token).is_some_and(|access| access.is_valid(now)));
        if valid.len() >= ACCESS_TOKENS_PER_REFRESH_TOKEN
            && let Some(oldest) = valid.pop_front().and_then(|token| self.access_tokens.get_mut(&token))
        {
            oldest.is_revoked = true;
        }
    }

    fn add_refresh_token(&mut self, grant: Grant, now: Instant) -> Result<Secret, Full> {
        if self.refresh_tokens.len() >= MOST {
            self.refresh_tokens.retain(|_, refresh| refresh.one_time_until.is_none_or(|until| now < until));
        }
        if self.refresh_tokens.len() >= MOST {
            return Err(Full);
        }
        let one_time_until = self.is_public(&grant.client_id).then(|| now + REFRESH_TOKEN_IDLE);
        let secret = self.secrets.issue(50);
        self.refresh_tokens.insert(secret.clone(), Refresh { grant, one_time_until, access_tokens: VecDeque::new() });
        Ok(secret)
    }

    fn add_access_token(&mut self, grant: Grant, refresh_token: Option<Secret>, now: Instant) -> Result<Issued, Full> {
        if self.access_tokens.len() >= MOST {
            self.access_tokens.retain(|_, access| access.is_valid(now));
        }
        if self.access_tokens.len() >= MOST {
            return Err(Full);
        }
        let expires_in = if grant.user_id.is_some() { self.user_token_lifetime } else { APP_TOKEN_LIFETIME };
        let access_token = self.secrets.issue(30);
        self.numbers += 1;
        if let Some(refresh) = refresh_token.as_ref().and_then(|token| self.refresh_tokens.get_mut(token)) {
            refresh.access_tokens.push_back(access_token.clone());
        }
        let scopes = grant.scopes.clone();
        let access = Access {
            grant,
            expires_at: now + expires_in,
            is_revoked: false,
            refresh_token: refresh_token.clone(),
            number: self.numbers,
        };
        self.access_tokens.insert(access_token.clone(), access);
        Ok(Issued { access_token, refresh_token, expires_in, scopes })
    }

    /// Finds expired and revoked tokens too.
    pub(crate) fn find_access(&self, access_token: &str) -> Option<&Access> {
        self.access_tokens.get(access_token)
    }

    /// All access tokens, oldest first.
    pub(crate) fn list_access(&self) -> Vec<(&Secret, &Access)> {
        let mut all: Vec<_> = self.access_tokens.iter().collect();
        all.sort_unstable_by_key(|(_, access)| access.number);
        all
    }

    /// Ends a valid access token and its refresh token; returns false if there is none.
    pub(crate) fn revoke(&mut self, access_token: &str, now: Instant) -> bool {
        let valid = self.access_tokens.get_mut(access_token).filter(|access| access.is_valid(now));
        let Some(access) = valid else { return false };
        access.is_revoked = true;
        if let Some(refresh_token) = &access.refresh_token {
            self.refresh_tokens.remove(refresh_token);
        }
        true
    }

    /// Ends every token, and every code that was not exchanged yet, of the grants that match.
    pub(crate) fn revoke_grants(&mut self, matches: impl Fn(&Grant) -> bool) {
        self.codes.retain(|_, code| !matches(&code.grant));
        self.devices.revoke(&matches);
        self.refresh_tokens.retain(|_, refresh| !matches(&refresh.grant));
        self.access_tokens.values_mut().filter(|access| matches(&access.grant)).for_each(|it| it.is_revoked = true);
    }
}
