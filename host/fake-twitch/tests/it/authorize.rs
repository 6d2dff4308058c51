use std::time::Duration;

use fake_twitch::{FakeTwitch, Policy, Settings};
use tokio::time::advance;

use crate::web_client::{
    Answer, REDIRECT_URI, asking, consent, encode, exchange, get, post, try_request, validate, world_with_applications,
};

#[tokio::test(start_paused = true)]
async fn the_page_asks_who_to_be_and_its_form_repeats_the_request() {
    let twitch = world_with_applications();
    let page = get(&twitch, "/oauth2/authorize", &asking(&[("state", "\"><b>"), ("force_verify", "true")])).await;
    assert_eq!(page.status, 200);
    for part in [
        "<h1>host wants to access an account</h1>",
        "<li>chat:edit</li>\n<li>chat:read</li>",
        "<form method=\"post\" action=\"/oauth2/authorize\">",
        "<input type=\"hidden\" name=\"client_id\" value=\"host\">",
        "<input type=\"hidden\" name=\"state\" value=\"&quot;&gt;&lt;b&gt;\">",
        "<input type=\"hidden\" name=\"force_verify\" value=\"true\">",
        "<option>bot</option>\n<option>carol</option>",
        "<button name=\"choice\" value=\"approve\">",
        "<button name=\"choice\" value=\"deny\">",
    ] {
        assert!(page.body.contains(part), "{part} is not in {}", page.body);
    }
    assert!(page.head.contains("referrer-policy: no-referrer"), "{}", page.head);
    assert!(twitch.issued_secrets().is_empty());
}

#[tokio::test(start_paused = true)]
async fn consent_sends_back_a_code_that_is_exchanged_for_the_tokens_of_that_account() {
    let twitch = world_with_applications();
    let back = post(&twitch, "/oauth2/authorize", &asking(&[("choice", "approve"), ("login", "Bot")])).await;
    assert!(back.location().starts_with(&format!("{REDIRECT_URI}?code=")), "{}", back.location());
    assert_eq!(back.sent_back("scope").as_deref(), Some("chat:edit chat:read"));
    assert_eq!(back.sent_back("state").as_deref(), Some("state of & mine"));
    let tokens = exchange(&twitch, &back.sent_back("code").unwrap(), &[]).await;
    assert_eq!(tokens.status, 200);
    assert_eq!((&tokens.json()["expires_in"], &tokens.json()["token_type"]), (&14_400.into(), &"bearer".into()));
    assert_eq!(tokens.json()["scope"], serde_json::json!(["chat:edit", "chat:read"]));
    assert!(tokens.json()["refresh_token"].is_string());
    advance(Duration::from_secs(60)).await;
    assert_eq!(
        validate(&twitch, &tokens.text("access_token")).await.json(),
        serde_json::json!({
            "client_id": "host",
            "login": "bot",
            "user_id": "1",
            "scopes": ["chat:edit", "chat:read"],
            "expires_in": 14_340,
        })
    );
}

