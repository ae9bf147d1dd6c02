"""The session engine: one caller's live conversation, one idea a file."""
