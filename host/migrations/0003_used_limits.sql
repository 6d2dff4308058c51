-- What each bot account had used of Twitch's limits when its process ended, for the next process. NULL while one runs: if it
-- is still there at a start, that process ended without a word.
CREATE TABLE used_limits (
    account TEXT PRIMARY KEY,
    messages INTEGER,
    joins INTEGER,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
