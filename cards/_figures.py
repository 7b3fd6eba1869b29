"""What a report tells in tables: gates, verdicts, and the numbers that have no chart."""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import cycle
from typing import Any

from ..schemas.audit import Audit, Counts, GateResult, OrderCheck, PanelAgreement
from ..schemas.base import Frozen
from ..schemas.measures import Interval
from ._words import UNDEFINED, fixed, format_interval, in_words, verdict

# What every chart is made with.


Made = tuple[str, str, Any, tuple[str, ...], list[tuple[object, ...]]]
"""Title, how to read it, the figure, and the columns and rows of its table."""


def figure_of(data: Any, height: int, **layout: Any) -> Any:
    """A figure without a theme; `height` in pixels."""
    from plotly.graph_objects import Figure  # slow to import

    return Figure(data, {"template": "none", "height": height, **layout})


def label(name: str) -> str:
    """A name from the data as Plotly shows it letter by letter."""
    return escape(name, quote=False)


def points(intervals: Sequence[Interval]) -> dict[str, Any]:
    """Values along the x axis with their intervals as bars, as a scatter takes them."""
    above = [(one.high or 0) - one.value if one.value is not None and one.high is not None else 0 for one in intervals]
    below = [one.value - (one.low or 0) if one.value is not None and one.low is not None else 0 for one in intervals]
    bars = {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 2, "width": 6}
    return {"x": [one.value for one in intervals], "error_x": bars}


def limits_of(names: Sequence[str], gates: Sequence[GateResult | None]) -> list[Any]:
    """An upright line at each gate's limit, as a trace; none where there is no gate."""
    from plotly.graph_objects import Scatter

    if not any(gates):
        return []
    return [
        Scatter(
            name="limit",
            y=names,
            x=[gate and gate.limit for gate in gates],
            mode="markers",
            marker={"symbol": "line-ns", "size": 26, "line": {"width": 3}},
            hovertemplate="limit %{x:.3f}<extra></extra>",
        )
    ]


def wrapped(text: str, width: int = 16) -> str:
    """A label over two lines where it is long, so that it leaves the chart room."""
    if len(text) <= width or " " not in text:
        return text
    spaces = [at for at, letter in enumerate(text) if letter == " "]
    middle = min(spaces, key=lambda at: abs(at - len(text) / 2))
    return f"{text[:middle]}<br>{text[middle + 1 :]}"


# Charts of a panel: how far its judges agree, and whether they mind which side stands first.


# What a judge labels, in words.
_WHAT = {
    "vote": "vote, with its reason",
    "worse": "for the pair, or not",
    "chosen_error": "error of the chosen side",
    "rejected_error": "error of the rejected side",
}

_SYMBOLS = ("diamond-open", "square-open", "triangle-up-open", "cross-open", "x-open")
# Share of a label's height that its marks are spread over.
_BAND = 0.8


# Judges who compared the sides, with the numbers that charts call them by: names of models are too long.
def _numbers_of(audit: Audit) -> dict[str, int]:
    return {judge: number for number, judge in enumerate(dict.fromkeys(one.judge for one in audit.orders), 1)}


# Which numbers stand for which judges.
def _named(audit: Audit, judges: Iterator[str]) -> str:
    numbers = _numbers_of(audit)
    return "; ".join(f"judge {numbers[judge]} is {judge}" for judge in judges) + "."


def plot_orders(audit: Audit, config: str) -> Iterator[Made]:
    """How often answers turn with the order of the sides, against the gate, and how often the first is preferred."""
    some = [one for one in audit.orders if one.config == config]
    if not some:
        return
    gates = [_gate(audit, one) for one in some]
    about = (
        "Every judge was asked twice, with either side first. Turned: share of candidates on which its two answers "
        "disagree; the upright line is the gate's limit. First: share of its preferences that go to the side that "
        f"stood first; 0.5 is not a habit. Bars are 95 % intervals; {_named(audit, (one.judge for one in some))}"
    )
    lines: list[tuple[object, ...]] = [
        (
            order.judge,
            format_interval(order.flips),
            order.flips.n,
            gate and f"{gate.limit:g}",
            verdict(gate),
            format_interval(order.first),
            order.first.n,
        )
        for order, gate in zip(some, gates, strict=True)
    ]
    columns = ("judge", "turned", "candidates", "limit", "gate", "prefers the first", "preferences")
    yield "The order of the sides", about, _orders(audit, some, gates), columns, lines


def _gate(audit: Audit, order: OrderCheck) -> GateResult | None:
    begin = f"{order.config}: answers of {order.judge} that"
    return next((one for one in audit.gates if one.name == "order_flips" and one.measure.startswith(begin)), None)


