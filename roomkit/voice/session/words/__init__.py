"""The conversation lane's work: what was said, judged, heard, and put on the record."""
