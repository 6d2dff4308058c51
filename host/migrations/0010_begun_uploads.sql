-- Uploads whose bytes were being saved while their version was not noted yet. Of the folder's files only these may be deleted
-- after a crash: a file that the database knows nothing of may belong to another copy of the database.
CREATE TABLE begun_uploads (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32)
) STRICT, WITHOUT ROWID;

-- What `PRAGMA user_version` says: a dump keeps tables, and no pragma.
CREATE TABLE schema_version (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO schema_version VALUES (1, 10);

-- In older versions of SQLite json_valid(NULL) is false, so that a restored dump lacked each module without a canary.
-- Versions refer to modules: their rows are without one until the end of this step.
PRAGMA defer_foreign_keys = ON;
CREATE TABLE modules_before AS SELECT name, publisher, canary, canary_channels, was_latest FROM modules;
DROP TABLE modules;
CREATE TABLE modules (
    name TEXT PRIMARY KEY,
    publisher TEXT,
    canary TEXT,
    canary_channels TEXT CHECK (canary_channels IS NULL OR json_valid(canary_channels)),
    was_latest TEXT,
    CHECK ((canary IS NULL) = (canary_channels IS NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO modules SELECT name, publisher, canary, canary_channels, was_latest FROM modules_before;
DROP TABLE modules_before;
