"""The facade without rooms, to come. Its place in the layers is above the kit."""
