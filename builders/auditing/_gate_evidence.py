"""Decides a gate: passed where the whole interval is within the limit, failed where it is beyond, else cannot tell."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ...cards.tables import rows_by_split
from ...schemas.audit import GateResult, Outcome
from ...schemas.config import PAIR_CONFIGS, REASONING_CONFIGS, SFT_CONFIGS, Config
from ...schemas.inference import Role
from ...schemas.manifest import Manifest, ModelRecord
from ..statistics.bounds import UNBOUNDED, Bounds


@dataclass(frozen=True)
class GateMeasurement:
    """The measurement of one thing that a gate limits."""

    measure: str
    """In words."""
    value: float | None
    n: int
    """The number of units behind the value; without any, the gate cannot tell."""
    bounds: Bounds | None = None
    """None where the value is an exact count over all of the data."""
    applies: bool = True
    note: str = ""
    """Why there is no value, why it does not apply, or what else to know."""
    advice: Callable[[float], str] | None = None
    """The data that a pass would need, if the interval contains the limit."""


def count(measure: str, value: float | None, n: int, note: str = "") -> GateMeasurement:
    """A value that was counted over all of the data: it is exact, and has no interval."""
    return GateMeasurement(measure, value if n else None, n, note=note)


def unknown(measure: str, note: str) -> GateMeasurement:
    """A measure that applies to the data, but for which the data has no values."""
    return GateMeasurement(measure, None, 0, note=note)


def not_applicable(measure: str, note: str) -> GateMeasurement:
    """Something that the data does not have by its nature."""
    return GateMeasurement(measure, None, 0, applies=False, note=note)


def decide(name: str, why: str, measured: GateMeasurement, limit: float, bound: Literal["most", "least"]) -> GateResult:
    """The answer of a gate to a measurement."""
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


def _outcome(measured: GateMeasurement, limit: float, bound: Literal["most", "least"]) -> Outcome:
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


# What gates know of a dataset besides what was measured: which tables it promises, how it was judged, and by whom.


@dataclass(frozen=True)
class Facts:
    """Facts about a release; those of another dataset are empty."""

    is_release: bool = False
    rows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Rows of the promised configs by split: preferences, demonstrations, and traces where there is a reasoner."""
    judged: frozenset[str] = frozenset()
    """The preference configs that judges look at."""
    compares: bool = False
    """Whether judges compare both sides, in both orders; in layout 1 they look at one side at a time."""
    models: Mapping[Role, tuple[ModelRecord, ...]] = field(default_factory=dict)


NO_RELEASE = Facts()
"""A dataset that is not one of our releases."""


def facts_of(manifest: Manifest) -> Facts:
    """The facts from a release's manifest."""
    promised = [*PAIR_CONFIGS, *SFT_CONFIGS, *(one for one in REASONING_CONFIGS if one in manifest.counts)]
    compares = manifest.spec.layout > 1
    # Without a judge of strategies, a pair of these is worse by construction: nothing is asked of it.
    judged = PAIR_CONFIGS if manifest.spec.strategy_judge is not None else (Config.RESPONSE, Config.JOINT)
    return Facts(
        is_release=True,
        rows={config.value: rows_by_split(manifest, config) for config in promised},
        judged=frozenset(config.value for config in judged),
        compares=compares,
        models=manifest.models,
    )
