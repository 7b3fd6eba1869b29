"""The rows that a recipe trains on: from a pinned release, and cut to the length that a model can take."""
