"""Corpora become dialogues here: one file a shape, `open_source` to find the right one."""
