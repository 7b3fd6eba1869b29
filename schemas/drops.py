"""Why a candidate became no row."""

from enum import StrEnum
from typing import Annotated

from .base import Pinned


class DropReason(StrEnum):
    """Each way out of the pipeline; a candidate takes exactly one, or becomes a row."""

    CRISIS = "crisis"
    """A seeker may be in a crisis in this dialogue: it is held out of all training until a human has looked at it."""
    CRISIS_UNREAD = "crisis_unread"
    """No crisis was found, but a crisis judge gave no answer that can be read; the dialogue is held out unread."""
    CONTAMINATED = "contaminated"
    """The dialogue overlaps with a benchmark that the maintainer named."""
    REPEATED_DIALOGUE = "repeated_dialogue"
    """The dialogue nearly repeats an earlier one."""
    NO_SEEKER_TURN = "no_seeker_turn"
    """The supporter speaks before the seeker has said anything: there is nothing to answer yet."""
    NO_STRATEGY = "no_strategy"
    """The source does not name the human's strategy, without which there is no such row."""
    CROWD_CHATTER = "crowd_chatter"
    """The human talks of the crowd task in which the corpus was made, and not to the seeker."""
    NOTHING_TO_SUPPORT = "nothing_to_support"
    """The human's reply is a greeting, thanks or a goodbye, and nothing else."""
    CALL_FAILED = "call_failed"
    """The model's endpoint gave no usable answer after every retry."""
    REFUSED = "refused"
    """The model, or its provider's filter, declined to answer."""
    CUT_OFF = "cut_off"
    """The reply ran into the token limit."""
    EMPTY_REPLY = "empty_reply"
    """The reply holds no words."""
    TOO_LONG = "too_long"
    """The reply, or a turn of the dialogue, is longer than the bound that the release sets."""
    UNKNOWN_MARKER = "unknown_marker"
    """The reply begins with a marker of no known meaning, which may open thoughts instead of an answer."""
    NOT_A_STRATEGY = "not_a_strategy"
    """The reply names none of the eight strategies where it had to."""
    SAME_STRATEGY = "same_strategy"
    """The inferred strategy is the human's own."""
    BRACKETED_STRATEGY = "bracketed_strategy"
    """A reply contains a strategy in brackets."""
    PROMPT_ECHO = "prompt_echo"
    """The reply repeats the prompt's instructions or its role labels."""
    SAME_REPLY = "same_reply"
    """The inferred reply is the human's own, apart from case and spacing."""
    PERSONAL_DATA = "personal_data"
    """The inferred reply holds an address, a number or a handle that would tell who or where a person is."""
    JUDGE_FAILED = "judge_failed"
    """The judge gave no complete answer for one of the sides."""
    UNPARSED_VERDICT = "unparsed_verdict"
    """The judge answered, but nothing that it was offered."""
    ORDER_FLIP = "order_flip"
    """The judge said one thing with the human's side first, and another with the inferred side first."""
    CHOSEN_FLAWED = "chosen_flawed"
    """The judge found an error in the human's reply."""
    REJECTED_SOUND = "rejected_sound"
    """The judge found no error in the inferred reply."""
    NOT_WORSE = "not_worse"
    """The judge found an error in the inferred reply and none in the human's, and yet not the human's better."""
    EASIER_NEGATIVE = "easier_negative"
    """Clearly worse, but another candidate of the same turn is so too and closer to the human's side."""
    DUPLICATE_PAIR = "duplicate_pair"
    """The same prompt with the same chosen and rejected reply stands earlier in the release."""
    NEAR_DUPLICATE_PAIR = "near_duplicate_pair"
    """A pair with nearly the same words is kept already."""
    STRATEGY_CAP = "strategy_cap"
    """So many pairs of this strategy are kept that more would shift the strategies of the whole."""
    NOT_A_TRACE = "not_a_trace"
    """The reply is not a whole trace of the four steps."""
    SAME_TRACE = "same_trace"
    """Another draw at this turn says the same in every step."""
    STEP_TIE = "step_tie"
    """As many votes find a step right as find it wrong."""
    STEP_WRONG = "step_wrong"
    """A step of the trace is wrong, so it is not to be imitated."""
    NO_OTHER_TRACE = "no_other_trace"
    """No other trace of this turn was labelled, so there is nothing to hold it against."""
    UNCLEAR_DIFFERENCE = "unclear_difference"
    """The best trace of this turn is not clearly better, or is better in one part and worse in the other."""
    NOT_KEPT = "not_kept"
    """The rewriting changes the strategy or the facts, or adds advice."""


