-- The keys of the HTTP API. A key's secret is not here: only its SHA-256, which opens nothing. Keys are never deleted: the
-- audit names them, and a revoked one must stay known as revoked. `scopes` is a JSON list such as ["channel:100"].
CREATE TABLE api_keys (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    digest BLOB NOT NULL,
    scopes TEXT NOT NULL,
    role TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER
) STRICT;

-- What was answered to requests that carried an Idempotency-Key, for a day. `fingerprint` is the SHA-256 of the method, the
-- path and the body.
CREATE TABLE idempotent_answers (
    number INTEGER PRIMARY KEY,
    caller TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    status INTEGER NOT NULL,
    content_type TEXT,
    body BLOB NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (caller, idempotency_key)
) STRICT;

CREATE INDEX idempotent_answers_at ON idempotent_answers (at);
