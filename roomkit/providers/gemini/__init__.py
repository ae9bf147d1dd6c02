"""What Google offers. Import from the submodules (``roomkit.providers.gemini.realtime``): nothing is loaded here."""
