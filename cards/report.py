"""Renders an audit and a sample of its pairs as one HTML file that needs only a browser.

The page loads nothing, and its Content-Security-Policy forbids it. Text from the data reaches the page escaped, or as
JSON that scripts insert as text nodes, so that no dialogue can be markup.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..schemas.audit import Audit, Counts
from ..schemas.base import Frozen
from ..schemas.drops import DropReason
from ..schemas.error_type import ErrorType
from ..schemas.report import HeldOut, ReportPair
from ._charts import charts_of, configs_of
from ._panel_charts import numbers_of
from ._words import UNDEFINED, as_words, fixed, format_ci, verdict
from .columns import member_docs

_TEMPLATES = Environment(
    loader=PackageLoader(__package__, ""),
    undefined=StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


class ReportTable(Frozen):
    title: str
    about: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def _table(title: str, about: str, columns: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> ReportTable:
    cells = tuple(tuple(UNDEFINED if cell is None else str(cell) for cell in row) for row in rows)
    return ReportTable(title=title, about=about, columns=columns, rows=cells)


# CSS classes by outcome, in the order of the table.
_STATES = {"failed": "fail", "cannot_tell": "unknown", "passed": "pass", "not_applicable": "none"}


def gate_lines(audit: Audit) -> list[dict[str, str]]:
    """A line for each gate: failed ones first, then those that cannot tell."""
    order = list(_STATES)
    return [
        {
            "answer": verdict(gate),
            "state": _STATES[gate.answer],
            "name": gate.name,
            "measure": as_words(gate.measure),
            "value": fixed(gate.value, 4).removesuffix(".0000"),
            "interval": UNDEFINED if gate.low is None else f"{fixed(gate.low, 3)} to {fixed(gate.high, 3)}",
            "limit": f"{'≥ ' if gate.bound == 'least' else ''}{gate.limit:g}",
            "why": f"{gate.why}; {gate.note}" if gate.note else gate.why,
        }
        for gate in sorted(audit.gates, key=lambda gate: order.index(gate.answer))
    ]


def judges_of(audit: Audit) -> list[str]:
    """Every judge in the audit, in the order of the charts' numbers if they compared the sides."""
    return list(numbers_of(audit)) or list(dict.fromkeys(one.judge for one in audit.verdicts))


def verdict_table(audit: Audit) -> ReportTable:
    """Parsed, unparsed and failed verdicts of every judge."""
    rows = ((one.config, one.side, one.judge, one.parsed, one.unparsed, one.failed) for one in audit.verdicts)
    about = "Every verdict that was requested, over rows and drops; an answer about both sides counts for each side."
    return _table("Verdicts", about, ("config", "side", "judge", "parsed", "unparsed", "failed"), rows)


def other_tables(audit: Audit) -> list[ReportTable]:
    """The rest of the audit's numbers; tables without rows are left out."""
    return [table for table in _others(audit) if table.rows]


def _others(audit: Audit) -> Iterator[ReportTable]:
    splits = list(dict.fromkeys(split for counts in audit.rows.values() for split in counts))
    rows = ((config, *(counts.get(split) for split in splits)) for config, counts in audit.rows.items())
    yield _table("Pairs", "Rows by config and split.", ("config", *splits), iter(rows))
    faults = (
        (one.config, as_words(one.kind), one.count, one.places[0] if one.places else None, audit.fault_kinds[one.kind])
        for one in audit.faults
        if one.count
    )
    yield _table(
        "Faults", "Pairs that break a rule of what a pair is.", ("config", "fault", "pairs", "first", "meaning"), faults
    )
    words = (
        (
            one.config,
            as_words(one.features),
            ", ".join(word.word for word in one.telling if word.weight > 0),
            ", ".join(word.word for word in one.telling if word.weight < 0),
        )
        for one in audit.artefacts
        if one.telling
    )
    about = "The words that are most typical of one side, strongest first."
    yield _table(
        "Words that identify a side", about, ("config", "seen", "typical of chosen", "typical of rejected"), words
    )
    yield from _shifts(audit)
    yield from _leaks(audit)
    yield _chatter(audit)
    yield from _traces(audit)
    labels = ((one.config, one.split, as_words(one.label), _counted(one.counts)) for one in audit.labels)
    yield _table("Labels", "How often each occurs in a split.", ("config", "split", "label", "counts"), labels)
    kept = ((one.config, one.candidates, one.rows, one.dropped, one.lost) for one in audit.conservation)
    about = "Every candidate must be a row or a drop."
    yield _table("Conservation", about, ("config", "candidates", "rows", "dropped", "lost"), kept)


def _shifts(audit: Audit) -> Iterator[ReportTable]:
    bias = (
        (one.config, as_words(one.estimator), *map(format_ci, (one.before, one.after, one.shift, one.keeping)))
        for one in audit.filter_bias
    )
    about = "How choosing among complete pairs shifts the strategies; 0 is unbiased. The estimators are ours."
    yield _table(
        "Bias of the filter", about, ("config", "estimator", "before", "after", "shift", "of keeping alone"), bias
    )
    kept = (
        (
            one.config,
            name,
            one.before_by_strategy.get(name, 0),
            one.after_by_strategy.get(name, 0),
            format_ci(share),
        )
        for one in audit.filter_bias
        for name, share in one.kept.items()
    )
    about = "Complete pairs by the human's strategy, before and after choosing among them, and the share that is kept."
    yield _table("Strategies that the filter keeps", about, ("config", "strategy", "before", "after", "kept"), kept)
    style = (
        (
            one.config,
            audit.style_features[one.feature],
            fixed(one.chosen),
            fixed(one.rejected),
            format_ci(one.difference),
        )
        for one in audit.style
        if one.strategy is None
    )
    yield _table("Style", "Means of either side.", ("config", "mean of", "chosen", "rejected", "difference"), style)


