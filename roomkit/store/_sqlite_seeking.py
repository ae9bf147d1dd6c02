"""Which rooms may be a sender's, in SQLite: by indices of what a room, its people and its bindings hold as JSON.

Not in here: which of them it is (`roomkit.core.routing` decides). Invariant: of ten thousand rooms opened for others
none is read. The indices are made when a file is opened that has none: they are no part of what is stored.
"""

from __future__ import annotations

INDICES = """
CREATE INDEX IF NOT EXISTS rooms_opened_for ON rooms (json_extract(body, '$.metadata.opened_for'));
CREATE INDEX IF NOT EXISTS rooms_of_thread ON rooms (json_extract(body, '$.metadata.thread_id'));
CREATE INDEX IF NOT EXISTS bindings_of_participant ON bindings (channel_id, json_extract(body, '$.participant_id'));
CREATE INDEX IF NOT EXISTS participants_by_id ON participants (id);
CREATE INDEX IF NOT EXISTS participants_linked ON participants (room_id)
    WHERE json_extract(body, '$.addresses[0]') IS NOT NULL;
"""

SEEK = """
WITH sought (id) AS (
    SELECT id FROM rooms WHERE json_extract(body, '$.metadata.opened_for') = :sender
    UNION SELECT id FROM rooms WHERE json_extract(body, '$.metadata.opened_for') IS NULL
    UNION SELECT id FROM rooms WHERE json_extract(body, '$.metadata.thread_id') = :thread
    UNION SELECT room_id FROM participants WHERE id = :sender
    UNION SELECT room_id FROM participants
        WHERE json_extract(body, '$.addresses[0]') IS NOT NULL AND instr(body, :address)
    UNION SELECT room_id FROM bindings
        WHERE channel_id = :channel AND json_extract(body, '$.participant_id') = :sender
)
SELECT rooms.id FROM sought CROSS JOIN rooms ON rooms.id = sought.id
    CROSS JOIN bindings ON bindings.room_id = rooms.id AND bindings.channel_id = :channel
WHERE rooms.status IN ('active', 'paused') ORDER BY rooms.n
"""
