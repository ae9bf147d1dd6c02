"""What xAI offers. Import from the submodules (``roomkit.providers.xai.realtime``): nothing is loaded here."""
