-- Who changed what. Values are texts for people. A row says where a change came from, and stays as it was written.
CREATE TABLE audit (
    audit_id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL CHECK (actor IN ('key', 'claim', 'chatter', 'command-line', 'host')),
    key_id TEXT,
    key_name TEXT,
    chatter_id INTEGER,
    login TEXT,
    address TEXT,
    action TEXT NOT NULL,
    channel_id INTEGER,
    subject TEXT NOT NULL,
    before TEXT,
    after TEXT
) STRICT;
-- The newest of what a filter lets through come first, without sorting. Where one may let much through, what a second filter
-- looks at is in the index too: a million lines are passed over without being read.
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_actor ON audit (actor, at);
CREATE INDEX audit_by_key ON audit (key_id, at, audit_id, action, actor) WHERE key_id IS NOT NULL;
CREATE INDEX audit_by_chatter ON audit (chatter_id, at) WHERE chatter_id IS NOT NULL;
CREATE INDEX audit_by_channel ON audit (channel_id, at, audit_id, action, subject, actor) WHERE channel_id IS NOT NULL;
CREATE INDEX audit_by_subject ON audit (subject, at, audit_id, action, actor);
CREATE INDEX audit_by_action ON audit (action, at);

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
-- A replaced row fires no trigger of deletion.
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit WHEN NEW.audit_id IN (SELECT audit_id FROM audit)
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

-- What was one cap of a call counted both ways of moving; the cap of a day counted what was paid out.
ALTER TABLE grants ADD COLUMN http_hosts TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(http_hosts));
ALTER TABLE grants ADD COLUMN payments_per_invocation TEXT;
ALTER TABLE grants ADD COLUMN payments_per_chatter TEXT;
ALTER TABLE grants ADD COLUMN payments_per_day TEXT;
ALTER TABLE grants ADD COLUMN treasury_per_invocation TEXT;
ALTER TABLE grants ADD COLUMN treasury_per_chatter TEXT;
ALTER TABLE grants ADD COLUMN treasury_per_day TEXT;
UPDATE grants SET payments_per_invocation = most_per_invocation, treasury_per_invocation = most_per_invocation,
    treasury_per_day = most_per_day;
ALTER TABLE grants DROP COLUMN most_per_invocation;
ALTER TABLE grants DROP COLUMN most_per_day;

-- What a module moves in a channel, by the capability that moves it: the scope that two calls conflict on where a cap of a
-- day is set. Older transfers have none, and were made when no module had such a cap.
CREATE TABLE budgets (
    budget_id INTEGER PRIMARY KEY,
    channel_id INTEGER NOT NULL REFERENCES channels,
    module TEXT NOT NULL,
    budget TEXT NOT NULL CHECK (budget IN ('payments', 'treasury')),
    revision INTEGER NOT NULL,
    UNIQUE (channel_id, module, budget)
) STRICT;
ALTER TABLE transfers ADD COLUMN caller_id INTEGER;
ALTER TABLE transfers ADD COLUMN budget_id INTEGER REFERENCES budgets;
DROP INDEX transfers_by_payer;
CREATE INDEX transfers_by_day ON transfers (budget_id, at, units) WHERE budget_id IS NOT NULL;
CREATE INDEX transfers_by_caller ON transfers (budget_id, caller_id, at, units) WHERE budget_id IS NOT NULL;

-- The version of the module that wrote last; NULL where it was not noted.
ALTER TABLE storages ADD COLUMN written_by TEXT;
