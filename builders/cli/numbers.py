"""Numbers on the command line."""

import argparse
from collections.abc import Callable


def _number(kind: Callable[[str], float], what: str) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if value <= 0:
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
        return value

    return read


whole = _number(int, "a whole number above 0")
"""Reads a whole number above 0."""

positive = _number(float, "a number above 0")
"""Reads a number above 0."""


def share(text: str) -> float:
    """Reads a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value
