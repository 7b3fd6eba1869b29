"""Audits a dataset: reads it, shows every batch to every measure, and decides the gates."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...schemas.audit import AUDIT_FILE, Audit
from ...schemas.config import REASONING_CONFIGS
from ...schemas.errors import UsageError
from ..release.read import Release
from ..release.refresh import refresh_views
from ..runtime.environment import ParallelMap
from ._faults import Faults
from ._flags import Flags
from ._leakage import Leaks, Near
from ._measure import Measure, Pairs, drops_of
from ._panel import PanelMeasure
from ._separability import SAMPLE, Artefacts
from ._strategies import Bias, ChatterMeasure, DropFlow, Labels
from ._style import Style
from ._traces import TraceMeasure
from .gates import GATES, check_gates
from .subjects import AuditSource, Batch, ReleaseSource


def measures_of(source: AuditSource, sample: int) -> tuple[Measure, ...]:
    """Every measure, new, for one dataset; a new measure is a line here."""
    return (
        Leaks(source.splits()),
        Faults(),
        Artefacts(sample),
        Style(),
        Labels(),
        Flags(),
        DropFlow(source.candidates()),
        Bias(),
        Near(source.similarity()),
        PanelMeasure(),
        ChatterMeasure(),
        TraceMeasure(),
    )


def audit_source(source: AuditSource, sample: int = SAMPLE, parallel: ParallelMap | None = None) -> Audit:
    """Runs all measures over the data.

    Args:
        source: what to audit.
        sample: pairs of a config that model-based measures look at, at most.
        parallel: runs the measures in parallel, each over its own reading; None: all share one reading here.

    Raises:
        DataError: a table is damaged.
        UsageError: the source states a limit for a gate that there is not.
    """
    # Unknown gates are refused first: an audit of hours should not end with a misspelt name.
    if unknown := sorted(set(source.gates) - set(GATES)):
        raise UsageError(f"there is no gate {unknown[0]}; the spec may limit {', '.join(GATES)}")
    measures = measures_of(source, sample)
    told: dict[str, Any] = {"subject": source.subject(), "gates": ()}
    if parallel is None:
        told |= _run_measures(source, measures)
    else:
        # Each measure reads the data by itself: state of one would cost more to send around than a second reading.
        for part in parallel(partial(_run_measure, source, sample), range(len(measures))):
            told |= part
    audit = Audit(**told)
    # Last, since gates look at the whole audit.
    return audit.model_copy(update={"gates": check_gates(audit, source.gates, source.facts)})


# What the measures tell after one reading.
def _run_measures(source: AuditSource, measures: Sequence[Measure]) -> dict[str, Any]:
    for batch in source.batches():
        for measure in measures:
            _show(measure, batch)
    return {name: value for measure in measures for name, value in measure.result().items()}


def _run_measure(source: AuditSource, sample: int, number: int) -> dict[str, Any]:
    return _run_measures(source, measures_of(source, sample)[number : number + 1])


def audit_release(root: Path, name: str = "", sample: int = SAMPLE) -> Audit:
    """Measures the release in a folder and decides its gates; nothing is written there.

    Args:
        root: the folder.
        name: what the audit calls it; the folder's name where it is empty.
        sample: see `audit_source`.

    Raises:
        UsageError: there is no release in it.
        DataError: a table is damaged.
    """
    return audit_source(ReleaseSource(Release(root), name or root.resolve().name), sample)


def _show(measure: Measure, batch: Batch) -> None:
    if isinstance(batch, Pairs):
        measure.take_pairs(batch)
    elif batch.place.config == "dialogues":
        measure.take_dialogues(batch)
    elif batch.place.config in REASONING_CONFIGS:
        measure.take_traces(batch)
    elif batch.place.config == "dropped":
        for drops in drops_of(batch):
            measure.take_drops(drops)
    else:
        measure.take_demonstrations(batch)


def audit_json(audit: Audit) -> str:
    """The contents of `audit.json`: equal audits give equal bytes."""
    return json.dumps(audit.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def write_audit(release: Release, audit: Audit) -> None:
    """Writes `audit.json` into the release, the card that shows it and the manifest that knows both.

    Raises:
        DataError: a file that the card shows is malformed.
    """
    refresh_views(release.root, {AUDIT_FILE: audit_json(audit)})
