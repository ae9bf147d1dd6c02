"""What can be measured of a conversation: latency records; metrics and traces follow."""
