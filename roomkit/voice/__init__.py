"""Everything about voice below the channels: audio, wires, transports, providers' contracts and the session engine."""
