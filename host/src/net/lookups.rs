//! Names to addresses, by the system, which lets nobody stop what it was asked.
//!
//! A name whose servers are silent holds a thread for half a minute, long after its asker has left. So each name is looked up
//! once at a time, however many ask: a dead name takes one of the look-ups that all modules share. And a module with many dead
//! names has only its share of them.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::domain::id::ModuleName;

/// Names that are looked up at once.
const MOST_LOOKUPS: usize = 32;
/// A module may have so many for each that is free. So alone it gets three in four; the next one gets three in four
/// of the rest; and modules that come then still find some.
const FOR_EACH_FREE: usize = 3;

/// Whether a module that has `own` of what all modules share, such as look-ups or requests, may have another one.
pub fn has_share(own: usize, free: usize) -> bool {
    own < FOR_EACH_FREE * free
}

/// Blocks.
pub(super) type LookUp = fn(&str) -> io::Result<Vec<IpAddr>>;
/// An error by its kind alone, since several askers get it.
type Found = Result<Vec<IpAddr>, io::ErrorKind>;
type Running = Arc<Mutex<HashMap<Box<str>, Lookup>>>;

/// A look-up without a result yet.
struct Lookup {
    /// The module that was the first to ask, whether it waits still or not.
    asker: ModuleName,
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

    /// Askers share the result of a look-up in flight. Where there are too many look-ups, the error is immediate.
    pub(super) async fn resolve(&self, asker: &ModuleName, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut result = self.ask(asker, name)?;
        let found = result.wait_for(Option::is_some).await.map_err(|_| io::Error::other("the look-up broke"))?;
        found.clone().unwrap_or(Err(io::ErrorKind::Other)).map_err(io::Error::from)
    }

    fn ask(&self, asker: &ModuleName, name: &str) -> io::Result<watch::Receiver<Option<Found>>> {
        let mut running = lock(&self.running);
        if let Some(lookup) = running.get(name) {
            return Ok(lookup.result.clone());
        }
        let own = running.values().filter(|lookup| lookup.asker == *asker).count();
        if !has_share(own, MOST_LOOKUPS.saturating_sub(running.len())) {
            return Err(io::Error::other("too many look-ups at once"));
        }
        let (report, result) = watch::channel(None);
        running.insert(name.into(), Lookup { asker: asker.clone(), result: result.clone() });
        let (name, look_up) = (Name { name: name.into(), running: Arc::clone(&self.running) }, self.look_up);
        spawn_blocking(move || {
            let found = look_up(&name.name).map_err(|error| error.kind());
            // Removed before it is reported: an asker that comes later needs a look-up of its own.
            drop(name);
            report.send_replace(Some(found));
        });
        Ok(result)
    }
}

/// Removes the look-up when dropped, even one that broke or was never begun.
struct Name {
    name: Box<str>,
    running: Running,
}

impl Drop for Name {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.name);
    }
}

/// Nothing panics while it holds this lock.
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

    /// So many names that a module asked for, and whose servers are silent.
    fn add_silent(lookups: &Lookups, asker: &str, count: usize) {
        for number in 0..count {
            let lookup = Lookup { asker: module(asker), result: watch::channel(None).1 };
            lock(&lookups.running).insert(format!("{asker}{number}.example").into(), lookup);
        }
    }

    /// Whether it is there without waiting.
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
        // Each leaves before it is told, as at the end of its time.
        for _ in 0..2 * MOST_LOOKUPS {
            assert!(!is_ready(lookups.resolve(&module("weather"), "silent.example")).await);
        }
        assert_eq!(lookups.resolve(&module("weather"), "api.example.com").await.unwrap(), [FOUND]);
        // It asks before the silence ends: first comes what is written first.
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
        // As many as one may have, and half of what the next one may.
        add_silent(&lookups, "dead", 24);
        add_silent(&lookups, "late", 3);
        let refused = lookups.resolve(&module("dead"), "api.example.com").await.unwrap_err();
        assert_eq!(refused.to_string(), "too many look-ups at once");
        assert_eq!(lookups.resolve(&module("late"), "api.example.com").await.unwrap(), [FOUND]);
        assert_eq!(lookups.resolve(&module("weather"), "api.example.com").await.unwrap(), [FOUND]);
        // What others ask already costs nothing.
        let (report, result) = watch::channel(Some(Ok(vec![FOUND])));
        let lookup = Lookup { asker: module("late"), result };
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
