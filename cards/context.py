"""What the card and `croissant.json` show of a release besides its manifest."""

from dataclasses import dataclass

from ..schemas.audit import Audit
from ..schemas.publishing import AcceptedGate, Maintainers
from ..schemas.review import Review
from ..schemas.safety import CrisisCounts
from ..schemas.study import Validation
from .licences import Origin


@dataclass(frozen=True)
class CardContext:
    """Everything is optional: the card leaves out what a release does not have."""

    origins: tuple[Origin, ...] = ()
    """The sources and licences that its dialogues name."""
    crisis_recall: str = "an unknown share of them."
    """The measured recall of the crisis rules, in words: the end of the sentence 'Rules find …'."""
    changelog: str = ""
    """The entry of CHANGELOG.md for this version, without its heading."""
    audit: Audit | None = None
    """The audit of these very tables."""
    accepted: tuple[AcceptedGate, ...] = ()
    """Gates that did not pass and that the maintainer accepted."""
    review: Review | None = None
    """The review of pairs and of held-out dialogues by people."""
    validation: Validation | None = None
    """The validation of these very tables by training."""
    crises: CrisisCounts | None = None
    """The number of held-out dialogues, with and without a sign of a crisis; None if the release holds none out."""
    maintainers: Maintainers | None = None
    """The maintainers' own section and keys."""
    pictures: tuple[str, ...] = ()
    """Paths of the release's pictures."""
