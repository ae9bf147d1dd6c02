"""What is true of a room, as data. Import names from the submodules (or from ``roomkit``)."""
