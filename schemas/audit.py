"""What an audit says of preference data: the contents of `audit.json`.

Whatever a dataset cannot tell (no strategies, no verdicts, no rows) is null or empty, never a made-up zero. Names of
configs and splits are strings, since any preference dataset can be audited; those of a release are its own.
"""

from typing import Literal

from .base import Frozen
from .measures import (
    Artefact,
    Chatter,
    Conservation,
    Counts,
    CrossTable,
    FaultCount,
    FilterBias,
    FlagRate,
    Flow,
    FlowStep,
    Histogram,
    Interval,
    LabelCounts,
    Leakage,
    NearDuplicates,
    OrderCheck,
    PanelAgreement,
    StyleDifference,
    TellingWord,
    VerdictCount,
)
from .trace_measures import TraceMeasures

FILE_NAME = "audit.json"

__all__ = [
    "FILE_NAME",
    "Artefact",
    "Audit",
    "Chatter",
    "Conservation",
    "Counts",
    "CrossTable",
    "FaultCount",
    "FilterBias",
    "FlagRate",
    "Flow",
    "FlowStep",
    "GateResult",
    "Histogram",
    "Interval",
    "LabelCounts",
    "Leakage",
    "NearDuplicates",
    "OrderCheck",
    "PanelAgreement",
    "StyleDifference",
    "Subject",
    "TellingWord",
    "TraceMeasures",
    "VerdictCount",
]


class Subject(Frozen):
    """What was audited."""

    kind: Literal["release", "pairs"]
    """A release of ours, or another preference dataset."""
    name: str
    """The folder's, file's or repo's name; never a path."""
    version: str | None
    """The release's version, or the revision that was asked for; null where neither is."""
    sha256: str
    """Digest over the names and bytes of the data files, so that an audit can be tied to what it tells of."""
    columns: dict[str, str]
    """Which of its columns was read as what; empty for a release."""
    seed: int
    """Seed of every draw and sample of the audit."""
    replicates: int
    """Bootstrap samples that every interval is made of."""


class GateResult(Frozen):
    """One limit and whether the data keeps it."""

    name: str
    """Id of the gate, as a spec's `gates` name it."""
    measure: str
    """What was measured, such as `artefacts response words`."""
    limit: float
    """The most that is allowed."""
    value: float | None
    low: float | None
    """Of the value's interval, where it has one."""
    high: float | None
    passed: bool | None
    """Whether `value <= limit`; null where the data cannot tell, which closes no gate."""
    why: str
    """Why there is such a limit."""


class Audit(Frozen):
    """What the data is like. Every list is in a fixed order; equal data gives an equal audit."""

    format: Literal[1] = 1
    subject: Subject
    rows: dict[str, Counts]
    """Rows by config and split."""
    dialogues: dict[str, Counts]
    """Dialogues with rows, by config and split; empty where rows name none."""
    fault_kinds: dict[str, str]
    """What each kind of fault means."""
    faults: tuple[FaultCount, ...]
    artefacts: tuple[Artefact, ...]
    style_features: dict[str, str]
    """What each feature of style counts."""
    style: tuple[StyleDifference, ...]
    labels: tuple[LabelCounts, ...]
    tables: tuple[CrossTable, ...]
    """Strategy by error, and chosen by rejected strategy."""
    flags: tuple[FlagRate, ...]
    flows: tuple[Flow, ...]
    filter_bias: tuple[FilterBias, ...]
    near_duplicates: NearDuplicates | None
    """Null where there was nothing to compare."""
    leakage: tuple[Leakage, ...]
    verdicts: tuple[VerdictCount, ...]
    orders: tuple[OrderCheck, ...] = ()
    """Empty where judges looked at one side at a time."""
    agreement: tuple[PanelAgreement, ...] = ()
    """Empty where there is no panel."""
    chatter: tuple[Chatter, ...] = ()
    traces: TraceMeasures | None = None
    """Null where there are no reasoning traces."""
    conservation: tuple[Conservation, ...]
    gates: tuple[GateResult, ...]

    @property
    def closed(self) -> tuple[GateResult, ...]:
        """The gates that say no."""
        return tuple(gate for gate in self.gates if gate.passed is False)
