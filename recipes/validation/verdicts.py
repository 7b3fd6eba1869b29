"""From a figure and what was found of the preconditions to a verdict that both support: pure, and one place of it."""

from math import inf

from ...schemas.measures import Interval
from ...schemas.validation import Answered, Precondition, Verdict
from .preconditions import Found
from .questions import Question, Range
from .seeds import LEVEL

MISSING = "not looked at"


def nothing() -> Interval:
    """No figure."""
    return Interval(value=None, low=None, high=None, n=0)


def exactly(value: float, n: int) -> Interval:
    """A figure that is counted, so that nothing about it is uncertain."""
    return Interval(value=value, low=value, high=value, n=n)


def answer(question: Question, figure: Interval, found: Found, why_none: str = "", p: float | None = None) -> Answered:
    """The answer that the figure supports; never yes or no where one of the preconditions of it does not hold.

    Args:
        question: what is asked.
        figure: the figure; its interval decides, never its value alone.
        found: what was found of each precondition; one that is not there does not hold.
        why_none: why there is no figure, where there is none.
        p: of a comparative question, adjusted for all of them; a yes or a no needs one of at most `LEVEL`.
    """
    leaning = _leaning(question, figure)
    needs = question.needs if leaning is Verdict.YES else (*question.needs, *question.needs_for_no)
    conditions = tuple(
        found.get(name, Precondition(name=name.value, holds=False, told=MISSING)) for name in dict.fromkeys(needs)
    )
    failing = [one for one in conditions if not one.holds]
    if figure.value is None:
        verdict, why = Verdict.CANNOT_TELL, why_none or "there is no figure to go by"
    elif failing:
        verdict = Verdict.CANNOT_TELL
        why = "; ".join(f"{one.name.replace('_', ' ')}: {one.told}" for one in failing)
    elif leaning is not Verdict.CANNOT_TELL and p is not None and p > LEVEL:
        verdict = Verdict.CANNOT_TELL
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


def range_of(question: Question, figure: Interval) -> Range:
    """The range that a figure's value speaks for: yes's, no's, or between them."""
    value = figure.value
    if value is not None:
        for where in (question.yes, question.no):
            if where[0] < value < where[1]:
                return where
    return (inf, -inf)


def _leaning(question: Question, figure: Interval) -> Verdict:
    """What the figure alone says."""
    if figure.low is None or figure.high is None:
        return Verdict.CANNOT_TELL
    if _inside(figure, question.yes):
        return Verdict.YES
    return Verdict.NO if _inside(figure, question.no) else Verdict.CANNOT_TELL


def _inside(figure: Interval, where: Range) -> bool:
    """Whether the whole interval lies there; a figure on the limit itself, which two answers share, lies in neither."""
    assert figure.low is not None, "it was looked at before"
    assert figure.high is not None, "it was looked at before"
    return where[0] < figure.low and figure.high < where[1]


def _why(question: Question, figure: Interval, leaning: Verdict) -> str:
    told = f"{figure.value:.3g}"
    if figure.low is None or figure.high is None:
        return f"{told}, without an interval: too few dialogues"
    between = told if figure.low == figure.high else f"{told} [{figure.low:.3g}, {figure.high:.3g}]"
    if leaning is Verdict.CANNOT_TELL:
        return f"{between} is neither {_told(question.yes)} (yes) nor {_told(question.no)} (no)"
    return f"{between} is {_told(question.yes if leaning is Verdict.YES else question.no)}"


def _told(where: Range) -> str:
    low, high = where
    if low == -inf:
        return f"below {high:g}"
    return f"above {low:g}" if high == inf else f"between {low:g} and {high:g}"
