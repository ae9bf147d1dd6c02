"""What ElevenLabs offers: import from the submodules (``….elevenlabs.realtime``), nothing is loaded here."""
