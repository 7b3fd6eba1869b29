"""The key of a review: which pair an item is, and which side stands where. Never for annotators."""

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from ...schemas.base import Frozen
from ...schemas.config import Config
from ...schemas.documents import DocumentError, read_json
from ...schemas.errors import UsageError

FILE_NAME = "key.json"
NOTE = "Do not give this file to annotators: it says which reply is which."


class KeyItem(Frozen):
    """What an item is."""

    row_id: str
    """The pair's."""
    dialogue_id: str
    """The dialogue's."""
    a: Literal["chosen", "rejected"]
    """The side that stands as reply A."""


class Key(Frozen):
    """What `review import` needs besides the filled sheets."""

    note: str = NOTE
    format: Literal[1] = 1
    version: str
    """Of the release that was sampled."""
    config: Config
    """The config that was sampled."""
    stratify: tuple[str, ...]
    """What it was stratified by."""
    seed: int
    """Of the sample and of the order of sides."""
    items: dict[str, KeyItem] = Field(min_length=1)
    """By the item's id, in the order of the sheet."""


def read_key(path: Path) -> Key:
    """The key in a file.

    Raises:
        UsageError: it is none; the message names the field.
    """
    try:
        return Key.model_validate(read_json(path))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise UsageError(f"{path}: no review key: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except DocumentError as error:
        raise UsageError(f"{path}: no review key: not JSON: {error}") from error
