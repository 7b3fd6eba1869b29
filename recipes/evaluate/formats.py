"""An evaluation written out: Markdown for people, LaTeX for papers, CSV for machines."""

from collections.abc import Iterator

from ...schemas.escape import csv_table, markdown_table
from ...schemas.evaluation import Evaluation, SystemScores
from ...schemas.measures import Interval
from ..metrics.measured import NO_REPLIES
from .tables import Table, tables_of


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


def _latex_table(table: Table) -> str:
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
