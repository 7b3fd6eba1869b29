"""The figures that verdicts go by, taken out of an evaluation."""

from ...schemas.evaluation import Comparison, Evaluation
from ...schemas.measures import Interval
from ...schemas.validation import SystemFigures
from ..evaluate.players import CORPUS
from .verdicts import nothing

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


def difference(evaluation: Evaluation, metric: str, one: str, other: str) -> Interval:
    """`one - other` on a metric, paired over dialogues; no value where either is undefined."""
    return _difference([found for found in evaluation.comparisons if found.metric == metric], one, other)


def errors_difference(evaluation: Evaluation, one: str, other: str) -> Interval:
    """`one - other` in the share of replies with an error, by the first judge that is a model."""
    judged = next((found for found in evaluation.judged if not is_embedded(found.judge)), None)
    return _difference([found for found in judged.comparisons if found.metric == ERRORS] if judged else [], one, other)


def is_embedded(judge: str) -> bool:
    """Whether a judge is the embedded one, which goes by rules."""
    return judge.partition("#")[0] == CORPUS


def _difference(comparisons: list[Comparison], one: str, other: str) -> Interval:
    for found in comparisons:
        if (found.one, found.other) == (one, other):
            return found.difference
        if (found.one, found.other) == (other, one):
            return _turned(found.difference)
    return nothing()


def _turned(figure: Interval) -> Interval:
    value, low, high = (None if one is None else -one + 0.0 for one in (figure.value, figure.high, figure.low))
    return Interval(value=value, low=low, high=high, n=figure.n)


def change(evaluation: Evaluation, metric: str, after: str, before: str) -> Interval:
    """By what part a metric grew from `before` to `after`; no value where there was nothing to grow from.

    The difference's interval is divided by the value before, whose own uncertainty is left out: it is the smaller.
    """
    found, base = difference(evaluation, metric, after, before), score(evaluation, before, metric).value
    if found.value is None or not base:
        return nothing()
    return _divided(found, base)


def hundredth(figure: Interval) -> Interval:
    """A figure of 0 to 100 as one of 0 to 1."""
    return _divided(figure, 100.0)


def _divided(figure: Interval, by: float) -> Interval:
    value, low, high = (None if one is None else one / by for one in (figure.value, figure.low, figure.high))
    return Interval(value=value, low=low, high=high, n=figure.n)


def score(evaluation: Evaluation, system: str, metric: str) -> Interval:
    """A system's score; no value where it has none."""
    for found in evaluation.systems:
        if found.name == system:
            return next((one.value for one in found.scores if one.metric == metric), nothing())
    return nothing()


def main_figures(evaluation: Evaluation) -> tuple[SystemFigures, ...]:
    """The table of the validation: every system and baseline with what it has of the main metrics."""
    return tuple(
        SystemFigures(
            name=system.name,
            kind=system.kind,
            figures={
                one.metric: one.value for one in system.scores if one.metric in MAIN and one.value.value is not None
            },
        )
        for system in evaluation.systems
    )
