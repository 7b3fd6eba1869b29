"""The mining itself: pure functions from turns and answers to candidates. Nothing here waits, reads or writes."""
