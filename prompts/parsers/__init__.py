"""Readers of models' replies. Each is total: a typed value or a named failure with the raw reply, never a default."""
