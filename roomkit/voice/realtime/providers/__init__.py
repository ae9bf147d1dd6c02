"""Realtime providers by vendor, under the names users import; each is loaded when first asked for."""
