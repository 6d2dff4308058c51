//! The host's functions, as the capabilities call them.
//!
//! In a module these are the bindings themselves. On the author's machine, each function here reaches the host that a
//! test has opened on this thread ([`crate::testing`]), and panics with its own name if there is none. Calling a binding
//! there would abort the whole process: a panic must not unwind out of the C function that stands in for the host.

macro_rules! host_functions {
    ($($capability:ident { $(fn $name:ident($($argument:ident: $type:ty),*) $(-> $answer:ty)?;)* })*) => {$(
        pub mod $capability {
            // The documentation shows the bindings, because they carry the contract's texts.
            #[cfg(any(target_arch = "wasm32", doc))]
            pub use crate::bindings::twitchy::command::$capability::{$($name),*};

            #[cfg(not(any(target_arch = "wasm32", doc)))]
            pub use in_a_test::*;

            #[cfg(not(any(target_arch = "wasm32", doc)))]
            mod in_a_test {
                #[allow(unused_imports, reason = "some capabilities have none")]
                use crate::bindings::twitchy::command::$capability::*;

                $(
                    #[track_caller]
                    pub fn $name($($argument: $type),*) $(-> $answer)? {
                        let function = concat!(stringify!($capability), "::", stringify!($name));
                        crate::testing::open::enter(function, |world| {
                            crate::testing::calls::$capability::$name(world, $($argument),*)
                        })
                    }
                )*
            }
        }
    )*};
}

host_functions! {
    balances {
        fn find(chatter: &str) -> Result<Vec<Balance>, BalanceError>;
        fn top(currency: &str, limit: u32) -> Result<Vec<Standing>, BalanceError>;
    }
    channels {
        fn request_join() -> Result<(), JoinError>;
        fn request_leave() -> bool;
    }
    chatters {
        fn find(chatter: &str) -> Option<KnownChatter>;
    }
    clock {
        fn now() -> u64;
    }
    coins {
        fn price(symbol: &str) -> Result<CoinPrice, CoinError>;
        fn summary(symbol: &str) -> Result<CoinSummary, CoinError>;
    }
    commands {
        fn list_available() -> Vec<Listing>;
        fn find(word: &str) -> Option<Listing>;
    }
    http {
        fn send(request: &Request) -> Result<Response, HttpError>;
    }
    log {
        fn write(level: Level, line: &str);
    }
    payments {
        fn transfer(to: &str, amount: &str) -> Result<String, PaymentError>;
        fn charge(amount: &str) -> Result<String, PaymentError>;
    }
    random {
        fn number(below: u64) -> u64;
    }
    settings {
        fn prefix() -> String;
        fn set_prefix(prefix: &str) -> Result<(), SettingsError>;
        fn list_modules() -> Vec<ModuleState>;
        fn enable_module(name: &str) -> Result<(), SettingsError>;
        fn disable_module(name: &str) -> Result<(), SettingsError>;
        fn list_settings(module: &str) -> Result<Vec<Setting>, SettingsError>;
        fn change_setting(module: &str, key: &str, value: &str) -> Result<(), SettingsError>;
        fn mute(for_ms: u64) -> Result<(), SettingsError>;
        fn muted_until() -> Option<u64>;
    }
    storage {
        fn load(key: &str) -> Option<Vec<u8>>;
        fn save(key: &str, value: &[u8]) -> Result<(), StorageError>;
        fn delete(key: &str);
        fn add(key: &str, amount: i64) -> Result<i64, StorageError>;
        fn list_keys(prefix: &str, after: Option<&str>, limit: u32) -> Vec<String>;
        fn list_entries(prefix: &str, after: Option<&str>, limit: u32) -> Vec<Entry>;
        fn written_by() -> Option<String>;
    }
    streams {
        fn current() -> Result<Option<LiveStream>, StreamError>;
    }
    treasury {
        fn pay(to: &str, amount: &str) -> Result<String, PaymentError>;
        fn award(to: &str, amount: &str) -> Result<String, PaymentError>;
    }
    words {
        fn claim(word: &Word) -> Result<(), WordError>;
        fn release(name: &str) -> bool;
        fn list_claimed() -> Vec<Word>;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::panic::{UnwindSafe, catch_unwind};
    use std::path::Path;

    use crate::{Amount, Argument as _, CommandInfo, Mention, http, log};

    fn panics_with<T>(name: &str, call: impl FnOnce() -> T + UnwindSafe) {
        let Err(panicked) = catch_unwind(call) else { panic!("{name} returned") };
        let message = panicked.downcast_ref::<String>().unwrap();
        assert!(message.contains(&format!("twitchy_sdk::{name} needs a host")), "{message}");
    }

    #[test]
    fn a_capability_without_an_open_host_panics_with_its_name() {
        panics_with("balances::find", || crate::balances::find("alice"));
        panics_with("channels::request_leave", crate::channels::request_leave);
        panics_with("chatters::find", || crate::chatters::find("alice"));
        panics_with("clock::now", crate::clock::now);
        panics_with("coins::price", || crate::coins::price("BTC"));
        panics_with("commands::list_available", crate::commands::list_available);
        panics_with("http::send", || http::get("https://example.com"));
        panics_with("log::write", || log::write(log::Level::Info, "a line"));
        panics_with("payments::charge", || crate::payments::charge(&Amount::parse("5").unwrap()));
        panics_with("random::number", || crate::random::number(6));
        panics_with("settings::muted_until", crate::settings::muted_until);
        panics_with("storage::save", || crate::storage::save("key", "value"));
        panics_with("storage::delete", || crate::storage::delete("key"));
        panics_with("streams::current", crate::streams::find_current);
        panics_with("treasury::award", || {
            crate::treasury::award(&Mention::parse("@alice").unwrap(), &Amount::parse("5").unwrap())
        });
        panics_with("words::claim", || crate::words::claim(CommandInfo::new("hug", "hugs")));
    }

    #[test]
    fn every_function_of_the_contract_is_here() {
        let (here, bindings) = (include_str!("host.rs"), include_str!("bindings/generated.rs"));
        // The functions that a module exports are called by the host.
        let (imported, _) = bindings.split_once("\npub mod exports {").unwrap();
        // Three levels deep: `twitchy`, `command` and the capability. A type's own functions are deeper.
        let functions = imported.lines().filter_map(|line| line.strip_prefix("            pub fn ")?.split('(').next());
        for name in functions.clone() {
            assert!(here.contains(&format!("fn {name}(")), "{name}");
        }
        let count = functions.count();
        assert!(count > 30, "{count}");
    }

    /// Calling a function of the bindings directly would abort a test's process.
    #[test]
    fn capabilities_take_only_types_from_the_bindings() {
        const BINDINGS: &str = "use crate::bindings::twitchy::command::";
        for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() || path.ends_with("host.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for import in text.split(BINDINGS).skip(1) {
                let (_, names) =
                    import.split_once(';').unwrap().0.split_once("::").unwrap_or(("", "a whole interface"));
                let mut names =
                    names.trim_matches(['{', '}']).split(',').map(str::trim).filter(|name| !name.is_empty());
                assert!(names.all(|name| name.starts_with(char::is_uppercase)), "{}: {import:.60}", path.display());
            }
        }
    }
}
