"""An evaluation as tables of text; `formats` writes them. Every number is the evaluation's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...schemas.error_type import ErrorType
from ...schemas.escape import csv_table, markdown_table
from ...schemas.evaluation import Evaluation, Grade, JudgeFigures, MetricInfo, SystemScores
from ...schemas.measures import Interval
from ...schemas.strategy import Strategy
from ..metrics import diversity, overlap, strategies
from ..metrics import strategies as bias
from ..metrics.measured import NO_REPLIES
from ._judging import ALL_STEPS, STEP_GRADES, Protocol

_UNDEFINED = "–"
_ARROWS = {"higher": " ↑", "lower": " ↓", "neither": ""}

# The tables of scores, with the metrics of each.
_FAMILIES = (
    ("Strategies", (*strategies.STRATEGY_METRICS, *bias.METRICS)),
    ("Reasoning", tuple(strategies.REASONING_METRICS)),
    ("Replies beside the human's", (*overlap.OVERLAP_METRICS, *overlap.LIKENESS_METRICS)),
    ("Variety and length", tuple(diversity.DIVERSITY_METRICS)),
    ("Repetition", tuple(diversity.REPETITION_METRICS)),
)
# The metrics of the first table, before and after what judges say.
_SIDE_BY_SIDE = (("accuracy", "emotion_accuracy"), ("distinct_2", "self_bleu", *diversity.REPETITION_METRICS))
# What judges say that stands in it, of replies that they saw alone.
_JUDGED_SIDE_BY_SIDE = (ALL_STEPS, "empathy", "human_likeness")
# The metrics whose differences stand on the page; the file of comparisons has all of them.
_HEADLINES = ("accuracy", "macro_f1", "bias", "bias_smoothed", "bleu_2", "rouge_l", "distinct_2", "self_bleu", "words")


@dataclass(frozen=True)
class TextTable:
    """A table of text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables_of(evaluation: Evaluation) -> tuple[TextTable, ...]:
    """Every table that the evaluation has the numbers of."""
    found = [_side_by_side(evaluation), *(_scores(evaluation, title, metrics) for title, metrics in _FAMILIES)]
    found.append(_strengths(evaluation))
    found += [
        table
        for judged in evaluation.judged
        for table in (_grades(judged), _steps(judged), _errors(judged), _judged_apart(judged))
    ]
    found += [_comparisons(evaluation), _wins(evaluation), _invalid(evaluation)]
    return tuple(table for table in found if table.rows)


# A row a system, whatever way it works; the intervals stand in the tables below.
def _side_by_side(evaluation: Evaluation) -> TextTable:
    before, after = ([_metric_column(evaluation, name) for name in names] for names in _SIDE_BY_SIDE)
    judged = [_grade_column(one, grade, evaluation) for one in evaluation.judged for grade in _JUDGED_SIDE_BY_SIDE]
    columns = [(name, values) for name, values in (*before, *judged, *after) if values]
    rows = [
        (_named(system), *(_plain(values.get(system.name)) for _, values in columns)) for system in evaluation.systems
    ]
    return TextTable("Side by side", ("system", *(name for name, _ in columns)), tuple(rows) if columns else ())


# A title, and the values of the systems that have one.
_Column = tuple[str, dict[str, float]]


def _metric_column(evaluation: Evaluation, metric: str) -> _Column:
    values = {
        system.name: score.value.value
        for system in evaluation.systems
        for score in system.scores
        if score.metric == metric and score.value.value is not None
    }
    info = evaluation.metrics[metric]
    return ("strategy accuracy" + _ARROWS[info.better] if metric == "accuracy" else _column(info)), values


def _grade_column(judged: JudgeFigures, grade: str, evaluation: Evaluation) -> _Column:
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


# A row a system, baselines below, without the metrics that none of them has.
def _scores(evaluation: Evaluation, title: str, metrics: Sequence[str]) -> TextTable:
    by_system = {system.name: {score.metric: score.value for score in system.scores} for system in evaluation.systems}
    held = [
        name
        for name in metrics
        if any((score := scores.get(name)) is not None and score.value is not None for scores in by_system.values())
    ]
    columns = ("system", *(_column(evaluation.metrics[name]) for name in held))
    rows = [
        (_named(system), *(format_value(by_system[system.name].get(name)) for name in held))
        for system in evaluation.systems
        if any(_is_told(by_system[system.name].get(name)) for name in held if name != "replied")
    ]
    return TextTable(title, columns, tuple(rows) if held else ())


