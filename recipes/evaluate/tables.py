"""An evaluation as tables of text; `formats` writes them. Every number is the evaluation's."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...schemas.error_type import ErrorType
from ...schemas.evaluation import Evaluation, Grade, Judged, MetricInfo, SystemScores
from ...schemas.measures import Interval
from ...schemas.strategy import Strategy
from ..metrics import bias, diversity, likeness, overlap, reasoning, repetition, strategies
from .judging import ALL_STEPS, STEP_GRADES, Protocol

_UNDEFINED = "–"
_ARROWS = {"higher": " ↑", "lower": " ↓", "neither": ""}

FAMILIES = (
    ("Strategies", (*strategies.METRICS, *bias.METRICS)),
    ("Reasoning", tuple(reasoning.METRICS)),
    ("Replies beside the human's", (*overlap.METRICS, *likeness.METRICS)),
    ("Variety and length", tuple(diversity.METRICS)),
    ("Repetition", tuple(repetition.METRICS)),
)
"""The tables of scores, with the metrics of each."""
SIDE_BY_SIDE = (("accuracy", "emotion_accuracy"), ("distinct_2", "self_bleu", *repetition.METRICS))
"""The metrics of the first table, before and after what judges say."""
JUDGED_SIDE_BY_SIDE = (ALL_STEPS, "empathy", "human_likeness")
"""What judges say that stands in it, of replies that they saw alone."""
HEADLINES = ("accuracy", "macro_f1", "bias", "bias_smoothed", "bleu_2", "rouge_l", "distinct_2", "self_bleu", "words")
"""The metrics whose differences stand on the page; the file of comparisons has all of them."""


@dataclass(frozen=True)
class Table:
    """A table of text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables_of(evaluation: Evaluation) -> tuple[Table, ...]:
    """Every table that the evaluation has the numbers of."""
    found = [_side_by_side(evaluation), *(_scores(evaluation, title, metrics) for title, metrics in FAMILIES)]
    found.append(_strengths(evaluation))
    found += [
        table
        for judged in evaluation.judged
        for table in (_grades(judged), _steps(judged), _errors(judged), _judged_apart(judged))
    ]
    found += [_comparisons(evaluation), _wins(evaluation), _invalid(evaluation)]
    return tuple(table for table in found if table.rows)


def _side_by_side(evaluation: Evaluation) -> Table:
    """A row a system, whatever way it works; the intervals stand in the tables below."""
    before, after = ([_metric_column(evaluation, name) for name in names] for names in SIDE_BY_SIDE)
    judged = [_grade_column(one, grade, evaluation) for one in evaluation.judged for grade in JUDGED_SIDE_BY_SIDE]
    columns = [(name, values) for name, values in (*before, *judged, *after) if values]
    rows = [
        (_named(system), *(_plain(values.get(system.name)) for _, values in columns)) for system in evaluation.systems
    ]
    return Table("Side by side", ("system", *(name for name, _ in columns)), tuple(rows) if columns else ())


_Column = tuple[str, dict[str, float]]
"""A title, and the values of the systems that have one."""


def _metric_column(evaluation: Evaluation, metric: str) -> _Column:
    values = {
        system.name: score.value.value
        for system in evaluation.systems
        for score in system.scores
        if score.metric == metric and score.value.value is not None
    }
    info = evaluation.metrics[metric]
    return ("strategy accuracy" + _ARROWS[info.better] if metric == "accuracy" else _column(info)), values


def _grade_column(judged: Judged, grade: str, evaluation: Evaluation) -> _Column:
    values = {
        one.system: one.mean.value
        for one in judged.grades
        if one.grade == grade and one.protocol == Protocol.ALONE and one.mean.value is not None
        if one.system not in judged.stakes
    }
    by = f" by {judged.judge}" if len(evaluation.judged) > 1 else ""
    return f"{'steps right' if grade == ALL_STEPS else _words(grade)}{by} ↑", values


def _words(name: str) -> str:
    return name.replace("_", " ")


def _plain(value: float | None) -> str:
    return _UNDEFINED if value is None else f"{value:.{_digits(value)}f}"


def _scores(evaluation: Evaluation, title: str, metrics: Sequence[str]) -> Table:
    """A row a system, baselines below, without the metrics that none of them has."""
    by_system = {system.name: {score.metric: score.value for score in system.scores} for system in evaluation.systems}
    held = [
        name
        for name in metrics
        if any((score := scores.get(name)) is not None and score.value is not None for scores in by_system.values())
    ]
    columns = ("system", *(_column(evaluation.metrics[name]) for name in held))
    rows = [
        (_named(system), *(told(by_system[system.name].get(name)) for name in held))
        for system in evaluation.systems
        if any(_is_told(by_system[system.name].get(name)) for name in held if name != "replied")
    ]
    return Table(title, columns, tuple(rows) if held else ())


