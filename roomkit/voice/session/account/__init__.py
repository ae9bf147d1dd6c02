"""What a session uses and costs, and the budget that bounds it."""
