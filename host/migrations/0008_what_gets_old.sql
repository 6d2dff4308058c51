-- Where to find what a request made, for an answer that is given again.
ALTER TABLE idempotent_answers ADD COLUMN location TEXT;

-- Whoever has not been seen for long is looked for by that.
CREATE INDEX seen_chatters_by_age ON seen_chatters (seen_at);

-- Lines of the audit from before these moments may go; a moment only rises. Each call of a command over HTTP is a line, and so
-- these have one of their own.
CREATE TABLE audit_horizons (
    class TEXT PRIMARY KEY CHECK (class IN ('calls', 'changes')),
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO audit_horizons VALUES ('calls', 0), ('changes', 0);
CREATE TRIGGER audit_horizons_only_rise BEFORE UPDATE ON audit_horizons WHEN NEW.at < OLD.at OR NEW.class <> OLD.class
BEGIN SELECT RAISE(ABORT, 'a horizon of the audit only rises'); END;
CREATE TRIGGER audit_horizons_stay BEFORE DELETE ON audit_horizons
BEGIN SELECT RAISE(ABORT, 'a horizon of the audit only rises'); END;
DROP TRIGGER audit_is_not_deleted;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
WHEN OLD.at >= (SELECT at FROM audit_horizons WHERE class = iif(OLD.action = 'call-command', 'calls', 'changes'))
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
