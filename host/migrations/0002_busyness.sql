-- How busy a channel's chat is, for what comes first where not all can: the logarithm to the base 2 of its messages, each
-- of which weighs twice as much as one of a day before. Zero is a channel that nobody ever wrote in.
ALTER TABLE channels ADD COLUMN busyness REAL NOT NULL DEFAULT 0;
