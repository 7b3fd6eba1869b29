"""Scores systems: their answers over a release's held-out turns, or those in files that others wrote."""
