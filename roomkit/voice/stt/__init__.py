"""Speech to text: the contract (`base`) and local engines, one file each."""
