"""`review.json` in a release folder."""

import json
from pathlib import Path

from ...schemas.review import FILE_NAME, Review
from ..release.parts import read_part


def read_review(root: Path) -> Review | None:
    """The review of a release; None where people have not looked at it.

    Raises:
        DataError: the file is no review; the message names the field.
    """
    return read_part(root / FILE_NAME, Review)


def review_json(review: Review) -> str:
    """The contents of `review.json`."""
    return json.dumps(review.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
