"""The mining loop of the paper: train, serve, mine, train on what was mined, evaluate."""
