"""What OpenAI offers. Import from the submodules (``roomkit.providers.openai.realtime``): nothing is loaded here."""
