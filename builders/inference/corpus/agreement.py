"""How far the embedded judge agrees with a language model's published verdicts, for the card."""

from importlib import resources

from pydantic import Field

from ....schemas.base import Frozen
from ....schemas.error_type import ErrorType

FILE_NAME = "agreement.json"
"""Stands beside this file; `tests/measure_corpus.py --write` makes it anew, and a test compares the two."""


class Kappa(Frozen):
    """Agreement of two judges on one yes-or-no question."""

    kappa: float = Field(ge=-1, le=1)
    """Cohen's kappa: 0 is chance, 1 is perfect."""
    corpus: int = Field(ge=0)
    """Replies of which the embedded judge says yes."""
    published: int = Field(ge=0)
    """Replies of which the published judge says yes."""


class Agreement(Frozen):
    """The embedded judge beside the published one."""

    measured_on: str
    """Which replies."""
    published_judge: str
    """Which judge it is compared with."""
    fitted_on: str
    """What the embedded judge knows words from: none of the dialogues that it judges."""
    algorithm: int
    """Version of the embedded models that was measured."""
    rows: int = Field(ge=0)
    """Published verdicts."""
    aligned: int = Field(ge=0)
    """Those whose reply was found in the corpus, with its history; in order, by strategy and words."""
    n: int = Field(ge=0)
    """Those of them that answer a seeker: what is compared."""
    flagged: Kappa
    """Whether a reply has any error; the published judge knows two more kinds than the embedded one."""
    errors: dict[ErrorType, Kappa]
    """Each error against all else, of those that the embedded judge knows."""


def known_agreement() -> Agreement:
    """The agreement as measured for this version of the package."""
    text = resources.files(__package__).joinpath(FILE_NAME).read_text(encoding="utf-8")
    return Agreement.model_validate_json(text)
