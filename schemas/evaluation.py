"""An evaluation of systems: the contents of `evaluation.json`, source of its tables and figures."""

from typing import Literal

from pydantic import Field

from .base import Frozen
from .error_type import ErrorType
from .measures import Counts, Interval

EVALUATION_FILE = "evaluation.json"

Kind = Literal["system", "baseline", "human"]
"""A system of the command; a baseline that any system should beat; or the human supporter, for reference."""


class MetricInfo(Frozen):
    """The definition of a metric."""

    name: str
    """As tables call it."""
    about: str
    """The quantity, its range and its source."""
    better: Literal["higher", "lower", "neither"]


class Score(Frozen):
    """One metric of one system."""

    metric: str
    """Id, as in `Evaluation.metrics`."""
    value: Interval
    why: str
    """Why there is no value, or what to know of it; mostly empty."""


class Strengths(Frozen):
    """How strongly each strategy is preferred; 1 is as the others, and all sum to 8."""

    published: dict[str, float] | None
    """By the published recurrence; null where it divides by zero."""
    smoothed: dict[str, float]
    """By the estimator with half a count in every cell."""


class SystemScores(Frozen):
    """One system on the turns that all systems were scored on."""

    name: str
    kind: Kind
    about: str
    """A description: its models, its file, or the rule of a baseline."""
    turns: int
    """Turns scored."""
    left_out: int
    """Turns that it answered and that another system did not: they are in no score."""
    scores: tuple[Score, ...]
    invalid: Counts
    """Answers that are none of the eight strategies, the most frequent first; `""` is not an answer at all."""
    confusion: tuple[tuple[int, ...], ...]
    """`confusion[gold][named]` in the order of the eight strategies; the last column counts invalid answers. Empty for
    the human."""
    strengths: Strengths | None
    """Null for the human, and where none, or too few, of the system's answers are valid."""


class SystemComparison(Frozen):
    """Two systems on one metric."""

    metric: str
    one: str
    other: str
    difference: Interval
    """`one - other`."""
    p: float | None
    """See `Evaluation.p_value`; null where it is undefined."""


class WinRate(Frozen):
    """How often one system's reply is better than another's at the same turn."""

    by: str
    """The metric or judge that decides."""
    one: str
    other: str
    wins: Interval
    """Share of turns that `one` wins; `n` counts the turns with a value for both."""
    ties: int
    losses: int


class Grade(Frozen):
    """The mean of one grade of a judge, and how many of the replies it graded."""

    system: str
    protocol: str
    """`alone`, or `beside_human`: whether the judge was shown the human's reply."""
    grade: str
    mean: Interval
    """0 to 5, of a step 0 to 1; `n` counts the replies with this grade."""
    asked: int
    """Replies that the judge was to grade."""
    turns: int
    """Turns scored; a turn without a reply is not judged."""


class ErrorShare(Frozen):
    """How often a judge finds an error in a system's replies."""

    system: str
    protocol: str
    flagged: Interval
    """Share with any error; `n` counts the verdicts that could be read."""
    errors: dict[ErrorType, int]
    """The flagged by error."""
    asked: int
    turns: int


class JudgeFigures(Frozen):
    """The figures of one judge."""

    judge: str
    """Model and revision."""
    prompts: dict[str, str]
    """Prompt ids and the SHA-256 of their files."""
    grades: tuple[Grade, ...]
    errors: tuple[ErrorShare, ...]
    comparisons: tuple[SystemComparison, ...]
    """Paired differences in grades and in the share with an error, on the turns where both systems were judged;
    `metric` is such as `empathy, alone`. Without a p-value where the judge has a stake in one of them."""
    stakes: dict[str, str] = Field(default_factory=dict)
    """Why it is not independent of a system, by the system's name: it is its model, rewarded it, or chose what it was
    trained on."""
    notes: tuple[str, ...]
    """Remarks about it."""


class Evaluated(Frozen):
    """The turns of an evaluation."""

    name: str
    """The release's folder or repo, or the files; never a path."""
    version: str | None
    """The release's version; null where predictions alone were scored."""
    sha256: str
    """Digest of the release's manifest, or over the prediction files."""
    split: str
    """The release's; empty if only predictions were scored."""
    turns: int
    dialogues: int


class Evaluation(Frozen):
    """All findings; equal answers give an equal evaluation."""

    format: Literal[1] = 1
    on: Evaluated
    seed: int
    replicates: int
    """Bootstrap samples that every interval is made of."""
    p_value: str
    """The test behind `Comparison.p`."""
    metrics: dict[str, MetricInfo]
    """Every metric, in the order of tables."""
    systems: tuple[SystemScores, ...] = Field(min_length=1)
    comparisons: tuple[SystemComparison, ...]
    wins: tuple[WinRate, ...]
    judged: tuple[JudgeFigures, ...]
    notes: tuple[str, ...]
    """Remarks to read before any number."""
