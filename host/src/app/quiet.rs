//! Waiting until nothing is under way, for whoever plays a script: no sleeping, no guessing.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use tokio::sync::watch;

use super::App;
use crate::twitch::account::state::AccountState;

/// Returns when every event that the accounts have read is handled, every reply is sent or dropped, and the accounts
/// sit where they are wanted. What Twitch has sent and nobody has read yet is not seen from here.
pub async fn wait_until_quiet(app: &App) {
    let (mut progress, mut wanted) = (app.parts.dispatch.progress(), app.wanted.published());
    let mut accounts: Vec<_> = app.accounts.list().iter().map(|account| account.states.clone()).collect();
    while !is_quiet(app).await {
        // None of them ends before the app does, and the app is borrowed here.
        tokio::select! {
            _ = progress.changed() => {}
            _ = wanted.changed() => {}
            () = any_changed(&mut accounts) => {}
        }
    }
}

/// Each number is raised before what it is compared with, so that a moment between the two does not look quiet.
async fn is_quiet(app: &App) -> bool {
    let wanted = app.store.list_wanted().await.unwrap_or_default();
    let states: Vec<AccountState> = app.accounts.list().iter().map(|account| account.states.borrow().clone()).collect();
    let sum = |number: fn(&AccountState) -> u64| states.iter().map(number).sum::<u64>();
    let progress = *app.parts.dispatch.progress().borrow();
    let joined: usize = states.iter().map(|state| state.joined).sum();
    progress.settled == sum(|state| state.events)
        && progress.replies == sum(|state| state.settled)
        && joined == wanted.len()
        && app.wanted.is_published().await
}

/// Waits until one of the accounts has news.
async fn any_changed(accounts: &mut [watch::Receiver<AccountState>]) {
    let mut changes: Vec<_> = accounts.iter_mut().map(|account| Box::pin(account.changed())).collect();
    poll_fn(|context| {
        let is_news = changes.iter_mut().any(|change| pin!(change).poll(context).is_ready());
        if is_news { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