def _chatter(audit: Audit) -> ReportTable:
    gates = {gate.measure.partition(":")[0]: gate for gate in audit.gates if gate.name == "crowd_chatter"}
    rows = (
        (
            one.config,
            one.found,
            one.share.n,
            format_ci(one.share),
            _counted(one.kinds),
            verdict(gates.get(one.config)),
        )
        for one in audit.chatter
    )
    about = "Chosen replies about the crowd task that made a corpus, instead of replies to the seeker."
    return _table("Crowd chatter", about, ("config", "found", "replies", "share", "kinds", "gate"), rows)


def _traces(audit: Audit) -> Iterator[ReportTable]:
    found = audit.traces
    if found is None:
        return
    steps = ((one.step, format_ci(one.right), format_ci(one.contradicted), format_ci(one.alpha)) for one in found.steps)
    about = f"Over {found.traces} labelled traces of {fixed(found.words)} words in the mean."
    named = ("step", "right", "contradicted by a rule", "judges' agreement (alpha)")
    yield _table("Steps of reasoning", about, named, steps)
    replies = (
        (one.of, one.replies, fixed(one.distinct_1, 3), fixed(one.distinct_2, 3), fixed(one.shared_4, 3))
        for one in found.diversity
    )
    about = "Replies of traces; each number depends on the count, so compare a reply with its rewriting."
    columns = ("replies", "number", "Distinct-1", "Distinct-2", "runs of four words that another holds")
    yield _table("Diversity of replies", about, columns, replies)
    rows = ((one.config, one.rows, fixed(one.effective)) for one in found.redundancy)
    about = "Rows that nearly repeat each other share the weight of one."
    yield _table("Redundancy", about, ("config", "rows", "sum of weights"), rows)


def _counted(counts: Counts) -> str:
    return "; ".join(f"{as_words(name)} {number}" for name, number in counts.items())


def _leaks(audit: Audit) -> Iterator[ReportTable]:
    leaks = ((one.config, one.dialogues, one.pairs, one.prompts, one.replies, one.held_out) for one in audit.leakage)
    about = "Text of the rows outside train that is also in another split, word for word."
    yield _table("Leakage", about, ("config", "dialogues", "pairs", "prompts", "replies", "held-out rows"), leaks)
    near = audit.near_duplicates
    found = (
        []
        if near is None
        else [(f"{near.unit}s", near.looked_at, near.groups, near.units, near.across_splits, near.across_sources)]
    )
    about = "Groups that share most of their word triples (MinHash)."
    columns = ("of", "looked at", "groups", "units in them", "groups across splits", "groups across sources")
    yield _table("Near-duplicates", about, columns, iter(found))


# The page's own scripts, in the order of their dependencies.
_SCRIPTS = ("report_charts.js", "report_judges.js", "report.js")

_MARKUP = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


def render_report(audit: Audit, pairs: Iterable[ReportPair], *, of: int, held_out: HeldOut | None = None) -> str:
    """The text of `report.html`.

    Args:
        audit: the source of all numbers about the data as a whole.
        pairs: the sample to show.
        of: the number of pairs and drops that the sample was drawn from.
        held_out: the counts of what was left out of `of` for a crisis; None if the data holds nothing out.
    """
    shown, charts = list(pairs), charts_of(audit)
    scripts = {"plotly": _plotly(), "page": "".join(map(_asset, _SCRIPTS))}
    return _TEMPLATES.get_template("report.html.jinja").render(
        policy=_policy(scripts.values()),
        scripts=scripts,
        style=_asset("report.css"),
        subject=audit.subject,
        configs=configs_of(audit),
        charts=charts,
        gates=gate_lines(audit),
        judges=judges_of(audit),
        compared=bool(audit.orders),
        verdicts=verdict_table(audit),
        tables=other_tables(audit),
        shown=len(shown),
        of=of,
        held_out=held_out,
        figures_json=embed({chart.id: chart.figure for chart in charts}),
        pairs_json=embed([pair.model_dump(mode="json") for pair in shown]),
        about_json=embed(_about()),
    )


def embed(value: Any) -> str:
    """`value` as JSON that is safe inside a script element, whatever its texts contain."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_MARKUP)


# The meanings of drop reasons and errors.
def _about() -> dict[str, str]:
    return {one.value: member_docs(kind)[one.name] for kind in (DropReason, ErrorType) for one in kind}


# A policy under which only these scripts run and nothing loads; Plotly needs inline styles and `data:` images.
def _policy(scripts: Iterable[str]) -> str:
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


# Plotly's JavaScript with LF line ends: browsers normalise them before they compute the script's digest.
@lru_cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs  # slow to import

    return str(get_plotlyjs()).replace("\r\n", "\n").replace("\r", "\n")
