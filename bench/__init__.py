"""What it costs: our servers beside bare relays, on the same machine in the same run. ``python -m bench`` prints it.

Each measured server is a process of its own, pinned to one core; callers and the provider live together in the
process that measures, pinned to another, so that one clock stamps both ends. Nothing here is asserted in a test.
"""
