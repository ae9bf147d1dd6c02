"""The provider links of one session: dialled, serving, replaced, and what survives that."""
