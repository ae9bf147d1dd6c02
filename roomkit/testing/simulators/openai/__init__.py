"""The OpenAI Realtime server (GA protocol), played from a script."""
