-- What creators entered for a module's secret settings, sealed by a key that is not in this file.
CREATE TABLE secrets (
    channel_id INTEGER NOT NULL REFERENCES channels,
    module TEXT NOT NULL,
    key TEXT NOT NULL,
    sealed BLOB NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (channel_id, module, key)
) STRICT, WITHOUT ROWID;
