"""RoomKit: voice agents and people in one conversation."""