HELD_OUT = (DropReason.CRISIS, DropReason.CRISIS_UNREAD)
"""Reasons for which a dialogue is in `crisis_holdout` and nowhere else."""

NEVER_A_PAIR = frozenset(
    {
        DropReason.CRISIS,
        DropReason.CRISIS_UNREAD,
        DropReason.CONTAMINATED,
        DropReason.REPEATED_DIALOGUE,
        DropReason.NO_SEEKER_TURN,
        DropReason.NO_STRATEGY,
        DropReason.CROWD_CHATTER,
        DropReason.NOTHING_TO_SUPPORT,
        DropReason.CALL_FAILED,
        DropReason.REFUSED,
        DropReason.CUT_OFF,
        DropReason.EMPTY_REPLY,
        DropReason.TOO_LONG,
        DropReason.UNKNOWN_MARKER,
        DropReason.NOT_A_STRATEGY,
        DropReason.SAME_STRATEGY,
        DropReason.BRACKETED_STRATEGY,
        DropReason.PROMPT_ECHO,
        DropReason.SAME_REPLY,
        DropReason.PERSONAL_DATA,
        DropReason.DUPLICATE_PAIR,
        DropReason.NEAR_DUPLICATE_PAIR,
        DropReason.NOT_A_TRACE,
        DropReason.SAME_TRACE,
        DropReason.NO_OTHER_TRACE,
        DropReason.NOT_KEPT,
    }
)
"""Reasons by which there was no whole pair to choose; every other drop is a choice among pairs: the filter's."""

# Written out, and not "all but some": a reason that is added later must not reach a layout that is released already.
LAYOUTS_1_TO_3 = (
    DropReason.CRISIS,
    DropReason.CONTAMINATED,
    DropReason.REPEATED_DIALOGUE,
    DropReason.NO_SEEKER_TURN,
    DropReason.NO_STRATEGY,
    DropReason.CROWD_CHATTER,
    DropReason.NOTHING_TO_SUPPORT,
    DropReason.CALL_FAILED,
    DropReason.REFUSED,
    DropReason.CUT_OFF,
    DropReason.EMPTY_REPLY,
    DropReason.NOT_A_STRATEGY,
    DropReason.SAME_STRATEGY,
    DropReason.BRACKETED_STRATEGY,
    DropReason.PROMPT_ECHO,
    DropReason.SAME_REPLY,
    DropReason.PERSONAL_DATA,
    DropReason.JUDGE_FAILED,
    DropReason.UNPARSED_VERDICT,
    DropReason.ORDER_FLIP,
    DropReason.CHOSEN_FLAWED,
    DropReason.REJECTED_SOUND,
    DropReason.NOT_WORSE,
    DropReason.EASIER_NEGATIVE,
    DropReason.DUPLICATE_PAIR,
    DropReason.NEAR_DUPLICATE_PAIR,
    DropReason.STRATEGY_CAP,
    DropReason.NOT_A_TRACE,
    DropReason.SAME_TRACE,
    DropReason.STEP_TIE,
    DropReason.STEP_WRONG,
    DropReason.NO_OTHER_TRACE,
    DropReason.UNCLEAR_DIFFERENCE,
    DropReason.NOT_KEPT,
)
"""The reasons that layouts 1 to 3 were released with."""

EarlyDropReason = Annotated[DropReason, Pinned(LAYOUTS_1_TO_3)]
"""A drop reason of layouts 1 to 3."""