def _column(metric: MetricInfo) -> str:
    return metric.name + _ARROWS[metric.better]


def _is_told(value: Interval | None) -> bool:
    return value is not None and value.value is not None


def _named(system: SystemScores) -> str:
    return f"{system.name} (baseline)" if system.kind == "baseline" else system.name


# Smoothed strengths: they are there for every system with enough valid answers.
def _strengths(evaluation: Evaluation) -> TextTable:
    rows = [
        (_named(system), *(_UNDEFINED if of is None else f"{of.smoothed[name]:.2f}" for name in Strategy))
        for system in evaluation.systems
        if system.confusion
        for of in [system.strengths]
    ]
    return TextTable("Preference for each strategy (smoothed; 1 is none)", ("system", *Strategy), tuple(rows))


def _grades(judged: JudgeFigures) -> TextTable:
    grades = [one for one in judged.grades if one.grade not in STEP_GRADES]
    rows = [
        (
            _judged_by(judged, one.system),
            _spoken(one.protocol),
            _words(one.grade),
            format_value(one.mean, 2),
            _coverage(one),
        )
        for one in grades
    ]
    return TextTable(
        f"Grades 0 to 5 by {judged.judge}", ("system", "judge saw", "grade", "mean ↑", "graded"), tuple(rows)
    )


def _steps(judged: JudgeFigures) -> TextTable:
    steps = [one for one in judged.grades if one.grade in STEP_GRADES]
    rows = [
        (_judged_by(judged, one.system), one.grade.removeprefix("step: "), format_value(one.mean), _coverage(one))
        for one in steps
    ]
    return TextTable(
        f"Steps found right, 0 to 1, by {judged.judge}", ("system", "step", "right ↑", "judged"), tuple(rows)
    )


# A system's name, with a word of a judge that has a stake in it; the page says which.
def _judged_by(judged: JudgeFigures, system: str) -> str:
    return f"{system} (judge not independent)" if system in judged.stakes else system


def _coverage(grade: Grade) -> str:
    return f"{grade.mean.n} of {grade.asked} replies, {grade.turns} turns"


def _errors(judged: JudgeFigures) -> TextTable:
    rows = [
        (
            _judged_by(judged, one.system),
            _spoken(one.protocol),
            format_value(one.flagged),
            *(str(one.errors.get(error, 0)) if one.flagged.n else _UNDEFINED for error in ErrorType),
            f"{one.flagged.n} of {one.asked} replies, {one.turns} turns",
        )
        for one in judged.errors
    ]
    columns = ("system", "judge saw", "any error ↓", *(_words(error) for error in ErrorType), "read")
    return TextTable(f"Psychological errors by {judged.judge}", columns, tuple(rows))


def _judged_apart(judged: JudgeFigures) -> TextTable:
    rows = [
        (
            f"{one.one} − {one.other}",
            f"{_words(what)}, judge saw {_spoken(protocol)}",
            format_value(one.difference, 2),
            p_told(one.p),
        )
        for one in judged.comparisons
        for what, protocol in [one.metric.split(", ")]
    ]
    columns = ("systems", "what", "difference", "p")
    return TextTable(f"Differences by {judged.judge}, on turns where both were judged", columns, tuple(rows))


def _spoken(protocol: str) -> str:
    return {"alone": "the reply alone", "beside_human": "the human's reply, too"}.get(protocol, protocol)


def _comparisons(evaluation: Evaluation) -> TextTable:
    rows = [
        (f"{one.one} − {one.other}", evaluation.metrics[one.metric].name, format_value(one.difference), p_told(one.p))
        for one in evaluation.comparisons
        if one.metric in _HEADLINES
    ]
    return TextTable("Differences", ("systems", "metric", "difference", "p"), tuple(rows))


def _wins(evaluation: Evaluation) -> TextTable:
    rows = [
        (f"{one.one} over {one.other}", one.by, format_value(one.wins), str(one.ties), str(one.losses), str(one.wins.n))
        for one in evaluation.wins
    ]
    return TextTable("Wins", ("systems", "by", "wins (share)", "ties", "losses", "turns"), tuple(rows))


def _invalid(evaluation: Evaluation) -> TextTable:
    rows = [
        (system.name, label or "(no answer)", str(count))
        for system in evaluation.systems
        for label, count in system.invalid.items()
    ]
    return TextTable("Answers that are none of the eight strategies", ("system", "answer", "turns"), tuple(rows))


