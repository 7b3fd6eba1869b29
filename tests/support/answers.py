"""Invented answers of systems, for tests of metrics and evaluations."""

from collections.abc import Sequence

from hypothesis import strategies as st

from ipm_prefdial.recipes.metrics.sample import STRATEGIES, AnswerSample, TurnAnswer
from ipm_prefdial.schemas.strategy import Strategy

Row = tuple[int, int | None]
"""A gold strategy by number, and what was named: a number, or None for what is not a strategy."""


def answer(
    gold: int = 0,
    named: int | None = 0,
    *,
    dialogue: str = "d0",
    turn: int = 0,
    reference: str | None = None,
    reply: str | None = None,
) -> TurnAnswer:
    """One answer, its strategies by number."""
    strategy = None if named is None else STRATEGIES[named]
    return TurnAnswer(dialogue, turn, STRATEGIES[gold], reference, strategy, reply)


def named_sample(rows: Sequence[Row], *, replicates: int = 20, dialogues: int = 5) -> AnswerSample:
    """A sample of strategies alone, spread over some dialogues."""
    answers = [answer(*row, dialogue=f"d{at % dialogues}", turn=at) for at, row in enumerate(rows)]
    return AnswerSample.of(answers, replicates)


def spoken_sample(
    pairs: Sequence[tuple[str | None, str | None]], *, replicates: int = 20, dialogues: int = 5
) -> AnswerSample:
    """A sample of (reply, human's reply) pairs, spread over some dialogues."""
    answers = [
        answer(reply=reply, reference=reference, dialogue=f"d{at % dialogues}", turn=at)
        for at, (reply, reference) in enumerate(pairs)
    ]
    return AnswerSample.of(answers, replicates)


rows = st.lists(st.tuples(st.integers(0, 7), st.one_of(st.none(), st.integers(0, 7))), min_size=1, max_size=60)
"""Any answers of a planner."""

EVERY = list(Strategy)
"""The eight, in order."""
