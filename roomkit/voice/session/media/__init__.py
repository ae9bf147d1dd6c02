"""The media lane: audio both ways, and whether the agent is heard. Synchronous throughout."""
