"""What must hold before an answer means anything, by name; each is found once and serves many questions."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from ...schemas.measures import Interval
from ...schemas.validation import Precondition
from ..metrics.bias import MOST_INVALID

TURNS, DIALOGUES = 300, 30
"""Test turns, and dialogues that they come from, from which an interval over dialogues can be trusted."""
PAIRS = 50
"""Pairs from which a share of them can be told."""
SEEDS = 3
"""Trainings of every model from which something can be told of what the data, and not chance, gave."""
ROWS = 12
"""Rows from which it can be told that they do not all name one strategy."""
ANCHORED = 0.5
"""Share of pairs in which one of the sides must be the human's."""
TELLABLE = 0.55
"""AUC from which human words can be told from inferred ones well enough to see whether sides are swapped."""


class Name(StrEnum):
    """Every precondition."""

    WORDS = "words"
    """The release holds its dialogues' words, and not digests alone."""
    ANCHORED = "anchored"
    """In most pairs one side is what the human did."""
    TELLABLE = "tellable"
    """Human and inferred replies can be told apart at all."""
    ENOUGH_ROWS = "enough_rows"
    ENOUGH_PAIRS = "enough_pairs"
    ENOUGH_TURNS = "enough_turns"
    ENOUGH_SEEDS = "enough_seeds"
    FEW_INVALID = "few_invalid"
    """No compared system answers often with what is no strategy."""
    SOUND = "sound"
    """No question about the release itself is answered with no."""
    PRETRAINED = "pretrained"
    """The models were not made from random weights."""
    BEATS_MAJORITY = "beats_majority"
    """The planner is better than the most frequent strategy, with its whole interval."""
    NOT_COLLAPSED = "not_collapsed"
    """No system answers nearly every turn in one way."""
    JUDGED = "judged"
    """A model judged the replies; the embedded judge knows three of five errors."""
    INDEPENDENT = "independent_judge"
    """No judge of the replies made the judgements that the pairs rest on, or is a model that it judges."""


Found = Mapping[Name, Precondition]
"""What was found of each precondition."""


def found(name: Name, holds: bool, told: str) -> dict[Name, Precondition]:
    """One precondition as it was found."""
    return {name: Precondition(name=name.value, holds=holds, told=told)}


def enough_turns(turns: int, dialogues: int) -> dict[Name, Precondition]:
    """Whether so many turns of so many dialogues are enough."""
    holds = turns >= TURNS and dialogues >= DIALOGUES
    return found(Name.ENOUGH_TURNS, holds, f"{turns} turns of {dialogues} dialogues; wanted are {TURNS} of {DIALOGUES}")


def enough_pairs(pairs: int, hard: int, of: int) -> dict[Name, Precondition]:
    """Whether so many scored pairs, of the hard ones among all test pairs, are enough."""
    told = f"{pairs} of the {hard} of {of} test pairs that length and words do not tell apart; wanted are {PAIRS}"
    return found(Name.ENOUGH_PAIRS, pairs >= PAIRS, told)


def enough_seeds(seeds: int) -> dict[Name, Precondition]:
    """Whether models were trained with enough seeds."""
    return found(Name.ENOUGH_SEEDS, seeds >= SEEDS, f"{seeds} seed{'s' * (seeds != 1)}; wanted are {SEEDS}")


def few_invalid(largest: float | None) -> dict[Name, Precondition]:
    """Whether the largest share of invalid answers of any compared system and seed is small."""
    value = "not measured" if largest is None else f"{largest:.0%} of a system's answers"
    holds = largest is not None and largest <= MOST_INVALID
    return found(Name.FEW_INVALID, holds, f"invalid are {value}; the limit is {MOST_INVALID:.0%}")


def independent(conflicts: Sequence[str]) -> dict[Name, Precondition]:
    """Whether no judge has a stake in what it judges."""
    return found(Name.INDEPENDENT, not conflicts, "; ".join(conflicts) or "no judge has a stake in what it judges")


def enough_rows(rows: int) -> dict[Name, Precondition]:
    """Whether the table that is looked at has rows enough."""
    return found(Name.ENOUGH_ROWS, rows >= ROWS, f"{rows} rows; wanted are {ROWS}")


def pretrained(bases: set[str], random: str) -> dict[Name, Precondition]:
    """Whether no model was made from random weights, which is what `random` calls them."""
    told = (
        "random weights, on this little data, show that everything runs"
        if random in bases
        else ", ".join(sorted(bases))
    )
    return found(Name.PRETRAINED, random not in bases, told)


def beats_majority(difference: Interval) -> dict[Name, Precondition]:
    """Whether the planner's lead over the majority is above 0 with its whole interval."""
    holds = difference.low is not None and difference.low > 0
    value = "not measured" if difference.value is None else f"by {difference.value:.3f}"
    low = "" if difference.low is None else f", at least {difference.low:.3f}"
    return found(Name.BEATS_MAJORITY, holds, f"the planner is ahead of the majority {value}{low}")


def not_collapsed(largest: Interval, limit: float) -> dict[Name, Precondition]:
    """Whether no system's most frequent answer is nearly every answer."""
    holds = largest.value is not None and largest.value < limit
    value = "nothing was measured" if largest.value is None else f"sameness of answers is {largest.value:.2f}"
    return found(Name.NOT_COLLAPSED, holds, f"{value}; the limit is {limit:g}")


def judged(models: int, embedded: int) -> dict[Name, Precondition]:
    """Whether a model judged."""
    told = f"{models} models judged" if models else "the embedded judge alone" if embedded else "no --judge was named"
    return found(Name.JUDGED, models > 0, told)
