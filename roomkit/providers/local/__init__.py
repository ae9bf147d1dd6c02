"""The local provider: a shop's voice agent from parts that ship inside packages; no key, no network, no download."""
