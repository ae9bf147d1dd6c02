"""The voice cascade: VAD, endpointing, speech to text, a text model and text to speech joined into a provider link."""
