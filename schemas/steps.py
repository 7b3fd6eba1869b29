"""Every released step, defined once: its sentence for people, the stage at which it runs, and why it drops a pair.

A step never changes, so neither does its definition. `builders.mining.steps` has one function for each id, and both
registries are compared when they are loaded: a spec can name only a step that has both.
"""

from dataclasses import dataclass
from enum import IntEnum

from .drops import DropReason


class Stage(IntEnum):
    """What a step looks at; the steps of a spec stand in this order."""

    TURN = 0
    """One turn: the human's part, a candidate, or all candidates of the turn."""
    STREAM = 1
    """All candidates so far, in source order; one step at most."""
    CORPUS = 2
    """All pairs that are left when every turn has been mined."""


@dataclass(frozen=True)
class StepDefinition:
    """A released step."""

    sentence: str
    """What holds of every pair that the step lets through, for the card."""
    reasons: tuple[DropReason, ...] = ()
    """Why it drops a candidate; none for a step that only asks."""
    stage: Stage = Stage.TURN
    layout: int = 1
    """The first row layout that has a place for what the step finds."""


_UNANSWERED = (DropReason.CALL_FAILED, DropReason.REFUSED, DropReason.CUT_OFF, DropReason.EMPTY_REPLY)
_UNREAD = (DropReason.JUDGE_FAILED, DropReason.UNPARSED_VERDICT)
_LOST_VOTES = (
    *_UNREAD,
    DropReason.ORDER_FLIP,
    DropReason.CHOSEN_FLAWED,
    DropReason.REJECTED_SOUND,
    DropReason.NOT_WORSE,
)

STEPS: dict[str, StepDefinition] = {
    "answered@1": StepDefinition("The model's reply is there, whole, and has words.", _UNANSWERED),
    "strategy_named@1": StepDefinition(
        "Where a reply has to name a strategy, it names one of the eight.",
        (DropReason.EMPTY_REPLY, DropReason.NOT_A_STRATEGY),
    ),
    "strategy_differs@1": StepDefinition(
        "In `strategy`, the inferred strategy is another one than the human's.", (DropReason.SAME_STRATEGY,)
    ),
    "plain_reply@1": StepDefinition(
        "No side carries a strategy in brackets, and the inferred one repeats nothing of its prompt.",
        (DropReason.BRACKETED_STRATEGY, DropReason.PROMPT_ECHO),
    ),
    "reply_differs@1": StepDefinition(
        "The inferred words are not the human's, apart from case, punctuation and spacing.", (DropReason.SAME_REPLY,)
    ),
    "judge_each_side@1": StepDefinition(
        "A judge looks at the human's reply and at the inferred one, each by itself and unlabelled.",
        (*_UNREAD, DropReason.REFUSED),
    ),
    "three_errors@1": StepDefinition(
        "The judge finds an error in the inferred reply, and none in the human's.",
        (DropReason.CHOSEN_FLAWED, DropReason.REJECTED_SOUND),
    ),
    "no_duplicate_pair@1": StepDefinition(
        "The same pair stands nowhere earlier in the release.", (DropReason.DUPLICATE_PAIR,), Stage.STREAM
    ),
    "no_crowd_chatter@1": StepDefinition(
        "The human does not talk of the crowd task in which the corpus was made.", (DropReason.CROWD_CHATTER,)
    ),
    "something_to_support@1": StepDefinition(
        "The human's reply is more than a greeting, thanks or a goodbye.", (DropReason.NOTHING_TO_SUPPORT,)
    ),
    "no_personal_data@1": StepDefinition(
        "The inferred reply gives nobody's address, number or handle.", (DropReason.PERSONAL_DATA,)
    ),
    "compare_sides@1": StepDefinition("Every judge compares both sides, unlabelled, once in either order.", layout=2),
    "rewrite_chosen@1": StepDefinition(
        "Where the build asked for it, a human reply that most judges find flawed is rewritten.",
        (DropReason.CHOSEN_FLAWED,),
        layout=2,
    ),
    "compare_rewritten@1": StepDefinition("The judges compare again where the human's reply was rewritten.", layout=2),
    "majority@1": StepDefinition(
        "More than half of the judges, in both orders, find the inferred side worse and the human's sound.",
        _LOST_VOTES,
        layout=2,
    ),
    "hardest@1": StepDefinition(
        "Of several candidates of one turn the hardest stays: the closest to the human's side.",
        (DropReason.EASIER_NEGATIVE,),
    ),
    "no_near_duplicate_pair@1": StepDefinition(
        "No other pair has nearly the same words.", (DropReason.NEAR_DUPLICATE_PAIR,), Stage.CORPUS
    ),
    "balance_strategies@1": StepDefinition(
        "No strategy is kept much more often than another.", (DropReason.STRATEGY_CAP,), Stage.CORPUS
    ),
    "bounded_turns@1": StepDefinition(
        "Neither the human's turn nor one before it is longer than 10,000 characters.",
        (DropReason.TOO_LONG,),
        layout=4,
    ),
    "bounded_reply@1": StepDefinition(
        "The model's reply is no longer than 5,000 characters, its thoughts apart.", (DropReason.TOO_LONG,), layout=4
    ),
    "no_personal_data@2": StepDefinition(
        "The inferred reply gives nobody's address, number, link or handle, however it is written.",
        (DropReason.PERSONAL_DATA,),
    ),
    "known_marker@1": StepDefinition(
        "The inferred reply begins with no marker of unknown meaning, which may open a model's thoughts.",
        (DropReason.UNKNOWN_MARKER,),
        layout=4,
    ),
    "no_refusal@1": StepDefinition(
        "By rule, the inferred reply does not decline to answer, and no machine speaks of itself in it.",
        (DropReason.REFUSED,),
        layout=4,
    ),
    "majority@2": StepDefinition(
        "As `majority@1`; where most judges say that a side is not a reply to the seeker, the pair is dropped.",
        (*_LOST_VOTES, DropReason.REFUSED),
        layout=4,
    ),
}
"""By step id. A better step is a new line with a new number."""

OUTSIDE_STEPS = frozenset(
    {
        DropReason.CRISIS,
        DropReason.CRISIS_UNREAD,
        DropReason.CONTAMINATED,
        DropReason.REPEATED_DIALOGUE,
        DropReason.NO_SEEKER_TURN,
        DropReason.NO_STRATEGY,
        DropReason.NOT_A_TRACE,
        DropReason.SAME_TRACE,
        DropReason.STEP_TIE,
        DropReason.STEP_WRONG,
        DropReason.NO_OTHER_TRACE,
        DropReason.UNCLEAR_DIFFERENCE,
        DropReason.NOT_KEPT,
    }
)
"""Reasons that no step gives: a spec's screening, its demonstrations and its reasoning traces have them."""
