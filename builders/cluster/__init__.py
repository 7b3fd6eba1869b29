"""Asking on many machines: the same conversations and wrappers inside Ray actors. Nothing outside knows Ray."""
