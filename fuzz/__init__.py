"""Coverage-guided runs against whatever reads what somebody else sent: ``make fuzz SECONDS=60 TARGET=gemini``.

An input is a conversation, a step a line, so that one can read what broke something (`steps`). A target (`targets`) is
a function of such an input that raises when something is wrong; it needs no fuzzer, and the tests call it with
everything that was ever found (``tests/wire/found``). Only `engine` knows the fuzzer. Not in here: what must hold for a
dialect, ``tests/wire/invariants.py``, which the seeded runs of ``make test`` share.
"""
