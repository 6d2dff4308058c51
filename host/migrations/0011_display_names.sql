-- The display name in lower case, where it is another text than the login: whoever is called by it is found by it.
ALTER TABLE seen_chatters ADD COLUMN name_key TEXT;
-- Letters beyond ASCII are lowered when the chatter is seen next; scripts without capitals need no lowering.
UPDATE seen_chatters SET name_key = lower(display_name) WHERE lower(display_name) <> login;
CREATE INDEX seen_chatters_by_name ON seen_chatters (channel_id, name_key) WHERE name_key IS NOT NULL;