def _orders(audit: Audit, some: list[OrderCheck], gates: list[GateResult | None]) -> Any:
    from plotly.graph_objects import Scatter

    numbers = _numbers_of(audit)
    names = [f"judge {numbers[one.judge]}" for one in some]
    traces = [
        Scatter(
            name=name,
            y=names,
            **points(intervals),
            mode="markers",
            marker={"size": 11, "symbol": symbol},
            meta=colour,
            hovertemplate=f"%{{y}}, {name}: %{{x:.3f}}<extra></extra>",
        )
        for name, intervals, symbol, colour in (
            ("turned", [one.flips for one in some], "circle", "accent"),
            ("first", [one.first for one in some], "square-open", "chosen"),
        )
    ]
    xaxis = {"title": "share", "range": [-0.02, 1.02]}
    return figure_of([*traces, *limits_of(names, gates)], 180 + 44 * len(some), xaxis=xaxis, yaxis=_down(len(names)))


# A y axis that is read from above.
def _down(number: int) -> dict[str, Any]:
    return {"range": [number - 0.5, -0.5]}


def plot_agreement(audit: Audit, config: str) -> Iterator[Made]:
    """Alpha of the whole panel and kappa of every two judges, label by label."""
    numbers = _numbers_of(audit)
    found = [one for one in audit.agreement if one.config == config]
    for panel in dict.fromkeys(one.judges for one in found):
        labels = [one for one in found if one.judges == panel]
        about = (
            "Krippendorff's alpha of all judges and Cohen's kappa of every two, over rows and drops: 1 is always, 0 as "
            "often as by chance. A vote takes both orders, an error is that found with the chosen side first. Bars are "
            f"95 % intervals; {_named(audit, iter(panel))}"
        )
        lines: list[tuple[object, ...]] = []
        for one in labels:
            lines.append((_WHAT[one.label], "all (alpha)", format_interval(one.alpha), None, one.alpha.n))
            for pair in one.pairs:
                both = f"{pair.one} and {pair.other} (kappa)"
                lines.append(
                    (_WHAT[one.label], both, format_interval(pair.kappa), format_interval(pair.same), pair.kappa.n)
                )
        columns = ("what is said", "judges", "beyond chance", "the same", "candidates")
        yield "Agreement of the judges", about, _agreement(labels, numbers), columns, lines


def _agreement(labels: list[PanelAgreement], numbers: dict[str, int]) -> Any:
    series = [("all (alpha)", [one.alpha for one in labels])]
    for at, pair in enumerate(labels[0].pairs):
        name = f"{numbers[pair.one]} and {numbers[pair.other]} (kappa)"
        series.append((name, [one.pairs[at].kappa for one in labels]))
    looks = [("circle", "accent"), *zip(cycle(_SYMBOLS), ["chosen"] * (len(series) - 1), strict=False)]
    names = [_WHAT[one.label] for one in labels]
    traces = [
        _marks(name, intervals, names, (at - (len(series) - 1) / 2) * _BAND / len(series), *look)
        for at, ((name, intervals), look) in enumerate(zip(series, looks, strict=True))
    ]
    lows = [one.low for _, intervals in series for one in intervals if one.low is not None]
    xaxis = {"title": "agreement beyond chance", "range": [min([-0.05, *lows]) - 0.02, 1.03]}
    down = {"tickvals": list(range(len(names))), "ticktext": [wrapped(name) for name in names], **_down(len(names))}
    return figure_of(traces, 190 + len(names) * max(44, 16 * len(series)), xaxis=xaxis, yaxis=down)


# One mark a label, moved aside so that the intervals of a label can be told apart.
def _marks(name: str, intervals: list[Interval], names: list[str], shift: float, symbol: str, colour: str) -> Any:
    from plotly.graph_objects import Scatter

    return Scatter(
        name=name,
        y=[at + shift for at in range(len(intervals))],
        **points(intervals),
        mode="markers",
        marker={"size": 10, "symbol": symbol},
        meta=colour,
        customdata=names,
        hovertemplate=f"%{{customdata}}, {name}: %{{x:.3f}}<extra></extra>",
    )


