"""`ipm-prefdial audit DIR_OR_REPO[@REV]`: what is the data like, and does it keep its limits?"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from ...schemas.audit import AUDIT_FILE, OUTCOMES, Audit, Counts, GateResult, Interval
from ...schemas.errors import UsageError
from ...schemas.escape import visible, visible_json
from ...schemas.manifest import MANIFEST_FILE as MANIFEST
from ...schemas.publishing import AcceptedGate
from ...schemas.report import REPORT_FILE as REPORT
from ..distributed.connection import parallel_map_on
from ..release.read import Release
from ..release.write import check_writable, disk_errors
from ..runtime.environment import parse_engine
from .show import add_engine, add_place, dataset_folder, local_folder, say, say_table

_SAMPLE = 10_000


def add_audit(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser("audit", help="measure a release, or any preference dataset, and check its quality gates")
    add_place(parser)
    parser.add_argument(
        "--columns",
        metavar="chosen=A,rejected=B[,…]",
        help="audit a dataset that is not a release: prompt, chosen, rejected, dialogue, strategy, rejected_strategy, "
        "error, each with its column; without prompt it is what both sides begin with",
    )
    parser.add_argument(
        "--no-write",
        action="store_true",
        help=f"do not write {AUDIT_FILE} and {REPORT} into a release folder; implied for one on the Hub (--json prints "
        f"what {AUDIT_FILE} would hold)",
    )
    parser.add_argument(
        "--sample", type=_positive, default=_SAMPLE, metavar="N", help="pairs of a config that models look at, at most"
    )
    add_engine(parser)
    parser.set_defaults(run=_run_audit)


# Audits; 1 where a gate failed or cannot tell, unless the release says that it is accepted.
def _run_audit(options: argparse.Namespace) -> int:
    from ..auditing.run import audit_json, audit_source, write_audit
    from ..auditing.subjects import ReleaseSource
    from ..publishing.conditions import gate_in_words, read_accepted
    from ..release.report import write_report

    engine, writes = parse_engine(options.engine), not options.columns and not options.no_write
    # What the Hub's client downloaded is its cache, which is not ours to write to.
    writes = writes and Path(options.place).exists()
    if writes:
        _check_writable(Path(options.place))
    accepted: tuple[AcceptedGate, ...] = ()
    folder = engine.place(dataset_folder(options.place) if options.columns else local_folder(options.place))
    name, version = _name_of(options.place, folder)
    if options.columns:
        with parallel_map_on(engine, (folder,)) as parallel:
            audit = audit_source(_foreign(folder, options.columns, name, version), options.sample, parallel)
    else:
        release = _release(folder)
        accepted = read_accepted(release)
        with parallel_map_on(engine, (folder,)) as parallel:
            audit = audit_source(ReleaseSource(release, name), options.sample, parallel)
        if writes:
            with disk_errors(folder):
                write_audit(release, audit)
                write_report(release, audit)
    if options.json:
        sys.stdout.write(visible_json(audit_json(audit)))
    else:
        _show(audit)
    left = [gate for gate in audit.unpassed if not any(one.covers(gate) for one in accepted)]
    for (name, answer), some in groupby(left, key=lambda gate: (gate.name, gate.answer)):
        first, *more = some
        also = f" (and {len(more)} more of {name} that {answer.replace('_', ' ')})" if more else ""
        sys.stderr.write(visible(f"ipm-prefdial: gate {gate_in_words(first)}{also}\n"))
    return 1 if left else 0


def _check_writable(folder: Path) -> None:
    try:
        check_writable(folder)
    except UsageError as error:
        raise UsageError(f"{error}; or give --no-write") from error


def _release(folder: Path) -> Release:
    if folder.exists() and not os.path.lexists(folder / MANIFEST):
        raise UsageError(
            f"{folder}: no release: there is no {MANIFEST} in it; name the columns of another dataset with --columns "
            "chosen=…,rejected=…[,prompt=…]"
        )
    return Release(folder)


def _foreign(folder: Path, columns: str, name: str, version: str | None) -> Any:
    from ..auditing.foreign import ForeignSource, read_columns

    return ForeignSource(folder, read_columns(columns), name, version)


def _name_of(place: str, folder: Path) -> tuple[str, str | None]:
    if Path(place).exists():
        return folder.resolve().name, None
    name, _, revision = place.partition("@")
    return name, revision or None


def _positive(text: str) -> int:
    number = int(text) if text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of pairs from 1")
    return number


def _show(audit: Audit) -> None:
    for title, columns, rows in _tables(audit):
        lines = list(rows)
        if lines:
            say_table(title, columns, lines)
    numbers = Counter(gate.answer for gate in audit.gates)
    say(f"{len(audit.gates)} gates: " + ", ".join(f"{numbers[one]} {one.replace('_', ' ')}" for one in OUTCOMES))
    if numbers["cannot_tell"] and not numbers["failed"]:
        say("What cannot tell is not a fault and no pass: it takes more data, or `publish --accept GATE --why REASON`.")


_Table = tuple[str, tuple[str, ...], Iterator[tuple[object, ...]]]


def _tables(audit: Audit) -> Iterator[_Table]:
    columns = ("config", *(next(iter(audit.rows.values()), {})))
    yield "Pairs", columns, ((config, *splits.values()) for config, splits in audit.rows.items())
    faults = ((one.config, one.kind, one.count, one.places[0]) for one in audit.faults if one.count)
    yield "Faults", ("config", "fault", "pairs", "first"), faults
    artefacts = (
        (one.config, one.features, _format_interval(one.auc), _format_interval(one.paired), one.auc.n)
        for one in audit.artefacts
    )
    yield "Chosen told from rejected", ("config", "seen", "AUC", "pairs in order", "pairs"), artefacts
    style = (
        (one.config, one.feature, _number(one.chosen), _number(one.rejected), _format_interval(one.difference))
        for one in audit.style
        if one.strategy is None
    )
    yield "Style", ("config", "mean of", "chosen", "rejected", "difference"), style
    flags = (
        (one.config, one.side, one.strategy or "all", _format_interval(one.rate), one.rate.n) for one in audit.flags
    )
    yield "Judged to have an error", ("config", "side", "strategy", "rate", "judged"), flags
    orders = (
        (one.config, one.judge, _format_interval(one.flips), one.flips.n, _format_interval(one.first), one.first.n)
        for one in audit.orders
    )
    columns = ("config", "judge", "turned by the order", "candidates", "prefers the first", "preferences")
    yield "Judges and the order of the sides", columns, orders
    columns = ("config", "what is said", "alpha", "candidates", "lowest kappa of two")
    yield "Agreement of the judges", columns, _agreement_lines(audit)
    chatter = (
        (one.config, one.found, _format_interval(one.share), one.share.n, _counted(one.kinds) or "–")
        for one in audit.chatter
    )
    yield "Crowd chatter in chosen replies", ("config", "found", "share", "replies", "kinds"), chatter
    yield "Candidates", ("config", "reason", "dropped", "left"), _flow_lines(audit)
    bias = (
        (
            one.config,
            _format_interval(one.before),
            _format_interval(one.after),
            _format_interval(one.shift),
            _format_interval(one.keeping),
        )
        for one in audit.filter_bias
    )
    yield "Preference bias (ours)", ("config", "before the filter", "after", "shift", "of keeping alone"), bias
    yield "Leakage", ("what", "across splits", "of"), _leak_lines(audit)
    gates = (
        (one.name, one.answer.replace("_", " "), one.measure, _value(one), _limit(one), one.note)
        for one in audit.unpassed
    )
    yield "Gates that did not pass", ("gate", "outcome", "measure", "value", "limit", "why, and what to do"), gates


# Alpha of all, and the two judges who agree least; `audit.json` and the report have every two.
def _agreement_lines(audit: Audit) -> Iterator[tuple[object, ...]]:
    for one in audit.agreement:
        known = [pair for pair in one.pairs if pair.kappa.value is not None]
        least = min(known, key=lambda pair: pair.kappa.value or 0, default=None)
        told = "–" if least is None else f"{_format_interval(least.kappa)}: {least.one}, {least.other}"
        yield one.config, one.label, _format_interval(one.alpha), one.alpha.n, told


def _flow_lines(audit: Audit) -> Iterator[tuple[object, ...]]:
    for flow in audit.flows:
        yield flow.config, "candidates", "–", flow.candidates
        for step in flow.steps:
            yield flow.config, step.reason, step.dropped, step.left


def _leak_lines(audit: Audit) -> Iterator[tuple[object, ...]]:
    for one in audit.leakage:
        for what in ("dialogues", "pairs", "prompts", "replies"):
            found = getattr(one, what)
            yield f"{one.config}: {what}", "–" if found is None else found, one.held_out
    if (near := audit.near_duplicates) is not None:
        yield f"near-duplicate {near.unit}s ({near.groups} groups)", near.across_splits, near.looked_at


def _counted(counts: Counts) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items())


# The value with the bounds that decided.
def _value(gate: GateResult) -> str:
    if gate.value is None:
        return "–"
    between = "" if gate.low is None or gate.high is None else f" ({gate.low:.3f} to {gate.high:.3f})"
    return f"{gate.value:.4g}{between}"


def _limit(gate: GateResult) -> str:
    return f"at least {gate.limit:.4g}" if gate.bound == "least" else f"{gate.limit:.4g}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _format_interval(interval: Interval) -> str:
    if interval.value is None:
        return "–"
    if interval.low is None or interval.high is None:
        return f"{interval.value:.3f}"
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"
