"""What a release holds besides its manifest that its card and `croissant.json` show."""

from dataclasses import dataclass

from ..schemas.audit import Audit
from ..schemas.publishing import AcceptedGate, Maintainers
from ..schemas.review import Review
from ..schemas.safety import CrisisCounts
from ..schemas.study import Validation
from .licences import Origin


@dataclass(frozen=True)
class CardContext:
    """What else there is to tell, as far as the release has it."""

    origins: tuple[Origin, ...] = ()
    """The sources and licences that its dialogues name."""
    crisis_recall: str = "an unknown share of them."
    """How much the rules that look for a crisis find, in words."""
    changelog: str = ""
    """What CHANGELOG.md says of this version, without its heading."""
    audit: Audit | None = None
    """The audit of these very tables; None where there is none."""
    accepted: tuple[AcceptedGate, ...] = ()
    """Gates that did not pass and that the maintainer accepted."""
    review: Review | None = None
    """What people said of the release's pairs and of dialogues that are held out."""
    validation: Validation | None = None
    """What training on these very tables showed; None where they were not validated."""
    crises: CrisisCounts | None = None
    """What is held out, seen and unread apart; None where the release holds nothing out."""
    maintainers: Maintainers | None = None
    """What people said beside all that; None where they said nothing."""
    pictures: tuple[str, ...] = ()
    """Paths of the pictures that lie in the release."""
