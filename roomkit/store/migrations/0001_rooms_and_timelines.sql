-- Rooms, their channels and people, and their timelines. The same layout as the SQLite store's: a row holds the model
-- as JSON beside the columns one searches by. `json`, not `jsonb`: text may hold U+0000, which jsonb cannot.

CREATE TABLE rooms (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    organization_id text,
    status text NOT NULL,
    event_count bigint NOT NULL DEFAULT 0,
    added_by uuid NOT NULL, -- the call that added it: asked again after a lost connection, it knows its own work
    body json NOT NULL
) WITH (fillfactor = 70); -- room for the next version of a row whose counter moves with every event

CREATE TABLE bindings (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room_id text NOT NULL,
    channel_id text NOT NULL,
    body json NOT NULL,
    UNIQUE (room_id, channel_id)
);
CREATE INDEX bindings_of_channel ON bindings (channel_id);

CREATE TABLE participants (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room_id text NOT NULL,
    id text NOT NULL,
    body json NOT NULL,
    UNIQUE (room_id, id)
);

CREATE TABLE events (
    room_id text NOT NULL,
    idx bigint NOT NULL,
    -- SHA-256 of room and idempotency key, or the 16 random bytes of a call without a key. Unique by itself, so that no
    -- plan can look it up by the room and read the whole timeline on the way.
    once bytea NOT NULL UNIQUE,
    visibility text NOT NULL,
    status text NOT NULL,
    deliveries json NOT NULL DEFAULT '{}',
    body json NOT NULL,
    PRIMARY KEY (room_id, idx)
);
