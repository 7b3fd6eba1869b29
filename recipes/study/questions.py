"""The questions of a validation: what each goes by, and what must hold before it is answered with yes or no.

Every limit is our own choice; each is wide of what was measured on releases built from the real corpora.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Literal

from ...schemas.measures import Interval
from ...schemas.study import Precondition
from ..catalogue import TrainingTask
from ..metrics.strategies import MOST_INVALID

# What must hold before an answer means anything, by name; each is found once and serves many questions.


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
    """No compared system answers often with what is not a strategy."""
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
    told = f"{models} models judged" if models else "the embedded judge alone" if embedded else "no --judge was named"
    return found(Name.JUDGED, models > 0, told)


Range = tuple[float, float]
"""From and to; a figure's whole interval must lie between."""

# Share of pairs that may have the human's words on the rejected side.
_SWAPPED = 0.01
# The same as a model that read no label estimates it; its interval is wide.
_SWAPPED_BY_WORDS = 0.1
# Share of a table that one strategy may have; in the real corpora the most frequent has about a fifth.
_CONSTANT = 0.8
COLLAPSED = 0.8
"""Share of turns that a system may answer with one strategy or one reply, and hundredths of its self-BLEU; the human's
is about 0.2 in the real corpora."""
# Part by which DPO may make replies longer, or less varied.
_CHANGE = 0.1


@dataclass(frozen=True)
class StudyQuestion:
    """A question with its limits."""

    id: str
    asks: str
    group: Literal["release", "training"]
    measures: str
    """What its figure is."""
    yes: Range
    no: Range
    needs: tuple[Name, ...] = ()
    """What must hold before any answer."""
    needs_for_no: tuple[Name, ...] = ()
    """What must hold, too, before a no."""
    comparative: bool = False
    """Whether it sets systems against each other, or against chance: then its p-value is adjusted for all of these."""


SIDES = StudyQuestion(
    "sides_in_order",
    "Are chosen and rejected where they belong?",
    "release",
    "share of pairs whose rejected side is what the human did at that turn, of those in which either side is; the "
    "config with the largest, 0 to 1",
    yes=(-inf, _SWAPPED),
    no=(_SWAPPED, inf),
    needs=(Name.WORDS, Name.ANCHORED),
)
SIDES_BY_WORDS = StudyQuestion(
    "sides_in_order_by_words",
    "Does a model that saw no label find the human's words on the chosen side?",
    "release",
    "estimated share of `response` pairs with their sides swapped, about 0 to 1 (see `recipes.study._release_answers`)",
    yes=(-inf, _SWAPPED_BY_WORDS),
    no=(_SWAPPED_BY_WORDS, inf),
    needs=(Name.TELLABLE,),
)
LEAKAGE = StudyQuestion(
    "no_test_in_training",
    "Is every held-out dialogue kept out of training?",
    "release",
    "dialogues, or groups of near-duplicate dialogues, that lie in more than one split, and dialogues with rows in a "
    "split that is not theirs",
    yes=(-inf, 0.5),
    no=(0.5, inf),
    needs=(Name.WORDS,),
)
STRATEGIES = StudyQuestion(
    "strategies_vary",
    "Are there several strategies on either side, and in the demonstrations?",
    "release",
    "share of the most frequent strategy in a table's column; the column with the largest, 0 to 1",
    yes=(-inf, _CONSTANT),
    no=(_CONSTANT, inf),
    needs=(Name.ENOUGH_ROWS,),
)
RELEASE = (SIDES, SIDES_BY_WORDS, LEAKAGE, STRATEGIES)
"""What the tables alone tell."""

