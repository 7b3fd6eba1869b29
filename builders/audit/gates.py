"""Limits on what an audit measures, and whether the data keeps them.

A gate compares the measured value itself with its limit; the interval stands beside it so that a reader sees how sure
the value is. What the data cannot tell closes no gate.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ...schemas.audit import Audit, GateResult, Interval
from ...schemas.errors import UsageError

Measured = tuple[str, Interval]
"""What was measured, in words, and its value."""


@dataclass(frozen=True)
class Gate:
    """One limit that data can be held to."""

    limit: float
    """The default: the most that is allowed."""
    why: str
    measure: Callable[[Audit], Iterator[Measured]]


def _exact(value: float | None, n: int = 0) -> Interval:
    return Interval(value=value, low=None, high=None, n=n)


def _faults(audit: Audit) -> Iterator[Measured]:
    for fault in audit.faults:
        yield f"{fault.config}: {fault.kind}", _exact(fault.count)


def _artefact(features: str) -> Callable[[Audit], Iterator[Measured]]:
    """Of sides that are words: those of `strategy` are names, and those of `joint` begin with one."""

    def measure(audit: Audit) -> Iterator[Measured]:
        for one in audit.artefacts:
            if one.features == features and one.config not in ("strategy", "joint"):
                yield f"{one.config}: AUC of {features}", one.auc

    return measure


def _leaked(field: str) -> Callable[[Audit], Iterator[Measured]]:
    def measure(audit: Audit) -> Iterator[Measured]:
        for one in audit.leakage:
            yield f"{one.config}: {field} in several splits", _exact(getattr(one, field), one.held_out)

    return measure


def _near(audit: Audit) -> Iterator[Measured]:
    found = audit.near_duplicates
    if found is not None:
        yield f"groups of near-duplicate {found.unit}s across splits", _exact(found.across_splits, found.looked_at)


def _lost(audit: Audit) -> Iterator[Measured]:
    for one in audit.conservation:
        yield f"{one.config}: candidates that are neither row nor drop", _exact(one.lost, one.candidates)


def _unread(audit: Audit) -> Iterator[Measured]:
    asked: dict[str, list[int]] = {}
    for one in audit.verdicts:
        sums = asked.setdefault(one.config, [0, 0])
        sums[0] += one.unparsed + one.failed
        sums[1] += one.parsed + one.unparsed + one.failed
    for config, (unread, total) in asked.items():
        yield f"{config}: share of verdicts unparsed or failed", _exact(unread / total if total else None, total)


def _shift(audit: Audit) -> Iterator[Measured]:
    """The size of the shift: one towards evenness is a shift too."""
    for one in audit.filter_bias:
        value, low, high = one.shift.value, one.shift.low, one.shift.high
        if value is not None and value < 0:
            value, low, high = -value, None if high is None else -high, None if low is None else -low
        yield f"{one.config}: bias shift by the filter", Interval(value=value, low=low, high=high, n=one.shift.n)


def _keeping(audit: Audit) -> Iterator[Measured]:
    for one in audit.filter_bias:
        yield f"{one.config}: bias of keeping", one.keeping


def _flips(audit: Audit) -> Iterator[Measured]:
    for one in audit.orders:
        yield f"{one.config}: answers of {one.judge} that turn with the order", one.flips


def _chatter(audit: Audit) -> Iterator[Measured]:
    for one in audit.chatter:
        yield f"{one.config}: share of chosen replies that are crowd chatter", one.share


GATES: dict[str, Gate] = {
    "faults": Gate(0, "a pair that is no pair teaches nothing, or the wrong thing", _faults),
    "lost_candidates": Gate(0, "every candidate is a row or a drop with its reason", _lost),
    "leaked_dialogues": Gate(0, "a dialogue in two splits makes every held-out number too good", _leaked("dialogues")),
    "leaked_pairs": Gate(0, "a held-out pair that is trained on measures memory", _leaked("pairs")),
    "leaked_near_duplicates": Gate(0, "near-duplicates across splits leak as copies do", _near),
    "unread_verdicts": Gate(0.025, "the published IPM judging lost 60 of 2,377 turns; no worse than that", _unread),
    "order_flips": Gate(0.25, "ours: a judge that turns with the order on every fourth pair judges the order", _flips),
    "crowd_chatter": Gate(
        0.01, "ours: of the published sources, 32 of 260 dialogues hold such talk, about 1 % of turns", _chatter
    ),
    "artefact_words": Gate(0.67, "the published IPM pairs: 0.67 by words alone", _artefact("words")),
    "artefact_words_case_punctuation": Gate(
        0.72, "the published IPM pairs: 0.72 by words, case and punctuation", _artefact("words_case_punctuation")
    ),
    "artefact_length": Gate(0.56, "the published IPM pairs: 0.56 by length alone", _artefact("length")),
    "artefact_first_word": Gate(
        0.67, "no published figure; one word should not tell more than all do", _artefact("first_word")
    ),
    "filter_bias_shift": Gate(
        0.25, "ours: a filter should move the bias by less than a tenth of its greatest value, 2.65", _shift
    ),
    "filter_keeping": Gate(
        0.25, "ours: shares kept of the strategies should spread by less than a quarter of their mean", _keeping
    ),
}
"""Every gate by its id, with the default limit that holds where a spec states none."""


def check_gates(audit: Audit, limits: dict[str, float]) -> tuple[GateResult, ...]:
    """Every gate of `limits`, or every gate with its default limit where that is empty.

    Raises:
        UsageError: a limit is of no gate that there is.
    """
    if unknown := sorted(set(limits) - set(GATES)):
        raise UsageError(f"there is no gate {unknown[0]}; the spec may limit {', '.join(GATES)}")
    wanted = limits or {name: gate.limit for name, gate in GATES.items()}
    return tuple(
        _result(name, measure, value, wanted[name])
        for name, gate in GATES.items()
        if name in wanted
        for measure, value in gate.measure(audit)
    )


def _result(name: str, measure: str, measured: Interval, limit: float) -> GateResult:
    return GateResult(
        name=name,
        measure=measure,
        limit=limit,
        value=measured.value,
        low=measured.low,
        high=measured.high,
        passed=None if measured.value is None else measured.value <= limit,
        why=GATES[name].why,
    )
