"""A training run: its arguments, its environment, the model it starts from, and its record."""