def _column(metric: MetricInfo) -> str:
    return metric.name + _ARROWS[metric.better]


def _is_told(value: Interval | None) -> bool:
    return value is not None and value.value is not None


def _named(system: SystemScores) -> str:
    return f"{system.name} (baseline)" if system.kind == "baseline" else system.name


def _strengths(evaluation: Evaluation) -> Table:
    """Smoothed strengths: they are there for every system with enough valid answers."""
    rows = [
        (_named(system), *(_UNDEFINED if of is None else f"{of.smoothed[name]:.2f}" for name in Strategy))
        for system in evaluation.systems
        if system.confusion
        for of in [system.strengths]
    ]
    return Table("Preference for each strategy (smoothed; 1 is none)", ("system", *Strategy), tuple(rows))


def _grades(judged: Judged) -> Table:
    grades = [one for one in judged.grades if one.grade not in STEP_GRADES]
    rows = [
        (_judged_by(judged, one.system), _spoken(one.protocol), _words(one.grade), told(one.mean, 2), _coverage(one))
        for one in grades
    ]
    return Table(f"Grades 0 to 5 by {judged.judge}", ("system", "judge saw", "grade", "mean ↑", "graded"), tuple(rows))


def _steps(judged: Judged) -> Table:
    steps = [one for one in judged.grades if one.grade in STEP_GRADES]
    rows = [
        (_judged_by(judged, one.system), one.grade.removeprefix("step: "), told(one.mean), _coverage(one))
        for one in steps
    ]
    return Table(f"Steps found right, 0 to 1, by {judged.judge}", ("system", "step", "right ↑", "judged"), tuple(rows))


def _judged_by(judged: Judged, system: str) -> str:
    """A system's name, with a word of a judge that has a stake in it; the page says which."""
    return f"{system} (judge not independent)" if system in judged.stakes else system


def _coverage(grade: Grade) -> str:
    return f"{grade.mean.n} of {grade.asked} replies, {grade.turns} turns"


def _errors(judged: Judged) -> Table:
    rows = [
        (
            _judged_by(judged, one.system),
            _spoken(one.protocol),
            told(one.flagged),
            *(str(one.errors.get(error, 0)) if one.flagged.n else _UNDEFINED for error in ErrorType),
            f"{one.flagged.n} of {one.asked} replies, {one.turns} turns",
        )
        for one in judged.errors
    ]
    columns = ("system", "judge saw", "any error ↓", *(_words(error) for error in ErrorType), "read")
    return Table(f"Psychological errors by {judged.judge}", columns, tuple(rows))


def _judged_apart(judged: Judged) -> Table:
    rows = [
        (
            f"{one.one} − {one.other}",
            f"{_words(what)}, judge saw {_spoken(protocol)}",
            told(one.difference, 2),
            p_told(one.p),
        )
        for one in judged.comparisons
        for what, protocol in [one.metric.split(", ")]
    ]
    columns = ("systems", "what", "difference", "p")
    return Table(f"Differences by {judged.judge}, on turns where both were judged", columns, tuple(rows))


def _spoken(protocol: str) -> str:
    return {"alone": "the reply alone", "beside_human": "the human's reply, too"}.get(protocol, protocol)


def _comparisons(evaluation: Evaluation) -> Table:
    rows = [
        (f"{one.one} − {one.other}", evaluation.metrics[one.metric].name, told(one.difference), p_told(one.p))
        for one in evaluation.comparisons
        if one.metric in HEADLINES
    ]
    return Table("Differences", ("systems", "metric", "difference", "p"), tuple(rows))


def _wins(evaluation: Evaluation) -> Table:
    rows = [
        (f"{one.one} over {one.other}", one.by, told(one.wins), str(one.ties), str(one.losses), str(one.wins.n))
        for one in evaluation.wins
    ]
    return Table("Wins", ("systems", "by", "wins (share)", "ties", "losses", "turns"), tuple(rows))


def _invalid(evaluation: Evaluation) -> Table:
    rows = [
        (system.name, label or "(no answer)", str(count))
        for system in evaluation.systems
        for label, count in system.invalid.items()
    ]
    return Table("Answers that are none of the eight strategies", ("system", "answer", "turns"), tuple(rows))


def told(value: Interval | None, digits: int | None = None) -> str:
    """A value with its interval; a dash where there is none."""
    if value is None or value.value is None:
        return _UNDEFINED
    digits = digits if digits is not None else _digits(value.value)
    if value.low is None or value.high is None:
        return f"{value.value:.{digits}f}"
    return f"{value.value:.{digits}f} [{value.low:.{digits}f}, {value.high:.{digits}f}]"


def _digits(value: float) -> int:
    return 1 if abs(value) >= 10 else 3


def p_told(p: float | None) -> str:
    """A p-value for people."""
    return _UNDEFINED if p is None else f"{p:.3f}"
