"""The questions of a validation: what each goes by, and what must hold before it is answered with yes or no.

Every limit is our own choice; each is wide of what was measured on releases built from the real corpora.
"""

from dataclasses import dataclass
from math import inf
from typing import Literal

from ..tasks import Task
from .preconditions import Name

Range = tuple[float, float]
"""From and to; a figure's whole interval must lie between."""

SWAPPED = 0.01
"""Share of pairs that may have the human's words on the rejected side."""
SWAPPED_BY_WORDS = 0.1
"""The same as a model that read no label estimates it; its interval is wide."""
CONSTANT = 0.8
"""Share of a table that one strategy may have; in the real corpora the most frequent has about a fifth."""
COLLAPSED = 0.8
"""Share of turns that a system may answer with one strategy or one reply, and hundredths of its self-BLEU; the human's
is about 0.2 in the real corpora."""
CHANGE = 0.1
"""Part by which DPO may make replies longer, or less varied."""


@dataclass(frozen=True)
class Question:
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


SIDES = Question(
    "sides_in_order",
    "Are chosen and rejected where they belong?",
    "release",
    "share of pairs whose rejected side is what the human did at that turn, of those in which either side is; the "
    "config with the largest, 0 to 1",
    yes=(-inf, SWAPPED),
    no=(SWAPPED, inf),
    needs=(Name.WORDS, Name.ANCHORED),
)
SIDES_BY_WORDS = Question(
    "sides_in_order_by_words",
    "Does a model that saw no label find the human's words on the chosen side?",
    "release",
    "estimated share of `response` pairs with their sides swapped, about 0 to 1 (see `recipes.validation.told_apart`)",
    yes=(-inf, SWAPPED_BY_WORDS),
    no=(SWAPPED_BY_WORDS, inf),
    needs=(Name.TELLABLE,),
)
LEAKAGE = Question(
    "no_test_in_training",
    "Is every held-out dialogue kept out of training?",
    "release",
    "dialogues, or groups of near-duplicate dialogues, that lie in more than one split, and dialogues with rows in a "
    "split that is not theirs",
    yes=(-inf, 0.5),
    no=(0.5, inf),
    needs=(Name.WORDS,),
)
STRATEGIES = Question(
    "strategies_vary",
    "Are there several strategies on either side, and in the demonstrations?",
    "release",
    "share of the most frequent strategy in a table's column; the column with the largest, 0 to 1",
    yes=(-inf, CONSTANT),
    no=(CONSTANT, inf),
    needs=(Name.ENOUGH_ROWS,),
)
RELEASE = (SIDES, SIDES_BY_WORDS, LEAKAGE, STRATEGIES)
"""What the tables alone tell."""

LEARNS = {
    task: Question(
        f"dpo_learns_{task}",
        f"Does DPO of the {task} learn what held-out pairs prefer, beyond their length and words?",
        "training",
        "share of test pairs whose chosen side gained more on the SFT model than the rejected side did (reward "
        "accuracy), 0 to 1, among those that neither length nor a bag of words tells apart (see "
        "`recipes.validation.hard_pairs`)",
        yes=(0.5, inf),
        no=(-inf, 0.5),
        needs=(Name.SOUND, Name.ENOUGH_SEEDS, Name.ENOUGH_PAIRS),
        needs_for_no=(Name.PRETRAINED,),
        comparative=True,
    )
    for task in (Task.PLANNER, Task.RESPONDER, Task.JOINT)
}
PLANNER = Question(
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
LESS_BIASED = Question(
    "decoupled_less_biased",
    "Is the decoupled system less biased towards some strategies than the joint one?",
    "training",
    "preference bias (smoothed) of the decoupled system less the joint one's, both after DPO; not the published B, "
    "which grows with accuracy at few turns: a true 0.450 is 0.526 at accuracy 0.25 and 0.601 at 0.60 over 30 "
    "dialogues of 10 turns (simulated, see `recipes.metrics.bias`)",
    yes=(-inf, 0.0),
    no=(0.0, inf),
    needs=(*_QUALITY, Name.FEW_INVALID),
    comparative=True,
)
MORE_PROFICIENT = Question(
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
FEWER_ERRORS = Question(
    "dpo_fewer_errors",
    "Does DPO reduce the psychological errors?",
    "training",
    "share of replies in which the judge finds an error, of the decoupled system after DPO less after SFT, -1 to 1",
    yes=(-inf, 0.0),
    no=(0.0, inf),
    needs=(Name.JUDGED, Name.INDEPENDENT, *_QUALITY),
    comparative=True,
)
KEEPS_LENGTH = Question(
    "dpo_keeps_length",
    "Does DPO leave replies as long as they were?",
    "training",
    "words of a reply of the decoupled system after DPO over those after SFT, less 1",
    yes=(-CHANGE, CHANGE),
    no=(CHANGE, inf),
    needs=_QUALITY,
    comparative=True,
)
KEEPS_DISTINCT = Question(
    "dpo_keeps_diversity",
    "Does DPO leave replies as varied as they were (Distinct-2)?",
    "training",
    "Distinct-2 of the decoupled system after DPO over that after SFT, less 1",
    yes=(-CHANGE, inf),
    no=(-inf, -CHANGE),
    needs=_QUALITY,
    comparative=True,
)
KEEPS_SELF_BLEU = Question(
    "dpo_keeps_difference",
    "Does DPO leave replies as different from each other as they were (self-BLEU)?",
    "training",
    "self-BLEU of the decoupled system after DPO over that after SFT, less 1",
    yes=(-inf, CHANGE),
    no=(CHANGE, inf),
    needs=_QUALITY,
    comparative=True,
)
COLLAPSE = Question(
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
