"""Reads the JSON files that may lie beside the tables of a release, such as its audit."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from ...schemas.documents import DocumentError, parse_json
from ...schemas.errors import DataError
from ...schemas.plain_files import printable, read_inside

Part = TypeVar("Part", bound=BaseModel)


def read_part(path: Path, schema: type[Part]) -> Part | None:
    """What the file holds; None where there is none.

    Raises:
        DataError: it is malformed; the message names the field.
    """
    try:
        data = read_inside(path.parent, path.name) if path.parent.is_dir() else None
        return None if data is None else schema.model_validate(parse_json(data))
    except OSError as error:
        raise DataError(f"{printable(error.filename or path)}: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise DataError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except DocumentError as error:
        raise DataError(f"{path}: not JSON: {error}") from error
