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
