//! Registers applications, ends tokens, and simulates failures of id.twitch.tv.

use std::time::Duration;

use tokio::time::Instant;

use super::requests::{Endpoint, Fault};
use crate::server::FakeTwitch;
use crate::world::application::Application;
use crate::world::authority::Access;
use crate::world::devices::Consent;
use crate::world::grant::Grant;
use crate::world::secret::Secret;

/// An access token that an application got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedToken {
    pub access_token: Secret,
    /// As issued with the access token; one that was used up since stays here. `None` for an application's own token.
    pub refresh_token: Option<Secret>,
    pub client_id: String,
    /// `None` for an application's own token.
    pub user_id: Option<String>,
    pub scopes: Vec<String>,
    /// Neither expired nor revoked.
    pub is_valid: bool,
}

/// id.twitch.tv. Chat connections that are open when a token ends stay open.
impl FakeTwitch {
    /// Registers an application, or replaces the one with the same client id.
    pub fn add_application(&self, application: Application) {
        self.shared.lock().world.authority.add_application(application);
    }

    /// Issues tokens as if the user had just given consent.
    ///
    /// # Panics
    /// If there are 100,000 tokens already.
    pub fn issue_token(&self, client_id: &str, login: &str, scopes: &[&str]) -> IssuedToken {
        let (mut state, now) = (self.shared.lock(), Instant::now());
        let world = &mut state.world;
        let user_id = Some(world.chatter(login).id);
        let mut scopes: Vec<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
        scopes.sort_unstable();
        let grant = Grant { client_id: client_id.to_owned(), user_id, scopes };
        let issued = world.authority.issue(grant.clone(), now).expect("a test needs fewer tokens");
        IssuedToken {
            access_token: issued.access_token,
            refresh_token: issued.refresh_token,
            client_id: grant.client_id,
            user_id: grant.user_id,
            scopes: grant.scopes,
            is_valid: true,
        }
    }

    /// Every access token of every application, oldest first.
    #[must_use]
    pub fn issued_tokens(&self) -> Vec<IssuedToken> {
        let (state, now) = (self.shared.lock(), Instant::now());
        let describe = |(token, access): (&Secret, &Access)| IssuedToken {
            access_token: token.clone(),
            refresh_token: access.refresh_token().cloned(),
            client_id: access.grant.client_id.clone(),
            user_id: access.grant.user_id.clone(),
            scopes: access.grant.scopes.clone(),
            is_valid: access.is_valid(now),
        };
        state.world.authority.list_access().into_iter().map(describe).collect()
    }

    /// Every token and every code that was issued so far, valid or not, for a search for leaks.
    #[must_use]
    pub fn issued_secrets(&self) -> Vec<Secret> {
        self.shared.lock().world.authority.secrets.issued.clone()
    }

    /// Sets the lifetime of the users' access tokens that are issued from now on; 4 hours at first.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.shared.lock().world.authority.user_token_lifetime = lifetime;
    }

    /// Sets whether a browser stays logged in with a cookie, as Twitch's visitors do: a request without
    /// `force_verify=true` for scopes that the application has already is then approved without a page. At first, every
    /// request shows the page, so that a demo can choose who to be each time.
    pub fn remember_people(&self, remember: bool) {
        self.shared.lock().world.authority.remembers_people = remember;
    }

    /// Twitch ends an access token and its refresh token. Returns false if it is not valid.
    pub fn revoke_token(&self, access_token: &str) -> bool {
        self.shared.lock().world.authority.revoke(access_token, Instant::now())
    }

    /// The user withdraws consent: every token of the user's that the application has ends.
    pub fn disconnect_application(&self, client_id: &str, login: &str) {
        let user_id = Some(self.user_id(login));
        let is_theirs = |grant: &Grant| grant.client_id == client_id && grant.user_id == user_id;
        self.shared.lock().world.authority.revoke_grants(is_theirs);
    }

    /// The user changes the password: every token of the user's ends, with the one from `add_account`.
    pub fn change_password(&self, login: &str) {
        let user_id = Some(self.user_id(login));
        let mut state = self.shared.lock();
        state.world.authority.revoke_grants(|grant| grant.user_id == user_id);
        state.world.access_tokens.remove(&login.to_ascii_lowercase());
    }

    /// A user enters the code of a device and approves. Returns false if no device waits for the code.
    pub fn approve_device(&self, user_code: &str, login: &str) -> bool {
        self.answer_device(user_code, Consent::Given(self.user_id(login)))
    }

    /// A user enters the code of a device and denies. Returns false if no device waits for the code.
    pub fn deny_device(&self, user_code: &str) -> bool {
        self.answer_device(user_code, Consent::Denied)
    }

    fn answer_device(&self, user_code: &str, consent: Consent) -> bool {
        self.shared.lock().world.authority.devices.answer(user_code, consent, Instant::now())
    }

    /// How many requests an endpoint has had, with those that were made to fail.
    #[must_use]
    pub fn request_count(&self, endpoint: Endpoint) -> usize {
        self.shared.lock().id.count(endpoint)
    }

    /// Gives the endpoint's next requests these faults, one each.
    pub fn fail_next_requests(&self, endpoint: Endpoint, faults: &[Fault]) {
        self.shared.lock().id.fail_next(endpoint, faults);
    }

    /// Gives every other request of the endpoint this fault from now on; [`Fault::None`] ends that.
    pub fn fail_requests(&self, endpoint: Endpoint, fault: Fault) {
        self.shared.lock().id.fail(endpoint, fault);
    }
}
