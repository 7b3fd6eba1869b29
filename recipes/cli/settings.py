"""Reads `--set NAME=VALUE`."""

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from ...schemas.errors import UsageError

_WORDS = ("no", "off", "on", "yes")
"""What YAML 1.1 takes for truth values, and trainers take as names, such as `eval_strategy=no`, or as either."""


def read_settings(given: Sequence[str], *, dotted: bool = False) -> Iterator[tuple[str, Any]]:
    """The settings in `NAME=VALUE` words; a value is read as YAML reads it, but `no` and its like stay words.

    Args:
        given: the words.
        dotted: whether a name may be of several parts, as in `planner.sft.max_steps`.

    Raises:
        UsageError: there is no equals sign, or no name before it, or the value is no YAML.
    """
    for word in given:
        name, equals, value = word.partition("=")
        parts = name.split(".") if dotted else [name]
        if not equals or not all(part.isidentifier() for part in parts):
            raise UsageError(f"--set: {word!r} is not of the form NAME=VALUE")
        try:
            yield name, value if value.lower() in _WORDS else yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(f"--set: {name}: {value!r} is no value: {' '.join(str(error).split())}") from error
