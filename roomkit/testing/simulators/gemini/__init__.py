"""The simulated Gemini Live server. Import from the submodules (``….gemini.server``): nothing is loaded here."""
