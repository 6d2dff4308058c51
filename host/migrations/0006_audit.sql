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
