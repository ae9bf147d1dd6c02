"""Simulated providers: servers with a script that a vendor's own client takes for the real thing.

`roomkit.testing` exports the public names. One vendor's simulator is a pure session (the protocol), a director (the
script) and a connection (the event loop); `steps`, `script`, `record` and `sound` are shared by all vendors.
"""
