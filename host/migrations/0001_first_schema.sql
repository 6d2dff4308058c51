-- Ids are Twitch's, as 64 bits (the sign has no meaning). Times are milliseconds since 1970. Amounts are whole numbers
-- of a currency's smallest unit. A revision is raised by every commit that writes its scope.

-- Whether the last process closed the file itself; if not, the file is checked before it is used.
CREATE TABLE last_stop (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    was_clean INTEGER NOT NULL CHECK (was_clean IN (0, 1))
) STRICT;
INSERT INTO last_stop VALUES (1, 1);

CREATE TABLE channels (
    channel_id INTEGER PRIMARY KEY,
    login TEXT NOT NULL,
    display_name TEXT NOT NULL,
    bot TEXT NOT NULL,
    prefix TEXT NOT NULL DEFAULT '!',
    locale TEXT NOT NULL DEFAULT 'en',
    muted_until INTEGER,
    currency TEXT NOT NULL DEFAULT 'points',
    decimals INTEGER NOT NULL DEFAULT 0 CHECK (decimals BETWEEN 0 AND 18),
    revision INTEGER NOT NULL DEFAULT 1
) STRICT;

-- A login is a row's name because a seed is known by nothing else at first. A row that is not wanted is a stored leave.
CREATE TABLE wanted (
    login TEXT PRIMARY KEY,
    channel_id INTEGER UNIQUE,
    account TEXT NOT NULL,
    wanted INTEGER NOT NULL CHECK (wanted IN (0, 1)),
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE switched_modules (
    channel_id INTEGER NOT NULL REFERENCES channels,
    module TEXT NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    PRIMARY KEY (channel_id, module)
) STRICT, WITHOUT ROWID;

CREATE TABLE settings (
    channel_id INTEGER NOT NULL REFERENCES channels,
    module TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (channel_id, module, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE words (
    channel_id INTEGER NOT NULL REFERENCES channels,
    module TEXT NOT NULL,
    name TEXT NOT NULL,
    aliases TEXT NOT NULL CHECK (json_valid(aliases)),
    usage TEXT NOT NULL,
    summary TEXT NOT NULL,
    role TEXT NOT NULL,
    channel_cooldown INTEGER NOT NULL,
    chatter_cooldown INTEGER NOT NULL,
    PRIMARY KEY (channel_id, module, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE grants (
    channel_id INTEGER NOT NULL REFERENCES channels,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    capabilities TEXT NOT NULL CHECK (json_valid(capabilities)),
    most_per_invocation TEXT,
    most_per_day TEXT,
    PRIMARY KEY (channel_id, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE seen_chatters (
    channel_id INTEGER NOT NULL REFERENCES channels,
    chatter_id INTEGER NOT NULL,
    login TEXT NOT NULL,
    display_name TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (channel_id, chatter_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_chatters_by_login ON seen_chatters (channel_id, login, seen_at);

-- `bytes` and `keys` count what is in storage_entries, so that a quota is one point read.
CREATE TABLE storages (
    storage_id INTEGER PRIMARY KEY,
    channel_id INTEGER NOT NULL REFERENCES channels,
    module TEXT NOT NULL,
    revision INTEGER NOT NULL,
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    keys INTEGER NOT NULL CHECK (keys >= 0),
    UNIQUE (channel_id, module)
) STRICT;

CREATE TABLE storage_entries (
    storage_id INTEGER NOT NULL REFERENCES storages,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (storage_id, key)
) STRICT, WITHOUT ROWID;

-- The units of a channel's accounts sum to zero. Only the mint, where currency comes from, may be below zero.
CREATE TABLE accounts (
    account_id INTEGER PRIMARY KEY,
    channel_id INTEGER NOT NULL REFERENCES channels,
    kind TEXT NOT NULL CHECK (kind IN ('chatter', 'till', 'mint')),
    chatter_id INTEGER NOT NULL CHECK (kind = 'chatter' OR chatter_id = 0),
    units INTEGER NOT NULL CHECK (units >= 0 OR kind = 'mint'),
    revision INTEGER NOT NULL,
    UNIQUE (channel_id, kind, chatter_id)
) STRICT;
CREATE INDEX accounts_by_units ON accounts (channel_id, units) WHERE kind = 'chatter';

-- The journal. A row debits one account and credits another with the same units: double entry that nothing can
-- unbalance. Rows are never changed or deleted, and name their invocation for ever; none where the host itself moved the units.
CREATE TABLE transfers (
    transfer_id INTEGER PRIMARY KEY,
    from_account_id INTEGER NOT NULL REFERENCES accounts,
    to_account_id INTEGER NOT NULL REFERENCES accounts,
    units INTEGER NOT NULL CHECK (units > 0),
    module TEXT,
    origin TEXT,
    invocation_id TEXT,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX transfers_by_payer ON transfers (from_account_id, module, at);

-- What an invocation that wrote something answered, for whoever asks again under its id.
CREATE TABLE outcomes (
    origin TEXT NOT NULL,
    invocation_id TEXT NOT NULL,
    replies TEXT NOT NULL CHECK (json_valid(replies)),
    at INTEGER NOT NULL,
    PRIMARY KEY (origin, invocation_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX outcomes_by_age ON outcomes (at);
