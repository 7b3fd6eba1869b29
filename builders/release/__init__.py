"""A release folder: what is in it, how it is written and read, and how its promises are checked."""
