//! Waits until nothing is in flight, so that a script needs neither sleeps nor guesses.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use tokio::sync::watch;

use super::App;
use crate::twitch::account::state::AccountState;

/// Returns when all events that the accounts have read are handled, all replies are sent or dropped, and the
/// accounts have joined their wanted channels. Cannot see what Twitch has sent but no account has read yet.
pub async fn wait_until_quiet(app: &App) {
    let (mut progress, mut wanted) = (app.host.dispatch.progress(), app.wanted.published());
    let mut accounts: Vec<_> = app.accounts.list().iter().map(|account| account.states.clone()).collect();
    while !is_quiet(app).await {
        // None of these senders is dropped before the app, which is borrowed here.
        tokio::select! {
            _ = progress.changed() => {}
            _ = wanted.changed() => {}
            () = any_changed(&mut accounts) => {}
        }
    }
}

/// Each number is raised before the number that it is compared with, so that no moment in between looks quiet.
async fn is_quiet(app: &App) -> bool {
    let wanted = app.host.store.host.list_wanted().await.unwrap_or_default();
    let states: Vec<AccountState> = app.accounts.list().iter().map(|account| account.states.borrow().clone()).collect();
    let sum = |number: fn(&AccountState) -> u64| states.iter().map(number).sum::<u64>();
    let progress = *app.host.dispatch.progress().borrow();
    let joined: usize = states.iter().map(|state| state.joined).sum();
    progress.settled == sum(|state| state.events)
        && progress.replies == sum(|state| state.settled)
        && joined == wanted.len()
        && app.wanted.is_published().await
}

/// Waits until the state of an account changes.
async fn any_changed(accounts: &mut [watch::Receiver<AccountState>]) {
    let mut changes: Vec<_> = accounts.iter_mut().map(|account| Box::pin(account.changed())).collect();
    poll_fn(|context| {
        let is_news = changes.iter_mut().any(|change| pin!(change).poll(context).is_ready());
        if is_news { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
