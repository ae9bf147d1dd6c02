"""xAI's voice agent server, played from a script: OpenAI's simulated server with what xAI does otherwise."""