class ReportTable(Frozen):
    """One table."""

    title: str
    about: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def _table(title: str, about: str, columns: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> ReportTable:
    cells = tuple(tuple(UNDEFINED if cell is None else str(cell) for cell in row) for row in rows)
    return ReportTable(title=title, about=about, columns=columns, rows=cells)


# Classes of the page's style by outcome, in the order of its table.
_STATES = {"failed": "fail", "cannot_tell": "unknown", "passed": "pass", "not_applicable": "none"}


def gate_lines(audit: Audit) -> list[dict[str, str]]:
    """Every gate in words, those that failed first and those that cannot tell next."""
    order = list(_STATES)
    return [
        {
            "answer": verdict(gate),
            "state": _STATES[gate.answer],
            "name": gate.name,
            "measure": in_words(gate.measure),
            "value": fixed(gate.value, 4).removesuffix(".0000"),
            "interval": UNDEFINED if gate.low is None else f"{fixed(gate.low, 3)} to {fixed(gate.high, 3)}",
            "limit": f"{'≥ ' if gate.bound == 'least' else ''}{gate.limit:g}",
            "why": f"{gate.why}; {gate.note}" if gate.note else gate.why,
        }
        for gate in sorted(audit.gates, key=lambda gate: order.index(gate.answer))
    ]


def judges_of(audit: Audit) -> list[str]:
    """Every judge that the audit tells of; where they compared the sides, in the order in which charts number them."""
    return list(_numbers_of(audit)) or list(dict.fromkeys(one.judge for one in audit.verdicts))


def verdict_table(audit: Audit) -> ReportTable:
    """What came back from the judges."""
    rows = ((one.config, one.side, one.judge, one.parsed, one.unparsed, one.failed) for one in audit.verdicts)
    about = "Every verdict that was asked for, over rows and drops; an answer about both sides counts for either."
    return _table("Verdicts", about, ("config", "side", "judge", "parsed", "unparsed", "failed"), rows)


def other_tables(audit: Audit) -> list[ReportTable]:
    """The rest of the audit's numbers; tables without rows are left out."""
    return [table for table in _others(audit) if table.rows]


def _others(audit: Audit) -> Iterator[ReportTable]:
    splits = list(dict.fromkeys(split for counts in audit.rows.values() for split in counts))
    rows = ((config, *(counts.get(split) for split in splits)) for config, counts in audit.rows.items())
    yield _table("Pairs", "Rows by config and split.", ("config", *splits), iter(rows))
    faults = (
        (one.config, in_words(one.kind), one.count, one.places[0] if one.places else None, audit.fault_kinds[one.kind])
        for one in audit.faults
        if one.count
    )
    yield _table(
        "Faults", "Pairs that break a rule of what a pair is.", ("config", "fault", "pairs", "first", "meaning"), faults
    )
    words = (
        (one.config, in_words(one.features), ", ".join(word.word for word in one.telling if word.weight > 0),
         ", ".join(word.word for word in one.telling if word.weight < 0))
        for one in audit.artefacts
        if one.telling
    )  # fmt: skip
    about = "The words that speak most for a side, strongest first."
    yield _table(
        "Words that give a side away", about, ("config", "seen", "speak for chosen", "speak for rejected"), words
    )
    yield from _shifts(audit)
    yield from _leaks(audit)
    yield _chatter(audit)
    yield from _traces(audit)
    labels = ((one.config, one.split, in_words(one.label), _counted(one.counts)) for one in audit.labels)
    yield _table("Labels", "How often each occurs in a split.", ("config", "split", "label", "counts"), labels)
    kept = ((one.config, one.candidates, one.rows, one.dropped, one.lost) for one in audit.conservation)
    about = "Whether every candidate is a row or a drop."
    yield _table("Conservation", about, ("config", "candidates", "rows", "dropped", "lost"), kept)


def _shifts(audit: Audit) -> Iterator[ReportTable]:
    bias = (
        (one.config, in_words(one.estimator), *map(format_interval, (one.before, one.after, one.shift, one.keeping)))
        for one in audit.filter_bias
    )
    about = "What choosing among whole pairs does to the strategies; 0 is unbiased. The estimators are ours."
    yield _table(
        "Bias of the filter", about, ("config", "estimator", "before", "after", "shift", "of keeping alone"), bias
    )
    kept = (
        (
            one.config,
            name,
            one.before_by_strategy.get(name, 0),
            one.after_by_strategy.get(name, 0),
            format_interval(share),
        )
        for one in audit.filter_bias
        for name, share in one.kept.items()
    )
    about = "Whole pairs by the human's strategy, before and after choosing among them, and the share that is kept."
    yield _table("Strategies that the filter keeps", about, ("config", "strategy", "before", "after", "kept"), kept)
    style = (
        (
            one.config,
            audit.style_features[one.feature],
            fixed(one.chosen),
            fixed(one.rejected),
            format_interval(one.difference),
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
            format_interval(one.share),
            _counted(one.kinds),
            verdict(gates.get(one.config)),
        )
        for one in audit.chatter
    )
    about = "Chosen replies that talk of the crowd task in which a corpus was made, and not to the seeker."
    return _table("Crowd chatter", about, ("config", "found", "replies", "share", "kinds", "gate"), rows)


def _traces(audit: Audit) -> Iterator[ReportTable]:
    found = audit.traces
    if found is None:
        return
    steps = (
        (one.step, format_interval(one.right), format_interval(one.contradicted), format_interval(one.alpha))
        for one in found.steps
    )
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
    return "; ".join(f"{in_words(name)} {number}" for name, number in counts.items())


def _leaks(audit: Audit) -> Iterator[ReportTable]:
    leaks = ((one.config, one.dialogues, one.pairs, one.prompts, one.replies, one.held_out) for one in audit.leakage)
    about = "What stands in more than one split, word for word, of the rows outside train."
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
