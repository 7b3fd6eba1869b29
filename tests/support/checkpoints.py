"""Checkpoints for tests: a model from random weights, made in seconds and trained on nothing."""

from pathlib import Path

from ipm_prefdial.recipes.tiny import make_tiny


def untrained(folder: Path, seed: int = 0) -> Path:
    """The folder, with a model of some thousand weights and its tokenizer in it."""
    texts = ["I feel alone, and nobody asks.", "What would help you tonight?"]
    make_tiny(folder, texts, width=16, layers=1, vocabulary=300, positions=512, seed=seed)
    return folder
