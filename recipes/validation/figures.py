"""The figures that verdicts go by, over all seeds, out of the samples behind the evaluations."""

from collections.abc import Sequence

import numpy as np

from ...schemas.measures import Interval
from ...schemas.validation import SystemFigures
from ..evaluate.players import CORPUS
from ..evaluate.score import Samples
from ..metrics.measured import Measured, undefined
from .seeds import over_seeds
from .systems import SeedResults

MAIN = (
    "accuracy",
    "macro_f1",
    "invalid",
    "bias_smoothed",
    "proficiency",
    "rouge_l",
    "distinct_2",
    "self_bleu",
    "words",
)
"""The metrics that the validation's own table shows."""
ERRORS = "any error, alone"
"""What judges are compared on: they see the reply, and not the human's."""
_NOTHING = undefined("it was not measured", 0)


def score(seeds: Sequence[Samples], system: str, metric: str) -> Measured:
    """A system's score over all seeds; undefined where it has none."""
    return over_seeds([_score(one, system, metric) for one in seeds])


def difference(seeds: Sequence[Samples], metric: str, one: str, other: str) -> Measured:
    """`one - other` on a metric, paired over dialogues and seeds; undefined where either is, or they are not compared.

    Two systems are compared within a seed, whose models they share, and then over the seeds.
    """
    return over_seeds([_difference(samples, metric, one, other) for samples in seeds])


def change(seeds: Sequence[Samples], metric: str, after: str, before: str) -> Measured:
    """By what part a metric grew from `before` to `after`; undefined where there was nothing to grow from.

    The difference is divided by the value before, whose own uncertainty is left out: it is the smaller.
    """
    return over_seeds([_change(one, metric, after, before) for one in seeds])


def errors_difference(seeds: Sequence[Samples], one: str, other: str, judges: Sequence[str] = ()) -> Measured:
    """`one - other` in the share of replies with an error, by the first of `judges`, or else the first model."""
    return over_seeds([_errors(samples, one, other, judges) for samples in seeds])


def is_embedded(judge: str) -> bool:
    """Whether a judge is the embedded one, which goes by rules."""
    return judge.partition("#")[0] == CORPUS


def _score(samples: Samples, system: str, metric: str) -> Measured:
    return samples.measured.get(system, {}).get(metric, _NOTHING)


def _difference(samples: Samples, metric: str, one: str, other: str) -> Measured:
    ours, theirs = (_score(samples, name, metric) for name in (one, other))
    if len(ours.values) != len(theirs.values) or not (ours.comparable and theirs.comparable):
        return _like(ours if len(ours.values) > 1 else theirs)
    return Measured(ours.values - theirs.values, min(ours.n, theirs.n))


def _change(samples: Samples, metric: str, after: str, before: str) -> Measured:
    found, base = _difference(samples, metric, after, before), float(_score(samples, before, metric).values[0])
    if not np.isfinite(base) or not base:
        return _like(found)
    return Measured(found.values / base, found.n)


def _errors(samples: Samples, one: str, other: str, judges: Sequence[str]) -> Measured:
    for (judge, what, first, second), found in samples.judged.items():
        wanted = judge in judges[:1] if judges else not is_embedded(judge)
        if what == ERRORS and wanted and {first, second} == {one, other}:
            return found if first == one else Measured(-found.values, found.n)
    return _NOTHING


def _like(found: Measured) -> Measured:
    """Nothing, with as many samples as something."""
    return undefined("the two are not compared", len(found.values) - 1)


def hundredth(figure: Interval) -> Interval:
    """A figure of 0 to 100 as one of 0 to 1."""
    value, low, high = (None if one is None else one / 100.0 for one in (figure.value, figure.low, figure.high))
    return Interval(value=value, low=low, high=high, n=figure.n)


def main_figures(results: Sequence[SeedResults]) -> tuple[SystemFigures, ...]:
    """The table of the validation: every system and baseline with what it has of the main metrics, over all seeds."""
    samples = [one.samples for one in results]
    return tuple(
        SystemFigures(
            name=system.name,
            kind=system.kind,
            figures={
                one.metric: one.value if system.kind == "human" else score(samples, system.name, one.metric).interval
                for one in system.scores
                if one.metric in MAIN and one.value.value is not None
            },
        )
        for system in results[0].evaluation.systems
    )
