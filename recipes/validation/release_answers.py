"""The questions about the release itself, which its tables answer."""

from ...schemas.audit import Audit
from ...schemas.validation import Answered
from ..data.release import PinnedRelease
from .preconditions import ANCHORED, TELLABLE, Name, enough_rows, found
from .questions import LEAKAGE, SIDES, SIDES_BY_WORDS, STRATEGIES
from .sides import anchored_share, human_turns, look_at_sides, worst
from .splits import leaked
from .told_apart import tell_apart
from .variety import largest_strategy
from .verdicts import answer

_WITHHELD = "the dialogues' words are withheld by their licence: build the release from its sources, and validate that"


def answer_release(release: PinnedRelease, audit: Audit) -> tuple[Answered, ...]:
    """Every question about the release.

    Raises:
        DataError: a table cannot be read.
    """
    human = human_turns(release)
    sides, apart = look_at_sides(release, human), tell_apart(release)
    strategies = largest_strategy(release)
    anchored, tellable = anchored_share(sides), apart.tellable
    words = found(Name.WORDS, bool(human), f"{len(human)} human turns" if human else _WITHHELD)
    able = tellable.low is not None and tellable.low > TELLABLE
    conditions = {
        **words,
        **found(Name.ANCHORED, anchored >= ANCHORED, f"{anchored:.0%} of pairs have a side that is the human's"),
        **found(Name.TELLABLE, able, f"human and inferred sides are told apart with AUC {_told(tellable.value)}"),
        **enough_rows(strategies.n),
    }
    return (
        answer(SIDES, worst(sides), conditions, "no pair has a side that is the human's"),
        answer(SIDES_BY_WORDS, apart.swapped, conditions, "there are too few dialogues with pairs"),
        answer(LEAKAGE, leaked(release, audit), conditions, "there are no dialogues to compare"),
        answer(STRATEGIES, strategies, conditions, "no row names a strategy"),
    )


def _told(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"
