-- What a channel said of a module. `enabled` is NULL where nobody switched it. `accepted` is the digest of the version whose
-- requests were granted here, `pinned` the version that the channel stays on. A fuse has blown for one digest: for good where
-- `blown_until` is NULL, and `blown_times` in a row.
CREATE TABLE channel_modules (
    channel_id INTEGER NOT NULL REFERENCES channels,
    module TEXT NOT NULL,
    enabled INTEGER CHECK (enabled IN (0, 1)),
    accepted BLOB CHECK (length(accepted) = 32),
    pinned TEXT,
    blown_digest BLOB CHECK (length(blown_digest) = 32),
    blown_until INTEGER,
    blown_times INTEGER NOT NULL DEFAULT 0 CHECK (blown_times >= 0),
    PRIMARY KEY (channel_id, module)
) STRICT, WITHOUT ROWID;
INSERT INTO channel_modules (channel_id, module, enabled) SELECT channel_id, module, enabled FROM switched_modules;
DROP TABLE switched_modules;

-- What was uploaded. The components themselves are files, named by their digest. A name belongs to the key that brought it
-- first; NULL is the command line. A canary is a version that only some channels have.
CREATE TABLE modules (
    name TEXT PRIMARY KEY,
    publisher TEXT,
    canary TEXT,
    canary_channels TEXT CHECK (json_valid(canary_channels)),
    CHECK ((canary IS NULL) = (canary_channels IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE module_versions (
    version_id INTEGER PRIMARY KEY,
    module TEXT NOT NULL REFERENCES modules,
    version TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    manifest TEXT NOT NULL CHECK (json_valid(manifest)),
    uploaded_at INTEGER NOT NULL,
    uploaded_by TEXT,
    withdrawn_at INTEGER,
    UNIQUE (module, version)
) STRICT;
