//! Waiting until nothing is under way, for whoever plays a script: no sleeping, no guessing.

use super::App;

impl App {
    /// Returns when every event that the accounts have read is handled, every reply is sent or dropped, and the accounts
    /// sit where they are wanted.
    pub async fn quiet(&self) {
        let mut progress = self.dispatch.progress();
        let mut accounts = self.accounts.clone();
        let mut wanted = self.wanted.clone();
        while !self.is_quiet() {
            let changes = accounts.iter_mut().map(|account| Box::pin(account.changed()));
            tokio::select! {
                _ = progress.changed() => {}
                _ = wanted.changed() => {}
                () = first_of(changes.collect()) => {}
            }
        }
    }

    fn is_quiet(&self) -> bool {
        let wanted = self.store.list_wanted().unwrap_or_default();
        let states: Vec<_> = self.accounts.iter().map(|account| *account.borrow()).collect();
        let progress = *self.dispatch.progress().borrow();
        let events: u64 = states.iter().map(|state| state.events).sum();
        let settled: u64 = states.iter().map(|state| state.settled).sum();
        let joined: usize = states.iter().map(|state| state.joined).sum();
        progress.settled == events
            && settled == progress.replies
            && joined == wanted.len()
            && wanted[..] == self.wanted.borrow()[..]
    }
}
