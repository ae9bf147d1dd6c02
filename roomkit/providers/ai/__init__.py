"""Text models that belong to no vendor."""
