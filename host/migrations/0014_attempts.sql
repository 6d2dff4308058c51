-- The attempt that committed the invocation: one that is asked for again, because its answer was lost, is no duplicate of itself.
-- NULL where a program committed that did not number its attempts.
ALTER TABLE outcomes ADD COLUMN attempt INTEGER;
