//! Looks names up by the operating system, whose look-ups cannot be cancelled.
//!
//! A name whose servers are silent blocks a thread for half a minute, long after its caller has given up. So concurrent
//! callers share one look-up of a name: a dead name uses one of the look-ups that all modules share. A module with many
//! dead names can use only its share of them.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::domain::id::ModuleName;

/// Most look-ups in flight.
const MOST_LOOKUPS: usize = 32;
/// How many look-ups a module may have for each free one. So a module alone gets three quarters of all, the next one
/// three quarters of the rest, and later modules still find some.
const OWN_PER_FREE: usize = 3;

/// Whether a module with `own` look-ups or requests in flight may start another, if `free` of all modules' are free.
pub fn has_share(own: usize, free: usize) -> bool {
    own < OWN_PER_FREE * free
}

/// A blocking look-up of a name.
pub(super) type LookUp = fn(&str) -> io::Result<Vec<IpAddr>>;
/// A look-up's result. Errors are kept by kind alone, because they are cloned for several callers.
type Found = Result<Vec<IpAddr>, io::ErrorKind>;
type Running = Arc<Mutex<HashMap<Box<str>, Lookup>>>;

/// A look-up without a result yet.
struct Lookup {
    /// The module that asked first, even if it no longer waits.
    for_module: ModuleName,
    result: watch::Receiver<Option<Found>>,
}

/// The look-ups in flight.
pub(super) struct Lookups {
    look_up: LookUp,
    running: Running,
}

impl Lookups {
    pub(super) fn new(look_up: LookUp) -> Lookups {
        Lookups { look_up, running: Arc::default() }
    }

    /// Callers share a look-up of a name that is in flight. With too many look-ups in flight, the error is immediate.
    pub(super) async fn resolve(&self, for_module: &ModuleName, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut result = self.ask(for_module, name)?;
        let found = result.wait_for(Option::is_some).await.map_err(|_| io::Error::other("the look-up broke"))?;
        found.clone().unwrap_or(Err(io::ErrorKind::Other)).map_err(io::Error::from)
    }

    fn ask(&self, for_module: &ModuleName, name: &str) -> io::Result<watch::Receiver<Option<Found>>> {
        let mut running = lock(&self.running);
        if let Some(lookup) = running.get(name) {
            return Ok(lookup.result.clone());
        }
        let own = running.values().filter(|lookup| lookup.for_module == *for_module).count();
        if !has_share(own, MOST_LOOKUPS.saturating_sub(running.len())) {
            return Err(io::Error::other("too many look-ups at once"));
        }
        let (report, result) = watch::channel(None);
        running.insert(name.into(), Lookup { for_module: for_module.clone(), result: result.clone() });
        let (name, look_up) = (Name { name: name.into(), running: Arc::clone(&self.running) }, self.look_up);
        spawn_blocking(move || {
            let found = look_up(&name.name).map_err(|error| error.kind());
            // Removed before the report, so that a later caller starts a new look-up instead of getting this result.
            drop(name);
            report.send_replace(Some(found));
        });
        Ok(result)
    }
}

/// Removes the look-up on drop, even if it panicked or never started.
struct Name {
    name: Box<str>,
    running: Running,
}

impl Drop for Name {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.name);
    }
}

/// Usable after a panic: no code under this lock panics.
fn lock(running: &Running) -> MutexGuard<'_, HashMap<Box<str>, Lookup>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const FOUND: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(93, 184, 215, 14));

    fn module(name: &str) -> ModuleName {
        name.parse().unwrap()
    }

    /// Adds `count` look-ups of `for_module` that never end.
    fn add_silent(lookups: &Lookups, for_module: &str, count: usize) {
        for number in 0..count {
            let lookup = Lookup { for_module: module(for_module), result: watch::channel(None).1 };
            lock(&lookups.running).insert(format!("{for_module}{number}.example").into(), lookup);
        }
    }

    /// Whether `future` is ready at its first poll.
    async fn is_ready<T>(future: impl Future<Output = T>) -> bool {
        tokio::select! { biased; _ = future => true, () = std::future::ready(()) => false }
    }

    #[tokio::test]
    async fn one_silent_name_takes_one_lookup() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        static SILENCE: Barrier = Barrier::new(2);
        let lookups = Lookups::new(|name| {
            if name == "silent.example" {
                ASKED.fetch_add(1, Ordering::SeqCst);
                SILENCE.wait();
            }
            Ok(vec![FOUND])
        });
        // Each caller gives up before the result, as at its deadline.
        for _ in 0..2 * MOST_LOOKUPS {
            assert!(!is_ready(lookups.resolve(&module("weather"), "silent.example")).await);
        }
        assert_eq!(lookups.resolve(&module("weather"), "api.example.com").await.unwrap(), [FOUND]);
        // `join!` polls in order, so this call starts before the silence ends.
        let weather = module("weather");
        let (late, _) = tokio::join!(lookups.resolve(&weather, "silent.example"), async {
            spawn_blocking(|| SILENCE.wait()).await.is_ok()
        });
        assert_eq!((late.unwrap(), ASKED.load(Ordering::SeqCst)), (vec![FOUND], 1));
        assert!(lock(&lookups.running).is_empty());
    }

    #[tokio::test]
    async fn nobody_waits_for_a_lookup() {
        let lookups = Lookups::new(|_| Ok(vec![FOUND]));
        add_silent(&lookups, "weather", MOST_LOOKUPS);
        let refused = lookups.resolve(&module("dice"), "api.example.com").await.unwrap_err();
        assert_eq!(refused.to_string(), "too many look-ups at once");
    }

    #[tokio::test]
    async fn a_module_with_many_dead_names_leaves_lookups_to_others() {
        let lookups = Lookups::new(|_| Ok(vec![FOUND]));
        // All that a single module may have, and half of what the next one may.
        add_silent(&lookups, "dead", 24);
        add_silent(&lookups, "late", 3);
        let refused = lookups.resolve(&module("dead"), "api.example.com").await.unwrap_err();
        assert_eq!(refused.to_string(), "too many look-ups at once");
        assert_eq!(lookups.resolve(&module("late"), "api.example.com").await.unwrap(), [FOUND]);
        assert_eq!(lookups.resolve(&module("weather"), "api.example.com").await.unwrap(), [FOUND]);
        // Joining another module's look-up needs no share.
        let (report, result) = watch::channel(Some(Ok(vec![FOUND])));
        let lookup = Lookup { for_module: module("late"), result };
        lock(&lookups.running).insert("slow.example".into(), lookup);
        assert_eq!(lookups.resolve(&module("dead"), "slow.example").await.unwrap(), [FOUND]);
        drop(report);
    }

    #[tokio::test]
    async fn a_name_is_looked_up_again_after_it_was_not_found_or_broke() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let lookups = Lookups::new(|_| match ASKED.fetch_add(1, Ordering::SeqCst) {
            0 => Err(io::ErrorKind::NotFound.into()),
            1 => panic!("a look-up broke, as a test wants it"),
            _ => Ok(vec![FOUND]),
        });
        assert_eq!(
            lookups.resolve(&module("weather"), "api.example.com").await.unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        assert_eq!(
            lookups.resolve(&module("weather"), "api.example.com").await.unwrap_err().to_string(),
            "the look-up broke"
        );
        assert_eq!(lookups.resolve(&module("weather"), "api.example.com").await.unwrap(), [FOUND]);
    }
}
