"""A build: reads sources, collects answers, assembles the tables, and rebuilds them for `verify`."""
