"""Reads `--set NAME=VALUE`."""

from collections.abc import Iterator, Sequence
from typing import Any

from ...schemas.documents import DocumentError, parse_yaml
from ...schemas.errors import UsageError

_WORDS = ("no", "off", "on", "yes")
"""What YAML 1.1 takes for truth values, and trainers take as names, such as `eval_strategy=no`, or as either."""


def read_settings(given: Sequence[str], *, dotted: bool = False) -> Iterator[tuple[str, Any]]:
    """The settings in `NAME=VALUE` words; a value is read as YAML reads it, but `no` and its like stay words.

    Args:
        given: the words.
        dotted: whether a name may be of several parts, as in `planner.sft.max_steps`.

    Raises:
        UsageError: there is no equals sign, or no name before it, or the value is not YAML.
    """
    for word in given:
        name, equals, value = word.partition("=")
        parts = name.split(".") if dotted else [name]
        if not equals or not all(part.isidentifier() for part in parts):
            raise UsageError(f"--set: {word!r} is not of the form NAME=VALUE")
        try:
            yield name, value if value.lower() in _WORDS else parse_yaml(value)
        except DocumentError as error:
            raise UsageError(f"--set: {name}: {value[:60]!r} is not a value: {error}") from error
