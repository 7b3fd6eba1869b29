"""The questions of a validation: the figure behind each answer, and the preconditions of a yes or no.

Every limit is our own choice, with a wide margin to the values of releases built from the real corpora.
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

# The preconditions, by name; each is checked once and serves many questions.


TURNS, DIALOGUES = 300, 30
"""The fewest test turns, and dialogues with them, for which an interval over dialogues can be trusted."""
PAIRS = 50
"""The fewest pairs for a share of them."""
SEEDS = 3
"""The fewest trainings of every model that separate the effect of the data from chance."""
ROWS = 12
"""The fewest rows that can show several strategies."""
ANCHORED = 0.5
"""The smallest share of pairs with one side by the human."""
TELLABLE = 0.55
"""The smallest AUC between human and inferred words that can reveal swapped sides."""


class Name(StrEnum):
    """Every precondition."""

    WORDS = "words"
    """The release contains the words of its dialogues, not only digests."""
    ANCHORED = "anchored"
    """In most pairs, one side is the human's."""
    TELLABLE = "tellable"
    """Human and inferred replies are distinguishable at all."""
    ENOUGH_ROWS = "enough_rows"
    ENOUGH_PAIRS = "enough_pairs"
    ENOUGH_TURNS = "enough_turns"
    ENOUGH_SEEDS = "enough_seeds"
    FEW_INVALID = "few_invalid"
    """No compared system often names an invalid strategy."""
    SOUND = "sound"
    """No question about the release itself is answered with no."""
    PRETRAINED = "pretrained"
    """No model started from random weights."""
    BEATS_MAJORITY = "beats_majority"
    """The planner is better than the most frequent strategy, with its whole interval."""
    NOT_COLLAPSED = "not_collapsed"
    """No system gives nearly every turn the same answer."""
    JUDGED = "judged"
    """A model judged the replies; the baseline judge knows only three of five errors."""
    INDEPENDENT = "independent_judge"
    """No judge of the replies also judged the pairs of the release, or is one of the judged models."""


Found = Mapping[Name, Precondition]
"""The result of each precondition."""


def found(name: Name, holds: bool, told: str) -> dict[Name, Precondition]:
    """The result of one precondition."""
    return {name: Precondition(name=name.value, holds=holds, told=told)}


def enough_turns(turns: int, dialogues: int) -> dict[Name, Precondition]:
    """Whether these numbers of turns and dialogues are enough."""
    holds = turns >= TURNS and dialogues >= DIALOGUES
    return found(Name.ENOUGH_TURNS, holds, f"{turns} turns of {dialogues} dialogues; wanted are {TURNS} of {DIALOGUES}")


def enough_pairs(pairs: int, hard: int, of: int) -> dict[Name, Precondition]:
    """Whether there are enough scored pairs; they are a part of the hard ones among all test pairs."""
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
    """Whether no judge has a stake in the systems that it judges."""
    return found(Name.INDEPENDENT, not conflicts, "; ".join(conflicts) or "no judge has a stake in what it judges")


def enough_rows(rows: int) -> dict[Name, Precondition]:
    """Whether the table has enough rows."""
    return found(Name.ENOUGH_ROWS, rows >= ROWS, f"{rows} rows; wanted are {ROWS}")


def pretrained(bases: set[str], random: str) -> dict[Name, Precondition]:
    """Whether no base model is `random`, the name of a model with random weights."""
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
"""The two limits; the whole interval of a figure must lie between them."""

# Largest share of pairs with the human's words on the rejected side.
_SWAPPED = 0.01
# The same, as estimated by a model without labels; its interval is wide.
_SWAPPED_BY_WORDS = 0.1
# Largest share of one strategy in a table; in the real corpora the most frequent one has about a fifth.
_CONSTANT = 0.8
COLLAPSED = 0.8
"""Largest share of turns with the same strategy or the same reply, and largest self-BLEU over 100; the human's is
about 0.2 in the real corpora."""
# Largest relative change of length or diversity by DPO.
_CHANGE = 0.1


@dataclass(frozen=True)
class StudyQuestion:
    """A question with its limits."""

    id: str
    asks: str
    group: Literal["release", "training"]
    measures: str
    """The definition of its figure."""
    yes: Range
    no: Range
    needs: tuple[Name, ...] = ()
    """Preconditions of any answer."""
    needs_for_no: tuple[Name, ...] = ()
    """Further preconditions of a no."""
    comparative: bool = False
    """Whether it compares systems with each other or with chance; p-values are adjusted over all such questions."""


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
"""The questions that the tables alone answer."""

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
"""The questions that need trained models."""
QUESTIONS = (*RELEASE, *TRAINING)
"""All questions, in the order of the tables."""

REQUIRED = (SIDES.id, LEAKAGE.id, STRATEGIES.id)
"""The questions that a run at any scale must answer to pass. `sides_in_order_by_words` is no such question: it
is a second opinion on the first one, and many sound releases cannot give it."""
REQUIRED_OF_PRETRAINED = (*REQUIRED, *(question.id for question in TRAINING if question is not FEWER_ERRORS))
"""The questions that a run with pretrained models must answer to pass; with a judge, `FEWER_ERRORS` is added."""
