"""The figures that verdicts go by, over all seeds, out of the samples behind the evaluations."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...schemas.escape import csv_table, markdown_table
from ...schemas.inference import BASELINE
from ...schemas.measures import Interval
from ...schemas.study import Answered, StudyOutcome, SystemFigures, Validation
from ..evaluate.pictures import new_figure, png_of
from ..evaluate.score import METRICS, Samples
from ..evaluate.tables import format_value, p_told
from ..metrics.measured import MetricResult, undefined
from ._systems import SeedResults
from ._verdicts import over_seeds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
"""The protocol on which judges are compared: they see the reply, but not the human's."""
_NOTHING = undefined("it was not measured", 0)


def score(seeds: Sequence[Samples], system: str, metric: str) -> MetricResult:
    """A system's score over all seeds; undefined where it has none."""
    return over_seeds([_score(one, system, metric) for one in seeds])


def difference(seeds: Sequence[Samples], metric: str, one: str, other: str) -> MetricResult:
    """`one - other` on a metric, paired over dialogues and seeds; undefined where either is, or they are not compared.

    Two systems are compared within a seed, whose models they share, and then over the seeds.
    """
    return over_seeds([_difference(samples, metric, one, other) for samples in seeds])


def change(seeds: Sequence[Samples], metric: str, after: str, before: str) -> MetricResult:
    """By what part a metric grew from `before` to `after`; undefined where there was nothing to grow from.

    The difference is divided by the value before, whose own uncertainty is left out: it is the smaller.
    """
    return over_seeds([_change(one, metric, after, before) for one in seeds])


def errors_difference(seeds: Sequence[Samples], one: str, other: str, judges: Sequence[str] = ()) -> MetricResult:
    """`one - other` in the share of replies with an error, by the first of `judges`, or else the first model."""
    return over_seeds([_errors(samples, one, other, judges) for samples in seeds])


def is_embedded(judge: str) -> bool:
    """Whether a judge is the baseline, which applies rules."""
    return judge.partition("#")[0] == BASELINE


def _score(samples: Samples, system: str, metric: str) -> MetricResult:
    return samples.measured.get(system, {}).get(metric, _NOTHING)


def _difference(samples: Samples, metric: str, one: str, other: str) -> MetricResult:
    ours, theirs = (_score(samples, name, metric) for name in (one, other))
    if len(ours.values) != len(theirs.values) or not (ours.comparable and theirs.comparable):
        return _like(ours if len(ours.values) > 1 else theirs)
    return MetricResult(ours.values - theirs.values, min(ours.n, theirs.n))


def _change(samples: Samples, metric: str, after: str, before: str) -> MetricResult:
    found, base = _difference(samples, metric, after, before), float(_score(samples, before, metric).values[0])
    if not np.isfinite(base) or not base:
        return _like(found)
    return MetricResult(found.values / base, found.n)


def _errors(samples: Samples, one: str, other: str, judges: Sequence[str]) -> MetricResult:
    for (judge, what, first, second), found in samples.judged.items():
        wanted = judge in judges[:1] if judges else not is_embedded(judge)
        if what == ERRORS and wanted and {first, second} == {one, other}:
            return found if first == one else MetricResult(-found.values, found.n)
    return _NOTHING


# Nothing, with as many samples as something.
def _like(found: MetricResult) -> MetricResult:
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


# A validation as a page for people and tables for machines.


_SIGNS = {"yes": "✓ yes", "no": "✗ no", "cannot tell at this scale": "? cannot tell at this scale"}


def markdown(validation: Validation) -> str:
    parts = [f"# Validation of {validation.release.name} at scale {validation.scale}", _about(validation)]
    for group, title in (("release", "The release itself"), ("training", "What training on it shows")):
        some = [one for one in validation.questions if one.group == group]
        parts.append(f"## {title}\n\n{markdown_table(_QUESTION, [_row(one) for one in some])}")
    parts.append(
        "## What the figures are\n\n" + "\n".join(f"- **{one.asks}** {one.measures}." for one in validation.questions)
    )
    if validation.systems:
        columns, rows = _systems(validation.systems)
        parts.append(f"## Systems on the test split\n\n{markdown_table(columns, rows)}")
    parts.append(f"## Seconds\n\n{markdown_table(('part', 'seconds'), _times(validation))}")
    if validation.notes:
        parts.append("## To know\n\n" + "\n".join(f"- {note}." for note in validation.notes))
    return "\n\n".join(parts) + "\n"


_QUESTION = ("question", "verdict", "figure", "p, adjusted", "why")


