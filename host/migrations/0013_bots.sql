-- The bot accounts. The Twitch id is NULL until an account's first log-in has told it: the configuration names a login. Other tables
-- refer to the row, so that they follow at once when the id becomes known. Twitch recycles logins: several accounts may have had one,
-- and the one seen last has it now.
CREATE TABLE bots (
    bot INTEGER PRIMARY KEY,
    login TEXT NOT NULL,
    twitch_id INTEGER UNIQUE,
    -- The order of the last log-ins. No moment: a clock that was once ahead would win for ever.
    seen INTEGER
) STRICT;
CREATE UNIQUE INDEX bots_without_id ON bots (login) WHERE twitch_id IS NULL;
-- A login reads in lower case, so a row that somebody wrote by hand in capitals means the same account.
INSERT INTO bots (login)
    SELECT lower(account) FROM wanted UNION SELECT lower(bot) FROM channels UNION SELECT lower(account) FROM used_limits;

ALTER TABLE channels RENAME COLUMN bot TO bot_login;
ALTER TABLE channels ADD COLUMN bot INTEGER REFERENCES bots;
UPDATE channels SET bot = (SELECT bots.bot FROM bots WHERE bots.login = lower(bot_login));
ALTER TABLE channels DROP COLUMN bot_login;
CREATE INDEX channels_by_bot ON channels (bot);

CREATE TABLE wanted_before AS SELECT login, channel_id, account, wanted, changed_at FROM wanted;
DROP TABLE wanted;
-- A login is a row's name because a seed is known by nothing else at first. A row that is not wanted is a stored leave.
CREATE TABLE wanted (
    login TEXT PRIMARY KEY,
    channel_id INTEGER UNIQUE,
    bot INTEGER NOT NULL REFERENCES bots,
    wanted INTEGER NOT NULL CHECK (wanted IN (0, 1)),
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO wanted
    SELECT wanted_before.login, channel_id, bot, wanted, changed_at
    FROM wanted_before JOIN bots ON bots.login = lower(wanted_before.account);
DROP TABLE wanted_before;
CREATE INDEX wanted_by_bot ON wanted (bot);

CREATE TABLE used_limits_before AS SELECT account, messages, joins, at FROM used_limits;
DROP TABLE used_limits;
-- What each bot account had used of Twitch's limits when its process ended, for the next process. NULL while one runs: if it
-- is still there at a start, that process ended without a word.
CREATE TABLE used_limits (
    bot INTEGER PRIMARY KEY REFERENCES bots,
    messages INTEGER,
    joins INTEGER,
    at INTEGER NOT NULL
) STRICT;
INSERT OR REPLACE INTO used_limits SELECT bot, messages, joins, at FROM used_limits_before JOIN bots ON login = lower(account);
DROP TABLE used_limits_before;
