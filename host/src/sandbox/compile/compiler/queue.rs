//! The order in which uploads are compiled.
//!
//! Guarantees: the operator's uploads never wait for creators' uploads, because they have their own permit. Creators
//! share a second permit: among waiting uploads, the API key that has used the least processor time lately is next. A
//! key that has used up its budget is refused until part of the budget has grown back, so a key whose components
//! compile slowly can hold the permit only for the budget's share of the time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::super::error::CompileError;
use crate::admission::CpuCredit;
use crate::domain::principal::CallerId;

/// Most uploads that wait for one permit; further ones are refused. Each keeps its component's bytes in memory.
const MOST_WAITING: usize = 8;
/// The time in which a spent budget grows back.
const BUDGET_WINDOW: Duration = Duration::from_secs(600);

/// On whose behalf a component is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Uploader {
    Operator,
    Creator(CallerId),
}

/// The queues of uploads that wait for the compiler.
#[derive(Clone)]
pub(super) struct UploadQueue(Arc<Mutex<State>>);

struct State {
    operator: WaitingUploads,
    creators: WaitingUploads,
    budget: CpuCredit<CallerId>,
}

/// One permit, and the uploads that wait for it.
#[derive(Default)]
struct WaitingUploads {
    is_taken: bool,
    /// In the order of arrival.
    waiting: Vec<Waiter>,
}

struct Waiter {
    uploader: Uploader,
    admit: oneshot::Sender<UploadPermit>,
}

/// The permit to compile. Dropping it admits the next upload.
pub(super) struct UploadPermit {
    queue: UploadQueue,
    uploader: Uploader,
}

impl UploadQueue {
    /// Each caller may use `budget` of processor time within ten minutes.
    pub(super) fn new(budget: Duration) -> UploadQueue {
        let (operator, creators) = (WaitingUploads::default(), WaitingUploads::default());
        UploadQueue(Arc::new(Mutex::new(State { operator, creators, budget: CpuCredit::new(budget, BUDGET_WINDOW) })))
    }

    /// Waits for the permit. Fails if too many uploads wait, or if the caller's budget is spent.
    pub(super) async fn enter(&self, uploader: &Uploader) -> Result<UploadPermit, CompileError> {
        let permit = self.enqueue(uploader)?;
        let permit = permit.await.map_err(|error| CompileError::Host(error.to_string()))?;
        // Checked again: uploads of the same caller that were compiled meanwhile may have spent the budget.
        self.lock().check_budget(uploader)?;
        Ok(permit)
    }

    fn enqueue(&self, uploader: &Uploader) -> Result<oneshot::Receiver<UploadPermit>, CompileError> {
        let (admit, permit) = oneshot::channel();
        let mut state = self.lock();
        state.check_budget(uploader)?;
        let line = state.line(uploader);
        // Drops uploads whose callers gave up.
        line.waiting.retain(|waiter| !waiter.admit.is_closed());
        if line.waiting.len() >= MOST_WAITING {
            return Err(CompileError::Busy);
        }
        line.waiting.push(Waiter { uploader: uploader.clone(), admit });
        self.admit_next(state, uploader);
        Ok(permit)
    }

    /// Gives a free permit to the next upload in the queue.
    fn admit_next(&self, mut state: MutexGuard<'_, State>, of: &Uploader) {
        while !state.line(of).is_taken {
            let Some(Waiter { uploader, admit }) = state.take_next(of) else { return };
            if admit.is_closed() {
                continue;
            }
            state.line(of).is_taken = true;
            drop(state);
            // If the waiter gives up now, the turn is dropped with the message, which admits the next upload.
            drop(admit.send(UploadPermit { queue: self.clone(), uploader }));
            return;
        }
    }

    /// Poisoning is ignored: the state is consistent after every statement.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn line(&mut self, uploader: &Uploader) -> &mut WaitingUploads {
        match uploader {
            Uploader::Operator => &mut self.operator,
            Uploader::Creator(_) => &mut self.creators,
        }
    }

    fn check_budget(&mut self, uploader: &Uploader) -> Result<(), CompileError> {
        let Uploader::Creator(caller) = uploader else { return Ok(()) };
        self.budget.find_wait(caller, Instant::now()).map_or(Ok(()), |wait| Err(CompileError::BudgetSpent(wait)))
    }

    /// Of several uploads with the same usage, takes the one that has waited longest.
    fn take_next(&mut self, of: &Uploader) -> Option<Waiter> {
        let now = Instant::now();
        let mut waiting = std::mem::take(&mut self.line(of).waiting);
        let use_of = |budget: &mut CpuCredit<CallerId>, waiter: &Waiter| match &waiter.uploader {
            Uploader::Operator => Duration::ZERO,
            Uploader::Creator(caller) => budget.find_spent(caller, now),
        };
        let next = (0..waiting.len()).min_by_key(|at| use_of(&mut self.budget, &waiting[*at]));
        let next = next.map(|at| waiting.remove(at));
        self.line(of).waiting = waiting;
        next
    }
}