#[tokio::test(start_paused = true)]
async fn a_denial_and_an_unknown_scope_are_sent_back_with_the_state() {
    let twitch = world_with_applications();
    let check = |answer: Answer, error: &str, description: &str| {
        let sent = |name| answer.sent_back(name).unwrap_or_default();
        assert_eq!((sent("error").as_str(), sent("error_description").as_str()), (error, description));
        assert_eq!(sent("state"), "state of & mine");
        assert_eq!(answer.sent_back("code"), None);
    };
    let denied = post(&twitch, "/oauth2/authorize", &asking(&[("choice", "deny"), ("login", "bot")])).await;
    check(denied, "access_denied", "The user denied you access");
    let unknown = get(&twitch, "/oauth2/authorize", &asking(&[("scope", "chat:read chat:raed")])).await;
    check(unknown, "invalid_scope", "invalid scope requested: 'chat:raed'");
    // An address with a query of its own keeps it.
    let other = asking(&[("choice", "deny"), ("redirect_uri", "http://localhost/a?b=c")]);
    let other = post(&twitch, "/oauth2/authorize", &other).await;
    assert!(other.location().starts_with("http://localhost/a?b=c&error=access_denied"), "{}", other.location());
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_not_registered_is_never_redirected_to() {
    let twitch = world_with_applications();
    for uri in ["http://localhost:3000/login/back/", "http://evil.test/", "HTTP://localhost:3000/login/back"] {
        for answer in [
            get(&twitch, "/oauth2/authorize", &asking(&[("redirect_uri", uri)])).await,
            post(&twitch, "/oauth2/authorize", &asking(&[("redirect_uri", uri), ("choice", "approve")])).await,
        ] {
            assert!(answer.location().starts_with(&format!("{REDIRECT_URI}?error=redirect_mismatch&")), "{uri}");
        }
    }
    let public = get(&twitch, "/oauth2/authorize", &asking(&[("client_id", "device")])).await;
    public.refused(400, "Parameter redirect_uri does not match registered URI");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_request_is_refused_without_a_page() {
    let twitch = world_with_applications();
    for (change, message) in [
        (("client_id", ""), "missing client id"),
        (("client_id", "nobody"), "invalid client"),
        (("redirect_uri", ""), "missing redirect uri"),
        (("response_type", ""), "missing response type"),
        (("response_type", "token"), "invalid response type"),
    ] {
        get(&twitch, "/oauth2/authorize", &asking(&[change])).await.refused(400, message);
        post(&twitch, "/oauth2/authorize", &asking(&[change, ("choice", "approve")])).await.refused(400, message);
    }
    let stranger = asking(&[("choice", "approve"), ("login", "stranger")]);
    post(&twitch, "/oauth2/authorize", &stranger).await.refused(400, "no account has this login");
    assert!(twitch.issued_secrets().is_empty());
}

#[tokio::test(start_paused = true)]
async fn where_any_account_may_log_in_a_new_login_becomes_one() {
    let twitch = FakeTwitch::new(&Settings {
        policy: Policy { takes_any_account: true, ..Policy::default() },
        ..Settings::default()
    });
    twitch.add_application(fake_twitch::Application::confidential("host", crate::web_client::SECRET, &[REDIRECT_URI]));
    let page = get(&twitch, "/oauth2/authorize", &asking(&[])).await;
    assert!(page.body.contains("<input name=\"login\""), "{}", page.body);
    let tokens = exchange(&twitch, &consent(&twitch, "Newcomer").await, &[]).await;
    let validated = validate(&twitch, &tokens.text("access_token")).await;
    assert_eq!(validated.text("login"), "newcomer");
    assert_eq!(validated.text("user_id"), twitch.user_id("newcomer"));
    let odd = asking(&[("choice", "approve"), ("login", "not a login")]);
    post(&twitch, "/oauth2/authorize", &odd).await.refused(400, "no account has this login");
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_stays_logged_in_is_asked_again_only_if_the_application_insists_or_wants_more() {
    let twitch = world_with_applications();
    let approve = asking(&[("choice", "approve"), ("login", "bot")]);
    let forgotten = post(&twitch, "/oauth2/authorize", &approve).await;
    assert!(!forgotten.head.contains("set-cookie"), "{}", forgotten.head);
    twitch.remember_people(true);
    let back = post(&twitch, "/oauth2/authorize", &approve).await;
    let cookie = back.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    let cookie = format!("cookie: a=b; {}\r\n", cookie.split(';').next().unwrap());
    let ask = async |changes: &[(&str, &str)], head: &str| {
        let line = format!("GET /oauth2/authorize?{}", encode(&asking(changes)));
        try_request(&twitch, &line, head, "").await.unwrap()
    };
    assert_eq!(ask(&[], &cookie).await.status, 200, "the code was not exchanged");
    exchange(&twitch, &back.sent_back("code").unwrap(), &[]).await;
    let fewer = [("scope", "chat:read")];
    let tokens = exchange(&twitch, &ask(&fewer, &cookie).await.sent_back("code").unwrap(), &[]).await;
    let validated = validate(&twitch, &tokens.text("access_token")).await.json();
    assert_eq!((&validated["login"], &validated["scopes"]), (&"bot".into(), &serde_json::json!(["chat:read"])));
    for (changes, head) in [
        ([("force_verify", "true")], cookie.as_str()),
        ([("scope", "chat:read user:bot")], cookie.as_str()),
        ([("force_verify", "false")], ""),
        ([("force_verify", "false")], "cookie: fake-twitch-user=2\r\n"),
    ] {
        assert_eq!(ask(&changes, head).await.status, 200, "{changes:?} {head}");
    }
    assert_eq!(ask(&[("force_verify", "false")], &cookie).await.status, 302);
    twitch.disconnect_application("host", "bot");
    assert_eq!(ask(&[], &cookie).await.status, 200);
}
