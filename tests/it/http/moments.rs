//! Moments in requests, in each notation that clients write.

use serde_json::json;

use super::channels::shop;
use super::harness::Site;

/// Half past twelve on the day of the tests' clock, as JavaScript, Python, Go and others write it.
const HALF_PAST: [&str; 6] = [
    "2026-09-21T12:30:00Z",
    "2026-09-21T12:30:00.000Z",
    "2026-09-21T12:30:00+00:00",
    "2026-09-21T14:30:00+02:00",
    "2026-09-21t06:30:00.5-06:00",
    "2026-09-21T12:30:00.123456789z",
];

#[tokio::test]
async fn a_channel_is_muted_until_a_moment_in_any_form() {
    let site = Site::open().await;
    for until in HALF_PAST {
        let patch = json!({ "muted_until": until }).to_string();
        let muted = site.send(&format!("PATCH {}", shop()), &site.operator, &[("if-match", "*")], &patch).await;
        assert_eq!(muted.json()["muted_until"], "2026-09-21T12:30:00Z", "{until}: {}", muted.show());
    }
    site.close().await;
}

#[tokio::test]
async fn a_key_ends_at_a_moment_in_any_form() {
    let site = Site::open().await;
    for expires in HALF_PAST {
        let body = json!({ "name": "x", "scopes": ["channel:100"], "expires_at": expires }).to_string();
        let made = site.send("POST /api/v1/keys", &site.operator, &[], &body).await;
        assert_eq!(made.json()["expires_at"], "2026-09-21T12:30:00Z", "{expires}: {}", made.show());
    }
    for past in ["2026-09-21T13:59:59+02:00", "2026-09-21T12:00:00.000Z", "1960-01-01T00:00:00Z"] {
        let body = json!({ "name": "x", "scopes": ["channel:100"], "expires_at": past }).to_string();
        assert_eq!(site.send("POST /api/v1/keys", &site.operator, &[], &body).await.status, 422, "{past}");
    }
    site.close().await;
}

#[tokio::test]
async fn the_audit_is_asked_by_moments_in_any_form() {
    let site = Site::open().await;
    site.make_key("channel:300", None).await;
    let count = async |query: String| {
        let query = query.replace('+', "%2B");
        let answer = site.ask(&format!("GET /api/v1/audit?action=create-key&{query}"), &site.operator).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.show());
        answer.json()["items"].as_array().unwrap().len()
    };
    for moment in HALF_PAST {
        assert_eq!(
            (count(format!("since={moment}")).await, count(format!("until={moment}")).await),
            (0, 4),
            "{moment}"
        );
    }
    for noon in ["2026-09-21T12:00:00.000Z", "2026-09-21T13:00:00+01:00"] {
        assert_eq!((count(format!("since={noon}")).await, count(format!("until={noon}")).await), (4, 0), "{noon}");
    }
    assert_eq!(count("since=1900-01-01T00:00:00Z".to_owned()).await, 4);
    // The plus sign of the offset is not escaped, so it means a blank.
    let answer = site.ask("GET /api/v1/audit?since=2026-09-21T12:00:00+00:00", &site.operator).await;
    let detail = "since is a moment such as 2030-01-01T00:00:00Z; in a query, a + is written %2B.";
    assert_eq!((answer.status, answer.json()["detail"].as_str()), (400, Some(detail)));
    site.close().await;
}
