//! `twitchy call` and `twitchy module logs`, on the demo's host.

use tests::guests;

use crate::module::Demo;
use crate::process::Running;

#[test]
fn a_command_is_called_as_a_chatter_would_and_dry_runs_keep_nothing() {
    let demo = Demo::start();
    demo.enable("counter", guests::COUNTER, " --grant storage");
    let call = |line: &[&str]| {
        let finished = demo.run(line);
        assert_eq!((finished.code, finished.errors.as_str()), (Some(0), ""), "{line:?}");
        finished.output
    };
    let dry = call(&["call", "count", "hugs", "--channel", "shop", "--dry-run"]);
    assert!(
        dry.starts_with("@shop hugs is 1\na dry run, of which nothing is kept; it would do this:\n  writes 1 byte"),
        "{dry}"
    );
    assert_eq!(call(&["call", "!count", "hugs", "--channel", "#Shop", "--as", "alice"]), "@alice hugs is 1\n");
    assert_eq!(call(&["module", "call", "count", "a b", "--channel", "shop"]), "@shop a b is 1\n");
    let said = call(&["call", "count-get", "hugs", "--channel", "shop", "--deliver", "chat"]);
    assert_eq!(said, "@shop hugs is 1\n1 message goes to #shop\n");
    demo.running.wait_for_output("@shop hugs is 1");
    let json = call(&["call", "count", "--channel", "shop", "--as", "nobody", "--id", "4711", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["replies"][0]["text"], "count is 1");

    let told = demo.fail(&["call", "count", "--channel", "shop", "--as", "nobody"]);
    assert!(told.contains("chatter.id: is needed: nobody was seen in this channel under this login"), "{told}");
    let told = demo.fail(&["call", "cuont", "--channel", "shop"]);
    assert!(told.contains("Did you mean count? (unknown_command)"), "{told}");
    let told = demo.fail(&["call", "größe?/x", "--channel", "shop"]);
    assert!(told.contains("(unknown_command)") && !told.contains("mean"), "{told}");
    let told = demo.fail(&["call", "count", "--channel", "shpo"]);
    assert!(told.contains("there is no channel #shpo") && told.contains("did you mean #shop?"), "{told}");
}

#[test]
fn a_module_that_breaks_says_so_in_a_sentence_and_its_log_says_where() {
    let demo = Demo::start();
    demo.enable("traps", guests::TRAPS, "");
    demo.enable("writes-then-traps", guests::WRITES_THEN_TRAPS, " --grant all");
    let nothing = demo.ask("logs traps --channel shop");
    assert_eq!(nothing, "traps has logged nothing in #shop since the host started\n");
    for word in ["traps", "writes-then-traps"] {
        let told = demo.fail(&["call", word, "--channel", "shop", "--dry-run"]);
        assert!(told.contains("(module_broke)"), "{told}");
        let logged = demo.ask(&format!("logs {word}"));
        assert!(logged.contains(" #shop 0.1.0 trap: ") || logged.contains(" #shop 0.1.0 error: "), "{logged}");
    }
    let json = demo.ask("logs traps --json");
    let line: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(line["version"], "0.1.0");
    assert_eq!(demo.ask("logs traps --channel cafe --json"), "");
    let told = demo.fail(&["module", "logs", "trasp"]);
    assert_eq!(told, "twitchy: there is no module trasp; did you mean traps?\n");
    let told = demo.fail(&["module", "enable", "nothing-like-it", "--channel", "shop"]);
    assert_eq!(told, "twitchy: there is no module nothing-like-it; `twitchy module list` lists all\n");
}

#[test]
fn a_log_is_followed_from_its_first_line_on() {
    let demo = Demo::start();
    demo.enable("traps", guests::TRAPS, "");
    demo.fail(&["call", "traps", "--channel", "shop", "--as", "alice"]);
    let follow = Running::start(&mut demo.command(&["module", "logs", "traps", "--follow"]));
    let first = follow.wait_for_output("called by alice");
    assert!(first.contains(" #shop 0.1.0 "), "{first}");
    demo.fail(&["call", "traps", "--channel", "shop", "--as", "bob"]);
    follow.wait_for_output("called by bob");
    // A stopping host ends the stream of log lines.
    demo.running.send_signal("TERM");
    follow.wait_for_error("the host has ended this");
    assert_eq!(follow.finish().0.code(), Some(1));
}
