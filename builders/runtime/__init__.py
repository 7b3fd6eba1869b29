"""The runtime of a command: its machine and versions, its engine, and its progress display."""
