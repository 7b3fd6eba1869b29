"""An audit of preference data: the contents of `audit.json`.

A measure that a dataset cannot have (no strategies, no verdicts, no rows) is null or empty, never a made-up zero. Names
of configs and splits are strings, because any preference dataset can be audited.
"""

from typing import ClassVar, Literal, get_args

from .base import Frozen, Grown
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
    TraceMeasures,
    VerdictCount,
)

AUDIT_FILE = "audit.json"

Outcome = Literal["passed", "failed", "cannot_tell", "not_applicable"]
"""The answer of a gate. `cannot_tell` never passes; a gate that does not apply to the data blocks nothing."""
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

GATE_NAMES = (
    "faults",
    "lost_candidates",
    "leaked_dialogues",
    "leaked_pairs",
    "leaked_near_duplicates",
    "unread_verdicts",
    "order_flips",
    "crowd_chatter",
    "artefact_words",
    "artefact_words_case_punctuation",
    "artefact_length",
    "artefact_first_word",
    "filter_bias_shift",
    "filter_keeping",
    "rows",
    "self_judging",
)
"""The gates that a spec may limit, in the order of an audit; `builders.auditing.gates` defines them."""

__all__ = [
    "AUDIT_FILE",
    "GATE_NAMES",
    "OUTCOMES",
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
    "Outcome",
    "PanelAgreement",
    "StyleDifference",
    "Subject",
    "TellingWord",
    "TraceMeasures",
    "VerdictCount",
]


class Subject(Frozen):
    """The audited dataset."""

    kind: Literal["release", "pairs"]
    """A release of ours, or another preference dataset."""
    name: str
    """The folder's, file's or repo's name; never a path."""
    version: str | None
    """The release's version, or the revision that was asked for; null where neither is."""
    sha256: str
    """Digest over the names and bytes of the data files, which ties the audit to the data."""
    columns: dict[str, str]
    """The meaning of each column that was read; empty for a release."""
    seed: int
    """Seed of every draw and sample of the audit."""
    replicates: int
    """Bootstrap samples that every interval is made of."""


class GateResult(Grown):
    """One limit and whether the data keeps it."""

    gained: ClassVar[tuple[str, ...]] = ("outcome", "bound", "note")

    name: str
    """Id of the gate, as a spec's `gates` name it."""
    measure: str
    """The measure that was checked, such as `artefacts response words`."""
    limit: float
    """The most that is allowed; the least, where `bound` says so."""
    value: float | None
    low: float | None
    """The value's lower bound, with 5 % of error; null where it is an exact count, or nothing can be said."""
    high: float | None
    """The upper bound: a gate passes where it is within the limit, and fails where `low` is beyond."""
    passed: bool | None
    """True where it passed, false where it failed, else null; in old audits whether `value <= limit`."""
    why: str
    """Why there is such a limit."""
    outcome: Outcome | None = None
    """Null in audits that were written before there were four."""
    bound: Literal["most", "least"] = "most"
    """Which end `limit` is."""
    note: str = ""
    """Why the gate cannot tell, what a pass needs, or other remarks."""

    @property
    def answer(self) -> Outcome:
        """The outcome, of old audits too."""
        return self.outcome or _OLD[self.passed]

    @property
    def passes(self) -> bool:
        """Whether it allows publishing by itself."""
        return self.answer in ("passed", "not_applicable")

    def worse_than(self, value: float) -> bool:
        """Whether this gate's value lies further from what is allowed than another; false where there is none."""
        if self.value is None:
            return False
        return self.value > value if self.bound == "most" else self.value < value


_OLD: dict[bool | None, Outcome] = {True: "passed", False: "failed", None: "cannot_tell"}


class Audit(Frozen):
    """All measures and gates. Every list is in a fixed order; equal data gives an equal audit."""

    format: Literal[1] = 1
    subject: Subject
    rows: dict[str, Counts]
    """Rows by config and split."""
    dialogues: dict[str, Counts]
    """Dialogues with rows, by config and split; empty where rows name none."""
    fault_kinds: dict[str, str]
    """The meaning of each kind of fault."""
    faults: tuple[FaultCount, ...]
    artefacts: tuple[Artefact, ...]
    style_features: dict[str, str]
    """The meaning of each feature of style."""
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
    """Empty if the release has no panels."""
    chatter: tuple[Chatter, ...] = ()
    traces: TraceMeasures | None = None
    """Null if there are no reasoning traces."""
    conservation: tuple[Conservation, ...]
    gates: tuple[GateResult, ...]

    @property
    def failed(self) -> tuple[GateResult, ...]:
        """The gates that failed."""
        return tuple(gate for gate in self.gates if gate.answer == "failed")

    @property
    def unpassed(self) -> tuple[GateResult, ...]:
        """The gates that block publishing: failed ones, then those that cannot tell."""
        return (*self.failed, *(gate for gate in self.gates if gate.answer == "cannot_tell"))