LEARNS = {
    task: StudyQuestion(
        f"dpo_learns_{task}",
        f"Does DPO of the {task} learn what held-out pairs prefer, beyond their length and words?",
        "training",
        "share of test pairs whose chosen side gained more on the SFT model than the rejected side did (reward "
        "accuracy), 0 to 1, among those that neither length nor a bag of words tells apart (see "
        "`recipes.study._rewards`)",
        yes=(0.5, inf),
        no=(-inf, 0.5),
        needs=(Name.SOUND, Name.ENOUGH_SEEDS, Name.ENOUGH_PAIRS),
        needs_for_no=(Name.PRETRAINED,),
        comparative=True,
    )
    for task in (TrainingTask.PLANNER, TrainingTask.RESPONDER, TrainingTask.JOINT)
}
PLANNER = StudyQuestion(
    "planner_beats_majority",
    "Does the planner beat always naming the most frequent strategy?",
    "training",
    "accuracy of the planner after SFT less the majority's, -1 to 1",
    yes=(0.0, inf),
    no=(-inf, 0.0),
    needs=(Name.SOUND, Name.ENOUGH_SEEDS, Name.ENOUGH_TURNS),
    needs_for_no=(Name.PRETRAINED,),
    comparative=True,
)
_QUALITY = (
    Name.SOUND,
    Name.ENOUGH_SEEDS,
    Name.ENOUGH_TURNS,
    Name.PRETRAINED,
    Name.BEATS_MAJORITY,
    Name.NOT_COLLAPSED,
)
LESS_BIASED = StudyQuestion(
    "decoupled_less_biased",
    "Is the decoupled system less biased towards some strategies than the joint one?",
    "training",
    "preference bias (smoothed) of the decoupled system less the joint one's, both after DPO; not the published B, "
    "which grows with accuracy at few turns: a true 0.450 is 0.526 at accuracy 0.25 and 0.601 at 0.60 over 30 "
    "dialogues of 10 turns (simulated, see `recipes.metrics.strategies`)",
    yes=(-inf, 0.0),
    no=(0.0, inf),
    needs=(*_QUALITY, Name.FEW_INVALID),
    comparative=True,
)
MORE_PROFICIENT = StudyQuestion(
    "decoupled_more_proficient",
    "Is the decoupled system more proficient in strategies than the joint one?",
    "training",
    "macro F1 of the decoupled system, with invalid answers counted as wrong, less the joint one's, both after DPO, -1 "
    "to 1; the published Q, which leaves invalid answers out and rises with them, stands in the table of systems alone",
    yes=(0.0, inf),
    no=(-inf, 0.0),
    needs=(*_QUALITY, Name.FEW_INVALID),
    comparative=True,
)
FEWER_ERRORS = StudyQuestion(
    "dpo_fewer_errors",
    "Does DPO reduce the psychological errors?",
    "training",
    "share of replies in which the judge finds an error, of the decoupled system after DPO less after SFT, -1 to 1",
    yes=(-inf, 0.0),
    no=(0.0, inf),
    needs=(Name.JUDGED, Name.INDEPENDENT, *_QUALITY),
    comparative=True,
)
KEEPS_LENGTH = StudyQuestion(
    "dpo_keeps_length",
    "Does DPO leave replies as long as they were?",
    "training",
    "words of a reply of the decoupled system after DPO over those after SFT, less 1",
    yes=(-_CHANGE, _CHANGE),
    no=(_CHANGE, inf),
    needs=_QUALITY,
    comparative=True,
)
KEEPS_DISTINCT = StudyQuestion(
    "dpo_keeps_diversity",
    "Does DPO leave replies as varied as they were (Distinct-2)?",
    "training",
    "Distinct-2 of the decoupled system after DPO over that after SFT, less 1",
    yes=(-_CHANGE, inf),
    no=(-inf, -_CHANGE),
    needs=_QUALITY,
    comparative=True,
)
KEEPS_SELF_BLEU = StudyQuestion(
    "dpo_keeps_difference",
    "Does DPO leave replies as different from each other as they were (self-BLEU)?",
    "training",
    "self-BLEU of the decoupled system after DPO over that after SFT, less 1",
    yes=(-inf, _CHANGE),
    no=(_CHANGE, inf),
    needs=_QUALITY,
    comparative=True,
)
COLLAPSE = StudyQuestion(
    "nothing_collapsed",
    "Do all systems use several strategies and several replies?",
    "training",
    "share of turns with a system's most frequent strategy or its most frequent reply, or its self-BLEU over 100, "
    "which is near 1 where replies are nearly the same; the largest of any system and seed, 0 to 1",
    yes=(-inf, COLLAPSED),
    no=(COLLAPSED, inf),
    needs=(Name.SOUND, Name.ENOUGH_SEEDS, Name.ENOUGH_TURNS),
    needs_for_no=(Name.PRETRAINED,),
)
TRAINING = (
    *LEARNS.values(),
    PLANNER,
    LESS_BIASED,
    MORE_PROFICIENT,
    FEWER_ERRORS,
    KEEPS_LENGTH,
    KEEPS_DISTINCT,
    KEEPS_SELF_BLEU,
    COLLAPSE,
)
"""What takes trained models."""
QUESTIONS = (*RELEASE, *TRAINING)
"""All of them, in the order of tables."""

REQUIRED = (SIDES.id, LEAKAGE.id, STRATEGIES.id)
"""What a run at any scale must answer to pass: what the tables alone tell. `sides_in_order_by_words` is a second
opinion on the first, which many sound releases cannot give."""
REQUIRED_OF_PRETRAINED = (*REQUIRED, *(question.id for question in TRAINING if question is not FEWER_ERRORS))
"""What a run with pretrained models must answer to pass, and besides, where a judge is named, what that is asked."""
