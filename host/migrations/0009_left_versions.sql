-- What a roll-back goes to: the version that a channel left last, and the one that it had left before. Both are digests; NULL
-- where none is known.
ALTER TABLE channel_modules ADD COLUMN left_last BLOB CHECK (length(left_last) = 32);
ALTER TABLE channel_modules ADD COLUMN left_before BLOB CHECK (length(left_before) = 32);
-- The version that was the latest before the present one.
ALTER TABLE modules ADD COLUMN was_latest TEXT;
-- Whether it was told that a module whose fuse had blown came back by itself.
ALTER TABLE channel_modules ADD COLUMN blown_is_over INTEGER NOT NULL DEFAULT 0 CHECK (blown_is_over IN (0, 1));
-- Those that came back before this was noted are told of no more.
UPDATE channel_modules SET blown_is_over = 1 WHERE blown_until <= unixepoch() * 1000;
