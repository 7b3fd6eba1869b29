"""What the audit found, as the card shows it: gates, and what the pairs are like."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from ..schemas.audit import Audit, GateResult
from ..schemas.config import PAIR_CONFIGS
from ..schemas.escape import Markdown, escape_sentence
from ..schemas.publishing import AcceptedGate
from .words import UNDEFINED, fixed, said, told, verdict


def gate_lines(audit: Audit) -> list[dict[str, Any]]:
    """A line a gate: how many measures it looked at, the worst of them, and its answer."""
    return [_gate_line(name, list(some)) for name, some in groupby(audit.gates, key=lambda gate: gate.name)]


def _gate_line(name: str, some: Sequence[GateResult]) -> dict[str, Any]:
    worst = next((gate for gate in some if gate.value is not None), None)
    for gate in some:
        if worst is not None and worst.value is not None and gate.worse_than(worst.value):
            worst = gate
    return {
        "name": name,
        "measures": len(some),
        "worst": UNDEFINED if worst is None else f"{number(worst.value)} ({said(worst.measure)})",
        "limit": f"{'≥ ' if some[0].bound == 'least' else ''}{number(some[0].limit)}",
        "answer": _answer(some),
        "why": escape_sentence(some[0].why),
    }


def _answer(some: Sequence[GateResult]) -> str:
    """The worst outcome among measures; how many have it, where not all do."""
    for outcome in ("failed", "cannot_tell", "passed", "not_applicable"):
        having = [gate for gate in some if gate.answer == outcome]
        if having:
            of = f" ({len(having)} of {len(some)})" if outcome != "passed" and len(having) < len(some) else ""
            return verdict(having[0]) + of
    return UNDEFINED


def unpassed_lines(audit: Audit, accepted: Sequence[AcceptedGate]) -> list[dict[str, str]]:
    """Every measure that failed or cannot tell, and why the maintainer accepts it, where that was said."""
    return [
        {
            "name": gate.name,
            "answer": said(gate.answer),
            "measure": said(gate.measure),
            "value": Markdown("" if gate.value is None else f" is {number(gate.value)}"),
            "interval": Markdown("" if gate.low is None else f" [{fixed(gate.low)}, {fixed(gate.high)}]"),
            "limit": f"{'at least ' if gate.bound == 'least' else ''}{number(gate.limit)}",
            "note": escape_sentence(f"; {gate.note}") if gate.note else "",
            "accepted": next((escape_sentence(one.why) for one in accepted if one.covers(gate)), ""),
        }
        for gate in audit.unpassed
    ]


def number(value: float | None) -> str:
    """A measured value or a limit: whole numbers as such, and others to four digits."""
    return UNDEFINED if value is None else f"{value:.4g}"


def strategy_lines(audit: Audit) -> list[dict[str, Any]]:
    """How often each strategy stands on either side, by config."""
    chosen, rejected = (_labelled(audit, label) for label in ("chosen_strategy", "rejected_strategy"))
    names = dict.fromkeys(name for counts in (*chosen.values(), *rejected.values()) for name in counts)
    return [
        {
            "strategy": name,
            "counts": [(chosen[config.value][name], rejected[config.value][name]) for config in PAIR_CONFIGS],
        }
        for name in names
    ]


def error_lines(audit: Audit) -> list[dict[str, Any]]:
    """How often the rejected side has each error, by config."""
    found = _labelled(audit, "error")
    names = dict.fromkeys(name for counts in found.values() for name in counts)
    return [{"error": name, "counts": [found[config.value][name] for config in PAIR_CONFIGS]} for name in names]


def _labelled(audit: Audit, label: str) -> dict[str, Counter[str]]:
    """Counts of a label over all splits, by config."""
    found = {config.value: Counter[str]() for config in PAIR_CONFIGS}
    for one in audit.labels:
        if one.label == label:
            found[one.config].update(one.counts)
    return found


def length_lines(audit: Audit) -> Iterator[dict[str, str]]:
    """Mean words of either side, where sides are words."""
    for one in audit.style:
        if one.strategy is None and one.feature == "words" and one.config != PAIR_CONFIGS[0]:
            yield {
                "config": one.config,
                "chosen": fixed(one.chosen, 1),
                "rejected": fixed(one.rejected, 1),
                "difference": told(one.difference, 1),
            }
