"""Whether the name under which an endpoint answered is the one that was asked for.

A served name may be another way to write it: with or without an organisation, as a path to the weights, with the date
or number of a snapshot where an alias was asked for (`gpt-4.1-mini` is served as `gpt-4.1-mini-2025-04-14`), with
`latest`. It may not be another size, another family, or another snapshot than one that was asked for by its date.
"""

import re

_FILE_END = re.compile(r"\.(?:gguf|safetensors|bin|pt)$")
_TAG = re.compile(r"(?:@[^/@]*|:(?:latest|free|main))$")
_STAMP = re.compile(r"[-_.](?:latest|preview|exp|\d{4}-\d{2}-\d{2}|\d{8}|\d{6}|\d{4}|\d{3}|\d{2}-\d{2}(?:-\d{2,4})?)$")
_NO_STAMP = ("latest", "preview", "exp")
_MOST_LETTERS = 400
_PARTS = 8


def is_same_model(asked: str, served: str) -> bool:
    """Whether `served` may be the model that was asked for as `asked`."""
    if asked == served:
        return True
    asked_names, served_names = _names(asked), _names(served)
    return any(_agree(asked_names[-1], name) for name in served_names) or any(
        _agree(name, served_names[-1]) for name in asked_names
    )


def _names(name: str) -> list[str]:
    """The parts of a path, each of which may be the model's name; the last is the likeliest."""
    plain = _TAG.sub("", name[:_MOST_LETTERS].casefold().strip().rstrip("/\\"))
    parts = [_FILE_END.sub("", part) for part in re.split(r"/|\\|--", plain) if part]
    return parts[-_PARTS:] or [""]


def _agree(one: str, other: str) -> bool:
    """Whether two names without paths are one model, the same snapshot where both name one."""
    (base, stamp), (other_base, other_stamp) = _stamped(one), _stamped(other)
    if not base or base != other_base:
        return False
    return stamp == other_stamp or stamp is None or other_stamp is None


def _stamped(name: str) -> tuple[str, str | None]:
    stamps = []
    while found := _STAMP.search(name):
        name = name[: found.start()]
        if found[0][1:] not in _NO_STAMP:
            stamps.append(found[0][1:].replace("-", ""))
    return name, "-".join(stamps) or None
