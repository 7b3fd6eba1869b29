"""Checkpoints behind OpenAI-compatible endpoints on this machine, for as long as they are used."""
