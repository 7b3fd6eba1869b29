"""Decides a gate: passed where the whole interval is within the limit, failed where it is beyond, else cannot tell."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ...schemas.audit import GateResult, Outcome
from ..statistics.bounds import UNBOUNDED, Bounds


@dataclass(frozen=True)
class Measured:
    """What was measured of one thing that a gate limits."""

    measure: str
    """In words."""
    value: float | None
    n: int
    """What the value is made of, counted; of nothing, nothing is said."""
    bounds: Bounds | None = None
    """None where the value is an exact count over all of the data."""
    applies: bool = True
    note: str = ""
    """Why there is no value, why it does not apply, or what else to know."""
    advice: Callable[[float], str] | None = None
    """What a pass of a limit needs, where the interval holds the limit."""


def count(measure: str, value: float | None, n: int, note: str = "") -> Measured:
    """A value that was counted over all of the data: it is exact, and has no interval."""
    return Measured(measure, value if n else None, n, note=note)


def unknown(measure: str, note: str) -> Measured:
    """Something that applies to the data, and of which the data says nothing."""
    return Measured(measure, None, 0, note=note)


def not_applicable(measure: str, note: str) -> Measured:
    """Something that the data does not have by its nature."""
    return Measured(measure, None, 0, applies=False, note=note)


def decide(name: str, why: str, measured: Measured, limit: float, bound: Literal["most", "least"]) -> GateResult:
    """What a gate says of what was measured."""
    outcome = _outcome(measured, limit, bound)
    bounds = measured.bounds or UNBOUNDED
    note = measured.note
    if outcome == "cannot_tell" and measured.value is not None and measured.advice is not None and not note:
        note = measured.advice(limit)
    return GateResult(
        name=name,
        measure=measured.measure,
        limit=limit,
        value=measured.value,
        low=None if bounds.low is None else round(bounds.low, 6),
        high=None if bounds.high is None else round(bounds.high, 6),
        passed={"passed": True, "failed": False}.get(outcome),
        why=why,
        outcome=outcome,
        bound=bound,
        note=note,
    )


def _outcome(measured: Measured, limit: float, bound: Literal["most", "least"]) -> Outcome:
    if not measured.applies:
        return "not_applicable"
    if measured.value is None or measured.n == 0:
        return "cannot_tell"
    if measured.bounds is None:
        kept = measured.value <= limit if bound == "most" else measured.value >= limit
        return "passed" if kept else "failed"
    low, high = measured.bounds.low, measured.bounds.high
    if low is not None and low > limit:
        return "failed"
    return "passed" if high is not None and high <= limit else "cannot_tell"
