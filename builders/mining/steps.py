"""The released steps by id. An id is never re-pointed: a better step is a new line with a new number."""

from collections.abc import Callable
from dataclasses import dataclass

from ...schemas.base import digest_of
from ...schemas.errors import UsageError
from ...schemas.inference import Outcome, Request
from ...schemas.text import words_of
from .candidate import Candidate, Result
from .checks import (
    check_answered,
    check_plain_reply,
    check_reply_differs,
    check_strategy_differs,
    check_strategy_named,
    check_three_errors,
)
from .judging import settle_sides, side_requests
from .plan import MiningPlan


@dataclass(frozen=True)
class Check:
    """Looks at one candidate by itself."""

    apply: Callable[[Candidate, MiningPlan], Result]


@dataclass(frozen=True)
class Judging:
    """Asks the judge about one candidate, and makes of the answers what it will."""

    requests: Callable[[Candidate, MiningPlan], tuple[Request, ...]]
    settle: Callable[[Candidate, MiningPlan, tuple[Request, ...], tuple[Outcome, ...]], Result]


@dataclass(frozen=True)
class Unique:
    """Keeps the first candidate of each key, in source order; stands last, since it sees the whole stream."""

    key: Callable[[Candidate], str]


Step = Check | Judging | Unique


def pair_key(candidate: Candidate) -> str:
    """What makes two pairs the same pair: their prompt, and the words of both sides."""
    assert candidate.request is not None, "only inferred candidates are paired"
    inferred = candidate.reply if candidate.reply is not None else str(candidate.strategy)
    return digest_of(
        [
            candidate.config,
            candidate.request.messages,
            candidate.turn.strategy,
            words_of(candidate.turn.text) if candidate.reply is not None else "",
            candidate.strategy,
            words_of(inferred),
        ]
    )


STEPS: dict[str, Step] = {
    "answered@1": Check(check_answered),
    "strategy_named@1": Check(check_strategy_named),
    "strategy_differs@1": Check(check_strategy_differs),
    "plain_reply@1": Check(check_plain_reply),
    "reply_differs@1": Check(check_reply_differs),
    "judge_each_side@1": Judging(side_requests, settle_sides),
    "three_errors@1": Check(check_three_errors),
    "no_duplicate_pair@1": Unique(pair_key),
}


def find_steps(ids: tuple[str, ...]) -> tuple[tuple[Check | Judging, ...], Unique | None]:
    """The steps that a candidate meets by itself, in order, and the one over the whole stream, if there is one.

    Raises:
        UsageError: an unknown id, or a step over the stream that is not the last.
    """
    if unknown := [one for one in ids if one not in STEPS]:
        raise UsageError(f"there is no step {unknown[0]}; the released ones are {', '.join(STEPS)}")
    steps = [STEPS[one] for one in ids]
    unique = steps.pop() if isinstance(steps[-1], Unique) else None
    alone = tuple(step for step in steps if not isinstance(step, Unique))
    if len(alone) != len(steps):
        raise UsageError("a step that looks for duplicates must be the last one")
    return alone, unique if isinstance(unique, Unique) else None