def _about(validation: Validation) -> str:
    release = validation.release
    recipes = {one.recipe: f"{one.recipe} ({one.steps} steps, {one.base_model})" for one in validation.models}
    seeds = len({one.run_sha256 for one in validation.models}) // max(1, len(recipes))
    trained = ", ".join(recipes.values()) + (f", each with {seeds} seed{'s' * (seeds != 1)}" if recipes else "")
    return (
        f"Release {release.version}, tables {release.tables_sha256[:12]}…; {release.turns} test turns of "
        f"{release.dialogues} dialogues. Trained: {trained or 'nothing'}. In brackets: 95 % intervals by bootstrap "
        "over seeds and dialogues. p is adjusted for all comparative questions together (Holm). A verdict is given by "
        "the whole interval, and only where its preconditions hold."
    )


def _row(one: Answered) -> tuple[str, ...]:
    return (one.asks, _SIGNS[one.verdict], format_value(one.figure), p_told(one.p), one.why)


def _systems(systems: Sequence[SystemFigures]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    names = [name for name in MAIN if any(name in one.figures for one in systems)]
    rows = [(one.name, *(format_value(one.figures.get(name)) for name in names)) for one in systems]
    return ("system", *(METRICS[name].name for name in names)), rows


def _times(validation: Validation) -> list[tuple[str, ...]]:
    total = sum(one.seconds for one in validation.stages)
    return [*((one.name, f"{one.seconds:.1f}") for one in validation.stages), ("all", f"{total:.1f}")]


def questions_csv(validation: Validation) -> str:
    head = ("id", "group", "verdict", "value", "low", "high", "n", "p", "why")
    rows = [(one.id, one.group, one.verdict.value, *_cells(one.figure), one.p, one.why) for one in validation.questions]
    return csv_table([head, *rows])


def systems_csv(validation: Validation) -> str:
    """Every main figure of every system a line."""
    return csv_table([("system", "kind", "metric", "value", "low", "high", "n"), *_figures(validation)])


def _figures(validation: Validation) -> Iterator[tuple[object, ...]]:
    for system in validation.systems:
        yield from ((system.name, system.kind, name, *_cells(one)) for name, one in system.figures.items())


def _cells(figure: Interval) -> tuple[object, ...]:
    return figure.value, figure.low, figure.high, figure.n


# A validation as pictures (PNG): the held-out rewards, and the systems beside their baselines.


# Told apart by those who do not see all colours (Okabe and Ito 2008).
_COLOURS = {StudyOutcome.YES: "#009E73", StudyOutcome.NO: "#D55E00", StudyOutcome.CANNOT_TELL: "#999999"}
_PANELS = (("accuracy", "accuracy"), ("macro_f1", "macro F1"), ("bias_smoothed", "bias, smoothed"))


def pictures_of(validation: Validation) -> dict[str, bytes]:
    """Every picture by its file name; none where nothing was trained."""
    learns = [one for one in validation.questions if one.id.startswith("dpo_learns") and one.figure.value is not None]
    pictures = {}
    if learns:
        pictures["rewards.png"] = png_of(_rewards(learns))
    if validation.systems:
        pictures["systems.png"] = png_of(_pictures_systems(validation.systems))
    return pictures


# A bar a task, in the colour of the verdict, against a half.
def _rewards(learns: Sequence[Answered]) -> "Figure":
    figure = new_figure(7, 1.2 + 0.5 * len(learns))
    panel = figure.subplots()
    for at, one in enumerate(reversed(learns)):
        _bar(panel, at, one.figure, _COLOURS[one.verdict])
        panel.text(0.01, at, f" {one.verdict}", va="center", fontsize=8)
    panel.axvline(0.5, color="black", linewidth=1)
    panel.set_yticks(range(len(learns)), [one.id.removeprefix("dpo_learns_") for one in reversed(learns)])
    panel.set_xlim(0, 1)
    panel.set_xlabel("test pairs whose chosen side gained more in DPO (share; 0.5 is chance)")
    return figure


# A panel a metric, a bar a system.
def _pictures_systems(systems: Sequence[SystemFigures]) -> "Figure":
    figure = new_figure(12, 1.2 + 0.4 * len(systems))
    panels = figure.subplots(1, len(_PANELS), sharey=True)
    rows = list(reversed(systems))
    for panel, (metric, label) in zip(panels, _PANELS, strict=True):
        for at, one in enumerate(rows):
            if metric in one.figures:
                _bar(panel, at, one.figures[metric], "#0072B2" if one.kind == "system" else "#E69F00")
        panel.set_xlabel(label)
    panels[0].set_yticks(range(len(rows)), [one.name for one in rows], fontsize=8)
    return figure


def _bar(panel: Any, at: int, figure: Interval, colour: str) -> None:
    if figure.value is None:
        return
    panel.barh(at, figure.value, color=colour)
    if figure.low is not None and figure.high is not None:
        panel.plot([figure.low, figure.high], [at, at], color="black", linewidth=1)
