"""From a figure and what was found of the preconditions to a verdict that both support: pure, and one place of it."""

from collections.abc import Mapping, Sequence
from math import inf

import numpy as np

from ...builders.statistics.bootstrap import SEED
from ...schemas.measures import Interval
from ...schemas.study import Answered, Precondition, StudyOutcome
from ..metrics.measured import MetricResult, undefined
from .questions import Found, Range, StudyQuestion

# Figures over several trainings that differ in their seed alone, and the correction for asking several questions.
#
# A model that is trained once is one draw of all that the same data could have given. So every training is done with
# several seeds, and an interval is a hierarchical bootstrap: a sample draws dialogues, the same ones for every system
# and seed, and then seeds. It draws one seed less than there are, with replacement, which gives the mean over seeds
# its unbiased variance (Rao and Wu 1988); as many as there are would make it too small by a third where there are
# three. Two draws out of three seeds are the same one in a ninth of the samples, so that with three a 95 % interval
# reaches about as far as the intervals of the worst and of the best seed together.


# Of all comparative questions together.
_LEVEL = 0.05


def over_seeds(found: Sequence[MetricResult]) -> MetricResult:
    """The mean over seeds, with its hierarchical samples; undefined where it is for any seed.

    Args:
        found: the same figure of every seed, under the same bootstrap samples of dialogues.
    """
    if not found:
        return undefined("nothing was trained", 0)
    n = min(one.n for one in found)
    width = max(len(one.values) for one in found)
    if nothing := next((one for one in found if not np.isfinite(one.values[0])), None):
        return undefined(nothing.why, width - 1)
    why, comparable = found[0].why, all(one.comparable for one in found)
    values = np.stack([one.values for one in found])
    number, samples = values.shape
    if number == 1:
        return MetricResult(values[0], n, why, comparable)
    drawn = np.random.default_rng(SEED).integers(0, number, (number - 1, samples))
    mixed = np.take_along_axis(values, drawn, axis=0).mean(axis=0)
    return MetricResult(np.concatenate([[values[:, 0].mean()], mixed[1:]]), n, why, comparable)


def tail_p(found: MetricResult, where: tuple[float, float]) -> float:
    """Two-sided p-value against that a figure lies outside of a range; 1 where nothing is known.

    The smallest level at which the percentile interval lies inside the range as a whole: twice the larger share of
    samples that lie beyond either end, with one added above and below.
    """
    samples = found.values[1:][np.isfinite(found.values[1:])]
    if not np.isfinite(found.values[0]) or len(samples) < 2:
        return 1.0
    beyond = max(int((samples <= where[0]).sum()), int((samples >= where[1]).sum()))
    return min(1.0, 2 * (beyond + 1) / (len(samples) + 1))


def holm(values: Mapping[str, float]) -> dict[str, float]:
    """P-values adjusted so that they can all be held against one level (Holm 1979)."""
    adjusted: dict[str, float] = {}
    highest = 0.0
    for rank, (name, value) in enumerate(sorted(values.items(), key=lambda one: one[1])):
        highest = max(highest, min(1.0, (len(values) - rank) * value))
        adjusted[name] = highest
    return adjusted


_MISSING = "not looked at"


def nothing() -> Interval:
    return Interval(value=None, low=None, high=None, n=0)


def exactly(value: float, n: int) -> Interval:
    """A figure that is counted, so that nothing about it is uncertain."""
    return Interval(value=value, low=value, high=value, n=n)


def answer(
    question: StudyQuestion, figure: Interval, found: Found, why_none: str = "", p: float | None = None
) -> Answered:
    """The answer that the figure supports; never yes or no where one of the preconditions of it does not hold.

    Args:
        question: what is asked.
        figure: the figure; its interval decides, never its value alone.
        found: what was found of each precondition; one that is not there does not hold.
        why_none: why there is no figure, where there is none.
        p: of a comparative question, adjusted for all of them; a yes or a no needs one of at most `_LEVEL`.
    """
    leaning = _leaning(question, figure)
    needs = question.needs if leaning is StudyOutcome.YES else (*question.needs, *question.needs_for_no)
    conditions = tuple(
        found.get(name, Precondition(name=name.value, holds=False, told=_MISSING)) for name in dict.fromkeys(needs)
    )
    failing = [one for one in conditions if not one.holds]
    if figure.value is None:
        verdict, why = StudyOutcome.CANNOT_TELL, why_none or "there is no figure to go by"
    elif failing:
        verdict = StudyOutcome.CANNOT_TELL
        why = "; ".join(f"{one.name.replace('_', ' ')}: {one.told}" for one in failing)
    elif leaning is not StudyOutcome.CANNOT_TELL and p is not None and p > _LEVEL:
        verdict = StudyOutcome.CANNOT_TELL
        why = f"{_why(question, figure, leaning)}, but p = {p:.3f} after adjusting for all comparative questions (Holm)"
    else:
        verdict, why = leaning, _why(question, figure, leaning)
    return Answered(
        id=question.id,
        asks=question.asks,
        group=question.group,
        figure=figure,
        measures=question.measures,
        verdict=verdict,
        why=why,
        preconditions=conditions,
        p=None if p is None else round(p, 6),
    )


def range_of(question: StudyQuestion, figure: Interval) -> Range:
    """The range that a figure's value speaks for: yes's, no's, or between them."""
    value = figure.value
    if value is not None:
        for where in (question.yes, question.no):
            if where[0] < value < where[1]:
                return where
    return (inf, -inf)


def _leaning(question: StudyQuestion, figure: Interval) -> StudyOutcome:
    if figure.low is None or figure.high is None:
        return StudyOutcome.CANNOT_TELL
    if _inside(figure, question.yes):
        return StudyOutcome.YES
    return StudyOutcome.NO if _inside(figure, question.no) else StudyOutcome.CANNOT_TELL


# Whether the whole interval lies there; a figure on the limit itself, which two answers share, lies in neither.
def _inside(figure: Interval, where: Range) -> bool:
    assert figure.low is not None, "it was looked at before"
    assert figure.high is not None, "it was looked at before"
    return where[0] < figure.low and figure.high < where[1]


def _why(question: StudyQuestion, figure: Interval, leaning: StudyOutcome) -> str:
    told = f"{figure.value:.3g}"
    if figure.low is None or figure.high is None:
        return f"{told}, without an interval: too few dialogues"
    between = told if figure.low == figure.high else f"{told} [{figure.low:.3g}, {figure.high:.3g}]"
    if leaning is StudyOutcome.CANNOT_TELL:
        return f"{between} is neither {_format(question.yes)} (yes) nor {_format(question.no)} (no)"
    return f"{between} is {_format(question.yes if leaning is StudyOutcome.YES else question.no)}"


def _format(where: Range) -> str:
    low, high = where
    if low == -inf:
        return f"below {high:g}"
    return f"above {low:g}" if high == inf else f"between {low:g} and {high:g}"
