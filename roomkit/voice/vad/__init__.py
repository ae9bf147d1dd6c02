"""Voice activity detection: the contract (`base`) and local engines, one file each."""
