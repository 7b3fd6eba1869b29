"""A validation as a page for people and tables for machines."""

from collections.abc import Iterator, Sequence

from ...schemas.escape import csv_table, markdown_table
from ...schemas.measures import Interval
from ...schemas.validation import Answered, SystemFigures, Validation
from ..evaluate.tables import p_told, told
from ..metrics.catalogue import METRICS
from .figures import MAIN

_SIGNS = {"yes": "✓ yes", "no": "✗ no", "cannot tell at this scale": "? cannot tell at this scale"}


def markdown(validation: Validation) -> str:
    """The whole page."""
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
    return (one.asks, _SIGNS[one.verdict], told(one.figure), p_told(one.p), one.why)


def _systems(systems: Sequence[SystemFigures]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    names = [name for name in MAIN if any(name in one.figures for one in systems)]
    rows = [(one.name, *(told(one.figures.get(name)) for name in names)) for one in systems]
    return ("system", *(METRICS[name].name for name in names)), rows


def _times(validation: Validation) -> list[tuple[str, ...]]:
    total = sum(one.seconds for one in validation.stages)
    return [*((one.name, f"{one.seconds:.1f}") for one in validation.stages), ("all", f"{total:.1f}")]


def questions_csv(validation: Validation) -> str:
    """Every question a line."""
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
