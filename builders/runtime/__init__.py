"""Where a command runs: its machine and versions, its engine, and how it shows progress."""
