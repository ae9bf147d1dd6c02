"""Text to speech: the contract (`base`) and local engines, one file each."""
