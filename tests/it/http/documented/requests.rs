//! The requests of each operation, and the changes that make each fail.

use tests::guests;

/// A change to a request that would succeed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// Fills in a part of the path: its name, and the text to put there.
    Part(&'static str, &'static str),
    /// Puts another channel's id in place of `{channel}`, given its login. `cafe` is muted.
    Channel(&'static str),
    /// Puts the id of the operator's only key in place of `{id}`.
    Key,
    Query(&'static str),
    Body(&'static str),
    /// Sends a component of a bundled module, given the module's name.
    Bundled(&'static str),
    /// Sends a component with another version number.
    Version(&'static [u8], &'static str),
}

use Change::{Body, Bundled, Channel, Key, Part, Query, Version};

const NO_PAGE: Change = Query("limit=0");
const NO_JSON: Change = Body("{");
const NO_NAME: Change = Part("name", "A!");
const UNKNOWN_NAME: Change = Part("name", "nothing");
const UNKNOWN_CHANNEL: Change = Part("channel", "999");
const NO_CHANNEL: Change = Part("channel", "shop");
const CANARY: Change = Query("canary={channel}");
const OLDER_CANARY: Change = Body(r#"{"version": "0.1.0", "channels": ["{shop}"]}"#);
const NO_VERSION: Change = Body(r#"{"to": "one"}"#);

/// At least one row for each documented refusal, except those that `Stage::refuse` reaches on every operation alike: by
/// another key, by headers, or by a body that is too large, too late or of another type.
#[rustfmt::skip]
pub(super) const REQUESTS: &[(&str, u16, &[Change])] = &[
    ("GET /api/v1/audit", 400, &[NO_PAGE]),
    ("GET /api/v1/channels", 400, &[NO_PAGE]),
    ("GET /api/v1/channels/{channel}", 400, &[NO_CHANNEL]),
    ("GET /api/v1/channels/{channel}", 404, &[UNKNOWN_CHANNEL]),
    ("PATCH /api/v1/channels/{channel}", 400, &[NO_JSON]),
    ("PATCH /api/v1/channels/{channel}", 404, &[UNKNOWN_CHANNEL]),
    ("PATCH /api/v1/channels/{channel}", 422, &[Body(r#"{"prefix": "abc"}"#)]),
    ("POST /api/v1/channels/{channel}/commands/{name}", 400, &[NO_JSON]),
    ("POST /api/v1/channels/{channel}/commands/{name}", 404, &[UNKNOWN_NAME]),
    ("POST /api/v1/channels/{channel}/commands/{name}", 404, &[UNKNOWN_CHANNEL]),
    ("POST /api/v1/channels/{channel}/commands/{name}", 409, &[Channel("cafe"), Part("name", "help")]),
    ("POST /api/v1/channels/{channel}/commands/{name}", 422, &[Body(r#"{"chatter": {"id": "x", "login": "alice"}}"#)]),
    ("GET /api/v1/channels/{channel}/modules", 400, &[NO_PAGE]),
    ("GET /api/v1/channels/{channel}/modules", 404, &[UNKNOWN_CHANNEL]),
    ("GET /api/v1/channels/{channel}/modules/{name}", 400, &[NO_NAME]),
    ("GET /api/v1/channels/{channel}/modules/{name}", 404, &[UNKNOWN_NAME]),
    ("GET /api/v1/channels/{channel}/modules/{name}", 409, &[Part("name", "transfers")]),
    ("PUT /api/v1/channels/{channel}/modules/{name}", 400, &[NO_JSON]),
    ("PUT /api/v1/channels/{channel}/modules/{name}", 404, &[UNKNOWN_NAME]),
    ("PUT /api/v1/channels/{channel}/modules/{name}", 409, &[Part("name", "settings"), Body(r#"{"enabled": false}"#)]),
    ("PUT /api/v1/channels/{channel}/modules/{name}", 422, &[Body(r#"{"enabled": true, "version": "one"}"#)]),
    ("DELETE /api/v1/channels/{channel}/modules/{name}", 400, &[NO_NAME]),
    ("DELETE /api/v1/channels/{channel}/modules/{name}", 404, &[UNKNOWN_NAME]),
    ("DELETE /api/v1/channels/{channel}/modules/{name}", 409, &[Part("name", "settings")]),
    ("POST /api/v1/channels/{channel}/modules/{name}/rollback", 400, &[NO_JSON]),
    ("POST /api/v1/channels/{channel}/modules/{name}/rollback", 404, &[UNKNOWN_NAME]),
    ("POST /api/v1/channels/{channel}/modules/{name}/rollback", 409, &[Part("name", "help"), Body("{}")]),
    ("POST /api/v1/channels/{channel}/modules/{name}/rollback", 422, &[NO_VERSION]),
    ("GET /api/v1/events", 400, &[Query("kind=nothing")]),
    ("GET /api/v1/keys", 400, &[NO_PAGE]),
    ("POST /api/v1/keys", 400, &[NO_JSON]),
    ("POST /api/v1/keys", 422, &[Body(r#"{"name": "key", "scopes": []}"#)]),
    ("DELETE /api/v1/keys/{id}", 400, &[Part("id", "key")]),
    ("DELETE /api/v1/keys/{id}", 404, &[Part("id", "ffffffffffff")]),
    ("DELETE /api/v1/keys/{id}", 409, &[Key]),
    ("GET /api/v1/modules", 400, &[NO_PAGE]),
    ("POST /api/v1/modules", 400, &[Query("class=huge")]),
    ("POST /api/v1/modules", 409, &[Bundled("help")]),
    ("POST /api/v1/modules", 409, &[CANARY, Version(guests::COUNTER, "0.3.0")]),
    ("POST /api/v1/modules", 409, &[CANARY, Version(guests::ECHO, "0.0.1")]),
    ("POST /api/v1/modules", 422, &[Body("hello")]),
    ("POST /api/v1/modules", 422, &[Query("canary=999"), Version(guests::ECHO, "0.3.0")]),
    ("GET /api/v1/modules/{name}", 400, &[NO_NAME]),
    ("GET /api/v1/modules/{name}", 404, &[UNKNOWN_NAME]),
    ("DELETE /api/v1/modules/{name}", 400, &[NO_NAME]),
    ("DELETE /api/v1/modules/{name}", 404, &[UNKNOWN_NAME]),
    ("DELETE /api/v1/modules/{name}", 409, &[]),
    ("PUT /api/v1/modules/{name}/canary", 400, &[NO_JSON]),
    ("PUT /api/v1/modules/{name}/canary", 404, &[UNKNOWN_NAME]),
    ("PUT /api/v1/modules/{name}/canary", 409, &[Part("name", "help")]),
    ("PUT /api/v1/modules/{name}/canary", 409, &[Part("name", "counter"), OLDER_CANARY]),
    ("PUT /api/v1/modules/{name}/canary", 409, &[OLDER_CANARY]),
    ("PUT /api/v1/modules/{name}/canary", 422, &[Body(r#"{"version": "0.2.0", "channels": []}"#)]),
    ("DELETE /api/v1/modules/{name}/canary", 400, &[NO_NAME]),
    ("DELETE /api/v1/modules/{name}/canary", 404, &[UNKNOWN_NAME]),
    ("DELETE /api/v1/modules/{name}/canary", 409, &[]),
    ("POST /api/v1/modules/{name}/canary/promote", 400, &[NO_NAME]),
    ("POST /api/v1/modules/{name}/canary/promote", 404, &[UNKNOWN_NAME]),
    ("POST /api/v1/modules/{name}/canary/promote", 409, &[]),
    ("GET /api/v1/modules/{name}/logs", 400, &[NO_PAGE]),
    ("GET /api/v1/modules/{name}/logs", 404, &[UNKNOWN_NAME]),
    ("POST /api/v1/modules/{name}/rollback", 400, &[NO_JSON]),
    ("POST /api/v1/modules/{name}/rollback", 404, &[UNKNOWN_NAME]),
    ("POST /api/v1/modules/{name}/rollback", 409, &[Part("name", "help")]),
    ("POST /api/v1/modules/{name}/rollback", 422, &[NO_VERSION]),
    ("DELETE /api/v1/modules/{name}/versions/{version}", 400, &[Part("version", "one")]),
    ("DELETE /api/v1/modules/{name}/versions/{version}", 404, &[Part("version", "9.9.9")]),
    ("DELETE /api/v1/modules/{name}/versions/{version}", 409, &[Part("version", "0.2.0")]),
    ("POST /api/v1/modules/{name}/versions/{version}/restore", 400, &[Part("version", "one")]),
    ("POST /api/v1/modules/{name}/versions/{version}/restore", 404, &[Part("version", "9.9.9")]),
    ("POST /api/v1/modules/{name}/versions/{version}/restore", 409, &[Part("name", "help"), Part("version", "0.1.0")]),
    ("GET /api/v1/modules/{name}/versions/{version}", 400, &[Part("version", "one")]),
    ("GET /api/v1/modules/{name}/versions/{version}", 404, &[Part("version", "9.9.9")]),
];

/// Bodies with which the operations that take JSON succeed.
const BODIES: &[(&str, &str)] = &[
    ("PATCH /api/v1/channels/{channel}", r#"{"locale": "de"}"#),
    ("POST /api/v1/channels/{channel}/commands/{name}", r#"{"chatter": {"id": "42", "login": "alice"}}"#),
    ("PUT /api/v1/channels/{channel}/modules/{name}", r#"{"enabled": true}"#),
    ("POST /api/v1/channels/{channel}/modules/{name}/rollback", r#"{"to": "0.1.0"}"#),
    ("POST /api/v1/keys", r#"{"name": "key", "scopes": ["operator"]}"#),
    ("PUT /api/v1/modules/{name}/canary", r#"{"version": "0.2.0", "channels": ["{shop}"]}"#),
    ("POST /api/v1/modules/{name}/rollback", "{}"),
];

/// Changes without which these operations would not succeed.
const WISHES: &[(&str, &[Change])] = &[
    ("DELETE /api/v1/modules/{name}", &[Query("force=true")]),
    ("DELETE /api/v1/modules/{name}/canary", &[Part("name", "counter")]),
    ("POST /api/v1/modules/{name}/canary/promote", &[Part("name", "counter")]),
];

pub(super) fn find_wish(operation: &str) -> &'static [Change] {
    WISHES.iter().find(|(name, _)| *name == operation).map_or(&[], |(_, wish)| wish)
}

pub(super) fn find_body(operation: &str) -> &'static str {
    let body = BODIES.iter().find(|(name, _)| *name == operation).map(|(_, body)| *body);
    body.unwrap_or_else(|| {
        panic!("{operation} takes JSON: add a body that succeeds to BODIES in documented/requests.rs")
    })
}
