"""The one definition of every step: its id, its sentence for the card, its drop reasons and its place in the order.

`builders.mining.steps` implements these definitions and `cards` prints them. To add a step: define it here, implement
it there, name it in a new spec, and record the golden tables of that spec. A released step never changes, so neither
does its sentence; a better step is a new definition with the next number.
"""

from enum import IntEnum

from pydantic import Field

from .base import Frozen
from .drops import DropReason
from .errors import UsageError


class Stage(IntEnum):
    """The scope of a step. A spec lists its steps in the order of these stages."""

    TURN = 0
    """The candidates of one turn."""
    STREAM = 1
    """Every candidate that was kept so far, in source order; a release has at most one such step."""
    CORPUS = 2
    """All pairs of the release, once every turn was mined."""


class StepDefinition(Frozen):
    """A step, as far as people and specs know it."""

    id: str = Field(pattern=r"^[a-z_]+@[1-9]\d*$")
    """The name by which specs call it; never re-pointed."""
    sentence: str
    """The property of every pair that the step keeps, as the card prints it."""
    drops: tuple[DropReason, ...] = ()
    """Every reason for which the step drops a candidate; any other reason is a bug."""
    stage: Stage = Stage.TURN
    layout_from: int = 1
    """The first layout that can hold what the step writes, such as a reason that earlier layouts do not know."""


STEPS: dict[str, StepDefinition] = {}
"""Every definition by its id, in the order in which the steps were added."""


def _step(
    step_id: str, sentence: str, *drops: DropReason, stage: Stage = Stage.TURN, layout: int = 1
) -> StepDefinition:
    # Two definitions of one id would make released specs mean whichever was imported last.
    assert step_id not in STEPS, f"{step_id} is defined already; a better step gets the next number"
    STEPS[step_id] = StepDefinition(id=step_id, sentence=sentence, drops=drops, stage=stage, layout_from=layout)
    return STEPS[step_id]


ANSWERED = _step(
    "answered@1",
    "The model's reply is there, whole, and has words.",
    DropReason.CALL_FAILED,
    DropReason.REFUSED,
    DropReason.CUT_OFF,
    DropReason.EMPTY_REPLY,
)
STRATEGY_NAMED = _step(
    "strategy_named@1",
    "Where a reply has to name a strategy, it names one of the eight.",
    DropReason.EMPTY_REPLY,
    DropReason.NOT_A_STRATEGY,
)
STRATEGY_DIFFERS = _step(
    "strategy_differs@1",
    "In `strategy`, the inferred strategy is another one than the human's.",
    DropReason.SAME_STRATEGY,
)
PLAIN_REPLY = _step(
    "plain_reply@1",
    "No side carries a strategy in brackets, and the inferred one repeats nothing of its prompt.",
    DropReason.BRACKETED_STRATEGY,
    DropReason.PROMPT_ECHO,
)
REPLY_DIFFERS = _step(
    "reply_differs@1",
    "The inferred words are not the human's, apart from case, punctuation and spacing.",
    DropReason.SAME_REPLY,
)
JUDGE_EACH_SIDE = _step(
    "judge_each_side@1",
    "A judge looks at the human's reply and at the inferred one, each by itself and unlabelled.",
    DropReason.JUDGE_FAILED,
    DropReason.UNPARSED_VERDICT,
    DropReason.REFUSED,
)
THREE_ERRORS = _step(
    "three_errors@1",
    "The judge finds an error in the inferred reply, and none in the human's.",
    DropReason.CHOSEN_FLAWED,
    DropReason.REJECTED_SOUND,
)
NO_DUPLICATE_PAIR = _step(
    "no_duplicate_pair@1",
    "The same pair stands nowhere earlier in the release.",
    DropReason.DUPLICATE_PAIR,
    stage=Stage.STREAM,
)
NO_CROWD_CHATTER = _step(
    "no_crowd_chatter@1",
    "The human does not talk of the crowd task in which the corpus was made.",
    DropReason.CROWD_CHATTER,
)
SOMETHING_TO_SUPPORT = _step(
    "something_to_support@1",
    "The human's reply is more than a greeting, thanks or a goodbye.",
    DropReason.NOTHING_TO_SUPPORT,
)
NO_PERSONAL_DATA_1 = _step(
    "no_personal_data@1",
    "The inferred reply gives nobody's address, number or handle.",
    DropReason.PERSONAL_DATA,
)
COMPARE_SIDES = _step("compare_sides@1", "Every judge compares both sides, unlabelled, once in either order.")
REWRITE_CHOSEN = _step(
    "rewrite_chosen@1",
    "Where the build asked for it, a human reply that most judges find flawed is rewritten.",
    DropReason.CHOSEN_FLAWED,
)
COMPARE_REWRITTEN = _step("compare_rewritten@1", "The judges compare again where the human's reply was rewritten.")
MAJORITY_1 = _step(
    "majority@1",
    "More than half of the judges, in both orders, find the inferred side worse and the human's sound.",
    DropReason.JUDGE_FAILED,
    DropReason.UNPARSED_VERDICT,
    DropReason.ORDER_FLIP,
    DropReason.CHOSEN_FLAWED,
    DropReason.REJECTED_SOUND,
    DropReason.NOT_WORSE,
)
HARDEST = _step(
    "hardest@1",
    "Of several candidates of one turn the hardest stays: the closest to the human's side.",
    DropReason.EASIER_NEGATIVE,
)
NO_NEAR_DUPLICATE_PAIR = _step(
    "no_near_duplicate_pair@1",
    "No other pair has nearly the same words.",
    DropReason.NEAR_DUPLICATE_PAIR,
    stage=Stage.CORPUS,
)
BALANCE_STRATEGIES = _step(
    "balance_strategies@1",
    "No strategy is kept much more often than another.",
    DropReason.STRATEGY_CAP,
    stage=Stage.CORPUS,
)
BOUNDED_TURNS = _step(
    "bounded_turns@1",
    "Neither the human's turn nor one before it is longer than 10,000 characters.",
    DropReason.TOO_LONG,
    layout=4,
)
BOUNDED_REPLY = _step(
    "bounded_reply@1",
    "The model's reply is no longer than 5,000 characters, its thoughts apart.",
    DropReason.TOO_LONG,
    layout=4,
)
NO_PERSONAL_DATA_2 = _step(
    "no_personal_data@2",
    "The inferred reply gives nobody's address, number, link or handle, however it is written.",
    DropReason.PERSONAL_DATA,
)
KNOWN_MARKER = _step(
    "known_marker@1",
    "The inferred reply begins with no marker of unknown meaning, which may open a model's thoughts.",
    DropReason.UNKNOWN_MARKER,
    layout=4,
)
NO_REFUSAL = _step(
    "no_refusal@1",
    "By rule, the inferred reply does not decline to answer, and no machine speaks of itself in it.",
    DropReason.REFUSED,
    layout=4,
)
MAJORITY_2 = _step(
    "majority@2",
    "As `majority@1`; where most judges say that a side is not a reply to the seeker, the pair is dropped.",
    *MAJORITY_1.drops,
    DropReason.REFUSED,
    layout=4,
)


def find_step(step_id: str) -> StepDefinition:
    """The definition with this id.

    Raises:
        UsageError: there is none.
    """
    if step_id not in STEPS:
        raise UsageError(f"there is no step {step_id}; the released ones are {', '.join(STEPS)}")
    return STEPS[step_id]
