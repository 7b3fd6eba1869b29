"""Trains what a recipe says with TRL's own trainers, and writes down what the run was."""
