"""Transports: how audio and messages reach a caller."""
