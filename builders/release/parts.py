"""Reads the JSON files that may lie beside the tables of a release, such as its audit."""

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from ...schemas.errors import DataError

Part = TypeVar("Part", bound=BaseModel)


def read_part(path: Path, schema: type[Part]) -> Part | None:
    """What the file holds; None where there is none.

    Raises:
        DataError: it is malformed; the message names the field.
    """
    if not path.is_file():
        return None
    try:
        return schema.model_validate(json.loads(path.read_bytes()))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise DataError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}") from error
