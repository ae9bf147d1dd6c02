"""The conversation engine: hooks, permissions, inbound pipeline, delivery, locks."""
