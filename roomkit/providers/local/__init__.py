"""The local provider: a voice agent for a shop, from parts that ship inside packages; no key, no network, no download."""
