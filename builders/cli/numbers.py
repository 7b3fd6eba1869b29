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
