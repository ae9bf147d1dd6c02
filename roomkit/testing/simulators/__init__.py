"""Simulated providers: servers with a script that a vendor's own client takes for the real thing.

`roomkit.testing` exports the public names. A vendor's folder holds a pure session (the protocol), two directors (what a
step of a script, or a word of a live agent, is on its wire) and a server (who is let in). Beside them stands what all
share: `server` and `door` (both ways in), `connection` (the one event loop), `playing` with `script` and `steps`,
`live_directing` with `live_agents` and `agent_behind`, `speech` and `sound` (what is said), `rules`, `account`, `later`
and `record`. xAI speaks OpenAI's protocol: its session has OpenAI's within it.
"""
