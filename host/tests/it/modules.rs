//! Modules that the configuration loads.

use std::fs;

use fake_twitch::{FakeTwitch, Settings};
use tests::guests;

use crate::serve::{TOKEN, config, start_bot};

/// Starts the bot with a module that it cannot load, and returns its error and exit code.
fn refuse(load: &str, files: &[(&str, &[u8])]) -> (String, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let path = folder.path().join("config.toml");
    fs::write(&path, format!("[modules]\nload = {load}\n{}", config("127.0.0.1:1"))).unwrap();
    let bot = start_bot(&path);
    let error = bot.wait_for_error("cannot load the module");
    (error, bot.finish().0.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_module_answers_in_every_channel() {
    let twitch = FakeTwitch::new(&Settings::default());
    let address = twitch.listen().await.unwrap();
    twitch.add_account("mybot", "1000", TOKEN);
    twitch.add_channel("shop");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("echo.wasm"), guests::ECHO).unwrap();
    let path = folder.path().join("config.toml");
    let text = format!("limits.enforce = false\nmodules.load = [\"echo.wasm\"]\n{}", config(&address.to_string()));
    fs::write(&path, text).unwrap();
    let mut bot = start_bot(&path);
    bot.wait_for_error("limits.enforce is false");
    let loaded = bot.wait_for_error("loaded a module");
    assert!(loaded.contains("echo") && loaded.contains("granted=log") && loaded.contains("0.1.0"), "{loaded}");
    bot.meanwhile(twitch.until_joined("mybot", "shop")).await;
    bot.wait_for_error("joined");
    let mut heard = twitch.subscribe();
    twitch.say("shop", "alice", "!echo hello").unwrap();
    let answer = async {
        loop {
            let message = heard.recv().await.unwrap();
            if message.from == "mybot" {
                return message.text;
            }
        }
    };
    assert_eq!(bot.meanwhile(answer).await, "hello");
    bot.send_signal("TERM");
    assert_eq!(bot.finish().0.code(), Some(0));
}

#[test]
fn a_file_that_is_no_module_is_named_and_nothing_starts() {
    let (error, code) = refuse("[\"broken.wasm\"]", &[("broken.wasm", b"\0asm nonsense")]);
    assert!(error.contains("broken.wasm: not a valid component"), "{error}");
    assert_eq!(code, Some(1));
    let (error, code) = refuse("[\"missing.wasm\"]", &[]);
    assert!(error.contains("missing.wasm: No such file"), "{error}");
    assert_eq!(code, Some(1));
}

#[test]
fn a_name_is_taken_once() {
    let files: [(&str, &[u8]); 2] = [("a.wasm", guests::ECHO), ("b.wasm", guests::ECHO)];
    let (error, code) = refuse("[\"a.wasm\", \"b.wasm\"]", &files);
    assert!(error.contains("b.wasm: there is another module with the name echo"), "{error}");
    assert_eq!(code, Some(1));
    let help = twitchy_commands::BUNDLED.iter().find(|bundled| bundled.name == "help").unwrap();
    let (error, _) = refuse("[\"help.wasm\"]", &[("help.wasm", help.component)]);
    assert!(error.contains("help.wasm: it is the bundled module help"), "{error}");
}
