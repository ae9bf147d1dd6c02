"""A simulated ElevenLabs Agents server; `roomkit.testing` exports the public names."""
