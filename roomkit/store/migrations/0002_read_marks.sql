-- How far a channel's people have read, beside the body: it moves often, in any process, and never back.

ALTER TABLE bindings ADD COLUMN last_read_index bigint;
ALTER TABLE participants ADD COLUMN last_read_index bigint;
