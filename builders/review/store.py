"""`review.json` in a release folder."""

import json
from pathlib import Path

from pydantic import ValidationError

from ...schemas.errors import DataError
from ...schemas.manifest import FileRecord
from ...schemas.review import FILE_NAME, Review
from ..release.write import write_text


def read_review(root: Path) -> Review | None:
    """The review of a release; None where people have not looked at it.

    Raises:
        DataError: the file is no review; the message names the field.
    """
    path = root / FILE_NAME
    if not path.is_file():
        return None
    try:
        return Review.model_validate(json.loads(path.read_bytes()))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise DataError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}") from error


def write_review(root: Path, review: Review) -> FileRecord:
    """Writes it, and tells what the manifest should say of it."""
    return write_text(root / FILE_NAME, json.dumps(review.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n")
