"""Serving of trained checkpoints on this machine, for as long as a command needs them."""
