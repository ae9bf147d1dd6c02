"""What people open: the demo server and its page, and a caller that plays a recording to it."""