impl UploadPermit {
    /// Charges processor time to the caller's budget.
    pub(super) fn charge(&self, used: Duration) {
        if let Uploader::Creator(caller) = &self.uploader {
            self.queue.lock().budget.spend(caller.clone(), used, Instant::now());
        }
    }
}

impl Drop for UploadPermit {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.line(&self.uploader).is_taken = false;
        self.queue.admit_next(state, &self.uploader);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn creator(number: u32) -> Uploader {
        Uploader::Creator(format!("{number:012x}").parse().unwrap())
    }

    /// The result of `waiting` if it is ready.
    async fn look<T>(mut waiting: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        tokio::select! { biased; done = &mut waiting => Some(done), () = std::future::ready(()) => None }
    }

    #[tokio::test]
    async fn the_operator_waits_for_no_creator_and_only_for_itself() {
        let queue = UploadQueue::new(60 * SECOND);
        let _bomb = queue.enter(&creator(1)).await.unwrap();
        let (first, second) = (creator(1), creator(2));
        let (mut other_bomb, mut third) = (pin!(queue.enter(&first)), pin!(queue.enter(&second)));
        assert!(look(other_bomb.as_mut()).await.is_none() && look(third.as_mut()).await.is_none());
        let own = queue.enter(&Uploader::Operator).await.unwrap();
        let mut next = pin!(queue.enter(&Uploader::Operator));
        assert!(look(next.as_mut()).await.is_none());
        drop(own);
        assert!(look(next.as_mut()).await.is_some());
    }

    #[tokio::test]
    async fn of_creators_the_one_that_used_least_is_next_and_then_the_one_that_waited_longest() {
        let queue = UploadQueue::new(60 * SECOND);
        let uploaders = [creator(1), creator(1), creator(2), creator(3)];
        let permit = queue.enter(&uploaders[0]).await.unwrap();
        let mut waiting: Vec<_> = uploaders.iter().map(|uploader| Box::pin(queue.enter(uploader))).collect();
        for one in &mut waiting {
            assert!(look(one.as_mut()).await.is_none());
        }
        permit.charge(5 * SECOND);
        drop(permit);
        let mut order = Vec::new();
        while !waiting.is_empty() {
            for at in 0..waiting.len() {
                if let Some(permit) = look(waiting[at].as_mut()).await {
                    let permit = permit.unwrap();
                    permit.charge(SECOND);
                    order.push(permit.uploader.clone());
                    drop(waiting.remove(at));
                    break;
                }
            }
        }
        assert_eq!(order, [creator(2), creator(3), creator(1), creator(1)]);
    }

    #[tokio::test]
    async fn a_key_without_budget_is_refused_until_some_has_grown_back_and_others_are_not() {
        let queue = UploadQueue::new(60 * SECOND);
        let bomber = creator(1);
        let first = queue.enter(&bomber).await.unwrap();
        let mut second = pin!(queue.enter(&bomber));
        assert!(look(second.as_mut()).await.is_none());
        first.charge(90 * SECOND);
        drop(first);
        for refused in [second.await, queue.enter(&bomber).await] {
            let Err(CompileError::BudgetSpent(wait)) = refused else { panic!("it is spent") };
            // The 30 s beyond the budget grow back in half of ten minutes.
            assert!(wait > 299 * SECOND && wait < 301 * SECOND, "{wait:?}");
        }
        let other = queue.enter(&creator(2)).await.unwrap();
        other.charge(SECOND);
        drop(other);
        assert!(queue.enter(&creator(2)).await.is_ok());
        let operator = queue.enter(&Uploader::Operator).await.unwrap();
        operator.charge(1_000 * SECOND);
        drop(operator);
        assert!(queue.enter(&Uploader::Operator).await.is_ok(), "the operator has no budget");
    }

    #[tokio::test]
    async fn a_caller_that_gives_up_makes_room_and_passes_the_turn_on() {
        let queue = UploadQueue::new(60 * SECOND);
        let uploaders: Vec<Uploader> = (0..20).map(creator).collect();
        let permit = queue.enter(&uploaders[0]).await.unwrap();
        let mut waiting: Vec<_> = uploaders.iter().map(|uploader| Box::pin(queue.enter(uploader))).collect();
        for (number, one) in waiting.iter_mut().enumerate() {
            let looked = look(one.as_mut()).await;
            assert_eq!(matches!(looked, Some(Err(CompileError::Busy))), number >= MOST_WAITING, "{number}");
        }
        waiting.truncate(MOST_WAITING);
        drop(waiting.remove(0));
        let mut late = pin!(queue.enter(&uploaders[19]));
        assert!(look(late.as_mut()).await.is_none(), "there is room again");
        drop(waiting);
        drop(permit);
        let permit = look(late.as_mut()).await.unwrap().unwrap();
        assert_eq!(permit.uploader, uploaders[19]);
    }
}
