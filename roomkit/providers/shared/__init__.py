"""What vendors have in common and none of them owns: reading, remembering, coding, keys, addresses, notices."""