def format_value(value: Interval | None, digits: int | None = None) -> str:
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
    return _UNDEFINED if p is None else f"{p:.3f}"


# An evaluation written out: Markdown for people, LaTeX for papers, CSV for machines.


def markdown(evaluation: Evaluation) -> str:
    """A whole page: what was evaluated, the tables, what the metrics are, and what to know of them."""
    parts = [f"# Evaluation of {evaluation.on.name}", _about(evaluation)]
    parts += [f"## {table.title}\n\n{markdown_table(table.columns, table.rows)}" for table in tables_of(evaluation)]
    parts.append("## What the numbers are\n\n" + "\n".join(_legend(evaluation)))
    return "\n\n".join(parts) + "\n"


def _about(evaluation: Evaluation) -> str:
    on = evaluation.on
    release = f"version {on.version}, split {on.split}, " if on.version else ""
    lines = [
        f"{release}{on.turns} supporter turns of {on.dialogues} dialogues. In brackets: 95 % intervals by bootstrap "
        f"over dialogues ({evaluation.replicates} samples).",
        "",
        *(f"- **{system.name}** ({system.kind}): {system.about}{_left_out(system)}" for system in evaluation.systems),
    ]
    return "\n".join(lines)


def _left_out(system: SystemScores) -> str:
    return f"; {system.left_out} of its turns are scored nowhere, since others lack them" if system.left_out else ""


def _legend(evaluation: Evaluation) -> Iterator[str]:
    held = {score.metric for system in evaluation.systems for score in system.scores}
    alike: dict[str, list[str]] = {}
    for name, one in evaluation.metrics.items():
        if name in held:
            alike.setdefault(one.about, []).append(one.name)
    yield from (f"- **{', '.join(names)}**: {about}." for about, names in alike.items())
    if evaluation.comparisons:
        yield f"- **p**: {evaluation.p_value}."
    why: dict[str, None] = {}
    for system in evaluation.systems:
        reasons: dict[str, list[str]] = {}
        for score in system.scores:
            if score.why not in ("", NO_REPLIES):
                reasons.setdefault(score.why, []).append(evaluation.metrics[score.metric].name)
        why |= {f"- {system.name}, {', '.join(names)}: {reason}.": None for reason, names in reasons.items()}
    yield from why
    yield from (f"- {note}." for judged in evaluation.judged for note in judged.notes)
    yield from (f"- {note}." for note in evaluation.notes)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def latex(evaluation: Evaluation) -> str:
    """Every table as a `table` of booktabs, in the order of the page."""
    return "% needs \\usepackage{booktabs}\n" + "\n".join(_latex_table(table) for table in tables_of(evaluation))


def _latex_table(table: TextTable) -> str:
    rows = [" & ".join(_latex_text(cell) for cell in line) + r" \\" for line in (table.columns, *table.rows)]
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{_latex_text(table.title)}}}",
            rf"\begin{{tabular}}{{{'l' * len(table.columns)}}}",
            r"\toprule",
            rows[0],
            r"\midrule",
            *rows[1:],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


_LATEX = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "−": r"$-$",
    "–": "--",
}


def _latex_text(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in _one_line(text))


def scores_csv(evaluation: Evaluation) -> str:
    """Every score a line: system, kind, metric, value, low, high, n, why."""
    rows: list[tuple[object, ...]] = [("system", "kind", "metric", "value", "low", "high", "n", "why")]
    for system in evaluation.systems:
        rows += [
            (system.name, system.kind, one.metric, one.value.value, one.value.low, one.value.high, one.value.n, one.why)
            for one in system.scores
        ]
    for judged in evaluation.judged:
        rows += [
            (one.system, "system", f"{one.grade}, {one.protocol}, by {judged.judge}", *_cells(one.mean), "")
            for one in judged.grades
        ]
        rows += [
            (one.system, "system", f"any error, {one.protocol}, by {judged.judge}", *_cells(one.flagged), "")
            for one in judged.errors
        ]
    return csv_table(rows)


def comparisons_csv(evaluation: Evaluation) -> str:
    """Every comparison a line: metric, one, other, difference, low, high, p."""
    rows: list[tuple[object, ...]] = [("metric", "one", "other", "difference", "low", "high", "n", "p")]
    rows += [(one.metric, one.one, one.other, *_cells(one.difference), one.p) for one in evaluation.comparisons]
    return csv_table(rows)


def _cells(value: Interval) -> tuple[object, ...]:
    return value.value, value.low, value.high, value.n
