"""Limits on what an audit measures, and whether the data keeps them.

A gate has four outcomes. It *passed* where the whole interval of what was measured is within the limit, and *failed*
where the whole interval is beyond; in between, and where nothing was measured, it *cannot tell*, and that lets nothing
through. *Not applicable* is what the data does not have by its nature, such as orders where judges see one side.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from ...schemas.audit import Audit, GateResult
from ...schemas.errors import UsageError
from ._gate_evidence import Facts, GateMeasurement, decide
from ._gate_measures import (
    measure_artefact,
    measure_chatter,
    measure_faults,
    measure_flips,
    measure_keeping,
    measure_leaked,
    measure_lost,
    measure_near,
    measure_rows,
    measure_self_judging,
    measure_shift,
    measure_unread,
)

LEAST_ROWS = 25
"""Rows that every split of every promised config needs: gates cannot decide on fewer pairs (ours)."""


@dataclass(frozen=True)
class Gate:
    """One limit that data can be held to."""

    limit: float
    """The default."""
    why: str
    measure: Callable[[Audit, Facts], Iterator[GateMeasurement]]
    bound: Literal["most", "least"] = "most"
    built_in: bool = False
    """Whether it holds for every release, whatever gates its spec lists: it was there before the gate was."""


GATES: dict[str, Gate] = {
    "faults": Gate(0, "a pair that is not a pair teaches nothing, or the wrong thing", measure_faults),
    "lost_candidates": Gate(0, "every candidate is a row or a drop with its reason", measure_lost),
    "leaked_dialogues": Gate(
        0, "a dialogue in two splits makes every held-out number too good", partial(measure_leaked, "dialogues")
    ),
    "leaked_pairs": Gate(0, "a held-out pair that is trained on measures memory", partial(measure_leaked, "pairs")),
    "leaked_near_duplicates": Gate(0, "near-duplicates across splits leak as copies do", measure_near),
    "unread_verdicts": Gate(
        0.025, "the published IPM judging lost 60 of 2,377 turns; no worse than that", measure_unread
    ),
    "order_flips": Gate(
        0.25, "ours: a judge that turns with the order on every fourth pair judges the order", measure_flips
    ),
    "crowd_chatter": Gate(
        0.01, "ours: of the published sources, 32 of 260 dialogues hold such talk, about 1 % of turns", measure_chatter
    ),
    "artefact_words": Gate(0.67, "the published IPM pairs: 0.67 by words alone", partial(measure_artefact, "words")),
    "artefact_words_case_punctuation": Gate(
        0.72,
        "the published IPM pairs: 0.72 by words, case and punctuation",
        partial(measure_artefact, "words_case_punctuation"),
    ),
    "artefact_length": Gate(0.56, "the published IPM pairs: 0.56 by length alone", partial(measure_artefact, "length")),
    "artefact_first_word": Gate(
        0.67, "no published figure; one word should not tell more than all do", partial(measure_artefact, "first_word")
    ),
    "filter_bias_shift": Gate(
        0.25, "ours: a filter should move the bias by less than a tenth of its greatest value, 2.65", measure_shift
    ),
    "filter_keeping": Gate(
        0.25, "ours: shares kept of the strategies should spread by less than a quarter of their mean", measure_keeping
    ),
    "rows": Gate(
        LEAST_ROWS,
        "ours: nothing can be learned from or measured on fewer rows, and an empty split does not load",
        measure_rows,
        bound="least",
        built_in=True,
    ),
    "self_judging": Gate(
        0,
        "models are lenient with what they wrote themselves (arXiv 2404.13076)",
        measure_self_judging,
        built_in=True,
    ),
}
"""Every gate by its id, with the default limit that holds where a spec states none."""


def check_gates(audit: Audit, limits: dict[str, float], facts: Facts) -> tuple[GateResult, ...]:
    """Every gate of `limits`, or every gate with its default limit where that is empty; built-in ones in any case.

    Args:
        audit: what was measured.
        limits: by the name of the gate.
        facts: what else is known of the data.

    Raises:
        UsageError: a limit is of no gate that there is.
    """
    if unknown := sorted(set(limits) - set(GATES)):
        raise UsageError(f"there is no gate {unknown[0]}; the spec may limit {', '.join(GATES)}")
    wanted = {name: gate.limit for name, gate in GATES.items() if not limits or gate.built_in} | limits
    return tuple(
        decide(name, gate.why, measured, wanted[name], gate.bound)
        for name, gate in GATES.items()
        if name in wanted
        for measured in gate.measure(audit, facts)
    )
