"""One package a vendor: its configuration, its dialect and what it offers. Nothing is loaded here."""
